"""What a mechanism is to a statistical audit: an object or a function that can be sampled."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from inspect import Parameter
from typing import Any

import numpy as np

from ...claims import Claim, require_claim
from ...errors import InputError
from .failures import shorten
from .ignoring import Ignored

__all__ = ["Source", "name_of", "plain_parameters", "source_of"]

#: Names by which the second parameter of a one-at-a-time function is known to be the generator.
GENERATOR_NAMES = ("rng", "generator", "random_state")

_FORMS = (
    "A mechanism is one of three things: an object with sample(x, size, rng); a function "
    "f(x, size, rng) that returns `size` outputs; a function f(x) or f(x, rng) that returns one. "
    "Parameters with defaults are not counted; wrap anything else in a function of these."
)

_POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)


@dataclass(frozen=True)
class Source:
    """A mechanism made ready for drawing.

    Attributes
    ----------
    name
        For reports: the name that an object gives itself, or the qualified name of a function.
    parameters
        Values that JSON can hold, by name; empty where the mechanism does not say.
    claim
        The claim that the mechanism makes, or None.
    remarks
        Sentences of the mechanism about itself, for reports.
    one_at_a_time
        Whether `call` returns one output and not `size` of them.
    takes_rng
        Whether `call` takes a generator as its last argument; always true for `size` outputs.
    call
        f(x, size, rng), f(x, rng) or f(x).
    features
        A function of one output, whose value is looked at beside the output; or None.
    ignore
        Paths to parts of outputs that are left out.
    records_exceptions
        Whether an exception, or no answer in time, is an output; otherwise it ends the audit.
    """

    name: str
    parameters: Mapping[str, Any]
    claim: Claim | None
    remarks: tuple[str, ...]
    one_at_a_time: bool
    takes_rng: bool
    call: Callable[..., Any]
    features: Callable[[Any], Any] | None = None
    ignore: tuple[Ignored, ...] = ()
    records_exceptions: bool = False

    @property
    def changes_outputs(self) -> bool:
        """Whether outputs are looked at one by one."""
        return self.features is not None or bool(self.ignore)


def source_of(mechanism: Any) -> Source:
    """The source behind an object with `sample` or a function.

    Raises
    ------
    InputError
        If `mechanism` cannot be sampled in one of the three ways; the message lists them.

    Examples
    --------
    >>> def noisy(x, rng, scale=2.0):
    ...     return x + rng.laplace(0.0, scale)
    >>> source = source_of(noisy)
    >>> source.one_at_a_time, source.takes_rng
    (True, True)
    >>> source_of(lambda x, y: x + y)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    dpaudit.errors.InputError: ... takes 2 parameters (x, y). A mechanism is one of three things...
    """
    if isinstance(mechanism, Source):
        return mechanism
    if inspect.isclass(mechanism):
        raise InputError(
            f"{mechanism.__qualname__} is a class: give an instance of it, "
            f"as in {mechanism.__qualname__}(...)."
        )
    sample = getattr(mechanism, "sample", None)
    call = sample if callable(sample) else mechanism
    if not callable(call):
        raise InputError(f"{shorten(mechanism, 80)} cannot be called. {_FORMS}")
    name = name_of(mechanism)
    one_at_a_time, takes_rng = _form(name, call)
    remarks = getattr(mechanism, "remarks", ())
    return Source(
        name=name,
        parameters=_parameters(mechanism),
        claim=_claim(name, mechanism),
        remarks=tuple(map(str, remarks)) if isinstance(remarks, tuple | list) else (),
        one_at_a_time=one_at_a_time,
        takes_rng=takes_rng,
        call=call,
    )


def _form(name: str, call: Callable[..., Any]) -> tuple[bool, bool]:
    """(one at a time, takes a generator), from the parameters that have no default."""
    if inspect.iscoroutinefunction(call):
        raise InputError(f"{name} is a coroutine. {_FORMS}")
    try:
        parameters = list(inspect.signature(call).parameters.values())
    except (TypeError, ValueError):  # some functions in C do not tell
        raise InputError(f"The parameters of {name} cannot be read. {_FORMS}") from None
    needed = [p for p in parameters if p.kind in _POSITIONAL and p.default is Parameter.empty]
    by_name = [
        p for p in parameters if p.kind is Parameter.KEYWORD_ONLY and p.default is Parameter.empty
    ]
    if not by_name:
        if len(needed) == 3:
            return False, True
        if len(needed) == 2 and needed[1].name in GENERATOR_NAMES:
            return True, True
        if len(needed) == 1:
            return True, False
    names = ", ".join(str(p).partition(":")[0] for p in [*needed, *by_name]) or "none to rely on"
    count = len(needed) + len(by_name)
    raise InputError(f"{name} takes {count} parameter{'s' * (count != 1)} ({names}). {_FORMS}")


def name_of(mechanism: Any) -> str:
    """The name given, or module:attribute of the function or the class, as on the command line.

    >>> import json
    >>> name_of(json.loads), name_of(json.JSONDecoder())
    ('json:loads', 'json.decoder:JSONDecoder')
    """
    given = getattr(mechanism, "name", None)
    if isinstance(given, str) and given:
        return given
    if isinstance(mechanism, partial):
        return name_of(mechanism.func)
    named = mechanism if hasattr(mechanism, "__qualname__") else type(mechanism)
    module = getattr(named, "__module__", None)
    # The name of the script or notebook says nothing, and `__main__` has another one in a worker.
    return named.__qualname__ if module in (None, "__main__") else f"{module}:{named.__qualname__}"


def _parameters(mechanism: Any) -> dict[str, Any]:
    given = getattr(mechanism, "parameters", None)
    if isinstance(mechanism, partial):
        given = mechanism.keywords
    return plain_parameters(given) if isinstance(given, Mapping) else {}


def plain_parameters(given: Mapping[Any, Any]) -> dict[str, Any]:
    """Parameters as a result records them.

    >>> plain_parameters({"epsilon": np.float64(1.0), "grid": [1, 2]})
    {'epsilon': 1.0, 'grid': '[1, 2]'}
    """
    return {str(key): _plain(value) for key, value in given.items()}


def _plain(value: Any) -> Any:
    """A value that JSON can hold: a number, text, truth value or None; text for all others."""
    if isinstance(value, np.generic):
        value = value.item()
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return None if value is None else shorten(value)


def _claim(name: str, mechanism: Any) -> Claim | None:
    claim = getattr(mechanism, "claim", None)
    return None if claim is None else require_claim(claim, f"The claim of {name}")
