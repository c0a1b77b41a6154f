"""The figures of a report, one a file; `drawing` and `svg` are what they share.

Words of the vocabulary stand in titles and keys, which the template escapes; the pictures
themselves hold only numbers and fixed labels.
"""

from ...results import AuditResult
from .attack import attack_figure, leak_figure, wealth_figure
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
    `masses` unless all masses are 0, `profile`; of a black box `attack`, `leak`, `wealth`."""
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
    if curves.attack and curves.attack.says and result.attack:
        found["attack"] = attack_figure(curves.attack, result.attack)
    if curves.lower_profile and any(curves.lower_profile.delta):
        found["leak"] = leak_figure(curves.lower_profile, result)
    if curves.wealth and curves.wealth.draws:
        found["wealth"] = wealth_figure(curves.wealth)
    return found
