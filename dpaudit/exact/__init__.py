"""Exact audits: the true epsilon and the failure mass from the output law itself."""
