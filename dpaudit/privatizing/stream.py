"""The stream of words: scanning a text, replacing its words in order, keeping what is secret in.

Nothing that is raised, printed or logged here quotes the text, unless the caller asks for it.
Memory depends on the size of a block, not on the length of lines or of the text.
"""

import contextlib
import hashlib
import io
import logging
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ..errors import DPAuditError, InputError
from ..mechanisms.spaces import EmbeddingSpace
from ..mechanisms.spaces.distances import pair_distances
from ..mechanisms.spaces.tokens import joined
from .generators import secure_generator
from .tokens import LINE_END, UNKNOWN, Lexicon, TextError, pieces

__all__ = ["WITHHELD", "Privatizer", "Scan", "Tally", "Unknown", "scan", "trial"]

#: What to do with words outside the vocabulary.
Unknown = Literal["refuse", "mask", "drop", "keep"]

Indices = NDArray[np.int64]

_EXAMPLES = 10

WITHHELD = "Its message is withheld, because it may quote the text; --show-originals shows it."


@dataclass(frozen=True)
class Scan:
    """What a first reading of a text found.

    Attributes
    ----------
    words, unknown
        Number of all words and of those outside the vocabulary.
    examples
        The first few different ones, if asked for.
    digest
        Of the bytes, to notice a text that changes before it is read again.
    """

    words: int
    unknown: int
    examples: tuple[str, ...]
    digest: bytes


def scan(blocks: Iterable[bytes], lexicon: Lexicon, examples: bool = False) -> Scan:
    """Read a text to its end without privatising it.

    Raises
    ------
    TextError
        If it is not text.

    Examples
    --------
    >>> found = scan([b"to be or\\nnot"], Lexicon(["to", "be"]))
    >>> found.words, found.unknown, found.examples
    (4, 2, ())
    """
    digest = hashlib.blake2b()
    words = unknown = 0
    shown: dict[str, None] = {}
    for piece in pieces(_digested(blocks, digest)):
        tokens, codes = lexicon.read(piece)
        missing = np.flatnonzero(codes == UNKNOWN)
        words += int((codes != LINE_END).sum())
        unknown += len(missing)
        for place in missing if examples else ():
            if len(shown) < _EXAMPLES:
                shown[tokens[place]] = None
    return Scan(words, unknown, tuple(shown), digest.digest())


def _digested(blocks: Iterable[bytes], digest: "hashlib.blake2b") -> Iterator[bytes]:
    for block in blocks:
        digest.update(block)
        yield block


@dataclass
class Tally:
    """How many words were replaced in which way: computed from the originals, so outside every
    guarantee. `near` counts replacements other than the nearest word within half of the largest
    distance; for vocabularies without `extent` (too large) all replacements count as `far`."""

    space: EmbeddingSpace
    extent: bool
    same: int = 0
    nearest: int = 0
    near: int = 0
    far: int = 0

    def add(self, inputs: Indices, outputs: Indices) -> None:
        """Count a batch of replacements."""
        replaced = inputs != outputs
        self.same += int((~replaced).sum())
        first, second = inputs[replaced], outputs[replaced]
        if not self.extent:
            self.far += len(first)
            return
        extent = self.space.extent
        others = extent.nearest[first] != second
        self.nearest += int((~others).sum())
        first, second = first[others], second[others]
        near = 0
        for start in range(0, len(first), 4096):
            part = slice(start, start + 4096)
            distances = pair_distances(
                self.space.vectors, first[part], second[part], self.space.metric
            )
            near += int((distances <= 0.5 * extent.max_distance).sum())
        self.near += near
        self.far += len(first) - near


class _Nowhere(io.TextIOBase):
    """Takes what is printed and forgets it."""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        return len(text)


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Nothing that Python code prints, warns or logs gets out."""
    disabled = logging.root.manager.disable
    nowhere = _Nowhere()
    logging.disable(logging.CRITICAL)
    try:
        with (
            contextlib.redirect_stdout(nowhere),
            contextlib.redirect_stderr(nowhere),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)


def trial(mechanism: Any, space: EmbeddingSpace) -> None:
    """One draw on the first word of the vocabulary, before any text is read: what is wrong with
    the mechanism itself shows here, where messages need not be withheld, and tables are built.

    Raises
    ------
    InputError
        If the draw fails or gives no word of the vocabulary.
    """
    first = np.zeros(1, dtype=np.int64)
    try:
        outputs = _sample(mechanism, space, first, secure_generator())
    except DPAuditError:
        raise
    except Exception as error:
        raise InputError(
            f"The mechanism fails on a trial word: {type(error).__name__}: {error}"
        ) from error
    fault = _fault(outputs, first, len(space))
    if fault:
        raise InputError(f"The mechanism fails on a trial word: {fault}.")


def _sample(mechanism: Any, space: EmbeddingSpace, inputs: Indices, rng: Generator) -> Any:
    """Positions of the outputs, by whichever method of sampling the mechanism has."""
    if hasattr(mechanism, "sample_indices"):
        return mechanism.sample_indices(inputs, rng)
    sample = getattr(mechanism, "sample", mechanism)
    drawn = (sample(space.words[position], 1, rng)[0] for position in inputs)
    positions = space._positions
    return np.array([positions.get(str(word), -1) for word in drawn], dtype=np.int64)


def _fault(outputs: Any, inputs: Indices, count: int) -> str | None:
    """What is wrong with outputs, without a word of them."""
    if not isinstance(outputs, np.ndarray) or outputs.shape != inputs.shape:
        return "it does not return one output for each word"
    if not np.issubdtype(outputs.dtype, np.integer):
        return "it does not return positions in the vocabulary"
    if len(outputs) and not (outputs.min() >= 0 and outputs.max() < count):
        return "it returns a word outside the vocabulary"
    return None


@dataclass
class Privatizer:
    """Replaces the words of a text, in their order, with independent randomness.

    Attributes
    ----------
    mechanism, space
        What is drawn from, and its vocabulary.
    rng
        Its stream is used word by word, so the sizes of the blocks do not change the output.
    unknown
        What happens to words outside the vocabulary: "refuse" stops at the first one, "mask"
        writes `mask` for it, "drop" leaves it out, "keep" passes it through.
    punctuation
        Copy punctuation and spaces between words, instead of one space.
    show_originals
        Let messages quote the text.
    joined
        Write words of the vocabulary that are several tokens as one, joined by “_”.
    tally
        Counts replacements, if given.
    lines, words, unknown_words
        Lines ended, words privatised, and words outside the vocabulary, so far.

    Examples
    --------
    >>> from dpaudit.mechanisms.words.metric_exponential import MetricExponential
    >>> space = EmbeddingSpace(["to", "be"], [[0.0], [1.0]])
    >>> mechanism = MetricExponential(space, epsilon=100.0)
    >>> text = []
    >>> run = Privatizer(mechanism, space, secure_generator(), unknown="mask")
    >>> run.run([b"To be, or not\\nto be"], text.append, lambda words: None)
    >>> "".join(text)
    'to be <unk> <unk>\\nto be\\n'
    >>> run.lines, run.words, run.unknown_words
    (2, 4, 2)
    """

    mechanism: Any
    space: EmbeddingSpace
    rng: Generator
    unknown: Unknown = "refuse"
    mask: str = "<unk>"
    punctuation: bool = False
    show_originals: bool = False
    joined: bool = False
    tally: Tally | None = None
    lexicon: Lexicon | None = None
    lines: int = field(default=0, init=False)
    words: int = field(default=0, init=False)
    unknown_words: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._lexicon = self.lexicon or Lexicon(self.space.words)
        written = [joined(word) if self.joined else word for word in self.space.words]
        self._plain = np.array(written, dtype=object)
        self._spaced = np.array([f" {word}" for word in written], dtype=object)
        self._fresh = True  # nothing is written on this line yet
        self._open = False  # characters were read since the last line end
        self._words_on_line = 0

    def run(
        self,
        blocks: Iterable[bytes],
        write: Callable[[str], object],
        report: Callable[[list[int]], object],
    ) -> None:
        """Privatise a text given as blocks of bytes.

        `write` gets the output, a piece at a time; `report` the numbers of privatised words of
        the lines that have ended since. A last line without a line end gets one.

        Raises
        ------
        TextError
            If the text is not text, or has a word outside the vocabulary and `unknown` is
            "refuse": what stands before that word has then been written.
        InputError
            If the mechanism fails. Its own message is withheld.
        """
        for piece in pieces(blocks):
            self._piece(piece, write, report)
        if self._open:
            write("\n")
            self._end_lines([self._words_on_line], report)
            self._words_on_line = 0
            self._fresh, self._open = True, False

    def _piece(
        self,
        piece: str,
        write: Callable[[str], object],
        report: Callable[[list[int]], object],
    ) -> None:
        between: list[str] | None = None
        if self.punctuation:
            tokens, codes, between = self._lexicon.read_with_punctuation(piece)
        else:
            tokens, codes = self._lexicon.read(piece)
        missing = np.flatnonzero(codes == UNKNOWN)
        stopped = None
        if len(missing) and self.unknown == "refuse":
            stopped = tokens[missing[0]]
            tokens, codes = tokens[: missing[0]], codes[: missing[0]]
            between = between[: len(tokens) + 1] if between else None
            missing = missing[:0]
        self.unknown_words += len(missing)
        known = codes >= 0
        inputs = codes[known]
        outputs = self._draw(inputs)
        if self.tally:
            self.tally.add(inputs, outputs)
        text = (
            self._spell(tokens, codes, known, outputs)
            if between is None
            else self._spell_with(between, tokens, codes, known, outputs)
        )
        self.words += len(inputs)  # drawn, and so spent, whatever becomes of the output
        if text:
            write(text)
        ends = np.flatnonzero(codes == LINE_END)
        if len(ends):
            until = np.cumsum(known)
            counts = np.diff(until[ends], prepend=0)
            counts[0] += self._words_on_line
            self._words_on_line = int(until[-1] - until[ends[-1]])
            self._end_lines(counts.tolist(), report)
        else:
            self._words_on_line += len(inputs)
        self._open = not piece.endswith("\n")
        if stopped is not None:
            raise self._refusal(stopped)

    def _end_lines(self, counts: list[int], report: Callable[[list[int]], object]) -> None:
        report(counts)
        self.lines += len(counts)

    def _spell(
        self, tokens: list[str], codes: Indices, known: NDArray[np.bool_], outputs: Indices
    ) -> str:
        """The output: one space between the words of a line and nothing else."""
        if self.unknown == "drop":
            shown = codes != UNKNOWN
            codes, known = codes[shown], known[shown]
        if not len(codes):
            return ""
        first = np.empty(len(codes), dtype=bool)
        first[0], first[1:] = self._fresh, codes[:-1] == LINE_END
        self._fresh = bool(codes[-1] == LINE_END)
        parts = np.empty(len(codes), dtype=object)
        parts[codes == LINE_END] = "\n"
        parts[known] = np.where(first[known], self._plain[outputs], self._spaced[outputs])
        for place in np.flatnonzero(codes == UNKNOWN):
            word = self.mask if self.unknown == "mask" else tokens[place]
            parts[place] = word if first[place] else f" {word}"
        return "".join(parts.tolist())

    def _spell_with(
        self,
        between: list[str],
        tokens: list[str],
        codes: Indices,
        known: NDArray[np.bool_],
        outputs: Indices,
    ) -> str:
        """The output with the characters between words."""
        parts = np.empty(len(codes), dtype=object)
        parts[codes == LINE_END] = "\n"
        parts[known] = self._plain[outputs]
        for place in np.flatnonzero(codes == UNKNOWN):
            parts[place] = {"mask": self.mask, "drop": "", "keep": tokens[place]}[self.unknown]
        whole = [""] * (2 * len(parts) + 1)
        whole[::2], whole[1::2] = between, parts.tolist()
        return "".join(whole)

    def _draw(self, inputs: Indices) -> Indices:
        """One output for each input. Whatever goes wrong, the inputs stay inside: the exception
        of the mechanism may quote them, so it is not chained to the one that is raised."""
        if not len(inputs):
            return inputs
        outputs, failure, interrupted = None, "", False
        try:
            with contextlib.nullcontext() if self.show_originals else _silence():
                outputs = _sample(self.mechanism, self.space, inputs, self.rng)
        except KeyboardInterrupt:
            interrupted = True
        except BaseException as error:
            failure = type(error).__name__
            if self.show_originals:
                failure += f": {error}"
        if interrupted:
            raise KeyboardInterrupt
        if failure:
            hidden = "" if self.show_originals else f" {WITHHELD}"
            raise InputError(f"The mechanism failed with {failure}.{hidden}")
        fault = _fault(outputs, inputs, len(self.space))
        if fault:
            raise InputError(f"The mechanism failed: {fault}.")
        return np.asarray(outputs, dtype=np.int64)

    def _refusal(self, word: str) -> TextError:
        quoted = f" ({word[:40]!r})" if self.show_originals else ""
        return TextError(
            f"Stopped in line {self.lines + 1:,} at a word outside the vocabulary{quoted}. "
            "Say what to do with such words: --unknown mask, drop or keep."
        )
