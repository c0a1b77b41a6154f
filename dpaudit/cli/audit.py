"""`dpaudit audit`: one audit."""

import json
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from ..errors import InputError
from .options import (
    Epsilon,
    JsonFile,
    Limit,
    Metric,
    Name,
    OnDuplicate,
    Parameters,
    Quiet,
    Seed,
    Space,
    build_mechanism,
    load_space,
    number,
    parse_parameters,
    progress_bar,
    write_output,
)

if TYPE_CHECKING:
    from ..claims import Claim

__all__ = ["command"]

#: How a claim in another currency becomes one that can be audited.
_CONVERSIONS = {
    "zcdp": "ρ-zCDP implies approximate DP with ε = ρ + 2·sqrt(ρ·ln(1/δ)) for every δ "
    "(Bun and Steinke 2016, proposition 1.3)",
    "renyi": "(α, ε)-Rényi DP implies approximate DP with ε + ln(1/δ)/(α - 1) for every δ "
    "(Mironov 2017, proposition 3)",
    "gaussian": "μ-Gaussian DP implies approximate DP with δ(ε) = Φ(-ε/μ + μ/2) - "
    "e^ε·Φ(-ε/μ - μ/2) (Dong, Roth and Su 2022, corollary 2.13)",
}
_CONVERSIONS["rdp"] = _CONVERSIONS["renyi"]
_CONVERSIONS["gdp"] = _CONVERSIONS["gaussian"]


def command(
    name: Name,
    epsilon: Epsilon = None,
    space: Space = "builtin",
    limit: Limit = None,
    metric: Metric = "euclidean",
    on_duplicate: OnDuplicate = "error",
    settings: Parameters = None,
    method: Annotated[
        str,
        typer.Option(
            "--method",
            help="auto (certified where that takes at most a minute), exact, or statistical (of "
            "mechanisms without an exact law).",
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
        typer.Option("--draws", help="What a statistical audit draws; default: 100,000."),
    ] = None,
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
    """Audit one mechanism: the true epsilon over all pairs of words, with a witness.

    --epsilon is the mechanism's parameter, and its claim unless --claim-epsilon says otherwise.
    Exit code 0: the claim is upheld, or draws did not refute it that would have refuted
    --max-detectable; 1: violated; 2: bad input; 3: undecided.

    Example: dpaudit audit metric-exponential --epsilon 12 --html report.html
    """
    from ..auditing import audit

    started = time.time()
    vocabulary = load_space(space, limit, metric, on_duplicate)
    if sweep is not None:
        if certificate_file or log_file:
            raise InputError("--sweep goes with neither --certificate nor --log.")
        given = parse_parameters(epsilon, settings)
        code = _sweep(
            sweep,
            lambda key, value: build_mechanism(name, vocabulary, _with(given, key, value)),
            lambda own: _claim(own.claim, claim, claim_epsilon, delta),
            {"alpha": alpha, "draws": draws, "seed": seed},
            (json_file, html_file, quiet),
        )
        raise typer.Exit(code)
    mechanism = build_mechanism(name, vocabulary, parse_parameters(epsilon, settings))
    if not hasattr(mechanism, "claim"):
        raise InputError(
            f"{name} has no exact law and makes no claim, and mechanisms that can only be sampled "
            "cannot be audited yet."
        )
    checked = _claim(mechanism.claim, claim, claim_epsilon, delta)
    if method not in ("auto", "exact", "statistical"):
        raise InputError(f"--method is {method!r}, but it must be auto, exact or statistical.")
    if max_detectable is not None and not max_detectable > 0.0:
        raise InputError(f"--max-detectable is {max_detectable:g}, but it must be above 0.")
    stages: dict[str, float] = {}
    with progress_bar(quiet) as show:
        result = audit(
            mechanism,
            checked,
            method=cast("Literal['auto', 'exact', 'statistical']", method),
            certificate=certificate_file,
            alpha=alpha,
            draws=draws,
            seed=seed,
            progress=_timed(stages, started, show),
        )
    if certificate_file and result.certificate is None:
        print(f"dpaudit: no certificate is written. {result.certification}", file=sys.stderr)
    if json_file:
        write_output(json_file, result.to_json())
    if html_file:
        from ..reports import page

        write_output(html_file, page.render(result))
    if log_file:
        run = {
            "command": sys.argv[1:],
            "started": started,
            "seconds": time.time() - started,
            "stage_finished_after": stages,
        }
        write_output(log_file, json.dumps(run, indent=2) + "\n")
    if not quiet and json_file != "-":
        from ..reports import terminal

        terminal.show(result)
    if max_detectable is None:
        raise typer.Exit(result.exit_code)
    raise typer.Exit(result.exit_code_within(max_detectable))


def _with(parameters: dict[str, Any], key: str, value: float) -> dict[str, Any]:
    if key in parameters:
        raise InputError(f"{key} is given twice, once in --sweep.")
    return {**parameters, key: value}


def _sweep(
    text: str,
    build: Callable[[str, float], Any],
    claim: Callable[[Any], "Claim"],
    options: dict[str, Any],
    outputs: tuple[str | None, str | None, bool],
) -> int:
    """Audit at several values of a parameter; returns the exit code."""
    from ..sweeping import parse_values, sweep

    json_file, html_file, quiet = outputs
    parameter, values = parse_values(text)
    with progress_bar(quiet) as show:
        found = sweep(
            lambda value: build(parameter, value),
            parameter,
            values,
            claim,
            (lambda part: show("audits", part)) if show else None,
            **options,
        )
    if json_file:
        write_output(json_file, found.to_json())
    if html_file:
        from ..reports import sweep as page

        write_output(html_file, page.render(found))
    if not quiet and json_file != "-":
        from ..reports import sweep as table

        table.show(found)
    return found.exit_code


def _claim(
    own: "Claim | None", kind: str | None, epsilon: float | None, delta: float | None
) -> "Claim":
    """The mechanism's claim with whatever the command line changes about it."""
    from ..claims import ApproximateDP, MetricDP, PureDP

    if own is None and epsilon is None:
        raise InputError("The mechanism makes no claim: say which one to check (--claim-epsilon).")
    if kind is None and own is None:
        raise InputError("The mechanism makes no claim: say of which kind (--claim).")
    if kind is None and own is not None:
        kind = "approximate" if delta and own.kind == "pure" else own.kind
    assert kind is not None
    if kind.lower() in _CONVERSIONS:
        raise InputError(
            f"--claim {kind} is not supported yet. Convert the claim first: "
            f"{_CONVERSIONS[kind.lower()]}."
        )
    if own and kind == own.kind and epsilon is None and delta is None:
        return own
    value = epsilon if epsilon is not None else own.epsilon if own else 0.0
    if kind == "metric":
        metric = own.metric if own else None
        return MetricDP(value, delta or 0.0, metric)
    if kind == "approximate":
        if delta is None:
            raise InputError("--claim approximate needs --delta.")
        return ApproximateDP(value, delta, neighbouring="any two different words")
    if kind == "pure":
        if delta:
            raise InputError("--claim pure allows no --delta; use --claim approximate.")
        return PureDP(value, neighbouring="any two different words")
    raise InputError(f"--claim is {kind!r}, but it must be pure, approximate or metric.")


def _timed(
    stages: dict[str, float], started: float, show: Callable[[str, float], None] | None
) -> Callable[[str, float], Any]:
    def report(stage: str, part: float) -> None:
        stages[stage] = time.time() - started
        if show:
            show(stage, part)

    return report
