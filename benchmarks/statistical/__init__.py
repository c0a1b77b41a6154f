"""How well the auditor of black boxes does: `cases` has the mechanisms, every other module is a
command, as in `python -m benchmarks.statistical.power`."""
