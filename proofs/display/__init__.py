"""Theorems for readers: formulas (`formulas`), and the lines of a derivation (`derivation`).

Nothing here is trusted: what is checked are the terms themselves.
"""
