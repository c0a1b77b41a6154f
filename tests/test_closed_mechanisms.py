"""`nearest-truncated-exponential`, `density-prior-exponential` and `metropolis-hastings`: laws with
their errors, samplers, audits, certificates, and how many steps the chain needs.

References are mpmath with 50 digits from exact distances and, for the chain, products with its
transition matrix; the fast law of the chain is a closed form that uses none.

False alarms: all tests of fit of this file together reject correct code with probability at most
`BUDGET` per run; each gets an equal share. The same tests must reject broken samplers.
"""

import dataclasses
import itertools
import math
from fractions import Fraction
from typing import Any
from unittest import mock

import mpmath
import numpy as np
import pytest
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from support import (
    DIGITS,
    METRICS,
    SPACES,
    VOCABULARIES,
    builtin,
    exact_keys,
    known_answer,
    known_laws,
    known_space,
    largest_loss,
    make_space,
    mechanism_p_value,
    random_space,
    reference_log_laws,
)

import dpaudit.mechanisms.words.metropolis_hastings as chain_module
import dpaudit.mechanisms.words.nearest_truncated_exponential as nearest_module
from dpaudit import EmbeddingSpace, MetricDP, PureDP, Verdict, audit, verify
from dpaudit.errors import InputError
from dpaudit.exact.audit import exact_audit
from dpaudit.exact.convergence import convergence
from dpaudit.mechanisms.balls import ball_law
from dpaudit.mechanisms.balls.enclosures import precision
from dpaudit.mechanisms.kernels.metropolis import metropolis_row
from dpaudit.mechanisms.protocol import HasSteps
from dpaudit.mechanisms.words.density import default_bandwidth
from dpaudit.mechanisms.words.density_prior_exponential import DensityPriorExponential
from dpaudit.mechanisms.words.metric_exponential import MetricExponential
from dpaudit.mechanisms.words.metropolis_hastings import MetropolisHastings
from dpaudit.mechanisms.words.nearest_truncated_exponential import NearestTruncatedExponential
from dpaudit.reports import page
from dpaudit.results import AuditResult, Evidence, wording

Floats = NDArray[np.float64]

BUDGET = 1e-7

NEAREST, DENSITY, CHAIN = (
    "nearest-truncated-exponential",
    "density-prior-exponential",
    "metropolis-hastings",
)
CLASSES: dict[str, Any] = {
    NEAREST: NearestTruncatedExponential,
    DENSITY: DensityPriorExponential,
    CHAIN: MetropolisHastings,
}
PARAMETERS = ("epsilon", "k", "bandwidth", "steps")


def whole(mechanism: Any) -> Floats:
    """ln P_w(y) for all inputs and outputs."""
    laws: Floats = mechanism.log_laws(slice(0, len(mechanism.space)))
    return laws


def reference(mechanism: Any) -> list[list[Any]]:
    space = mechanism.space
    return reference_log_laws(mechanism.name, mechanism.parameters, space.vectors, space.metric)


def check_law(mechanism: Any) -> None:
    """Every value is within the stated error, and impossible outputs are the same ones."""
    found, bound = whole(mechanism), mechanism.log_law_error
    with mpmath.workdps(DIGITS):
        for ours, theirs in zip(found, reference(mechanism), strict=True):
            for value, exact in zip(ours, theirs, strict=True):
                if mpmath.isinf(exact) or value == -math.inf:
                    assert mpmath.isinf(exact), (value, exact)
                    assert value == -math.inf or bound == math.inf
                else:
                    assert abs(mpmath.mpf(float(value)) - exact) <= bound
    assert np.abs(np.exp(found).sum(axis=1) - 1.0).max() <= 2.0 * min(bound, 1.0) + 1e-14 * len(
        found
    )


def variants(space: EmbeddingSpace, epsilon: float) -> list[Any]:
    n, longest = len(space), float(space.distance_matrix.max())
    made: list[Any] = [NearestTruncatedExponential(space, epsilon, k) for k in {1, n // 2 + 1, n}]
    for h in (None, 0.2 * longest, 5.0 * longest):
        made.append(DensityPriorExponential(space, epsilon, h))
        made += [MetropolisHastings(space, epsilon, h, steps) for steps in (2, 3, 10)]
    return made


# Laws


@pytest.mark.parametrize("vocabulary", VOCABULARIES)
@pytest.mark.parametrize("name", CLASSES)
def test_known_answers(vocabulary: str, name: str) -> None:
    """Section 13 of the specification: laws to 1e-9, epsilon*, delta, vulnerability, the prior."""
    space, answer = known_space(vocabulary), known_answer(vocabulary, name)
    mechanism = CLASSES[name](space, **{key: answer[key] for key in PARAMETERS if key in answer})
    for word, expected in known_laws(vocabulary, name):
        np.testing.assert_allclose(np.exp(mechanism.log_law(word)), expected, rtol=1e-9, atol=0)
    found = exact_audit(mechanism, mechanism.claim)
    assert found.epsilon.midpoint == pytest.approx(float(answer["epsilon_star"]), rel=1e-9)
    delta = found.delta_at_claim
    assert delta.lower <= answer["max_delta_at_claim"] <= delta.upper + 1e-12
    assert delta.upper - delta.lower < 1e-9
    if "bayes_vulnerability" in answer:
        vulnerability = np.exp(whole(mechanism)).max(axis=0).mean()
        assert vulnerability == pytest.approx(answer["bayes_vulnerability"], rel=1e-9)
    if "prior" in answer:
        prior = np.exp(mechanism.separable_law.prior.logs)
        np.testing.assert_allclose(prior / prior.sum(), answer["prior"], rtol=1e-12)


@pytest.mark.parametrize("epsilon", [1e-6, 0.3, 20.0, 1e3])
@pytest.mark.parametrize("kind", SPACES)
def test_laws_against_fifty_digits(kind: str, epsilon: float) -> None:
    """Also where probabilities underflow; errors are small beside the values."""
    space = make_space(kind)
    for mechanism in variants(space, epsilon):
        check_law(mechanism)
        if mechanism.name != CHAIN:
            largest = epsilon * space.extent.max_distance
            assert mechanism.log_law_error < 1e-12 * max(1.0, largest)


@pytest.mark.parametrize("metric", METRICS)
def test_laws_in_every_metric(metric: str) -> None:
    for mechanism in variants(make_space("scattered", metric), 2.0):
        check_law(mechanism)


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(["scattered", "lattice", "simplex", "line"]),
    st.integers(2, 6),
    st.integers(0, 2**32 - 1),
    st.floats(1e-4, 40.0),
    st.floats(0.05, 4.0),
    st.sampled_from([1, 2, 3, 4, 7, 30, 31]),
)
def test_laws_on_random_spaces(
    kind: str, n: int, seed: int, size: float, width: float, steps: int
) -> None:
    """One step included, after which the input may be impossible as an output."""
    space = random_space(kind, n, np.random.default_rng(seed))
    longest = space.extent.max_distance
    check_law(MetropolisHastings(space, size / longest, width * longest, steps))
    check_law(DensityPriorExponential(space, size / longest, width * longest))
    check_law(NearestTruncatedExponential(space, size / longest, 1 + seed % n))


def test_errors_are_small_where_the_chain_is_ordinary() -> None:
    """On the built-in space, for any number of steps; and rows add up to 1."""
    space = builtin()
    for steps in (1, 2, 100, 10**4, 10**9):
        mechanism = MetropolisHastings(space, 12.0, steps=steps)
        rows = mechanism.log_laws(slice(0, 40))
        assert np.nanmax(mechanism._errors) < 1e-10
        assert np.abs(np.exp(rows).sum(axis=1) - 1.0).max() < 1e-12


def test_special_cases_of_the_others() -> None:
    """k = n, and a prior that is flat because it is so wide, change nothing."""
    for kind in ("scattered", "lattice", "scales"):
        space = make_space(kind)
        plain = whole(MetricExponential(space, 3.0))
        for other in (
            NearestTruncatedExponential(space, 3.0, len(space)),
            DensityPriorExponential(space, 3.0, 1e12 * space.extent.max_distance),
        ):
            assert np.abs(whole(other) - plain).max() <= 4.0 * other.log_law_error


@pytest.mark.parametrize("kind", ["scattered", "lattice", "scales"])
def test_permutation_of_words(kind: str) -> None:
    """The law does not depend on the order of the vocabulary, but for ties of ranks."""
    space = make_space(kind)
    order = np.random.default_rng(1).permutation(len(space))
    shuffled = EmbeddingSpace([space.words[i] for i in order], space.vectors[order])
    for before, after in zip(variants(space, 3.0), variants(shuffled, 3.0), strict=True):
        if kind == "lattice" and before.name == NEAREST:
            continue
        with np.errstate(invalid="ignore"):
            gaps = np.abs(whole(after) - whole(before)[np.ix_(order, order)])
        assert np.nanmax(gaps) <= 2.0 * before.log_law_error + 1e-12


def test_the_default_bandwidth() -> None:
    """The median distance to the 10th nearest other word, or to the farthest if there are fewer."""
    for space in (builtin(), make_space("scattered"), make_space("pair"), make_space("lattice")):
        ranked = np.sort(space.distance_matrix, axis=1)[:, 1:]
        expected = float(np.median(ranked[:, min(10, len(space) - 1) - 1]))
        assert default_bandwidth(space) == pytest.approx(expected, rel=1e-12)
        assert DensityPriorExponential(space, 1.0).parameters["bandwidth"] == pytest.approx(
            expected
        )
    assert MetropolisHastings(builtin(), 1.0).bandwidth == default_bandwidth(builtin())


# The closed form of the chain and its error


def plain_chain(logs: Any, word: int, steps: int) -> list[Any]:
    """The law after some steps, by products with the transition matrix, in mpmath."""
    n = len(logs)
    weights = [mpmath.exp(x) for x in logs]
    one = mpmath.mpf(1)
    moves = [[min(one, b / a) / (n - 1) for b in weights] for a in weights]
    for x in range(n):
        moves[x][x] = mpmath.fsum(one / (n - 1) - p for y, p in enumerate(moves[x]) if y != x)
    law = [mpmath.mpf(int(y == word)) for y in range(n)]
    for _ in range(steps):
        law = [mpmath.fsum(law[x] * moves[x][y] for x in range(n)) for y in range(n)]
    return law


def row_of(logs: Floats, word: int, steps: int, doubt: float) -> tuple[Floats, float]:
    values = np.full(len(logs), np.nan)
    return values, metropolis_row(logs, word, steps, doubt, values)


#: Logarithms of weights: on a grid, where ties are frequent, spread out, or nearly tied.
targets = st.one_of(
    st.lists(st.integers(-3, 3).map(float), min_size=2, max_size=7),
    st.lists(st.floats(-60.0, 3.0), min_size=2, max_size=7),
    st.lists(st.floats(-3e-6, 3e-6), min_size=2, max_size=7),
    st.lists(st.sampled_from([0.0, 1e-6, 2.5e-6, -1e-6, 1.0, -1.0, -40.0]), min_size=2, max_size=7),
)


@settings(deadline=None, max_examples=120)
@given(targets, st.integers(0, 6), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_the_closed_form_and_its_error(logs: list[float], word: int, steps: int, seed: int) -> None:
    """With weights known only up to a doubt, every law that they may have is within the error; also
    if the doubt leaves their order open."""
    word %= len(logs)
    values = np.array(logs)
    rng = np.random.default_rng(seed)
    with mpmath.workdps(40):
        for doubt in (1e-13, 1e-6):
            found, error = row_of(values, word, steps, doubt)
            shifts = 0.499 * doubt * rng.choice([-1.0, 0.0, 1.0, 0.5], len(logs))
            true = [mpmath.mpf(x) + mpmath.mpf(s) for x, s in zip(logs, shifts, strict=True)]
            for value, p in zip(found, plain_chain(true, word, steps), strict=True):
                if p == 0:
                    assert value == -math.inf or error == math.inf
                else:
                    assert value > -math.inf
                    assert abs(mpmath.mpf(float(value)) - mpmath.log(p)) <= error


def test_the_error_is_not_idle() -> None:
    """Weights that move by a hundred times the doubt move the law by more than the stated error."""
    rng = np.random.default_rng(5)
    seen = 0
    for _ in range(20):
        logs = rng.normal(size=6)
        found, error = row_of(logs, 2, 9, 1e-9)
        moved, _ = row_of(logs + 1e-7 * rng.choice([-1.0, 1.0], 6), 2, 9, 1e-9)
        seen += np.abs(found - moved).max() > error
    assert seen == 20


def test_nothing_is_said_when_the_weights_are_not_known() -> None:
    """Fails closed: an infinite error, and no value that is an impossible output."""
    for steps in (1, 2, 5):
        for doubt in (1e-3, 1.0, math.inf, math.nan):
            values, error = row_of(np.array([0.0, -1.0, 2.0]), 1, steps, doubt)
            assert error == math.inf
            assert not (values == -math.inf).any()
    values, error = row_of(np.array([0.0, math.nan, 2.0]), 0, 3, 1e-12)
    assert not error < 1.0


def test_after_one_step_the_input_may_be_impossible() -> None:
    """Where all other words are likelier under its target; where that is in doubt, nothing is
    said."""
    logs = np.array([-1.0, 0.0, 0.5])
    values, error = row_of(logs, 0, 1, 1e-12)
    assert values.tolist() == pytest.approx([-math.inf, math.log(0.5), math.log(0.5)])
    assert error < 1e-11
    tied, error = row_of(np.array([0.0, 0.0, 0.5]), 0, 1, 1e-12)
    assert error == math.inf
    assert tied[0] > -math.inf
    space = EmbeddingSpace(list("abcd"), [[0.0], [0.1], [0.2], [3.0]])
    result = audit(MetropolisHastings(space, 0.01, 0.5, steps=1))
    assert (result.verdict, result.evidence) == (Verdict.VIOLATED, Evidence.CERTIFIED)
    assert result.true_epsilon.lower == math.inf


def test_the_chain_tends_to_its_target() -> None:
    """In the limit it is `density-prior-exponential`, and never farther from it than it says; the
    bound on total variation of section 8 holds too."""
    for kind in ("scattered", "lattice", "clustered"):
        space = make_space(kind)
        n = len(space)
        for epsilon in (0.01, 1.0, 30.0 / space.extent.max_distance):
            mechanism = MetropolisHastings(space, epsilon, steps=10**9)
            limit = whole(mechanism.limit)
            errors = mechanism.log_law_error + mechanism.limit.log_law_error
            assert np.abs(whole(mechanism) - limit).max() <= errors
            masses = np.exp(limit)
            own, rho = (
                masses.diagonal(),
                np.maximum(1 / (n - 1), 1 - 1 / ((n - 1) * masses.max(axis=1))),
            )
            assert mechanism.log_distance_from_limit(10**9).max() < 1e-6
            for steps in (1, 2, 5, 20, 100, 101, 500):
                after = mechanism.with_steps(steps)
                laws = whole(after)
                bounds = mechanism.log_distance_from_limit(steps)
                gaps = np.abs(laws - limit).max(axis=1)
                assert (gaps <= bounds + after.log_law_error + errors).all()
                variation = 0.5 * np.abs(np.exp(laws) - masses).sum(axis=1)
                assert (variation <= 0.5 * np.sqrt((1 - own) / own) * rho**steps + 1e-9).all()


# Audits


def test_truncation_has_an_infinite_loss() -> None:
    """For every k below n, on every vocabulary; with k = n there is none."""
    for kind in SPACES:
        space = make_space(kind)
        for k in range(1, len(space) + 1):
            mechanism = NearestTruncatedExponential(space, 1.0, k)
            bound = mechanism.epsilon_lower_bound().value
            loss = largest_loss(whole(mechanism), space.distance_matrix)
            if k < len(space):
                assert loss == bound == math.inf
            else:
                assert bound <= loss <= 1.0


def test_ranks_are_those_of_exact_distances() -> None:
    """Ties go to the lower position, also where rounding separates them."""
    vectors = np.array([[0.1 * i, 0.1 * j] for i in range(4) for j in range(4)])
    keys = exact_keys(vectors, "euclidean")
    space = EmbeddingSpace([f"w{i}" for i in range(16)], vectors)
    for k in (2, 4, 5):
        laws = whole(NearestTruncatedExponential(space, 1.0, k))
        for word, row in enumerate(keys):
            near = sorted(range(16), key=lambda y, row=row: (row[y], y))[:k]
            assert np.flatnonzero(laws[word] > -math.inf).tolist() == sorted(near)


def test_audits_out_of_the_box() -> None:
    """Violated with an infinite loss, upheld, violated: all certified, on the built-in space."""
    space = EmbeddingSpace.builtin(limit=150)
    nearest = audit(NearestTruncatedExponential(space, 12.0))
    assert (nearest.verdict, nearest.evidence) == (Verdict.VIOLATED, Evidence.CERTIFIED)
    assert nearest.true_epsilon.lower == math.inf
    assert nearest.closed_form is not None
    assert nearest.closed_form.decides
    assert "number" in " ".join(nearest.explanation)
    assert "none is published" in nearest.claim.source
    density = audit(DensityPriorExponential(space, 12.0))
    assert (density.verdict, density.evidence) == (Verdict.UPHELD, Evidence.CERTIFIED)
    assert 6.0 <= density.true_epsilon.lower <= density.true_epsilon.upper <= 12.0
    chain = audit(MetropolisHastings(space, 12.0, steps=3))
    assert (chain.verdict, chain.evidence) == (Verdict.VIOLATED, Evidence.CERTIFIED)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.floats(0.1, 20.0), st.floats(0.1, 3.0))
def test_a_prior_costs_nothing(seed: int, size: float, width: float) -> None:
    """epsilon/2 <= epsilon* <= epsilon for any bandwidth, by both routes."""
    space = random_space("scattered", 7, np.random.default_rng(seed))
    longest = space.extent.max_distance
    mechanism = DensityPriorExponential(space, size / longest, width * longest)
    by_normalisers = exact_audit(mechanism, mechanism.claim).epsilon
    by_outputs = exact_audit(mechanism, mechanism.claim, separable=False).epsilon
    assert mechanism.epsilon / 2 <= by_normalisers.upper
    assert by_normalisers.lower <= mechanism.epsilon
    assert by_normalisers.lower <= by_outputs.upper
    assert by_outputs.lower <= by_normalisers.upper
    naive = largest_loss(whole(mechanism), space.distance_matrix)
    assert naive == pytest.approx(by_normalisers.midpoint, rel=1e-9)


# Samplers


def _nearest(space: EmbeddingSpace, sampler: str = "fast") -> Any:
    return NearestTruncatedExponential(space, 1.0, 4, sampler)


def _density(space: EmbeddingSpace, sampler: str = "fast") -> Any:
    return DensityPriorExponential(space, 1.0, 1.2, sampler)


def _chain(space: EmbeddingSpace, sampler: str = "fast") -> Any:
    return MetropolisHastings(space, 1.0, 1.2, 5, sampler)


MAKERS = {NEAREST: _nearest, DENSITY: _density, CHAIN: _chain}
FITS = [*itertools.product(MAKERS, VOCABULARIES, ("fast", "exact"))]
#: Three more on the built-in space.
LEVEL = BUDGET / (len(FITS) + 3)


@pytest.mark.parametrize(("name", "vocabulary", "sampler"), FITS)
def test_samplers_fit_their_laws(name: str, vocabulary: str, sampler: str) -> None:
    mechanism = MAKERS[name](known_space(vocabulary), sampler)
    inputs = [0, 3, 5] if vocabulary == "plane-6" else [0, 9, 19]
    assert mechanism_p_value(mechanism, mechanism, inputs, 60_000, 7) > LEVEL


@pytest.mark.parametrize("name", CLASSES)
def test_samplers_fit_their_laws_on_the_builtin_space(name: str) -> None:
    mechanism = CLASSES[name](builtin(), 12.0)
    assert mechanism_p_value(mechanism, mechanism, [0, 17, 1999], 60_000, 8) > LEVEL


def _shifted_ranks(draw: Any) -> Any:
    def broken(thresholds: Any, aliases: Any, nearest: Any, *rest: Any) -> None:
        draw(thresholds, aliases, np.roll(nearest, 1, axis=1), *rest)

    return broken


def _one_step_less(draw: Any) -> Any:
    return lambda logs, steps, *rest: draw(logs, steps - 1, *rest)


def _another_target(draw: Any) -> Any:
    return lambda logs, *rest: draw(0.9 * logs, *rest)


@pytest.mark.parametrize("vocabulary", VOCABULARIES)
@pytest.mark.parametrize(
    ("module", "kernel", "fault", "name"),
    [
        (nearest_module, "_draw", _shifted_ranks, NEAREST),
        (chain_module, "metropolis_draws", _one_step_less, CHAIN),
        (chain_module, "metropolis_draws", _another_target, CHAIN),
    ],
)
def test_broken_kernels_are_caught(
    module: Any, kernel: str, fault: Any, name: str, vocabulary: str
) -> None:
    """The test of fit, at the same level, rejects a broken sampler."""
    mechanism = MAKERS[name](known_space(vocabulary))
    inputs = list(range(len(mechanism.space)))
    with mock.patch.object(module, kernel, fault(getattr(module, kernel))):
        assert mechanism_p_value(mechanism, mechanism, inputs, 600_000 // len(inputs), 9) <= LEVEL


def test_a_wrong_prior_is_caught() -> None:
    space = known_space("plane-6")
    wrong = DensityPriorExponential(space, 1.0, 1.3)
    assert mechanism_p_value(wrong, _density(space), list(range(6)), 400_000, 10) <= LEVEL


@pytest.mark.parametrize("sampler", ["fast", "exact"])
@pytest.mark.parametrize("name", CLASSES)
def test_batches_do_not_matter(name: str, sampler: str) -> None:
    mechanism = MAKERS[name](known_space("near-simplex-20"), sampler)
    inputs = np.random.default_rng(1).integers(0, 20, 500)
    together = mechanism.sample_indices(inputs, np.random.default_rng(2))
    rng = np.random.default_rng(2)
    parts = [mechanism.sample_indices(part, rng) for part in np.split(inputs, [1, 7, 300])]
    np.testing.assert_array_equal(together, np.concatenate(parts))
    for bad in (-1, 20):
        with pytest.raises(InputError, match="from 0 to 19"):
            mechanism.sample_indices(np.array([bad]), rng)


def steps_below(threshold: Fraction) -> Fraction:
    """P(U < threshold) for U uniform on the multiples of 2^-53."""
    return Fraction(min(max(math.ceil(threshold * 2**53), 0), 2**53), 2**53)


@pytest.mark.parametrize("epsilon", [0.01, 1.0, 50.0])
def test_the_chain_as_shipped_is_within_its_error(epsilon: float) -> None:
    """Every step of the code has fractions for chances; the law of T steps by fractions."""
    space = random_space("scattered", 4, np.random.default_rng(3))
    n, steps = 4, 3
    mechanism = MetropolisHastings(space, epsilon, 1.0, steps)
    columns = [steps_below(Fraction(c, 3)) for c in range(1, 3)]
    chances = [columns[0], columns[1] - columns[0], 1 - columns[1]]
    exact = reference(mechanism)
    for word in range(n):
        logs, moves = mechanism._targets[word], [[Fraction(0)] * n for _ in range(n)]
        for x in range(n):
            for chance, y in zip(chances, [y for y in range(n) if y != x], strict=True):
                accept = steps_below(Fraction(math.exp(min(logs[y] - logs[x], 0.0))))
                moves[x][y] = chance * accept
            moves[x][x] = 1 - sum(moves[x], Fraction(0))
        law = [Fraction(int(y == word)) for y in range(n)]
        for _ in range(steps):
            law = [sum((law[x] * moves[x][y] for x in range(n)), Fraction(0)) for y in range(n)]
        with mpmath.workdps(DIGITS):
            gaps = [
                abs(mpmath.mpf(p.numerator) / p.denominator - mpmath.exp(q))
                for p, q in zip(law, exact[word], strict=True)
            ]
            assert 0 < mpmath.fsum(gaps) / 2 <= mechanism.sampler_error < 1e-11


@pytest.mark.parametrize("name", [NEAREST, DENSITY])
@pytest.mark.parametrize("epsilon", [0.01, 1.0, 50.0])
def test_tables_as_shipped_are_within_their_error(name: str, epsilon: float) -> None:
    """The law of the alias tables in fractions against 50 digits."""
    space = random_space("scattered", 7, np.random.default_rng(4))
    mechanism = CLASSES[name](space, epsilon, {NEAREST: 5, DENSITY: 0.7}[name])
    exact = reference(mechanism)
    for word in range(7):
        thresholds = mechanism._tables.thresholds[word]
        count = len(thresholds)
        bounds = [steps_below(Fraction(c, count)) for c in range(count + 1)]
        law = [Fraction(0)] * 7
        words = mechanism._nearest[word] if name == NEAREST else range(7)
        for column, threshold in enumerate(thresholds):
            chance, stay = bounds[column + 1] - bounds[column], steps_below(Fraction(threshold))
            law[words[column]] += chance * stay
            law[words[mechanism._tables.aliases[word][column]]] += chance * (1 - stay)
        with mpmath.workdps(DIGITS):
            gaps = [
                abs(mpmath.mpf(p.numerator) / p.denominator - mpmath.exp(q))
                for p, q in zip(law, exact[word], strict=True)
            ]
            assert mpmath.fsum(gaps) / 2 <= mechanism.sampler_error < 1e-12


# Ball arithmetic and certificates


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from(sorted(CLASSES)),
    st.sampled_from(["scattered", "lattice", "simplex", "line"]),
    st.integers(2, 6),
    st.integers(0, 2**32 - 1),
    st.floats(0.01, 40.0),
    st.sampled_from(METRICS),
)
def test_balls_hold_the_laws(
    name: str, kind: str, n: int, seed: int, size: float, metric: str
) -> None:
    """At 96 bits they contain the reference, and are narrow; 0 is exactly 0."""
    rng = np.random.default_rng(seed)
    space = random_space(kind, n, rng).with_metric(metric)
    longest, steps = space.extent.max_distance, int(rng.choice([1, 2, 3, 10]))
    more: dict[str, dict[str, Any]] = {
        NEAREST: {"k": int(rng.integers(1, n + 1))},
        DENSITY: {"bandwidth": longest / 3.0},
        CHAIN: {"bandwidth": longest / 3.0, "steps": steps},
    }
    parameters = {"epsilon": size / longest, **more[name]}
    exact = reference_log_laws(name, parameters, space.vectors, metric)
    with precision(96), mpmath.workdps(DIGITS):
        law = ball_law(name, parameters, space.vectors, metric)
        assert law is not None
        for word in range(n):
            for ball, value in zip(law.probabilities(word), exact[word], strict=True):
                if ball == 0:
                    assert mpmath.isinf(value)
                    continue
                number = mpmath.nstr(mpmath.exp(value), DIGITS)
                assert ball.overlaps(arb(number) * arb(1, 1e-30))
                assert ball.rad() < 1e-15


def test_a_false_order_of_weights_is_allowed_for() -> None:
    """Balls that overlap: the law of the chain with either order is enclosed."""
    from dpaudit.mechanisms.balls.metropolis import _Chain

    with precision(96), mpmath.workdps(DIGITS):
        for middle in ([1.0, 1.0, 0.5], [1.0, 0.5, 0.5], [1.0, 1.0, 1.0]):
            balls = [arb(x, 1e-6) for x in middle]
            chain = _Chain(balls)
            for word in range(3):
                law = [arb(int(y == word)) for y in range(3)]
                for _ in range(4):
                    law = chain.step(law)
                for shifts in itertools.product((-1e-6, 0.0, 1e-6), repeat=3):
                    logs = [mpmath.log(m + s) for m, s in zip(middle, shifts, strict=True)]
                    for ball, p in zip(law, plain_chain(logs, word, 4), strict=True):
                        assert ball.contains(arb(mpmath.nstr(p, 30)))
                assert max(float(ball.rad()) for ball in law) < 1e-3


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("part", [0.45, 1.02])
def test_certificates_verify(name: str, part: float, tmp_path: Any) -> None:
    """Of claims below and above epsilon*, as far as it is finite."""
    space = EmbeddingSpace(list("abcde"), [[0.0, 0], [1, 0], [0, 2], [3, 1], [2, 2]])
    more = {NEAREST: {"k": 3}, DENSITY: {}, CHAIN: {"steps": 60}}[name]
    mechanism = CLASSES[name](space, 2.0, **more)
    claim = MetricDP(2.0 * part)
    path = tmp_path / "certificate.json"
    result = audit(mechanism, claim, certificate=path)
    upheld = part > 1.0 and name != NEAREST
    assert result.verdict is (Verdict.UPHELD if upheld else Verdict.VIOLATED)
    assert result.evidence is Evidence.CERTIFIED
    found = verify(path)
    assert found.verified, found.reasons
    assert found.certificate.verdict is result.verdict


@pytest.mark.parametrize("kind", ["pair", "simplex", "square"])
def test_ties_with_a_prior(kind: str) -> None:
    """Where symmetry makes all normalisers equal, epsilon* is epsilon/2 exactly: upheld there, and
    not one float below."""
    vectors: Any = {
        "pair": [[0.25], [-3.0]],
        "simplex": np.eye(4).tolist(),
        "square": [[0.0, 0.0], [0.0, 3.0], [3.0, 0.0], [3.0, 3.0]],
    }[kind]
    space = EmbeddingSpace([f"w{i}" for i in range(len(vectors))], vectors)
    mechanism = DensityPriorExponential(space, 2.0, 0.7)
    result = audit(mechanism, MetricDP(1.0))
    assert (result.verdict, result.evidence) == (Verdict.UPHELD, Evidence.CERTIFIED)
    below = audit(mechanism, MetricDP(math.nextafter(1.0, 0.0)))
    assert (below.verdict, below.evidence) == (Verdict.VIOLATED, Evidence.CERTIFIED)


def test_normalisers_with_a_prior_that_symmetry_makes_equal() -> None:
    """The rule for ties looks at the priors too, and what it calls equal is equal."""
    from dpaudit.certificates.normalisers import _Symmetry
    from dpaudit.mechanisms.balls.separable import SeparableBallLaw

    # Mirrored words are equal, and no others.
    line = EmbeddingSpace(list("abcd"), [[0.0], [1.0], [6.0], [7.0]])
    with precision(96):
        law = ball_law(DENSITY, {"epsilon": 1.0, "bandwidth": 1.0}, line.vectors, "euclidean")
        assert isinstance(law, SeparableBallLaw)
        symmetry = _Symmetry(law)
        for i, j in itertools.combinations(range(4), 2):
            equal = {i, j} in ({0, 3}, {1, 2})
            assert symmetry.equal(i, j) == equal
            assert law.normaliser(i).overlaps(law.normaliser(j)) == equal


# How many steps it takes


def plain_search(mechanism: MetropolisHastings, claim: Any, most: int) -> list[float]:
    """epsilon* after 1 ... most steps, by comparing everything."""
    space = mechanism.space
    distances = space.distance_matrix if claim.kind == "metric" else np.ones((len(space),) * 2)
    return [largest_loss(whole(mechanism.with_steps(t)), distances) for t in range(1, most + 1)]


@settings(deadline=None, max_examples=25)
@given(
    st.sampled_from(["scattered", "lattice", "clustered"]),
    st.integers(3, 6),
    st.integers(0, 2**32 - 1),
    st.floats(0.3, 15.0),
    st.booleans(),
)
def test_convergence_against_all_numbers_of_steps(
    kind: str, n: int, seed: int, size: float, pure: bool
) -> None:
    """What is said to hold from some number of steps on does, and not one step before."""
    space = random_space(kind, n, np.random.default_rng(seed))
    longest = space.extent.max_distance
    mechanism = MetropolisHastings(space, size / longest, 0.4 * longest, steps=5)
    limit = exact_audit(mechanism.limit, mechanism.claim).epsilon.upper
    claim: Any = PureDP(1.3 * longest * limit) if pure else MetricDP(1.3 * limit)
    curve = convergence(mechanism, claim)
    assert curve is not None
    plain = plain_search(mechanism, claim, 150)
    for steps, epsilon in zip(curve.steps, curve.epsilon, strict=True):
        if steps <= 150:
            assert epsilon == pytest.approx(plain[steps - 1], rel=1e-6)
    assert 5 in curve.steps
    assert curve.limit == pytest.approx(exact_audit(mechanism.limit, claim).epsilon.midpoint)
    holds = [epsilon <= claim.epsilon for epsilon in plain]
    if curve.holds_from is not None:
        assert all(holds[curve.holds_from - 1 :][:1])
        if curve.holds_from > 1:
            assert not any(holds[curve.holds_from - 2 : curve.holds_from - 1])
    if curve.proven_from is not None:
        assert all(holds[curve.proven_from - 1 :])
    if mechanism.loss_never_rises:
        assert curve.proven_from == curve.holds_from is not None
        with np.errstate(invalid="ignore"):
            assert (np.diff(plain) <= 1e-9 * np.array(plain[1:])).all()


def test_a_loss_that_is_known_never_to_rise() -> None:
    """Known where every word is the likeliest of its own target, and then true for every pair."""
    space = known_space("plane-6")
    mechanism = MetropolisHastings(space, 4.0, 1.5)
    assert mechanism.loss_never_rises
    laws = [whole(mechanism.with_steps(steps)) for steps in range(1, 80)]
    losses = [(law[:, None, :] - law[None, :, :]).max(axis=2) for law in laws]
    for before, after in itertools.pairwise(losses):
        assert (after <= before + 1e-10).all()
    assert not MetropolisHastings(space, 0.01, 1.5).loss_never_rises
    assert isinstance(mechanism, HasSteps)
    assert not isinstance(mechanism.limit, HasSteps)


def test_convergence_in_a_result() -> None:
    """On the page, on the terminal, in the JSON; nothing of it for other mechanisms."""
    space = EmbeddingSpace.builtin(limit=120)
    mechanism = MetropolisHastings(space, 12.0, steps=3)
    result = audit(mechanism, method="exact")
    curve = result.curves.convergence
    assert curve is not None
    assert result.verdict is Verdict.VIOLATED
    assert curve.holds_from == curve.proven_from
    assert curve.holds_from is not None
    before, after = (
        exact_audit(mechanism.with_steps(t), mechanism.claim).epsilon
        for t in (curve.holds_from - 1, curve.holds_from)
    )
    assert before.lower > 12.0 >= after.upper
    sentence = wording.convergence_sentence(result)
    assert sentence is not None
    assert f"from {curve.holds_from:,} steps on, but not with one step less" in sentence
    assert sentence in str(result)
    html = page.render(result)
    assert "How many steps it takes" in html
    assert 'id="convergence-n-title"' in html
    assert AuditResult.from_json(result.to_json()) == result
    other = audit(DensityPriorExponential(space, 12.0), method="exact")
    assert other.curves.convergence is None
    assert wording.convergence_sentence(other) is None
    assert "How many steps" not in page.render(other)


def test_sentences_about_steps() -> None:
    space = EmbeddingSpace(list("abcd"), [[0.0], [0.1], [0.2], [3.0]])
    never = audit(MetropolisHastings(space, 1.0, steps=3), MetricDP(0.1), method="exact")
    curve = never.curves.convergence
    assert curve is not None
    assert curve.holds_from is None
    assert "After none of the numbers of steps" in (wording.convergence_sentence(never) or "")

    def says(**changes: Any) -> str:
        changed = never.curves.model_copy(update={"convergence": curve.model_copy(update=changes)})
        return wording.convergence_sentence(never.model_copy(update={"curves": changed})) or ""

    assert "from the first step on" in says(holds_from=1, proven_from=1)
    assert "no number of steps is known" in says(holds_from=4, proven_from=None)
    assert "for every number of steps from 9 on" in says(holds_from=4, proven_from=9)
    page.render(never)


# Bad input


@pytest.mark.parametrize("bad", [0, -1, 1.5, True, "3", None, math.nan, 10**13])
def test_numbers_of_steps_and_words(bad: Any) -> None:
    space = known_space("plane-6")
    with pytest.raises(InputError, match="steps"):
        MetropolisHastings(space, 1.0, steps=bad)
    if bad is not None:
        with pytest.raises(InputError, match="k is"):
            NearestTruncatedExponential(space, 1.0, bad)
    with pytest.raises(InputError, match="k is 7, but it must be a whole number from 1 to 6"):
        NearestTruncatedExponential(space, 1.0, 7)


@pytest.mark.parametrize("make", [DensityPriorExponential, MetropolisHastings])
@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf, "1", True])
def test_bandwidths(make: Any, bad: Any) -> None:
    with pytest.raises(InputError, match="bandwidth"):
        make(known_space("plane-6"), 1.0, bad)
    with pytest.raises(InputError, match="epsilon"):
        make(known_space("plane-6"), bad)


@pytest.mark.parametrize("width", [1e-300, 1e-5, 1e300])
def test_extreme_bandwidths(width: float) -> None:
    """A prior that is flat, because each word is alone or all are one."""
    space = make_space("scattered")
    plain = whole(MetricExponential(space, 3.0))
    mechanism = DensityPriorExponential(space, 3.0, width)
    assert np.abs(whole(mechanism) - plain).max() < 1e-12
    if width > 1e-100:
        check_law(mechanism)


def test_parameters_rebuild() -> None:
    space = known_space("plane-6")
    for name, make in MAKERS.items():
        mechanism = make(space)
        again = CLASSES[name](space, **mechanism.parameters)
        assert again.parameters == mechanism.parameters
        np.testing.assert_array_equal(whole(again), whole(mechanism))
    assert NearestTruncatedExponential(space, 1.0).parameters["k"] == 6
    assert NearestTruncatedExponential(builtin(), 1.0).parameters["k"] == 10
    assert dataclasses.replace(_chain(space), steps=9).parameters["steps"] == 9
