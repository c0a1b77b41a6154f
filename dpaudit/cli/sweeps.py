"""`dpaudit audit --sweep`: audits at several values of a parameter."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from .options import progress_bar, write_output

if TYPE_CHECKING:
    from ..claims import Claim

__all__ = ["run_sweep"]


def run_sweep(
    text: str,
    build: Callable[[dict[str, Any]], Any],
    given: dict[str, Any],
    claim: Callable[[Any], "Claim"],
    options: dict[str, Any],
    outputs: tuple[str | None, str | None, bool],
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
    outputs
        Files for JSON and for the page, and whether to print nothing.
    """
    from ..sweeping import parse_values, sweep

    json_file, html_file, quiet = outputs
    parameter, values = parse_values(text)
    if parameter in given:
        raise InputError(f"{parameter} is given twice, once in --sweep.")
    with progress_bar(quiet) as show:
        found = sweep(
            lambda value: build({**given, parameter: value}),
            parameter,
            values,
            claim,
            (lambda part: show("audits", part)) if show else None,
            **options,
        )
    if json_file:
        write_output(json_file, found.to_json())
    if html_file:
        from ..reports import sweep as page

        write_output(html_file, page.render(found))
    if not quiet and json_file != "-":
        from ..reports import sweep as table

        table.show(found)
    return found.exit_code
