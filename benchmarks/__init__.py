"""Benchmarks: each prints a table of seconds and of ratios to a naive version in the same run."""
