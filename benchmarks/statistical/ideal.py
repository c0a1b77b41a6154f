"""The best events there are: `python -m benchmarks.statistical.ideal`.

For sparse-vector-3 and sparse-vector-4 the laws of outputs are integrated over the noise of the
threshold, and the guesses that exceed the claim by the most standard deviations in a million rounds
are found by the likelihood ratio: what an auditor could show who knew the law. First guesses that
count alike, by the best cuts; then guesses that count by how far their odds exceed the claim. The
rounds are those that refute the claim with 90% power at alpha = 5% on this pair.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import laplace

import dpaudit
from benchmarks.statistical.cases import case
from dpaudit.statistical.guesses import allowed_rate

Floats = NDArray[np.float64]

ALPHA, POWER, ROUNDS = 0.05, 0.9, 1_000_000

#: Nodes of the threshold and of noisy answers, scales on each side of 0, and cuts that are tried.
NODES, SCALES, CUTS = 40_001, 25.0, 200


def position_law(answers: tuple[int, ...], epsilon: float) -> Floats:
    """Of sparse-vector-4 with cutoff 1: the first query above, or none."""
    threshold, noise = 4.0 / epsilon, 4.0 / (3.0 * epsilon)
    nodes, step = _nodes(threshold)
    below = laplace.pdf(nodes, scale=threshold) * step
    found = []
    for answer in answers:
        found.append(float(below @ laplace.sf(nodes - answer, scale=noise)))
        below = below * laplace.cdf(nodes - answer, scale=noise)
    return np.array([*found, below.sum()])


def answer_law(answers: tuple[int, ...], epsilon: float) -> Floats:
    """Of sparse-vector-3 with cutoff 1: the first query above with its noisy answer on a grid, or
    none. The density of an answer is that of the noise times the chance of a lower threshold that
    lies above all earlier noisy answers."""
    scale = 2.0 / epsilon
    nodes, step = _nodes(scale)
    below = laplace.pdf(nodes, scale=scale) * step
    found = []
    for answer in answers:
        found.append(np.cumsum(below) * laplace.pdf(nodes - answer, scale=scale) * step)
        below = below * laplace.cdf(nodes - answer, scale=scale)
    return np.concatenate([*found, [below.sum()]])


def _nodes(scale: float) -> tuple[Floats, float]:
    nodes, step = np.linspace(-SCALES * scale, SCALES * scale, NODES, retstep=True)
    return nodes, float(step)


def best_guesses(first: Floats, second: Floats, epsilon: float) -> tuple[float, float]:
    """Standard deviations in `ROUNDS` rounds by which right guesses exceed the claim, at best, and
    the share of the rounds with a guess."""
    allowed = allowed_rate(epsilon)
    order = np.argsort(np.log(second) - np.log(first))
    ours, theirs = first[order], second[order]
    above = [np.concatenate([[0.0], np.cumsum(law)]) for law in (ours, theirs)]
    under = [np.concatenate([[0.0], np.cumsum(law[::-1])]) for law in (theirs, ours)]
    kept = np.unique(np.linspace(0, len(order), CUTS).astype(int))
    right = 0.5 * (above[0][kept][:, None] + under[0][kept][None, :])
    spoken = right + 0.5 * (above[1][kept][:, None] + under[1][kept][None, :])
    overlapping = kept[:, None] + kept[None, :] > len(order)
    spoken[overlapping | (spoken < 1e-9)] = math.nan
    excess = (right - allowed * spoken) / np.sqrt(allowed * (1.0 - allowed) * spoken)
    best = np.unravel_index(np.nanargmax(excess), excess.shape)
    return float(excess[best]) * math.sqrt(ROUNDS), float(spoken[best])


def best_weights(first: Floats, second: Floats, epsilon: float) -> float:
    """The same with weights, which are in proportion to the excess of the rate of right guesses: by
    the inequality of Cauchy and Schwarz no others have more standard deviations."""
    allowed, both = allowed_rate(epsilon), first + second
    with np.errstate(invalid="ignore"):
        excess = np.where(both > 0.0, np.maximum(first, second) / both, 0.5) - allowed
    squares = 0.5 * float(both @ np.maximum(excess, 0.0) ** 2)
    return math.sqrt(ROUNDS * squares / (allowed * (1.0 - allowed)))


def main() -> None:
    needed = float(ndtri(1.0 - ALPHA) + ndtri(POWER))
    print(
        "| mechanism | pair | cuts: deviations | guesses | rounds | weights: deviations | rounds |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, law in (("sparse-vector-3", answer_law), ("sparse-vector-4", position_law)):
        _, claim, _ = case(name)
        for first, second in dpaudit.neighbouring_answers(10):
            laws = (law(first, claim.epsilon), law(second, claim.epsilon))
            deviations, share = best_guesses(*laws, claim.epsilon)
            weighted = best_weights(*laws, claim.epsilon)
            rounds = [
                f"{ROUNDS * (needed / found) ** 2:,.0f}" if found > 1e-6 else "none"
                for found in (deviations, weighted)
            ]
            print(
                f"| `{name}` | {first} {second} | {deviations:.2f} | {share:.1%} | {rounds[0]} | "
                f"{weighted:.2f} | {rounds[1]} |"
            )


if __name__ == "__main__":
    main()
