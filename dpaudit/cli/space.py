"""`dpaudit space`: how an embedding file is read, and whether its vectors mean something."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..visible import json_text, visible
from .options import JsonFile, Quiet, UnusedSeed
from .outputs import outputs
from .space_options import BUILTIN, SpaceOptions, takes_space

if TYPE_CHECKING:
    from ..mechanisms.spaces import EmbeddingSpace

__all__ = ["command"]

#: Words whose neighbours are shown, and of how many frequent words they are taken.
_SHOWN, _FREQUENT = 5, 1000


@takes_space
def command(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="An embedding file or pipe, or `builtin`.")
    ],
    space: SpaceOptions = BUILTIN,
    word: Annotated[
        list[str] | None,
        typer.Option("--word", "-w", help="Show the neighbours of this word; may be repeated."),
    ] = None,
    neighbours: Annotated[
        int, typer.Option("--neighbours", min=1, help="How many neighbours of each word.")
    ] = 5,
    seed: UnusedSeed = 0,
    json_file: JsonFile = None,
    quiet: Quiet = False,
) -> None:
    """Read an embedding file and print how it was read, with the neighbours of some words.

    Neighbours that mean something show at once that the vectors are those of the words.

    Example: dpaudit space vectors.txt --limit 20000 --word doctor
    """
    out = outputs(quiet, {"--json": json_file}, space.files())
    from ..mechanisms.spaces.tokens import is_one_token

    found = space.load()
    shown = word or _some_words(found)
    near = {one: found.neighbours(one, neighbours) for one in shown}
    never = [one for one in found.words if not is_one_token(one)]
    if out.text:
        _print(found, near, never)
    out.write("--json", lambda: _to_json(found, near, never))


def _print(
    found: "EmbeddingSpace", near: dict[str, list[tuple[str, float]]], never: list[str]
) -> None:
    from ..results.reading import count_of, named

    print(
        visible(
            f"{found.source}: {count_of(len(found), 'word')} of "
            f"{count_of(found.dimension, 'component')}, {found.metric} distance"
        )
    )
    for sentence in found.reading.sentences() if found.reading else []:
        print(f"  {sentence}")
    if never:
        print(
            f"  {count_of(len(never), 'word')} can never be read from a text, being not one token: "
            f"{named(never)}."
        )
    print(f"  sha256 {found.content_digest}")
    print(f"\nNearest words, by {found.metric} distance:")
    for one, others in near.items():
        listed = ", ".join(f"{visible(other)} {distance:.4g}" for other, distance in others)
        print(f"  {visible(one)}: {listed}")


def _some_words(space: "EmbeddingSpace") -> list[str]:
    """Words of four letters or more among the first ones, which are usually the frequent ones."""
    usual = [word for word in space.words[:_FREQUENT] if len(word) > 3 and word.isalpha()]
    usual = usual if len(usual) >= _SHOWN else list(space.words[:_FREQUENT])
    return usual[:: max(1, len(usual) // _SHOWN)][:_SHOWN]


def _to_json(
    space: "EmbeddingSpace", near: dict[str, list[tuple[str, float]]], never: list[str]
) -> str:
    """Schema `dpaudit.space/1`."""
    data: dict[str, Any] = {
        "schema": "dpaudit.space/1",
        "source": space.source,
        "words": len(space),
        "dimension": space.dimension,
        "metric": space.metric,
        "sha256": space.content_digest,
        "reading": space.reading.model_dump(mode="json") if space.reading else None,
        "never_inputs": {"count": len(never), "first": never[:5]},
        "neighbours": {
            word: [{"word": other, "distance": distance} for other, distance in others]
            for word, others in near.items()
        },
    }
    return json_text(data)
