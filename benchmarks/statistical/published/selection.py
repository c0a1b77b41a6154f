"""Faults of selection: sparse vectors, noisy maxima, the exponential mechanism, medians."""

from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from benchmarks.statistical.published.fault import Fault, Floats
from dpaudit import PureDP

Flags = NDArray[np.bool_]

#: Lyu, Su and Li, "Understanding the Sparse Vector Technique", VLDB 2017; queries of sensitivity 1,
#: threshold 0, epsilon = 1.
LYU = "Lyu, Su and Li, VLDB 2017, algorithm"


def compared(x: Any, threshold: float, noise: float, size: int, rng: Generator) -> Flags:
    """Noisy answers against one noisy threshold, both with Laplace noise of these scales."""
    answers = np.asarray(x) + (rng.laplace(0.0, noise, (size, len(x))) if noise else 0.0)
    return answers >= rng.laplace(0.0, threshold, (size, 1))


def stopped(above: Flags, cutoff: int) -> list[tuple[bool, ...]]:
    """Answers up to and with the last that is allowed to be above."""
    counts = np.cumsum(above, axis=1)
    lengths = np.minimum((counts < cutoff).sum(axis=1) + 1, above.shape[1])
    rows = zip(above.tolist(), lengths.tolist(), strict=True)
    return [tuple(row[:length]) for row, length in rows]


def with_numbers(x: Any, above: Flags, answers: Floats) -> list[list[float | None]]:
    """Up to the first answer above, which is a number; None for those below."""
    lengths = np.where(above.any(axis=1), above.argmax(axis=1), len(x))
    values = answers[np.arange(len(above)), np.minimum(lengths, len(x) - 1)]
    rows = zip(lengths.tolist(), values.tolist(), strict=True)
    nothing: list[list[float | None]] = [[None] * length for length in range(len(x) + 1)]
    return [[*nothing[n], value] if n < len(x) else nothing[n] for n, value in rows]


def sparse_vector_3(x: Any, size: int, rng: Generator) -> list[list[float | None]]:
    """The noisy answer that was compared is released."""
    answers = np.asarray(x) + rng.laplace(0.0, 2.0, (size, len(x)))
    return with_numbers(x, answers >= rng.laplace(0.0, 2.0, (size, 1)), answers)


def sparse_vector_7(x: Any, size: int, rng: Generator) -> list[list[float | None]]:
    """Fresh noise for the answer that is released; a third of the budget each."""
    above = compared(x, 3.0, 6.0, size, rng)
    return with_numbers(x, above, np.asarray(x) + rng.laplace(0.0, 3.0, above.shape))


#: Answers above until version 4 stops.
CUTOFF = 3


def sparse_vector_4(x: Any, size: int, rng: Generator) -> list[tuple[bool, ...]]:
    """Noise of the answers does not grow with the cutoff."""
    return stopped(compared(x, 4.0, 4.0 / 3.0, size, rng), CUTOFF)


def sparse_vector_1(x: Any, size: int, rng: Generator) -> list[tuple[bool, ...]]:
    return stopped(compared(x, 2.0, 4.0 * CUTOFF, size, rng), CUTOFF)


def sparse_vector_5(x: Any, size: int, rng: Generator) -> Flags:
    """The answers have no noise."""
    return compared(x, 2.0, 0.0, size, rng)


def sparse_vector_6(x: Any, size: int, rng: Generator) -> Flags:
    """Noise as for one answer above, and no stop."""
    return compared(x, 2.0, 2.0, size, rng)


def sparse_vector_for_all(x: Any, size: int, rng: Generator) -> Flags:
    """Noise for as many answers above as there are queries."""
    return compared(x, 2.0, 4.0 * len(x), size, rng)


def noisy_maximum(x: Any, size: int, rng: Generator) -> Floats:
    """The largest noisy answer itself."""
    return (np.asarray(x) + rng.laplace(0.0, 2.0, (size, len(x)))).max(axis=1)


def noisy_argmax(x: Any, size: int, rng: Generator) -> NDArray[np.int64]:
    return (np.asarray(x) + rng.laplace(0.0, 2.0, (size, len(x)))).argmax(axis=1)


def exponential(x: Any, sensitivity: float, size: int, rng: Generator) -> NDArray[np.int64]:
    """A candidate with probability in proportion to e^(score/(2 sensitivity))."""
    weights = np.exp((np.asarray(x) - max(x)) / (2.0 * sensitivity))
    return rng.choice(len(x), size, p=weights / weights.sum())


def halved_sensitivity(x: Any, size: int, rng: Generator) -> NDArray[np.int64]:
    """Scores are differences of two errors that both move by up to 2, in opposite directions."""
    return exponential(x, 2.0, size, rng)


def whole_sensitivity(x: Any, size: int, rng: Generator) -> NDArray[np.int64]:
    return exponential(x, 4.0, size, rng)


def median_by_local_sensitivity(x: Any, size: int, rng: Generator) -> Floats:
    """Noise in proportion to how far replacing a record would move this median."""
    records, middle = sorted(x), len(x) // 2
    local = max(
        records[middle + 1] - records[middle],
        records[middle] - records[middle - 1],
    )
    return records[middle] + rng.laplace(0.0, local, size)


def median_by_ranks(x: Any, size: int, rng: Generator) -> NDArray[np.int64]:
    """The exponential mechanism on 0, 1, ..., 10; ranks move by 1."""
    ranks = np.array([sum(record <= value for record in x) for value in range(11)])
    return exponential(-np.abs(ranks - len(x) / 2.0), 1.0, size, rng)


#: The first answers fall by 1 and the last ones rise.
OPPOSITE = ((1, 1, 1, 1, 1, 0, 0, 0), (0, 0, 0, 0, 0, 1, 1, 1))

FAULTS = (
    Fault(
        "sparse-vector-3",
        f"{LYU} 3 (lecture notes of Roth, 2011)",
        "the compared noisy answer is released",
        sparse_vector_3,
        sparse_vector_7,
        PureDP(1.0),
        [((0, 0, 0, 0, 0, 1), (1, 1, 1, 1, 1, 0))],
        shown_by=200_000,
    ),
    Fault(
        "sparse-vector-4",
        f"{LYU} 4 (Lee and Clifton, KDD 2014)",
        "noise does not grow with the number of answers above",
        sparse_vector_4,
        sparse_vector_1,
        PureDP(1.0),
        [OPPOSITE],
        shown_by=100_000,
    ),
    Fault(
        "sparse-vector-5",
        f"{LYU} 5 (Stoddard, Chen and Machanavajjhala 2014)",
        "answers have no noise, and nothing stops",
        sparse_vector_5,
        sparse_vector_for_all,
        PureDP(1.0),
        [((0, 1), (1, 0))],
    ),
    Fault(
        "sparse-vector-6",
        f"{LYU} 6 (Chen et al., KDD 2015); Chen and Machanavajjhala 2015 (arXiv 1508.07306)",
        "noise for one answer above, and nothing stops",
        sparse_vector_6,
        sparse_vector_for_all,
        PureDP(1.0),
        [OPPOSITE],
    ),
    Fault(
        "noisy-maximum",
        "Ding et al., CCS 2018 (report noisy max 3)",
        "the largest noisy answer is released, not its number",
        noisy_maximum,
        noisy_argmax,
        PureDP(1.0),
        [((0, 0, 0, 0, 0), (1, 1, 1, 1, 1))],
    ),
    Fault(
        "jam-selection",
        "ryan112358/mbi issue 65",
        "sensitivity of a difference of two errors is that of one",
        halved_sensitivity,
        whole_sensitivity,
        PureDP(1.0),
        [((0, 0, 0, 0, 0, 0), (-4, 4, 4, 4, 4, 4))],
    ),
    Fault(
        "local-sensitivity",
        "Nissim, Raskhodnikova and Smith, STOC 2007",
        "noise of a median in proportion to its local sensitivity",
        median_by_local_sensitivity,
        median_by_ranks,
        PureDP(1.0),
        [((0, 0, 0, 10, 10), (0, 0, 0, 0, 10))],
    ),
)
