"""The truncated Gumbel law in balls: every ball holds the probability, and is narrow.

References: quadrature in mpmath from the definition, the fast law, the known answers, and the law
itself at a higher precision. Faults put into the law must make the balls miss.
"""

import math
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache
from typing import Any
from unittest import mock

import mpmath
import numpy as np
import pytest
from flint import arb, fmpq
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from support import (
    KINDS,
    METRICS,
    VOCABULARIES,
    builtin,
    exact_distances,
    known_answer,
    known_laws,
    known_space,
    random_space,
)

import dpaudit.mechanisms.balls.gumbel as module
from dpaudit.errors import ClaimError, InputError
from dpaudit.mechanisms.balls import ExactGeometry, ball_law
from dpaudit.mechanisms.balls.cutoffs import poisson_cutoff
from dpaudit.mechanisms.balls.enclosures import exact_fraction, precision
from dpaudit.mechanisms.balls.gumbel import CUTOFFS, TruncatedGumbelBallLaw
from dpaudit.mechanisms.spaces import EmbeddingSpace
from dpaudit.mechanisms.words.truncated_gumbel import TruncatedGumbel

Floats = NDArray[np.float64]

#: Bits of the balls that are tried.
BITS = 96

#: Multiples of the smallest epsilon that are tried: D/b is from 2e-13 to over 100.
MULTIPLES = (1.0 + 1e-12, 1.0 + 1e-6, 1.01, 1.5, 10.0, 1000.0, 1e12, 1e100)


def smallest_epsilon(space: EmbeddingSpace) -> float:
    """(5 + 2 ln n)/Delta_min."""
    return (5.0 + 2.0 * math.log(len(space))) / space.extent.min_distance


def make(
    space: EmbeddingSpace, multiple: float, cutoff: str = "published", **settings: int
) -> TruncatedGumbelBallLaw:
    """The law at a multiple of the smallest epsilon."""
    geometry = ExactGeometry(space.vectors, space.metric)
    epsilon = exact_fraction(multiple * smallest_epsilon(space))
    return TruncatedGumbelBallLaw(geometry, epsilon, cutoff, **settings)


def relative_width(ball: arb) -> float:
    """Radius over midpoint; 0 for an exact zero."""
    return 0.0 if ball == 0 else float((ball.rad() / abs(ball.mid())).mid())


# Quadrature in mpmath

#: Digits of the quadrature, and of those the ones that are relied on.
DIGITS, GOOD = 40, 28


def quadrature(vectors: Floats, metric: str, epsilon: float, cutoff: str, word: int) -> list[Any]:
    """P_w(y) for all y from the definition: x is the smallest noisy distance, and every panel
    between the corners is cut in pieces short enough for a Gauss rule."""
    with mpmath.workdps(DIGITS):
        n, matrix = len(vectors), exact_distances(vectors, metric)
        others = [matrix[i][j] for i in range(n) for j in range(i)]
        shortest, top = min(others), max(others)
        a = (mpmath.mpf(epsilon) - 2 * (1 + mpmath.log(n)) / shortest) / 3
        b = 2 * top / min(mpmath.lambertw(2 * a * top).real, mpmath.log(a * shortest))
        rate = mpmath.log(n if cutoff == "published" else n - 1)
        allowed = range(1, n + 1) if cutoff == "published" else range(n)
        chances = [rate**k / mpmath.factorial(k) if k in allowed else 0 for k in range(n + 1)]
        chances = [chance / sum(chances) for chance in chances]
        low, high = mpmath.exp(-mpmath.exp(top / b)), mpmath.exp(-mpmath.exp(-top / b))

        order = sorted(range(n), key=lambda y: (matrix[word][y], y))
        d = [matrix[word][y] for y in order]

        def survival(z: Any) -> Any:
            return min(mpmath.mpf(1), (high - mpmath.exp(-mpmath.exp(-z / b))) / (high - low))

        law = [mpmath.mpf(0)] * n
        law[word] = mpmath.mpf(chances[0])
        nodes, weights = _gauss()
        corners = sorted({z - top for z in d})
        for left, right in zip(corners, [*corners[1:], top], strict=True):
            if right == left:
                continue
            pieces = int(mpmath.ceil((right - left) / (b / 2)))
            half = (right - left) / pieces / 2
            for piece in range(pieces):
                for node, weight in zip(nodes, weights, strict=True):
                    x = left + half * (2 * piece + 1 + node)
                    factors = [survival(x - z) for z in d]
                    for rank in range(n):
                        if x <= d[rank] - top:
                            break
                        v = mpmath.exp(-(x - d[rank]) / b)
                        density = v * mpmath.exp(-v) / b / (high - low)
                        total = mpmath.mpf(0)
                        product = mpmath.mpf(1)
                        for k in range(n):
                            product *= 1 if k == rank else factors[k]
                            total += chances[k + 1] * product if k >= rank else 0
                        law[order[rank]] += half * weight * density * total
        return law


@cache
def _gauss() -> tuple[list[Any], list[Any]]:
    """The Gauss-Legendre rule with 40 nodes, by Newton's method."""
    n, nodes, weights = 40, [], []
    with mpmath.workdps(DIGITS + 10):
        for i in range(n):
            x = mpmath.cos(mpmath.pi * (i + mpmath.mpf("0.75")) / (n + mpmath.mpf("0.5")))
            for _ in range(8):
                before, now = mpmath.mpf(1), x
                for k in range(2, n + 1):
                    before, now = now, ((2 * k - 1) * x * now - (k - 1) * before) / k
                slope = n * (x * now - before) / (x * x - 1)
                x -= now / slope
            nodes.append(x)
            weights.append(2 / ((1 - x * x) * slope * slope))
    return nodes, weights


def as_ball(reference: Any) -> arb:
    """A value of the quadrature, with a radius for the digits that are not relied on."""
    value = arb(mpmath.nstr(reference, DIGITS))
    return value * (1 + arb(0, arb(10) ** -GOOD))


Case = tuple[str, int, str, float, str]

#: Kind, words, metric, multiple of the smallest epsilon, cutoff.
CASES: list[Case] = [
    ("scattered", 5, "euclidean", 1.5, "published"),
    ("scattered", 5, "manhattan", 1.01, "mldp-text"),
    ("clustered", 4, "chebyshev", 20.0, "published"),
    ("lattice", 6, "euclidean", 1.5, "published"),  # ties
    ("lattice", 6, "manhattan", 3.0, "mldp-text"),  # more ties
    ("simplex", 4, "euclidean", 1000.0, "published"),  # nothing but ties
    ("near-simplex", 5, "euclidean", 1.001, "published"),
    ("line", 5, "euclidean", 1.5, "published"),
    ("scattered", 2, "euclidean", 1.5, "published"),
    ("scattered", 2, "euclidean", 1.5, "mldp-text"),
    ("scattered", 3, "euclidean", 1.5, "mldp-text"),
]


@cache
def reference_row(case: Case) -> tuple[EmbeddingSpace, int, list[Any]]:
    """The space of a case, a word, and its row by quadrature."""
    kind, n, metric, multiple, cutoff = case
    rng = np.random.default_rng(71)
    space = random_space(kind, n, rng)
    space = EmbeddingSpace(space.words, space.vectors, metric)
    word = n // 2
    epsilon = multiple * smallest_epsilon(space)
    return space, word, quadrature(space.vectors, metric, epsilon, cutoff, word)


def check_case(case: Case, **settings: int) -> list[arb]:
    """The row of the case holds the references; returned for more checks."""
    space, word, references = reference_row(case)
    with precision(BITS):
        row = make(space, case[3], case[4], **settings).probabilities(word)
        for ball, reference in zip(row, references, strict=True):
            if reference == 0:
                assert ball == 0
            else:
                assert ball.overlaps(as_ball(reference))
    return row


@pytest.mark.parametrize("case", CASES, ids=str)
def test_balls_hold_the_quadrature(case: Case) -> None:
    """Every probability of a row, to 28 digits; relative widths are 1e-16 at most."""
    assert max(relative_width(ball) for ball in check_case(case)) <= 1e-16


@pytest.mark.parametrize("case", CASES[:5], ids=str)
@pytest.mark.parametrize("bits", [2, 8, 20])
def test_what_is_left_out_is_in_the_ball(case: Case, bits: int) -> None:
    """With coarse tolerances the balls are wider, and hold the quadrature all the same."""
    row = check_case(case, tolerance_bits=bits)
    assert max(relative_width(ball) for ball in row) >= 2.0 ** -(bits + 12)


# Faults

Fault = Callable[[], AbstractContextManager[Any]]


def patched(name: str, change: Callable[..., Any]) -> Fault:
    """A method of the row is called through `change`, which gets the true one first."""
    true = getattr(module._Row, name)

    def replacement(self: Any, *arguments: Any) -> Any:
        return change(lambda *new: true(self, *new), self, *arguments)

    return lambda: mock.patch.object(module._Row, name, replacement)


def cutoff_as(change: Callable[..., list[arb]]) -> Fault:
    """The law of K comes from `change`."""
    return lambda: mock.patch.object(module, "poisson_cutoff", change)


def _without_second_word(among: Any, row: Any, s: Any, start: Any, rank: int, further: Any) -> Any:
    value = among(s, start, rank, further)
    if rank < 2:
        return value
    return -value * row.mass / (row.slopes[1] * s + row.offsets[1]).expm1()


def _one_further_word_less(among: Any, _: Any, s: Any, start: Any, rank: int, further: Any) -> Any:
    return among(s, start, rank, further[:-1])


def _ended(end_of: Callable[[int, int, int], int]) -> Callable[..., Any]:
    """Between the corners, other words count as having theirs to the right."""

    def change(between: Any, _: Any, left: Any, right: Any, rank: int, end: int, *rest: Any) -> Any:
        return between(left, right, rank, end_of(rank, end, rest[0]), *rest)

    return change


def _only_first_piece(between: Any, _: Any, *arguments: Any) -> Any:
    _, _, rank, end, *_ = arguments
    return between(*arguments) if end == rank + 1 else arb(0)


def _moved_corners(gaps: Any, _: Any, *arguments: Any) -> Any:
    def moved(s: arb) -> arb:
        return (s * arb(1 - 1e-6)).mid()

    return [gap._replace(low=moved(gap.low), high=moved(gap.high)) for gap in gaps(*arguments)]


FAULTS: dict[str, Fault] = {
    "rate halved": cutoff_as(lambda n, rate, low, top: poisson_cutoff(n, rate / 2, low, top)),
    "K = 0 allowed": cutoff_as(lambda n, rate, low, top: poisson_cutoff(n, rate, 0, top)),
    "K = n forbidden": cutoff_as(lambda n, rate, low, top: poisson_cutoff(n, rate, low, top - 1)),
    "a nearer word forgotten": patched("_among", _without_second_word),
    "a further word forgotten": patched("_among", _one_further_word_less),
    "every S_i its limit 1": patched("_between", _ended(lambda rank, end, last: rank + 1)),
    "every S_i its formula": patched("_between", _ended(lambda rank, end, last: last + 1)),
    "only the first piece": patched("_between", _only_first_piece),
    "corners a millionth off": patched("_gaps", _moved_corners),
    "scale 1e-9 off": lambda: mock.patch.object(
        TruncatedGumbelBallLaw, "scale", property(lambda law: _SCALE(law) * arb(1 + 1e-9))
    ),
}
_SCALE = vars(TruncatedGumbelBallLaw)["scale"].fget


@pytest.mark.parametrize("name", FAULTS)
def test_faulty_laws_miss_the_quadrature(name: str) -> None:
    """A row without ties and one with ties: both miss with the fault and hold without it."""
    for case in (CASES[0], CASES[3]):
        check_case(case)
        with FAULTS[name](), pytest.raises(AssertionError):
            check_case(case)


@pytest.mark.parametrize("change", ["rate ln n", "K = 0 forbidden", "K = n allowed"])
def test_faulty_cutoffs_of_the_package_miss_the_quadrature(change: str) -> None:
    """The same for the cutoff as shipped."""

    def cutoff(n: int, rate: arb, smallest: int, largest: int) -> list[arb]:
        if change == "rate ln n":
            return poisson_cutoff(n, arb(n).log(), smallest, largest)
        if change == "K = 0 forbidden":
            return poisson_cutoff(n, rate, 1, largest)
        return poisson_cutoff(n, rate, smallest, n)

    for case in (CASES[1], CASES[4]):
        with cutoff_as(cutoff)(), pytest.raises(AssertionError):
            check_case(case)


@pytest.mark.parametrize(("name", "cases"), [("_last", (0, 3)), ("_cut", (2, 3))])
def test_what_is_left_out_is_missed(name: str, cases: tuple[int, ...]) -> None:
    """Without the ranks beyond the last one looked at, or the part below the cut, balls miss, all
    else being as fine as usual."""

    def coarsely(true: Any, row: Any, arguments: Any, keep: bool) -> Any:
        usual, row.tolerance_bits = row.tolerance_bits, 4
        first, left_out, *rest = true(*arguments)
        row.tolerance_bits = usual
        return (first, left_out if keep else arb(0), *rest)

    for case in (CASES[i] for i in cases):
        with patched(name, lambda true, row, *a: coarsely(true, row, a, True))():
            check_case(case)
        with (
            patched(name, lambda true, row, *a: coarsely(true, row, a, False))(),
            pytest.raises(AssertionError),
        ):
            check_case(case)


# The fast law, known answers, sums


@pytest.mark.parametrize("cutoff", CUTOFFS)
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("multiple", [1.0 + 1e-6, 1.01, 1.5, 10.0, 1000.0])
def test_fast_law_is_within_its_error(multiple: float, metric: str, cutoff: str) -> None:
    """The log of a ball and the fast law differ by no more than the fast law says."""
    rng = np.random.default_rng(73)
    for kind, n in (("scattered", 9), ("lattice", 12), ("clustered", 8)):
        space = random_space(kind, n, rng)
        space = EmbeddingSpace(space.words, space.vectors, metric)
        fast = TruncatedGumbel(space, multiple * smallest_epsilon(space), cutoff)
        word = int(rng.integers(n))
        with precision(BITS):
            row = make(space, multiple, cutoff).probabilities(word)
            for ball, logarithm in zip(row, fast.log_law(word), strict=True):
                if ball == 0:
                    assert logarithm == -math.inf
                else:
                    assert abs(ball.log() - arb(logarithm)) <= arb(fast.log_law_error)


@pytest.mark.parametrize("vocabulary", VOCABULARIES)
def test_known_answers(vocabulary: str) -> None:
    """Laws and scale of section 13, to 1e-13; the balls are narrower than 1e-15."""
    space, answer = known_space(vocabulary), known_answer(vocabulary, "truncated-gumbel")
    law = ball_law(
        "truncated-gumbel",
        {"epsilon": answer["epsilon"], "cutoff": "published"},
        space.vectors,
        space.metric,
    )
    assert isinstance(law, TruncatedGumbelBallLaw)
    with precision(BITS):
        assert float(law.scale.mid()) == pytest.approx(answer["scale"], rel=1e-13)
        rows = 0
        for word, expected in known_laws(vocabulary, "truncated-gumbel"):
            row = law.probabilities(space.words.index(word))
            np.testing.assert_allclose([float(p.mid()) for p in row], expected, rtol=1e-13, atol=0)
            assert max(relative_width(p) for p in row) <= 1e-15
            rows += 1
    assert rows == (6 if vocabulary == "plane-6" else 1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("multiple", MULTIPLES)
def test_rows_sum_to_one(multiple: float, kind: str) -> None:
    """A narrow ball that holds 1; all balls lie within [0, 1]; only the farthest word of mldp-text
    is impossible, and it is exactly."""
    rng = np.random.default_rng(79)
    for n in (2, 3, 7):
        space = random_space(kind, n, rng)
        for cutoff in CUTOFFS:
            law = make(space, multiple, cutoff)
            with precision(128):
                row = law.probabilities(n - 1)
                total = sum(row, arb(0))
                assert total.contains(1)
                assert total.rad() < 1e-14
                # 1 itself is not always the end of a ball.
                assert all(p.lower() >= 0 and p.upper() <= 1 + p.rad() for p in row)
                impossible = [y for y, ball in enumerate(row) if ball == 0]
                farthest = law.geometry.ranked(n - 1)[-1]
                assert impossible == ([] if cutoff == "published" else [farthest])
                assert all(row[y].is_exact() for y in impossible)
                assert all(ball > 0 for y, ball in enumerate(row) if y not in impossible)


@pytest.mark.parametrize("cutoff", CUTOFFS)
def test_one_output_and_all_outputs(cutoff: str) -> None:
    """The same balls."""
    law = make(known_space("plane-6"), 1.5, cutoff)
    with precision(BITS):
        for word in (0, 4):
            row = law.probabilities(word)
            assert [law.probability(word, y).str() for y in range(6)] == [p.str() for p in row]


def test_two_words() -> None:
    """As shipped the input is always returned; as published the other word occurs as well."""
    space = EmbeddingSpace(["a", "b"], [[0.0], [1.0]])
    with precision(BITS):
        assert make(space, 1.5, "mldp-text").probabilities(0) == [1, 0]
        first, second = make(space, 1.5).probabilities(0)
        assert first > second > 0


def test_ties_go_to_the_lower_position() -> None:
    space = EmbeddingSpace(["left", "here", "right"], [[-1.0], [0.0], [1.0]])
    with precision(BITS):
        left, _, right = make(space, 1.5).probabilities(1)
        assert left > right > 0
        assert make(space, 1.5, "mldp-text").probability(1, 2) == 0


# Precision


@settings(max_examples=25)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(2, 8),
    st.sampled_from(KINDS),
    st.sampled_from([1.0 + 1e-6, 1.5, 100.0]),
    st.sampled_from(CUTOFFS),
)
def test_precisions_agree(seed: int, n: int, kind: str, multiple: float, cutoff: str) -> None:
    """Balls at 24, 40, 64 and 256 bits have a number in common."""
    rng = np.random.default_rng(seed)
    law, word = make(random_space(kind, n, rng), multiple, cutoff), int(rng.integers(n))
    with precision(256):
        fine = law.probabilities(word)
        for bits in (24, 40, 64):
            with precision(bits):
                try:
                    coarse = law.probabilities(word)
                except ClaimError:  # not certain at this precision that the scale exists
                    assert bits < 64
                    continue
            assert all(a.overlaps(b) for a, b in zip(coarse, fine, strict=True))


@pytest.mark.parametrize("gap", [2.0**-20, 2.0**-30, 2.0**-45])
def test_corners_too_close_to_tell_apart(gap: float) -> None:
    """Distances that differ by less than the precision share a gap; their order stays."""
    vectors = np.array([[0.0], [1.0], [1.0 + gap], [-1.0 - gap / 2], [2.0], [2.0 + gap], [-2.5]])
    law = TruncatedGumbelBallLaw(ExactGeometry(vectors, "euclidean"), exact_fraction(30.0 / gap))
    with precision(256):
        fine = law.probabilities(0)
        assert fine[1] > fine[3] > fine[2] > fine[4] > fine[5] > fine[6]
        assert sum(fine, arb(0)).contains(1)
        for bits in (10, 16, 24, 36, 53):
            with precision(bits):
                coarse = law.probabilities(0)
                with patched("_over_gap", lambda *_: arb(0))():
                    faulty = law.probabilities(0)
            assert all(a.overlaps(b) for a, b in zip(coarse, fine, strict=True))
            assert max(relative_width(ball) for ball in coarse) <= 2.0 ** (10 - bits)
            # What lies between the ends of a gap is small, but more than the balls have to spare.
            assert not any(a.overlaps(b) for a, b in zip(faulty[:4], fine[:4], strict=True))


# The built-in space


@pytest.mark.parametrize(
    ("word", "output"),
    [("native", "mexico"), ("inhabitant", "mexico"), ("tie", "tie"), ("give", "tie")],
)
def test_builtin_space(word: str, output: str) -> None:
    """2,000 words: probabilities down to 10^-3850, far narrower than the fast law's error."""
    space = builtin()
    law, fast = _builtin_laws()
    first, second = space.words.index(word), space.words.index(output)
    values, errors = fast.log_laws_with_errors(slice(first, first + 1))
    with precision(BITS):
        ball = law.probability(first, second)
        assert relative_width(ball) <= 1e-15
        difference = abs(ball.log() - arb(float(values[0, second])))
        assert difference <= arb(float(errors[0, second]))


@cache
def _builtin_laws() -> tuple[TruncatedGumbelBallLaw, TruncatedGumbel]:
    fast = TruncatedGumbel(builtin(), 1.5 * smallest_epsilon(builtin()))
    return make(builtin(), 1.5), fast


@pytest.mark.slow
@pytest.mark.parametrize("multiple", [1.0 + 1e-6, 1.01, 10.0, 1000.0])
def test_ranks_of_the_builtin_space(multiple: float) -> None:
    """Ranks from the first to the last, against the fast law."""
    space = builtin()
    law = make(space, multiple)
    fast = TruncatedGumbel(space, multiple * smallest_epsilon(space))
    values, errors = fast.log_laws_with_errors(slice(17, 18))
    order = law.geometry.ranked(17)
    with precision(BITS):
        for rank in (0, 1, 5, 20, 60, 200, 600, 1200, 1800, 1998, 1999):
            ball, y = law.probability(17, order[rank]), order[rank]
            assert relative_width(ball) <= 1e-15
            assert abs(ball.log() - arb(float(values[0, y]))) <= arb(float(errors[0, y]))


# Arguments and imports


def test_no_scale() -> None:
    """At the bound, and where nothing is certain, there is no law."""
    geometry = ExactGeometry(known_space("plane-6").vectors, "euclidean")
    for epsilon in (fmpq(1, 10**6), fmpq(2), fmpq(8)):
        with pytest.raises(ClaimError, match="certainly"):
            TruncatedGumbelBallLaw(geometry, epsilon)
    with precision(256):
        law = TruncatedGumbelBallLaw(geometry, _just_above(geometry, 200))
        assert law.scale.is_finite()
    with precision(64), pytest.raises(ClaimError, match="certainly"):
        law.probability(0, 0)


def test_hardly_known_scale() -> None:
    """Just where it becomes certain that the scale exists, balls say little but nothing wrong."""
    geometry = ExactGeometry(known_space("plane-6").vectors, "euclidean")
    told = 0
    for bits in range(44, 60):
        with precision(256):
            law = TruncatedGumbelBallLaw(geometry, _just_above(geometry, bits))
            fine = law.probability(0, 3)
        for coarse_bits in (48, 53):
            with precision(coarse_bits):
                try:
                    ball = law.probability(0, 3)
                except ClaimError:
                    continue
            told += 1
            assert ball.overlaps(fine)
            assert ball.upper() <= 1.001
    assert told > 0


def _just_above(geometry: ExactGeometry, bits: int) -> fmpq:
    """An epsilon above the bound by about 2^-bits of it."""
    shortest = geometry.distance(geometry.extremes[0])
    bound = (5 + 2 * arb(len(geometry)).log()) / shortest * (1 + arb(2) ** -bits)
    mantissa, exponent = bound.mid().man_exp()
    return fmpq(int(mantissa)) * fmpq(2) ** int(exponent)


def test_unknown_cutoff() -> None:
    geometry = ExactGeometry(np.array([[0.0], [1.0]]), "euclidean")
    with pytest.raises(InputError, match="published, mldp-text"):
        TruncatedGumbelBallLaw(geometry, fmpq(10), "none")


def test_imports_nothing_of_the_fast_law() -> None:
    """Neither numba nor scipy, nor the fast law or its kernel."""
    code = (
        "import sys, dpaudit.mechanisms.balls.gumbel\n"
        "print(*sorted(m for m in sys.modules if m.split('.')[0] in ('numba', 'scipy')\n"
        "    or m.startswith(('dpaudit.mechanisms.words', 'dpaudit.mechanisms.kernels'))))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert found.stdout.split() == []
