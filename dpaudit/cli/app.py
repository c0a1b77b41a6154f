"""The subcommands of `dpaudit`, as one Typer application."""

from typing import Annotated

import typer

from .. import __version__
from . import audit, law, mechanisms, privatize, prove, space, verify
from .inputs import PairCommand

__all__ = ["app"]

app = typer.Typer(
    name="dpaudit",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help=(
        "Checks claims of differential privacy about mechanisms, above all those that privatise "
        "text word by word.\n\n"
        "Exit codes: 0 the claim is upheld (or the certificate verified), 1 it is violated (or "
        "rejected), 2 bad input or an output that cannot be written, 3 undecided, 4 an internal "
        "error, 130 interrupted.\n\n"
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
        typer.Option(
            "--version", "-V", callback=_print_version, is_eager=True, help="Show the version."
        ),
    ] = False,
) -> None:
    pass
