"""`dpaudit audit` of what can only be sampled: every option, every failure, exit codes, files."""

import json
import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest

from dpaudit import cli, neighbouring_answers
from dpaudit.results import AuditResult

BOXES = '''
import os, signal, time
import numpy as np
import dpaudit

def half(x, size, rng):
    return x + rng.laplace(0.0, 0.5, size)

def response(x, rng, keep=0.75):
    return x if rng.random() < keep else 1 - x

def marked(x, size, rng):
    kept = rng.random(size) < 0.9
    words = np.array(["<script>alert(1)</script>", "<b>“no”</b>"])
    return words[np.where(kept, int(x == "<i>yes</i>"), int(x != "<i>yes</i>"))]

def near(x, size, rng):
    place = {"a": 0.0, "b": 2.0}[x] if isinstance(x, str) else float(np.sum(x))
    return place + rng.laplace(0.0, 1.0, size)

def blurred(x, size, rng):
    return np.asarray(x) + rng.laplace(0.0, 1.0, (size, len(x)))

def shortened(x, size, rng):
    return np.zeros(size + 1)

def raises(x):
    raise RuntimeError(f"no <b>{x}</b> today")

def hangs(x):
    time.sleep(100)

def crashes(x):
    os._exit(3)

def unusable(x):
    return {"a": object()}

calls = 0

def stopped(x, size, rng):
    """Presses Ctrl-C at the twelfth call."""
    global calls
    calls += 1
    if calls == 12:
        os.kill(os.getpid(), signal.SIGINT)
    return x + rng.laplace(0.0, 1.0, size)

def twice(x, y, z, w):
    return x

class Noisy:
    claim = dpaudit.PureDP(1.0, neighbouring="numbers one apart", source="its author")

    def __init__(self, scale=1.0):
        if not scale > 0:
            raise ValueError("scale is not positive")
        self.parameters = {"scale": scale}
        self.scale = scale

    def sample(self, x, size, rng):
        return x + rng.laplace(0.0, self.scale, size)

class Nothing:
    pass

noisy = Noisy()

def words(space, epsilon):
    return dpaudit.mechanisms.RandomizedResponse(space, epsilon)
'''

SPACE = "here 0 0\nnear 1 0\nfar 0 3\n3 5 5\n"

HALF = ("boxes:half", "--claim-epsilon", "1", "--pair", "0", "1")
QUICK = ("--draws", "4000", "--workers", "0")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "boxes.py").write_text(BOXES, encoding="utf-8")
    (tmp_path / "space.txt").write_text(SPACE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "boxes", raising=False)
    yield tmp_path
    sys.modules.pop("boxes", None)


@pytest.fixture
def audit(folder, monkeypatch, capsys):
    """Run `dpaudit audit` in this process; returns exit code, standard output and error."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["dpaudit", "audit", *arguments])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        out, err = capsys.readouterr()
        return stopped.value.code, out, err

    return run


@pytest.fixture
def result(audit):
    """The same, but returns the result and the exit code."""

    def run(*arguments):
        code, out, err = audit(*arguments, "--json", "-")
        assert code in (0, 1, 3), err
        return AuditResult.from_json(out), code

    return run


def test_violated(audit):
    code, out, _ = audit(*HALF, *QUICK, "--verbose")
    text = " ".join(out.split())
    assert code == 1
    assert "VIOLATED (statistical evidence): boxes:half" in text
    assert re.search(r"names “0” when the output is at most [-\d.]+", text)
    assert re.search(
        r"was right [\d,]+ times \(\d\d\.\d\d%\); under the claim at most 73.11%", text
    )
    assert "needs a failure mass of at least δ = " in text
    assert "the option “bits” does" in text
    for word in ("vocabulary", "ordered pair", "passed", "is private"):
        assert word not in text


def test_not_refuted_with_enough_power(audit):
    given = ("boxes:response", "--claim-epsilon", "1.2", "--pair", "0", "1", *QUICK)
    code, out, _ = audit(*given)
    assert code == 0
    assert "NOT REFUTED" in out
    assert "This is not a pass" in out
    assert "bits" not in out, "there are none in whole numbers"
    assert audit(*given, "--max-detectable", "1.21")[0] == 3
    few = audit(*given[:-4], "--draws", "30", "--workers", "0")
    assert few[0] == 3


def test_parameters_bind_arguments_of_functions_and_classes(result):
    found, code = result(
        *("boxes:response", "--set", "keep=0.9", "--claim-epsilon", "1", "--pair", "0", "1"), *QUICK
    )
    assert code == 1
    assert found.mechanism.parameters == {"keep": 0.9}
    found, code = result("boxes:Noisy", "--set", "scale=0.4", "--pair", "0", "1", *QUICK)
    assert (code, found.claim.epsilon, found.claim.source) == (1, 1.0, "its author")
    assert found.mechanism.parameters == {"scale": 0.4}
    found, code = result("boxes:noisy", "--claim-epsilon", "0.3", "--pair", "0", "1", *QUICK)
    assert (code, found.claim.neighbouring) == (1, "numbers one apart")


def test_pairs_are_json_values_and_repeat(result):
    found, _ = result(
        *("boxes:near", "--claim-epsilon", "9", "--pair", "a", '"b"', "--pair", "[1, 2]", "-1.5"),
        *QUICK,
    )
    assert found.attack
    assert found.attack.pairs == (("a", "b"), ("(1, 2)", "-1.5"))
    assert (found.search.pairs_total, found.search.pairs_visited) == (2, 2)


def test_metric_claims(audit, result):
    given = ("boxes:near", "--claim", "metric", "--claim-epsilon", "0.9", *QUICK)
    found, _ = result(*given, "--pair", "a", "b", "--distance", "2")
    assert found.attack
    assert found.attack.distance == 2.0
    found, _ = result(*given, "--pair", "[1, 2]", "[2, 4]", "--metric", "manhattan")
    assert found.attack
    assert (found.attack.distance, found.claim.metric) == (3.0, "manhattan")
    code, _, err = audit(*given, "--pair", "a", "b")
    assert code == 2
    assert "distance" in err


def test_queries(result):
    given = ("boxes:blurred", "--claim-epsilon", "0.5", "--queries", "3", *QUICK)
    found, code = result(*given)
    assert (code, found.search.pairs_total) == (1, len(neighbouring_answers(3)))
    found, _ = result(*given, "--changes", "one", "--pair", "[0, 0, 0]", "[0, 1, 0]")
    assert found.search.pairs_total == 3


def test_sequential(audit, result):
    found, code = result(*HALF, *QUICK, "--sequential")
    assert (code, found.verdict) == (1, "violated")
    assert found.attack
    assert found.attack.sequential
    assert found.draws
    assert found.draws < 4000, "it stops as soon as the claim is refuted"
    assert found.curves.wealth
    assert max(found.curves.wealth.log_wealth) >= found.curves.wealth.refuted_at
    assert found.true_epsilon.lower > 1.0
    assert "A bet was placed on every one of them" in str(found)
    assert "ε* ≥ 1 (" not in str(found), "what is above the claim is not shown as equal to it"


def test_bits_alpha_and_seed(result):
    found, _ = result(*HALF, *QUICK, "--bits", "--alpha", "0.01", "--seed", "7")
    assert found.attack
    assert (found.attack.bits, found.alpha, found.seed) == (True, 0.01, 7)
    assert "last bits" not in str(found)


def test_delta(audit, result):
    found, code = result(*HALF, *QUICK, "--delta", "0.2")
    assert (code, found.claim.kind) == (1, "approximate")
    assert found.delta_at_claim.lower > 0.2
    assert "but for what δ gives away" in str(found)
    found, code = result(*HALF, *QUICK, "--delta", "0.6")
    assert (code, found.verdict) == (3, "not-refuted")


def test_numeric_mechanisms_bring_their_pairs(result):
    found, code = result("noisy-histogram-2", "--draws", "20000")
    assert code == 1
    assert found.mechanism.parameters == {"epsilon": 0.1, "bins": 5}
    assert found.search.pairs_total == 2, "histograms differ in one coordinate"
    found, _ = result("sparse-vector-5", "--set", "queries=4", "--draws", "4000")
    assert found.attack
    assert found.search.pairs_total == len(neighbouring_answers(4))
    assert found.attack.pairs[0] == ("(1, 1, 1, 1)", "(2, 1, 1, 1)")
    found, _ = result("laplace", "--draws", "4000", "-e", "0.5")
    assert found.attack
    assert (found.claim.epsilon, found.attack.pairs) == (0.5, (("0", "1"),))
    found, _ = result("laplace", "--draws", "4000", "--pair", "0", "0.5")
    assert found.attack
    assert found.attack.pair == ("0", "0.5")


def test_word_mechanisms_by_their_samplers(result):
    given = ("randomized-response", "-e", "3", "--space", "space.txt", "--draws", "8000")
    found, code = result(*given, "--claim-epsilon", "1", "--method", "statistical")
    assert (code, found.evidence, found.search.pairs_total) == (1, "statistical", 6)
    assert found.space is not None
    found, _ = result(*given, "--pair", "here", "3", "--pair", '"far"', "near")
    assert found.attack
    assert found.attack.pairs == (("here", "3"), ("far", "near"))
    assert re.search("the output is (one of: )?“(here|near|far|3)”", str(found))
    found, code = result(
        *("boxes:words", "-e", "3", "--claim-epsilon", "1", "--space", "space.txt"),
        *("--method", "statistical", "--sequential", *QUICK),
    )
    assert code == 1
    assert found.attack
    assert found.attack.sequential


def test_statistics_are_kept_where_only_the_sampler_is_known(result):
    found, _ = result(
        *("vickrey", "-e", "2", "--set", "exclude=if-nearest", "--space", "space.txt"),
        *("--draws", "8000", "--alpha", "0.1"),
    )
    assert found.verdict in ("not-refuted", "violated")
    assert found.statistics is not None
    assert found.statistics.intervals is not None
    assert (found.alpha, found.draws) == (0.1, 8000 + 4 * 1000)
    assert "names the input with probability" in str(found)


def test_same_bytes_with_and_without_workers(audit, folder):
    for name, workers in (("first", "0"), ("second", "1"), ("third", "0")):
        code, _, err = audit(
            *("boxes:response", "--claim-epsilon", "0.5", "--pair", "0", "1", "--draws", "3000"),
            *("--workers", workers, "--json", f"{name}.json", "--html", f"{name}.html", "--quiet"),
        )
        assert code == 1, err
    files = [(folder / f"{name}.json").read_bytes() for name in ("first", "second", "third")]
    assert files[0] == files[1] == files[2]
    assert (folder / "first.html").read_bytes() == (folder / "third.html").read_bytes()


FAILURES = {
    "raises": (("raises",), "raised an exception on input", "no <b>"),
    "hangs": (("hangs", "--time-limit", "0.5"), "did not return on input", "within 0.5 s"),
    "crashes": (("crashes",), "ended its process on input", "exit code 3"),
}


@pytest.mark.parametrize("case", FAILURES)
def test_a_failure_of_the_mechanism_is_reported(case, audit, folder):
    """In a worker process, which is the default for code of one's own."""
    (name, *options), what, why = FAILURES[case]
    code, out, err = audit(
        *(f"boxes:{name}", "--claim-epsilon", "1", "--pair", "0", "1", "--html", "page.html"),
        *options,
    )
    assert code == 3, err
    text = " ".join(out.split())
    assert "INCONCLUSIVE" in text
    assert what in text
    assert why in text
    assert "<b>" not in (folder / "page.html").read_text(encoding="utf-8")


PAIR = ("--pair", "0", "1")
CLAIM = ("--claim-epsilon", "1")

#: Arguments and what the message must name.
BAD_INPUT = {
    "no claim": (("boxes:half", *PAIR), "--claim-epsilon 1"),
    "no claim but a parameter": (("boxes:half", *PAIR, "-e", "1"), "--claim-epsilon"),
    "no pair": (("boxes:half", *CLAIM), "--pair 0 1"),
    "half a pair": (("boxes:half", *CLAIM, "--pair", "0"), "two values"),
    "equal inputs": (("boxes:half", *CLAIM, "--pair", "1", "1"), "twice"),
    "exact": ((*HALF, "--method", "exact"), "boxes:half is a black box"),
    "unknown method": ((*HALF, "--method", "guess"), "guess"),
    "certificate": ((*HALF, "--certificate", "c.json"), "--certificate means nothing"),
    "space": ((*HALF, "--space", "space.txt"), "--space means nothing"),
    "limit": ((*HALF, "--limit", "3"), "--limit means nothing"),
    "sweep": ((*HALF, "--sweep", "epsilon=1:2:3"), "--sweep means nothing"),
    "too few draws": ((*HALF, "--draws", "3"), "draws is 3"),
    "alpha": ((*HALF, "--alpha", "0"), "alpha is 0"),
    "delta": ((*HALF, "--delta", "1"), "delta is 1"),
    "claim epsilon": (("boxes:half", *PAIR, "--claim-epsilon", "0"), "epsilon is 0"),
    "pure with delta": ((*HALF, "--claim", "pure", "--delta", "0.1"), "allows no --delta"),
    "other currency": ((*HALF, "--claim", "gdp"), "Convert the claim first"),
    "time limit": ((*HALF, "--time-limit", "0"), "time_limit is 0"),
    "workers": ((*HALF, "--workers", "-1"), "--workers"),
    "queries": (("boxes:half", *CLAIM, "--queries", "0"), "length is 0"),
    "changes": ((*HALF, "--queries", "3", "--changes", "two"), "--changes is 'two'"),
    "distance of no metric": ((*HALF, "--distance", "1"), "--claim metric"),
    "distances": ((*HALF, "--claim", "metric", *("--distance", "1") * 2), "given 2 times"),
    "distance zero": ((*HALF, "--claim", "metric", "--distance", "0"), "above 0"),
    "max detectable": ((*HALF, "--max-detectable", "0"), "--max-detectable is 0"),
    "unknown parameter": ((*HALF, "--set", "scale=1"), "'scale'"),
    "parameter of an object": (("boxes:noisy", *PAIR, "--set", "scale=1"), "made already"),
    "constructor fails": (("boxes:Noisy", *PAIR, "--set", "scale=0"), "scale is not positive"),
    "no mechanism": (("boxes:Nothing", *PAIR, *CLAIM), "neither a method sample"),
    "too many arguments": (("boxes:twice", *PAIR, *CLAIM), "4 parameters"),
    "not callable": (("boxes:SPAN", *PAIR, *CLAIM), "no attribute"),
    "wrong shape": (("boxes:shortened", *PAIR, *CLAIM, *QUICK), "first axis has length"),
    "unusable output": (("boxes:unusable", *PAIR, *CLAIM, *QUICK), "boxes:unusable"),
    "wrong input": (("laplace", "--pair", "a", "b"), "x is 'a'"),
    "bad parameter": (("laplace", "-e", "0"), "epsilon is 0"),
    "unknown number parameter": (("laplace", "--set", "k=1"), "'k'"),
    "close name": (("sparse-vektor-4",), "sparse-vector-4"),
    "close word name": (("randomised-response",), "randomized-response"),
    "broken module": (("broken:f", *PAIR, *CLAIM), "importing broken fails with"),
    "exiting module": (("exiting:f", *PAIR, *CLAIM), "SystemExit"),
    "queries of words": (("randomized-response", "-e", "1", "--queries", "3"), "--queries means"),
    "unknown word": (
        ("randomized-response", "-e", "1", "--space", "space.txt", "--pair", "here", "hare"),
        "hare",
    ),
    "equal words": (
        ("randomized-response", "-e", "1", "--space", "space.txt", "--pair", "here", "here"),
        "twice",
    ),
    "sweep with a pair": (
        *[("randomized-response", "--sweep", "epsilon=1:2:3", "--space", "space.txt", *PAIR)],
        "--pair",
    ),
}


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input_is_named_and_exits_2(case, audit, folder):
    (folder / "broken.py").write_text("1 +\n", encoding="utf-8")
    (folder / "exiting.py").write_text("import sys\nsys.exit('bye')\n", encoding="utf-8")
    before = {path.name for path in folder.iterdir()}
    arguments, named = BAD_INPUT[case]
    code, out, err = audit(*arguments, "--json", "result.json")
    assert code == 2, (out, err)
    assert named in " ".join(err.replace("│", " ").split())
    assert {path.name for path in folder.iterdir()} - before <= {"__pycache__"}


def test_other_commands_want_words(folder, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["dpaudit", "law", "laplace", "--word", "a"])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 2
    assert "no mechanism on words" in capsys.readouterr().err


class Tags(HTMLParser):
    """The tags of a page, and its text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text = set(), ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        for name, value in attrs:
            assert name not in ("src", "onload", "onerror")
            assert not (name == "href" and not (value or "").startswith("#"))

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize("sequential", [False, True])
def test_outputs_and_inputs_are_text_in_a_page(sequential, audit, folder):
    code, _, err = audit(
        *("boxes:marked", "--claim-epsilon", "1", "--pair", "<i>yes</i>", "\"<img src='x'>\""),
        *("--html", "page.html", *QUICK, *["--sequential"] * sequential),
    )
    assert code == 1, err
    page = (folder / "page.html").read_text(encoding="utf-8")
    seen = Tags(page)
    assert not seen.tags & {"script", "img", "i", "link", "iframe"}
    assert "<script>alert(1)</script>" in seen.text
    assert "<img src='x'>" in seen.text
    assert "://" not in page
    assert ("The bets" in seen.text) == sequential
    assert ("lower band" in page) != sequential
    assert "dpaudit audit boxes:marked --claim-epsilon 1 --pair" in seen.text
    assert "--html" not in seen.text


def test_the_log_holds_the_stages(audit, folder):
    audit(*HALF, *QUICK, "--log", "run.json", "--quiet")
    stages = json.loads((folder / "run.json").read_text(encoding="utf-8"))["stage_finished_after"]
    assert set(stages) == {"learning", "testing"}


@pytest.mark.parametrize(
    ("options", "code", "verdict"),
    [
        (("--claim-epsilon", "0.8", "--draws", "200000"), 1, "violated"),
        (("--claim-epsilon", "1", "--draws", "200000"), 0, "not-refuted"),
        (("--claim-epsilon", "1", "--draws", "200000", "--sequential"), 0, "not-refuted"),
    ],
)
def test_ctrl_c_gives_what_is_known(options, code, verdict, result):
    """In the test, and between bets."""
    found, exit_code = result("boxes:stopped", "--pair", "0", "1", "--workers", "0", *options)
    assert (found.verdict, exit_code) == (verdict, code)
    assert "interrupted" in str(found)
    assert found.draws is not None
    assert found.draws < int(options[3])


def test_ctrl_c_before_anything_is_known(audit):
    """While the rule is learned: as everywhere else, nothing was decided."""
    code, out, err = audit(
        *("boxes:stopped", "--pair", "0", "1", "--workers", "0"),
        *("--claim-epsilon", "1", "--draws", "2000000"),
    )
    assert (code, out) == (130, "")
    assert err == "dpaudit: Interrupted: nothing was decided.\n"


def test_numeric_mechanisms_are_listed(folder, monkeypatch, capsys):
    from dpaudit.mechanisms.numbers import NUMBERS

    monkeypatch.setattr(sys, "argv", ["dpaudit", "mechanisms", "--numbers"])
    with pytest.raises(SystemExit):
        cli.main()
    out = capsys.readouterr().out
    assert all(f"{name} " in out for name in NUMBERS)
    assert out.count("broken") == sum(entry.broken for entry in NUMBERS.values())
    monkeypatch.setattr(sys, "argv", ["dpaudit", "mechanisms", "--numbers", "--json", "-"])
    with pytest.raises(SystemExit):
        cli.main()
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == list(NUMBERS)


def test_it_runs_as_a_program(folder):
    """With the default worker process, from a script of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "dpaudit", "audit", *HALF, "--draws", "4000"],
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
        timeout=120,
    )
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith("✗ VIOLATED (statistical evidence): boxes:half")
    assert done.stderr == ""
