"""How long deriving a finding takes, roughly: nobody who did not ask for it should wait long.

The factors are seconds on one core of some 3 GHz, measured on the built-in space by
`benchmarks/certificates.py`; they are off by a factor of two or three elsewhere.
"""

from ..mechanisms.balls.metropolis import MetropolisBallLaw
from ..mechanisms.balls.separable import SeparableBallLaw
from .case import Case

__all__ = ["seconds_for_all_pairs", "seconds_for_witness"]


def _seconds_for_keys(case: Case) -> float:
    """All exact distances once."""
    n, dimension = case.law.geometry.vectors.shape
    metrics = {case.law.geometry.metric, case.claimed.metric}
    each = 2e-9 if case.law.geometry.metric == "euclidean" else 2e-8
    angles = 1e-5 if "angular" in metrics else 0.0
    return n * n * (2.5e-7 + angles + each * dimension) + 1e-6 * n * dimension


def _seconds_for_priors(case: Case) -> float:
    """The density of every word, where the law has one."""
    law = case.law.target if isinstance(case.law, MetropolisBallLaw) else case.law
    if not isinstance(law, SeparableBallLaw) or law.bandwidth is None:
        return 0.0
    return _seconds_for_keys(case) + 6e-7 * len(case.words) ** 2


def _seconds_for_row(case: Case) -> float:
    """All probabilities on one word, for a law that is not an integral."""
    n = len(case.words)
    steps = case.law.steps if isinstance(case.law, MetropolisBallLaw) else 0
    return n * (1e-5 + 1e-6 * steps)


def seconds_for_witness(case: Case) -> float:
    """Probabilities of one pair: a few rows of a closed law, or a few integrals."""
    n, dimension = case.law.geometry.vectors.shape
    if case.law.row_at_once:
        rows = 1e-6 * n * dimension + 6.0 * _seconds_for_row(case)
        return rows + _seconds_for_priors(case)
    return _seconds_for_keys(case) + 3e-3 * n


def seconds_for_all_pairs(case: Case, method: str, needs_delta: bool, cores: int = 1) -> float:
    """All pairs, by one of the methods of `all_pairs`, on so many cores."""
    n = len(case.words)
    if method == "normalisers":
        seconds = 2.0 * _seconds_for_keys(case) + 2e-6 * n * n + _seconds_for_priors(case)
        return seconds / cores
    if method == "uniform":
        same = case.claimed is case.law.geometry
        return _seconds_for_keys(case) + (0.0 if same else 1e-6 * n * n / cores)
    row = _seconds_for_row(case) if case.law.row_at_once else n * (3e-3 + 3e-4 * n)
    return (n * row + 4e-9 * n**3 + (1e-6 * n**3 if needs_delta else 0.0)) / cores
