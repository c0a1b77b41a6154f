"""Faults of learning and of sampled batches."""

import math
from typing import Any

import numpy as np
from numpy.random import Generator

from benchmarks.statistical.published.fault import SIGMA, Fault, Floats
from dpaudit import ApproximateDP, PureDP

#: Gradients are clipped to this, in batches of so many.
CLIP, BATCH = 1.0, 4


def step_by_secret_size(x: tuple[float, ...], size: int, rng: Generator) -> Floats:
    """A noisy sum of gradients over the number of records that there are."""
    total = np.clip(x, -CLIP, CLIP).sum() + SIGMA * CLIP * rng.standard_normal(size)
    return total / len(x)


def step_by_public_size(x: tuple[float, ...], size: int, rng: Generator) -> Floats:
    total = np.clip(x, -CLIP, CLIP).sum() + SIGMA * CLIP * rng.standard_normal(size)
    return total / BATCH


def clipped_mean(x: tuple[float, ...], size: int, rng: Generator) -> Floats:
    """The gradient of the batch is clipped, and not the gradient of every record."""
    step = np.clip(np.mean(x), -CLIP, CLIP)
    return step + SIGMA * CLIP / BATCH * rng.standard_normal(size)


def mean_of_clipped(x: tuple[float, ...], size: int, rng: Generator) -> Floats:
    step = np.mean(np.clip(x, -CLIP, CLIP))
    return step + SIGMA * CLIP / BATCH * rng.standard_normal(size)


def clipped_by_parameter(x: tuple[float, ...], size: int, rng: Generator) -> Floats:
    """Every parameter is clipped, in place of the length of the gradient."""
    return np.clip(x, -CLIP, CLIP) + SIGMA * CLIP * rng.standard_normal((size, len(x)))


def clipped_by_length(x: tuple[float, ...], size: int, rng: Generator) -> Floats:
    gradient = np.asarray(x) / max(1.0, float(np.linalg.norm(x)) / CLIP)
    return gradient + SIGMA * CLIP * rng.standard_normal((size, len(x)))


#: Of the audit of backpropagation clipping: the claim, and a batch in which all gradients but one
#: are 0.
CLAIMED, LARGE_BATCH = 0.21, 512


def sum_taken_for_mean(x: float, size: int, rng: Generator) -> Floats:
    """The loss is summed over the batch, and the noise is that of a mean."""
    noise = SIGMA / CLAIMED * CLIP / LARGE_BATCH * rng.standard_normal(size)
    return np.clip(x, -CLIP, CLIP) + noise


def sum_taken_for_sum(x: float, size: int, rng: Generator) -> Floats:
    return np.clip(x, -CLIP, CLIP) + SIGMA / CLAIMED * CLIP * rng.standard_normal(size)


def one_of_two(x: tuple[float, float], size: int, rng: Generator) -> Floats:
    """A record drawn without replacement, accounted for as if each took part with chance 1/2 and
    neighbours had one record more."""
    return np.asarray(x)[rng.integers(2, size=size)] + rng.laplace(0.0, 1.0, size)


def one_of_two_replaced(x: tuple[float, float], size: int, rng: Generator) -> Floats:
    """Records between -1 and 1: replacing one changes what is drawn by up to 2."""
    return np.asarray(x)[rng.integers(2, size=size)] + rng.laplace(0.0, 2.0, size)


def centres_from_one_budget(x: Any, size: int, rng: Generator) -> Floats:
    """Means of feature and target of n rows between 0 and 1, each with the whole budget."""
    return np.mean(x, axis=0) + rng.laplace(0.0, 1.0 / len(x), (size, 2))


def centres_from_halves(x: Any, size: int, rng: Generator) -> Floats:
    return np.mean(x, axis=0) + rng.laplace(0.0, 2.0 / len(x), (size, 2))


FAULTS = (
    Fault(
        "secret-batch-size",
        "meta-pytorch/opacus issue 571",
        "a noisy sum divided by the secret number of records",
        step_by_secret_size,
        step_by_public_size,
        ApproximateDP(1.0, 1e-5),
        [((0.0, 0.0), (0.0, 0.0, 0.0))],
    ),
    Fault(
        "clipped-batch",
        "APPFL/APPFL issue 349",
        "the mean gradient is clipped in place of every gradient",
        clipped_mean,
        mean_of_clipped,
        ApproximateDP(1.0, 1e-5),
        [((0.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 100.0))],
    ),
    Fault(
        "clipped-by-parameter",
        "fedbiomed/fedbiomed issue 1443, item 4",
        "parameters are clipped one by one, noise is for the length of the gradient",
        clipped_by_parameter,
        clipped_by_length,
        ApproximateDP(1.0, 1e-5),
        [((0.0,) * 16, (9.0,) * 16)],
    ),
    Fault(
        "backpropagation-clipping",
        "Tramèr et al. 2022 (arXiv 2202.12219)",
        "sensitivity too small by the size of the batch",
        sum_taken_for_mean,
        sum_taken_for_sum,
        ApproximateDP(CLAIMED, 1e-5),
        [(0.0, 1.0)],
    ),
    Fault(
        "sampling-without-replacement",
        "Lebeda et al. 2024 (arXiv 2405.20769)",
        "Poisson sampling is accounted for, a fixed batch drawn and a record replaced",
        one_of_two,
        one_of_two_replaced,
        PureDP(math.log1p(0.5 * math.expm1(1.0))),
        [((1.0, 0.0), (-1.0, 0.0))],
    ),
    Fault(
        "budget-spent-twice",
        "IBM/differential-privacy-library issue 104, item 2",
        "feature and target are centred with one share of the budget each",
        centres_from_one_budget,
        centres_from_halves,
        PureDP(1.0),
        [(((0.0, 0.0), (0.0, 0.0)), ((0.0, 0.0), (1.0, 1.0)))],
    ),
)
