"""The command line: `dpaudit`, one module a subcommand.

Typer and rich are imported here, everything that computes when a command runs, so that
`dpaudit --help` answers at once.
"""

import os
import sys
from typing import Annotated

import typer

from .. import __version__
from ..errors import DPAuditError
from . import audit, law, mechanisms, privatize, prove, space, verify
from .inputs import PairCommand

__all__ = ["app", "main"]

app = typer.Typer(
    name="dpaudit",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help=(
        "Checks claims of differential privacy about mechanisms, above all those that privatise "
        "text word by word.\n\n"
        "Exit codes: 0 the claim is upheld (or the certificate verified), 1 it is violated (or "
        "rejected), 2 bad input, 3 undecided.\n\n"
        "Start with: dpaudit audit metric-exponential --epsilon 12"
    ),
)
app.command("mechanisms")(mechanisms.command)
app.command("audit", cls=PairCommand)(audit.command)
app.command("law")(law.command)
app.command("prove")(prove.command)
app.command("privatize")(privatize.command)
app.command("verify")(verify.command)
app.command("space")(space.command)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"dpaudit {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Entry point: errors of dpaudit become one sentence and exit code 2."""
    try:
        app()
    except DPAuditError as error:
        print(f"dpaudit: {error}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:
        # The reader of a pipe has gone (`| head`): nothing is left to say.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
