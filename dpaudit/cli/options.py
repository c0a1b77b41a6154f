"""Options and building steps that several subcommands share."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InputError

if TYPE_CHECKING:
    from ..mechanisms.spaces import EmbeddingSpace

__all__ = [
    "Bits",
    "Epsilon",
    "Features",
    "Ignore",
    "JsonFile",
    "Name",
    "OnException",
    "Parameters",
    "Quiet",
    "Seed",
    "Sequential",
    "TimeLimit",
    "UnusedSeed",
    "Workers",
    "build_mechanism",
    "is_given",
    "number",
    "parse_parameters",
    "refuse_given",
]


def mechanism_names(incomplete: str) -> list[str]:
    """Names of mechanisms that begin like this, for the completion of shells."""
    from ..mechanisms.numbers.catalogue import NUMBERS
    from ..mechanisms.registry import MECHANISMS

    return [name for name in (*MECHANISMS, *NUMBERS) if name.startswith(incomplete)]


Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        autocompletion=mechanism_names,
        help="A mechanism of `dpaudit mechanisms`, or package.module:attribute of your own, "
        "looked up in the current folder too.",
    ),
]


def number(text: str) -> float:
    """A number from the command line; whether it is in range is for the claim to say."""
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a number.") from None


Epsilon = Annotated[
    float | None,
    typer.Option(
        "--epsilon", "-e", metavar="NUMBER", parser=number, help="The mechanism's parameter."
    ),
]
Parameters = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Another parameter; may be repeated."),
]
JsonFile = Annotated[
    str | None, typer.Option("--json", metavar="FILE", help="Write JSON; - is standard output.")
]
Seed = Annotated[
    int,
    typer.Option(
        "--seed", min=0, help="Fixes whatever is drawn at random, such as the pairs in the figures."
    ),
]
UnusedSeed = Annotated[
    int, typer.Option("--seed", min=0, help="Accepted everywhere; nothing is random here.")
]
Sequential = Annotated[
    bool,
    typer.Option(
        "--sequential", help="Bet on every draw and stop as soon as the claim is refuted."
    ),
]
Bits = Annotated[
    bool,
    typer.Option("--bits", help="Look at the last bits of floating-point outputs too."),
]
Features = Annotated[
    str | None,
    typer.Option(
        "--features",
        metavar="PACKAGE.MODULE:FUNCTION",
        help="A function of one output of a black box, whose value is looked at beside the output.",
    ),
]
Ignore = Annotated[
    list[str] | None,
    typer.Option(
        "--ignore",
        metavar="PATH",
        help="Leave a part of the outputs of a black box out because nobody sees it, as in "
        "'output[\"id\"]'; may be repeated.",
    ),
]
OnException = Annotated[
    str | None,
    typer.Option(
        "--on-exception",
        metavar="stop|record",
        help="Of a black box: stop (default), or record an exception, or no answer in time, as an "
        "output.",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=0,
        help="Processes that call the mechanism; 0: this one. Default: 1 for code of your "
        "own, which may crash or hang, otherwise 0.",
    ),
]
TimeLimit = Annotated[
    float | None,
    typer.Option(
        "--time-limit",
        metavar="SECONDS",
        parser=number,
        help="For one call of a mechanism that is drawn from; default: 60.",
    ),
]
Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet", "-q", help="Print nothing but errors and the verdict, on standard error."
    ),
]


def parse_parameters(epsilon: float | None, settings: list[str] | None) -> dict[str, Any]:
    """Parameters from --epsilon and --set; values are JSON, or else plain text."""
    parameters: dict[str, Any] = {} if epsilon is None else {"epsilon": epsilon}
    for setting in settings or []:
        key, equals, value = setting.partition("=")
        if not (key and equals):
            raise InputError(f"--set is {setting!r}, but it must look like key=value.")
        if key in parameters:
            raise InputError(f"The parameter {key!r} is given twice.")
        try:
            parameters[key] = json.loads(value)
        except ValueError:
            parameters[key] = value
    return parameters


def build_mechanism(name: str, space: "EmbeddingSpace", parameters: dict[str, Any]) -> Any:
    """The word mechanism of a name in the registry, or of package.module:attribute."""
    from .targets import find_target

    target = find_target(name)
    if not target.words:
        raise InputError(
            f"{name} is no mechanism on words, and this command needs one: `dpaudit mechanisms` "
            "lists them."
        )
    from ..completing import completed

    return completed(target.with_space(space, parameters))


def refuse_given(context: typer.Context, options: Mapping[str, str], why: str) -> None:
    """Refuse options that stand on the command line and would have no effect.

    Parameters
    ----------
    context
        Of the command.
    options
        As Typer names them, to as the user writes them.
    why
        Goes on after “--option ”.
    """
    for key, option in options.items():
        if is_given(context, key):
            raise InputError(f"{option} {why}")


def is_given(context: typer.Context, key: str) -> bool:
    """Whether an option stands on the command line, whatever its value."""
    source = context.get_parameter_source(key)
    return source is not None and source.name == "COMMANDLINE"
