"""A mechanism as bytes, for worker processes.

cloudpickle, since mechanisms are often lambdas, closures and functions of a notebook or a script,
which the standard library cannot send.
"""

import inspect
import io
import random
from functools import partial
from typing import Any

import cloudpickle  # type: ignore[import-untyped]
import numpy as np

from ...errors import InputError, option
from .callables import Source

__all__ = ["packed"]

_GENERATORS = (np.random.Generator, np.random.BitGenerator, np.random.RandomState, random.Random)


def _way_out() -> str:
    return f"or draw in this process ({option('workers', 0)})"


def packed(source: Source, value: Any, what: str, copies: int = 2) -> bytes:
    """`value`, called `what` in messages, as bytes that `pickle.loads` can read.

    Raises
    ------
    InputError
        If it cannot be sent, or holds a generator though there are several `copies`: every worker
        would draw the same noise, and an audit takes draws to be independent.

    Examples
    --------
    >>> from .callables import source_of
    >>> rng = np.random.default_rng(1)
    >>> source = source_of(lambda x: x + rng.normal())
    >>> packed(source, source, "the mechanism")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    dpaudit.errors.InputError: ...<lambda> holds a random generator (Generator)...
    """
    if copies > 1 and isinstance(value, Source):
        _refuse_generators_of_modules(value)
    buffer = io.BytesIO()
    try:
        _Pickler(buffer, source.name, copies).dump(value)
    except InputError:
        raise
    except Exception as error:  # whatever `__reduce__` of any object raises
        raise InputError(
            f"{what} of {source.name} cannot be sent to a worker process ({error}). Open files, "
            f"connections and locks inside the function, {_way_out()}."
        ) from error
    return buffer.getvalue()


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    """Refuses generators, but for the global ones, which are seeded in each process."""

    def __init__(self, file: io.BytesIO, name: str, copies: int) -> None:
        super().__init__(file)
        self._name, self._copies = name, copies

    def reducer_override(self, obj: Any) -> Any:
        if obj is random._inst:
            return getattr, (random, "_inst")
        if obj is np.random.mtrand._rand:
            return getattr, (np.random.mtrand, "_rand")
        if self._copies > 1 and _is_own_generator(obj):
            raise _refusal(self._name, obj)
        return super().reducer_override(obj)


def _refuse_generators_of_modules(source: Source) -> None:
    """Functions of a module travel by name, so the pickler never sees what they refer to."""
    call: Any = source.call
    while isinstance(call, partial):
        call = call.func
    if not inspect.isroutine(call):
        call = type(call).__call__
    function = inspect.unwrap(getattr(call, "__func__", call))
    if inspect.isfunction(function):
        for name in function.__code__.co_names:
            value = function.__globals__.get(name)
            if _is_own_generator(value):
                raise _refusal(source.name, value)


def _is_own_generator(value: Any) -> bool:
    return isinstance(value, _GENERATORS) and not isinstance(value, random.SystemRandom)


def _refusal(name: str, generator: Any) -> InputError:
    return InputError(
        f"{name} holds a random generator ({type(generator).__name__}). Copies of it in several "
        f"workers would draw the same noise. Take the generator as a parameter, f(x, rng) or "
        f"f(x, size, rng), use one worker ({option('workers', 1)}), {_way_out()}."
    )
