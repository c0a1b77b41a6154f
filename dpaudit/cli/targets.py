"""What NAME stands for: a mechanism by its name, or package.module:attribute.

An attribute is told apart by what it is, before it is called:

* a class or function with a parameter `space` makes word mechanisms, from a vocabulary and the
  parameters of --epsilon and --set;
* an object with an attribute `space` is a word mechanism;
* a class whose instances can be sampled is called with the parameters;
* a function is drawn from: f(x, size, rng), f(x, rng) or f(x). Parameters bind its other arguments;
* an object with `sample(x, size, rng)` is drawn from as it is.
"""

import difflib
import importlib
import inspect
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DPAuditError, InputError

if TYPE_CHECKING:
    from ..mechanisms.numbers.catalogue import Entry
    from ..mechanisms.spaces import EmbeddingSpace
    from ..statistical.drawing import Source

__all__ = ["Target", "canonical_pairs", "find_target", "import_attribute", "length_parameter"]


@dataclass(frozen=True)
class Target:
    """What was found under a name, not yet built.

    Attributes
    ----------
    name
        As on the command line.
    found
        A class, a function or an object.
    words
        Whether it is a word mechanism, which needs a vocabulary, or else a black box.
    entry
        Of the catalogue of numeric mechanisms, if it is one.
    """

    name: str
    found: Any
    words: bool
    entry: "Entry | None" = None

    @property
    def foreign(self) -> bool:
        """Whether it is code of the user's, which may crash or hang."""
        return ":" in self.name

    def with_space(self, space: "EmbeddingSpace", parameters: Mapping[str, Any]) -> Any:
        """The word mechanism on a vocabulary."""
        from ..mechanisms import registry

        if isinstance(self.found, type) or not hasattr(self.found, "space"):
            return registry.build(self.found, self.name, space, parameters)
        return self.found

    def black_box(self, parameters: Mapping[str, Any]) -> "Source":
        """What is drawn from, under the name that the command line gave it."""
        from ..statistical.drawing import source_of

        if self.entry is not None:
            return source_of(self.entry.build(**parameters))
        found = self.found
        if isinstance(found, type):
            found = self._instance(parameters)
        elif parameters and callable(found) and not hasattr(found, "sample"):
            self._require_known(found, parameters)
            found = partial(found, **parameters)
        elif parameters:
            raise InputError(
                f"{self.name} is an object that is made already, so it takes no parameters (--set, "
                "--epsilon). The claim is given by --claim-epsilon."
            )
        source = replace(source_of(found), name=self.name)
        return source if source.parameters else replace(source, parameters=dict(parameters))

    def _instance(self, parameters: Mapping[str, Any]) -> Any:
        if not hasattr(self.found, "sample"):
            raise InputError(
                f"{self.name} is a class, but it has neither a method sample(x, size, rng) nor a "
                "parameter `space`, so it is no mechanism."
            )
        self._require_known(self.found, parameters)
        try:
            return self.found(**parameters)
        except DPAuditError:
            raise
        except Exception as error:
            raise InputError(
                f"{self.name} cannot be made with {dict(parameters)}: {type(error).__name__}: "
                f"{error}. Parameters are given by --epsilon and --set."
            ) from error

    def _require_known(self, factory: Any, parameters: Mapping[str, Any]) -> None:
        known = _parameters(factory)
        if any(p.kind is p.VAR_KEYWORD for p in known):
            return
        names = [p.name for p in known if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
        for key in parameters:
            if key not in names:
                has = f"its parameters are {', '.join(names)}" if names else "it has none"
                way_out = " The claim is given by --claim-epsilon." if key == "epsilon" else ""
                raise InputError(f"{self.name} has no parameter {key!r}; {has}.{way_out}")


def find_target(name: str) -> Target:
    """Look a name up.

    Raises
    ------
    InputError
        If there is nothing of this name; the closest one is suggested.

    Examples
    --------
    >>> find_target("sparse-vector-4").words, find_target("randomized-response").words
    (False, True)
    """
    from ..mechanisms import registry
    from ..mechanisms.numbers.catalogue import NUMBERS

    if ":" in name:
        found = import_attribute(name)
        return Target(name, found, _is_of_words(found))
    if name in NUMBERS:
        return Target(name, None, words=False, entry=NUMBERS[name])
    # Close names of both kinds, unless the registry knows better.
    close = difflib.get_close_matches(name, NUMBERS, n=1)
    if close and name not in registry.MECHANISMS:
        nearer = difflib.get_close_matches(name, [*registry.MECHANISMS, *close], n=1)
        if nearer == close:
            raise InputError(
                f"There is no mechanism {name!r}. Did you mean {close[0]}? `dpaudit mechanisms` "
                "lists them all; one of your own is named package.module:attribute."
            )
    return Target(name, registry.find(name).load(), words=True)


def canonical_pairs(entry: "Entry", mechanism: "Source") -> tuple[Sequence[Any], ...]:
    """The pair of the catalogue and, where inputs are vectors, the canonical neighbouring answers.

    Examples
    --------
    >>> from dpaudit.mechanisms.numbers import find
    >>> from dpaudit.statistical.drawing import source_of
    >>> canonical_pairs(find("laplace"), source_of(find("laplace").build()))
    ((0, 1),)
    """
    from ..mechanisms.numbers.specimen import EVERY_COORDINATE
    from ..statistical.pairs import neighbouring_answers

    first, second = entry.pair
    if not isinstance(first, tuple):
        return (entry.pair,)
    key = length_parameter(entry)
    length = int(mechanism.parameters[key]) if key else len(first)
    every = mechanism.claim is not None and mechanism.claim.neighbouring == EVERY_COORDINATE
    answers = neighbouring_answers(length, every=every)
    return tuple(dict.fromkeys(((first, second), *answers))) if length == len(first) else answers


def length_parameter(entry: "Entry") -> str | None:
    """The parameter that is the length of an input, if there is one: it is that at the defaults.

    Examples
    --------
    >>> from dpaudit.mechanisms.numbers import find
    >>> length_parameter(find("prefix-sum")), length_parameter(find("laplace"))
    ('queries', None)
    """
    first = entry.pair[0]
    usual = entry.build().parameters
    lengths = (key for key, at in usual.items() if isinstance(first, tuple) and at == len(first))
    return next(lengths, None)


def import_attribute(name: str) -> Any:
    """What package.module:attribute names, looked up in the current folder too.

    Raises
    ------
    InputError
        If there is no such module or attribute, or importing it fails.
    """
    module_name, _, attribute = name.partition(":")
    # By its full name: worker processes take "" for the folder in which this process was started.
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        hint = ""
        if module_name.endswith(".py"):
            hint = f" Write it without .py, as {Path(module_name).stem}:{attribute}."
        raise InputError(
            f"{name}: there is no module {error.name!r} here or installed.{hint}"
        ) from None
    except (Exception, SystemExit) as error:  # whatever the module does when it is imported
        raise InputError(
            f"{name}: importing {module_name} fails with {type(error).__name__}: {error}."
        ) from error
    if not hasattr(module, attribute):
        raise InputError(f"{name}: the module {module_name} has no attribute {attribute!r}.")
    return getattr(module, attribute)


def _is_of_words(found: Any) -> bool:
    if not isinstance(found, type) and hasattr(found, "space"):
        return True
    return callable(found) and any(p.name == "space" for p in _parameters(found))


def _parameters(factory: Any) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(factory).parameters.values())
    except (TypeError, ValueError):  # some classes and functions in C do not tell
        return []
