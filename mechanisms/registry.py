"""The mechanisms by their command-line names, known without importing them.

Importing a mechanism loads Numba; a list of names must not. A test compares every entry with the
class that it names.
"""

import difflib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from ..errors import InputError, parameter

__all__ = ["MECHANISMS", "Entry", "build", "find"]


@dataclass(frozen=True)
class Entry:
    """One mechanism: its name, the class that implements it, and what can be said of it.

    `claim` is in words, `evidence` says what an audit can rest on. Theorems name the mechanism that
    they cover themselves, see `dpaudit.proofs.theorems`.
    """

    name: str
    module: str
    attribute: str
    claim: str
    evidence: str

    def load(self) -> Any:
        """The class, imported when first asked for."""
        return getattr(import_module(self.module, package=__package__), self.attribute)


_ENTRIES = (
    Entry(
        name="multivariate-laplace",
        module=".words.multivariate_laplace",
        attribute="MultivariateLaplace",
        claim="metric DP, ε",
        evidence="sampled (radial law)",
    ),
    Entry(
        name="mahalanobis",
        module=".words.mahalanobis",
        attribute="Mahalanobis",
        claim="metric DP, ε (in its own norm)",
        evidence="sampled (radial law)",
    ),
    Entry(
        name="vickrey",
        module=".words.vickrey",
        attribute="Vickrey",
        claim="metric DP, ε (proved for exclude=never; none published else)",
        evidence="sampled",
    ),
    Entry(
        name="metric-exponential",
        module=".words.metric_exponential",
        attribute="MetricExponential",
        claim="metric DP, ε",
        evidence="exact (closed law)",
    ),
    Entry(
        name="truncated-exponential",
        module=".words.truncated_exponential",
        attribute="TruncatedExponential",
        claim="metric DP, ε",
        evidence="exact (closed law)",
    ),
    Entry(
        name="truncated-gumbel",
        module=".words.truncated_gumbel",
        attribute="TruncatedGumbel",
        claim="metric DP, ε (published; false where εR < B_n)",
        evidence="exact (quadrature)",
    ),
    Entry(
        name="random-cutoff-exponential",
        module=".words.random_cutoff_exponential",
        attribute="RandomCutoffExponential",
        claim="metric DP, ε",
        evidence="exact (closed law)",
    ),
    Entry(
        name="distance-truncated-laplace",
        module=".words.distance_truncated_laplace",
        attribute="DistanceTruncatedLaplace",
        claim="metric DP, ε (none is published; false for short radii)",
        evidence="sampled (radial law)",
    ),
    Entry(
        name="nearest-truncated-exponential",
        module=".words.nearest_truncated_exponential",
        attribute="NearestTruncatedExponential",
        claim="metric DP, ε (none is published; false for k < n)",
        evidence="exact (closed law)",
    ),
    Entry(
        name="density-calibrated-laplace",
        module=".words.density_calibrated_laplace",
        attribute="DensityCalibratedLaplace",
        claim="metric DP, ε (none is published; false in general)",
        evidence="sampled (radial law)",
    ),
    Entry(
        name="density-prior-exponential",
        module=".words.density_prior_exponential",
        attribute="DensityPriorExponential",
        claim="metric DP, ε",
        evidence="exact (closed law)",
    ),
    Entry(
        name="metropolis-hastings",
        module=".words.metropolis_hastings",
        attribute="MetropolisHastings",
        claim="metric DP, ε (that of its target; false for few steps)",
        evidence="exact (closed law)",
    ),
    Entry(
        name="randomized-response",
        module=".words.randomized_response",
        attribute="RandomizedResponse",
        claim="pure DP, ε",
        evidence="exact (closed law)",
    ),
)

#: All mechanisms by name, in the order of the specification.
MECHANISMS: Mapping[str, Entry] = {entry.name: entry for entry in _ENTRIES}


def find(name: str) -> Entry:
    """The entry of a name.

    Raises
    ------
    InputError
        If there is none; the closest names are suggested.

    Examples
    --------
    >>> find("metric-exponential").attribute
    'MetricExponential'
    """
    entry = MECHANISMS.get(name)
    if entry is None:
        close = difflib.get_close_matches(name, MECHANISMS, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise InputError(
            f"There is no mechanism {name!r}.{hint} `dpaudit mechanisms` lists them all; one of "
            "your own is named package.module:attribute."
        )
    return entry


def build(factory: Any, name: str, space: Any, parameters: Mapping[str, Any]) -> Any:
    """Call `factory(space, **parameters)` after checking the names of the parameters.

    Raises
    ------
    InputError
        If a parameter is unknown or one without a default is missing.
    """
    known = [p for p in inspect.signature(factory).parameters.values() if p.name != "space"]
    takes_any = any(p.kind is p.VAR_KEYWORD for p in known)
    names = [p.name for p in known if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    for key in parameters:
        if key not in names and not takes_any:
            raise InputError(
                f"{name} has no parameter {key!r}; its parameters are {', '.join(names)}."
            )
    missing = [p.name for p in known if p.default is p.empty and p.name in names]
    missing = [key for key in missing if key not in parameters]
    if missing:
        raise InputError(
            f"{name} needs a value for {', '.join(missing)}: {' '.join(map(parameter, missing))}."
        )
    return factory(space, **parameters)
