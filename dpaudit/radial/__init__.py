"""Audits of mechanisms that add radial noise to a vector (specification, section 5.4)."""
