"""`dpaudit audit`: one audit."""

import shlex
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from ..errors import InputError
from ..visible import json_text
from .claimed import claim_from, claim_of_black_box
from .inputs import Changes, Distance, Pair, Queries, input_pairs, word_pairs
from .options import (
    Bits,
    Epsilon,
    Features,
    Ignore,
    JsonFile,
    Name,
    OnException,
    Parameters,
    Quiet,
    Seed,
    Sequential,
    TimeLimit,
    Workers,
    is_given,
    number,
    parse_parameters,
    refuse_given,
)
from .outputs import STANDARD, Outputs, outputs
from .progress import progress_bar
from .space_options import BUILTIN, SpaceOptions, takes_space
from .streams import say
from .sweeps import run_sweep
from .targets import Target, canonical_pairs, find_target, import_attribute, length_parameter

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
_NOT_IN_SWEEPS = {
    "method": "--method",
    "pair": "--pair",
    "sequential": "--sequential",
    "bits": "--bits",
    "workers": "--workers",
    "time_limit": "--time-limit",
    "max_detectable": "--max-detectable",
    "expect_constant": "--expect-constant",
    "features": "--features",
    "ignore": "--ignore",
    "on_exception": "--on-exception",
    "certificate_file": "--certificate",
    "log_file": "--log",
    "verbose": "--verbose",
}

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
        float | None,
        typer.Option(
            "--alpha",
            metavar="NUMBER",
            parser=number,
            help="Error probability of a statistical audit, all in all; default: 0.05.",
        ),
    ] = None,
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
    time_limit: TimeLimit = None,
    features: Features = None,
    ignore: Ignore = None,
    on_exception: OnException = None,
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
    expect_constant: Annotated[
        bool,
        typer.Option(
            "--expect-constant",
            help="Every output may be the same; otherwise that is no pass (exit code 3).",
        ),
    ] = False,
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
    verbose: Annotated[
        bool,
        typer.Option("--verbose", "-v", help="Print everything that the result says."),
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Audit one mechanism: the true epsilon over all pairs of words with a witness, or, of anything
    that can be sampled, what draws show.

    --epsilon is the mechanism's parameter, and its claim unless --claim-epsilon says otherwise; a
    function or object of your own needs --claim-epsilon.
    Exit code 0: the claim is upheld, or draws did not refute it that would have refuted
    --max-detectable; 1: violated; 2: bad input; 3: undecided; 4: an internal error.

    Example: dpaudit audit metric-exponential --epsilon 12 --html report.html

    Example: dpaudit audit my_module:noisy_sum --claim-epsilon 1 --pair 0 1
    """
    files = {"--json": json_file, "--html": html_file, "--log": log_file}
    out = outputs(quiet, {**files, "--certificate": certificate_file}, space.files())
    if out.files.get("--certificate") == STANDARD:
        raise InputError("--certificate needs the name of a file: `dpaudit verify` reads it again.")
    from ..auditing import audit
    from ..completing import completed

    started = time.time()
    if method not in ("auto", "exact", "statistical"):
        raise InputError(f"--method is {method!r}, but it must be auto, exact or statistical.")
    target = find_target(name)
    _refuse(context, target)
    parameters = parse_parameters(epsilon, settings)
    if sweep is not None:
        refuse_given(context, _NOT_IN_SWEEPS, "goes with no --sweep.")
        vocabulary = space.load()
        code = run_sweep(
            sweep,
            lambda values: target.with_space(vocabulary, values),
            parameters,
            lambda own: claim_from(own.claim, claim, claim_epsilon, delta),
            {"alpha": alpha, "draws": draws, "seed": seed},
            out,
        )
        raise typer.Exit(code)
    mechanism: Any
    pairs: Any
    if target.words:
        vocabulary = space.load()
        mechanism = completed(target.with_space(vocabulary, parameters))
        checked = claim_from(mechanism.claim, claim, claim_epsilon, delta)
        pairs = word_pairs(pair, mechanism.space)
    else:
        mechanism = target.black_box(parameters)
        by = space.metric if is_given(context, "metric") else None
        checked = claim_of_black_box(mechanism, (claim, claim_epsilon, delta, by))
        if by is not None and checked.kind != "metric":
            raise InputError("--metric has no effect on a claim without one: add --claim metric.")
        _require_length(target, mechanism, queries)
        pairs = _pairs_of_black_box(
            target, mechanism, checked, input_pairs(pair, distance, queries, changes)
        )
        if workers is None and target.foreign:
            workers = 1  # code of the user's may crash or hang
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
            workers=workers,
            time_limit=time_limit,
            max_detectable=max_detectable,
            expect_constant=expect_constant,
            features=None if features is None else _function(features),
            ignore=ignore or None,
            on_exception=cast("Literal['stop', 'record'] | None", on_exception),
            progress=_timed(stages, started, show),
        )
    run = {
        "command": sys.argv[1:],
        "started": started,
        "seconds": time.time() - started,
        "stage_finished_after": stages,
    }
    _answer(result, out, verbose, certificate_file is not None)
    _write(result, out, run)
    raise typer.Exit(result.exit_code)


def _function(name: str) -> Any:
    """The function that --features names."""
    if ":" not in name:
        raise InputError(f"--features is {name!r}, but it must be package.module:function.")
    return import_attribute(name)


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


def _require_length(target: Target, mechanism: "Source", queries: int | None) -> None:
    """A mechanism of the catalogue takes inputs of one length, which is a parameter of it."""
    key = None if target.entry is None or queries is None else length_parameter(target.entry)
    if key is not None and mechanism.parameters[key] != queries:
        raise InputError(
            f"{target.name} takes {mechanism.parameters[key]} numbers, and --queries {queries} "
            f"does not change that: say --set {key}={queries}, and leave --queries out."
        )


def _refuse(context: typer.Context, target: Target) -> None:
    """Refuse options that were given and mean nothing for this mechanism."""
    kind = "a mechanism on words" if target.words else "a black box"
    options = _OF_BLACK_BOXES if target.words else _OF_WORDS
    refuse_given(context, options, f"means nothing for {target.name}, which is {kind}.")
    if is_given(context, "changes") and not is_given(context, "queries"):
        raise InputError("--changes goes with --queries, and has no effect without it.")


def _answer(result: "AuditResult", out: Outputs, verbose: bool, wanted: bool) -> None:
    """The answer for a person; `wanted`: a certificate was asked for."""
    from ..results import wording

    out.verdict(f"{wording.headline(result)}. {wording.comparison_sentence(result)}")
    if out.text:
        from ..reports import terminal

        written = [f"{option} {file}" for option, file in out.files.items() if file != STANDARD]
        rest = f"{', '.join(written)}" if written else "a page with --html FILE"
        rest = f"{rest}; everything in words with --verbose."
        terminal.show(result, verbose=verbose, rest=rest)
    if result.attack is not None and result.attack.interrupted:
        say("Interrupted: the result rests on the draws made until then.")
    if wanted and result.certificate is None:
        say(f"no certificate is written. {result.certification or result.reason or ''}")


def _write(result: "AuditResult", out: Outputs, run: dict[str, Any]) -> None:
    """Write the files that were asked for; `run` is for the log."""
    out.write("--json", result.to_json)
    if "--html" in out.files:
        from ..reports import page

        out.write("--html", lambda: page.render(result, _repeating(sys.argv[1:])))
    out.write("--log", lambda: json_text(run))


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
