"""The figures of a report, one a file; `drawing` and `svg` are what they share.

Words of the vocabulary stand in titles and keys, which the template escapes; the pictures
themselves hold only numbers and fixed labels.
"""

from ...results import AuditResult
from .claim import claim_figure
from .convergence import convergence_figure
from .drawing import LEAST_MASS, Drawing
from .law import law_figure
from .losses import loss_figure
from .masses import mass_figure
from .profile import profile_figure

__all__ = ["LEAST_MASS", "Drawing", "figures"]


def figures(result: AuditResult) -> dict[str, Drawing]:
    """All figures that the result has data for: `claim` always, `law`, `convergence`, `losses`,
    `masses` unless all masses are 0, `profile`."""
    curves = result.curves
    found = {"claim": claim_figure(result)}
    if curves.witness_law and result.witness:
        found["law"] = law_figure(curves.witness_law, result.witness)
    if curves.convergence:
        found["convergence"] = convergence_figure(curves.convergence, result)
    if curves.pair_losses and curves.pair_losses.loss:
        found["losses"] = loss_figure(curves.pair_losses, result)
    if curves.pair_losses and (masses := mass_figure(curves.pair_losses, result)):
        found["masses"] = masses
    if curves.profile and curves.profile.epsilon:
        found["profile"] = profile_figure(curves.profile, result)
    return found
