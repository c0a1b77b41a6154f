"""The page: words are data, it needs nothing but itself, and any part may be missing."""

import math
import re
import subprocess
import sys
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import matplotlib
import numpy as np
import pytest

from dpaudit import EmbeddingSpace, InputError, MetricDP, PureDP, audit, mechanisms
from dpaudit.reports import page
from dpaudit.results import (
    AuditResult,
    ClosedFormRecord,
    Curves,
    Evidence,
    Interval,
    LossCurve,
    ProfileCurve,
    Verdict,
    WitnessLawCurve,
    wording,
)

WORDS = (
    "<script>alert(1)</script>",
    '"onload=alert(1) x="',
    "a&amp;b",
    "naïve–日本",
    "שלום",
    "$x^2$ {{ 7 * 7 }}",
    "_hidden",
    "l" * 300,
)


class Parsed(HTMLParser):
    """What a browser makes of a page: its elements with their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def attributes(self, name: str) -> list[str | None]:
        return [found[name] for _, found in self.elements if name in found]


def _space(source: str = "memory") -> EmbeddingSpace:
    vectors = np.random.default_rng(7).standard_normal((len(WORDS), 3))
    return EmbeddingSpace(WORDS, vectors, source=source)


@pytest.fixture(scope="module")
def upheld() -> AuditResult:
    return audit(mechanisms.MetricExponential(_space(), epsilon=2.0))


@pytest.fixture(scope="module")
def violated() -> AuditResult:
    claim = MetricDP(0.5, source="<img src=x onerror=alert(1)>")
    return audit(mechanisms.MetricExponential(_space("/tmp/<b>'&\".vec"), epsilon=2.0), claim)


@pytest.fixture(scope="module")
def infinite(violated: AuditResult) -> AuditResult:
    """As a mechanism that cuts its law off would be reported."""
    law, losses = violated.curves.witness_law, violated.curves.pair_losses
    witness = violated.witness
    assert law is not None
    assert losses is not None
    assert witness is not None
    impossible = tuple(
        -math.inf if word == witness.output or rank > 5 else value
        for rank, word, value in zip(law.rank, law.word, law.log_probability_neighbour, strict=True)
    )
    loss = tuple(math.inf if i % 2 else value for i, value in enumerate(losses.loss))
    endless = Interval(lower=math.inf, upper=math.inf)
    return violated.model_copy(
        update={
            "true_epsilon": endless,
            "witness": witness.model_copy(
                update={"log_probability_neighbour": -math.inf, "log_ratio": endless}
            ),
            "curves": violated.curves.model_copy(
                update={
                    "witness_law": law.model_copy(update={"log_probability_neighbour": impossible}),
                    "pair_losses": losses.model_copy(update={"loss": loss}),
                }
            ),
        }
    )


@pytest.fixture(scope="module")
def upheld_page(upheld: AuditResult) -> str:
    return page.render(upheld)


@pytest.fixture(scope="module")
def infinite_page(infinite: AuditResult) -> str:
    return page.render(infinite)


def test_words_and_sources_are_text(violated):
    """Words in the sentence, the table, the keys and the descriptions of the figures."""
    falling = tuple(-float(i) for i in range(len(WORDS)))
    law = WitnessLawCurve(
        rank=tuple(range(1, len(WORDS) + 1)),
        word=WORDS,
        log_probability_input=falling,
        log_probability_neighbour=falling,
    )
    witness = violated.witness.model_copy(
        update={"input": WORDS[0], "neighbour": WORDS[1], "output": WORDS[2]}
    )
    hostile = "Not so near as <img src=x onerror=alert({})> & “{}”."
    named = {
        "witness": witness,
        "curves": Curves(witness_law=law),
        "delta_pair": ("<b>", "שלום"),
        "explanation": (hostile.format(1, WORDS[3]), hostile.format(2, WORDS[4])),
        "closed_form": ClosedFormRecord(statement="<i>B</i>/R", epsilon_lower=1.0, decides=False),
        "mechanism": violated.mechanism.model_copy(update={"remarks": (hostile.format(3, "r"),)}),
    }
    result = violated.model_copy(update=named)
    parsed = Parsed(page.render(result))
    for sentence in (*result.explanation, *result.mechanism.remarks):
        assert sentence in parsed.text
    assert f"The rings mark the output “{WORDS[2]}”, with" in parsed.text
    assert {tag for tag, _ in parsed.elements}.isdisjoint(
        {"script", "img", "b", "i", "iframe", "link"}
    )
    assert not any(name.startswith("on") for _, found in parsed.elements for name in found)
    for text in (*WORDS, violated.claim.source, violated.space.source):
        assert text in parsed.text
    assert parsed.text.count(WORDS[0]) == 5  # sentence, two descriptions, key, table
    assert parsed.text.count(WORDS[1]) == 5


def test_sentences_come_from_wording(upheld, upheld_page, infinite, infinite_page):
    for result, html in ((upheld, upheld_page), (infinite, infinite_page)):
        text = re.sub(r"\s+", " ", Parsed(html).text)
        sentences = [
            wording.verdict_meaning(result),
            wording.claim_sentence(result),
            wording.comparison_sentence(result),
            wording.delta_sentence(result),
            wording.witness_sentence(result),
            *wording.worth_sentences(result),
            wording.sampler_sentence(result),
            wording.search_sentence(result),
            wording.command(result),
        ]
        for sentence in sentences:
            assert re.sub(r"\s+", " ", sentence) in text


def test_a_failure_is_explained(violated):
    """The explanation of the mechanism, or else what an attacker concludes; never for a claim
    that holds."""
    told = Parsed(page.render(violated)).text
    witness = violated.witness
    allowed = math.exp(0.5 * witness.distance)
    assert (
        f"whoever sees “{witness.output}” and knows that the input was “{witness.input}” or "
        f"“{witness.neighbour}” may multiply the odds of “{witness.input}” by "
        f"{math.exp(witness.log_ratio.lower):.4g}. "
        f"The claim allows a factor of at most {allowed:.4g}."
    ) in told
    assert "Why this happens" not in told
    explained = {
        "explanation": ("It hardly ever competes.", "So the output says all."),
        "closed_form": ClosedFormRecord(statement="ε* ≥ B/R", epsilon_lower=9.0, decides=True),
    }
    told = Parsed(page.render(violated.model_copy(update=explained))).text
    order = [
        "Worst pair",
        "Why this happens",
        "It hardly ever competes.",
        "So the output says all.",
    ]
    order += [
        "ε* ≥ B/R. Here this is 9, which alone refutes the claim.",
        "Privacy loss of other pairs",
    ]
    places = [told.index(part) for part in order]
    assert places == sorted(places)
    assert "attacker concludes" not in told


def test_conclusions_of_an_attacker(upheld_page, violated, infinite_page):
    assert "attacker concludes" not in Parsed(upheld_page).text
    assert "is certain that it was" in Parsed(infinite_page).text
    for ratio, delta, conclusion in (
        (4000.0, 0.0, "10^1737.2, which is as good as certainty. The claim allows a factor"),
        (4000.0, 0.01, "outside its failure mass δ."),
        (math.inf, 0.01, "allows no such output outside its failure mass δ."),
        (1e-3, 0.01, None),  # the pair keeps the epsilon: delta is what breaks the claim
    ):
        exactly = Interval(lower=ratio, upper=ratio)
        result = violated.model_copy(
            update={
                "witness": violated.witness.model_copy(update={"log_ratio": exactly}),
                "claim": violated.claim.model_copy(update={"delta": delta}),
                "curves": Curves(),
            }
        )
        told = Parsed(page.render(result)).text
        assert conclusion in told if conclusion else "attacker concludes" not in told


def test_remarks_are_beside_the_worth(upheld):
    mechanism = upheld.mechanism.model_copy(update={"remarks": ("Only for ε above 7.", "Second.")})
    told = Parsed(page.render(upheld.model_copy(update={"mechanism": mechanism}))).text
    order = [
        "What the promise is worth",
        "Only for ε above 7.",
        "Second.",
        "What the verdict means",
    ]
    places = [told.index(part) for part in order]
    assert places == sorted(places)


def _with_law(violated, first: list[float], second: list[float], output: int) -> AuditResult:
    words = tuple(f"w{i}" for i in range(len(first)))
    law = WitnessLawCurve(
        rank=tuple(range(1, len(first) + 1)),
        word=words,
        log_probability_input=tuple(first),
        log_probability_neighbour=tuple(second),
    )
    loss = first[output] - second[output]
    witness = violated.witness.model_copy(
        update={
            "output": words[output],
            "log_probability_input": first[output],
            "log_probability_neighbour": second[output],
            "log_ratio": Interval(lower=loss, upper=loss),
        }
    )
    return violated.model_copy(update={"witness": witness, "curves": Curves(witness_law=law)})


def _picture(html: str, name: str) -> str:
    return re.search(rf'aria-labelledby="{name}-title.*?</svg>', html, re.DOTALL)[0]


@pytest.mark.parametrize("output", [0, 20])
def test_probabilities_far_below_the_smallest_float(violated, output):
    """Thousands of orders of magnitude: every output has a place, and both values are told."""
    first = [-0.5 * i for i in range(40)]
    second = [-1.0 - 230.0 * i for i in range(39, -1, -1)]
    second[0], second[20] = -9000.0, -9000.0 - 1e-3
    html = page.render(_with_law(violated, first, second, output))
    told = Parsed(html).text
    value = wording.probability(first[output])
    assert f"with probability {value} from the input and 10^-3908.7 from its neighbour" in told
    orders = (first[output] + 9000.0) / math.log(10.0)
    assert f": {orders:,.0f} orders of magnitude apart." in told
    assert "in another order" in told
    for name in ("law-n", "law-w"):
        picture = _picture(html, name)
        labels = re.findall(r"<text[^>]*>([^<]*)</text>", picture)
        ticks = [label for label in labels if re.fullmatch(r"10\^-\d+|1", label)]
        assert {"1", "10^-4000"} <= set(ticks)
        assert f"input: {value}" in labels
        assert "neighbour: 10^-3908.7" in labels
        assert not re.search(r"\b(nan|inf)\b", picture)
        dots = re.findall(r'<use [^>]*\by="([\d.]+)"[^>]*/>', picture)
        assert len({float(y) for y in dots}) > 35  # not heaped on one edge


def test_impossible_outputs_lie_on_the_edge(violated):
    first = [-100.0 * i for i in range(91)]
    second = [-math.inf if i % 2 else -9000.0 + 90.0 * i for i in range(91)]
    html = page.render(_with_law(violated, first, second, 31))
    told = Parsed(html).text
    assert "from the input and 0 from its neighbour." in told
    assert "orders of magnitude" not in told
    for name in ("law-n", "law-w"):
        picture = _picture(html, name)
        assert ">neighbour: impossible<" in picture
        assert ">impossible<" not in picture  # the mark says it
        assert ">10^-4000<" in picture
        assert not re.search(r"\b(nan|inf)\b", picture)
    unmarked = _with_law(violated, first, second, 31)
    elsewhere = unmarked.witness.model_copy(update={"output": None, "event": "the set of <b>"})
    html = page.render(unmarked.model_copy(update={"witness": elsewhere}))
    assert "sees an outcome in the set of &lt;b&gt; and" in html
    picture = _picture(html, "law-w")
    assert ">impossible<" in picture


def test_the_table_lists_the_witness_output(violated):
    html = page.render(_with_law(violated, [-1.0] * 40, [-9000.0] * 40, 30))
    rows = re.findall(r"<tr><td>(\d+)</td><td><bdi>(\w+)</bdi>", html)
    assert rows == [(str(i + 1), f"w{i}") for i in [*range(12), 30]]


def _with_masses(result: AuditResult, *delta: float, claimed: float = 0.0) -> str:
    choice = ("witness", *["nearest"] * 4, *["random"] * 8)
    assert len(delta) == len(choice)
    losses = LossCurve(
        distance=tuple(10.0 * i for i in range(1, 14)), loss=(1.0,) * 13, delta=delta, choice=choice
    )
    largest = max(delta)
    return page.render(
        result.model_copy(
            update={
                "claim": result.claim.model_copy(update={"delta": claimed}),
                "delta_at_claim": Interval(lower=largest, upper=largest),
                "curves": Curves(pair_losses=losses),
            }
        )
    )


def _labels(html: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", _picture(html, "masses-w"))


def test_large_masses_are_on_a_linear_scale(violated):
    html = _with_masses(violated, 0.9, 0.0, 0.02, 0.6, 0.7, *[0.005] * 7, 0.3)
    assert (
        "of the 4 pairs of a word and its nearest word, 75% above 0.01 and 50% above 0.5; of the 8 "
        "random pairs, 12.5% above 0.01 and none above 0.5; of the worst pair by its loss, 0.9."
    ) in Parsed(html).text
    assert {"0.0", "0.8", "1.0"} <= set(_labels(html))
    assert "the claim allows δ" not in Parsed(html).text


def test_small_masses_are_on_a_logarithmic_scale(violated):
    html = _with_masses(violated, 1e-5, 0.0, 1e-14, *[1e-9] * 10, claimed=1e-3)
    labels = _labels(html)
    assert {"10^-8", "10^-4", "none"} <= set(labels)
    assert "0.8" not in labels
    assert "10^-10" not in labels  # there lie those that need none
    told = Parsed(html).text
    assert "on the bottom edge: none, or less than 1e-12" in told
    assert "the claim allows δ = 0.001" in told
    assert "none above 0.01" in told


def test_without_masses_a_sentence_says_so(violated, upheld_page):
    for least, told in ((0.0, "any failure mass"), (1e-13, "a failure mass above 1e-12")):
        html = _with_masses(violated, 0.0, *[least] * 12)
        assert "masses-w" not in html
        said = f"Not one of the 13 sampled pairs needs {told} at the claimed ε."
        assert (said in Parsed(html).text) is (least > 0.0)  # of all pairs it is said already
    assert "masses-w" not in upheld_page


def test_warning_is_prominent(upheld, upheld_page):
    space = upheld.space.model_copy(update={"min_distance": 1e3, "max_distance": 1e4})
    parsed = Parsed(page.render(upheld.model_copy(update={"space": space, "curves": Curves()})))
    assert "warning" in parsed.attributes("class")
    assert "warning" not in Parsed(upheld_page).attributes("class")


@pytest.mark.parametrize("verdict", Verdict)
@pytest.mark.parametrize("evidence", Evidence)
def test_every_verdict_says_itself(upheld, verdict, evidence):
    bare = {"verdict": verdict, "evidence": evidence, "curves": Curves(), "reason": "none < given"}
    parsed = Parsed(page.render(upheld.model_copy(update=bare)))
    assert verdict.upper().replace("-", " ") in parsed.text
    assert f"{evidence} evidence" in parsed.text
    assert f"verdict {verdict}" in parsed.attributes("class")


@pytest.mark.parametrize(
    "missing",
    [
        {"witness": None},
        {"statistics": None},
        {"space": None},
        {"curves": Curves()},
        {"seed": None},
        {
            "verdict": Verdict.INCONCLUSIVE,
            "reason": "The law on the word '<b>' adds up to 0.3.",
            "true_epsilon": Interval(lower=0.0, upper=math.inf),
            "delta_at_claim": Interval(lower=0.0, upper=1.0),
            "witness": None,
            "statistics": None,
            "curves": Curves(),
        },
        {
            "verdict": Verdict.NOT_REFUTED,
            "evidence": Evidence.STATISTICAL,
            "true_epsilon": Interval(lower=1.5, upper=math.inf),
            "draws": 1000,
            "alpha": 0.05,
            "detectable_epsilon": 3.0,
        },
        {"true_epsilon": Interval(lower=1.0, upper=3.0)},
        {"true_epsilon": Interval(lower=0.0, upper=0.0)},
    ],
)
def test_any_part_may_be_missing(upheld, missing):
    parsed = Parsed(page.render(upheld.model_copy(update=missing)))
    assert "Provenance" in parsed.text
    assert "None" not in parsed.text


def test_infinite_losses_are_shown_as_such(infinite_page):
    parsed = Parsed(infinite_page)
    assert "true ε* = ∞" in parsed.text
    assert "impossible" in parsed.text
    assert "on the top edge: infinite loss" in parsed.text
    assert not re.search(r"\bnan\b", parsed.text)


def test_claims_without_a_metric():
    space = _space()
    pure = audit(mechanisms.RandomizedResponse(space, epsilon=2.0), PureDP(1.0))
    text = Parsed(page.render(pure)).text
    assert "sampled pairs by loss" in text
    assert "sampled pairs by δ" in text
    tolerant = audit(mechanisms.MetricExponential(space, epsilon=2.0), MetricDP(0.5, delta=0.9))
    assert "the verdict rests on δ" in Parsed(page.render(tolerant)).text


def test_the_page_loads_nothing(infinite_page):
    parsed = Parsed(infinite_page)
    assert "://" not in infinite_page
    assert "@import" not in infinite_page
    assert not parsed.attributes("src")
    assert set(re.findall(r"url\((.)", infinite_page)) <= {"#"}
    assert all(str(target).startswith("#") for target in parsed.attributes("href"))


def test_ids_are_unique_and_references_are_met(infinite_page):
    parsed = Parsed(infinite_page)
    ids = parsed.attributes("id")
    assert len(ids) == len(set(ids))
    named = {name for names in parsed.attributes("aria-labelledby") for name in names.split()}
    drawn = set(re.findall(r'(?:href="#|url\(#)([^")]+)', infinite_page))
    assert named | drawn == set(ids)


def test_figures_have_names_for_screen_readers(upheld_page):
    figures = [found for tag, found in Parsed(upheld_page).elements if tag == "svg"]
    pictures = [found for found in figures if found.get("role") == "img"]
    assert len(pictures) == 8  # four figures for two widths: no pair needs a failure mass
    assert all("aria-labelledby" in found for found in pictures)
    assert all(found.get("aria-hidden") for found in figures if found not in pictures)


def test_figures_follow_the_colours_of_the_page(upheld_page):
    used = set(re.findall(r"var\(--([a-z]+)\)", upheld_page))
    for scheme in _schemes().values():
        assert used - {"tone"} <= set(scheme)
    pictures = "".join(re.findall(r'<svg class="picture.*?</svg>', upheld_page, re.DOTALL))
    assert "var(--input)" in pictures
    assert not re.search(r"#[0-9a-f]{6}\b", pictures)


def _schemes() -> dict[str, dict[str, str]]:
    style = Path(page.__file__).with_name("templates") / "style.css"
    light, dark = re.findall(r":root \{(.*?)\}", style.read_text(encoding="utf-8"), re.DOTALL)
    light, dark = (dict(re.findall(r"--(\w+): (#\w{6})", block)) for block in (light, dark))
    return {"light": light, "dark": light | dark}


def _luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    parts = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255.0
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_stand_out(scheme):
    """4.5 to 1 for text and 3 to 1 for the marks of figures, WCAG 2.2, 1.4.3 and 1.4.11. The
    rules are ornament."""
    light = {role: _luminance(colour) for role, colour in _schemes()[scheme].items()}
    text = {"ink", "muted", "good", "bad", "unsure"}
    marks = light.keys() - text - {"paper", "panel", "rule"}
    wanted = [(role, ground, 4.5) for role in text for ground in ("paper", "panel")]
    wanted += [(role, "paper", 3.0) for role in marks]
    for role, ground, least in wanted:
        low, high = sorted([light[role], light[ground]])
        assert (high + 0.05) / (low + 0.05) >= least, (role, ground)


def test_same_result_same_bytes(infinite, infinite_page):
    with matplotlib.rc_context({"lines.linewidth": 9.0, "font.size": 30.0, "axes.grid": True}):
        assert page.render(infinite) == infinite_page


def test_page_of_a_large_audit_stays_small(upheld):
    rng = np.random.default_rng(1)
    distance, ranks = rng.uniform(0.1, 1.6, 1257), range(1, 301)
    falling = tuple((-5.0 * np.log(np.arange(1, 301)) - rng.uniform(0, 1, 300)).tolist())
    curves = Curves(
        witness_law=WitnessLawCurve(
            rank=tuple(ranks),
            word=tuple(f"{i}-{WORDS[0]}" for i in ranks),
            log_probability_input=falling,
            log_probability_neighbour=falling,
        ),
        pair_losses=LossCurve(
            distance=tuple(distance.tolist()),
            loss=tuple((7.0 * distance * rng.uniform(0.5, 1.0, 1257)).tolist()),
            delta=tuple(rng.uniform(0.0, 1.0, 1257).tolist()),
            choice=("witness", *["nearest"] * 256, *["random"] * 1000),
        ),
        profile=ProfileCurve(
            epsilon=tuple(np.linspace(0.0, 15.0, 42).tolist()),
            witness=tuple(np.geomspace(0.1, 1e-11, 42).tolist()),
            largest=tuple(np.geomspace(1.0, 1e-10, 42).tolist()),
            pairs=2514,
        ),
    )
    text = page.render(upheld.model_copy(update={"curves": curves}))
    assert len(text.encode()) < 280_000
    pictures = re.findall(r'<svg class="picture.*?</svg>', text, re.DOTALL)
    assert max(map(len, pictures)) < 60_000


def test_a_page_is_written_whole_or_not_at_all(upheld, upheld_page, tmp_path, monkeypatch):
    target = tmp_path / "page.html"
    page.write(upheld, target)
    assert target.read_text(encoding="utf-8") == upheld_page
    monkeypatch.setattr("os.replace", _fail)
    with pytest.raises(InputError, match="cannot be written"):
        page.write(upheld.model_copy(update={"curves": Curves()}), target)
    assert target.read_text(encoding="utf-8") == upheld_page
    assert list(tmp_path.iterdir()) == [target]


def _fail(*_paths):
    raise OSError("disk full")


def test_headings_do_not_skip_a_level(upheld_page):
    tags = [tag for tag, _ in Parsed(upheld_page).elements]
    levels = [int(tag[1]) for tag in tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_matplotlib_loads_only_to_render():
    check = "import sys, dpaudit.reports.page; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
