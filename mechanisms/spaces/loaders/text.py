"""Reads text by the grammar of `rows`: decodes, splits into lines, takes row after row."""

import codecs
import io
import math
from collections.abc import Iterator
from itertools import chain

from ....errors import DPAuditError, SpaceError, option
from .collect import Collector
from .model import LoadedEmbedding, ReadOptions, check_limit
from .rows import BLANKS, NUMBER, BadRowError, Row, Shape, took_a_number
from .streams import ByteStream, lines

__all__ = ["read_text", "text_fault"]

#: Rows that find the dimension of a text without a header, and bytes that they may take together.
_SAMPLE_ROWS, _SAMPLE_BYTES = 1000, 2**26

_BOM = b"\xef\xbb\xbf"


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
    if reader.exhausted and stream.unended and reader.rows < (shape.header or (0, 0))[0]:
        raise reader.cut_off(shape)  # within the last row that was asked for
    return reader.loaded(shape, unended=reader.exhausted and stream.unended)


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


class _TextReader:
    """Reads rows into a collector; `partial` if they are only the start of a file."""

    def __init__(
        self, name: str, options: ReadOptions, collector: Collector, *, partial: bool = False
    ) -> None:
        self.name, self.options, self.collector = name, options, collector
        self._partial = partial
        self.exhausted = False  # whether no row is left behind those that were taken
        self._blank = 0
        self._extra: list[int] = []  # numbers of rows whose word ends in a number
        self._taken: list[int] = []  # and of those whose word looks as if it took a component
        self._bad: list[int] = []

    def read(self, found: Iterator[bytes]) -> Shape:
        """Read to the limit or the end."""
        rows = self._rows(found)
        sample: list[Row] = []
        taken = 0
        for row in rows:
            sample.append(row)
            taken += len(row.line)
            if len(sample) > _SAMPLE_ROWS or taken > _SAMPLE_BYTES:
                break
        shape = Shape(self.name, self.options, sample)
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
            except BadRowError:
                if self.options.on_bad_line == "error":
                    raise
                self._bad.append(row.number)
        else:
            self.exhausted = True
        self._check_end(shape, count)
        return shape

    def _rows(self, found: Iterator[bytes]) -> Iterator[Row]:
        for number, line in enumerate(found, start=1):
            if number == 1:
                self._check_encoding(line)
                line = line.removeprefix(_BOM)
            line = line.rstrip(BLANKS)
            if line:
                yield Row(number, line)
            else:
                self._blank += 1

    def _check_encoding(self, first: bytes) -> None:
        for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
            if first.startswith(mark) and b"\0" in first:
                raise SpaceError(
                    f"{self.name} is {encoding.upper()} text, not UTF-8. Say so "
                    f"({option('encoding', encoding)})."
                )

    def _expect(self, shape: Shape) -> None:
        if shape.header and not self._partial:
            check_limit(self.name, self.options.limit, shape.header[0])
        count = shape.header[0] if shape.header and not self._partial else None
        self.collector.expect(shape.dimension, count)

    def _take(self, shape: Shape, row: Row) -> None:
        """Read one row: directly where it has nothing unusual, otherwise field by field."""
        line = row.line
        if shape.separator == b" " and (tab := line.find(b"\t")) > 0:
            before, after = line[:tab], line[tab + 1 :]
            if b" " not in before and b"\t" not in after:  # the usual place: after the word
                line = before + b" " + after
        fields = line.split(shape.separator)
        word = fields[0]
        usual = (
            len(fields) == shape.dimension + 1
            and word == word.strip(BLANKS)
            and b"\t" not in word
            and not line[len(word) :].translate(None, shape.plain)
        )
        if usual:
            del fields[0]
        else:
            word, fields = shape.split(row)
            self._count_extra(shape, row, word)
        name = self._decode(row, word)
        if took_a_number(name):
            self._taken.append(row.number)
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

    def _count_extra(self, shape: Shape, row: Row, word: bytes) -> None:
        """Note a word that ends in a finite number: a dimension too small would make all so."""
        before, _, last = word.rpartition(shape.separator)
        last = last.strip(BLANKS)
        if before and NUMBER.fullmatch(last) and last[-1:].isdigit() | last.endswith(b"."):
            self._extra.append(row.number)

    def _decode(self, row: Row, word: bytes) -> str:
        if not word:
            raise BadRowError(f"{self.name}, {row.place}: there is no word before the numbers.")
        try:
            name = word.decode("utf-8")
        except UnicodeDecodeError as error:
            place = row.line.find(word) + error.start + 1
            raise BadRowError(
                f"{self.name}, {row.place}: byte {place} is not UTF-8 text. Is this an embedding "
                f"file? If so, name its encoding ({option('encoding')})."
            ) from None
        if "\r" in name:
            raise BadRowError(
                f"{self.name}, {row.place}: there is a carriage return inside of the line. Lines "
                "end in LF or CR LF; change those that end in CR alone."
            )
        return name

    def _check_end(self, shape: Shape, count: int | None) -> None:
        collector = self.collector
        rows = self.rows
        if not self._partial and count is not None and rows < count and not collector.full:
            raise self.cut_off(shape)
        if self._extra and len(self._extra) == rows and self.options.dimension is None:
            raise SpaceError(
                f"{self.name}, line {self._extra[0]:,}: found more than the {shape.dimension:,} "
                f"components expected by {shape.decided_by}, and so in every row. If all words "
                f"end in numbers, say how many components there are ({option('dimension')})."
            )
        if 2 * len(self._taken) > rows > 1 and self.options.dimension is None:
            raise SpaceError(
                f"{self.name}, line {self._taken[0]:,}: what stands before the numbers is or ends "
                "in a number itself, as in most rows. Either another separator is used there, or "
                f"the file holds no words. If these are the words, say how many components follow "
                f"({option('dimension')})."
            )
        if 2 * len(self._bad) > rows:
            raise SpaceError(
                f"{self.name}: {len(self._bad):,} of {rows:,} lines are bad, line "
                f"{self._bad[0]:,} first. More than half is not taken for some bad lines."
            )

    @property
    def rows(self) -> int:
        """Rows that were taken, bad ones included."""
        return self.collector.entries + len(self._bad)

    def cut_off(self, shape: Shape) -> SpaceError:
        """The error about a file that ends before its header says."""
        assert shape.header is not None
        return SpaceError(
            f"{self.name} is cut off: its header promises {shape.header[0]:,} words, but "
            f"{self.rows:,} follow."
        )

    def loaded(self, shape: Shape, *, unended: bool = False) -> LoadedEmbedding:
        """What was read, with its record."""
        remarks = []
        if self._blank:
            self.collector.drop("blank lines", self._blank)
        if self._bad:
            self.collector.drop("bad lines", len(self._bad))
            remarks.append(f"Bad lines: {_numbered(self._bad)}.")
        if self._extra:
            remarks.append(f"Words that end in a number: {_numbered(self._extra)}.")
        words = self.collector.words
        if words and all(len(word) > 2 and word[0] == word[-1] == '"' for word in words):
            remarks.append("All words stand in quotation marks, which are part of them.")
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
