"""`dpaudit audit --sweep`: audits at several values of a parameter."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from .outputs import Outputs
from .progress import progress_bar

if TYPE_CHECKING:
    from ..claims import Claim

__all__ = ["run_sweep"]


def run_sweep(
    text: str,
    build: Callable[[dict[str, Any]], Any],
    given: dict[str, Any],
    claim: Callable[[Any], "Claim"],
    options: dict[str, Any],
    out: Outputs,
) -> int:
    """Audit at several values of a parameter and write what was found; returns the exit code.

    Parameters
    ----------
    text
        “name=first:last:count”.
    build, given
        From parameters to a mechanism, and those that are the same in all audits.
    claim
        The claim to check about a mechanism.
    options
        Of `audit`.
    out
        Where JSON and the page go, and whether to print nothing.
    """
    from ..sweeping import parse_values, sweep

    parameter, values = parse_values(text)
    if parameter in given:
        raise InputError(f"{parameter} is given twice, once in --sweep.")
    with progress_bar(out.quiet) as show:
        found = sweep(
            lambda value: build({**given, parameter: value}),
            parameter,
            values,
            claim,
            (lambda part: show("audits", part)) if show else None,
            **options,
        )
    out.verdict(found.headline)
    if out.text:
        from ..reports import sweep as table

        table.show(found)
    out.write("--json", found.to_json)
    if "--html" in out.files:
        from ..reports import sweep as page

        out.write("--html", lambda: page.render(found))
    return found.exit_code
