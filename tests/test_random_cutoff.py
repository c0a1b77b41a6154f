"""The random-cutoff exponential mechanism: law, claim, symmetries and sampler.

The reference law is computed in mpmath with 50 digits from the definition. The checks must also
reject mechanisms with faults put into them.
"""

import dataclasses
import math
from typing import Any
from unittest import mock

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from support import (
    DIGITS,
    KINDS,
    VOCABULARIES,
    builtin,
    exact_distances,
    known_answer,
    known_laws,
    known_space,
    largest_loss,
    mechanism_p_value,
    random_space,
)

import dpaudit.mechanisms.words.random_cutoff_exponential as module
from dpaudit import Verdict, audit
from dpaudit.errors import ClaimError, InputError
from dpaudit.exact.audit import exact_audit
from dpaudit.mechanisms.kernels import alias
from dpaudit.mechanisms.spaces import EmbeddingSpace
from dpaudit.mechanisms.words.cutoffs import poisson_cutoff
from dpaudit.mechanisms.words.random_cutoff_exponential import RandomCutoffExponential

Floats = NDArray[np.float64]

#: Multiples of the smallest epsilon that are tried.
MULTIPLES = (1.0 + 1e-12, 1.01, 1.5, 10.0, 1000.0)


def smallest_epsilon(space: EmbeddingSpace) -> float:
    """2 (1 + ln n)/Delta_min."""
    return 2.0 * (1.0 + math.log(len(space))) / space.extent.min_distance


def make(space: EmbeddingSpace, multiple: float) -> RandomCutoffExponential:
    """The mechanism at a multiple of the smallest epsilon."""
    return RandomCutoffExponential(space, multiple * smallest_epsilon(space))


def all_log_laws(mechanism: RandomCutoffExponential) -> Floats:
    """ln P_w(y) for all inputs and outputs."""
    return mechanism.log_laws(slice(0, len(mechanism.space)))


# The law


def definition(mechanism: RandomCutoffExponential, exact_scale: bool) -> list[list[Any]]:
    """ln P_w(y) to 50 digits, from section 4.7 of the specification."""
    space, n = mechanism.space, len(mechanism.space)
    matrix = exact_distances(space.vectors, space.metric)
    with mpmath.workdps(DIGITS):
        rate = mpmath.log(n)
        poisson = [rate**k / mpmath.factorial(k) for k in range(1, n + 1)]
        eta = mpmath.exp(-2) / n
        chances = [(1 - eta) * weight / mpmath.fsum(poisson) for weight in poisson]
        chances[-1] += eta
        shortest = min(matrix[i][j] for i in range(n) for j in range(i))
        inverse = mpmath.mpf(mechanism.epsilon) - 2 * (1 + mpmath.log(n)) / shortest
        if not exact_scale:
            inverse = 1 / mpmath.mpf(mechanism.scale)
        laws = []
        for row in matrix:
            order = sorted(range(n), key=lambda y: (row[y], y))
            weights = [mpmath.exp(-inverse * row[y]) for y in order]
            law = [mpmath.mpf(0)] * n
            for rank, y in enumerate(order):
                terms = [chances[k - 1] / mpmath.fsum(weights[:k]) for k in range(rank + 1, n + 1)]
                law[y] = mpmath.log(weights[rank] * mpmath.fsum(terms))
            laws.append(law)
        return laws


def check_law(space: EmbeddingSpace, multiple: float) -> None:
    """Every log probability is within the stated error, for the true scale too."""
    mechanism = make(space, multiple)
    found, error = all_log_laws(mechanism), mechanism.log_law_error
    # Near the bound the scale itself is badly conditioned, 1/b a small difference of large terms.
    slack = 64.0 * 2.0**-53 * mechanism.epsilon * space.extent.max_distance
    assert 0.0 < error < 1e-12 * max(1.0, -found.min()) + slack
    for exact_scale in (False, True):
        exact = definition(mechanism, exact_scale)
        with mpmath.workdps(DIGITS):
            for w, row in enumerate(exact):
                for y, value in enumerate(row):
                    assert abs(mpmath.mpf(float(found[w, y])) - value) <= error


@pytest.mark.parametrize("multiple", MULTIPLES)
@pytest.mark.parametrize("kind", KINDS)
def test_law_against_fifty_digits(kind: str, multiple: float) -> None:
    """Random vocabularies of 2 to 12 words, with ties in distance and without."""
    rng = np.random.default_rng([KINDS.index(kind), MULTIPLES.index(multiple)])
    for n in (2, int(rng.integers(3, 8)), int(rng.integers(8, 13))):
        check_law(random_space(kind, n, rng), multiple)


def check_known_answers(vocabulary: str) -> None:
    """Everything that section 13 says of this mechanism, within 1e-9."""
    space, answer = known_space(vocabulary), known_answer(vocabulary, "random-cutoff-exponential")
    mechanism = RandomCutoffExponential(space, answer["epsilon"])
    assert mechanism.scale == pytest.approx(answer["scale"], rel=1e-12)
    rows = 0
    for word, expected in known_laws(vocabulary, "random-cutoff-exponential"):
        np.testing.assert_allclose(np.exp(mechanism.log_law(word)), expected, rtol=1e-9, atol=0)
        rows += 1
    assert rows == (6 if vocabulary == "plane-6" else 1)
    loss = largest_loss(all_log_laws(mechanism), space.distance_matrix)
    assert loss == pytest.approx(answer["epsilon_star"], rel=1e-9)
    result = audit(mechanism)
    assert result.verdict is Verdict.UPHELD
    assert result.true_epsilon.lower <= answer["epsilon_star"] <= result.true_epsilon.upper
    assert result.true_epsilon.midpoint == pytest.approx(answer["epsilon_star"], rel=1e-9)
    assert result.delta_at_claim.upper == answer["max_delta_at_claim"] == 0.0
    assert result.statistics is not None
    vulnerability = result.statistics.bayes_vulnerability
    assert vulnerability == pytest.approx(answer["bayes_vulnerability"], rel=1e-9)


@pytest.mark.parametrize("vocabulary", VOCABULARIES)
def test_known_answers(vocabulary: str) -> None:
    """Laws, scale, epsilon*, delta and vulnerability of section 13."""
    check_known_answers(vocabulary)


@pytest.mark.parametrize("multiple", MULTIPLES)
@pytest.mark.parametrize("kind", KINDS)
def test_rows_sum_to_one(kind: str, multiple: float) -> None:
    """Within the stated error; every word can come from every word."""
    rng = np.random.default_rng(23)
    for n in (2, 3, 12, 30):
        mechanism = make(random_space(kind, n, rng), multiple)
        laws = all_log_laws(mechanism)
        assert np.isfinite(laws).all()
        sums = np.exp(laws).sum(axis=1)
        assert np.abs(sums - 1.0).max() <= 2.0 * mechanism.log_law_error + 1e-15 * n


@pytest.mark.parametrize("multiple", [1.01, 1.5])
def test_rows_of_the_builtin_space_sum_to_one(multiple: float) -> None:
    """2,000 words, within 1e-8."""
    sums = np.exp(all_log_laws(make(builtin(), multiple))).sum(axis=1)
    assert np.abs(sums - 1.0).max() <= 1e-8


def test_one_row_and_all_rows() -> None:
    """The law of one word is its row, by name or position."""
    space = random_space("scattered", 11, np.random.default_rng(29))
    mechanism = make(space, 1.5)
    laws = all_log_laws(make(space, 1.5))
    for i, word in enumerate(space.words):
        np.testing.assert_array_equal(mechanism.log_law(word), laws[i])
        np.testing.assert_array_equal(mechanism.log_law(i), laws[i])
    np.testing.assert_array_equal(mechanism.log_laws(slice(3, 8)), laws[3:8])


@pytest.mark.parametrize("kind", ["scattered", "clustered", "near-simplex", "line"])
def test_permutation_of_words(kind: str) -> None:
    """Without ties, the law does not depend on the order of the vocabulary."""
    rng = np.random.default_rng(37)
    space = random_space(kind, 10, rng)
    order = rng.permutation(10)
    shuffled = EmbeddingSpace([space.words[i] for i in order], space.vectors[order])
    before, after = make(space, 1.5), make(shuffled, 1.5)
    np.testing.assert_allclose(
        all_log_laws(after),
        all_log_laws(before)[np.ix_(order, order)],
        rtol=0,
        atol=before.log_law_error + after.log_law_error,
    )


@pytest.mark.parametrize("factor", [4.0, 2.0**-20, 3.0, 1e9])
def test_scale_of_vectors(factor: float) -> None:
    """Vectors times c, epsilon over c: b times c and the same law."""
    space = random_space("scattered", 10, np.random.default_rng(41))
    scaled = EmbeddingSpace(space.words, space.vectors * factor)
    before = make(space, 1.5)
    after = RandomCutoffExponential(scaled, before.epsilon / factor)
    assert after.scale == pytest.approx(before.scale * factor, rel=1e-13)
    np.testing.assert_allclose(all_log_laws(after), all_log_laws(before), rtol=1e-12, atol=1e-12)


# The claim


def check_claim(multiple: float, count: int, seed: int) -> float:
    """epsilon* <= epsilon on `count` random vocabularies; the largest share of it that is used."""
    rng = np.random.default_rng(seed)
    used = 0.0
    for number in range(count):
        space = random_space(KINDS[number % len(KINDS)], int(rng.integers(2, 13)), rng)
        mechanism = make(space, multiple)
        loss = largest_loss(all_log_laws(mechanism), space.distance_matrix)
        assert loss <= mechanism.epsilon
        used = max(used, loss / mechanism.epsilon)
    return used


@pytest.mark.parametrize("multiple", [1.0 + 1e-12, 1.001, 1.05, 1.5, 4.0, 50.0])
def test_claim_holds(multiple: float) -> None:
    """On 400 random vocabularies each, nearly equidistant ones among them."""
    used = check_claim(multiple, 400, 101)
    assert 0.1 < used <= 1.0


@settings(max_examples=120)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(2, 12),
    st.sampled_from(KINDS),
    st.sampled_from([1.0 + 1e-12, 1.001, 1.1, 2.0, 30.0]),
)
def test_audit_upholds_the_claim(seed: int, n: int, kind: str, multiple: float) -> None:
    """The audit finds what plain comparison finds, and no more than the claim."""
    space = random_space(kind, n, np.random.default_rng(seed))
    mechanism = make(space, multiple)
    found = exact_audit(mechanism, mechanism.claim)
    assert found.epsilon.upper <= mechanism.epsilon
    assert found.delta_at_claim.upper == 0.0
    loss = largest_loss(all_log_laws(mechanism), space.distance_matrix)
    assert found.epsilon.midpoint == pytest.approx(loss, rel=1e-9)


@pytest.mark.parametrize("part", [1.0, 1.0 - 2.0**-52, 0.5, 1e-9])
def test_no_mechanism_at_or_below_the_bound(part: float) -> None:
    """A ClaimError that names the bound, its value and the closest words."""
    space = known_space("near-simplex-20")
    bound = RandomCutoffExponential(space, 1e6).smallest_epsilon
    assert bound == pytest.approx(smallest_epsilon(space), rel=1e-15)
    with pytest.raises(ClaimError, match=r"2 \(1 \+ ln n\)/Δmin = ") as caught:
        RandomCutoffExponential(space, bound * part)
    assert f"{bound:.6g}" in str(caught.value)
    for word in space.extent.closest:
        assert space.words[word] in str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_just_above_the_bound(kind: str) -> None:
    """From the next float on: there the K nearest words are practically equally likely."""
    space = random_space(kind, 9, np.random.default_rng(53))
    bound = make(space, 2.0).smallest_epsilon
    mechanism = RandomCutoffExponential(space, float(np.nextafter(bound, math.inf)))
    laws = all_log_laws(mechanism)
    assert np.abs(np.exp(laws).sum(axis=1) - 1.0).max() <= 1e-12
    assert largest_loss(laws, space.distance_matrix) <= mechanism.epsilon
    outputs = mechanism.sample_indices(np.zeros(2000, dtype=np.int64), np.random.default_rng(3))
    assert len(set(outputs.tolist())) > 3


@pytest.mark.parametrize("epsilon", [0.0, -1.0, math.nan, math.inf, True, "20"], ids=repr)
def test_epsilon_out_of_range(epsilon: Any) -> None:
    """The error names epsilon."""
    with pytest.raises(InputError, match="epsilon is"):
        RandomCutoffExponential(known_space("plane-6"), epsilon)


def test_what_it_says_it_is() -> None:
    """Parameters rebuild it; the claim is in the metric of the space; the remark gives the odds."""
    mechanism: Any = RandomCutoffExponential(known_space("near-simplex-20"), 20)
    assert mechanism.parameters == {"epsilon": 20.0, "sampler": "fast"}
    assert (mechanism.claim.epsilon, mechanism.claim.delta) == (20.0, 0.0)
    assert mechanism.claim.metric == "euclidean"
    assert f"{(math.e * 20) ** 2:.3g} to 1" in " ".join(mechanism.remarks)
    with pytest.raises(dataclasses.FrozenInstanceError):
        mechanism.epsilon = 3.0


# The sampler

#: Probability that any test of fit in this file rejects correct code, per run; those of
#: test_truncated_gumbel.py have the same, so that both files together stay below 1e-6.
BUDGET = 5e-7


@dataclasses.dataclass(frozen=True)
class Case:
    """A vocabulary, a multiple of the smallest epsilon, inputs and draws for each."""

    space: str
    multiple: float
    inputs: tuple[int, ...]
    draws: int

    @property
    def mechanism(self) -> RandomCutoffExponential:
        """The mechanism of the case."""
        space = builtin() if self.space == "builtin" else known_space(self.space)
        return make(space, self.multiple)


_SAMPLED = [
    Case(space, multiple, inputs, draws)
    for space, inputs, draws in [
        ("plane-6", (0, 2, 5), 200_000),
        ("near-simplex-20", (0, 10, 19), 200_000),
        ("builtin", (0, 1999), 300_000),
    ]
    for multiple in (1.01, 1.2, 1.5)
]

LEVEL = BUDGET / len(_SAMPLED)


def check_sampler(case: Case, seed: int) -> None:
    """The outputs on several inputs fit the exact law."""
    mechanism = case.mechanism
    p_value = mechanism_p_value(mechanism, mechanism, list(case.inputs), case.draws, seed)
    assert p_value > LEVEL


@pytest.mark.parametrize("number", range(len(_SAMPLED)))
def test_sampler_fits_the_exact_law(number: int) -> None:
    """All outputs on several inputs agree with the exact law."""
    check_sampler(_SAMPLED[number], 7000 + number)


@settings(max_examples=40)
@given(st.lists(st.integers(0, 40), max_size=5), st.integers(1, 50), st.integers(0, 2**32 - 1))
def test_batches_do_not_change_the_outputs(splits: list[int], chunk: int, seed: int) -> None:
    """Inputs in pieces, and kernels called on chunks of any size, give what one call gives."""
    mechanism = make(known_space("plane-6"), 1.1)
    inputs = np.random.default_rng(seed).integers(0, 6, 40)
    whole = mechanism.sample_indices(inputs, np.random.default_rng(seed))
    rng = np.random.default_rng(seed)
    with mock.patch.object(alias, "CHUNK", chunk):
        pieces = [mechanism.sample_indices(part, rng) for part in np.split(inputs, sorted(splits))]
    np.testing.assert_array_equal(np.concatenate(pieces), whole)
    assert whole.dtype == np.int64


@pytest.mark.parametrize("bad", [-1, 6, 2**40])
def test_inputs_out_of_range(bad: int) -> None:
    """No position outside the vocabulary reaches the kernel; no inputs give no outputs."""
    mechanism = make(known_space("plane-6"), 1.5)
    with pytest.raises(InputError, match="from 0 to 5"):
        mechanism.sample_indices(np.array([0, bad]), np.random.default_rng(0))
    empty = mechanism.sample_indices(np.array([], dtype=np.int64), np.random.default_rng(0))
    assert empty.shape == (0,)


def test_sampler_error() -> None:
    """Far below anything that sampling could see, and not zero."""
    for space in (known_space("plane-6"), known_space("near-simplex-20"), builtin()):
        for multiple in (1.0 + 1e-10, 1.01, 1.5):
            assert 2.0**-53 <= make(space, multiple).sampler_error < 1e-9
        assert 2.0**-53 <= make(space, 1000.0).sampler_error < 1e-7  # costs up to 1e5 nats


# Faults


def replaced_cutoff(rate: float = 1.0, smallest: int = 1, last: int = 0) -> Any:
    """The Poisson part of the cutoff law has another rate or range."""

    def cutoff(n: int, right: float, low: int, top: int) -> Any:
        return poisson_cutoff(n, rate * right, smallest, top - last)

    return mock.patch.object(module, "poisson_cutoff", cutoff)


def replaced_scale(factor: float) -> Any:
    """The scale is off by a factor."""
    right = RandomCutoffExponential.scale.fget  # type: ignore[attr-defined]
    wrong = property(lambda self: factor * right(self))
    return mock.patch.object(RandomCutoffExponential, "scale", wrong)


def replaced_kernel(change: str) -> Any:
    """The kernel of the law is off by one rank."""
    kernel = module._log_laws

    def wrapper(d: Any, order: Any, logs: Any, rate: Any, block: Any) -> None:
        if change == "order":
            kernel(d, np.roll(order, 1, axis=1), logs, rate, block)
        else:
            kernel(d, order, np.append(logs[1:], -1e3), rate, block)

    return mock.patch.object(module, "_log_laws", wrapper)


_LAW_FAULTS: dict[str, Any] = {
    "rate halved": lambda: replaced_cutoff(rate=0.5),
    "K = 0 allowed": lambda: replaced_cutoff(smallest=0),
    "K = n by eta only": lambda: replaced_cutoff(last=1),
    "scale 1.000001": lambda: replaced_scale(1.000001),
    "scale doubled": lambda: replaced_scale(2.0),
    "ranks off by one": lambda: replaced_kernel("order"),
    "K off by one": lambda: replaced_kernel("cutoff"),
}


@pytest.mark.parametrize("name", _LAW_FAULTS)
def test_faulty_laws_are_caught(name: str) -> None:
    """The comparison with the definition and the known answers reject each fault."""
    space = random_space("scattered", 7, np.random.default_rng(61))
    check_law(space, 1.5)
    with _LAW_FAULTS[name]():
        with pytest.raises(AssertionError):
            check_law(space, 1.5)
        for vocabulary in VOCABULARIES:
            with pytest.raises(AssertionError):
                check_known_answers(vocabulary)


def test_claim_of_the_mechanism_without_the_repair_is_refuted() -> None:
    """Without the mass at K = n the same search finds vocabularies where the claim fails."""

    def no_repair(self: RandomCutoffExponential) -> Any:
        n = len(self.space)
        return poisson_cutoff(n, math.log(n), 1, n)

    with (
        mock.patch.object(RandomCutoffExponential, "cutoff_law", property(no_repair)),
        pytest.raises(AssertionError),
    ):
        check_claim(1.001, 400, 101)


def _wrong_sums(draw: Any, sums: Any, *rest: Any) -> None:
    """Weights of all words but the first 3 % too large."""
    draw(np.concatenate([sums[:, :1], 1.03 * sums[:, 1:]], axis=1), *rest)


def _shifted_order(draw: Any, sums: Any, order: Any, *rest: Any) -> None:
    """Ranks off by one."""
    draw(sums, np.roll(order, 1, axis=1), *rest)


def _one_candidate_more(draw: Any, sums: Any, order: Any, cumulative: Any, *rest: Any) -> None:
    """K + 1 words compete."""
    moved = np.append(0.0, cumulative[:-1])
    moved[-1] = 1.0
    draw(sums, order, moved, *rest)


def _shared_uniform(draw: Any, sums: Any, order: Any, cumulative: Any, *rest: Any) -> None:
    """Cutoff and rank depend on each other."""
    rows, uniforms, outputs = rest
    draw(sums, order, cumulative, rows, np.repeat(uniforms[:, :1], 2, axis=1), outputs)


@pytest.mark.parametrize(
    "fault",
    [_wrong_sums, _shifted_order, _one_candidate_more, _shared_uniform],
    ids=lambda fault: fault.__name__,
)
def test_faulty_samplers_are_caught(fault: Any) -> None:
    """The test of fit rejects faults in the kernel at the same level."""
    draw = module._draw
    mechanism = make(known_space("plane-6"), 1.01)
    with mock.patch.object(module, "_draw", lambda *arguments: fault(draw, *arguments)):
        p_value = mechanism_p_value(mechanism, mechanism, [0, 2, 5], 500_000, 8000)
    assert p_value <= LEVEL
