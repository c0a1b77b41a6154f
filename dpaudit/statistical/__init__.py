"""Error control of statistical audits: the one room that divides alpha and makes intervals."""
