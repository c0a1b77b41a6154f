"""Pairs of inputs on the command line: `--pair X NEIGHBOUR`, `--distance`, `--queries`."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from ..errors import InputError
from .options import number

if TYPE_CHECKING:
    from ..mechanisms.spaces import EmbeddingSpace

__all__ = [
    "Changes",
    "Distance",
    "Pair",
    "PairCommand",
    "Queries",
    "input_pairs",
    "joined_pairs",
    "value",
    "word_pairs",
]

Pair = Annotated[
    list[str] | None,
    typer.Option(
        "--pair",
        metavar="X NEIGHBOUR",
        help="Two inputs to audit by draws: words, or JSON values; may be repeated.",
    ),
]
Distance = Annotated[
    list[float] | None,
    typer.Option(
        "--distance",
        metavar="NUMBER",
        parser=number,
        help="Distance of the inputs of each --pair in a metric claim; numbers and vectors "
        "need none.",
    ),
]
Queries = Annotated[
    int | None,
    typer.Option(
        "--queries", help="Audit on the canonical neighbouring answers to so many queries."
    ),
]
Changes = Annotated[
    str,
    typer.Option(
        "--changes", help="With --queries: may every answer change between neighbours, or one?"
    ),
]


def joined_pairs(arguments: Sequence[str]) -> list[str]:
    """The arguments with both values of every --pair in one: Typer knows no option that takes two
    values and repeats.

    Examples
    --------
    >>> joined_pairs(["audit", "--pair", "0", "-1", "--quiet"])
    ['audit', '--pair', '["0", "-1"]', '--quiet']
    """
    found: list[str] = []
    waiting = list(arguments)
    while waiting:
        argument = waiting.pop(0)
        if argument == "--":
            return [*found, argument, *waiting]
        option, equals, first = argument.partition("=")
        if option != "--pair":
            found.append(argument)
            continue
        values = [first] if equals else []
        # An input that starts like an option is written as a JSON string.
        while len(values) < 2 and waiting and not waiting[0].startswith("--"):
            values.append(waiting.pop(0))
        if len(values) < 2:
            raise InputError("--pair needs two values, X and NEIGHBOUR, as in --pair 0 1.")
        found += ["--pair", json.dumps(values)]
    return found


class PairCommand(TyperCommand):
    """A command with the option --pair."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments after `joined_pairs`."""
        return super().parse_args(ctx, joined_pairs(args))


def value(text: str) -> Any:
    """An input from the command line: a JSON value, or else the text itself.

    Arrays become tuples, which a mechanism cannot change while it is audited.

    Examples
    --------
    >>> value("[1, [2.5, true]]"), value("yes"), value('"1"')
    ((1, (2.5, True)), 'yes', '1')
    """
    try:
        return _frozen(json.loads(text))
    except ValueError:
        return text


def _frozen(found: Any) -> Any:
    return tuple(map(_frozen, found)) if isinstance(found, list) else found


def input_pairs(
    pairs: list[str] | None,
    distances: list[float] | None,
    queries: int | None,
    changes: str = "every",
) -> tuple[Sequence[Any], ...] | None:
    """Pairs of inputs for a black box, or None if no option gives any.

    Parameters
    ----------
    pairs
        Values of --pair after `joined_pairs`.
    distances
        Values of --distance: none, or one for each of these pairs.
    queries
        Length of the canonical neighbouring answers that are added.
    changes
        "every" or "one" of them.

    Examples
    --------
    >>> input_pairs(['["a", "b"]'], [2.0], None)
    (('a', 'b', 2.0),)
    >>> input_pairs(None, None, 1)
    ((1, 2), (1, 0))
    """
    from ..statistical.pairs import neighbouring_answers

    if changes not in ("every", "one"):
        raise InputError(f"--changes is {changes!r}, but it must be every or one.")
    given: list[Sequence[Any]] = [tuple(map(value, json.loads(pair))) for pair in pairs or []]
    if distances:
        if len(distances) != len(given):
            raise InputError(
                f"--distance is given {len(distances)} times, but --pair {len(given)} times: each "
                "pair needs one, in the same order."
            )
        given = [(*pair, gap) for pair, gap in zip(given, distances, strict=True)]
    if queries is not None:
        given += neighbouring_answers(queries, every=changes == "every")
    return tuple(given) or None


def word_pairs(pairs: list[str] | None, space: "EmbeddingSpace") -> list[tuple[str, str]] | None:
    """Pairs of words of a vocabulary, written as they are or as JSON strings.

    Examples
    --------
    >>> from dpaudit.mechanisms.spaces import EmbeddingSpace
    >>> word_pairs(['["a", "1"]'], EmbeddingSpace(["a", "1"], [[0.0], [1.0]]))
    [('a', '1')]
    """
    if not pairs:
        return None
    words = frozenset(space.words)
    found = []
    for pair in pairs:
        first, second = (_word(text, words) for text in json.loads(pair))
        found.append((first, second))
    return found


def _word(text: str, words: frozenset[str]) -> str:
    plain = text if text in words else value(text)
    # What is no text is no word: the vocabulary says so in its own message.
    return plain if isinstance(plain, str) else text
