"""Jitted kernels and log-space arithmetic that mechanisms and audits share."""
