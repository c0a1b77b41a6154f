"""How an embedding file was read: part of every result on a vocabulary from a file."""

from pydantic import BaseModel, ConfigDict

from ..visible import visible

__all__ = ["ReadingRecord", "count_of", "named"]

#: Words of a kind that are named; the others are counted.
_NAMED = 5


class ReadingRecord(BaseModel):
    """How the vocabulary and the vectors of a space were read from their file.

    Attributes
    ----------
    format
        What the file was taken for, such as "text" or "word2vec binary".
    compression
        "gzip", "bzip2", "xz" or "zip", if it was compressed.
    separator
        Between the fields of a text row.
    header
        First line of the file, if it says how many words and components follow.
    encoding
        Of the words, where the format leaves it open.
    entries
        Rows or entries that were read; those behind a limit are not.
    words, dimension
        Of the space.
    decided_by
        What the dimension was taken from: the header, an option, or a row.
    dropped
        How many entries of each kind were left out; none is left out without being counted.
    options
        What was asked for beyond the defaults: reading again needs the same.
    remarks
        What a reader of the result should know about the reading, in sentences.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: str
    compression: str | None = None
    separator: str | None = None
    header: str | None = None
    encoding: str | None = None
    entries: int
    words: int
    dimension: int
    decided_by: str | None = None
    dropped: dict[str, int] = {}
    options: dict[str, str | int | bool] = {}
    remarks: tuple[str, ...] = ()

    def sentences(self) -> list[str]:
        """What was read and how, then what was left out, then the remarks.

        Examples
        --------
        >>> record = ReadingRecord(
        ...     format="text", separator="blank", encoding="utf-8", entries=4, words=3,
        ...     dimension=2, decided_by="line 1", dropped={"duplicates": 1},
        ... )
        >>> for sentence in record.sentences():
        ...     print(sentence)
        Read as text, fields separated by blank, no header, encoding utf-8.
        Entries read: 4; 3 words of 2 components, by line 1.
        Left out: duplicates (1).
        """
        parts = [f"Read as {self.format}"]
        if self.compression:
            parts.append(f"compressed by {self.compression}")
        if self.separator:
            parts.append(f"fields separated by {self.separator}")
            parts.append(f"header “{self.header}”" if self.header else "no header")
        elif self.header:
            parts.append(f"header “{self.header}”")
        if self.encoding:
            parts.append(f"encoding {self.encoding}")
        by = f", by {self.decided_by}" if self.decided_by else ""
        found = [
            ", ".join(parts) + ".",
            f"Entries read: {self.entries:,}; {count_of(self.words, 'word')} of "
            f"{count_of(self.dimension, 'component')}{by}.",
        ]
        if any(self.dropped.values()):
            counts = [f"{kind} ({count:,})" for kind, count in self.dropped.items() if count]
            found.append(f"Left out: {', '.join(counts)}.")
        if self.options.get("normalize"):
            found.append("Every vector was divided by its Euclidean length and rounded.")
        return [visible(sentence) for sentence in (*found, *self.remarks)]

    def arguments(self) -> list[str]:
        """The options of a command that reads the file in the same way.

        Examples
        --------
        >>> ReadingRecord(
        ...     format="text", entries=2, words=2, dimension=3,
        ...     options={"dimension": 3, "normalize": True},
        ... ).arguments()
        ['--dimension', '3', '--normalize']
        """
        words: list[str] = []
        for name, value in self.options.items():
            words.append(f"--{name.replace('_', '-')}")
            words += [] if value is True else [str(value)]
        return words


def count_of(number: int, what: str) -> str:
    """A number of things, with its plural.

    Examples
    --------
    >>> count_of(1, "word"), count_of(1200, "word")
    ('1 word', '1,200 words')
    """
    return f"{number:,} {what}{'s' * (number != 1)}"


def named(words: list[str]) -> str:
    """The first few words in quotation marks, and how many there are beside them."""
    shown = ", ".join(f"“{visible(word)}”" for word in words[:_NAMED])
    more = len(words) - _NAMED
    return f"{shown} and {more:,} more" if more > 0 else shown
