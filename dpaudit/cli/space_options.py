"""Options of the commands that need a vocabulary, and the vocabulary that they name.

A command takes all of them as one argument, a `SpaceOptions`; `takes_space` shows them to Typer
one by one.
"""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from ..errors import InputError, MemoryNeededError, option

if TYPE_CHECKING:
    from ..mechanisms.spaces import EmbeddingSpace

__all__ = ["BUILTIN", "SpaceOptions", "takes_space"]

#: Options that say how a file is read, so that they mean nothing for the built-in space.
_OF_FILES = (
    "on_duplicate",
    "format",
    "delimiter",
    "dimension",
    "encoding",
    "on_bad_line",
    "vocabulary",
)


def _option(name: str, help: str, metavar: str | None = None) -> Any:
    return typer.Option(name, metavar=metavar, help=help)


@dataclass(frozen=True)
class SpaceOptions:
    """Which vocabulary, in which metric, and how its file is read (docs/spaces.md)."""

    space: Annotated[
        str, _option("--space", "`builtin`, or the path of an embedding file or pipe.")
    ] = "builtin"
    limit: Annotated[int | None, _option("--limit", "Use only the first so many words.")] = None
    metric: Annotated[
        str, _option("--metric", "Metric of the space: euclidean, manhattan, chebyshev or angular.")
    ] = "euclidean"
    on_duplicate: Annotated[
        str, _option("--on-duplicate", "`error`, or `drop` words repeated or of equal vector.")
    ] = "error"
    format: Annotated[
        str,
        _option(
            "--format",
            "Format of the file: auto, text, binary, npz, npy, safetensors, parquet or arrow.",
        ),
    ] = "auto"
    delimiter: Annotated[
        str | None,
        _option("--delimiter", "What separates the fields of text, if not blanks or tabs.", "TEXT"),
    ] = None
    dimension: Annotated[
        int | None, _option("--dimension", "Components of a vector, if text leaves it open.")
    ] = None
    encoding: Annotated[str, _option("--encoding", "Encoding of the words.")] = "utf-8"
    on_bad_line: Annotated[
        str, _option("--on-bad-line", "`error`, or `skip` bad lines of text and count them.")
    ] = "error"
    words: Annotated[
        str | None, _option("--words", "Use only the words of this file, one a line.", "FILE")
    ] = None
    multiword: Annotated[
        str,
        _option(
            "--multiword",
            "Words that no text can hold as one word: keep, exclude, or join by _ when written.",
        ),
    ] = "keep"
    normalize: Annotated[
        bool, _option("--normalize", "Divide every vector by its Euclidean length.")
    ] = False
    vocabulary: Annotated[
        str | None,
        _option("--vocabulary", "Words of a file that holds a matrix only, one a line.", "FILE"),
    ] = None

    def load(self) -> "EmbeddingSpace":
        """The built-in space or one from a file.

        Raises
        ------
        SpaceError
            If it cannot be read.
        InputError
            If an option has no such value, or means nothing for the built-in space.
        """
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        source = given.pop("space")
        try:
            return self._read(source, given)
        except MemoryError:
            raise MemoryNeededError(
                f"{source} does not fit in memory. Load fewer words ({option('limit')})."
            ) from None

    @staticmethod
    def _read(source: str, given: dict[str, Any]) -> "EmbeddingSpace":
        from ..mechanisms.spaces import EmbeddingSpace

        if source != "builtin":
            return EmbeddingSpace.load(source, **given)
        for field in fields(SpaceOptions):
            if field.name in _OF_FILES:
                value = given.pop(field.name)
                if value != field.default:
                    raise InputError(
                        f"{option(field.name)} has no effect on the built-in space: it says how a "
                        "file is read. Leave it out, or name a file (--space)."
                    )
        return EmbeddingSpace.builtin(**given)

    def files(self) -> dict[str, str | None]:
        """The files that are read, by option; an output must be none of them."""
        space = None if self.space == "builtin" else self.space
        return {"--space": space, "--words": self.words, "--vocabulary": self.vocabulary}

    def arguments(self) -> list[str]:
        """The options that are not at their defaults, as a command line gives them."""
        words: list[str] = []
        for field in fields(self):
            value = getattr(self, field.name)
            if value is True:
                words.append(f"--{field.name.replace('_', '-')}")
            elif value != field.default:
                words += [f"--{field.name.replace('_', '-')}", str(value)]
        return words


#: The whole built-in space: what commands use by default.
BUILTIN = SpaceOptions()


def takes_space(command: Callable[..., Any]) -> Callable[..., Any]:
    """Show a command's argument of type `SpaceOptions` to Typer as one option for each field.

    A command that has an argument `file` names the space by that instead of --space.
    """
    hints = get_type_hints(command, include_extras=True)
    of_space = get_type_hints(SpaceOptions, include_extras=True)
    by_file = "file" in hints
    shown = [field for field in fields(SpaceOptions) if not (by_file and field.name == "space")]
    parameters: list[inspect.Parameter] = []
    place = ""
    for parameter in inspect.signature(command).parameters.values():
        if hints.get(parameter.name) is not SpaceOptions:
            parameters.append(parameter.replace(annotation=hints[parameter.name]))
            continue
        place = parameter.name
        parameters += [
            inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=field.default,
                annotation=of_space[field.name],
            )
            for field in shown
        ]

    @functools.wraps(command)
    def flat(**given: Any) -> Any:
        values = {field.name: given.pop(field.name) for field in shown}
        if by_file:
            values["space"] = given["file"]
        given[place] = SpaceOptions(**values)
        return command(**given)

    keywords = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in parameters]
    flat.__signature__ = inspect.Signature(keywords)  # type: ignore[attr-defined]
    flat.__annotations__ = {p.name: p.annotation for p in keywords}
    del flat.__wrapped__
    return flat
