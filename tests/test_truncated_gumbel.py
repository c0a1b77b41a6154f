"""The truncated Gumbel mechanism: law, scale, claim, bound and sampler.

The reference law is integrated in Arb balls, panel by panel between the corners, from the
definition of the mechanism; it shares no code with the kernel. Every check must also reject
mechanisms with faults put into them.
"""

import dataclasses
import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from unittest import mock

import flint
import mpmath
import numpy as np
import pytest
from flint import acb, arb
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from support import (
    DIGITS,
    KINDS,
    VOCABULARIES,
    builtin,
    known_answer,
    known_laws,
    known_space,
    largest_loss,
    mechanism_p_value,
    random_space,
)

import dpaudit.mechanisms.kernels.gumbel as kernel_module
import dpaudit.mechanisms.words.truncated_gumbel as words_module
from dpaudit import Verdict, audit
from dpaudit.errors import ClaimError, InputError
from dpaudit.exact.audit import exact_audit
from dpaudit.mechanisms.protocol import ExplainsLoss, HasLowerBound
from dpaudit.mechanisms.spaces import EmbeddingSpace
from dpaudit.mechanisms.words.cutoffs import CutoffLaw, poisson_cutoff
from dpaudit.mechanisms.words.truncated_gumbel import TruncatedGumbel

Floats = NDArray[np.float64]

CUTOFFS = ("published", "mldp-text")

#: Multiples of the smallest epsilon that are tried.
MULTIPLES = (1.0 + 1e-6, 1.01, 1.5, 10.0, 1000.0)

#: Largest error that a log probability may report (specification, section 5.2).
LARGEST_ERROR = 1e-7

#: Bits of the balls.
BITS = 160


def smallest_epsilon(space: EmbeddingSpace) -> float:
    """(5 + 2 ln n)/Delta_min."""
    return (5.0 + 2.0 * math.log(len(space))) / space.extent.min_distance


def make(space: EmbeddingSpace, multiple: float, cutoff: str = "published") -> TruncatedGumbel:
    """The mechanism at a multiple of the smallest epsilon."""
    return TruncatedGumbel(space, multiple * smallest_epsilon(space), cutoff)


def all_log_laws(mechanism: TruncatedGumbel) -> Floats:
    """ln P_w(y) for all inputs and outputs."""
    return mechanism.log_laws(slice(0, len(mechanism.space)))


# The law from its definition, in balls


def ball_scale(n: int, epsilon: float, shortest: arb, longest: arb) -> arb:
    """b of the specification, section 4.6."""
    a = (arb(epsilon) - 2 * (1 + arb(n).log()) / shortest) / 3
    return 2 * longest / (2 * a * longest).lambertw().min((a * shortest).log())


def ball_cutoff(n: int, cutoff: str) -> list[arb]:
    """Pr[K = k] for k = 0 ... n."""
    if cutoff == "published":
        rate, smallest, largest = arb(n).log(), 1, n
    else:
        rate, smallest, largest = arb(n - 1).log(), 0, n - 1
    weights = [rate**k / arb(k).fac() if smallest <= k <= largest else arb(0) for k in range(n + 1)]
    total = sum(weights, arb(0))
    return [weight / total for weight in weights]


def ball_law(distances: list[arb], chances: list[arb], scale: arb, radius: arb) -> list[arb]:
    """P(rank r and K >= 1) for distances in rising order: A_r f / S, integrated between corners.

    `distances` that are equal must be the same ball.
    """
    n = len(distances)
    low, high = (-(radius / scale).exp()).exp(), (-(-radius / scale).exp()).exp()
    starts = [i for i in range(n) if i == 0 or distances[i].mid() != distances[i - 1].mid()]
    ends = [distances[i] - radius for i in starts] + [radius]
    inside = [*starts[1:], n]  # words whose corner is at or below the start of the panel
    law = []
    for rank in range(n):
        if not any(chance > 0 for chance in chances[rank + 1 :]):
            law.append(arb(0))
            continue
        total = arb(0)
        for panel, words in enumerate(inside):
            if words <= rank:
                continue

            def integrand(x: acb, _: bool, rank: int = rank, words: int = words) -> acb:
                steps = [(-(x - distances[i]) / scale).exp() for i in range(words)]
                survival = [(high - (-v).exp()) / (high - low) for v in steps]
                tail = acb(0)
                for k in range(n, rank, -1):  # k words compete
                    tail = tail * (survival[k] if k < words else 1) + chances[k]
                for i in range(rank):
                    tail *= survival[i]
                return tail * steps[rank] * (-steps[rank]).exp() / (scale * (high - low))

            part = acb.integral(
                integrand,
                acb(ends[panel]),
                acb(ends[panel + 1]),
                rel_tol=arb(2) ** -70,
                abs_tol=arb(2) ** -300,
            )
            total += part.real
        law.append(total)
    return law


def check_law(space: EmbeddingSpace, multiple: float, cutoff: str, word: int) -> None:
    """Every log probability of a row is within the kernel's own error, and that is small."""
    mechanism = make(space, multiple, cutoff)
    n, extent = len(space), space.extent
    row = space.distance_rows(slice(word, word + 1))[0]
    order = sorted(range(n), key=lambda y: (row[y], y))
    by_rank, errors = np.full((2, n), np.nan)
    words_module.truncated_gumbel_row(
        row[order],
        mechanism.cutoff_law.log_probabilities,
        mechanism.scale,
        extent.max_distance,
        by_rank,
        errors,
    )
    assert errors.min() >= 0.0
    assert errors.max() <= LARGEST_ERROR
    found = mechanism.log_law(word)
    with flint.ctx.workprec(BITS):
        shortest, longest = arb(extent.min_distance), arb(extent.max_distance)
        scale = ball_scale(n, mechanism.epsilon, shortest, longest)
        chances = ball_cutoff(n, cutoff)
        law = ball_law([arb(float(row[y])) for y in order], chances, scale, longest)
        for rank, exact in enumerate(law):
            output = found[order[rank]]
            if exact == 0:
                assert by_rank[rank] == -math.inf
                assert errors[rank] == 0.0
            else:
                assert exact.log().rad() < 1e-15
                assert abs(arb(by_rank[rank]) - exact.log()) <= arb(errors[rank])
            if rank == 0:
                exact += chances[0]
            if exact == 0:
                assert output == -math.inf
            else:
                assert abs(arb(output) - exact.log()) <= arb(errors[rank]) + arb(2) ** -50


@pytest.mark.parametrize("multiple", MULTIPLES)
@pytest.mark.parametrize("kind", KINDS)
def test_law_against_balls(kind: str, multiple: float) -> None:
    """Random vocabularies of 2 to 12 words, with ties and without, both cutoffs."""
    rng = np.random.default_rng([KINDS.index(kind), MULTIPLES.index(multiple)])
    for n in (int(rng.integers(2, 5)), int(rng.integers(5, 9)), 12):
        space = random_space(kind, n, rng)
        for cutoff in CUTOFFS:
            check_law(space, multiple, cutoff, int(rng.integers(n)))


@pytest.mark.parametrize("kind", KINDS)
def test_stated_error_covers_the_law(kind: str) -> None:
    """`log_law_error` also covers the rounding of distances, Delta_min, Delta_max and b."""
    rng = np.random.default_rng(17)
    space = random_space(kind, 8, rng)
    for multiple, cutoff in [(1.01, "published"), (3.0, "mldp-text"), (500.0, "published")]:
        mechanism = make(space, multiple, cutoff)
        laws, error = all_log_laws(mechanism), mechanism.log_law_error
        assert 0.0 < error < 1.1 * LARGEST_ERROR
        with flint.ctx.workprec(BITS):
            vectors = [[arb(float(x)) for x in vector] for vector in space.vectors]
            gaps = [
                [sum(((a - b) ** 2 for a, b in zip(u, v, strict=True)), arb(0)) for v in vectors]
                for u in vectors
            ]
            matrix = [[gap.sqrt() for gap in row] for row in gaps]
            others = [matrix[i][j] for i in range(8) for j in range(i)]
            shortest, longest = others[0], others[0]
            for distance in others:
                shortest, longest = shortest.min(distance), longest.max(distance)
            scale = ball_scale(8, mechanism.epsilon, shortest, longest)
            chances = ball_cutoff(8, cutoff)
            for word in (0, 5):
                order = sorted(range(8), key=lambda y: (float(matrix[word][y]), y))
                law = ball_law([matrix[word][y] for y in order], chances, scale, longest)
                law[0] += chances[0]
                for y, exact in zip(order, law, strict=True):
                    if exact == 0:
                        assert laws[word, y] == -math.inf
                    else:
                        assert abs(arb(laws[word, y]) - exact.log()) <= arb(error)


# Known answers


def check_known_answers(vocabulary: str) -> None:
    """Everything that section 13 says of this mechanism, within 1e-9."""
    space, answer = known_space(vocabulary), known_answer(vocabulary, "truncated-gumbel")
    mechanism = TruncatedGumbel(space, answer["epsilon"])
    assert mechanism.scale == pytest.approx(answer["scale"], rel=1e-12)
    rows = 0
    for word, expected in known_laws(vocabulary, "truncated-gumbel"):
        np.testing.assert_allclose(np.exp(mechanism.log_law(word)), expected, rtol=1e-9, atol=0)
        rows += 1
    assert rows == (6 if vocabulary == "plane-6" else 1)
    loss = largest_loss(all_log_laws(mechanism), space.distance_matrix)
    assert loss == pytest.approx(answer["epsilon_star"], rel=1e-9)
    result = audit(mechanism)
    delta = answer["max_delta_at_claim"]
    assert result.verdict is (Verdict.VIOLATED if delta > 0 else Verdict.UPHELD)
    assert result.true_epsilon.lower <= answer["epsilon_star"] <= result.true_epsilon.upper
    assert result.true_epsilon.midpoint == pytest.approx(answer["epsilon_star"], rel=1e-9)
    assert result.true_epsilon.upper - result.true_epsilon.lower < 1e-6
    assert result.delta_at_claim.lower <= delta <= result.delta_at_claim.upper
    assert result.delta_at_claim.midpoint == pytest.approx(delta, rel=1e-9, abs=0)
    assert result.witness is not None
    ratio = result.witness.log_ratio.lower / result.witness.distance
    assert ratio == pytest.approx(answer["epsilon_star"], rel=1e-9)
    assert result.statistics is not None
    vulnerability = result.statistics.bayes_vulnerability
    assert vulnerability == pytest.approx(answer["bayes_vulnerability"], rel=1e-9)


@pytest.mark.parametrize("vocabulary", VOCABULARIES)
def test_known_answers(vocabulary: str) -> None:
    """Laws, scale, epsilon*, witness, worst delta and vulnerability of section 13."""
    check_known_answers(vocabulary)


# Rows and symmetries


@pytest.mark.parametrize("multiple", MULTIPLES)
@pytest.mark.parametrize("kind", KINDS)
def test_rows_sum_to_one(kind: str, multiple: float) -> None:
    """Within 1e-8; no log probability is above 0 or not a number."""
    rng = np.random.default_rng(23)
    for n in (2, 3, 12, 30):
        for cutoff in CUTOFFS:
            laws = all_log_laws(make(random_space(kind, n, rng), multiple, cutoff))
            assert laws.max() <= 1e-12
            assert np.abs(np.exp(laws).sum(axis=1) - 1.0).max() <= 1e-8
            impossible = 0 if cutoff == "published" else 1
            assert (np.isneginf(laws).sum(axis=1) == impossible).all()


@pytest.mark.parametrize(
    ("multiple", "cutoff"), [(1.01, "published"), (1.5, "mldp-text"), (1000.0, "published")]
)
def test_rows_of_the_builtin_space_sum_to_one(multiple: float, cutoff: str) -> None:
    """400 words: every row within 1e-8, every reported error at most 1e-7."""
    mechanism = make(EmbeddingSpace.builtin(limit=400), multiple, cutoff)
    laws = all_log_laws(mechanism)
    assert np.abs(np.exp(laws).sum(axis=1) - 1.0).max() <= 1e-8
    assert mechanism.log_law_error <= LARGEST_ERROR


@pytest.mark.parametrize("cutoff", CUTOFFS)
def test_one_row_and_all_rows(cutoff: str) -> None:
    """The law of one word is its row, by name or position, in blocks of any size."""
    space = random_space("scattered", 11, np.random.default_rng(29))
    mechanism = make(space, 1.5, cutoff)
    laws = all_log_laws(make(space, 1.5, cutoff))
    for i, word in enumerate(space.words):
        np.testing.assert_array_equal(mechanism.log_law(word), laws[i])
        np.testing.assert_array_equal(mechanism.log_law(i), laws[i])
    np.testing.assert_array_equal(mechanism.log_laws(slice(3, 8)), laws[3:8])
    np.testing.assert_array_equal(mechanism.log_laws(slice(None)), laws)


def test_stated_error_does_not_depend_on_what_was_asked() -> None:
    """The error is that of all words, whether their rows have been computed or not."""
    space = random_space("clustered", 9, np.random.default_rng(31))
    untouched, partly, whole = (make(space, 1.5) for _ in range(3))
    partly.log_law(4)
    all_log_laws(whole)
    assert untouched.log_law_error == partly.log_law_error == whole.log_law_error


@pytest.mark.parametrize("kind", ["scattered", "clustered", "near-simplex", "line"])
def test_permutation_of_words(kind: str) -> None:
    """Without ties, the law does not depend on the order of the vocabulary."""
    rng = np.random.default_rng(37)
    space = random_space(kind, 10, rng)
    order = rng.permutation(10)
    shuffled = EmbeddingSpace([space.words[i] for i in order], space.vectors[order])
    before, after = make(space, 1.5), make(shuffled, 1.5)
    np.testing.assert_allclose(
        all_log_laws(after), all_log_laws(before)[np.ix_(order, order)], rtol=0, atol=1e-10
    )


@pytest.mark.parametrize("factor", [4.0, 2.0**-20, 3.0, 1e9])
def test_scale_of_vectors(factor: float) -> None:
    """Vectors times c, epsilon over c: b times c and the same law."""
    space = random_space("scattered", 10, np.random.default_rng(41))
    scaled = EmbeddingSpace(space.words, space.vectors * factor)
    before = TruncatedGumbel(space, 1.5 * smallest_epsilon(space))
    after = TruncatedGumbel(scaled, before.epsilon / factor)
    assert after.scale == pytest.approx(before.scale * factor, rel=1e-13)
    np.testing.assert_allclose(all_log_laws(after), all_log_laws(before), rtol=0, atol=1e-10)


def test_ties_go_to_the_lower_index() -> None:
    """Of two words at the same distance the one earlier in the vocabulary has the lower rank."""
    space = EmbeddingSpace(["left", "here", "right"], [[-1.0], [0.0], [1.0]])
    for cutoff in CUTOFFS:
        left, _, right = make(space, 1.5, cutoff).log_law("here")
        assert left > right
        assert (right == -math.inf) == (cutoff == "mldp-text")


# The tail


def tail_integral(distances: Floats, rank: int, scale: float, radius: float, nodes: int) -> arb:
    """P(rank) over p_rank for a word far down the list.

    From the corner of the word on, cut at the corners of the next 12 words and at steps of 1/100
    of the radius after them, until the integrand is e^-40 of its start. Only those 12 words enter
    the tail sum over K: each weighs less than 1/100 of the one before.
    """
    n, later = len(distances), 12
    assert math.log(n) < 0.01 * rank
    rate, b, top = arb(n).log(), arb(scale), arb(radius)
    low, high = (-(top / b).exp()).exp(), (-(-top / b).exp()).exp()
    growth = [(arb(float(d)) / b).exp() for d in distances[: rank + later]]
    rule = [arb.legendre_p_root(nodes, k, weight=True) for k in range(nodes)]

    def integrand(x: arb, words: int) -> arb:
        decay = (-x / b).exp()
        value = decay * growth[rank - 1]
        value = value * (-value).exp() / b
        for factor in growth[: rank - 1]:
            value *= high - (-decay * factor).exp()
        tail = arb(1)
        for k in range(rank + later, rank, -1):
            survival = (high - (-decay * growth[k - 1]).exp()) / (high - low) if k <= words else 1
            tail = 1 + rate / k * survival * tail
        return value * tail / (high - low) ** rank

    total, words = arb(0), rank
    left = arb(float(distances[rank - 1])) - top
    first = integrand(left, words)
    while left < top:
        if words < rank + later:
            right = arb(float(distances[words])) - top
            words_after = words + 1
        else:
            right, words_after = (left + top / 100).min(top), words
            if integrand(left, words) < first * arb(-40).exp():
                return total
        middle, half = (left + right) / 2, (right - left) / 2
        for node, weight in rule:
            total += half * weight * integrand(middle + half * node, words)
        left, words = right, words_after
    return total


def test_tail_near_e_to_the_minus_4000() -> None:
    """On 2,000 words the log probability of a far word against balls, converged by doubling."""
    space = builtin()
    mechanism = make(space, 1.5)
    n, radius = len(space), space.extent.max_distance
    row = np.sort(space.distance_rows(slice(0, 1))[0])
    by_rank, errors = np.empty((2, n))
    words_module.truncated_gumbel_row(
        row, mechanism.cutoff_law.log_probabilities, mechanism.scale, radius, by_rank, errors
    )
    rank = int(np.argmin(np.abs(by_rank + 4000.0))) + 1
    assert abs(by_rank[rank - 1] + 4000.0) < 5.0
    with flint.ctx.workprec(128):
        coarse = tail_integral(row, rank, mechanism.scale, radius, 8)
        fine = tail_integral(row, rank, mechanism.scale, radius, 12)
        rate = arb(n).log()
        total = sum((rate**k / arb(k).fac() for k in range(1, n + 1)), arb(0))
        exact = (rate**rank / arb(rank).fac() / total * fine).log()
        assert abs((coarse / fine).log()) < 1e-11
        assert abs(arb(by_rank[rank - 1]) - exact) <= arb(errors[rank - 1])
    assert errors.max() <= LARGEST_ERROR


# Claim, bound and constructor


@settings(max_examples=40)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(2, 30),
    st.sampled_from(KINDS),
    st.sampled_from([1.001, 1.5, 4.0, 100.0]),
)
def test_lower_bound_holds(seed: int, n: int, kind: str, multiple: float) -> None:
    """B_n/R <= epsilon*, on vocabularies where it decides and where it does not."""
    space = random_space(kind, n, np.random.default_rng(seed))
    mechanism = make(space, multiple)
    assert isinstance(mechanism, HasLowerBound)
    bound = mechanism.epsilon_lower_bound()
    with mpmath.workdps(DIGITS):
        size = mpmath.mpf(n)
        numerator = mpmath.log(n * mpmath.factorial(n)) - (n - 1) * mpmath.log(mpmath.log(size))
        radius = space.distance_matrix.max(axis=1).min()
        assert bound.value == pytest.approx(float(numerator / radius), rel=1e-12)
    loss = largest_loss(all_log_laws(mechanism), space.distance_matrix)
    assert bound.value <= loss
    found = exact_audit(mechanism, mechanism.claim)
    assert found.epsilon.lower <= loss * (1 + 1e-12)
    assert found.epsilon.upper >= loss * (1 - 1e-12)


def test_lower_bound_alone_decides_near_equidistant_words() -> None:
    """On 40 nearly equidistant words B_n/R is above the claim; the audit finds no less."""
    mechanism = make(random_space("near-simplex", 40, np.random.default_rng(43)), 1.1)
    bound = mechanism.epsilon_lower_bound().value
    assert bound > mechanism.epsilon
    result = audit(mechanism)
    assert result.verdict is Verdict.VIOLATED
    assert result.true_epsilon.lower >= bound


@pytest.mark.parametrize("n", [2, 3, 7, 20])
def test_as_shipped_the_farthest_word_never_comes(n: int) -> None:
    """With cutoff "mldp-text" the loss is infinite, and the witness is a farthest word."""
    space = random_space("scattered", n, np.random.default_rng(47))
    mechanism = make(space, 1.5, "mldp-text")
    assert mechanism.epsilon_lower_bound().value == math.inf
    result = audit(mechanism)
    assert result.verdict is Verdict.VIOLATED
    assert (result.true_epsilon.lower, result.true_epsilon.upper) == (math.inf, math.inf)
    assert result.witness is not None
    assert result.witness.log_ratio.lower == math.inf
    neighbour = space.index(result.witness.neighbour)
    assert result.witness.output is not None
    farthest = int(np.argmax(space.distance_matrix[neighbour]))
    assert space.index(result.witness.output) == farthest
    assert mechanism.log_law(neighbour)[farthest] == -math.inf
    if n == 2:  # K is 0: every word is kept
        np.testing.assert_array_equal(np.exp(all_log_laws(mechanism)), np.eye(2))


@pytest.mark.parametrize("part", [1.0, 1.0 - 2.0**-52, 0.5, 1e-9])
def test_no_scale_below_the_bound(part: float) -> None:
    """A ClaimError that names the bound, its value and the closest words."""
    space = known_space("near-simplex-20")
    bound = TruncatedGumbel(space, 1e6).smallest_epsilon
    assert bound == pytest.approx(smallest_epsilon(space), rel=1e-15)
    with pytest.raises(ClaimError, match=r"\(5 \+ 2 ln n\)/Δmin = ") as caught:
        TruncatedGumbel(space, bound * part)
    assert f"{bound:.6g}" in str(caught.value)
    for word in space.extent.closest:
        assert space.words[word] in str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [2, 12])
def test_just_above_the_bound(n: int, kind: str) -> None:
    """From the next float on: a ClaimError, or a scale that exists and whose law is honest."""
    space = random_space(kind, n, np.random.default_rng(53))
    bound = TruncatedGumbel(space, 2.0 * smallest_epsilon(space)).smallest_epsilon
    longest = space.extent.max_distance
    for epsilon in (np.nextafter(bound, math.inf), bound * (1 + 1e-15), bound * (1 + 1e-12)):
        try:
            mechanism = TruncatedGumbel(space, float(epsilon))
        except ClaimError:
            assert epsilon < bound * (1 + 1e-11)
            continue
        # Wider noise cannot be told from uniform noise; its law must not be asked for.
        assert longest < mechanism.scale < 1e15 * longest
        laws, error = all_log_laws(mechanism), mechanism.log_law_error
        assert np.abs(np.exp(laws).sum(axis=1) - 1.0).max() <= max(1e-8, error)
    mechanism = TruncatedGumbel(space, bound * (1 + 1e-9))
    assert mechanism.log_law_error < 1e-4
    sums = np.exp(all_log_laws(mechanism)).sum(axis=1)
    assert np.abs(sums - 1.0).max() <= mechanism.log_law_error


@pytest.mark.parametrize("cutoff", ["Published", "", "mldp", None, 1], ids=repr)
def test_unknown_cutoff(cutoff: Any) -> None:
    """The error names the argument, the value and the choices."""
    with pytest.raises(InputError, match=r"cutoff is .*published, mldp-text"):
        TruncatedGumbel(known_space("plane-6"), 20.0, cutoff)


@pytest.mark.parametrize("epsilon", [0.0, -1.0, math.nan, math.inf, True, "20"], ids=repr)
def test_epsilon_out_of_range(epsilon: Any) -> None:
    """The error names epsilon."""
    with pytest.raises(InputError, match="epsilon is"):
        TruncatedGumbel(known_space("plane-6"), epsilon)


def test_what_it_says_it_is() -> None:
    """Parameters rebuild it; the claim is in the metric of the space; it is frozen."""
    mechanism: Any = TruncatedGumbel(known_space("plane-6"), 20, "mldp-text")
    assert mechanism.parameters == {"epsilon": 20.0, "cutoff": "mldp-text"}
    again = TruncatedGumbel(mechanism.space, **mechanism.parameters)
    np.testing.assert_array_equal(all_log_laws(again), all_log_laws(mechanism))
    assert (mechanism.claim.epsilon, mechanism.claim.delta) == (20.0, 0.0)
    assert mechanism.claim.metric == "euclidean"
    with pytest.raises(dataclasses.FrozenInstanceError):
        mechanism.epsilon = 3.0


# The explanation


@pytest.mark.parametrize("kind", ["scattered", "lattice", "simplex"])
@pytest.mark.parametrize("cutoff", CUTOFFS)
def test_explanation_names_both_ranks(kind: str, cutoff: str) -> None:
    """The ranks of the output from both inputs, ties by index; nothing where they do not tell."""
    space = random_space(kind, 9, np.random.default_rng(59))
    mechanism = make(space, 1.5, cutoff)
    assert isinstance(mechanism, ExplainsLoss)
    ranks = np.empty((9, 9), dtype=int)
    for word in range(9):
        distances = space.distance_matrix[word]
        for rank, y in enumerate(sorted(range(9), key=lambda y: (distances[y], y)), start=1):
            ranks[word, y] = rank
    for first in range(9):
        for second in range(9):
            for output in range(9):
                near, far = ranks[first, output], ranks[second, output]
                sentences = mechanism.explain(first, second, output)
                assert bool(sentences) == bool(far > near)
                if far <= near:
                    continue
                text = " ".join(sentences)
                assert f"K ≥ {near}:" in text
                assert f"K ≥ {far}:" in text
                assert f"number {far} in the order of distance" in text
                assert ("itself" in text) == (first == output)
                never = cutoff == "mldp-text" and far == 9
                assert (f"K ≥ {far}: never" in text) == never
                for word in (first, second, output):
                    assert f"“{space.words[word]}”" in text


# The sampler

#: Probability that any test of fit in this file rejects correct code, per run; those of
#: test_random_cutoff.py have the same, so that both files together stay below 1e-6.
BUDGET = 5e-7


@dataclasses.dataclass(frozen=True)
class Case:
    """A vocabulary, a multiple of the smallest epsilon, a cutoff, inputs and draws for each."""

    space: str
    multiple: float
    cutoff: str
    inputs: tuple[int, ...]
    draws: int

    @property
    def mechanism(self) -> TruncatedGumbel:
        """The mechanism of the case."""
        space = builtin() if self.space == "builtin" else known_space(self.space)
        return make(space, self.multiple, self.cutoff)


_SAMPLED = [
    Case(space, multiple, cutoff, inputs, draws)
    for space, inputs, draws in [
        ("plane-6", (0, 2, 5), 200_000),
        ("near-simplex-20", (0, 10, 19), 200_000),
        ("builtin", (0, 1999), 300_000),
    ]
    for multiple, cutoff in [
        (1.001, "published"),
        (1.5, "published"),
        (1000.0, "published"),
        (1.5, "mldp-text"),
    ]
    if not (space == "builtin" and multiple == 1.001)
]

LEVEL = BUDGET / len(_SAMPLED)


def check_sampler(case: Case, seed: int) -> None:
    """The outputs on several inputs fit the exact law."""
    mechanism = case.mechanism
    reference = case.mechanism
    p_value = mechanism_p_value(mechanism, reference, list(case.inputs), case.draws, seed)
    assert p_value > LEVEL


@pytest.mark.parametrize("number", range(len(_SAMPLED)))
def test_sampler_fits_the_exact_law(number: int) -> None:
    """All outputs on several inputs agree with the exact law, for both cutoffs."""
    check_sampler(_SAMPLED[number], 5000 + number)


@settings(max_examples=40)
@given(
    st.sampled_from(CUTOFFS), st.lists(st.integers(0, 40), max_size=5), st.integers(0, 2**32 - 1)
)
def test_batches_do_not_change_the_outputs(cutoff: str, splits: list[int], seed: int) -> None:
    """Inputs in pieces give what one call gives with the same stream."""
    mechanism = make(known_space("plane-6"), 1.5, cutoff)
    inputs = np.random.default_rng(seed).integers(0, 6, 40)
    whole = mechanism.sample_indices(inputs, np.random.default_rng(seed))
    rng = np.random.default_rng(seed)
    pieces = [mechanism.sample_indices(part, rng) for part in np.split(inputs, sorted(splits))]
    np.testing.assert_array_equal(np.concatenate(pieces), whole)
    assert whole.dtype == np.int64


def test_words_are_those_of_the_indices() -> None:
    """`sample` by word or position is `sample_indices` of the same stream, as text."""
    mechanism = make(known_space("near-simplex-20"), 1.5)
    indices = mechanism.sample_indices(np.full(300, 3), np.random.default_rng(6))
    for word in ("w03", 3):
        outputs = mechanism.sample(word, 300, np.random.default_rng(6))
        assert outputs.tolist() == [mechanism.space.words[i] for i in indices]
    assert len(set(indices.tolist())) > 5
    strided = np.repeat(np.full(300, 3, dtype=np.int32), 2)[::2]
    np.testing.assert_array_equal(
        mechanism.sample_indices(strided, np.random.default_rng(6)), indices
    )


@pytest.mark.parametrize("bad", [-1, 6, 2**40])
def test_inputs_out_of_range(bad: int) -> None:
    """No position outside the vocabulary reaches the kernel; no inputs give no outputs."""
    mechanism = make(known_space("plane-6"), 1.5)
    with pytest.raises(InputError, match="from 0 to 5"):
        mechanism.sample_indices(np.array([0, bad]), np.random.default_rng(0))
    empty = mechanism.sample_indices(np.array([], dtype=np.int64), np.random.default_rng(0))
    assert empty.shape == (0,)


@pytest.mark.parametrize("cutoff", CUTOFFS)
def test_two_words(cutoff: str) -> None:
    """The smallest vocabulary: as shipped every word is kept, as published both words occur."""
    mechanism = make(EmbeddingSpace(["a", "b"], [[0.0], [1.0]]), 1.5, cutoff)
    inputs = np.repeat([0, 1], 500)
    outputs = mechanism.sample_indices(inputs, np.random.default_rng(13))
    if cutoff == "mldp-text":
        np.testing.assert_array_equal(outputs, inputs)
    else:
        assert set(outputs[:500].tolist()) == set(outputs[500:].tolist()) == {0, 1}


@pytest.mark.parametrize("cutoff", CUTOFFS)
def test_sampler_error(cutoff: str) -> None:
    """Not zero, below 1e-9 unless the scale is extreme, never above 1."""
    for space in (known_space("plane-6"), known_space("near-simplex-20"), builtin()):
        for multiple in (1.01, 1.5, 10.0):
            assert 2.0**-53 <= make(space, multiple, cutoff).sampler_error < 1e-9
        for multiple in (1.0 + 1e-10, 1000.0):
            assert 2.0**-53 <= make(space, multiple, cutoff).sampler_error <= 1.0


def test_sampler_error_at_a_huge_epsilon() -> None:
    """A bound, or an error of the house, also where e^(Delta_max/b) overflows or underflows."""
    for multiple in (1e4, 1e6, 1e12):
        error = make(known_space("plane-6"), multiple).sampler_error
        assert 2.0**-53 <= error <= 1.0


# Faults


Fault = Callable[[], AbstractContextManager[Any]]


def replaced_cutoff(change: Callable[..., CutoffLaw]) -> Fault:
    """The mechanism takes its cutoff law from `change`."""
    return lambda: mock.patch.object(words_module, "poisson_cutoff", change)


def replaced_scale(take: Callable[[float, float], float]) -> Fault:
    """The scale takes something else than the smaller of the two terms."""

    def scale(self: TruncatedGumbel) -> float:
        extent = self.space.extent
        a = (self.epsilon - 2.0 * (1.0 + math.log(len(self.space))) / extent.min_distance) / 3.0
        lambert = float(mpmath.lambertw(2.0 * a * extent.max_distance).real)
        return 2.0 * extent.max_distance / take(lambert, math.log(a * extent.min_distance))

    return lambda: mock.patch.object(TruncatedGumbel, "scale", property(scale))


def replaced_kernel(change: Callable[..., None]) -> Fault:
    """The row kernel is called through `change`."""
    row = words_module.truncated_gumbel_row

    def wrapper(distances: Floats, logs: Floats, b: float, top: float, law: Any, err: Any) -> None:
        change(row, distances, logs, b, top, law, err)

    return lambda: mock.patch.object(words_module, "truncated_gumbel_row", wrapper)


def shifted_law(row: Any, d: Floats, logs: Floats, b: float, top: float, law: Any, err: Any) -> Any:
    """The probability of one rank is given to the next."""
    row(d, logs, b, top, law, err)
    law[:] = np.roll(law, 1)


def one_less(row: Any, d: Floats, logs: Floats, b: float, top: float, law: Any, err: Any) -> Any:
    """The chance of K + 1 candidates is taken for that of K."""
    moved = np.append(logs[1:], -np.inf)
    row(d, moved, b, top, law, err)


def one_more(row: Any, d: Floats, logs: Floats, b: float, top: float, law: Any, err: Any) -> Any:
    """K candidates beside the word itself, all of them when K = n."""
    moved = np.append(-60.0, logs[:-1])
    moved[-1] = np.logaddexp(moved[-1], logs[-1])
    row(d, moved, b, top, law, err)


def lost_node(name: str, node: int, factor: float) -> Fault:
    """A weight of a Gauss rule is wrong, in the kernel run as plain Python around its loops."""

    @contextmanager
    def patched() -> Iterator[None]:
        weights = getattr(kernel_module, name).copy()
        weights[node] *= factor
        lay = kernel_module._lay_nodes.py_func
        patches = mock.patch.multiple(kernel_module, **{name: weights, "_lay_nodes": lay})
        row = kernel_module.truncated_gumbel_row.py_func
        with patches, mock.patch.object(words_module, "truncated_gumbel_row", row):
            yield

    return patched


_LAW_FAULTS: dict[str, Fault] = {
    "rate halved": replaced_cutoff(lambda n, rate, low, top: poisson_cutoff(n, rate / 2, low, top)),
    "K = 0 allowed": replaced_cutoff(lambda n, rate, low, top: poisson_cutoff(n, rate, 0, top)),
    "K = n forbidden": replaced_cutoff(
        lambda n, rate, low, top: poisson_cutoff(n, rate, low, top - 1)
    ),
    "rate ln(n - 1)": replaced_cutoff(
        lambda n, rate, low, top: poisson_cutoff(n, math.log(n - 1), low, top)
    ),
    "law one rank late": replaced_kernel(shifted_law),
    "K one too small": replaced_kernel(one_less),
    "K one too large": replaced_kernel(one_more),
    "only Lambert": replaced_scale(lambda lambert, _: lambert),
    "the larger": replaced_scale(max),
    "node of the finer rule lost": lost_node("_WEIGHTS_4", 0, 0.0),
    "node of the coarser rule lost": lost_node("_WEIGHTS_3", 2, 0.0),
    "weight off by 1e-6": lost_node("_WEIGHTS_4", 1, 1.0 + 1e-6),
}


def law_cases() -> Iterator[tuple[EmbeddingSpace, int]]:
    """Vocabularies on which faults are looked for, as in the test of correct laws."""
    rng = np.random.default_rng(61)
    for kind in ("scattered", "near-simplex"):
        yield random_space(kind, 7, rng), int(rng.integers(7))


@pytest.mark.parametrize("name", _LAW_FAULTS)
def test_faulty_laws_are_caught(name: str) -> None:
    """The comparison with balls rejects each fault, on every vocabulary that is tried."""
    for space, word in law_cases():
        check_law(space, 1.5, "published", word)
        with _LAW_FAULTS[name](), pytest.raises(AssertionError):
            check_law(space, 1.5, "published", word)


def test_scale_without_lambert_is_caught() -> None:
    """Where the Lambert term is the smaller one, a scale with the logarithm only is rejected."""
    rng = np.random.default_rng(67)
    for kind in ("simplex", "near-simplex"):
        space, word = random_space(kind, 7, rng), int(rng.integers(7))
        check_law(space, 1000.0, "published", word)
        for take in (lambda _, logarithm: logarithm, max):
            with replaced_scale(take)(), pytest.raises(AssertionError):
                check_law(space, 1000.0, "published", word)


@pytest.mark.parametrize("name", [name for name in _LAW_FAULTS if "rule" not in name])
@pytest.mark.parametrize("vocabulary", VOCABULARIES)
def test_faulty_laws_miss_the_known_answers(vocabulary: str, name: str) -> None:
    """So does the comparison with section 13, but for errors that it is too coarse to see."""
    with _LAW_FAULTS[name](), pytest.raises(AssertionError):
        check_known_answers(vocabulary)


@pytest.mark.parametrize("change", ["rate ln n", "K = 0 forbidden", "K = n allowed"])
def test_faulty_cutoffs_of_the_package_are_caught(change: str) -> None:
    """The same for the cutoff as shipped."""

    def cutoff(n: int, rate: float, smallest: int, largest: int) -> CutoffLaw:
        if change == "rate ln n":
            return poisson_cutoff(n, math.log(n), smallest, largest)
        if change == "K = 0 forbidden":
            return poisson_cutoff(n, rate, 1, largest)
        return poisson_cutoff(n, rate, smallest, n)

    for space, word in law_cases():
        with replaced_cutoff(cutoff)(), pytest.raises(AssertionError):
            check_law(space, 1.5, "mldp-text", word)


def _wrong_scale(draw: Any, order: Any, d: Any, sums: Any, b: Any, *rest: Any) -> None:
    """Noise 10 % too wide."""
    draw(order, d, sums, 1.1 * b, *rest)


def _not_truncated(draw: Any, order: Any, d: Any, sums: Any, b: Any, top: Any, *rest: Any) -> None:
    """Noise cut off twice as far out."""
    draw(order, d, sums, b, 2.0 * top, *rest)


def _shifted_order(draw: Any, order: Any, *rest: Any) -> None:
    """Ranks off by one."""
    draw(np.roll(order, 1, axis=1), *rest)


def _one_candidate_more(draw: Any, order: Any, d: Any, sums: Any, *rest: Any) -> None:
    """K + 1 words compete."""
    moved = np.append(0.0, sums[:-1])
    moved[-1] = 1.0
    draw(order, d, moved, *rest)


def _longer_distances(draw: Any, order: Any, d: Any, *rest: Any) -> None:
    """Distances 5 % too long."""
    draw(order, 1.05 * d, *rest)


def _swapped_rows(draw: Any, *arguments: Any) -> None:
    """One input is taken for another."""
    *others, rows, rng, outputs = arguments
    draw(*others, np.where(rows == 0, 1, rows), rng, outputs)


_SAMPLER_FAULTS = [
    _wrong_scale,
    _not_truncated,
    _shifted_order,
    _one_candidate_more,
    _longer_distances,
    _swapped_rows,
]


@pytest.mark.parametrize("fault", _SAMPLER_FAULTS, ids=lambda fault: fault.__name__)
def test_faulty_samplers_are_caught(fault: Any) -> None:
    """The test of fit rejects faults in the kernel at the same level."""
    draw = words_module._draw
    case = Case("plane-6", 30.0, "published", (0, 2, 5), 1_000_000)
    mechanism = case.mechanism
    with mock.patch.object(words_module, "_draw", lambda *arguments: fault(draw, *arguments)):
        p_value = mechanism_p_value(mechanism, mechanism, list(case.inputs), case.draws, 6000)
    assert p_value <= LEVEL


@pytest.mark.parametrize("name", ["rate halved", "K = 0 allowed", "only Lambert"])
def test_samplers_of_other_mechanisms_are_caught(name: str) -> None:
    """The test of fit tells the sampler of a faulty definition from the right law."""
    case = Case("plane-6", 3.0, "published", (0, 2, 5), 1_000_000)
    reference = case.mechanism
    with _LAW_FAULTS[name]():
        faulty = case.mechanism
        rng = np.random.default_rng(6100)
        batch = rng.permutation(np.repeat(case.inputs, case.draws))
        outputs = faulty.sample_indices(batch, rng)

    @dataclasses.dataclass
    class Replayed:
        """Gives the outputs that the faulty sampler gave to the same inputs."""

        def sample_indices(self, inputs: Any, _: Any) -> Any:
            np.testing.assert_array_equal(inputs, batch)
            return outputs

    replayed: Any = Replayed()
    p_value = mechanism_p_value(replayed, reference, list(case.inputs), case.draws, 6100)
    assert p_value <= LEVEL
