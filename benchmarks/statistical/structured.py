"""Correct mechanisms with outputs that are not plain numbers, each exactly 1-DP on the inputs 0, 1.

What tells the inputs apart are independent answers whose budgets add up to 1: randomized responses
and noisy numbers. They are written as dictionaries, sets, texts, mixed tuples and lists of
different lengths, among parts that do not depend on the input. Outputs at the full loss have a
chance of several percent (`tests/test_published_faults.py`), so the claim is tight.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

import dpaudit

__all__ = ["CLAIM", "PAIRS", "STRUCTURED"]

CLAIM, PAIRS = dpaudit.PureDP(1.0), [(0, 1)]


def response(x: int, epsilon: float, size: int, rng: Generator) -> NDArray[np.bool_]:
    """Randomized response: whether the answer is 1."""
    truthful = rng.random(size) < 1.0 / (1.0 + math.exp(-epsilon))
    return truthful == bool(x)


def dictionaries(x: int, size: int, rng: Generator) -> list[dict[str, float]]:
    """A key that is there or not, and a noisy total."""
    there = response(x, 0.5, size, rng).tolist()
    totals = (x + rng.laplace(0.0, 2.0, size)).tolist()
    return [
        {"total": total, "carol": 1.0} if carol else {"total": total}
        for carol, total in zip(there, totals, strict=True)
    ]


def sets(x: int, size: int, rng: Generator) -> list[set[str]]:
    """Four names that are there or not, of which three tell something."""
    budgets = {"ann": 0.5, "bob": 0.25, "carol": 0.25, "dave": 0.0}
    there = [response(x, epsilon, size, rng).tolist() for epsilon in budgets.values()]
    return [
        {name for name, one in zip(budgets, row, strict=True) if one}
        for row in zip(*there, strict=True)
    ]


def texts(x: int, size: int, rng: Generator) -> list[str]:
    """A name, a number and a nonce: no two texts are equal."""
    names = np.where(response(x, 0.5, size, rng), "carol", "dave").tolist()
    ages = np.where(response(x, 0.5, size, rng), 30, 71).tolist()
    nonces = rng.integers(2**62, size=size).tolist()
    rows = zip(names, ages, nonces, strict=True)
    return [f"user={name} age={age} nonce={nonce}" for name, age, nonce in rows]


def lengths_of_texts(x: int, size: int, rng: Generator) -> list[str]:
    """One word more or less, all of them random."""
    words = rng.integers(1_000_000, size=(size, 3))
    longer = response(x, 1.0, size, rng).tolist()
    return [
        " ".join(f"w{word}" for word in row[: 3 if more else 2])
        for row, more in zip(words.tolist(), longer, strict=True)
    ]


def mixed(x: int, size: int, rng: Generator) -> list[tuple[Any, ...]]:
    """A word, a noisy number, and a number or None."""
    words = np.where(response(x, 0.25, size, rng), "yes", "no").tolist()
    numbers = (x + rng.laplace(0.0, 2.0, size)).tolist()
    missing = response(x, 0.25, size, rng).tolist()
    random = rng.random(size).tolist()
    rows = zip(words, numbers, missing, random, strict=True)
    return [(word, number, None if gone else any_) for word, number, gone, any_ in rows]


def lists(x: int, size: int, rng: Generator) -> list[list[float]]:
    """A noisy number, then one or two random ones."""
    longer = response(x, 0.5, size, rng).tolist()
    numbers = np.column_stack([x + rng.laplace(0.0, 2.0, size), rng.random((size, 2))])
    rows = zip(numbers.tolist(), longer, strict=True)
    return [row if more else row[:2] for row, more in rows]


def nested(x: int, size: int, rng: Generator) -> list[dict[str, Any]]:
    """A dictionary of lists and tuples."""
    words = texts(x, size, rng)
    random = rng.random((size, 2)).tolist()
    return [
        {"version": 2, "rows": [tuple(row), {"note": word}]}
        for row, word in zip(random, words, strict=True)
    ]


STRUCTURED: dict[str, Callable[[int, int, Generator], Any]] = {
    "dictionaries": dictionaries,
    "sets": sets,
    "texts": texts,
    "lengths-of-texts": lengths_of_texts,
    "mixed": mixed,
    "lists": lists,
    "nested": nested,
}
