"""`dpaudit audit`: one audit."""

import json
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from ..errors import InputError
from .claimed import claim_from, claim_of_black_box
from .inputs import Changes, Distance, Pair, Queries, input_pairs, word_pairs
from .options import (
    Bits,
    Epsilon,
    JsonFile,
    Name,
    Parameters,
    Quiet,
    Seed,
    Sequential,
    TimeLimit,
    Workers,
    number,
    parse_parameters,
    progress_bar,
    write_output,
)
from .space_options import BUILTIN, SpaceOptions, takes_space
from .sweeps import run_sweep
from .targets import Target, canonical_pairs, find_target

if TYPE_CHECKING:
    from ..claims import Claim
    from ..results import AuditResult
    from ..statistical.drawing import Source

__all__ = ["command"]

#: Options, as Typer names them, that say something about words or about black boxes only.
_OF_WORDS = {
    **{
        field.name: f"--{field.name.replace('_', '-')}"
        for field in fields(SpaceOptions)
        if field.name != "metric"
    },
    "certificate_file": "--certificate",
    "sweep": "--sweep",
}
_OF_BLACK_BOXES = {"distance": "--distance", "queries": "--queries", "changes": "--changes"}

#: What does not belong into the command that repeats an audit.
_OUTPUTS = ("--json", "--html", "--log", "--certificate")


@takes_space
def command(
    context: typer.Context,
    name: Name,
    epsilon: Epsilon = None,
    space: SpaceOptions = BUILTIN,
    settings: Parameters = None,
    method: Annotated[
        str,
        typer.Option(
            "--method",
            help="auto (certified where that takes at most a minute, by draws where there is no "
            "law), exact, or statistical (by draws).",
        ),
    ] = "auto",
    claim: Annotated[
        str | None,
        typer.Option("--claim", help="pure, approximate or metric; default: the mechanism's own."),
    ] = None,
    claim_epsilon: Annotated[
        float | None,
        typer.Option(
            "--claim-epsilon", metavar="NUMBER", parser=number, help="Check this epsilon instead."
        ),
    ] = None,
    delta: Annotated[
        float | None,
        typer.Option(
            "--delta", metavar="NUMBER", parser=number, help="Failure mass that the claim allows."
        ),
    ] = None,
    pair: Pair = None,
    distance: Distance = None,
    queries: Queries = None,
    changes: Changes = "every",
    alpha: Annotated[
        float,
        typer.Option(
            "--alpha",
            metavar="NUMBER",
            parser=number,
            help="Error probability of a statistical audit, all in all.",
        ),
    ] = 0.05,
    draws: Annotated[
        int | None,
        typer.Option(
            "--draws",
            help="What is drawn all in all; default: 1,000,000 outputs, or 100,000 directions of "
            "radial noise.",
        ),
    ] = None,
    sequential: Sequential = False,
    bits: Bits = False,
    workers: Workers = None,
    time_limit: TimeLimit = 60.0,
    max_detectable: Annotated[
        float | None,
        typer.Option(
            "--max-detectable",
            metavar="NUMBER",
            parser=number,
            help="Exit with 0 on “not refuted” if an epsilon this large would have been refuted; "
            "default: twice the claim.",
        ),
    ] = None,
    sweep: Annotated[
        str | None,
        typer.Option(
            "--sweep",
            metavar="KEY=FIRST:LAST:COUNT",
            help="Audit at so many values of a parameter and show what each is worth.",
        ),
    ] = None,
    seed: Seed = 0,
    json_file: JsonFile = None,
    certificate_file: Annotated[
        str | None,
        typer.Option(
            "--certificate",
            metavar="FILE",
            help="Write a proof of the verdict that `dpaudit verify` checks, however long it takes "
            "to make.",
        ),
    ] = None,
    html_file: Annotated[
        str | None, typer.Option("--html", metavar="FILE", help="Write a page to look at.")
    ] = None,
    log_file: Annotated[
        str | None, typer.Option("--log", metavar="FILE", help="Write the times of the run.")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Audit one mechanism: the true epsilon over all pairs of words with a witness, or, of anything
    that can be sampled, what draws show.

    --epsilon is the mechanism's parameter, and its claim unless --claim-epsilon says otherwise; a
    function or object of your own needs --claim-epsilon.
    Exit code 0: the claim is upheld, or draws did not refute it that would have refuted
    --max-detectable; 1: violated; 2: bad input; 3: undecided.

    Example: dpaudit audit metric-exponential --epsilon 12 --html report.html

    Example: dpaudit audit my_module:noisy_sum --claim-epsilon 1 --pair 0 1
    """
    from ..auditing import audit

    started = time.time()
    if method not in ("auto", "exact", "statistical"):
        raise InputError(f"--method is {method!r}, but it must be auto, exact or statistical.")
    if max_detectable is not None and not max_detectable > 0.0:
        raise InputError(f"--max-detectable is {max_detectable:g}, but it must be above 0.")
    target = find_target(name)
    _refuse(context, target)
    parameters = parse_parameters(epsilon, settings)
    pairs: Any
    if target.words:
        vocabulary = space.load()
        if sweep is not None:
            if certificate_file or log_file or pair or sequential:
                raise InputError(
                    "--sweep goes with none of --certificate, --log, --pair and --sequential."
                )
            code = run_sweep(
                sweep,
                lambda values: target.with_space(vocabulary, values),
                parameters,
                lambda own: claim_from(own.claim, claim, claim_epsilon, delta),
                {"alpha": alpha, "draws": draws, "seed": seed},
                (json_file, html_file, quiet),
            )
            raise typer.Exit(code)
        mechanism = target.with_space(vocabulary, parameters)
        checked = claim_from(getattr(mechanism, "claim", None), claim, claim_epsilon, delta)
        pairs = word_pairs(pair, vocabulary)
    else:
        source = context.get_parameter_source("metric")
        by = space.metric if source is not None and source.name == "COMMANDLINE" else None
        mechanism = target.black_box(parameters)
        checked = claim_of_black_box(mechanism, (claim, claim_epsilon, delta, by))
        pairs = _pairs_of_black_box(
            target, mechanism, checked, input_pairs(pair, distance, queries, changes)
        )
    stages: dict[str, float] = {}
    with progress_bar(quiet) as show:
        result = audit(
            mechanism,
            checked,
            pairs=pairs,
            method=cast("Literal['auto', 'exact', 'statistical']", method),
            certificate=certificate_file,
            alpha=alpha,
            draws=draws,
            seed=seed,
            sequential=sequential,
            bits=bits,
            workers=int(target.foreign) if workers is None else workers,
            time_limit=time_limit,
            progress=_timed(stages, started, show),
        )
    if certificate_file and result.certificate is None:
        print(f"dpaudit: no certificate is written. {result.certification}", file=sys.stderr)
    run = {
        "command": sys.argv[1:],
        "started": started,
        "seconds": time.time() - started,
        "stage_finished_after": stages,
    }
    _write(result, json_file, html_file, log_file, run)
    if not quiet and json_file != "-":
        from ..reports import terminal

        terminal.show(result)
    if max_detectable is None:
        raise typer.Exit(result.exit_code)
    raise typer.Exit(result.exit_code_within(max_detectable))


def _pairs_of_black_box(
    target: Target,
    mechanism: "Source",
    claim: "Claim",
    given: tuple[Sequence[Any], ...] | None,
) -> tuple[Sequence[Any], ...]:
    """The pairs that were given, or those that a mechanism of the catalogue brings along."""
    if given is None and target.entry is not None:
        return canonical_pairs(target.entry, mechanism)
    if given is None:
        raise InputError(
            f"{target.name} is a black box: say on which inputs to audit it, as in --pair 0 1, or "
            "--queries 10 for neighbouring answers to ten queries."
        )
    if claim.kind != "metric" and any(len(pair) == 3 for pair in given):
        raise InputError("--distance means nothing but for a metric claim (--claim metric).")
    return given


def _refuse(context: typer.Context, target: Target) -> None:
    """Refuse options that were given and mean nothing for this mechanism."""
    kind = "a mechanism on words" if target.words else "a black box"
    for key, option in (_OF_BLACK_BOXES if target.words else _OF_WORDS).items():
        source = context.get_parameter_source(key)
        if source is not None and source.name == "COMMANDLINE":
            raise InputError(f"{option} means nothing for {target.name}, which is {kind}.")


def _write(
    result: "AuditResult",
    json_file: str | None,
    html_file: str | None,
    log_file: str | None,
    run: dict[str, Any],
) -> None:
    """Write the files that were asked for; `run` is for the log."""
    if json_file:
        write_output(json_file, result.to_json())
    if html_file:
        from ..reports import page

        write_output(html_file, page.render(result, _repeating(sys.argv[1:])))
    if log_file:
        write_output(log_file, json.dumps(run, indent=2) + "\n")


def _repeating(arguments: list[str]) -> str:
    """The command that repeats an audit by draws: the one that was given, but for its outputs.

    Examples
    --------
    >>> _repeating(["audit", "m:f", "--pair", "[1, 2]", "b", "--html", "f.html", "-q"])
    "dpaudit audit m:f --pair '[1, 2]' b"
    """
    kept: list[str] = []
    skip = False
    for argument in arguments:
        option = argument.partition("=")[0]
        if skip or option in ("--quiet", "-q"):
            skip = False
        elif option in _OUTPUTS:
            skip = option == argument
        else:
            kept.append(argument)
    return shlex.join(["dpaudit", *kept])


def _timed(
    stages: dict[str, float], started: float, show: Callable[[str, float], None] | None
) -> Callable[[str, float], Any]:
    def report(stage: str, part: float) -> None:
        stages[stage] = time.time() - started
        if show:
            show(stage, part)

    return report
