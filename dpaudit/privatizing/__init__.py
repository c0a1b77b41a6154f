"""Privatising text word by word: what a word is, the stream of words, the composed guarantee."""

from .generators import predictable_generator, secure_generator
from .guarantee import Guarantee
from .stream import Privatizer, Scan, Tally, Unknown, scan, trial
from .tokens import Lexicon, TextError

__all__ = [
    "Guarantee",
    "Lexicon",
    "Privatizer",
    "Scan",
    "Tally",
    "TextError",
    "Unknown",
    "predictable_generator",
    "scan",
    "secure_generator",
    "trial",
]
