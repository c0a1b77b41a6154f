"""Text: a word, a separator and p numbers on each line, after a header line or without one.

    file      = [byte order mark] [header] {row | blank line}
    header    = count blanks components
    row       = [blanks] word separator number {separator number} [blanks]
    number    = a float in ASCII, as Python writes it, without underscores

The separator between numbers is the same throughout: blanks (one or more) or tabs (one), found out
from the first row, or the delimiter that was asked for. A word may hold separators, and may end in
what looks like a number: the last p fields are the vector, everything before them is the word. How
p is found is described at `_Shape`.
"""

import codecs
import io
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from ....errors import DPAuditError, SpaceError, option
from .collect import Collector
from .model import LoadedEmbedding, ReadOptions, check_limit
from .streams import ByteStream, lines

__all__ = ["TEXT_BYTES", "header_of", "read_text", "spells_numbers", "text_fault"]

#: Rows that find the dimension of a text without a header, and bytes that they may take together.
_SAMPLE_ROWS, _SAMPLE_BYTES = 1000, 2**26

#: All bytes of printable ASCII text.
TEXT_BYTES = bytes(range(32, 127)) + b"\t\r\n"

_NUMBER = re.compile(
    rb"[+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|inf(?:inity)?|nan)", re.IGNORECASE
)
_PLAIN = b"0123456789+-.eE"
_BOM = b"\xef\xbb\xbf"
_BLANKS = b" \t\r"
_FIELD = re.compile(rb"[^ \t]+")
_LONGEST_QUOTE = 40


@dataclass(frozen=True)
class _Row:
    """A line that is not blank, with its number, counted from 1."""

    number: int
    line: bytes

    @property
    def place(self) -> str:
        return f"line {self.number:,}"


class _BadRowError(SpaceError):
    """A row against the grammar; the message names file, line and fault."""


def header_of(line: bytes, delimiter: str | None = None) -> tuple[int, int] | None:
    """Numbers of words and of components, if the line holds just two whole numbers.

    Examples
    --------
    >>> header_of(b"400000 300\\r"), header_of(b"the 0.1"), header_of(b"3 0")
    ((400000, 300), None, None)
    """
    between = rb"[ \t]+" + (b"|" + re.escape(delimiter.encode("utf-8")) if delimiter else b"")
    found = re.fullmatch(rb"[ \t]*(\d{1,50})(?:" + between + rb")(\d{1,50})[ \t\r]*", line)
    if found is None or not int(found[2]):
        return None
    return int(found[1]), int(found[2])


def read_text(
    name: str, stream: ByteStream, options: ReadOptions, collector: Collector
) -> LoadedEmbedding:
    """Read a text file from its start to the limit or its end.

    Raises
    ------
    SpaceError
        With the line and what is wrong with it.
    """
    stream = _in_utf8(name, stream, options)
    reader = _TextReader(name, options, collector)
    shape = reader.read(lines(stream, name))
    return reader.loaded(shape, unended=stream.unended)


def text_fault(name: str, head: bytes, whole: bool, options: ReadOptions) -> SpaceError | None:
    """What keeps the start of a file, all of it if `whole`, from being text; None if nothing."""
    if not whole:
        head = head[: head.rfind(b"\n") + 1]
    options = options.without_filters()
    reader = _TextReader(name, options, Collector(name, options), partial=not whole)
    try:
        reader.read(lines(_in_utf8(name, ByteStream(io.BytesIO(head)), options), name))
    except SpaceError as error:
        return error
    return None


def spells_numbers(head: bytes, options: ReadOptions) -> bool:
    """Whether half of the lines behind the first one or more end in a number, as rows of text do."""
    delimiter = (options.delimiter or " ").encode("utf-8")
    ends = [end for line in head.split(b"\n")[1:] if (end := line.rstrip(_BLANKS + delimiter))]
    last = (re.split(rb"[ \t]|" + re.escape(delimiter), end[-_LONGEST_QUOTE:])[-1] for end in ends)
    return 2 * sum(_NUMBER.fullmatch(field) is not None for field in last) >= len(ends)


def _in_utf8(name: str, stream: ByteStream, options: ReadOptions) -> ByteStream:
    """The stream in UTF-8, whatever its encoding."""
    if codecs.lookup(options.encoding).name == "utf-8":
        return stream
    return ByteStream(_Recoded(name, stream, options.encoding))  # type: ignore[arg-type]


class _Recoded:
    """Bytes in another encoding as bytes in UTF-8."""

    def __init__(self, name: str, stream: ByteStream, encoding: str) -> None:
        self._name, self._stream, self._encoding = name, stream, encoding
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._line = 1

    def read(self, _: int) -> bytes:
        """Some of the next bytes, none at the end."""
        while True:
            block = self._stream.block()
            try:
                text = self._decoder.decode(block, final=not block)
                data = text.encode("utf-8")
            except UnicodeError:
                raise SpaceError(
                    f"{self._name}, line {self._line:,} or later: not {self._encoding} text. Name "
                    f"its encoding ({option('encoding')})."
                ) from None
            self._line += data.count(b"\n")
            if data or not block:
                return data


class _Shape:
    """How many components a row has, what separates its fields, and what decided that.

    The dimension is that of the option, or else of the header. In a file with neither it is the
    largest p for which the last p fields of every one of the first 1,000 rows (all, if they are
    fewer) are numbers and a word is left, provided that more than half of these rows have no
    number before those p; otherwise the p of more than half of them, and the others are bad rows.
    If no p has that many rows, it is not decided.
    """

    def __init__(self, name: str, options: ReadOptions, sample: list[_Row]) -> None:
        self.name, self.options, self.sample = name, options, sample
        self.header: tuple[int, int] | None = None
        self.header_line = ""
        first = sample[0].line if sample else b""
        found = header_of(first, options.delimiter)
        self.separator = self._separator(sample[1:] if found and len(sample) > 1 else sample)
        self.first_like_header = bool(found) and self._first_is_a_row(found)
        if found and not self.first_like_header:
            self.header = found
            self.header_line = first.decode("ascii", "replace").strip()
            del sample[0]
        self.dimension, self.decided_by = self._decide()
        self.plain = _PLAIN + self.separator

    def _separator(self, sample: list[_Row]) -> bytes:
        if self.options.delimiter is not None:
            return self.options.delimiter.encode("utf-8")
        for row in sample:
            fields = list(_FIELD.finditer(row.line))
            if len(fields) > 1:
                return b"\t" if b"\t" in row.line[fields[-2].end() : fields[-1].start()] else b" "
        return b" "

    def _first_is_a_row(self, found: tuple[int, int] | None) -> bool:
        """Whether “3 5” is a word with its number: asked for, or all lines look like it."""
        if found is None:
            return False
        if self.options.dimension is not None:
            return self.options.dimension != found[1] and self.options.dimension == 1
        return (
            found[1] != 1
            and len(self.sample) > 1
            and all(header_of(row.line, self.options.delimiter) for row in self.sample)
        )

    @property
    def separator_name(self) -> str:
        """The separator as a record calls it."""
        names = {b" ": "blank", b"\t": "tab", b",": "comma"}
        return names.get(self.separator, repr(self.separator.decode("utf-8", "replace")))

    def _decide(self) -> tuple[int, str]:
        asked = self.options.dimension
        if self.header and asked is not None and asked != self.header[1]:
            raise SpaceError(
                f"{option('dimension')} is {asked:,}, but the header of {self.name} says "
                f"{self.header[1]:,} components."
            )
        if asked is not None:
            return asked, option("dimension")
        if self.header:
            return self.header[1], "the header"
        counts = {row.number: self.numbers(row) for row in self.sample}
        votes = Counter(count for count in counts.values() if count)
        if not votes:
            raise SpaceError(
                f"{self.name} is not an embedding file: its lines are not a word and numbers "
                f"separated by blanks, tabs or another {option('delimiter')}, and it is not a "
                "readable embedding of any other kind either."
            )
        least = min(counts.values())
        common = votes.most_common(1)[0][0]
        considered = sum(votes.values())
        chosen = least if 2 * votes[least] > considered else common
        if 2 * votes[chosen] <= considered and len(votes) > 1:
            by_count = {count: line for line, count in reversed(counts.items()) if count}
            (one, other), *_ = zip(list(by_count)[:-1], list(by_count)[1:], strict=True)
            raise SpaceError(
                f"{self.name}: line {by_count[one]:,} ends in {one:,} number{'s' * (one != 1)}, "
                f"line {by_count[other]:,} in {other:,}, and neither is what most lines have. Say "
                f"how many components there are ({option('dimension')})."
            )
        decider = next(line for line, count in counts.items() if count == chosen)
        return chosen, f"line {decider:,}"

    def numbers(self, row: _Row) -> int:
        """How many fields at the end of a row are numbers, if a word is left before them."""
        fields = self.fields(row.line)
        count = 0
        for field in reversed(fields[1:]):
            if not _NUMBER.fullmatch(field):
                break
            count += 1
        return count

    def fields(self, line: bytes) -> list[bytes]:
        """The fields of a row."""
        if self.separator == b" ":
            return _FIELD.findall(line)
        return [field.strip(_BLANKS) for field in line.split(self.separator)]

    def split(self, row: _Row) -> tuple[bytes, list[bytes]]:
        """The word of a row and the fields of its vector, whatever the number of blanks.

        Raises
        ------
        _BadRowError
            If there are not p numbers after a word.
        """
        line, p = row.line, self.dimension
        if self.separator == b" ":
            line = line.lstrip(_BLANKS)
            places = list(_FIELD.finditer(line))
            found = [place.group() for place in places]
            if len(found) > p:
                inside = line[places[-p].start() :]
                if b"\t" in inside:
                    raise self.bad(row, "tabs and blanks separate its numbers")
                word = line[: places[-p].start()].strip(_BLANKS)
                return word, self.checked(row, found[-p:])
        else:
            found = self.fields(line)
            if len(found) > p:
                word = line.rsplit(self.separator, p)[0].strip(_BLANKS)
                return word, self.checked(row, found[-p:])
        wrong = next((x for x in found[1:] if not _NUMBER.fullmatch(x)), None)
        if wrong is not None and len(found) > 1:
            raise self.not_a_number(row, wrong)
        expected = f"a word and {p:,} component{'s' * (p != 1)} are expected"
        raise self.bad(row, f"found {len(found):,} fields, but {expected}")

    def checked(self, row: _Row, fields: list[bytes]) -> list[bytes]:
        """The fields, if all are numbers."""
        wrong = next((field for field in fields if not _NUMBER.fullmatch(field)), None)
        if wrong is not None:
            raise self.not_a_number(row, wrong)
        return fields

    def not_a_number(self, row: _Row, field: bytes) -> SpaceError:
        """The error about a field."""
        shown = field.decode("utf-8", "replace")
        shown = shown if len(shown) <= _LONGEST_QUOTE else shown[:_LONGEST_QUOTE] + "…"
        return self.bad(row, f"{shown!r} is not a number")

    def bad(self, row: _Row, fault: str) -> SpaceError:
        """The error about a row."""
        return _BadRowError(f"{self.name}, {row.place}: {fault}.")


class _TextReader:
    """Reads rows into a collector; `partial` if they are only the start of a file."""

    def __init__(
        self, name: str, options: ReadOptions, collector: Collector, *, partial: bool = False
    ) -> None:
        self.name, self.options, self.collector = name, options, collector
        self._partial = partial
        self._blank = 0
        self._extra: list[int] = []  # numbers of rows whose word ends in a number
        self._bad: list[int] = []

    def read(self, found: Iterator[bytes]) -> _Shape:
        """Read to the limit or the end."""
        rows = self._rows(found)
        sample: list[_Row] = []
        taken = 0
        for row in rows:
            sample.append(row)
            taken += len(row.line)
            if len(sample) > _SAMPLE_ROWS or taken > _SAMPLE_BYTES:
                break
        shape = _Shape(self.name, self.options, sample)
        self._expect(shape)
        count = shape.header[0] if shape.header else None
        collector = self.collector
        for row in chain(sample, rows):
            if collector.full:
                break
            if count is not None and collector.entries + len(self._bad) == count:
                raise SpaceError(
                    f"{self.name}, {row.place}: the header promises only {count:,} words."
                )
            try:
                self._take(shape, row)
            except _BadRowError:
                if self.options.on_bad_line == "error":
                    raise
                self._bad.append(row.number)
        self._check_end(shape, count)
        return shape

    def _rows(self, found: Iterator[bytes]) -> Iterator[_Row]:
        for number, line in enumerate(found, start=1):
            if number == 1:
                self._check_encoding(line)
                line = line.removeprefix(_BOM)
            line = line.rstrip(_BLANKS)
            if line:
                yield _Row(number, line)
            else:
                self._blank += 1

    def _check_encoding(self, first: bytes) -> None:
        for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
            if first.startswith(mark) and b"\0" in first:
                raise SpaceError(
                    f"{self.name} is {encoding.upper()} text, not UTF-8. Say so "
                    f"({option('encoding', encoding)})."
                )

    def _expect(self, shape: _Shape) -> None:
        if shape.header and not self._partial:
            check_limit(self.name, self.options.limit, shape.header[0])
        count = shape.header[0] if shape.header and not self._partial else None
        self.collector.expect(shape.dimension, count)

    def _take(self, shape: _Shape, row: _Row) -> None:
        """Read one row: directly where it has nothing unusual, otherwise field by field."""
        line = row.line
        fields = line.split(shape.separator)
        word = fields[0]
        usual = (
            len(fields) == shape.dimension + 1
            and word == word.strip(_BLANKS)
            and b"\t" not in word
            and not line[len(word) :].translate(None, shape.plain)
        )
        if usual:
            del fields[0]
        else:
            word, fields = shape.split(row)
            self._count_extra(shape, row, word)
        name = self._decode(row, word)
        if not self.collector.wants(name):
            return
        try:
            self.collector.add(
                name, _finite(name, fields) if _may_overflow(line) else map(float, fields)
            )
        except ValueError as error:
            if not isinstance(error, DPAuditError):
                shape.split(row)  # raises an error that says which field it is
            elif isinstance(error, SpaceError):
                self.collector.entries -= 1
                raise shape.bad(row, str(error).rstrip(".")) from None
            raise

    def _count_extra(self, shape: _Shape, row: _Row, word: bytes) -> None:
        """Note a word that ends in a finite number: a dimension too small would make all so."""
        before, _, last = word.rpartition(shape.separator)
        last = last.strip(_BLANKS)
        if before and _NUMBER.fullmatch(last) and last[-1:].isdigit() | last.endswith(b"."):
            self._extra.append(row.number)

    def _decode(self, row: _Row, word: bytes) -> str:
        if not word:
            raise _BadRowError(f"{self.name}, {row.place}: there is no word before the numbers.")
        try:
            name = word.decode("utf-8")
        except UnicodeDecodeError as error:
            place = row.line.find(word) + error.start + 1
            raise _BadRowError(
                f"{self.name}, {row.place}: byte {place} is not UTF-8 text. Is this an embedding "
                f"file? If so, name its encoding ({option('encoding')})."
            ) from None
        if "\r" in name:
            raise _BadRowError(
                f"{self.name}, {row.place}: there is a carriage return inside of the line. Lines "
                "end in LF or CR LF; change those that end in CR alone."
            )
        return name

    def _check_end(self, shape: _Shape, count: int | None) -> None:
        collector = self.collector
        rows = collector.entries + len(self._bad)
        if not self._partial and count is not None and rows < count and not collector.full:
            raise SpaceError(
                f"{self.name} is cut off: its header promises {count:,} words, but {rows:,} follow."
            )
        if self._extra and len(self._extra) == rows and self.options.dimension is None:
            raise SpaceError(
                f"{self.name}, line {self._extra[0]:,}: found more than the {shape.dimension:,} "
                f"components expected by {shape.decided_by}, and so in every row. If all words "
                f"end in numbers, say how many components there are ({option('dimension')})."
            )
        if 2 * len(self._bad) > rows:
            raise SpaceError(
                f"{self.name}: {len(self._bad):,} of {rows:,} lines are bad, line "
                f"{self._bad[0]:,} first. More than half is not taken for some bad lines."
            )

    def loaded(self, shape: _Shape, *, unended: bool = False) -> LoadedEmbedding:
        """What was read, with its record."""
        remarks = []
        if self._blank:
            self.collector.drop("blank lines", self._blank)
        if self._bad:
            self.collector.drop("bad lines", len(self._bad))
            remarks.append(f"Bad lines: {_numbered(self._bad)}.")
        if self._extra:
            remarks.append(f"Words that end in a number: {_numbered(self._extra)}.")
        if unended:
            remarks.append(
                "The last line has no line end: if the file was cut off there, its last number may "
                "have lost digits."
            )
        if shape.first_like_header:
            remarks.append("The first line could be a header, but all lines look like it.")
        return self.collector.loaded(
            "text",
            separator=shape.separator_name,
            header=shape.header_line or None,
            encoding=self.options.encoding,
            decided_by=shape.decided_by,
            remarks=remarks,
        )


def _numbered(found: list[int]) -> str:
    """The first few lines of a kind, and how many there are beside them."""
    shown = ", ".join(f"line {number:,}" for number in found[:5])
    return f"{shown} and {len(found) - 5:,} more" if len(found) > 5 else shown


def _may_overflow(line: bytes) -> bool:
    """Whether a number may be infinite: that takes an exponent, letters or many digits."""
    return b"e" in line or b"E" in line or b"n" in line or b"N" in line or len(line) > 2**16


def _finite(word: str, fields: list[bytes]) -> list[float]:
    """The numbers of the fields, none of them infinite or NaN."""
    numbers = [float(field) for field in fields]
    if not all(map(math.isfinite, numbers)):
        raise SpaceError(f"the vector of {word!r} has a component that is not finite.")
    return numbers
