"""From a command line to an exit code, whatever happens in between.

The verdict decides the exit code, and nothing else may look like one: errors of the user are 2,
faults of dpaudit 4 (`exit_codes`). Nothing heavy is imported before `main` runs, so that a
failing import is caught as well.
"""

import os
import sys
import tempfile
import traceback
from collections.abc import Sequence

from .. import __version__
from ..errors import DPAuditError, InputError, NumericalError, on_command_line
from ..exit_codes import ExitCode
from ..visible import visible
from .streams import finish, say, steady_streams

__all__ = ["main"]


def main() -> None:
    """Run `dpaudit` with the arguments of the process and end with its exit code."""
    with on_command_line(), steady_streams():
        code = _run(sys.argv[1:])
        try:
            finish()
        except InputError as error:
            say(str(error))
            code = ExitCode.BAD_INPUT
    sys.exit(code)


def _run(arguments: Sequence[str]) -> int:
    try:
        return _command(arguments)
    except SystemExit as end:  # by code that was asked to end by a signal
        return end.code if isinstance(end.code, int) else ExitCode.INTERNAL_ERROR
    except KeyboardInterrupt:
        say("Interrupted: nothing was decided.")
        return ExitCode.INTERRUPTED
    except InputError as error:
        say(str(error))
        return ExitCode.BAD_INPUT
    except NumericalError as error:
        say(f"{error} Nothing was decided.")
        return ExitCode.UNDECIDED
    except MemoryError:
        say(
            "Memory ran out: nothing was decided. Use fewer words (--limit) or fewer draws "
            "(--draws), or a machine with more memory."
        )
        return ExitCode.INTERNAL_ERROR
    except BaseException as error:
        say(_report(error))
        return ExitCode.INTERNAL_ERROR


def _command(arguments: Sequence[str]) -> int:
    """Run the subcommand that the arguments name; what the user typed wrongly is an InputError."""
    import typer

    from .app import app

    command = typer.main.get_command(app)
    if "_DPAUDIT_COMPLETE" in os.environ:  # a shell that asks what could come next
        command(prog_name="dpaudit")
    # By name: depending on its version, Typer brings a copy of Click or uses the original.
    usage: type[Exception] = next(
        one for one in typer.BadParameter.__mro__ if one.__name__ == "ClickException"
    )
    try:
        with command.make_context("dpaudit", list(arguments)) as context:
            command.invoke(context)
    except typer.Exit as end:
        return end.exit_code
    except typer.Abort:
        raise KeyboardInterrupt from None
    except usage as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error)
            return ExitCode.BAD_INPUT
        raise _usage_error(error) from None
    return ExitCode.PASSED


def _usage_error(error: Exception) -> InputError:
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "dpaudit"
    message = error.format_message() if hasattr(error, "format_message") else str(error)
    end = "" if message.endswith((".", "?")) else "."
    return InputError(f"{message}{end} See {path} --help.")


def _report(error: BaseException) -> str:
    """What to say about a fault of dpaudit; the traceback goes to a file of its own."""
    known = isinstance(error, DPAuditError)
    what = str(error) if known else f"{type(error).__name__}: {visible(str(error))}"
    start = f"Internal error, and no verdict: {what}{'' if what.endswith('.') else '.'}"
    details = "".join(traceback.format_exception(error))
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", errors="backslashreplace", prefix="dpaudit-", suffix=".txt",
            delete=False,
        ) as file:  # fmt: skip
            file.write(f"dpaudit {__version__}, Python {sys.version}\n{details}")
        where = f"the details in {file.name}"
    except OSError:
        print(visible(details, lines=True), file=sys.stderr)
        where = "the details above"
    return (
        f"{start} Please report this to the maintainers of dpaudit, with the command that you gave "
        f"and {where}."
    )
