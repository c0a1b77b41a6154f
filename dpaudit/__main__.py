"""`python -m dpaudit`, the same as `dpaudit`."""

from .cli import main

main()
