"""The axioms: results that are cited and not checked. The list is part of the trusted base.

Functions in an axiom have the meaning that its words give them, and a theorem that uses it speaks
about the same functions.
"""

from typing import Any

import sympy as sp

from .language import Formula, le
from .model import Axiom

__all__ = ["AXIOMS", "METROPOLIS_SPECTRUM", "metropolis_distance", "metropolis_mass", "spread"]

Expr = Any

_n = sp.Symbol("n", integer=True, positive=True)
_w = sp.Symbol("w", integer=True)
_T = sp.Symbol("T", integer=True, nonnegative=True)

#: Target masses of a Metropolis chain with uniform proposals over the other states, the largest
#: first, and the total variation of its law after T steps from the target, by where it starts.
metropolis_mass = sp.Function("metropolis_mass", positive=True)
metropolis_distance = sp.Function("metropolis_distance", nonnegative=True)


def spread(others: Expr) -> Expr:
    """The largest absolute value of an eigenvalue but the first, on 1 + `others` states: those are
    1 - (k + (q(k+1) + … + q(N))/q(k))/(N - 1), which fall with k."""
    largest, last, before = (metropolis_mass(place) for place in (1, others + 1, others))
    return sp.Max(sp.Abs(1 - 1 / (others * largest)), last / (others * before))


METROPOLIS_SPECTRUM = Axiom(
    name="metropolis-spectrum",
    formula=Formula(
        le(
            4 * metropolis_mass(_w) * metropolis_distance(_w, _T) ** 2,
            (1 - metropolis_mass(_w)) * spread(_n) ** (2 * _T),
        ),
        given=(le(1, _w), le(_w, _n + 1)),
        forall=(_w, _T),
    ),
    words="A reversible chain with the stationary masses q that starts in w is, after T steps, "
    "within ½ √((1 - q(w))/q(w)) β^T of q in total variation, β the largest absolute value of its "
    "eigenvalues but the first. For Metropolis with uniform proposals over the other N - 1 states "
    "and q(1) ≥ … ≥ q(N) it is max{|1 - 1/((N-1) q(1))|, q(N)/((N-1) q(N-1))}.",
    reference="Diaconis and Stroock, Ann. Appl. Probab. 1 (1991), proposition 3; eigenvalues after "
    "J. Liu, Statistics and Computing 6 (1996), derived in mechanisms/kernels/metropolis.py",
    latex=r"4 q(w) t(w,T)^2 \le (1 - q(w)) \beta^{2T}",
)

AXIOMS: tuple[Axiom, ...] = (METROPOLIS_SPECTRUM,)
