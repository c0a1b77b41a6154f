"""Text as words: bytes to pieces of text, pieces to words, words to positions in a vocabulary.

What counts as a word is decided in `mechanisms/spaces/tokens`, and does not depend on where a
reader happens to cut the text. No message of this module quotes the text.
"""

import codecs
import io
import re
from collections.abc import Iterable, Iterator
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..mechanisms.spaces.tokens import composed, normalise, separator_class, token_pattern

__all__ = ["LINE_END", "LONGEST_WORD", "UNKNOWN", "Lexicon", "TextError", "normalise", "pieces"]

#: Codes of what is not a word of the vocabulary; words have their positions, from 0.
LINE_END = -1
UNKNOWN = -2

#: Characters of the longest run without a separator that is accepted.
LONGEST_WORD = 4096

_ASCII = re.compile(r"\n|\w+(?:['\-]\w+)*", re.ASCII)
_ASCII_SEPARATOR = re.compile(r"[^\w'\-]", re.ASCII)

#: What `--keep-punctuation` does not copy.
_NOT_PUNCTUATION = re.compile("[^ \\t.,;:!?()\"'\\-]")


class TextError(InputError):
    """The text cannot be privatised. The message says where and why, and quotes nothing."""


@cache
def _unicode() -> re.Pattern[str]:
    return re.compile(rf"\n|{token_pattern()}")


@cache
def _unicode_separator() -> re.Pattern[str]:
    return re.compile(separator_class())


def pieces(blocks: Iterable[bytes]) -> Iterator[str]:
    """Text from blocks of UTF-8 bytes, cut only where no word and no character is cut.

    Line ends LF, CR LF and CR all become LF; a byte order mark at the start is dropped. Holds no
    more than a block and a word, however long a line is.

    Raises
    ------
    TextError
        For bytes that are not UTF-8 and for NUL, with the byte, and for more than `LONGEST_WORD`
        characters without a separator, with the line; both counted from 1.

    Examples
    --------
    >>> list(pieces([b"to be\\r", b"\\nor no", b"t"]))
    ['to', ' be\\nor', ' not']
    """
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder("utf-8")(), translate=True)
    line, seen, waiting, started = 1, 0, "", False
    for block in _with_end(blocks):
        text, fault = _decode(decoder, block)
        if text is None:
            raise TextError(f"Byte {seen + fault + 1:,} is not UTF-8 text.")
        if b"\0" in block:
            place = seen + block.index(b"\0") + 1
            raise TextError(f"Byte {place:,} is NUL: this is not text.")
        seen += len(block)
        if text and not started:
            text, started = text.removeprefix("\ufeff"), True
        waiting += text
        run = _long_run(waiting)
        if run is not None:
            raise TextError(
                f"Line {line + waiting.count(chr(10), 0, run):,} has more than {LONGEST_WORD:,} "
                "letters, digits, hyphens and apostrophes without a separator."
            )
        cut = _cut(waiting) if block else len(waiting)
        if cut:
            piece, waiting = waiting[:cut], waiting[cut:]
            line += piece.count("\n")
            yield piece


def _with_end(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The blocks that are not empty, then an empty one."""
    yield from (block for block in blocks if block)
    yield b""


def _decode(decoder: io.IncrementalNewlineDecoder, block: bytes) -> tuple[str | None, int]:
    """The text of a block; or None and where the fault is, counted from the start of the block.

    Python's exception carries the bytes, so nothing of it leaves this function.
    """
    try:
        return decoder.decode(block, final=not block), 0
    except UnicodeDecodeError as error:
        # What it tried to decode is this block after bytes that earlier blocks left over.
        return None, error.start - (len(error.object) - len(block))


def _separator(text: str) -> re.Pattern[str]:
    return _ASCII_SEPARATOR if text.isascii() else _unicode_separator()


def _long_run(text: str) -> int | None:
    """Where more than `LONGEST_WORD` characters without a separator start."""
    if len(text) <= LONGEST_WORD:
        return None
    separator, step = _separator(text), LONGEST_WORD // 2
    # Such a run covers one of these windows wholly; most windows end at their first space.
    windows = range(0, len(text) - step + 1, step)
    if all(separator.search(text, start, start + step) for start in windows):
        return None
    start = 0
    for match in separator.finditer(text):
        if match.start() - start > LONGEST_WORD:
            return start
        start = match.end()
    return start if len(text) - start > LONGEST_WORD else None


def _cut(text: str) -> int:
    """Where the text can be cut: after the last line end, or before a later separator.

    Before it, because a mark that follows may join it; no separator joins what stands before it.
    """
    end = text.rfind("\n") + 1
    separator, start, step = _separator(text), len(text), 64
    while start > end:  # from the back, in growing steps: usually the first one is enough
        start = max(end, start - step)
        found = [match.start() for match in separator.finditer(text, start)]
        if found:
            return found[-1]
        step *= 4
    return end


class Lexicon:
    """The words of a vocabulary as a text may spell them.

    If every word of the vocabulary is in lower case, the text is lower-cased; otherwise case
    tells words apart. Of words that are equal after `normalise`, the first is found.

    Examples
    --------
    >>> lexicon = Lexicon(["doctor", "don't"])
    >>> tokens, codes = lexicon.read("The Doctor\\ndon’t!")
    >>> tokens, codes.tolist()
    (['the', 'doctor', '\\n', "don't"], [-2, 0, -1, 1])
    """

    def __init__(self, words: Iterable[str]) -> None:
        self.words = tuple(words)
        self.lower = all(word == word.lower() for word in self.words)
        self._codes: dict[str, int] = {"\n": LINE_END}
        for position, word in enumerate(self.words):
            self._codes.setdefault(normalise(word, self.lower), position)

    def __contains__(self, word: str) -> bool:
        return normalise(word, self.lower) in self._codes or word in self.words

    def read(self, piece: str) -> tuple[list[str], NDArray[np.int64]]:
        """Words and line ends of a piece in their order, and their codes: a position in the
        vocabulary, `LINE_END` or `UNKNOWN`."""
        if piece.isascii():
            tokens = _ASCII.findall(piece.lower() if self.lower else piece)
        else:
            tokens = _unicode().findall(composed(piece))
            if self.lower:  # word by word: the small sigma depends on what stands around it
                tokens = [normalise(token, lower=True) for token in tokens]
        return tokens, self._look_up(tokens)

    def read_with_punctuation(self, piece: str) -> tuple[list[str], NDArray[np.int64], list[str]]:
        """The same, and what stands before each token and after the last one, where every
        character but . , ; : ! ? ( ) " ' - and the tab has become a space."""
        text = composed(piece)
        tokens, between, end = [], [], 0
        for match in (_ASCII if text.isascii() else _unicode()).finditer(text):
            tokens.append(normalise(match.group(), self.lower))
            between.append(_NOT_PUNCTUATION.sub(" ", text[end : match.start()]))
            end = match.end()
        between.append(_NOT_PUNCTUATION.sub(" ", text[end:]))
        return tokens, self._look_up(tokens), between

    def _look_up(self, tokens: list[str]) -> NDArray[np.int64]:
        get = self._codes.get
        return np.array([get(token, UNKNOWN) for token in tokens], dtype=np.int64)
