"""Where a subcommand writes: files and standard output, looked at before the work begins."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..errors import InputError
from ..files import descriptor_of, require_writable, same_file, write_whole
from .streams import say, standard_output

__all__ = ["STANDARD", "Outputs", "outputs"]

#: How the command line writes standard input and standard output.
STANDARD = "-"


@dataclass(frozen=True)
class Outputs:
    """The outputs that a command line asks for, all of which can be written.

    Attributes
    ----------
    files
        By option; only those that were given. `STANDARD` is standard output.
    quiet
        Whether nothing but the verdict is wanted, and that on standard error.
    """

    files: Mapping[str, str]
    quiet: bool

    @property
    def text(self) -> bool:
        """Whether the answer for a person goes to standard output: unless a file does."""
        return not self.quiet and STANDARD not in self.files.values()

    def write(self, option: str, text: Callable[[], str]) -> None:
        """Write what `text` makes to the file of an option, if there is one."""
        target = self.files.get(option)
        if target is None:
            return
        made = text()
        if target == STANDARD:
            # Bytes, because a format for machines is UTF-8 whatever the terminal can show.
            with standard_output() as stream:
                stream.write(made.encode("utf-8"))
        else:
            write_whole(target, made)

    def verdict(self, line: str) -> None:
        """The verdict in one line, if nothing else is printed about it."""
        if self.quiet:
            say(line)


def outputs(
    quiet: bool, files: Mapping[str, str | None], inputs: Mapping[str, str | None] | None = None
) -> Outputs:
    """Check every output before the work begins.

    Parameters
    ----------
    quiet
        Value of --quiet.
    files, inputs
        Paths by option, None where one is not given. `STANDARD` is standard output for the former
        and standard input for the latter.

    Raises
    ------
    InputError
        If an output cannot be written, if two of them are one file, or if one is an input, under
        whatever name.
    """
    given = {
        option: STANDARD if file == STANDARD or descriptor_of(file) == 1 else file
        for option, file in files.items()
        if file is not None
    }
    for option, file in given.items():
        if not file:
            raise InputError(f"{option} is empty, but it must name a file.")
        if file != STANDARD:
            require_writable(file, option)
    named = list(given.items())
    if not quiet and STANDARD not in given.values():
        named.append(("Standard output", STANDARD))  # where the answer for a person goes
    for place, (option, file) in enumerate(named):
        for other, second in named[:place]:
            if file == second == STANDARD:
                raise InputError(
                    f"{other} and {option} both go to standard output, which can take only one of "
                    "them: name a file for the other."
                )
            if same_file(_path(file, 1), _path(second, 1)):
                raise InputError(f"{other} and {option} are the same file, {_shown(file, second)}.")
        for source, second_or_none in (inputs or {}).items():
            if second_or_none and same_file(_path(file, 1), _path(second_or_none, 0)):
                raise InputError(
                    f"{source} and {option} are the same file, {_shown(file, second_or_none)}: "
                    "the input would be lost."
                )
    return Outputs(given, quiet)


def _path(file: str, descriptor: int) -> str:
    return f"/dev/fd/{descriptor}" if file == STANDARD else file


def _shown(first: str, second: str) -> str:
    named = [file for file in (first, second) if file != STANDARD]
    return repr(named[0]) if named else "by redirection"
