"""What word-by-word privacy adds up to over a line and over a text (specification, section 2).

Everything here follows from the claim, the vocabulary and the number of privatised words, which
the output shows anyway. Numbers are rounded up for reading, so that no bound is understated.
"""

from dataclasses import dataclass
from decimal import ROUND_CEILING, Context, Decimal
from typing import Any

import numpy as np

from ..claims import METRICS, Claim
from ..mechanisms.protocol import HasLowerBound, HasUpperBound
from ..mechanisms.spaces import EmbeddingSpace

__all__ = ["OUTSIDE", "Guarantee", "rounded_up"]

#: Words up to which the largest distance is found exactly; beyond, twice the radius bounds it.
_EXACT_EXTENT = 5000

#: What the guarantee does not speak of, by what happens to words outside the vocabulary.
OUTSIDE = {
    "mask": "This holds for texts with their words outside the vocabulary in the same places.",
    "drop": "This holds for texts as they are without their words outside the vocabulary.",
    "keep": "This holds for texts with the same words outside the vocabulary in the same places.",
}

_ROUND_UP = Context(prec=4, rounding=ROUND_CEILING)


def rounded_up(value: float) -> str:
    """Four significant digits, never below the value as Python prints it.

    >>> rounded_up(1.23401), rounded_up(12.0), rounded_up(123456.0)
    ('1.235', '12', '123,500')
    """
    rounded = float(_ROUND_UP.create_decimal(Decimal(repr(value))))
    return f"{rounded:,.0f}" if 1e4 <= rounded < 1e15 else f"{rounded:.4g}"


@dataclass(frozen=True)
class Guarantee:
    """The claim of a mechanism, composed over words that are privatised independently.

    Attributes
    ----------
    claim
        What the mechanism claims for one word; None if it claims nothing.
    largest_distance
        At least the distance of any two words in the metric of the claim.
    refuted
        Why the claim is false on this vocabulary, if a formula of the mechanism says so. Then
        nothing is promised.
    proven
        Why it is true on every vocabulary, if the mechanism has a proof. Otherwise statements
        speak of a claimed loss.
    sampler_error
        Bound on the total variation between the code and the ideal law, for one word; None if
        the mechanism states none.

    Examples
    --------
    >>> from dpaudit.mechanisms.words.metric_exponential import MetricExponential
    >>> space = EmbeddingSpace(["a", "b", "c"], [[0.0], [1.0], [5.0]])
    >>> guarantee = Guarantee.of(MetricExponential(space, epsilon=2.0), space)
    >>> guarantee.loss(3)
    'loss at most 2·Σd ≤ 30'
    """

    claim: Claim | None
    largest_distance: float
    refuted: str | None = None
    proven: str | None = None
    sampler_error: float | None = None

    @classmethod
    def of(cls, mechanism: Any, space: EmbeddingSpace) -> "Guarantee":
        """The guarantee of a mechanism on a vocabulary."""
        claim: Claim | None = getattr(mechanism, "claim", None)
        if claim is None:
            return cls(None, np.inf, sampler_error=getattr(mechanism, "sampler_error", None))
        refuted = proven = None
        if isinstance(mechanism, HasLowerBound) and not claim.delta:
            lower = mechanism.epsilon_lower_bound()
            if lower.value > claim.epsilon:
                refuted = lower.statement
                if np.isfinite(lower.value):
                    refuted = f"ε* is at least {lower.value:.4g}, since {lower.statement}"
        if isinstance(mechanism, HasUpperBound):
            upper = mechanism.epsilon_upper_bound()
            if upper is not None and upper.value <= claim.epsilon:
                proven = upper.statement
        return cls(
            claim,
            _largest_distance(mechanism, space, claim.metric) if claim.kind == "metric" else 1.0,
            refuted,
            proven,
            getattr(mechanism, "sampler_error", None),
        )

    def epsilon_at_most(self, words: int) -> float | None:
        """Loss between any two texts of so many words, in nats; None where nothing is promised."""
        if self.claim is None or self.refuted:
            return None
        return float(self.claim.epsilon * self.largest_distance * words)

    def delta_at_most(self, words: int) -> float | None:
        """Failure mass of so many words together; None where nothing is promised."""
        if self.claim is None or self.refuted:
            return None
        return min(1.0, self.claim.delta * words)

    def loss(self, words: int) -> str:
        """The loss of so many words, in short."""
        bound, delta = self.epsilon_at_most(words), self.delta_at_most(words)
        if self.claim is None or bound is None:
            return "no guarantee"
        if words == 0:
            return "loss 0"
        text = "loss at most " if self.proven else "claimed loss at most "
        if self.claim.kind == "metric":
            text += f"{self.claim.epsilon:.6g}·Σd"
            text += f" ≤ {rounded_up(bound)}" if np.isfinite(bound) else ""
        else:
            text += rounded_up(bound)
        return f"{text}, δ at most {rounded_up(delta)}" if delta else text

    def line(self, number: int, words: int) -> str:
        """The statement about one line."""
        return f"line {number}: {words} word{'s' * (words != 1)}, {self.loss(words)}"

    def explanation(self) -> list[str]:
        """What the statements mean and what they rest on, in sentences."""
        if self.claim is None:
            return ["The mechanism makes no claim, so nothing is promised about this text."]
        claim = self.claim
        if claim.kind == "metric":
            per_word = f"metric DP with ε = {claim.epsilon:.6g}"
            meaning = (
                "Two texts with as many words in every line are told apart with a loss of at most "
                "ε·Σd nats, d the distance of their words in the same place"
            )
            if np.isfinite(self.largest_distance):
                meaning += f", at most {rounded_up(self.largest_distance)} a word"
        else:
            per_word = f"{claim.kind} DP with ε = {claim.epsilon:.6g}"
            meaning = (
                "Two texts with as many words in every line are told apart with a loss of at most "
                "ε nats for every word in which they differ"
            )
        per_word += f", δ = {claim.delta:.6g}" if claim.delta else ""
        if not self.proven:
            meaning = f"If this claim is true, {meaning[0].lower()}{meaning[1:]}"
        sentences = [f"Claim for one word: {per_word}. Source: {claim.source}.", f"{meaning}."]
        if self.refuted:
            sentences[1:] = [f"On this vocabulary the claim is false: {self.refuted}."]
        elif self.proven:
            sentences.append(f"The claim is true on every vocabulary: {self.proven}.")
        return sentences

    def shipped(self, words: int) -> str:
        """How far the code is from the law that the claim speaks of, over so many words."""
        if self.sampler_error is None:
            return "The mechanism does not say how far its sampler is from its law."
        if self.sampler_error == 0.0:
            return "The sampler draws from the ideal law itself, given ideal random bits."
        return (
            "The output as drawn is within "
            f"{rounded_up(min(1.0, words * self.sampler_error))} of the ideal law in total "
            "variation, given ideal random bits."
        )


def _largest_distance(mechanism: Any, space: EmbeddingSpace, metric: str | None) -> float:
    """An upper bound on the distance of two words; infinite if nobody knows the metric."""
    if metric in METRICS:
        space = space.with_metric(metric)
    elif metric is not None:  # a norm of the mechanism's own
        if not hasattr(mechanism, "claim_space"):
            return np.inf
        space = mechanism.claim_space
    if len(space) <= _EXACT_EXTENT or "extent" in space.__dict__:
        return space.extent.max_distance
    return space.tiles.diameter_bound
