"""Where readers put their entries: what is wanted of them is kept, the rest is counted."""

from array import array
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ....errors import SpaceError, option, require_memory
from ....results.reading import ReadingRecord, named
from ..duplicates import Seen
from ..tokens import is_one_token
from ..unit import normalized
from .model import LoadedEmbedding, ReadOptions, check_limit
from .streams import file_errors, lines, open_source

__all__ = ["Collector", "read_list"]

#: Numbers after which it is looked whether memory lasts for as many again.
_CHECK = 2**22


class Collector:
    """Words and vectors of the entries that are wanted, in one array that grows in place."""

    def __init__(self, name: str, options: ReadOptions, *, directions: bool = False) -> None:
        self.name, self.options = name, options
        self.words: list[str] = []
        self.entries = 0
        self.dropped: dict[str, int] = {}
        self.excluded: list[str] = []
        self._numbers = array("d")
        self._dimension = 0
        self._checked = 0
        self._wanted = None
        if options.words is not None:
            self._wanted = frozenset(read_list(options.words, "words"))
        self._seen = (
            Seen(self._row, directions=directions) if options.on_duplicate == "drop" else None
        )
        self._exclude = options.multiword == "exclude"
        self._each = self._seen is not None or options.normalize

    @property
    def dimension(self) -> int:
        """Number p of components, 0 before it is known."""
        return self._dimension

    @property
    def full(self) -> bool:
        """Whether as many words are kept as the limit allows, or all that are wanted."""
        kept = len(self.words)
        return kept == self.options.limit or (
            self._wanted is not None and self._seen is not None and kept == len(self._wanted)
        )

    def expect(self, dimension: int, count: int | None) -> None:
        """Say how many components and at most how many entries come.

        Raises
        ------
        MemoryNeededError
            If their vectors do not fit in memory.
        """
        self._dimension = dimension
        most = [n for n in (count, self.options.limit) if n is not None]
        if self._wanted is not None:
            most.append(len(self._wanted))
        if most and count is not None:
            self._require(min(most))

    def _require(self, count: int) -> None:
        needed = 8 * count * self._dimension
        require_memory(
            f"{self.name} with {count:,} words of {self._dimension:,} components ({needed:,} "
            "bytes)",
            needed,
            f"Load fewer words ({option('limit')}).",
        )

    def wants(self, word: str) -> bool:
        """Count an entry, and say whether its vector is wanted."""
        self.entries += 1
        if self._wanted is not None and word not in self._wanted:
            self.drop("entries not among the words asked for")
            return False
        if self._exclude and not is_one_token(word):
            self.drop("words that are not one token")
            self.excluded.append(word)
            return False
        return True

    def drop(self, kind: str, count: int = 1) -> None:
        """Count what is left out."""
        self.dropped[kind] = self.dropped.get(kind, 0) + count

    def add(self, word: str, numbers: Iterable[float]) -> None:
        """Keep an entry, unless it repeats an earlier one.

        Raises
        ------
        ValueError
            If something is not a number, or the vector cannot be normalised (`SpaceError`), or
            memory does not last (`MemoryNeededError`). Nothing of the entry is kept then.
        """
        values, start = self._numbers, len(self._numbers)
        try:
            values.extend(numbers)
            if start >= self._checked:
                self._grow(start)
            if self._each and not self._settle(word, start):
                del values[start:]
                return
        except ValueError:
            del values[start:]
            raise
        self.words.append(word)

    def add_rows(self, words: Sequence[str], rows: NDArray[np.float64]) -> int:
        """Keep entries of shape (rows, p) until full; return how many were looked at."""
        if self._each or self._wanted is not None or self._exclude:
            for count, (word, row) in enumerate(zip(words, rows, strict=True)):
                if self.full:
                    return count
                if self.wants(word):
                    self.add(word, row.tolist())
            return len(words)
        if self.options.limit is not None:
            left = self.options.limit - len(self.words)
            words, rows = words[:left], rows[:left]
        self.entries += len(words)
        self.words.extend(words)
        self._numbers.frombytes(np.ascontiguousarray(rows, dtype=np.float64).tobytes())
        return len(words)

    def _grow(self, start: int) -> None:
        """Look whether memory lasts for as many numbers again as between two looks."""
        if start:
            room = 8 * _CHECK
            require_memory(
                f"{self.name}, of which {len(self.words):,} words are read,",
                room,
                f"Load fewer words ({option('limit')}).",
            )
        self._checked = start + _CHECK

    def _row(self, position: int) -> NDArray[np.float64]:
        start = position * self._dimension
        return np.array(self._numbers[start : start + self._dimension])

    def _settle(self, word: str, start: int) -> bool:
        """Normalise the last row and see whether it repeats an earlier one; then it goes."""
        row = np.array(self._numbers[start:])
        if self.options.normalize:
            row = normalized(word, row)
            self._numbers[start:] = array("d", row.tolist())
        if self._seen is None:
            return True
        if self._seen.word(word):
            self.drop("repeated words")
        elif self._seen.vector(row) is not None:
            self.drop("words with the vector of an earlier one")
        else:
            self._seen.add(word, len(self.words))
            return True
        return False

    def loaded(self, kind: str, remarks: Sequence[str] = (), **how: str | None) -> LoadedEmbedding:
        """What was kept, with the record of how it was read.

        Raises
        ------
        SpaceError
            If fewer words were kept than the limit asks for.
        """
        left_out = " that are kept" if self.dropped else ""
        check_limit(self.name, self.options.limit, len(self.words), left_out)
        remarks = list(remarks)
        if self._wanted is not None:
            missing = sorted(self._wanted - set(self.words))
            if missing and not self.full:
                remarks.append(f"Words asked for that the file lacks: {named(missing)}.")
        if self.excluded:
            remarks.append(
                f"Left out, because no text can hold them as one word: {named(self.excluded)}."
            )
        vectors = np.frombuffer(self._numbers, dtype=np.float64)
        record = ReadingRecord(
            format=kind,
            entries=self.entries,
            words=len(self.words),
            dimension=self._dimension,
            dropped=self.dropped,
            options=self.options.given(),
            remarks=tuple(remarks),
            **how,
        )
        shape = (len(self.words), self._dimension)
        return LoadedEmbedding(self.words, vectors.reshape(shape), record)


def read_list(path: str, what: str) -> list[str]:
    """The words of a file with one on each line, in UTF-8; empty lines are none.

    Raises
    ------
    SpaceError
        If it cannot be read, or holds no word.
    """
    found = []
    with file_errors(path), open_source(Path(path), path) as source:
        for number, raw in enumerate(lines(source.stream, path), start=1):
            line = raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw
            try:
                word = line.decode("utf-8").strip(" \t\r")
            except UnicodeDecodeError:
                raise SpaceError(
                    f"{path}, line {number}: not UTF-8 text, but {what} are read from text with "
                    "one word a line."
                ) from None
            if word:
                found.append(word)
    if not found:
        raise SpaceError(f"{path} holds no word; {what} are read from text with one word a line.")
    return found
