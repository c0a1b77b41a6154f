"""What attackers learn from labelled draws: all kinds of scores, of which the one is taken whose
cuts promise the largest bound, or at least to exceed the claim.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .additive import learn_additive
from .attackers import Attacker, Goal
from .classifiers import classifier_attackers
from .cuts import cut_attackers, in_order, weighted_attackers
from .drawing.structures import exact
from .features import Feature, codes, features_of, is_numeric
from .mixed import learn_mixed
from .scores import (
    Score,
    Signed,
    learn_boosted,
    learn_table,
    learn_tree,
    single_features,
)
from .structured import structured_attackers

__all__ = ["Tally", "learn_attacker", "tallied"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Fits a score to draws, if it can.
Learner = Callable[["Tally"], Score | None]

#: Pseudo-counts that smooth the tables, one table each.
_SMOOTHINGS = (0.5, 8.0, 64.0)

#: Above this excess an event is worth a test though no bound can be expected from it for sure; the
#: same for careful attackers, if learning goes on while testing.
_STRANGE = 2.75
_SUSPICIOUS = 1.0

#: So many different outputs are counted one by one; and a look at so many draws tells.
_FINITE = 256
_LOOK = 2_000

#: Most draws with several coordinates that all but tables and smooth odds learn from; and where
#: these say most of what there is to say.
_MOST = 100_000
_RATHER = 40_000

#: If whole outputs came up so often on average, a table of them is all there is to learn.
_OFTEN = 500.0

#: If they came up so often, there is no need to look at their parts.
_RETURNING = 20.0

#: A single feature is preferred if it promises this part of what the best score of all does.
_SIMPLE = 0.95


def learn_attacker(
    outputs: NDArray[Any], labels: Bools, goal: Goal, seed: int, *, thorough: bool = True
) -> Attacker | None:
    """The attacker with the largest expected bound among all kinds of scores, None if nothing
    can be learned.

    Parameters
    ----------
    outputs, labels
        Learning draws, shape (N, ...) and (N,); True marks the first input.
    goal
        The test that is to come.
    seed
        For the ties of the trees.
    thorough
        Whether to fit trees to outputs with several coordinates, which takes a second; and
        anything else where smooth odds can be had.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> labels = rng.random(4000) < 0.5
    >>> outputs = rng.laplace(np.where(labels, 0.0, 1.0))
    >>> attacker = learn_attacker(outputs, labels, Goal(10_000, 0.05, 1.0), seed=0)
    >>> bool(attacker.guess(np.array([-3.0]))[0]), attacker.sides
    (True, 2)
    """
    if len(labels) < 2 or labels.all() or not labels.any():
        return None
    drawn = tallied(outputs, labels)
    features = features_of(drawn.outputs, bits=goal.bits)
    fitted = classifier_attackers(goal.classifiers, outputs, labels, goal)
    found = _by_frequent_outputs(drawn, goal)
    if found:
        return _best(found + fitted, goal, careful=found)
    found = fitted
    smooth = _by_smooth_odds(drawn, features, goal)
    if smooth and not thorough and not fitted:
        return _best(smooth, goal, careful=smooth)
    most = _RATHER if smooth else _MOST
    if _several(outputs) and not drawn.finite and len(labels) > most:
        outputs, labels = outputs[:most], labels[:most]
        drawn = tallied(outputs, labels)
    # Where whole outputs come back, a table of them says all that their parts could.
    table = drawn.finite and drawn.rounds >= _RETURNING * len(drawn.outputs)
    if outputs.dtype == object and not table:
        found += structured_attackers(outputs, labels, features, goal, seed, thorough)
        features = ()
    # A single feature has nothing to overfit but its cuts.
    for score, column in single_features(drawn.outputs, features):
        ordered = in_order(column, drawn.firsts, drawn.seconds)
        found += cut_attackers(Signed(score, 1.0), ordered, drawn.rounds, goal)
        found += cut_attackers(Signed(score, -1.0), ordered.reversed(), drawn.rounds, goal)
    for learn in _learners(drawn, features, seed, thorough):
        found += _cross_fitted(learn, outputs, labels, goal)
    return _best(found + smooth, goal, careful=smooth) if found or smooth else None


def _best(found: list[Attacker], goal: Goal, careful: list[Attacker]) -> Attacker:
    """The attacker with the largest expected bound; if that is not above the claim, the one that
    exceeds the claim most, of the `careful` ones if there are any: they fit the least noise."""
    talkative = max(found, key=lambda attacker: attacker.expected)
    if talkative.expected > goal.epsilon:
        # One feature is easily explained, and has no leaves that looked purer than they are.
        simple = [attacker for attacker in found if isinstance(attacker.score, Signed)]
        plain = max(simple, key=lambda attacker: attacker.expected, default=talkative)
        enough = max(_SIMPLE * talkative.expected, goal.epsilon)
        return plain if plain.expected > enough else talkative
    # No bound above the claim is to be had for sure: look for what exceeds it at all.
    strange = max(careful or found, key=lambda attacker: attacker.excess)
    if strange.excess > (_SUSPICIOUS if goal.eager and careful else _STRANGE):
        return strange
    return replace(talkative, excess=strange.excess)


@dataclass(frozen=True, eq=False)
class Tally:
    """Outputs, and how often each came up under the two inputs, shape (N,): if there are few
    different ones, each only once."""

    outputs: NDArray[Any]
    firsts: Floats
    seconds: Floats

    @property
    def rounds(self) -> float:
        """The number of draws."""
        return float(self.firsts.sum() + self.seconds.sum())

    @property
    def finite(self) -> bool:
        """Whether there are few different outputs, so that a table says all there is to say."""
        return len(self.outputs) <= _FINITE


def tallied(outputs: NDArray[Any], labels: Bools) -> Tally:
    """The tally of labelled outputs.

    Examples
    --------
    >>> found = tallied(np.array([3, 5, 3]), np.array([True, False, False]))
    >>> found.outputs.tolist(), found.firsts.tolist(), found.seconds.tolist()
    ([3, 5], [1.0, 0.0], [1.0, 1.0])
    """
    # A look at some tells whether there are many.
    if len(np.unique(_numbered(outputs[:_LOOK]))) <= _FINITE:
        different, places, inverse = np.unique(
            _numbered(outputs), return_index=True, return_inverse=True
        )
        if len(different) <= _FINITE:
            firsts = np.bincount(inverse, weights=labels, minlength=len(different))
            seconds = np.bincount(inverse, weights=~labels, minlength=len(different))
            return Tally(outputs[places], firsts.astype(np.float64), seconds.astype(np.float64))
    return Tally(outputs, labels.astype(np.float64), (~labels).astype(np.float64))


def _several(outputs: NDArray[Any]) -> bool:
    """Whether outputs may have several coordinates."""
    return not is_numeric(outputs) or outputs.ndim > 1


def _numbered(outputs: NDArray[Any]) -> NDArray[np.uint64]:
    """A number for each output, the same for equal ones."""
    vocabulary: dict[object, int] = {}
    if not is_numeric(outputs):
        for output in outputs:
            vocabulary.setdefault(exact(output), len(vocabulary))
    return codes(outputs, vocabulary)


def _by_frequent_outputs(drawn: Tally, goal: Goal) -> list[Attacker]:
    """Attackers by a table of whole outputs that may have several coordinates, if they are so few
    and come so often that nothing else has more to say.

    Draws are held back neither for cuts nor for a judgement: the table hardly fits them better than
    others, and of weak leaks half of the draws say too little.
    """
    frequent = drawn.finite and drawn.rounds >= _OFTEN * len(drawn.outputs)
    if not (frequent and _several(drawn.outputs)):
        return []
    score = _table(drawn, smoothing=_SMOOTHINGS[0])
    if score is None:
        return []
    return _careful(score, score(drawn.outputs), drawn, goal)


def _by_smooth_odds(drawn: Tally, features: Sequence[Feature], goal: Goal) -> list[Attacker]:
    """Attackers by curves within patterns of symbols, or by sums over coordinates: too few
    parameters to hold draws back for the cuts."""
    if not _several(drawn.outputs):
        return []
    score: Score | None = None
    if not drawn.finite:
        score = learn_mixed(drawn.outputs, drawn.firsts > 0.0, features)
    if score is None:
        score = learn_additive(drawn.outputs, drawn.firsts, drawn.seconds, features)
    if score is None:
        return []
    return _careful(score, score(drawn.outputs), drawn, goal)


def _careful(score: Score, scores: Floats, drawn: Tally, goal: Goal) -> list[Attacker]:
    """Attackers by log odds that hardly fit the draws that they were learned from: cuts, or, where
    weak suspicions are to be followed, guesses that count by how sure they are. What delta gives
    away could be what counts most: with a delta there are only cuts."""
    ordered = in_order(scores, drawn.firsts, drawn.seconds)
    found = cut_attackers(score, ordered, drawn.rounds, goal)
    if not (goal.eager and goal.delta == 0.0):
        return found
    weighted = weighted_attackers(score, ordered, goal)
    # In learning, cuts that were searched for and weights that were not cannot be compared.
    return [replace(one, excess=-math.inf) for one in found] + weighted


def _cross_fitted(
    learn: Learner, outputs: NDArray[Any], labels: Bools, goal: Goal
) -> list[Attacker]:
    """Attackers by a score that is fitted to all draws, with cuts from scores of each half that
    were fitted to the other one: so nothing is judged by the draws that it was fitted to."""
    half = len(labels) // 2
    parts = (slice(0, half), slice(half, None))
    halves = [tallied(outputs[part], labels[part]) for part in parts]
    learned = [learn(one) for one in halves]
    whole = learn(tallied(outputs, labels))
    if learned[0] is None or learned[1] is None or whole is None:
        return []
    found = np.concatenate([learned[1](halves[0].outputs), learned[0](halves[1].outputs)])
    both = Tally(
        np.arange(len(found)),
        np.concatenate([halves[0].firsts, halves[1].firsts]),
        np.concatenate([halves[0].seconds, halves[1].seconds]),
    )
    return cut_attackers(whole, in_order(found, both.firsts, both.seconds), both.rounds, goal)


def _learners(
    drawn: Tally, features: Sequence[Feature], seed: int, thorough: bool
) -> list[Learner]:
    """All ways to fit a score to outputs like these."""
    several = _several(drawn.outputs)
    # Of many different outputs with several coordinates, whole ones are rarely worth a table.
    smoothings = _SMOOTHINGS if drawn.finite or not several else _SMOOTHINGS[:1]
    found: list[Learner] = [partial(_table, smoothing=smoothing) for smoothing in smoothings]
    if drawn.finite:
        return found
    if several:
        found.append(partial(_table, smoothing=0.5, shapes=True))
    if features and (thorough or not several):
        found.append(partial(_trees, learn=learn_tree, features=features, seed=seed))
        if several:
            found.append(partial(_trees, learn=learn_boosted, features=features, seed=seed))
    return found


def _table(drawn: Tally, smoothing: float, shapes: bool = False) -> Score | None:
    return learn_table(drawn.outputs, drawn.firsts, drawn.seconds, smoothing, shapes=shapes)


def _trees(
    drawn: Tally,
    learn: Callable[..., Score | None],
    features: Sequence[Feature],
    seed: int,
) -> Score | None:
    return None if drawn.finite else learn(drawn.outputs, drawn.firsts > 0.0, features, seed)
