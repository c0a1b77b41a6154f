"""Text: a word, a separator and p numbers on each line, after a header line or without one.

    file      = [byte order mark] [header] {row | blank line}
    header    = count blanks components
    row       = [blanks] word separator number {separator number} [blanks]
    number    = a float in ASCII, as Python writes it, without underscores

The separator between numbers is the same throughout: blanks (one or more) or tabs (one), found out
from the first row, or the delimiter that was asked for. A word may hold separators, and may end in
what looks like a number: the last p fields are the vector, everything before them is the word. How
p is found is described at `Shape`.
"""

import re
from collections import Counter
from dataclasses import dataclass

from ....errors import SpaceError, option
from .model import ReadOptions

__all__ = [
    "BLANKS",
    "NUMBER",
    "TEXT_BYTES",
    "BadRowError",
    "Row",
    "Shape",
    "header_of",
    "spells_numbers",
    "took_a_number",
]

#: All bytes of printable ASCII text.
TEXT_BYTES = bytes(range(32, 127)) + b"\t\r\n"

#: A float in ASCII; infinite and NaN are numbers too, and refused as components.
NUMBER = re.compile(
    rb"[+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|inf(?:inity)?|nan)", re.IGNORECASE
)
_PLAIN = b"0123456789+-.eE"
#: What is stripped from both ends of lines and words.
BLANKS = b" \t\r"
_FIELD = re.compile(rb"[^ \t]+")
_LONGEST_QUOTE = 40

#: A word that ends in a fraction after something that separates, or is one: it took a component,
#: because another separator stands before it or there are no words.
_TAKEN = re.compile(r"(?:|.*[^\w.+\-])[+-]?(?:\d+\.\d*|\.\d+)(?:[eE][+-]?\d+)?", re.DOTALL)


@dataclass(frozen=True)
class Row:
    """A line that is not blank, with its number, counted from 1."""

    number: int
    line: bytes

    @property
    def place(self) -> str:
        """As messages name it."""
        return f"line {self.number:,}"


class BadRowError(SpaceError):
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


def took_a_number(word: str) -> bool:
    """Whether a word is or ends in what looks like a component.

    Examples
    --------
    >>> [took_a_number(word) for word in ("the,0.1", "the\\u00a0-.5", "0.25", "the", "4", "v1.5")]
    [True, True, True, False, False, False]
    """
    return word[-1:].isdigit() and _TAKEN.fullmatch(word) is not None


def spells_numbers(head: bytes, options: ReadOptions) -> bool:
    """Whether at least half of the lines after the first end in a number, as rows of text do."""
    delimiter = (options.delimiter or " ").encode("utf-8")
    ends = [end for line in head.split(b"\n")[1:] if (end := line.rstrip(BLANKS + delimiter))]
    last = (re.split(rb"[ \t]|" + re.escape(delimiter), end[-_LONGEST_QUOTE:])[-1] for end in ends)
    return 2 * sum(NUMBER.fullmatch(field) is not None for field in last) >= len(ends)


class Shape:
    """How many components a row has, what separates its fields, and what decided that.

    The dimension is that of the option, or else of the header. In a file with neither it is the
    largest p for which the last p fields of every one of the first 1,000 rows (all, if they are
    fewer) are numbers and a word is left, provided that more than half of these rows have no
    number before those p; otherwise the p of more than half of them, and the others are bad rows.
    If no p has that many rows, it is not decided.
    """

    def __init__(self, name: str, options: ReadOptions, sample: list[Row]) -> None:
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

    def _separator(self, sample: list[Row]) -> bytes:
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
            return asked, "the option dimension"
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

    def numbers(self, row: Row) -> int:
        """How many fields at the end of a row are numbers, if a word is left before them."""
        fields = self.fields(row.line)
        count = 0
        for field in reversed(fields[1:]):
            if not NUMBER.fullmatch(field):
                break
            count += 1
        return count

    def fields(self, line: bytes) -> list[bytes]:
        """The fields of a row."""
        if self.separator == b" ":
            return _FIELD.findall(line)
        return [field.strip(BLANKS) for field in line.split(self.separator)]

    def split(self, row: Row) -> tuple[bytes, list[bytes]]:
        """The word of a row and the fields of its vector, whatever the number of blanks.

        Raises
        ------
        BadRowError
            If there are not p numbers after a word.
        """
        line, p = row.line, self.dimension
        if self.separator == b" ":
            line = line.lstrip(BLANKS)
            places = list(_FIELD.finditer(line))
            found = [place.group() for place in places]
            if len(found) > p:
                inside = line[places[-p].start() :]
                if b"\t" in inside:
                    raise self.bad(row, "tabs and blanks separate its numbers")
                word = line[: places[-p].start()].strip(BLANKS)
                self._check_word(row, found[:-p])
                return word, self.checked(row, found[-p:])
        else:
            found = self.fields(line)
            if len(found) > p:
                word = line.rsplit(self.separator, p)[0].strip(BLANKS)
                self._check_word(row, found[:-p])
                return word, self.checked(row, found[-p:])
        wrong = next((x for x in found[1:] if not NUMBER.fullmatch(x)), None)
        if wrong is not None and len(found) > 1:
            raise self.not_a_number(row, wrong)
        expected = f"a word and {p:,} component{'s' * (p != 1)} are expected"
        raise self.bad(row, f"found {len(found):,} fields, but {expected}")

    def _check_word(self, row: Row, parts: list[bytes]) -> None:
        """Refuse two rows that a missing line end makes one, where no header counts the rows: a
        word with a fraction inside, or with as many numbers as a vector has."""
        if self.header or self.options.dimension is not None or len(parts) < 3:
            return
        numbers = sum(NUMBER.fullmatch(part) is not None for part in parts[1:])
        inside = any(b"." in part and NUMBER.fullmatch(part) for part in parts[1:-1])
        if inside or numbers >= self.dimension > 1:
            raise self.bad(
                row,
                "numbers stand within its word, as if two lines were one. If they belong to it, "
                f"say how many components follow ({option('dimension')})",
            )

    def checked(self, row: Row, fields: list[bytes]) -> list[bytes]:
        """The fields, if all are numbers."""
        wrong = next((field for field in fields if not NUMBER.fullmatch(field)), None)
        if wrong is not None:
            raise self.not_a_number(row, wrong)
        return fields

    def not_a_number(self, row: Row, field: bytes) -> SpaceError:
        """The error about a field."""
        shown = field.decode("utf-8", "replace")
        shown = shown if len(shown) <= _LONGEST_QUOTE else shown[:_LONGEST_QUOTE] + "…"
        return self.bad(row, f"{shown!r} is not a number")

    def bad(self, row: Row, fault: str) -> SpaceError:
        """The error about a row."""
        return BadRowError(f"{self.name}, {row.place}: {fault}.")
