"""Exit codes of the command line, and which one several audits have together."""

from collections.abc import Iterable
from enum import IntEnum

__all__ = ["ExitCode", "worst"]


class ExitCode(IntEnum):
    """What a run of `dpaudit` ends with.

    PASSED: upheld, proved, verified, or not refuted by draws that would have refuted
    `max_detectable`. VIOLATED: violated, refuted, rejected. BAD_INPUT: an argument or a file is
    unusable, or an output cannot be written. UNDECIDED: inconclusive, open, or not refuted by draws
    that show too little. INTERNAL_ERROR: a fault of dpaudit itself, or memory that ran out: no
    audit decided anything. INTERRUPTED: stopped from the keyboard, as shells write it.
    """

    PASSED = 0
    VIOLATED = 1
    BAD_INPUT = 2
    UNDECIDED = 3
    INTERNAL_ERROR = 4
    INTERRUPTED = 130


_WORST_FIRST = (
    ExitCode.INTERRUPTED,
    ExitCode.INTERNAL_ERROR,
    ExitCode.BAD_INPUT,
    ExitCode.VIOLATED,
    ExitCode.UNDECIDED,
    ExitCode.PASSED,
)


def worst(codes: Iterable[int]) -> ExitCode:
    """The exit code of several audits: 4 before 2 before 1 before 3 before 0.

    A run in which something failed must not look decided, and one in which a claim is violated
    must not look undecided.

    Examples
    --------
    >>> worst([0, 3, 1]).name, worst([1, 2]).name, worst([]).name
    ('VIOLATED', 'BAD_INPUT', 'PASSED')
    """
    found = set(codes)
    return next((code for code in _WORST_FIRST if code in found), ExitCode.PASSED)
