"""The checker and its theorems: what is shown, and that nothing else is."""

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest
import sympy as sp

from dpaudit.errors import InputError
from dpaudit.mechanisms.numbers.catalogue import NUMBERS
from dpaudit.mechanisms.registry import MECHANISMS
from dpaudit.proofs import EXPECTED, axioms, cache, catalogue, checker, find, store, trusted_base
from dpaudit.proofs.engines import Answer, engine
from dpaudit.proofs.language import Formula, eq, ge, le, lt
from dpaudit.proofs.model import Assumption, Axiom, Decided, Step, Theorem, without_assumption
from dpaudit.proofs.rules import Instance, Monotone
from dpaudit.proofs.theorems import THEOREMS

x, y = sp.symbols("x y", real=True)
Z3, SYMPY = Decided(("z3",)), Decided(("sympy",))
ORDER = Assumption("order", Formula(le(x, y)), "x is at most y")
GROWS = (
    Step("start", le(x, y), Z3, ("order",)),
    Step("end", le(sp.exp(x), sp.exp(y)), Monotone("exp"), ("start",)),
)


def make(steps=GROWS, conclusion=None, assumptions=(ORDER,), **more):
    conclusions = (conclusion if conclusion is not None else steps[-1].relation,)
    return Theorem("small", "", "", "", assumptions, conclusions, tuple(steps), "", **more)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DPAUDIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.mark.parametrize("name", THEOREMS)
def test_theorems_have_the_expected_status(name):
    result = checker.check(find(name))
    assert result.verdict == find(name).expected == EXPECTED[name], result
    assert result.seconds < 20


@pytest.mark.parametrize("name", THEOREMS)
def test_mutations_are_rejected(name):
    mutations = find(name).mutations
    assert len(mutations) >= 2
    assert len({mutation.name for mutation in mutations}) == len(mutations)
    for mutation in mutations:
        result = checker.check(mutation.build())
        assert result.status == "open", mutation.name
        assert result.note


@pytest.mark.parametrize("name", THEOREMS)
def test_assumptions_that_steps_use_are_needed(name):
    """No theorem assumes what its proof does not rest on."""
    theorem = find(name)
    for assumption in theorem.assumptions:
        assert not checker.check(without_assumption(theorem, assumption.name)).established


@pytest.mark.parametrize("entry", THEOREMS.values(), ids=lambda entry: entry.name)
def test_entries_say_what_their_theorem_says(entry):
    theorem = find(entry.name)
    assert (theorem.name, theorem.mechanism) == (entry.name, entry.mechanism)
    assert theorem.expected == entry.expected
    assert entry.mechanism is None or entry.mechanism in {*MECHANISMS, *NUMBERS}
    assert theorem.words
    assert theorem.latex
    assert theorem.reference
    assert all(step.words for step in theorem.steps)


@pytest.mark.parametrize("name", [name for name, entry in THEOREMS.items() if entry.denies])
def test_counterexamples_run(name):
    code = find(name).counterexample
    assert code
    exec(compile(code, name, "exec"), {})


def test_names():
    assert len(catalogue()) == len(THEOREMS)
    with pytest.raises(InputError, match="Did you mean metric-exponential"):
        find("metric-exponentail")


def test_a_small_theorem():
    assert checker.check(make()).verdict == "proved"
    assert checker.check(make(refutes="exp falls")).verdict == "refuted"
    unclaimed = make(refutes="exp falls", published=False)
    assert checker.check(unclaimed).verdict == "false as audited"
    assert cache.check(unclaimed) == cache.check(unclaimed) == checker.check(unclaimed)
    assert cache.key(unclaimed) != cache.key(make(refutes="exp falls"))


def test_the_conclusion_must_be_that_of_a_step():
    result = checker.check(make(conclusion=le(sp.exp(x), sp.exp(x) + 1)))
    assert (result.status, result.note.split(" ")[:3]) == ("open", ["no", "step", "concludes"])
    assert not checker.check(replace(make(), conclusions=())).established


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        ((GROWS[1], GROWS[0]), "no earlier step"),
        ((replace(GROWS[0], uses=("end",)), replace(GROWS[1], uses=("start",))), "no earlier"),
        ((replace(GROWS[0], uses=("start",)), GROWS[1]), "no earlier step"),
        ((replace(GROWS[0], uses=("nothing",)), GROWS[1]), "no earlier step"),
        ((GROWS[0], GROWS[0], GROWS[1]), "same name"),
        ((replace(GROWS[0], id="order", uses=()), GROWS[1]), "same name"),
    ],
)
def test_steps_in_no_order(steps, reason):
    result = checker.check(make(steps))
    assert result.status == "open"
    assert reason in result.note


def test_a_missing_assumption():
    steps = (Step("start", le(x, y), Instance(ORDER.formula)), GROWS[1])
    assert checker.check(make(steps)).established
    result = checker.check(make(steps, assumptions=()))
    assert result.status == "open"
    assert "rests on what is not assumed: x <= y" in result.note


def test_contradictory_assumptions():
    other = Assumption("other", Formula(lt(y, x)), "x is above y")
    steps = (Step("end", le(1, 0), Z3, ("order", "other")),)
    result = checker.check(make(steps, assumptions=(ORDER, other)))
    assert (result.status, "contradict" in result.note) == ("open", True)


def test_a_false_step_has_a_counterexample():
    steps = (Step("end", le(y, x), Z3, ("order",)),)
    result = checker.check(make(steps))
    assert (result.status, result.steps[0].status) == ("open", "failed")
    values = {name: sp.Rational(value) for name, value in result.steps[0].counterexample}
    assert values["x"] < values["y"]


def test_an_engine_cannot_be_made_up():
    class Mine(Monotone):
        pass

    for by in (Decided(()), Decided(("oracle",)), Decided(("z3", "oracle")), Mine("exp"), None):
        assert not checker.check(make((GROWS[0], replace(GROWS[1], by=by)))).established


def test_a_rule_that_gives_something_else():
    result = checker.check(make((GROWS[0], replace(GROWS[1], relation=le(sp.exp(y), sp.exp(x))))))
    assert result.status == "open"
    assert result.steps[1].note.startswith("Monotone gives exp(x) <= exp(y)")


def test_terms_without_value_are_not_admitted():
    steps = (Step("end", eq(sp.log(x), sp.log(x)), SYMPY), Step("no", le(1 / x, 1 / x), Z3))
    result = checker.check(make(steps, conclusion=le(x, x)))
    assert [step.status for step in result.steps] == ["open", "open"]
    assert "not known to be real" in result.steps[1].note


def planted(answer):
    def pretend(name):
        return (lambda premises, goal: answer) if name == "sympy" else engine(name)

    return pretend


def test_a_wrong_engine_is_not_trusted_where_another_can_decide(monkeypatch):
    """One says that something false holds, or that something true fails; the other knows."""
    both = Decided(("sympy", "z3"))
    wrong = make((Step("end", le(x**2 + y**2, x * y - 1), both, ("order",)),))
    right = make((Step("end", ge(x**2 + y**2, x * y), both, ("order",)),))
    assert checker.check(right).established
    monkeypatch.setattr(checker, "engine", planted(Answer("holds", "trust me")))
    result = checker.check(wrong)
    assert result.status == "open"
    assert result.steps[0].note.startswith("engines disagree: sympy: trust me")
    monkeypatch.setattr(checker, "engine", planted(Answer("fails", "trust me")))
    assert "engines disagree" in checker.check(right).steps[0].note


@pytest.mark.parametrize("error", [ValueError("no"), MemoryError(), RecursionError("deep")])
def test_an_engine_that_raises(monkeypatch, error):
    def raising(premises, goal):
        raise error

    monkeypatch.setattr(
        checker, "engine", lambda name: raising if name == "sympy" else engine(name)
    )
    result = checker.check(make((Step("end", le(x, y), SYMPY, ("order",)),)))
    assert result.status == "open"
    assert type(error).__name__ in result.steps[0].note


def test_an_engine_that_takes_too_long(monkeypatch):
    def slow(premises, goal):
        time.sleep(5)
        return Answer("holds")

    monkeypatch.setattr(checker, "engine", lambda name: {"sympy": slow}.get(name, engine(name)))
    monkeypatch.setattr(checker, "TIME_LIMIT", 0.05)
    result = checker.check(make((Step("end", le(y, x), SYMPY, ("order",)),)))
    assert result.status == "open"
    assert "TimeoutError" in result.steps[0].note


def test_in_a_thread():
    found = []
    thread = threading.Thread(target=lambda: found.append(checker.check(make())))
    thread.start()
    thread.join()
    assert found[0].established


def test_what_cannot_be_read_is_open():
    broken = make(assumptions=(replace(ORDER, formula=None),))
    result = checker.check(broken)
    assert result.status == "open"
    assert "cannot be read" in result.note


def test_axioms_are_named(monkeypatch):
    axiom = Axiom("big", Formula(le(x, y), forall=(x, y)), "all is small", "nobody, never")
    steps = (Step("end", le(y, x), Instance(axiom.formula, ((x, y), (y, x)))),)
    theorem = make(steps, assumptions=())
    assert not checker.check(theorem).established
    monkeypatch.setattr(checker, "AXIOMS", (*axioms.AXIOMS, axiom))
    assert checker.check(theorem).verdict == "proved modulo big"
    assert trusted_base()["axioms"]["big"] == "all is small (nobody, never)"


def test_the_trusted_base_is_complete():
    base = trusted_base()
    assert len(base["rules"]) == 11
    assert set(base["engines"]) == {"sympy", "z3", "arb"}
    assert all(text for part in base.values() for text in part.values())


def the_file():
    (path,) = store.folder().iterdir()
    return path


def test_cached_results_are_those_of_the_checker(monkeypatch):
    first = cache.check(make())
    assert the_file().stem == cache.key(make())
    monkeypatch.setattr(cache.checker, "check", None)
    assert cache.check(make()) == first
    assert cache.check(replace(make(), title="Another")) == first
    with pytest.raises(TypeError):
        cache.check(make(), use_cache=False)


def change(**entries):
    stored = json.loads(the_file().read_text("utf-8"))
    stored["content"].update(entries)
    the_file().write_text(json.dumps(stored), encoding="utf-8")


@pytest.mark.parametrize(
    "damage",
    [
        lambda: the_file().write_text("{", encoding="utf-8"),
        lambda: the_file().write_bytes(b"\xff\xfe"),
        lambda: the_file().write_text("[]", encoding="utf-8"),
        lambda: the_file().write_text('{"key": "another"}', encoding="utf-8"),
        lambda: change(status="refuted"),
        lambda: change(steps=[]),
        lambda: change(steps=3),
    ],
)
def test_a_damaged_cache_is_checked_again(damage):
    first = cache.check(make())
    damage()
    assert cache.check(make()) == first
    assert json.loads(the_file().read_text("utf-8"))["content"]["status"] == "proved"


def test_a_result_under_another_key_is_not_used():
    cache.check(make())
    wrong = make((Step("end", le(y, x), Z3, ("order",)),))
    stolen = the_file().read_text("utf-8")
    (store.folder() / f"{cache.key(wrong)}.json").write_text(stolen, encoding="utf-8")
    assert not cache.check(wrong).established


def test_open_results_are_not_kept():
    assert not cache.check(make((Step("end", le(y, x), Z3, ("order",)),))).established
    assert not store.folder().exists()


def test_keys_depend_on_formal_content(monkeypatch):
    f, g = sp.Function("f", real=True), sp.Function("f", nonnegative=True)
    keys = {
        cache.key(theorem)
        for theorem in (
            make(),
            make(assumptions=()),
            make(refutes="a claim"),
            make((replace(GROWS[0], by=SYMPY), GROWS[1])),
            make((GROWS[0],)),
            make((Step("end", le(0, f(1)), Z3),)),
            make((Step("end", le(0, g(1)), Z3),)),
        )
    }
    assert len(keys) == 7
    monkeypatch.setattr(cache, "versions", lambda: {"z3": "0"})
    assert cache.key(make()) not in keys


def test_keys_are_the_same_in_every_process():
    script = "from dpaudit.proofs import cache, catalogue\n"
    script += "print([cache.key(t) for t in catalogue()])"
    printed = {
        subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(printed) == 1


def test_a_folder_that_cannot_be_written_to(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("DPAUDIT_CACHE", str(tmp_path / "file"))
    assert cache.check(make()).established


def test_names_are_known_without_sympy():
    script = "from dpaudit.proofs.theorems import EXPECTED; import dpaudit.proofs, sys\n"
    script += "print({'sympy', 'z3', 'flint'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
