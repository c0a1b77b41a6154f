"""What is recorded of a run: nothing that is computed from the originals, but for the tally."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..mechanisms.spaces import EmbeddingSpace
from ..visible import json_text
from .guarantee import Guarantee
from .stream import Tally, Unknown

__all__ = ["Summary"]


@dataclass(frozen=True)
class Summary:
    """One run of `dpaudit privatize`.

    Attributes
    ----------
    mechanism, parameters
        Name and parameters.
    secure
        Whether the noise comes from the cryptographic generator; a seed is never recorded.
    lines, words
        Number of lines and of privatised words, both visible in the output.
    unknown_words
        Words outside the vocabulary. Like `tally` for the page only: both are computed from the
        originals, and `to_json` leaves them out.
    """

    mechanism: str
    parameters: Mapping[str, Any]
    space: EmbeddingSpace
    guarantee: Guarantee
    secure: bool
    unknown: Unknown
    punctuation: bool
    lines: int
    words: int
    unknown_words: int
    tally: Tally | None = None

    @property
    def random_numbers(self) -> str:
        """Where the noise came from."""
        if self.secure:
            return "ChaCha20 with a fresh key from the operating system"
        return "predictable: a seed that somebody chose"

    def to_json(self) -> str:
        """Schema `dpaudit.privatized/1`."""
        guarantee, claim = self.guarantee, self.guarantee.claim
        data = {
            "schema": "dpaudit.privatized/1",
            "mechanism": {
                "name": self.mechanism,
                "parameters": dict(self.parameters),
                "sampler_error": guarantee.sampler_error,
            },
            "space": {
                "source": self.space.source,
                "words": len(self.space),
                "dimension": self.space.dimension,
                "metric": self.space.metric,
                "sha256": self.space.content_digest,
                "reading": self.space.reading.model_dump(mode="json")
                if self.space.reading
                else None,
            },
            "claim": claim
            and {
                "kind": claim.kind,
                "epsilon": claim.epsilon,
                "delta": claim.delta,
                "metric": claim.metric,
                "source": claim.source,
            },
            "refuted": guarantee.refuted,
            "proven": guarantee.proven,
            "random_numbers": self.random_numbers,
            "secure": self.secure,
            "unknown": self.unknown,
            "punctuation": self.punctuation,
            "lines": self.lines,
            "words": self.words,
            "loss_at_most": _number(guarantee.epsilon_at_most(self.words)),
            "delta_at_most": _number(guarantee.delta_at_most(self.words)),
        }
        return json_text(data)

    @property
    def kinds(self) -> list[tuple[str, int]]:
        """Kinds of replacement with their counts, computed from the originals."""
        found = []
        if self.tally is not None:
            tally = self.tally
            found.append(("the same word came out", tally.same))
            if tally.extent:
                found += [
                    ("replaced by the word nearest to it", tally.nearest),
                    ("replaced by another word within half of the largest distance", tally.near),
                    ("replaced by a word farther away", tally.far),
                ]
            else:
                found.append(("replaced by another word", tally.far))
        done = {"mask": "masked", "drop": "dropped", "keep": "passed through as they were"}
        if self.unknown in done:
            found.append((f"outside the vocabulary: {done[self.unknown]}", self.unknown_words))
        return found


def _number(value: float | None) -> float | str | None:
    return "inf" if value is not None and math.isinf(value) else value
