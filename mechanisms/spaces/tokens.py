"""What one word of a text is: Unicode form, joiners, and which words of a vocabulary are one.

Texts are split by these rules (`dpaudit.privatizing.tokens`), and a word of a vocabulary that they
would split, or that holds no word at all, can never be an input.
"""

import re
import unicodedata
from functools import cache

__all__ = ["composed", "is_one_token", "joined", "normalise", "separator_class", "token_pattern"]

#: Characters that join letters to one word: apostrophe, right quotation mark, hyphens, and the
#: joiners of zero width that some scripts write within words.
_JOINERS = "'’\\-\u2010\u2011\u200c\u200d"

_SAME = str.maketrans({"’": "'", "\u2010": "-", "\u2011": "-"})


@cache
def _marks() -> str:
    """All combining marks as ranges of a character class; Python's `\\w` leaves them out."""
    points = [i for i in range(0x110000) if unicodedata.category(chr(i))[0] == "M"]
    ends = [i for i, j in zip(points, [*points[1:], -1], strict=True) if j != i + 1]
    starts = [i for i, j in zip(points, [-2, *points[:-1]], strict=True) if j != i - 1]
    return "".join(f"{chr(i)}-{chr(j)}" for i, j in zip(starts, ends, strict=True))


@cache
def token_pattern() -> str:
    """A regular expression for one word, after `composed`."""
    inside = rf"[\w{_marks()}]"
    return rf"\w{inside}*(?:[{_JOINERS}]{inside}+)*"


@cache
def separator_class() -> str:
    """A regular expression for one character that is never part of a word."""
    return rf"[^\w{_marks()}{_JOINERS}]"


@cache
def _token() -> re.Pattern[str]:
    return re.compile(token_pattern())


def composed(text: str) -> str:
    """Unicode form NFC, one kind of apostrophe and of hyphen."""
    return text if text.isascii() else unicodedata.normalize("NFC", text).translate(_SAME)


def normalise(text: str, lower: bool) -> str:
    """Unicode form NFC, one kind of apostrophe and hyphen, lower case if asked for.

    Examples
    --------
    >>> normalise("Cafe\\u0301’s", lower=True)
    "café's"
    """
    text = composed(text)
    return composed(text.lower()) if lower else text


def is_one_token(word: str) -> bool:
    """Whether a text can hold this word of a vocabulary as one word.

    Examples
    --------
    >>> [is_one_token(word) for word in ("doctor", "don’t", "new york", "x\\u2028y", ",", "")]
    [True, True, False, False, False, False]
    """
    return word.isalpha() or _token().fullmatch(composed(word)) is not None


def joined(word: str) -> str:
    """The word with what separates its tokens replaced by “_”; one without tokens stays as it is
    unless it holds spaces or control characters, which become “_” too.

    Examples
    --------
    >>> [joined(word) for word in ("new york city", "x\\u2028y", "doctor", ",", "\\0")]
    ['new_york_city', 'x_y', 'doctor', ',', '_']
    """
    if is_one_token(word):
        return word
    tokens = _token().findall(composed(word))
    if tokens:
        return "_".join(tokens)
    return "".join(c if c.isprintable() and not c.isspace() else "_" for c in word)
