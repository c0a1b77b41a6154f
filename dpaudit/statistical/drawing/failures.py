"""A mechanism that fails: what happened, and the input on which it did."""

from typing import Any, Literal

from ...errors import DPAuditError

__all__ = ["Kind", "MechanismFailure", "shorten"]

Kind = Literal["raised", "hung", "crashed"]

_VERBS = {
    "raised": "raised an exception",
    "hung": "did not return",
    "crashed": "ended its process",
}


class MechanismFailure(DPAuditError):  # noqa: N818 - the mechanism's failure, not our error
    """A mechanism raised, hung or crashed: the audit is `inconclusive`.

    Attributes
    ----------
    kind
        "raised": an exception; "hung": no answer within the time limit; "crashed": the worker
        process ended (a signal, `os._exit`, the kernel when memory ran out).
    input
        The input of the call as text, at most 200 characters.
    message
        Type and text of the exception; the limit; the signal or the exit code.
    mechanism
        The name of the mechanism.
    drawn
        Outputs of the batch that were drawn before, as far as is known.

    Examples
    --------
    >>> print(MechanismFailure("raised", "[1, 2]", "ValueError: too short", "noisy_mean"))
    noisy_mean raised an exception on input [1, 2]: ValueError: too short
    """

    def __init__(
        self, kind: Kind, input: str, message: str, mechanism: str, drawn: int = 0
    ) -> None:
        # All of them in `args`: so the exception survives the way back from a worker process.
        super().__init__(kind, input, message, mechanism, drawn)
        self.kind = kind
        self.input = input
        self.message = message
        self.mechanism = mechanism
        self.drawn = drawn

    def __str__(self) -> str:
        return f"{self.mechanism} {_VERBS[self.kind]} on input {self.input}: {self.message}"


def shorten(value: Any, length: int = 200) -> str:
    """`repr(value)`, cut to `length` characters.

    Examples
    --------
    >>> shorten("a" * 300, 8)
    "'aaaa..."
    """
    try:
        text = repr(value)
    except Exception:  # a message about a failure must not fail
        text = f"<{type(value).__name__} without a repr>"
    return text if len(text) <= length else f"{text[: length - 3]}..."
