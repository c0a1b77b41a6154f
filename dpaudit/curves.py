"""What a report plots: curves computed from the exact law for a bounded sample of pairs."""

import numpy as np
from numpy.typing import NDArray

from .claims import Claim
from .exact.audit import ExactFindings
from .exact.claimed import claim_space
from .exact.profile import delta_of_pairs
from .mechanisms.spaces import EmbeddingSpace
from .results import Curves, LossCurve, ProfileCurve, WitnessLawCurve

__all__ = ["curves"]

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

#: Words whose laws are computed for the sampled pairs, and pairs drawn among them.
_POOL = 256
_RANDOM_PAIRS = 1000
#: Points of the law curve and of the profile.
_RANKS = 300
_EPSILONS = 41
#: Beyond so many times the claim, epsilon* is left out of the profile.
_FAR = 4.0


def curves(claim: Claim, findings: ExactFindings, seed: int) -> Curves:
    """Log probabilities of the witness pair, losses and privacy profile of sampled pairs.

    The sample, fixed by `seed`: up to 256 words, each with its nearest other word, up to 1000
    random pairs of them, and the witness pair.
    """
    space = findings.law.mechanism.space
    pairs, choice = _sample_pairs(space, findings, np.random.default_rng(seed))
    used, places = np.unique(pairs, return_inverse=True)
    places = places.reshape(pairs.shape)
    log_laws = np.stack([findings.law.row(int(i)) for i in used])
    distances = _distances(space, claim, used)
    epsilons = _epsilons(claim, findings)
    both = np.concatenate([places, places[:, ::-1]])
    deltas = delta_of_pairs(log_laws, distances, both[:, 0], both[:, 1], epsilons)
    directions = deltas.reshape(2, len(places), len(epsilons)).max(axis=0)
    at_claim = directions[:, int(np.flatnonzero(epsilons == claim.epsilon)[0])]
    return Curves(
        witness_law=_witness_law(space, findings),
        pair_losses=LossCurve(
            distance=tuple(distances[places[:, 0], places[:, 1]].tolist()),
            loss=tuple(_losses(log_laws, places)),
            delta=tuple(at_claim.tolist()),
            choice=tuple(choice),
        ),
        profile=ProfileCurve(
            epsilon=tuple(epsilons.tolist()),
            witness=tuple(directions[0].tolist()),
            largest=tuple(directions.max(axis=0).tolist()),
            pairs=len(both),
        ),
    )


def _sample_pairs(
    space: EmbeddingSpace, findings: ExactFindings, rng: np.random.Generator
) -> tuple[Indices, list[str]]:
    """Pairs of positions, shape (pairs, 2), the witness first, and how each was chosen."""
    witness = [space.index(findings.witness.input), space.index(findings.witness.neighbour)]
    pool = np.sort(rng.choice(len(space), size=min(len(space), _POOL), replace=False))
    nearest = np.column_stack([pool, space.extent.nearest[pool]])
    drawn = rng.choice(pool, size=(_RANDOM_PAIRS, 2))
    drawn = np.unique(np.sort(drawn[drawn[:, 0] != drawn[:, 1]], axis=1), axis=0)
    nearest = np.unique(np.sort(nearest, axis=1), axis=0)
    choice = ["witness"] + ["nearest"] * len(nearest) + ["random"] * len(drawn)
    return np.concatenate([[witness], nearest, drawn]), choice


def _distances(space: EmbeddingSpace, claim: Claim, used: Indices) -> Floats:
    measured = claim_space(claim, space)
    if measured is None:
        return np.ones((len(used), len(used)))
    rows = [measured.distance_rows(slice(int(i), int(i) + 1))[0, used] for i in used]
    return np.stack(rows)


def _witness_law(space: EmbeddingSpace, findings: ExactFindings) -> WitnessLawCurve:
    witness = findings.witness
    first, second = space.index(witness.input), space.index(witness.neighbour)
    order = np.argsort(space.distance_rows(slice(first, first + 1))[0], kind="stable")
    order = np.concatenate([[first], order[order != first]])
    n = len(order)
    ranks = np.arange(1, n + 1)
    if n > _RANKS:
        ranks = np.unique(np.rint(np.geomspace(1, n, num=_RANKS)).astype(int))
    kept = {first, second} | ({space.index(witness.output)} if witness.output else set())
    ranks = np.union1d(ranks, [1 + int(np.flatnonzero(order == i)[0]) for i in kept])
    shown = order[ranks - 1]
    return WitnessLawCurve(
        rank=tuple(ranks.tolist()),
        word=tuple(space.words[i] for i in shown),
        log_probability_input=tuple(findings.law.row(first)[shown].tolist()),
        log_probability_neighbour=tuple(findings.law.row(second)[shown].tolist()),
    )


def _losses(log_laws: Floats, places: Indices) -> list[float]:
    """The larger loss of the two directions of each pair, in nats."""
    losses = []
    for first, second in places:
        with np.errstate(invalid="ignore"):  # -inf - -inf: impossible under both, skipped
            difference = np.abs(log_laws[first] - log_laws[second])
        losses.append(float(np.nanmax(difference)))
    return losses


def _epsilons(claim: Claim, findings: ExactFindings) -> Floats:
    """A grid that reaches beyond the claim and beyond epsilon*, unless that is far beyond the
    claim: then the part near the claim would not be seen. The claim itself is on it."""
    upper = findings.epsilon.upper
    near = claim.epsilon < upper <= _FAR * claim.epsilon
    return np.union1d(
        np.linspace(0.0, 1.25 * (upper if near else claim.epsilon), _EPSILONS), [claim.epsilon]
    )
