"""The axioms: results that are cited and not checked. The list is part of the trusted base."""

from .model import Axiom

__all__ = ["AXIOMS"]

AXIOMS: tuple[Axiom, ...] = ()
