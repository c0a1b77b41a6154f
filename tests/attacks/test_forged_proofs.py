"""Proofs that would prove too much: a forged cache, assumptions that nothing meets."""

import json
import os
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sympy as sp

from dpaudit.proofs import cache, catalogue, checker, standing, store
from dpaudit.proofs.example import find_example
from dpaudit.proofs.language import Formula, Relation, eq, ge, gt, le, lt, ne
from dpaudit.proofs.model import Assumption, Decided, Step, Theorem
from dpaudit.proofs.rules import Cases, Instance

x, y = sp.symbols("x y", real=True)
i, j, k = sp.symbols("i j k", integer=True)
Z3, SYMPY = Decided(("z3",)), Decided(("sympy",))
UP, DOWN = sp.Function("h", positive=True), sp.Function("h", negative=True)
h, g = sp.Function("h", real=True), sp.Function("g", real=True)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DPAUDIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def decided(relation: Relation, *assumptions: Assumption) -> Theorem:
    step = Step("end", relation, Z3, tuple(one.name for one in assumptions if not_general(one)))
    return Theorem("small", "", "", "", assumptions, (relation,), (step,), "")


def not_general(one: Assumption) -> bool:
    return not one.formula.forall and not one.formula.given


# The cache


def test_two_functions_of_one_name() -> None:
    """A positive and a negative h: the true theorem and the false one looked the same."""
    true, false = decided(lt(DOWN(x) - UP(x), 0)), decided(lt(UP(x) - DOWN(x), 0))
    assert cache.key(true) != cache.key(false)
    assert not cache.check(true).established, "a reader cannot tell the two apart"
    assert "two things called h" in cache.check(true).note
    for first, second in ((UP, DOWN), (DOWN, UP)):
        cache.check(decided(lt(0, first(x))))
        assert cache.check(decided(lt(0, second(x)))).established == (second is UP)


KINDS: tuple[dict[str, bool], ...] = (
    *({}, {"real": True}, {"positive": True}, {"negative": True}, {"integer": True}),
    *({"integer": True, "positive": True}, {"nonnegative": True}, {"zero": False, "real": True}),
)

#: A relation by two things that only differ in what they are declared to be.
PLACES: tuple[Callable[[Any, Any], Relation], ...] = (
    lambda a, b: lt(a - 2 * b, 0),
    lambda a, b: lt(0, a),
    lambda a, b: eq(sp.exp(a) * b, 1),
    lambda a, b: le(sp.Sum(a * k, (k, 1, 3)), b),
)


@pytest.mark.parametrize("place", range(len(PLACES)))
@pytest.mark.parametrize("applied", [True, False])
def test_keys_tell_every_occurrence(place: int, applied: bool) -> None:
    """Whatever the kinds of two functions, or of two symbols, of one name, and wherever."""
    found: dict[str, tuple[int, int]] = {}
    for first, one in enumerate(KINDS):
        for second, other in enumerate(KINDS):
            if applied:
                a, b = sp.Function("h", **one)(x), sp.Function("h", **other)(x)
            else:
                a, b = sp.Symbol("h", **one), sp.Symbol("h", **other)
            used = (
                first,
                second if str(PLACES[place](sp.Symbol("A"), sp.Symbol("B"))).count("B") else -1,
            )
            name = cache.key(decided(PLACES[place](a, b)))
            assert found.setdefault(name, used) == used


def test_keys_look_at_all_that_is_formal() -> None:
    """In assumptions, conditions, variables, values of rules and conclusions alike."""
    other = sp.Symbol("x", positive=True)
    order = Assumption("order", Formula(le(x, y), given=(le(0, x),), forall=(x,)), "")
    step = Step("end", le(x, y), Instance(order.formula, ((x, x),)))
    base = Theorem("small", "", "", "", (order,), (le(x, y),), (step,), "")
    general = order.formula
    variants = [
        replace(base, assumptions=(replace(order, formula=formula),))
        for formula in (
            replace(general, relation=le(other, y)),
            replace(general, given=(le(0, other),)),
            replace(general, given=()),
            replace(general, forall=(other,)),
            replace(general, forall=(y,)),
        )
    ]
    variants += [
        replace(base, conclusions=(le(other, y),)),
        replace(base, steps=(replace(step, relation=le(other, y)),)),
        replace(base, steps=(replace(step, by=Instance(order.formula, ((other, x),))),)),
        replace(base, steps=(replace(step, by=Instance(order.formula, ((x, other),))),)),
        replace(base, steps=(replace(step, by=Cases(le(x, y))),)),
        replace(base, steps=(replace(step, uses=("order",)),)),
        replace(base, name="other"),
        replace(base, refutes="something"),
    ]
    keys = [cache.key(theorem) for theorem in (base, *variants)]
    assert len(set(keys)) == len(keys)
    assert cache.key(replace(base, title="A title", words="Words")) == keys[0]


class Mine(sp.Function):  # type: ignore[misc]
    """Nobody knows from its name what this is."""

    is_positive = True


def test_what_is_not_known_by_its_content_is_not_kept(tmp_path: Path) -> None:
    theorem = decided(lt(0, Mine(x)))
    with pytest.raises(TypeError, match="Mine"):
        cache.key(theorem)
    cache.check(theorem)
    assert not list(tmp_path.rglob("*.json"))


ORDER = Assumption("order", Formula(le(x, y)), "x is at most y")
TRUE, FALSE = decided(le(x, y + 1), ORDER), decided(le(y, x), ORDER)


def entry(theorem: Theorem) -> Path:
    return store.folder() / f"{cache.key(theorem)}.json"


def forge(theorem: Theorem, content: Any, seal: str) -> None:
    entry(theorem).parent.mkdir(parents=True, exist_ok=True)
    entry(theorem).write_text(json.dumps({"content": content, "seal": seal}), encoding="utf-8")


def stored(theorem: Theorem) -> Any:
    return json.loads(entry(theorem).read_text(encoding="utf-8"))


def proved() -> Any:
    """What the cache holds about a theorem that is proved."""
    assert cache.check(TRUE).status == "proved"
    return stored(TRUE)


def test_a_forged_entry_is_not_believed() -> None:
    """Everything is as it must be but the seal; or the seal is that of another entry."""
    honest = proved()
    assert not cache.check(FALSE).established
    for seal in (honest["seal"], "0" * 64, "", "é" * 64):
        forge(FALSE, honest["content"], seal)
        assert not cache.check(FALSE).established, seal


def test_an_entry_that_was_changed_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Axioms, notes, engines, examples: what a reader is told is sealed too."""
    honest = proved()
    calls = []
    check = checker.check
    monkeypatch.setattr(checker, "check", lambda theorem: calls.append(1) or check(theorem))
    cache.check(TRUE)
    assert calls == [], "the honest entry is believed"
    changes: list[Callable[[Any], Any]] = [
        lambda content: {**content, "axioms": ["everything"]},
        lambda content: {**content, "note": "all is well"},
        lambda content: {**content, "example": [["x", "7"]]},
        lambda content: {**content, "status": "refuted"},
        lambda content: {**content, "steps": [{**content["steps"][0], "checked_by": ["God"]}]},
    ]
    for count, change in enumerate(changes, start=1):
        forge(TRUE, change(honest["content"]), honest["seal"])
        result = cache.check(TRUE)
        assert len(calls) == count
        assert (result.status, result.axioms, result.steps[0].checked_by) == ("proved", (), ("z3",))


def test_the_cache_of_somebody_else_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cache folder that comes from elsewhere is sealed with another secret."""
    proved()
    calls = []
    check = checker.check
    monkeypatch.setattr(checker, "check", lambda theorem: calls.append(1) or check(theorem))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another"))
    assert cache.check(TRUE).established
    assert calls == [1]


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
def test_a_secret_that_others_can_read_is_none(tmp_path: Path) -> None:
    proved()
    (secret,) = (tmp_path / "state").rglob("cache-secret")
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    secret.chmod(0o644)
    assert store.read(cache.key(TRUE)) is None
    secret.chmod(0o600)
    assert store.read(cache.key(TRUE)) is not None
    secret.write_bytes(b"")
    assert store.read(cache.key(TRUE)) is None


def test_entries_belong_to_engines_and_code(monkeypatch: pytest.MonkeyPatch) -> None:
    before = cache.key(TRUE)
    for name, value in (("installed", [["z3-solver", "0", "0"]]), ("_sources", "other code")):
        with monkeypatch.context() as patch:
            patch.setattr(cache, name, lambda value=value: value)
            assert cache.key(TRUE) != before
    from dpaudit.proofs import engines

    assert {name for name, *_ in engines.installed()} >= {"sympy", "mpmath", "z3-solver"}
    assert all(len(digest) == 64 for *_, digest in engines.installed())


def test_a_forged_status_is_not_believed() -> None:
    """The statuses that audits show have entries of their own."""
    name = "metropolis-rate"
    honest = standing.standing.__wrapped__(name)
    assert honest.axioms
    (path,) = store.folder().glob("standing-*.json")
    data = json.loads(path.read_text(encoding="utf-8"))
    data["content"]["axioms"] = []
    path.write_text(json.dumps(data), encoding="utf-8")
    assert standing.standing.__wrapped__(name) == honest


@pytest.mark.parametrize("damage", [b"", b"{", b"[" * 100_000, b"\xff", b'{"seal": 1}', b"null"])
def test_damaged_entries_count_as_absent(damage: bytes) -> None:
    proved()
    entry(TRUE).write_bytes(damage)
    assert cache.check(TRUE).established
    assert stored(TRUE)["content"]["status"] == "proved"


def test_an_entry_that_is_a_pipe_does_not_hang() -> None:
    proved()
    entry(TRUE).unlink()
    os.mkfifo(entry(TRUE))
    assert cache.check(TRUE).established


# Assumptions that nothing meets


def assume(name: str, relation: Relation, *given: Relation, forall: Any = ()) -> Assumption:
    return Assumption(name, Formula(relation, given, forall), "")


IMPOSSIBLE: dict[str, tuple[Assumption, ...]] = {
    "plainly": (assume("a", lt(x, 0)), assume("b", lt(0, x))),
    "under a condition that is assumed": (
        assume("a", lt(y, 0), lt(0, x)),
        assume("b", lt(0, y), lt(0, x)),
        assume("c", lt(0, x)),
    ),
    "wherever the condition holds": (
        assume("a", lt(y, 0), lt(0, x)),
        assume("b", lt(0, y), lt(0, x)),
    ),
    "against its own condition": (assume("a", lt(x, 0), lt(0, x)),),
    "under two conditions": (
        assume("a", lt(h(i), 0), ge(i, 1), forall=(i,)),
        assume("b", lt(0, h(i)), le(i, 5), forall=(i,)),
    ),
    "for all against for one": (assume("a", lt(h(i), 0), forall=(i,)), assume("b", lt(0, h(3)))),
    "by signs": (assume("a", lt(UP(i), 0), ge(i, 2), forall=(i,)),),
    "in two names": (
        assume("a", lt(h(i), 0), ge(i, 1), forall=(i,)),
        assume("b", lt(0, h(j)), ge(j, 1), forall=(j,)),
    ),
}


def absurd(assumptions: tuple[Assumption, ...]) -> Theorem:
    """1 < 0 from all of them: those for all values for the value 3."""
    steps = []
    for one in assumptions:
        if not_general(one):
            continue
        values = tuple((variable, sp.Integer(3)) for variable in one.formula.forall)
        conditions = []
        for place, given in enumerate(one.formula.given):
            relation = Relation(
                given.left.subs(dict(values)), given.op, given.right.subs(dict(values))
            )
            name = next((a.name for a in assumptions if a.formula == Formula(relation)), None)
            if name is None:
                name = f"{one.name}-{place}"
                steps.append(Step(name, relation, Z3))
            conditions.append(name)
        relation = one.formula.relation
        relation = Relation(
            relation.left.subs(dict(values)), relation.op, relation.right.subs(dict(values))
        )
        steps.append(
            Step(f"use-{one.name}", relation, Instance(one.formula, values), tuple(conditions))
        )
    used = [one.name for one in assumptions if not_general(one)]
    used += [step.id for step in steps if step.id.startswith("use-")]
    steps.append(Step("end", lt(1, 0), Z3, tuple(used)))
    return Theorem("absurd", "", "", "", assumptions, (lt(1, 0),), tuple(steps), "")


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_nothing_follows_from_what_nothing_meets(name: str) -> None:
    result = checker.check(absurd(IMPOSSIBLE[name]))
    assert result.status == "open"
    assert "contradict" in result.note
    assert find_example(absurd(IMPOSSIBLE[name])) == ()


def test_what_z3_does_not_see_in_the_assumptions_it_sees_in_the_steps() -> None:
    """A contradiction that takes a rule: a sum of positive terms that is 0."""
    from dpaudit.proofs.rules import Termwise

    terms = assume("terms", gt(h(k), 1), forall=(k,))
    total = assume("total", eq(sp.Sum(h(k), (k, 1, 2)), 0))
    one, h_sum = sp.Sum(1, (k, 1, 2)), sp.Sum(h(k), (k, 1, 2))
    steps = (
        Step("term", lt(1, h(k)), Instance(terms.formula, ((k, k),))),
        Step("sums", le(one, h_sum), Termwise(k, 1, 2), ("term",)),
        Step("two", eq(one, 2), SYMPY),
        Step("end", le(2, 0), Z3, ("sums", "two", "total")),
    )
    theorem = Theorem("absurd", "", "", "", (terms, total), (le(2, 0),), steps, "")
    result = checker.check(theorem)
    assert all(step.status == "checked" for step in result.steps)
    assert result.status == "open"
    assert "contradict" in result.note


def test_cases_are_no_contradiction() -> None:
    """Conditions that exclude each other are the usual way to define something."""
    same = assume("same", eq(h(i), 0), eq(i, j), forall=(i, j))
    other = assume("other", eq(h(i), 1), ne(i, j), forall=(i, j))
    apart = assume("apart", eq(g(i), 1), lt(0, i), forall=(i,))
    steps = (Step("end", le(x, x + 1), Z3),)
    theorem = Theorem("cases", "", "", "", (same, other, apart), (le(x, x + 1),), steps, "")
    assert checker.check(theorem).established


def test_examples_are_shown_and_true() -> None:
    """Most theorems that assume something have an example; the others say that none was found."""
    found = {theorem.name: find_example(theorem) for theorem in catalogue()}
    assuming = [theorem.name for theorem in catalogue() if theorem.assumptions]
    shown = [name for name in assuming if found[name]]
    assert len(shown) >= 19
    for name in ("metric-exponential", "random-cutoff", "randomized-response", "gumbel-scale"):
        assert name in shown
    assert dict(found["metropolis-rate"])["metropolis_mass(1)"] == "1/3"


def test_an_example_meets_what_is_assumed() -> None:
    """Exactly one value does, and none."""
    one = (assume("a", eq(2 * x, 3)), assume("b", lt(x, y)), assume("c", lt(y, 2)))
    assert find_example(decided(lt(x, y), *one)) == ()  # no value between is tried
    two = (assume("a", eq(2 * x, 3)), assume("b", lt(x, y)))
    assert dict(find_example(decided(lt(x, y), *two)))["x"] == "3/2"
