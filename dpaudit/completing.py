"""Word mechanisms of a user's own: what they lack is filled in, or named all at once.

An object with `space` (an `EmbeddingSpace`) and `sample(word, size, rng)` is enough for an audit by
draws. With `log_laws` and `log_law_error` it is audited exactly.
"""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import mechanisms
from .claims import Claim, require_claim
from .errors import DPAuditError, InputError
from .mechanisms.protocol import SampledWordMechanism
from .mechanisms.spaces import EmbeddingSpace
from .statistical.drawing import name_of, plain_parameters

__all__ = ["EXACT_EVIDENCE", "completed", "exact_evidence", "is_word_mechanism"]

#: What has to be there for more than an audit by draws.
EXACT_EVIDENCE = (
    "For exact evidence a word mechanism needs log_laws(rows), which returns ln P_w(y) for the "
    "inputs w of a slice and all outputs y as an array of shape (inputs, words), and "
    "log_law_error, a bound on the absolute error of these logarithms in nats; a claim, name, "
    "parameters, sampler_error (a bound on the distance of sample from that law) and remarks are "
    "shown where they are given."
)


#: One of these is needed: draws, an exact law, noise on vectors, a bound that is proven.
_AUDITED_BY = ("sample", "sample_indices", "log_laws", "radial_noise", "epsilon_upper_bound")


def is_word_mechanism(mechanism: Any) -> bool:
    """Whether it speaks about the words of an embedding space, and is not a black box."""
    return not inspect.isclass(mechanism) and isinstance(
        getattr(mechanism, "space", None), EmbeddingSpace
    )


def exact_evidence(mechanism: Any) -> str:
    """What a mechanism of a user's own lacks for exact evidence, after a space; “” for others."""
    return f" {EXACT_EVIDENCE}" if isinstance(mechanism, _Completed) else ""


@dataclass(frozen=True, eq=False)
class _Completed:
    """A mechanism of a user's with what it lacks; everything else is its own.

    Not in the package of the mechanisms: theorems speak about those only.
    """

    inner: Any
    name: str
    parameters: Mapping[str, Any]
    claim: Claim | None
    sampler_error: float | None
    remarks: tuple[str, ...]

    def __getattr__(self, name: str) -> Any:
        # Only there if the mechanism has a law, by which audits tell what it can do.
        if name in ("log_laws", "log_law") and hasattr(self.inner, "log_laws"):
            return self._log_laws if name == "log_laws" else self._log_law
        return getattr(self.inner, name)

    def _log_laws(self, rows: slice) -> NDArray[np.float64]:
        """The law as the mechanism gives it, whose faults are not those of dpaudit."""
        try:
            found = np.asarray(self.inner.log_laws(rows), dtype=np.float64)
        except (DPAuditError, MemoryError):
            raise
        except Exception as error:
            raise InputError(
                f"log_laws of {self.name} fails with {type(error).__name__}: {error}"
            ) from error
        n = len(self.inner.space)
        expected = (len(range(n)[rows]), n)
        if found.shape != expected:
            raise InputError(
                f"log_laws of {self.name} returns an array of shape {found.shape} for {rows}, but "
                f"it must be (inputs, words), {expected}."
            )
        return found

    def _log_law(self, word: str | int) -> NDArray[np.float64]:
        position = self.inner.space.index(word)
        return self._log_laws(slice(position, position + 1))[0]


def completed(mechanism: Any) -> SampledWordMechanism:
    """A mechanism of this package as it is; any other with defaults for what it lacks.

    Raises
    ------
    InputError
        If it can neither be sampled nor has a law, or if what it says of itself is unusable.

    Examples
    --------
    >>> class Keep:
    ...     def __init__(self, space):
    ...         self.space = space
    ...     def sample(self, word, size, rng):
    ...         return [word] * size
    >>> completed(Keep(EmbeddingSpace(["a", "b"], [[0.0], [1.0]]))).parameters
    {}
    """
    if type(mechanism).__module__.startswith(mechanisms.__name__):
        return mechanism
    name = name_of(mechanism)
    if not any(hasattr(mechanism, one) for one in _AUDITED_BY):
        raise InputError(
            f"{name} has a space, but neither sample(word, size, rng), which an audit by draws "
            f"needs, nor log_laws. {EXACT_EVIDENCE}"
        )
    if hasattr(mechanism, "log_laws"):
        _require_law(name, mechanism)
    claim, error = (getattr(mechanism, key, None) for key in ("claim", "sampler_error"))
    if error is not None and not _is_bound(error):
        raise InputError(
            f"sampler_error of {name} is {error!r}, but it must be a number of 0 or more, or None."
        )
    parameters = getattr(mechanism, "parameters", None)
    remarks = getattr(mechanism, "remarks", ())
    return _Completed(  # type: ignore[return-value]
        inner=mechanism,
        name=name,
        parameters=plain_parameters(
            parameters if isinstance(parameters, Mapping) else _arguments(mechanism)
        ),
        claim=None if claim is None else require_claim(claim, f"The claim of {name}"),
        sampler_error=None if error is None else float(error),
        remarks=tuple(map(str, remarks)) if isinstance(remarks, tuple | list) else (),
    )


def _is_bound(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and float(value) >= 0.0


def _require_law(name: str, mechanism: Any) -> None:
    error = getattr(mechanism, "log_law_error", None)
    if not callable(mechanism.log_laws):
        raise InputError(f"log_laws of {name} is no method. {EXACT_EVIDENCE}")
    if not _is_bound(error):
        raise InputError(
            f"{name} has log_laws, but its log_law_error is {error!r}, and it must be a number of "
            f"0 or more. {EXACT_EVIDENCE}"
        )


def _arguments(mechanism: Any) -> dict[str, Any]:
    """What the constructor was given, as far as attributes of the same names tell."""
    try:
        known = inspect.signature(type(mechanism)).parameters
    except (TypeError, ValueError):  # some classes in C do not tell
        return {}
    found = {key: getattr(mechanism, key, None) for key in known if key != "space"}
    return {key: value for key, value in found.items() if value is not None}
