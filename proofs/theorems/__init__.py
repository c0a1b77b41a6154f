"""The theorems by name, known without loading SymPy; one subject a file.

A file has a function `theorem()` for each entry, named by `attribute`. A test compares what the
entry promises with what the theorem says of itself and with what the checker finds.
"""

import difflib
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from ...errors import InputError

if TYPE_CHECKING:
    from ..model import Theorem

__all__ = ["EXPECTED", "THEOREMS", "Entry", "about", "catalogue", "find"]


@dataclass(frozen=True)
class Entry:
    """Where a theorem is, which status it is expected to have, and which mechanism it covers.

    `where` says for which parameters of the mechanism, as pairs of a name and its value: so
    `(("exclude", "never"),)`. A `lemma` is about the mechanism, but decides nothing about the ε
    that it claims. Any other theorem says of that claim that it holds if it is expected to be
    proved, and that it fails if it `denies` it: on every vocabulary, or as far as the mechanism's
    own lower bound says so.
    """

    name: str
    module: str
    attribute: str = "theorem"
    expected: str = "proved"
    mechanism: str | None = None
    where: tuple[tuple[str, float | str | bool], ...] = ()
    lemma: bool = False

    @property
    def scope(self) -> str:
        """The parameters that it covers, in words; empty if it covers all.

        >>> Entry("a", ".a", where=(("exclude", "never"),)).scope
        'exclude = never'
        """
        return ", ".join(f"{name} = {value}" for name, value in self.where)

    @property
    def denies(self) -> bool:
        """Whether it contradicts the claim, published ("refuted") or not ("false as audited").

        >>> Entry("a", ".a", expected="false as audited").denies
        True
        """
        return self.expected.startswith(("refuted", "false as audited"))


GUMBEL, CHAIN = "truncated-gumbel", "metropolis-hastings"

#: In the order in which they are shown.
_ENTRIES = (
    Entry("post-processing", ".post_processing"),
    Entry("composition", ".composition"),
    Entry("composition-delta", ".composition_delta"),
    Entry("euclidean-metric", ".euclidean"),
    Entry("polar-form", ".polar_form", mechanism="multivariate-laplace", lemma=True),
    Entry("multivariate-laplace", ".multivariate_laplace", mechanism="multivariate-laplace"),
    Entry("mahalanobis", ".mahalanobis", mechanism="mahalanobis"),
    Entry("vickrey", ".vickrey", mechanism="vickrey", where=(("exclude", "never"),)),
    Entry(
        "vickrey-always",
        ".vickrey_always",
        expected="false as audited",
        mechanism="vickrey",
        where=(("exclude", "always"),),
    ),
    Entry("metric-exponential", ".metric_exponential", mechanism="metric-exponential"),
    Entry("fixed-prior", ".fixed_prior", mechanism="density-prior-exponential"),
    Entry("separable-loss", ".separable"),
    Entry("truncated-exponential", ".truncated_exponential", mechanism="truncated-exponential"),
    Entry("truncated-exponential-bucket", ".bucket", mechanism="truncated-exponential", lemma=True),
    Entry("gumbel-max", ".gumbel_max"),
    Entry("gumbel-density", ".gumbel_noise", "density_theorem", mechanism=GUMBEL, lemma=True),
    Entry("gumbel-scale", ".gumbel_noise", "scale_theorem", mechanism=GUMBEL, lemma=True),
    Entry("gumbel-slope", ".gumbel_slope", mechanism=GUMBEL, lemma=True),
    Entry("cutoff-growth", ".cutoff_growth"),
    Entry("cutoff-growth-any-noise", ".cutoff_growth_any_noise"),
    Entry(
        "truncated-gumbel",
        ".truncated_gumbel",
        expected="refuted",
        mechanism=GUMBEL,
        where=(("cutoff", "published"),),
    ),
    Entry(
        "truncated-gumbel-large",
        ".truncated_gumbel",
        "large_theorem",
        expected="refuted",
        mechanism=GUMBEL,
        lemma=True,
    ),
    Entry(
        "truncated-gumbel-any-noise",
        ".truncated_gumbel_any_noise",
        expected="refuted",
        mechanism=GUMBEL,
        lemma=True,
    ),
    Entry(
        "truncated-gumbel-any-noise-large",
        ".truncated_gumbel_any_noise",
        "large_theorem",
        expected="refuted",
        mechanism=GUMBEL,
        lemma=True,
    ),
    Entry(
        "truncated-gumbel-eight",
        ".truncated_gumbel_eight",
        expected="refuted",
        mechanism=GUMBEL,
        lemma=True,
    ),
    Entry("truncated-gumbel-holds", ".truncated_gumbel_holds", mechanism=GUMBEL, lemma=True),
    Entry(
        "distance-truncated-laplace",
        ".distance_truncated",
        expected="false as audited",
        mechanism="distance-truncated-laplace",
    ),
    Entry(
        "distance-truncation-delta",
        ".distance_truncated_delta",
        mechanism="distance-truncated-laplace",
        lemma=True,
    ),
    Entry(
        "density-calibrated-laplace",
        ".density_calibrated",
        expected="false as audited",
        mechanism="density-calibrated-laplace",
        where=(("k", 1),),
    ),
    Entry(
        "nearest-truncated-exponential",
        ".nearest_truncated",
        expected="false as audited",
        mechanism="nearest-truncated-exponential",
    ),
    Entry(
        "nearest-truncation-delta",
        ".nearest_truncated_delta",
        mechanism="nearest-truncated-exponential",
        lemma=True,
    ),
    Entry("metropolis-balance", ".metropolis", "balance_theorem", mechanism=CHAIN, lemma=True),
    Entry("metropolis-mixture", ".metropolis_mixture", mechanism=CHAIN, lemma=True),
    Entry("metropolis-delta", ".metropolis", "delta_theorem", mechanism=CHAIN, lemma=True),
    Entry(
        "metropolis-rate",
        ".metropolis_rate",
        expected="proved modulo metropolis-spectrum",
        mechanism=CHAIN,
        lemma=True,
    ),
    Entry("random-cutoff", ".random_cutoff", mechanism="random-cutoff-exponential"),
    Entry(
        "random-cutoff-scale",
        ".random_cutoff_scale",
        mechanism="random-cutoff-exponential",
        lemma=True,
    ),
    Entry(
        "random-cutoff-price",
        ".random_cutoff_price",
        mechanism="random-cutoff-exponential",
        lemma=True,
    ),
    Entry("randomized-response", ".randomized_response", mechanism="randomized-response"),
    Entry("laplace", ".laplace", mechanism="laplace"),
    Entry("discrete-laplace", ".discrete_laplace", mechanism="discrete-laplace"),
    Entry("gaussian", ".gaussian", mechanism="gaussian", lemma=True),
)

THEOREMS = {entry.name: entry for entry in _ENTRIES}

#: The expected status of every theorem.
EXPECTED = {entry.name: entry.expected for entry in _ENTRIES}


@cache
def find(name: str) -> "Theorem":
    """The theorem of that name.

    Raises
    ------
    InputError
        If there is none.

    >>> find("random-cutoff").mechanism
    'random-cutoff-exponential'
    """
    if name not in THEOREMS:
        close = difflib.get_close_matches(name, THEOREMS, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise InputError(f"There is no theorem {name!r}.{hint} Known: {', '.join(THEOREMS)}.")
    entry = THEOREMS[name]
    found: Theorem = getattr(import_module(entry.module, __package__), entry.attribute)()
    return found


def about(mechanism: str) -> tuple[Entry, ...]:
    """The entries of a mechanism, by its registered name.

    >>> [entry.name for entry in about("metric-exponential") if not entry.lemma]
    ['metric-exponential']
    """
    return tuple(entry for entry in THEOREMS.values() if entry.mechanism == mechanism)


def catalogue() -> tuple["Theorem", ...]:
    """All theorems, in the order in which they are shown."""
    return tuple(find(name) for name in THEOREMS)
