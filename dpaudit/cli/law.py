"""`dpaudit law`: the output law on one word."""

import math
from typing import Annotated

import typer

from ..errors import InputError
from ..visible import json_text, visible
from .options import (
    Epsilon,
    JsonFile,
    Name,
    Parameters,
    Quiet,
    UnusedSeed,
    build_mechanism,
    parse_parameters,
)
from .outputs import outputs
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
    out = outputs(quiet, {"--json": json_file}, space.files())
    import numpy as np

    from ..completing import exact_evidence
    from ..results.wording import probability

    vocabulary = space.load()
    mechanism = build_mechanism(name, vocabulary, parse_parameters(epsilon, settings))
    if not hasattr(mechanism, "log_law"):
        raise InputError(
            f"{name} has no output law that can be computed, only one that can be drawn from: see "
            f"what draws tell by dpaudit audit {name}, or its outputs by dpaudit privatize {name}."
            f"{exact_evidence(mechanism)}"
        )
    vocabulary = mechanism.space
    log_law = mechanism.log_law(word)
    distances = vocabulary.distance_rows(slice(i := vocabulary.index(word), i + 1))[0]
    order = np.argsort(-log_law, kind="stable")
    rows = [(vocabulary.words[i], float(distances[i]), float(log_law[i])) for i in order]
    if out.text:
        shown = f"{mechanism.name}, input “{visible(word)}”"
        print(f"{shown}: {len(rows):,} outputs, most likely first.\n")
        print(f"{'rank':>5}  {'probability':>12}  {'distance':>8}  output")
        for rank, (output, distance, value) in enumerate(rows[:top], start=1):
            print(f"{rank:>5}  {probability(value):>12}  {distance:>8.4g}  {visible(output)}")
        if len(rows) > top:
            rest = math.fsum(math.exp(value) for _, _, value in rows[top:])
            print(f"{'':>5}  {rest:>12.4g}  {'':>8}  all {len(rows) - top:,} others together")
    parameters = dict(mechanism.parameters)
    out.write("--json", lambda: _to_json(mechanism.name, parameters, word, rows))


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
    return json_text(data)
