"""`dpaudit law`: the output law on one word."""

import json
import math
from typing import Annotated

import typer

from ..errors import InputError
from .options import (
    Epsilon,
    JsonFile,
    Name,
    Parameters,
    Quiet,
    UnusedSeed,
    build_mechanism,
    parse_parameters,
    write_output,
)
from .space_options import BUILTIN, SpaceOptions, takes_space

__all__ = ["command"]


@takes_space
def command(
    name: Name,
    word: Annotated[str, typer.Option("--word", "-w", help="The input word.")],
    epsilon: Epsilon = None,
    space: SpaceOptions = BUILTIN,
    settings: Parameters = None,
    top: Annotated[int, typer.Option("--top", min=1, help="Print so many outputs.")] = 20,
    seed: UnusedSeed = 0,
    json_file: JsonFile = None,
    quiet: Quiet = False,
) -> None:
    """Print the exact output law on one word, most likely output first.

    Example: dpaudit law metric-exponential --epsilon 12 --word doctor
    """
    import numpy as np

    from ..results.wording import probability

    vocabulary = space.load()
    mechanism = build_mechanism(name, vocabulary, parse_parameters(epsilon, settings))
    if not hasattr(mechanism, "log_law"):
        raise InputError(f"{name} has no exact law.")
    log_law = mechanism.log_law(word)
    distances = vocabulary.distance_rows(slice(i := vocabulary.index(word), i + 1))[0]
    order = np.argsort(-log_law, kind="stable")
    rows = [(vocabulary.words[i], float(distances[i]), float(log_law[i])) for i in order]
    if json_file:
        write_output(json_file, _to_json(mechanism.name, dict(mechanism.parameters), word, rows))
    if quiet or json_file == "-":
        return
    print(f"{mechanism.name}, input “{word}”: {len(rows):,} outputs, most likely first.\n")
    print(f"{'rank':>5}  {'probability':>12}  {'distance':>8}  output")
    for rank, (output, distance, value) in enumerate(rows[:top], start=1):
        print(f"{rank:>5}  {probability(value):>12}  {distance:>8.4g}  {output}")
    if len(rows) > top:
        rest = math.fsum(math.exp(value) for _, _, value in rows[top:])
        print(f"{'':>5}  {rest:>12.4g}  {'':>8}  all {len(rows) - top:,} others together")


def _to_json(
    name: str, parameters: dict[str, object], word: str, rows: list[tuple[str, float, float]]
) -> str:
    """Schema `dpaudit.law/1`: every output, with its log probability in nats."""
    outputs = [
        {
            "output": output,
            "distance": distance,
            "log_probability": value if math.isfinite(value) else "-inf",
        }
        for output, distance, value in rows
    ]
    data = {
        "schema": "dpaudit.law/1",
        "mechanism": {"name": name, "parameters": parameters},
        "input": word,
        "outputs": outputs,
    }
    return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
