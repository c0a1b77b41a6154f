"""Output laws in ball arithmetic: every number comes with a proven error bound.

The laws are written anew from their definitions, from exact distances up, and share no code with
the fast ones: certificates and exact samplers rest on them. A ball is a python-flint `arb`; all
functions compute at the precision in force (`enclosures.precision`).
"""

from .geometry import ExactGeometry
from .registry import BallLaw, ball_law, law_parameters, parameters_as_taken

__all__ = ["BallLaw", "ExactGeometry", "ball_law", "law_parameters", "parameters_as_taken"]
