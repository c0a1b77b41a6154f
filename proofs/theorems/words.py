"""What theorems on vocabularies share: words are integers, a distance is a function of two.

A vocabulary of n words is 1, …, n, and n is any positive integer. The assumptions on distances
are stated for all integers, which loses nothing: the distances of n words extend to all integers
(a word outside at the largest distance from every other word).
"""

from typing import Any

import sympy as sp

from ..language import Formula, eq, le
from ..model import Assumption

__all__ = [
    "DISTANCE_FROM_ITSELF",
    "SYMMETRY",
    "TRIANGLE",
    "d",
    "epsilon",
    "i",
    "j",
    "k",
    "n",
    "v",
    "w",
    "y",
]

Expr = Any

#: Distance of two words.
d = sp.Function("d", nonnegative=True)
#: Two inputs, an output, and words that run over a sum.
w, v, y, i, j, k = sp.symbols("w v y i j k", integer=True)
n = sp.Symbol("n", integer=True, positive=True)
epsilon = sp.Symbol("epsilon", positive=True)

TRIANGLE = Assumption(
    "triangle",
    Formula(le(d(i, k), d(i, j) + d(j, k)), forall=(i, j, k)),
    "The distance obeys the triangle inequality.",
    r"d(i,k) \le d(i,j) + d(j,k)",
)
SYMMETRY = Assumption(
    "symmetry",
    Formula(eq(d(i, j), d(j, i)), forall=(i, j)),
    "The distance is symmetric.",
    "d(i,j) = d(j,i)",
)
DISTANCE_FROM_ITSELF = Assumption(
    "itself",
    Formula(eq(d(i, i), 0), forall=(i,)),
    "A word is at distance 0 from itself.",
    "d(i,i) = 0",
)
