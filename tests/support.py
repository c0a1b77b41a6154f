"""What several test files share: known answers, spaces to try, slow references, a test of fit."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
from flint import arb
from numpy.typing import NDArray
from scipy.stats import binom

from dpaudit.mechanisms.protocol import WordMechanism
from dpaudit.mechanisms.spaces import EmbeddingSpace

__all__ = [
    "DIGITS",
    "KINDS",
    "METRICS",
    "SPACES",
    "VOCABULARIES",
    "Done",
    "Run",
    "allowed_ball",
    "binomial_tail",
    "builtin",
    "exact_distance",
    "exact_distances",
    "exact_keys",
    "exact_log_laws",
    "fit_p_value",
    "key_distances",
    "known_answer",
    "known_laws",
    "known_space",
    "largest_loss",
    "make_space",
    "mechanism_p_value",
    "random_space",
    "reference_delta",
    "reference_epsilon",
    "reference_log_laws",
]


@dataclass(frozen=True)
class Done:
    """How a command ended: exit code, standard output and error."""

    code: int
    out: str
    err: str


#: Runs the command line: the fixture `run` of conftest.py.
Run = Callable[..., Done]

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

METRICS = ("euclidean", "manhattan", "chebyshev")

#: Decimal digits of the references in mpmath.
DIGITS = 50

_KNOWN = json.loads(Path(__file__).with_name("known_answers.json").read_text(encoding="utf-8"))
_BY_NAME = {entry["name"]: entry for entry in _KNOWN["vocabularies"]}

#: Names of the vocabularies with known answers (specification, section 13).
VOCABULARIES = tuple(_BY_NAME)


@cache
def known_space(name: str) -> EmbeddingSpace:
    """The space of a vocabulary with known answers."""
    entry = _BY_NAME[name]
    return EmbeddingSpace(entry["words"], entry["vectors"], entry["metric"], source=name)


def known_answer(vocabulary: str, key: str) -> Any:
    """An entry of a vocabulary with known answers: a mechanism's, or one of the vocabulary's."""
    return _BY_NAME[vocabulary][key]


def known_laws(vocabulary: str, mechanism: str) -> Iterator[tuple[str, Floats]]:
    """The known output laws as pairs of an input word and the probabilities of all outputs."""
    law = known_answer(vocabulary, mechanism)["law"]
    if isinstance(law, dict):
        yield law["input"], np.array(law["row"])
    else:
        for word, row in zip(known_answer(vocabulary, "words"), law, strict=True):
            yield word, np.array(row)


@cache
def builtin() -> EmbeddingSpace:
    """The built-in space, loaded once; its caches are shared by the tests of a process."""
    return EmbeddingSpace.builtin()


def _vectors(kind: str) -> Floats:
    rng = np.random.default_rng(20_240_501)
    if kind == "pair":
        return np.array([[0.25], [-3.0]])
    if kind == "scattered":
        return rng.standard_normal((11, 3))
    if kind == "clustered":  # two tight groups, far from each other and farther from the origin
        centres = np.array([[1e6, -2e6, 3e6], [1e6 + 40.0, -2e6, 3e6]])
        return np.repeat(centres, 5, axis=0) + 1e-3 * rng.standard_normal((10, 3))
    if kind == "lattice":  # many tied distances
        return np.array([[i, j] for i in range(3) for j in range(4)], dtype=float)
    assert kind == "scales"  # components from 1e-8 to 1e8
    return rng.standard_normal((9, 4)) * 10.0 ** rng.uniform(-8.0, 8.0, (9, 4))


#: Names of small spaces with different difficulties, for `make_space`.
SPACES = ("pair", "scattered", "clustered", "lattice", "scales")


def make_space(kind: str, metric: str = "euclidean") -> EmbeddingSpace:
    """A fresh small space, with nothing cached."""
    vectors = _vectors(kind)
    return EmbeddingSpace([f"w{i}" for i in range(len(vectors))], vectors, metric, source=kind)


#: Kinds of random vocabularies, for `random_space`.
KINDS = ("scattered", "clustered", "lattice", "near-simplex", "simplex", "line")


def random_space(kind: str, n: int, rng: np.random.Generator) -> EmbeddingSpace:
    """A random vocabulary of `n` words; "lattice" and "simplex" have tied distances."""
    if kind == "scattered":
        vectors = rng.standard_normal((n, 3))
    elif kind == "clustered":  # up to three tight groups, far from each other
        centres = 5.0 * rng.standard_normal((3, 2))
        vectors = centres[rng.integers(0, 3, n)] + 0.3 * rng.standard_normal((n, 2))
    elif kind == "lattice":
        cells = rng.permutation(36)[:n]
        vectors = np.stack([cells // 6, cells % 6], axis=1).astype(float)
    elif kind == "near-simplex":  # all distances nearly equal
        vectors = np.eye(n) + 0.02 * rng.standard_normal((n, n))
    elif kind == "simplex":
        vectors = np.eye(n)
    else:
        assert kind == "line"  # distances over three orders of magnitude
        vectors = rng.permutation(2.0 ** np.linspace(0.0, 10.0, n))[:, None]
    return EmbeddingSpace([f"w{i}" for i in range(n)], vectors, source=kind)


def largest_loss(log_laws: Floats, distance_matrix: Floats) -> float:
    """max over pairs and outputs of the loss per distance, by comparing all of them.

    Outputs impossible on both inputs are skipped.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        losses = log_laws[:, None, :] - log_laws[None, :, :]
        losses[np.isnan(losses)] = -np.inf
        ratios = losses.max(axis=2) / distance_matrix
    np.fill_diagonal(ratios, -np.inf)
    return float(ratios.max())


def exact_distance(first: Floats, second: Floats, metric: str) -> Any:
    """The distance of two vectors to `DIGITS` digits, by the definition of the metric."""
    with mpmath.workdps(DIGITS):
        gaps = [
            abs(mpmath.mpf(float(a)) - mpmath.mpf(float(b)))
            for a, b in zip(first, second, strict=True)
        ]
        if metric == "euclidean":
            return mpmath.sqrt(sum((gap * gap for gap in gaps), mpmath.mpf(0)))
        return sum(gaps, mpmath.mpf(0)) if metric == "manhattan" else max(gaps)


def exact_distances(vectors: Floats, metric: str) -> list[list[Any]]:
    """All distances to `DIGITS` digits, each pair computed once for each order."""
    return [[exact_distance(a, b, metric) for b in vectors] for a in vectors]


def exact_log_laws(costs: list[list[Any]]) -> list[list[Any]]:
    """ln of P_w(y), proportional to exp(-costs[w][y]), to about `DIGITS` digits."""
    with mpmath.workdps(DIGITS):
        laws = []
        for row in costs:
            log_normaliser = mpmath.log(mpmath.fsum(mpmath.exp(-cost) for cost in row))
            laws.append([-cost - log_normaliser for cost in row])
        return laws


def exact_keys(vectors: Floats, metric: str) -> list[list[Fraction]]:
    """All distances by the definition of the metric, in fractions; squares for "euclidean", for
    "angular" the negative square of the cosine with its sign."""
    rows = [[Fraction(float(x)) for x in vector] for vector in vectors]

    def key(i: int, j: int) -> Fraction:
        if metric == "discrete":
            return Fraction(int(i != j))
        if metric == "angular":
            dot, first, second = (
                sum((a * b for a, b in zip(x, y, strict=True)), Fraction(0))
                for x, y in ((rows[i], rows[j]), (rows[i], rows[i]), (rows[j], rows[j]))
            )
            return -dot * abs(dot) / (first * second)
        gaps = [abs(a - b) for a, b in zip(rows[i], rows[j], strict=True)]
        if metric == "euclidean":
            return sum((gap * gap for gap in gaps), Fraction(0))
        return sum(gaps, Fraction(0)) if metric == "manhattan" else max(gaps)

    keys = [[Fraction(-1 if metric == "angular" else 0)] * len(rows) for _ in rows]
    for i in range(len(rows)):
        for j in range(i):
            keys[i][j] = keys[j][i] = key(i, j)
    return keys


def key_distances(keys: list[list[Fraction]], metric: str) -> list[list[Any]]:
    """The distances of `exact_keys` to `DIGITS` digits."""
    with mpmath.workdps(DIGITS):
        numbers = [[mpmath.mpf(k.numerator) / k.denominator for k in row] for row in keys]
        if metric == "angular":
            with mpmath.workdps(4 * DIGITS):  # of angles near 0 the cosine shows half the digits
                keys_of = [[mpmath.mpf(k.numerator) / k.denominator for k in row] for row in keys]
                return [
                    [mpmath.acos(-mpmath.sign(k) * mpmath.sqrt(abs(k))) for k in row]
                    for row in keys_of
                ]
        if metric != "euclidean":
            return numbers
        return [[mpmath.sqrt(x) for x in row] for row in numbers]


def reference_log_laws(
    name: str, parameters: Mapping[str, Any], vectors: Floats, metric: str
) -> list[list[Any]]:
    """ln P_w(y) of a mechanism by its definition (specification, section 4), -inf where 0.

    To about `DIGITS` digits, for `truncated-gumbel` to 20 or more. Parameters, vectors and metric
    are taken as exact; ranks come from fractions. Slow: for a few words.
    """
    if name == "randomized-response":
        metric = "discrete"
    keys = exact_keys(vectors, metric)
    with mpmath.workdps(DIGITS):
        distances, n = key_distances(keys, metric), len(keys)
        epsilon = mpmath.mpf(parameters["epsilon"])
        if name in ("metric-exponential", "truncated-exponential", "randomized-response"):
            rate = epsilon if name == "randomized-response" else epsilon / 2
            clip = mpmath.mpf(parameters.get("threshold", mpmath.inf))
            return exact_log_laws([[rate * min(d, clip) for d in row] for row in distances])
        if "bandwidth" in parameters:
            laws = _with_density(epsilon, parameters, distances)
            return [[mpmath.log(p) if p else -mpmath.inf for p in law] for law in laws]
        orders = [sorted(range(n), key=lambda y, row=row: (row[y], y)) for row in keys]
        if name == "nearest-truncated-exponential":
            laws = []
            for row, order in zip(distances, orders, strict=True):
                near = order[: int(parameters["k"])]
                weights = [
                    mpmath.exp(-epsilon * d / 2) if y in near else 0 for y, d in enumerate(row)
                ]
                laws.append([weight / mpmath.fsum(weights) for weight in weights])
            return [[mpmath.log(p) if p else -mpmath.inf for p in law] for law in laws]
        flat = [distances[i][j] for i in range(n) for j in range(i)]
        if name == "random-cutoff-exponential":
            laws = _random_cutoff(epsilon, n, distances, orders, min(flat))
        else:
            assert name == "truncated-gumbel"
            laws = _truncated_gumbel(
                epsilon, n, distances, orders, (min(flat), max(flat)), parameters["cutoff"]
            )
        return [[mpmath.log(p) if p else -mpmath.inf for p in law] for law in laws]


def _with_density(
    epsilon: Any, parameters: Mapping[str, Any], distances: list[list[Any]]
) -> list[list[Any]]:
    """The exponential law with a density for its prior, or a chain of `steps` steps towards it, by
    its n x n transition matrix."""
    h, n = mpmath.mpf(parameters["bandwidth"]), len(distances)
    prior = [mpmath.fsum(mpmath.exp(-((d / h) ** 2) / 2) for d in row) for row in distances]
    laws = []
    for word, row in enumerate(distances):
        weights = [p * mpmath.exp(-epsilon * d / 2) for p, d in zip(prior, row, strict=True)]
        target = [weight / mpmath.fsum(weights) for weight in weights]
        if "steps" not in parameters:
            laws.append(target)
            continue
        one = mpmath.mpf(1)
        moves = [
            [min(one, target[y] / target[x]) / (n - 1) if x != y else 0 for y in range(n)]
            for x in range(n)
        ]
        for x in range(n):
            # Summed so that no difference of equal numbers is left where the chain never stays.
            moves[x][x] = mpmath.fsum(one / (n - 1) - p for y, p in enumerate(moves[x]) if y != x)
        law = [mpmath.mpf(int(y == word)) for y in range(n)]
        for _ in range(int(parameters["steps"])):
            law = [mpmath.fsum(law[x] * moves[x][y] for x in range(n)) for y in range(n)]
        laws.append(law)
    return laws


def _poisson(rate: Any, smallest: int, largest: int, n: int) -> list[Any]:
    """Pr[K = k] for k = 0 ... n."""
    weights = [
        rate**k / mpmath.factorial(k) if smallest <= k <= largest else mpmath.mpf(0)
        for k in range(n + 1)
    ]
    return [weight / mpmath.fsum(weights) for weight in weights]


def _random_cutoff(
    epsilon: Any, n: int, distances: list[list[Any]], orders: list[list[int]], shortest: Any
) -> list[list[Any]]:
    eta = mpmath.exp(-2) / n
    chances = [(1 - eta) * p for p in _poisson(mpmath.log(n), 1, n, n)]
    chances[n] += eta
    steepness = epsilon - 2 * (1 + mpmath.log(n)) / shortest
    laws = []
    for row, order in zip(distances, orders, strict=True):
        law = [mpmath.mpf(0)] * n
        for k in range(1, n + 1):
            weights = {y: mpmath.exp(-steepness * row[y]) for y in order[:k]}
            total = mpmath.fsum(weights.values())
            for y, weight in weights.items():
                law[y] += chances[k] * weight / total
        laws.append(law)
    return laws


def _truncated_gumbel(
    epsilon: Any,
    n: int,
    distances: list[list[Any]],
    orders: list[list[int]],
    extremes: tuple[Any, Any],
    cutoff: str,
) -> list[list[Any]]:
    """For every k and every word among the k nearest, the integral of f times the other S."""
    shortest, radius = extremes
    a = (epsilon - 2 * (1 + mpmath.log(n)) / shortest) / 3
    scale = 2 * radius / min(mpmath.lambertw(2 * a * radius).real, mpmath.log(a * shortest))
    chances = (
        _poisson(mpmath.log(n), 1, n, n)
        if cutoff == "published"
        else _poisson(mpmath.log(n - 1), 0, n - 1, n)
    )
    least, most = mpmath.exp(-radius / scale), mpmath.exp(radius / scale)
    mass = -mpmath.expm1(least - most)

    def density(z: Any) -> Any:
        v = mpmath.exp(-z / scale)
        return v * mpmath.exp(least - v) / (scale * mass)

    def survival(z: Any) -> Any:
        return -mpmath.expm1(least - mpmath.exp(-z / scale)) / mass if z > -radius else 1

    laws = []
    for row, order in zip(distances, orders, strict=True):
        law = [mpmath.mpf(0)] * n
        law[order[0]] += chances[0]
        for rank, y in enumerate(order):

            def integrand(x: Any, rank: int = rank, row: Any = row, order: Any = order) -> Any:
                value = density(x - row[order[rank]])
                for i in order[:rank]:
                    value *= survival(x - row[i])
                total, product = mpmath.mpf(0), mpmath.mpf(1)
                for k in range(rank + 1, n + 1):
                    if k > rank + 1:
                        product *= survival(x - row[order[k - 1]])
                    total += chances[k] * product
                return value * total

            if any(chances[rank + 1 :]):
                corners = sorted({row[i] - radius for i in order[rank:]} | {radius})
                law[y] += mpmath.quad(integrand, corners)
        laws.append(law)
    return laws


def reference_epsilon(log_laws: list[list[Any]], distances: list[list[Any]]) -> Any:
    """epsilon* over all pairs and outputs; infinite where an output is impossible on one side."""
    best = mpmath.mpf(0)
    with mpmath.workdps(DIGITS):
        for i, ours in enumerate(log_laws):
            for j, theirs in enumerate(log_laws):
                if i != j:
                    losses = [
                        a - b for a, b in zip(ours, theirs, strict=True) if mpmath.isfinite(a)
                    ]
                    best = max(best, max(losses) / distances[i][j])
    return best


def reference_delta(log_laws: list[list[Any]], distances: list[list[Any]], epsilon: float) -> Any:
    """The largest failure mass at `epsilon` over all ordered pairs."""
    best = mpmath.mpf(0)
    with mpmath.workdps(DIGITS):
        laws = [[mpmath.exp(value) for value in law] for law in log_laws]
        for i, ours in enumerate(laws):
            for j, theirs in enumerate(laws):
                if i != j:
                    factor = mpmath.exp(mpmath.mpf(epsilon) * distances[i][j])
                    pairs = zip(ours, theirs, strict=True)
                    best = max(best, mpmath.fsum(max(p - factor * q, 0) for p, q in pairs))
    return best


def _pooled(counts: Counts, expected: Floats, least: float) -> tuple[Counts, Floats]:
    """Join cells that expect fewer than `least`, in their order, into cells that expect more.

    What is left at the end stays a cell of its own, so that rare outputs cannot hide in a
    frequent one.
    """
    small = expected < least
    groups = np.floor(np.cumsum(expected[small]) / least).astype(np.int64)
    _, labels = np.unique(groups, return_inverse=True)
    pooled_counts = np.bincount(labels, weights=counts[small]).astype(np.int64)
    pooled_expected = np.bincount(labels, weights=expected[small])
    return (
        np.concatenate([counts[~small], pooled_counts]),
        np.concatenate([expected[~small], pooled_expected]),
    )


def fit_p_value(counts: Counts, law: Floats) -> float:
    """A p-value for "these counts were drawn from this law" that is valid for every sample size.

    No large-sample approximation, since thresholds near 1e-8 lie far outside its reach. Twice
    the smaller of two p-values:

    * G-test on at most about 100 pooled cells: with k cells and t = sum of c ln(c / expected),
      P(t or more) <= exp(-t) (e t / (k - 1))^(k - 1) for t > k - 1. R. Agrawal, "Finite-Sample
      Concentration of the Multinomial in Relative Entropy", IEEE Transactions on Information
      Theory 66(10), 2020, theorem 1.2. It sees small deviations that many cells share.
    * exact two-sided binomial tests of all cells that expect 10 or more (smaller ones pooled),
      times their number. It sees a deviation of few cells.
    """
    draws = int(counts.sum())
    assert abs(law.sum() - 1.0) < 1e-9
    assert law.min() >= 0.0
    if counts[law == 0.0].any():
        return 0.0
    expected = draws * law
    coarse, coarse_expected = _pooled(counts, expected, max(10.0, draws / 64))
    seen = coarse > 0
    statistic = float((coarse[seen] * np.log(coarse[seen] / coarse_expected[seen])).sum())
    freedom = len(coarse) - 1
    by_shape = 1.0
    if statistic > freedom > 0:
        by_shape = float(np.exp(-statistic + freedom * (1.0 + np.log(statistic / freedom))))
    fine, fine_expected = _pooled(counts, expected, 10.0)
    chance = np.minimum(fine_expected / draws, 1.0)
    tails = np.minimum(binom.cdf(fine, draws, chance), binom.sf(fine - 1, draws, chance))
    by_cell = 2.0 * float(tails.min()) * len(fine)
    return min(1.0, 2.0 * min(by_shape, by_cell))


def mechanism_p_value(
    mechanism: WordMechanism, reference: WordMechanism, inputs: list[int], draws: int, seed: int
) -> float:
    """Fit of the outputs of one mechanism to the exact law of another, over several inputs.

    The smallest p-value times the number of inputs; all inputs are drawn in one mixed batch.
    """
    n = len(reference.space)
    rng = np.random.default_rng(seed)
    batch = rng.permutation(np.repeat(np.array(inputs, dtype=np.int64), draws))
    outputs = mechanism.sample_indices(batch, rng)
    assert outputs.shape == batch.shape
    assert outputs.min() >= 0
    assert outputs.max() < n
    values = [
        fit_p_value(
            np.bincount(outputs[batch == word], minlength=n), np.exp(reference.log_law(word))
        )
        for word in inputs
    ]
    return min(1.0, len(inputs) * min(values))


def allowed_ball(epsilon: float) -> arb:
    """The largest probability of a right guess, e^epsilon / (1 + e^epsilon)."""
    return 1 / (1 + (-arb(epsilon)).exp())


def binomial_tail(right: int, trials: int, chance: arb) -> arb:
    """P(Binomial(trials, chance) >= right), in the working precision of Arb."""
    if right <= 0:
        return arb(1)
    if right > trials:
        return arb(0)
    # The incomplete beta function loses digits where chance is near 1: there it is turned round.
    if chance > arb("0.5"):
        return 1 - (1 - chance).beta_lower(trials - right + 1, right, regularized=True)
    return chance.beta_lower(right, trials - right + 1, regularized=True)
