"""RAPPOR: a value hashed into a Bloom filter whose bits are randomised."""

import hashlib
import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ...claims import PureDP
from ...errors import InputError, require_count, require_fraction
from .specimen import Outputs, Specimen, require_size, require_whole

__all__ = ["OneTimeRappor", "Rappor"]

_VALUES = "any two different whole numbers (values, not counts)"
_LARGEST = 2**53
#: How many values are looked through for two with filters as different as can be.
_TRIED = 200


def _positions(value: int, hashes: int, filter_size: int) -> frozenset[int]:
    """The bits of the Bloom filter that a value sets: BLAKE2b of "i:value", i = 0, 1, ..."""
    found = set()
    for i in range(hashes):
        digest = hashlib.blake2b(f"{i}:{value}".encode(), digest_size=8).digest()
        found.add(int.from_bytes(digest, "little") % filter_size)
    return frozenset(found)


@dataclass(frozen=True)
class OneTimeRappor(Specimen):
    """Sets `hashes` bits of a Bloom filter, then replaces every bit with chance f by a fair coin.

    Erlingsson, Pihur and Korolova (CCS 2014), steps 1 and 2; every output is a new client, whose
    permanent response nobody has seen before. Hash function: BLAKE2b (DP-Sniper has MurmurHash3,
    so its filters are others; epsilon is the same).

    Parameters
    ----------
    f
        Chance that a bit is replaced, above 0 and below 1.
    hashes
        Number of hash functions.
    filter_size
        Number of bits, at least 2 hashes.

    Examples
    --------
    >>> mechanism = OneTimeRappor()
    >>> mechanism.sample(7, 3, np.random.default_rng(1)).shape
    (3, 20)
    >>> round(mechanism.claim.epsilon, 4)
    0.8007
    """

    name: ClassVar[str] = "one-time-rappor"
    outputs: ClassVar[Outputs] = "finite"

    f: float = 0.95
    hashes: int = 4
    filter_size: int = 20

    def __post_init__(self) -> None:
        object.__setattr__(self, "f", require_fraction("f", self.f))
        if self.f == 0.0:
            raise InputError("f is 0, but it must be above 0: nothing would be randomised.")
        object.__setattr__(self, "hashes", require_count("hashes", self.hashes))
        object.__setattr__(self, "filter_size", require_count("filter_size", self.filter_size))
        if self.filter_size < 2 * self.hashes:
            raise InputError(
                f"filter_size is {self.filter_size}, but it must be at least twice hashes, "
                f"{2 * self.hashes}."
            )

    @property
    def bit_chances(self) -> tuple[float, float]:
        """Chance that a bit is reported as 1 if the filter has 0 there, and if it has 1."""
        return 0.5 * self.f, 1.0 - 0.5 * self.f

    def filter(self, value: Any) -> NDArray[np.bool_]:
        """The Bloom filter of a value, shape (filter_size,)."""
        bits = np.zeros(self.filter_size, dtype=bool)
        whole = require_whole("x", value, -_LARGEST, _LARGEST)
        bits[list(_positions(whole, self.hashes, self.filter_size))] = True
        return bits

    @property
    def claim(self) -> PureDP:
        """Pure DP at h ln(q(1-p)/(p(1-q))), p and q the `bit_chances`; theorems 1 and 2 of the
        paper."""
        zero, one = self.bit_chances
        return PureDP(
            self.hashes * math.log(one * (1.0 - zero) / (zero * (1.0 - one))),
            neighbouring=_VALUES,
            source="RAPPOR, Erlingsson, Pihur and Korolova 2014",
        )

    @property
    def worst_pair(self) -> tuple[int, int] | None:
        """Two values whose filters have `hashes` bits each and none in common, the first found;
        None if there are none among the first 200 whole numbers."""
        full: list[tuple[int, frozenset[int]]] = []
        for value in range(_TRIED):
            bits = _positions(value, self.hashes, self.filter_size)
            if len(bits) == self.hashes:
                for other, others in full:
                    if not bits & others:
                        return other, value
                full.append((value, bits))
        return None

    @property
    def true_epsilon(self) -> float | None:
        """The claim: h bits that only one value sets lose ln(q/p) each, h bits that only the
        other sets lose ln((1-p)/(1-q)). None if `worst_pair` finds no such values."""
        return self.claim.epsilon if self.worst_pair is not None else None

    def sample(self, x: Any, size: int, rng: Generator) -> NDArray[np.int8]:
        """Bits, shape (size, filter_size)."""
        zero, one = self.bit_chances
        chances = np.where(self.filter(x), one, zero)
        size = require_size(size, self.filter_size)
        return (rng.random((size, self.filter_size)) < chances).astype(np.int8)


@dataclass(frozen=True)
class Rappor(OneTimeRappor):
    """One report of basic RAPPOR: the bits of `OneTimeRappor`, each reported as 1 with chance q
    if it is 1 and p if it is 0.

    Erlingsson, Pihur and Korolova (CCS 2014), steps 1 to 3. A client that reports twice spends
    more than this; here every output is a new client.

    Parameters
    ----------
    f, hashes, filter_size
        As in `OneTimeRappor`, but f may be 0.
    p, q
        Chances of a 1, 0 < p < q < 1.

    Examples
    --------
    >>> round(Rappor().claim.epsilon, 4)
    0.4001
    """

    name: ClassVar[str] = "rappor"

    f: float = 0.75
    p: float = 0.45
    q: float = 0.55

    def __post_init__(self) -> None:
        if not (isinstance(self.f, (int, float)) and self.f == 0):
            super().__post_init__()
        else:
            OneTimeRappor(0.5, self.hashes, self.filter_size)
        object.__setattr__(self, "p", require_fraction("p", self.p))
        object.__setattr__(self, "q", require_fraction("q", self.q))
        if not 0.0 < self.p < self.q:
            raise InputError(f"p is {self.p:g} and q is {self.q:g}, but 0 < p < q must hold.")

    @property
    def bit_chances(self) -> tuple[float, float]:
        """Chance that a bit is reported as 1 if the filter has 0 there, and if it has 1."""
        middle = 0.5 * self.f * (self.p + self.q)
        return middle + (1.0 - self.f) * self.p, middle + (1.0 - self.f) * self.q
