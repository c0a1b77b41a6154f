"""Theorems with their derivations: on a terminal, as a page, as a LaTeX document."""
