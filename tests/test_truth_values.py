"""What natural code does with results: no truth value, `raise_for_verdict`, hashes, names, and
outputs or options that would pass in silence."""

import json
import math
import subprocess
import sys

import numpy as np
import pytest

import dpaudit
from dpaudit import ApproximateDP, EmbeddingSpace, InputError, MetricDP, PureDP, VerdictError
from dpaudit.errors import on_command_line
from dpaudit.mechanisms import MetricExponential, MultivariateLaplace
from dpaudit.results import AuditResult, Verdict
from dpaudit.sweeping import sweep
from dpaudit.visible import json_text

SPACE = EmbeddingSpace(["here", "near", "far"], [[0.0, 0.0], [1.0, 0.0], [0.0, 3.0]])


def response(x, size, rng, keep=0.75):
    return np.where(rng.random(size) < keep, x, 1 - x)


@pytest.fixture(scope="module")
def upheld() -> AuditResult:
    return dpaudit.audit(MetricExponential(SPACE, 2.0))


@pytest.fixture(scope="module")
def violated() -> AuditResult:
    return dpaudit.audit(MetricExponential(SPACE, 2.0), MetricDP(0.5))


def test_a_violated_result_is_not_true(upheld, violated, tmp_path):
    path = tmp_path / "proof.json"
    dpaudit.audit(MetricExponential(SPACE, 2.0), certificate=path)
    swept = sweep(lambda value: MetricExponential(SPACE, value), "epsilon", [1.0, 2.0])
    for one in (upheld, violated, dpaudit.verify(path), swept):
        with pytest.raises(TypeError, match="has no truth value"):
            bool(one)
        with pytest.raises(TypeError):
            assert one


def test_raise_for_verdict_does_what_people_mean(upheld, violated, tmp_path):
    assert upheld.raise_for_verdict() is upheld
    with pytest.raises(VerdictError, match=r"VIOLATED \(certified evidence\).*true ε\* = ") as info:
        violated.raise_for_verdict()
    assert isinstance(info.value, AssertionError), "so that a test fails, and does not err"
    loose = dpaudit.audit(response, PureDP(1.3), pairs=[(0, 1)], draws=20_000)
    assert loose.raise_for_verdict() is loose
    few = dpaudit.audit(response, PureDP(1.3), pairs=[(0, 1)], draws=30)
    with pytest.raises(VerdictError, match="These draws show too little"):
        few.raise_for_verdict()
    unknown = upheld.model_copy(update={"verdict": Verdict.INCONCLUSIVE, "reason": "It broke."})
    with pytest.raises(VerdictError, match="It broke"):
        unknown.raise_for_verdict()


def test_a_rejected_certificate_raises(tmp_path):
    path = tmp_path / "proof.json"
    dpaudit.audit(MetricExponential(SPACE, 2.0), certificate=path)
    assert dpaudit.verify(path).raise_for_verdict().verified
    data = json.loads(path.read_text(encoding="utf-8"))
    data["claim"]["epsilon"] = 0.25
    path.write_text(json_text(data, indent=1), encoding="utf-8")
    with pytest.raises(VerdictError, match="rejected"):
        dpaudit.verify(path).raise_for_verdict()


def test_results_hash_by_content(upheld, violated):
    again = AuditResult.from_json(upheld.to_json())
    assert again == upheld
    assert hash(again) == hash(upheld)
    assert len({upheld, again, violated}) == 2
    whole = upheld.mechanism.model_copy(update={"parameters": {"epsilon": 2, "sampler": "fast"}})
    assert whole == upheld.mechanism
    assert hash(whole) == hash(upheld.mechanism), "equal content hashes alike"


def test_a_repr_is_one_line(upheld, tmp_path):
    path = tmp_path / "proof.json"
    dpaudit.audit(MetricExponential(SPACE, 2.0), certificate=path)
    assert "upheld" in repr(upheld).lower()
    for one in (upheld, dpaudit.verify(path)):
        assert "\n" not in repr(one)
        assert len(repr(one)) < 200


def test_dir_shows_what_is_meant_for_users(upheld):
    names = dir(upheld)
    assert {"verdict", "true_epsilon", "exit_code", "raise_for_verdict", "to_json"} <= set(names)
    assert not [name for name in names if name.startswith(("_", "model_", "parse_"))]
    assert not {"copy", "dict", "json", "construct", "schema_json", "indent"} & set(names)
    assert all(hasattr(upheld, name) for name in names)
    assert dir(dpaudit) == sorted([*dpaudit.__all__, "__version__"])


@pytest.mark.parametrize("claim", [1.0, 1, "pure", PureDP, {"epsilon": 1.0}, True])
def test_what_is_no_claim_is_refused(claim):
    with pytest.raises(InputError, match=r"claim is .* must be a claim, as in dpaudit\.Pure"):
        dpaudit.audit(response, claim, pairs=[(0, 1)])
    with pytest.raises(InputError, match="but it must be a claim"):
        dpaudit.audit(MetricExponential(SPACE, 2.0), claim)


def nan(x, size, rng):
    return np.full(size, np.nan)


def nan_vectors(x, rng):
    return (float("nan"), [float("nan"), np.float32("nan")])


@pytest.mark.parametrize("mechanism", [nan, nan_vectors])
@pytest.mark.parametrize("sequential", [False, True])
def test_nothing_but_nan_is_inconclusive(mechanism, sequential):
    for expect in (False, True):
        result = dpaudit.audit(
            *(mechanism, PureDP(1.0)),
            pairs=[(0, 1), (1, 2)],
            draws=3000,
            sequential=sequential,
            expect_constant=expect,
        )
        assert (result.verdict, result.exit_code) == ("inconclusive", 3)
        assert "NaN" in (result.reason or "")


def test_nan_that_tells_something_is_an_output():
    def leaks(x, size, rng):
        return np.where(x, np.nan, rng.normal(size=size))

    result = dpaudit.audit(leaks, PureDP(1.0), pairs=[(0, 1)], draws=3000)
    assert result.verdict == "violated"


@pytest.mark.parametrize("value", [0.0, "ok", None, (1, "a"), math.inf, b"x", [1.0, 2.0]])
@pytest.mark.parametrize("sequential", [False, True])
def test_one_constant_output_does_not_pass(value, sequential):
    def constant(x):
        return value

    options = {"pairs": [(0, 1)], "draws": 2000, "sequential": sequential}
    result = dpaudit.audit(constant, PureDP(1.0), **options)
    assert (result.verdict, result.exit_code) == ("not-refuted", 3)
    assert result.constant_output is not None
    assert "Every output on every input was" in str(result)
    with pytest.raises(VerdictError, match="expect_constant=True"):
        result.raise_for_verdict()
    meant = dpaudit.audit(constant, PureDP(1.0), expect_constant=True, **options)
    assert meant.exit_code == 0
    assert AuditResult.from_json(meant.to_json()) == meant


@pytest.mark.parametrize("first", ["text", None, (1, "a"), {"a": [1, (2, 3)]}, b"x", 10**30])
def test_outputs_that_change_their_type_are_no_constant(first):
    """The first draws hold one kind of value, later ones another: whatever comes, there is a
    verdict."""
    calls = []

    def changing(x):
        calls.append(x)
        return first if len(calls) <= 700 else float(len(calls))

    result = dpaudit.audit(changing, PureDP(1.0), pairs=[(0, 1)], draws=5000)
    assert result.constant_output is None


def test_a_constant_on_one_input_only_is_no_constant():
    result = dpaudit.audit(lambda x: x, PureDP(1.0), pairs=[(0, 1)], draws=200)
    assert (result.verdict, result.constant_output) == ("violated", None)


def test_a_distance_means_nothing_to_a_pure_claim():
    for claim in (PureDP(1.0), ApproximateDP(1.0, 0.1)):
        with pytest.raises(InputError, match="distance"):
            dpaudit.audit(response, claim, pairs=[(0, 1, 2.0)])
    with pytest.raises(InputError, match="two words"):
        dpaudit.audit(MetricExponential(SPACE, 2.0), pairs=[("here", "near", 2.0)])
    with pytest.raises(InputError, match="number"):
        dpaudit.audit(response, MetricDP(1.0), pairs=[("a", "b", "far")])


#: Options that only draws need, with values that are not their defaults.
OF_DRAWS = {
    "draws": 1000,
    "alpha": 0.1,
    "sequential": True,
    "bits": True,
    "workers": 1,
    "time_limit": 5.0,
    "max_detectable": 3.0,
    "expect_constant": True,
    "features": len,
    "attackers": (),
    "ignore": "output[0]",
    "on_exception": "record",
}


@pytest.mark.parametrize("option", OF_DRAWS)
def test_options_without_effect_are_refused(option):
    exact = MetricExponential(SPACE, 2.0)
    given = {option: OF_DRAWS[option]}
    for method in ("auto", "exact"):
        with pytest.raises(InputError, match=f"{option} has no effect on an exact audit"):
            dpaudit.audit(exact, method=method, **given)
    with on_command_line(), pytest.raises(InputError, match=f"--{option.replace('_', '-')} has no"):
        dpaudit.audit(exact, **given)
    if option not in ("draws", "alpha", "max_detectable"):
        with pytest.raises(InputError, match=f"{option} has no effect"):
            dpaudit.audit(MultivariateLaplace(SPACE, 2.0), **given)


def test_the_defaults_are_no_options(upheld):
    """Values that mean “not asked for” are no errors: wrappers pass them on."""
    given = dict.fromkeys(OF_DRAWS) | {"sequential": False, "bits": False}
    given |= {"expect_constant": False, "pairs": None, "certificate": None}
    assert dpaudit.audit(MetricExponential(SPACE, 2.0), **given) == upheld


def test_pairs_with_the_method_exact_are_refused():
    with pytest.raises(InputError, match="pairs has no effect"):
        dpaudit.audit(MetricExponential(SPACE, 2.0), method="exact", pairs=[("here", "near")])


COMMANDS = {
    "draws": (("metric-exponential", "-e", "2", "--draws", "100"), "--draws has no effect"),
    "workers": (("metric-exponential", "-e", "2", "--workers", "1"), "--workers has no effect"),
    "sequential": (("metric-exponential", "-e", "2", "--sequential"), "--sequential has no effect"),
    "max-detectable": (
        ("metric-exponential", "-e", "2", "--max-detectable", "9"),
        "--max-detectable has no effect",
    ),
    "expect-constant": (
        ("metric-exponential", "-e", "2", "--expect-constant"),
        "--expect-constant has no effect",
    ),
    "duplicates": (
        ("metric-exponential", "-e", "2", "--on-duplicate", "drop"),
        "--on-duplicate has no effect on the built-in space",
    ),
    "metric": (("laplace", "--metric", "manhattan"), "--metric has no effect"),
    "changes": (("laplace", "--changes", "one"), "--changes goes with --queries"),
    "queries": (("prefix-sum", "--queries", "4"), "--set queries=4"),
    "sweep": (
        ("metric-exponential", "--sweep", "epsilon=1:2:2", "--max-detectable", "3"),
        "--max-detectable goes with no --sweep",
    ),
    "certificate": (
        ("multivariate-laplace", "-e", "2", "--certificate", "c.json"),
        "leave out --certificate",
    ),
}


@pytest.mark.parametrize("case", COMMANDS)
def test_on_the_command_line(case, run, tmp_path):
    arguments, message = COMMANDS[case]
    done = run("audit", *arguments, folder=tmp_path)
    assert done.code == 2, done.out
    assert message in done.err
    assert "method auto" not in done.err


def test_a_mask_goes_with_unknown_mask(run, tmp_path):
    (tmp_path / "in.txt").write_text("doctor\n", encoding="utf-8")
    common = ("privatize", "metric-exponential", "-e", "9", "--in", "in.txt", "--mask", "<x>")
    done = run(*common, folder=tmp_path)
    assert (done.code, "--mask has no effect without --unknown mask" in done.err) == (2, True)
    assert run(*common, "--unknown", "mask", folder=tmp_path).code == 0


BOX = """
import numpy as np

rng = np.random.default_rng()

def response(x, size, rng):
    return np.where(rng.random(size) < 0.75, x, 1 - x)

def own_generator(x):
    return x if rng.random() < 0.75 else 1 - x

def constant(x):
    return "same"
"""


def test_a_black_box_is_recorded_the_same_from_python_and_the_command_line(
    run, tmp_path, monkeypatch
):
    (tmp_path / "boxes_of_mine.py").write_text(BOX, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    import boxes_of_mine  # type: ignore[import-not-found]

    done = run(
        *("audit", "boxes_of_mine:response", "--claim-epsilon", "1.3", "--pair", "0", "1"),
        *("--draws", "2000", "--json", "-"),
        folder=tmp_path,
    )
    python = dpaudit.audit(boxes_of_mine.response, PureDP(1.3), pairs=[(0, 1)], draws=2000)
    assert done.out == python.to_json()
    assert python.mechanism.name == "boxes_of_mine:response"
    assert python.claim.neighbouring == "the pairs of inputs given"
    assert json.loads(done.out)["exit_code"] == done.code


def test_a_generator_of_a_module_works_in_one_worker(run, tmp_path, monkeypatch):
    (tmp_path / "boxes_of_yours.py").write_text(BOX, encoding="utf-8")
    common = ("audit", "boxes_of_yours:own_generator", "--claim-epsilon", "1.3", "--pair", "0", "1")
    done = run(*common, "--draws", "3000", folder=tmp_path)
    assert done.code in (0, 3), done.err
    several = run(*common, "--draws", "3000", "--workers", "2", folder=tmp_path)
    assert several.code == 2
    assert "--workers 1" in several.err
    assert "workers=" not in several.err


def test_expect_constant_on_the_command_line(run, tmp_path):
    (tmp_path / "boxes_of_ours.py").write_text(BOX, encoding="utf-8")
    common = ("audit", "boxes_of_ours:constant", "--claim-epsilon", "1", "--pair", "0", "1")
    common += ("--draws", "500", "--workers", "0")
    assert run(*common, folder=tmp_path).code == 3
    assert run(*common, "--expect-constant", folder=tmp_path).code == 0


def test_exit_code_in_the_file_is_checked(upheld):
    data = json.loads(upheld.to_json())
    assert data["exit_code"] == 0
    with pytest.raises(ValueError, match="exit_code is 1, but this result has 0"):
        AuditResult.from_json(json.dumps({**data, "exit_code": 1}))


def test_messages_in_python_name_no_option_of_a_shell():
    """The reader of an error in Python has no command line."""
    for call in (
        lambda: dpaudit.audit(MetricExponential(SPACE, 2.0), draws=10),
        lambda: dpaudit.audit(MultivariateLaplace(SPACE, 2.0), method="exact"),
        lambda: dpaudit.audit(response, PureDP(1.0)),
        lambda: dpaudit.audit(response, pairs=[(0, 1)]),
        lambda: EmbeddingSpace(["a", "a"], [[0.0], [1.0]]),
        lambda: EmbeddingSpace(["a", "b"], [[0.0], [0.0]]),
        lambda: dpaudit.audit(response, PureDP(1.0), pairs=[(0, 1)], max_detectable=-1.0),
    ):
        with pytest.raises(InputError) as error:
            call()
        assert "--" not in str(error.value), str(error.value)


def test_a_result_in_a_condition_fails_in_a_script(tmp_path):
    """As people write it."""
    script = (
        "import dpaudit\n"
        "s = dpaudit.EmbeddingSpace(['a', 'b'], [[0.0], [1.0]])\n"
        "m = dpaudit.mechanisms.MetricExponential(s, 2.0)\n"
        "assert dpaudit.audit(m, dpaudit.MetricDP(0.1))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode != 0
    assert "raise_for_verdict" in done.stderr
