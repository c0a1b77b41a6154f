"""Where the claim of truncated Gumbel holds, and what its repair is worth: tables of
docs/truncated-gumbel.md that `tools.refutation` writes."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from dpaudit import EmbeddingSpace
from dpaudit.exact.audit import ExactFindings, exact_audit
from dpaudit.mechanisms import MetricExponential, RandomCutoffExponential, TruncatedGumbel
from tools.markdown import kept, markdown_table, number

__all__ = ["dominated_table", "equidistant_table", "holding_table", "verdict"]

Floats = NDArray[np.float64]

#: Just above the smallest epsilon, and multiples of it at which the proven bound is tried.
LEAST = 1.001
TRIED = (LEAST, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0)
EQUIDISTANT_SIZES = (4, 5, 6, 7, 8, 10, 20, 50)

#: The multiple at which claims that hold on large vocabularies are audited.
MULTIPLE = 1.05
SEED = 2021


def verdict(findings: ExactFindings, epsilon: float) -> str:
    """The claim holds or is violated only if the whole interval says so."""
    if findings.epsilon.upper <= epsilon:
        return "holds"
    return "**violated**" if findings.epsilon.lower > epsilon else "inconclusive"


def vocabulary(vectors: Floats, source: str) -> EmbeddingSpace:
    """Words that are named by their numbers."""
    return EmbeddingSpace([f"word{i}" for i in range(len(vectors))], vectors, source=source)


def truncated_gumbel(space: EmbeddingSpace, multiple: float) -> TruncatedGumbel:
    """At a multiple of the smallest epsilon that the scale accepts."""
    return TruncatedGumbel(space, epsilon=multiple * TruncatedGumbel.bound(space))


def equidistant_table() -> str:
    """The n unit vectors: the loss just above the smallest epsilon, and the multiples of it that
    the bound of theorem truncated-gumbel-holds reaches."""
    rows = []
    for n in EQUIDISTANT_SIZES:
        space = vocabulary(np.eye(n), "equidistant")
        least = truncated_gumbel(space, LEAST)
        findings = exact_audit(least, least.claim)
        within = []
        for multiple in TRIED:
            mechanism = truncated_gumbel(space, multiple)
            bound = mechanism.epsilon_upper_bound()
            if bound is not None and bound.value <= mechanism.epsilon:
                within.append(f"{multiple:g}")
        rows.append(
            [
                f"{n}",
                f"{findings.epsilon.midpoint / least.epsilon:.3f}",
                verdict(findings, least.epsilon),
                ", ".join(within) or "none",
            ]
        )
    header = ["n", f"ε*/ε at m = {LEAST:g}", "claim there", "multiples m with a proven bound"]
    return markdown_table(header, rows)


def holding_vocabularies(largest: int) -> Iterator[tuple[str, EmbeddingSpace]]:
    """Vocabularies on which the claim can hold: the closest two words are much closer than R/n."""
    line = min(600, largest)
    yield f"the integers 0 … {line - 1}", vocabulary(np.arange(float(line))[:, None], "integers")
    rng = np.random.default_rng(SEED)
    words = rng.standard_normal((min(300, largest) - 1, 50))
    moved = words[0] + 1e-3 * np.eye(50)[0]
    title = "standard normal vectors in 50 dimensions, one of them again at distance 0.001"
    yield title, vocabulary(np.vstack([words, moved]), "near-duplicate")
    n = min(1000, largest)
    simplex = np.eye(n - 1, n)
    moved = simplex[0] + 5e-4 * np.eye(n)[n - 1]
    title = "unit vectors, one of them again at distance 5e-4"
    yield title, vocabulary(np.vstack([simplex, moved]), "simplex")


def holding_table(largest: int) -> str:
    """Exact audits of large vocabularies on which the claim holds."""
    rows = []
    for title, space in holding_vocabularies(largest):
        mechanism = truncated_gumbel(space, MULTIPLE)
        findings = exact_audit(mechanism, mechanism.claim)
        n, shortest = len(space), space.extent.min_distance
        rows.append(
            [
                title,
                f"{n:,}",
                number(_radius(space) / (n * shortest)),
                number(1.0 / (10.0 * MULTIPLE)),
                number(mechanism.epsilon),
                number(findings.epsilon.midpoint),
                number(mechanism.epsilon_lower_bound().value),
                verdict(findings, mechanism.epsilon),
            ]
        )
    header = ["words", "n", "R/(nΔmin)", "false up to 1/(10 m)"]
    return markdown_table([*header, "claimed ε", "exact ε*", "B_n/R", "claim"], rows)


def _radius(space: EmbeddingSpace) -> float:
    """R: the smallest, over words, of the distance to the farthest other word."""
    rows = (space.distance_rows(slice(i, i + 1)) for i in range(len(space)))
    return min(float(row.max()) for row in rows)


def dominated_table(spaces: Sequence[EmbeddingSpace]) -> str:
    """The repair at the smallest epsilon that it accepts, with 1% to spare, and metric-exponential
    with as many words kept."""
    rows = []
    for space in spaces:
        repair = RandomCutoffExponential(space, epsilon=1.01 * RandomCutoffExponential.bound(space))
        changed = _changed(repair)
        plain = _with_as_many_kept(space, changed)
        for mechanism in (repair, plain):
            findings = exact_audit(mechanism, mechanism.claim)
            rows.append(
                [
                    f"{len(space):,}",
                    f"`{mechanism.name}`",
                    number(mechanism.epsilon),
                    number(findings.epsilon.midpoint),
                    kept(_changed(mechanism)),
                ]
            )
    return markdown_table(["n", "mechanism", "claimed ε", "exact ε*", "words kept"], rows)


def _changed(mechanism: MetricExponential | RandomCutoffExponential) -> float:
    """The mean chance that a word is changed."""
    laws = (np.exp(mechanism.log_law(i)) for i in range(len(mechanism.space)))
    return float(np.mean([np.delete(law, i).sum() for i, law in enumerate(laws)]))


def _with_as_many_kept(space: EmbeddingSpace, changed: float) -> MetricExponential:
    """The largest epsilon, to four digits, at which no more words are kept."""
    low, high = 1e-3 / space.extent.max_distance, 1e3 / space.extent.min_distance
    while high > low * (1.0 + 1e-4):
        middle = math.sqrt(low * high)
        fewer = _changed(MetricExponential(space, epsilon=middle)) >= changed
        low, high = (middle, high) if fewer else (low, middle)
    return MetricExponential(space, epsilon=low)
