"""Audits and theorems: which one speaks about a mechanism, and what happens if they disagree."""

import json
import subprocess
import sys

import pytest

from dpaudit import EmbeddingSpace, MetricDP, PureDP, audit, mechanisms, proofstatus
from dpaudit.mechanisms.numbers import NUMBERS
from dpaudit.mechanisms.protocol import EpsilonUpperBound
from dpaudit.proofs import standing
from dpaudit.proofs.theorems import Entry
from dpaudit.proofstatus import contradicts_proof, proof_record
from dpaudit.proven import contradiction
from dpaudit.reports import page
from dpaudit.results import AuditResult, ClosedFormRecord, Interval, ProofRecord, wording

SPACE = EmbeddingSpace(["a", "b", "c", "d"], [[0.0], [1.0], [3.0], [3.5]])
EXPONENTIAL = mechanisms.MetricExponential(SPACE, 2.0)
NEAREST = mechanisms.NearestTruncatedExponential(SPACE, 2.0, k=2)


@pytest.fixture
def planted(monkeypatch):
    """Replaces the catalogue; every theorem in it has the status that is expected of it."""

    def plant(*entries: Entry) -> None:
        statuses = {
            entry.name: ProofRecord(theorem=entry.name, status=entry.expected, axioms=())
            for entry in entries
        }
        monkeypatch.setattr(proofstatus, "standing", statuses.__getitem__)
        monkeypatch.setattr(
            proofstatus, "about", lambda name: tuple(e for e in entries if e.mechanism == name)
        )

    return plant


def test_the_proof_is_in_the_result_and_in_both_reports():
    result = audit(EXPONENTIAL)
    assert result.proof == ProofRecord(theorem="metric-exponential", status="proved", axioms=())
    sentence = wording.proof_sentence(result)
    assert sentence == (
        "Theorem metric-exponential: proved; the mechanism's own claim, ε = 2, holds on every "
        "vocabulary (dpaudit prove metric-exponential)."
    )
    assert sentence in str(result)
    assert "proved; the mechanism&#39;s own claim" in page.render(result)
    assert AuditResult.from_json(result.to_json()).proof == result.proof


@pytest.mark.parametrize(
    ("status", "axioms", "decides", "said"),
    [
        ("open", (), None, "open; not every step of it could be shown, so nothing here rests"),
        ("proved", ("karr",), None, "proved modulo karr, which is cited and not checked; the"),
        ("refuted", (), None, "refuted; the published claim is false, on this vocabulary too"),
        ("refuted", (), True, "refuted; the published claim is false, on this vocabulary too"),
        ("refuted", (), False, "refuted; the published claim is false in general; its bound does"),
        (
            "false as audited",
            (),
            None,
            "false as audited; the claim, which nobody is known to have published, is false, on",
        ),
        (
            "false as audited",
            (),
            False,
            "false as audited; the claim, which nobody is known to have published, is false in",
        ),
    ],
)
def test_sentences(status, axioms, decides, said):
    formula = ClosedFormRecord(statement="ε* ≥ B", epsilon_lower=1.0, decides=bool(decides))
    changes = {
        "proof": ProofRecord(theorem="t", status=status, axioms=axioms),
        "closed_form": None if decides is None else formula,
        "verdict": "violated" if decides is None else "upheld",
    }
    result = audit(EXPONENTIAL, method="exact").model_copy(update=changes)
    assert f"Theorem t: {said}" in (wording.proof_sentence(result) or "")


@pytest.mark.parametrize(
    "claim", [MetricDP(2.0), MetricDP(2.0, metric="chebyshev"), PureDP(9.0)], ids=str
)
def test_a_wrong_proof_is_an_internal_contradiction(planted, claim):
    """A planted theorem says that the mechanism is private, which the exact audit disproves."""
    planted(Entry("wishful", "", mechanism="nearest-truncated-exponential"))
    result = audit(NEAREST, claim)
    if claim.metric == "chebyshev":  # not the distances that the theorem is about
        assert result.verdict == "violated"
        return
    assert (result.verdict, result.exit_code) == ("inconclusive", 3)
    assert result.reason is not None
    assert result.reason.startswith("Internal contradiction: the audit finds ε* ≥ inf")
    assert "theorem wishful: proved" in result.reason
    assert result.witness is None


@pytest.mark.parametrize("status", ["refuted", "false as audited"])
def test_a_wrong_refutation_is_an_internal_contradiction(planted, status):
    planted(Entry("slander", "", expected=status, mechanism="truncated-exponential"))
    result = audit(mechanisms.TruncatedExponential(SPACE, 2.0))
    assert (result.verdict, result.exit_code) == ("inconclusive", 3)
    assert result.reason is not None
    assert result.reason.startswith("Internal contradiction: the audit finds ε* ≤ ")
    assert f"theorem slander: {status}" in result.reason
    # Of a claim of another kind it says nothing.
    assert audit(mechanisms.TruncatedExponential(SPACE, 2.0), PureDP(7.0)).verdict == "upheld"


def test_a_wrong_mechanism_is_an_internal_contradiction(monkeypatch):
    """Code that promises half of what its law gives."""
    true = type(EXPONENTIAL).epsilon_upper_bound(EXPONENTIAL)
    half = EpsilonUpperBound(true.statement, 0.5)
    monkeypatch.setattr(type(EXPONENTIAL), "epsilon_upper_bound", lambda self: half)
    result = audit(EXPONENTIAL)
    assert (result.verdict, result.exit_code) == ("inconclusive", 3)
    assert result.reason is not None
    assert result.reason.startswith("Internal contradiction: the audit finds ε* ≥ 1")
    assert result.proof is not None


def test_a_law_below_a_proven_lower_bound_is_an_internal_contradiction():
    found = Interval(lower=1.0, upper=1.1)
    above = ClosedFormRecord(statement="ε* ≥ B", epsilon_lower=1.2, decides=True)
    message = contradiction(found, None, above)
    assert message == (
        "Internal contradiction: the audit finds ε* ≤ 1.1, but it is proven to be at least 1.2 "
        "(ε* ≥ B)."
    )
    assert contradiction(found, None, above.model_copy(update={"epsilon_lower": 1.1})) is None
    assert contradiction(found, EpsilonUpperBound("ε* ≤ B", 1.0)) is None
    assert contradicts_proof(NEAREST, NEAREST.claim, Interval(lower=1.0, upper=9.0)) is not None


def test_theorems_cover_the_parameters_that_they_name(planted):
    never = Entry("never", "", mechanism="vickrey", where=(("exclude", "never"),))
    always = Entry(
        "always", "", expected="refuted", mechanism="vickrey", where=(("exclude", "always"),)
    )
    lemma = Entry("lemma", "", mechanism="vickrey", lemma=True)
    planted(lemma, never, always)

    def found(**parameters):
        mechanism = mechanisms.Vickrey(SPACE, 2.0, **parameters)
        record = proof_record(mechanism, mechanism.claim)
        return record and (record.theorem, record.status)

    assert found() == ("never", "proved")
    assert found(exclude="always") == ("always", "refuted")
    assert found(exclude="if-nearest") is None


def test_the_theorem_that_decides_is_shown(planted):
    """Where the mechanism's own bound refutes, the refutation; elsewhere the proof."""
    name = "nearest-truncated-exponential"
    planted(Entry("yes", "", mechanism=name), Entry("no", "", expected="refuted", mechanism=name))
    whole = mechanisms.NearestTruncatedExponential(SPACE, 2.0, k=4)
    assert proof_record(NEAREST, NEAREST.claim).theorem == "no"
    assert proof_record(whole, whole.claim).theorem == "yes"
    assert proof_record(whole, MetricDP(0.5)).theorem == "no"


def test_nothing_is_said_about_code_of_somebody_else():
    class Mine(mechanisms.MetricExponential):
        pass

    assert Mine.name == "metric-exponential"
    mine = Mine(SPACE, 2.0)
    assert proof_record(mine, mine.claim) is None


def test_numeric_mechanisms_have_theorems_too(planted):
    """A test of the code against a theorem on the law: both are told, and not mixed up."""
    planted(Entry("laplace-mechanism", "", mechanism="laplace"))
    mechanism = NUMBERS["laplace"].build(epsilon=0.5)
    result = audit(mechanism, pairs=[(0, 1)], draws=2000)
    assert result.proof == ProofRecord(theorem="laplace-mechanism", status="proved", axioms=())
    sentence = wording.proof_sentence(result) or ""
    assert "own claim, ε = 0.5, holds for all inputs" in sentence
    assert "not of the code that was tested" in sentence
    assert audit(lambda x: 0, PureDP(1.0), pairs=[(0, 1)], draws=2000).proof is None


def test_axioms_and_open_theorems(planted, monkeypatch):
    """An open theorem proves nothing, so nothing contradicts it."""
    planted(Entry("wishful", "", mechanism="nearest-truncated-exponential"))
    record = ProofRecord(theorem="wishful", status="open", axioms=())
    monkeypatch.setattr(proofstatus, "standing", lambda name: record)
    result = audit(NEAREST)
    assert (result.verdict, result.proof) == ("violated", record)


STATUS = """
import sys
from dpaudit.proofs.standing import standing
print(standing("randomized-response").status, "sympy" in sys.modules)
"""


def status_in_a_new_process() -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", STATUS], capture_output=True, text=True, check=True
    )
    return done.stdout.split()


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DPAUDIT_CACHE", str(tmp_path))
    standing.standing.cache_clear()
    return tmp_path / "proofs"


def test_a_status_is_checked_once(own_cache):
    """The second time it is read, and SymPy is not even loaded."""
    assert status_in_a_new_process() == ["proved", "True"]
    assert status_in_a_new_process() == ["proved", "False"]
    (path,) = own_cache.glob("standing-*")
    for damage in (
        "{",
        "[]",
        '{"key": "other", "record": {}}',
        path.read_text().replace("proved", "open"),
    ):
        path.write_text(damage, encoding="utf-8")
        assert standing._read(path.stem) is None
    assert status_in_a_new_process() == ["proved", "True"]
    assert json.loads(path.read_text("utf-8"))["content"]["status"] == "proved"


def test_a_status_depends_on_the_code(monkeypatch):
    keys = {standing._key("metric-exponential"), standing._key("randomized-response")}
    monkeypatch.setattr(standing, "_code", lambda: "other code")
    keys.add(standing._key("metric-exponential"))
    monkeypatch.setattr(standing, "versions", lambda: {"z3": "0"})
    keys.add(standing._key("metric-exponential"))
    assert len(keys) == 4
