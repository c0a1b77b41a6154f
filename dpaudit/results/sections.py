"""Which of its sentences a result shows, and in which order: the one home of that order.

`sections` has all of them, `answer` the few lines that a terminal shows first, `summary` is
`str(result)`, and `failure` what `raise_for_verdict` raises. Foreign text in them is visible.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..visible import visible
from .attack import attack_sentences
from .numerals import number
from .wording import (
    certification_sentence,
    claim_sentence,
    closed_form_sentence,
    comparison_sentence,
    constant_sentence,
    convergence_sentence,
    delta_sentence,
    headline,
    proof_sentence,
    proven_bound_sentence,
    reading_sentences,
    sampler_sentence,
    search_sentence,
    statistical_sentence,
    verdict_meaning,
    witness_sentence,
    worth_sentences,
    worth_warning,
)

if TYPE_CHECKING:
    from .model import AuditResult

__all__ = ["answer", "failure", "sections", "summary"]


def sections(result: AuditResult) -> list[tuple[str, str]]:
    """All that a result says, in order, as labels and sentences: what `print(result)` and
    `dpaudit audit --verbose` show. A sentence that goes on with a subject has no label.

    Foreign text in the sentences is visible.
    """
    found: list[tuple[str, list[str | None]]] = [
        ("", [verdict_meaning(result)]),
        ("Claim", [claim_sentence(result)]),
        ("True loss", [comparison_sentence(result), delta_sentence(result)]),
        ("Steps", [convergence_sentence(result)]),
        ("Test", [*attack_sentences(result)]),
        ("Witness", [witness_sentence(result)]),
        ("Why", [*result.explanation]),
        ("Formula", [closed_form_sentence(result)]),
        ("Bound", [proven_bound_sentence(result)]),
        ("Theorem", [proof_sentence(result)]),
        ("Warning", [worth_warning(result)]),
        ("Worth", [*worth_sentences(result)]),
        ("", [*result.mechanism.remarks]),
        ("Proof", [certification_sentence(result)]),
        ("Sampler", [sampler_sentence(result)]),
        ("Draws", [statistical_sentence(result), constant_sentence(result)]),
        ("Search", [search_sentence(result)]),
        ("Vectors", [*reading_sentences(result)]),
    ]
    rows = []
    for label, sentences in found:
        said = [visible(sentence) for sentence in sentences if sentence]
        rows += [("" if place else label, sentence) for place, sentence in enumerate(said)]
    return rows


def answer(result: AuditResult) -> list[tuple[str, str]]:
    """The answer in few lines: the claim against ε*, what it is worth, what it rests on, and the
    reason where nothing is decided. Foreign text is visible."""
    rows = [("Loss", comparison_sentence(result)), ("Worth", _worth(result))]
    if result.reason:
        rows.append(("Reason", result.reason))
    rows += [("", constant_sentence(result) or ""), ("Evidence", _evidence(result))]
    if result.draws is not None:
        rows.append(("Draws", statistical_sentence(result) or ""))
    # How a file was read is told with the rest, but for what was left out or looks odd.
    rows.append(("Vectors", " ".join(reading_sentences(result)[2:])))
    return [(label, visible(sentence)) for label, sentence in rows if sentence]


def _worth(result: AuditResult) -> str:
    statistics, space = result.statistics, result.space
    # Specification, section 3; the whole warning is among the sections.
    least = "ε·Δmin" if result.claim.kind == "metric" else "ε"
    weak = f" The promise alone does not hide one word: {least} > ln n."
    warning = weak if worth_warning(result) else ""
    if statistics is None or space is None:
        return warning.strip()
    return (
        f"A word is kept with probability {number(statistics.kept.mean)} on average; from one "
        "output the best guess names an input drawn uniformly from the vocabulary with "
        f"probability {number(statistics.bayes_vulnerability)} (without it: "
        f"{number(1 / space.words)}).{warning}"
    )


def _evidence(result: AuditResult) -> str:
    """What the verdict rests on, in a sentence or two: of a violation, its witness."""
    if result.reason:
        return ""
    if result.verdict.value == "violated" and result.attack:
        return f"{attack_sentences(result)[0]} {witness_sentence(result)}"
    if result.verdict.value == "violated" and result.witness:
        return witness_sentence(result)
    if result.certification and result.evidence == "certified":
        return certification_sentence(result) or ""
    return verdict_meaning(result)


def failure(result: AuditResult) -> str:
    """Why a result does not pass, for `raise_for_verdict`."""
    said = [headline(result), comparison_sentence(result)]
    if result.verdict.value == "not-refuted":
        said.append(
            constant_sentence(result)
            or f"These draws show too little: {statistical_sentence(result) or ''}"
        )
    if result.reason:
        said.append(result.reason)
    elif result.witness is not None:
        said.append(witness_sentence(result))
    return visible(". ".join(one.removesuffix(".") for one in said)) + "."


def summary(result: AuditResult) -> str:
    """The whole result as plain text, verdict first; foreign text in it is visible."""
    marked = (
        f"Warning: {sentence}" if label == "Warning" else sentence
        for label, sentence in sections(result)
    )
    return "\n".join([headline(result), *marked])
