"""Certificates: verdicts derived anew in ball arithmetic, and files that anybody can check again.

`certify` turns what the exact audit found into a certificate, `verify` checks a file. Both derive
the figures from vectors and parameters with `loss` and `all_pairs`, which rest on the laws of
`dpaudit.mechanisms.balls` and know nothing of the search or of the fast laws.
"""

from .checker import Verification, verify
from .model import Certificate

__all__ = ["Certificate", "Verification", "verify"]
