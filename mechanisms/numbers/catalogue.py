"""The numeric mechanisms by name, known without importing them.

Every entry has parameters to start from (epsilon = 0.1 mostly, as in Bichsel, Steffen, Bogunovic
and Vechev, "DP-Sniper", S&P 2021) and a pair of neighbouring inputs on which much of the loss
shows. Tests compare every entry with the class that it names.
"""

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from importlib import import_module
from typing import Any

from ...errors import InputError

__all__ = ["NUMBERS", "Entry", "find"]


@dataclass(frozen=True)
class Entry:
    """One numeric mechanism.

    Attributes
    ----------
    name, module, attribute
        Its name, and where its class is.
    defaults
        Parameters for `build`.
    pair
        Two neighbouring inputs.
    pair_epsilon
        The exact loss of this pair, in both directions, at the defaults (for an approximate claim
        the least epsilon at its delta): at most `true_epsilon`, which is a supremum over all
        pairs. Infinite if an output is possible for one input only.
    broken
        Whether the claim is false at the defaults.
    """

    name: str
    module: str
    attribute: str
    pair: tuple[Any, Any]
    pair_epsilon: float
    broken: bool = False
    defaults: Mapping[str, float | int] = field(default_factory=lambda: {"epsilon": 0.1})

    def load(self) -> Any:
        """The class, imported when first asked for."""
        return getattr(import_module(self.module, package=__package__), self.attribute)

    def build(self, **parameters: float | int) -> Any:
        """The mechanism with its default parameters, but for those that are given.

        Examples
        --------
        >>> find("laplace").build(epsilon=0.5)
        Laplace(epsilon=0.5)
        """
        known = [entry.name for entry in fields(self.load())]
        for name in parameters:
            if name not in known:
                raise InputError(
                    f"{self.name} has no parameter {name!r}; its parameters are {', '.join(known)}."
                )
        return self.load()(**{**self.defaults, **parameters})


#: Losses of the pairs by quadrature, which the tests repeat.
_NOISY_MAX_1 = 0.094614905282
_SPARSE_1 = 0.098621452064
_SPARSE_4 = 0.174916058052
_SPARSE_4_TWICE = 0.323683677270
_SPARSE_6 = 0.419777752597
_SPARSE_NUMERICAL = 0.099012047486

_LAST_DOWN = ((1,) * 10, (2,) * 9 + (0,))
_LAST_TWO_DOWN = ((1,) * 10, (2,) * 8 + (0, 0))

_ENTRIES = (
    Entry("laplace", ".laplace", "Laplace", (0, 1), 0.1),
    Entry("discrete-laplace", ".discrete", "DiscreteLaplace", (0, 1), 0.1),
    Entry(
        "gaussian",
        ".gaussian",
        "Gaussian",
        (0, 1),
        1.0,
        defaults={"epsilon": 1.0, "delta": 1e-5},
    ),
    Entry(
        "truncated-geometric",
        ".discrete",
        "TruncatedGeometric",
        (0, 1),
        math.log1p(1 / 32),
    ),
    Entry("binary-randomized-response", ".binary", "BinaryRandomizedResponse", (0, 1), 0.1),
    Entry("rappor", ".rappor", "Rappor", (0, 3), 8 * math.log(0.5125 / 0.4875), defaults={}),
    Entry(
        "one-time-rappor",
        ".rappor",
        "OneTimeRappor",
        (0, 3),
        8 * math.log(0.525 / 0.475),
        defaults={},
    ),
    Entry(
        "report-noisy-max-1",
        ".noisy_max",
        "ReportNoisyMax1",
        ((1, 1, 1, 1, 1), (0, 2, 2, 2, 2)),
        _NOISY_MAX_1,
    ),
    Entry(
        "report-noisy-max-2",
        ".noisy_max",
        "ReportNoisyMax2",
        ((1, 1, 1, 1, 1), (0, 2, 2, 2, 2)),
        0.1,
    ),
    Entry(
        "report-noisy-max-3",
        ".noisy_max",
        "ReportNoisyMax3",
        ((1, 1, 1, 1, 1), (2, 2, 2, 2, 2)),
        0.25,
        broken=True,
    ),
    Entry(
        "report-noisy-max-4",
        ".noisy_max",
        "ReportNoisyMax4",
        ((0, -10, -10, -10, -10), (1, -10, -10, -10, -10)),
        math.inf,
        broken=True,
    ),
    Entry(
        "noisy-histogram-1",
        ".histogram",
        "NoisyHistogram1",
        ((1, 1, 1, 1, 1), (2, 1, 1, 1, 1)),
        0.1,
    ),
    Entry(
        "noisy-histogram-2",
        ".histogram",
        "NoisyHistogram2",
        ((1, 1, 1, 1, 1), (2, 1, 1, 1, 1)),
        10.0,
        broken=True,
    ),
    Entry("sparse-vector-1", ".sparse_vector", "SparseVector1", _LAST_DOWN, _SPARSE_1),
    Entry("sparse-vector-2", ".sparse_vector", "SparseVector2", _LAST_DOWN, _SPARSE_1),
    Entry(
        "sparse-vector-3",
        ".sparse_vector",
        "SparseVector3",
        ((1,) * 10, (2,) * 10),
        0.5,
        broken=True,
    ),
    Entry("sparse-vector-4", ".sparse_vector", "SparseVector4", _LAST_DOWN, _SPARSE_4, broken=True),
    Entry(
        "sparse-vector-5",
        ".sparse_vector",
        "SparseVector5",
        ((1,) * 5 + (0,) * 5, (0,) * 5 + (1,) * 5),
        math.inf,
        broken=True,
    ),
    Entry(
        "sparse-vector-6",
        ".sparse_vector",
        "SparseVector6",
        ((1,) * 10, (2,) * 5 + (0,) * 5),
        _SPARSE_6,
        broken=True,
    ),
    Entry(
        "numerical-sparse-vector",
        ".sparse_vector",
        "NumericalSparseVector",
        _LAST_DOWN,
        _SPARSE_NUMERICAL,
    ),
    Entry("prefix-sum", ".prefix_sum", "PrefixSum", ((1,) * 10, (2,) * 10), 1.0, broken=True),
    Entry("laplace-parallel", ".parallel", "LaplaceParallel", (0, 1), 0.1),
    Entry(
        "sparse-vector-34-parallel",
        ".parallel",
        "SparseVector34Parallel",
        _LAST_TWO_DOWN,
        0.25 + _SPARSE_4_TWICE,
        broken=True,
    ),
)

#: All numeric mechanisms by name, in the order of the specification.
NUMBERS: Mapping[str, Entry] = {entry.name: entry for entry in _ENTRIES}


def find(name: str) -> Entry:
    """The entry of a name.

    Raises
    ------
    InputError
        If there is none; the closest name is suggested.

    Examples
    --------
    >>> find("sparse-vector-5").broken
    True
    """
    entry = NUMBERS.get(name)
    if entry is None:
        close = difflib.get_close_matches(name, NUMBERS, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise InputError(f"There is no numeric mechanism {name!r}.{hint}")
    return entry
