"""The grammar of text and binary files: what is found out, what is refused, what is recorded."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from dpaudit import audit
from dpaudit.errors import InputError, MemoryNeededError, SpaceError
from dpaudit.mechanisms.spaces import EmbeddingSpace
from dpaudit.mechanisms.spaces.loaders import LoadedEmbedding, ReadOptions, read_embedding
from dpaudit.mechanisms.words.metric_exponential import MetricExponential
from dpaudit.results.reading import ReadingRecord

_ROUND_TRIP = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)

PETS = b"the 1.88 -1.21 0.26\ncat -0.31 -1.06 -1.03\ndog -0.02 0.43 -0.53\nfish 0.05 0.72 0.3\n"


def read(folder: Path, content: bytes, **options: Any) -> LoadedEmbedding:
    path = folder / "space.dat"
    path.write_bytes(content)
    return read_embedding(path, options=ReadOptions(**options))


def refuse(folder: Path, content: bytes, message: str, **options: Any) -> None:
    with pytest.raises(SpaceError, match=message) as caught:
        read(folder, content, **options)
    assert "space.dat" in str(caught.value)


def reading(loaded: LoadedEmbedding) -> ReadingRecord:
    assert loaded.reading is not None
    return loaded.reading


# The rows of the table of inputs that were misread


def test_a_tab_after_the_word(tmp_path: Path) -> None:
    """Read as with a blank; the verdict on a claim is that on the vectors of the file."""
    path = tmp_path / "tab.txt"
    path.write_bytes(
        PETS.replace(b"e 1", b"e\t1").replace(b"t -", b"t\t-").replace(b"g -", b"g\t-")
    )
    space = EmbeddingSpace.load(path)
    path.write_bytes(PETS)
    assert space.words == ("the", "cat", "dog", "fish")
    assert space.content_digest == EmbeddingSpace.load(path).content_digest
    from dpaudit import MetricDP

    result = audit(MetricExponential(space, epsilon=12.0), MetricDP(6.0031))
    assert result.verdict == "violated"
    assert result.space is not None
    assert result.space.reading is not None
    assert "no header" in result.space.reading.sentences()[0]
    assert "Read as text" in str(result)


@pytest.mark.parametrize("token", [b"\x0b", b"\x00", b"\x1b[2J", b"\x7f", "\u2028".encode()])
def test_a_control_character_as_a_token(tmp_path: Path, token: bytes) -> None:
    """One control character makes no binary file."""
    content = b"3 2\nthe 0.1 0.2\n" + token + b" 0.3 0.5\ndog 0.4 0.9\n"
    loaded = read(tmp_path, content)
    assert loaded.words == ["the", token.decode(), "dog"]
    assert loaded.vectors.tolist() == [[0.1, 0.2], [0.3, 0.5], [0.4, 0.9]]
    assert reading(loaded).format == "text"


@pytest.mark.parametrize("limit", [None, 2, 3])
def test_numbered_components(tmp_path: Path, limit: int | None) -> None:
    """The format of LIBSVM is neither text nor binary, whatever its bytes look like as floats."""
    numbers = " ".join(f"{i}:{i / 10:.3f}" for i in range(1, 11))
    rows = "".join(f"{word} {numbers}\n" for word in ("cat", "the", "dog"))
    refuse(tmp_path, f"3 10\n{rows}".encode(), "line 2: '1:0.100' is not a number", limit=limit)


@pytest.mark.parametrize("header", [b"", b"3 2\n"])
def test_what_is_stripped(tmp_path: Path, header: bytes) -> None:
    """A byte order mark, blanks before and after words, aligned columns, blanks at the end."""
    content = b"\xef\xbb\xbf" + header + b"the  0.1   0.2\n  cat  0.3  -0.5 \ndog \t 0.4  0.9\t\r\n"
    loaded = read(tmp_path, content)
    assert loaded.words == ["the", "cat", "dog"]
    assert loaded.vectors.tolist() == [[0.1, 0.2], [0.3, -0.5], [0.4, 0.9]]


def test_words_that_end_in_numbers(tmp_path: Path) -> None:
    """The dimension of the header decides, or that of most rows; the result says so."""
    rows = b"iphone 4 0.1 0.2\nx nan 0.3 0.5\n- inf 0.4 0.9\n"
    loaded = read(tmp_path, b"3 2\n" + rows)
    assert loaded.words == ["iphone 4", "x nan", "- inf"]
    assert reading(loaded).decided_by == "the header"
    assert "Words that end in a number: line 2." in reading(loaded).remarks
    more = read(tmp_path, rows + b"a 1 2\nb 3 4\nc 5 6\nd 7 8\n")
    assert more.words == ["iphone 4", "x nan", "- inf", "a", "b", "c", "d"]
    assert reading(more).decided_by == "line 4"


def test_a_header_against_its_rows(tmp_path: Path) -> None:
    """More or fewer components than promised, in every row."""
    refuse(tmp_path, b"3 2\nthe 0.1\ncat 0.2\ndog 0.3\n", "line 2: found 2 fields, .* 2 components")
    content = b"3 2\nthe 0.1 7 1\ncat 0.2 8 2\ndog 0.3 9 3\n"
    refuse(tmp_path, content, "line 2: found more than the 2 components expected by the header")
    assert read(tmp_path, content, dimension=2).words == ["the 0.1", "cat 0.2", "dog 0.3"]
    refuse(tmp_path, content, "dimension is 3, but the header .* 2 components", dimension=3)


def test_a_header_too_large_for_memory(tmp_path: Path) -> None:
    """Refused before reading with the number of bytes, unless a limit makes it small."""
    content = b"90000000000 2\na 1 2\nb 3 4\na 5 6\nc 1 2\nd 3 9\ne nan\n"
    path = tmp_path / "space.dat"
    path.write_bytes(content)
    with pytest.raises(MemoryNeededError, match=r"\(1,440,000,000,000 bytes\) needs 1,440.0 GB"):
        read_embedding(path)
    loaded = read(tmp_path, content, on_duplicate="drop", limit=3)
    assert loaded.words == ["a", "b", "d"]
    assert reading(loaded).dropped == {
        "repeated words": 1,
        "words with the vector of an earlier one": 1,
    }


def test_a_first_word_like_a_zip_file(tmp_path: Path) -> None:
    assert read(tmp_path, b"PKW 0.1 0.2\nthe 0.3 0.4\n").words == ["PKW", "the"]


# Text or binary


def test_both_readings_are_valid(tmp_path: Path) -> None:
    """Four characters a number and a line end: as long as a float and word2vec's line end."""
    content = b"3 1\nthe 0.12\ncat 0.25\ndog 0.75\n"
    for limit in (None, 2):
        refuse(tmp_path, content, "text and as word2vec binary.*format='text'", limit=limit)
    assert read(tmp_path, content, format="text").vectors[:, 0].tolist() == [0.12, 0.25, 0.75]
    as_binary = read(tmp_path, content, format="binary")
    assert as_binary.vectors[0, 0] == np.frombuffer(b"0.12", "<f4")[0]


def test_fasttext_rows_end_in_blanks(tmp_path: Path) -> None:
    """The blank would make every last component 1e-19: text, although binary would be possible."""
    loaded = read(tmp_path, b"3 1\nthe 0.1 \ncat 0.2 \ndog 0.7 \n")
    assert (reading(loaded).format, loaded.vectors.tolist()) == ("text", [[0.1], [0.2], [0.7]])


@pytest.mark.parametrize("value", [1e-21, 1e21, 1e-44, float("nan"), float("-inf")])
def test_components_that_no_model_has(tmp_path: Path, value: float) -> None:
    data = struct.pack("<2f", 1.0, value)
    refuse(tmp_path, b"2 2\na " + data + b"b " + data, "entry 1: the vector of the word 'a' has")


@pytest.mark.parametrize("value", [0.0, -0.0, np.float32(1e-20), np.float32(1e20)])
def test_components_at_the_bounds(tmp_path: Path, value: float) -> None:
    data = struct.pack("<2f", 1.0, value)
    loaded = read(tmp_path, b"2 2\na " + data + b"b " + data)
    assert loaded.vectors.tolist() == [[1.0, float(value)]] * 2


def test_the_room_of_later_entries(tmp_path: Path) -> None:
    """With a limit the entries behind it need not be there, but room for them must."""
    entry = struct.pack("<2f", 1.0, 2.0)
    content = b"3 2\na " + entry + b"bcdefgh " + entry + b"i " + entry
    for cut, good in ((content[:-4], True), (content[:-12], False)):
        if good:
            assert read(tmp_path, cut, limit=2).words == ["a", "bcdefgh"]
        else:
            refuse(tmp_path, cut, "cut off: its header promises 3 words", limit=2)


# Dimension, separator, encoding, bad lines


def test_rows_that_disagree(tmp_path: Path) -> None:
    """Neither number of components is that of most rows: nothing is guessed."""
    content = b"the 0.1 0.2 0.3\ncat 0.1 0.2\n"
    refuse(tmp_path, content, "line 2 ends in 2 numbers, line 1 in 3, .*dimension")
    assert read(tmp_path, content, dimension=2).words == ["the 0.1", "cat"]
    assert reading(read(tmp_path, content, dimension=2)).decided_by == "the option dimension"


def test_a_row_that_is_cut_off(tmp_path: Path) -> None:
    """The dimension is that of most rows, and a shorter row is named, before and after the rows
    that decide."""
    rows = b"".join(b"w%d 0.1 0.2 0.3\n" % i for i in range(2000))
    refuse(tmp_path, rows + b"x 0.1 0.2\n", "line 2,001: found 3 fields, .* 3 components")
    refuse(tmp_path, b"x 0.1 0.2\n" + rows, "line 1: found 3 fields, .* 3 components")
    assert len(read(tmp_path, rows + b"x 0.1 0.2\n", limit=2000).words) == 2000


def test_the_separator_is_found_out(tmp_path: Path) -> None:
    """Tabs keep words with blanks and numbers together; empty fields are no numbers."""
    loaded = read(tmp_path, b"iphone 4\t0.1\t0.2\nthe \t 0.3\t0.4 \n")
    assert (loaded.words, reading(loaded).separator) == (["iphone 4", "the"], "tab")
    assert loaded.vectors.tolist() == [[0.1, 0.2], [0.3, 0.4]]
    refuse(tmp_path, b"a\t0.1\t0.2\nb\t\t0.3\nc\t1\t2\n", "line 2: '' is not a number")
    refuse(tmp_path, b"a 1 2\nb 3\t4\nc 5 6\n", "line 2: tabs and blanks separate its numbers")
    refuse(tmp_path, b"a\t1\t2\nb\t3 4\nc\t5\t6\n", "line 2: '3 4' is not a number")


@pytest.mark.parametrize(
    ("written", "given_as"), [(";", ";"), (",", "comma"), ("|", "|"), ("\t", "\\t"), ("::", "::")]
)
def test_other_delimiters(tmp_path: Path, written: str, given_as: str) -> None:
    content = "a b|1|-2e-1\nc|3|4\n".replace("|", written).encode()
    loaded = read(tmp_path, content, delimiter=given_as)
    assert (loaded.words, loaded.vectors.tolist()) == (["a b", "c"], [[1, -0.2], [3, 4]])
    with_header = f"2{written}2\n".encode() + content
    assert read(tmp_path, with_header, delimiter=given_as).words == ["a b", "c"]


@pytest.mark.parametrize("delimiter", ["", "1", "a.b", "e", "\n", "-", "_"])
def test_delimiters_that_are_none(delimiter: str) -> None:
    with pytest.raises(InputError, match="delimiter is"):
        ReadOptions(delimiter=delimiter)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "glove"}, "format is 'glove', but it must be auto, text"),
        ({"dimension": 0}, "dimension is 0"),
        ({"dimension": True}, "dimension is True"),
        ({"encoding": "utf-9"}, "encoding is 'utf-9'"),
        ({"encoding": "base64"}, "encoding is 'base64'"),
        ({"on_bad_line": "ignore"}, "on_bad_line is 'ignore', but it must be error or skip"),
        ({"multiword": "split"}, "multiword is 'split'"),
    ],
)
def test_options_without_such_a_value(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ReadOptions(**options)


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "utf-16-le", "utf-32", "cp1252"])
@pytest.mark.parametrize("header", ["", "2 2\n"])
def test_encodings(tmp_path: Path, encoding: str, header: str) -> None:
    content = f"{header}thé 0.1 0.2\r\nÜber 0.3 0.4\r\n".encode(encoding)
    loaded = read(tmp_path, content, encoding=encoding)
    assert (loaded.words, reading(loaded).encoding) == (["thé", "Über"], encoding)
    assert loaded.vectors.tolist() == [[0.1, 0.2], [0.3, 0.4]]
    with pytest.raises(SpaceError, match=r"not UTF-8|not an embedding file|encoding"):
        read(tmp_path, content)


def test_encoding_of_binary_words(tmp_path: Path) -> None:
    data = struct.pack("<f", 1.0)
    content = b"2 1\nth\xe9 " + data + b"\xdcber " + data
    assert read(tmp_path, content, encoding="latin-1").words == ["thé", "Über"]
    refuse(tmp_path, content, "entry 1: byte 3 of the word is not UTF-8 text")


def test_bad_lines_are_skipped_on_request_only(tmp_path: Path) -> None:
    content = b"a 1 2\nb 3\nc 4 x\n\xff 5 6\nd 7 8\ne 9 nan\nf 1 3\ng 2 4\nh 1 1\n"
    refuse(tmp_path, content, "line 2")
    loaded = read(tmp_path, content, on_bad_line="skip")
    assert loaded.words == ["a", "d", "f", "g", "h"]
    assert reading(loaded).dropped == {"bad lines": 4}
    assert "Bad lines: line 2, line 3, line 4, line 6." in reading(loaded).remarks
    assert read(tmp_path, b"9 2\n" + content, on_bad_line="skip").words == loaded.words
    refuse(tmp_path, b"a 1\nb x\nc y\nd z\n", "3 of 4 lines are bad", on_bad_line="skip")


def test_a_column_header_is_no_word(tmp_path: Path) -> None:
    """What pandas writes above its columns is refused, not taken for a vector."""
    refuse(tmp_path, b",0,1\nthe,0.1,0.2\ncat,0.3,0.4\n", "line 1: there is no word", delimiter=",")
    refuse(tmp_path, b"word,x0,x1\nthe,0.1,0.2\n", "line 1: 'x0' is not a number", delimiter=",")


@pytest.mark.parametrize("between", [",", ";", "|", ":", "\u00a0", "\u3000", "\x0b", "=", " : "])
def test_another_separator_after_the_word(tmp_path: Path, between: str) -> None:
    """Whatever it is, the first component does not become part of the word."""
    content = "".join(f"{word}{between}0.{i} -1.5\n" for i, word in enumerate("abcd")).encode()
    if between == " : ":
        content = content.replace(b" : ", b" :")
    refuse(tmp_path, content, "line 1: what stands before the numbers")
    assert read(tmp_path, content, dimension=1).vectors.tolist() == [[-1.5]] * 4


@pytest.mark.parametrize("damage", [b" ", b"x", b"\t", b"."])
def test_a_damaged_line_end(tmp_path: Path, damage: bytes) -> None:
    """Two rows that have become one are no word with blanks, whatever stands between them."""
    rows = [b"the 0.1 0.2", b"cat 0.3 0.4", b"dog 0.5 0.6", b"fish 0.7 0.8"]
    content = rows[0] + damage + b"\n".join(rows[1:]) + b"\n"
    refuse(tmp_path, content, "line 1: numbers stand within its word")
    refuse(tmp_path, b"4 2\n" + content, "cut off: its header promises 4 words, but 3 follow")
    integers = content.replace(b"0.", b"")
    if damage == b" ":
        refuse(tmp_path, integers, "line 1: numbers stand within its word")
    words = ["windows 8.1", "iphone 4 s", "a b c", "the"]
    good = "".join(f"{word} 0.5 0.{i}\n" for i, word in enumerate([*words, "x", "y"])).encode()
    assert read(tmp_path, good).words[:4] == words


def test_a_matrix_without_words(tmp_path: Path) -> None:
    refuse(tmp_path, b"0.1 0.2 0.3\n-0.4 0.5 0.6\n0.7 0.8 0.9\n", "or the file holds no words")


def test_words_that_are_numbers(tmp_path: Path) -> None:
    """Whole numbers, versions, times and some fractions are words like others."""
    words = ["1", "2", "3.5", "v1.5", "10:30", "a", "covid-19", "1,000.5", "7"]
    content = "".join(f"{word} 0.5 {i}\n" for i, word in enumerate(words)).encode()
    assert read(tmp_path, content).words == words


def test_quotation_marks_are_remarked(tmp_path: Path) -> None:
    loaded = read(tmp_path, b'"a" 1 2\n"b c" 3 4\n')
    assert loaded.words == ['"a"', '"b c"']
    assert "quotation marks" in reading(loaded).remarks[0]


def test_carriage_returns_alone(tmp_path: Path) -> None:
    refuse(tmp_path, b"a 1 2\rb 3 4\r", "carriage return inside")


def test_a_missing_line_end_is_remarked(tmp_path: Path) -> None:
    assert "no line end" in reading(read(tmp_path, b"a 1 2\nb 3 4")).remarks[0]
    assert reading(read(tmp_path, b"a 1 2\nb 3 4\n")).remarks == ()


def test_lines_without_end(tmp_path: Path) -> None:
    refuse(tmp_path, b"a 1 2\n" + b"x" * (2**24 + 2), "a line of more than 16,777,216 bytes")


# Which words


def test_only_these_words(tmp_path: Path) -> None:
    wanted = tmp_path / "words.txt"
    wanted.write_text("dog\r\n\nthe\nunicorn\n", encoding="utf-8")
    loaded = read(tmp_path, PETS, words=str(wanted))
    assert loaded.words == ["the", "dog"]
    assert reading(loaded).dropped == {"entries not among the words asked for": 2}
    assert reading(loaded).remarks == ("Words asked for that the file lacks: “unicorn”.",)
    assert reading(loaded).options == {"words": str(wanted)}
    refuse(tmp_path, PETS, "limit is 3, .* only 2 words that are kept", words=str(wanted), limit=3)
    wanted.write_bytes(b"\xff\n")
    with pytest.raises(SpaceError, match=r"words\.txt, line 1: not UTF-8"):
        read(tmp_path, PETS, words=str(wanted))


def test_words_that_are_not_one_token(tmp_path: Path) -> None:
    content = "new york 1 2\nx\u2028y 3 4\ndon’t 5 6\n, 7 8\na\0b 9 1\nzoë 1 1\n".encode()
    assert len(read(tmp_path, content).words) == 6
    loaded = read(tmp_path, content, multiword="exclude")
    assert loaded.words == ["don’t", "zoë"]
    assert reading(loaded).dropped == {"words that are not one token": 4}
    assert "\\u2028" in " ".join(reading(loaded).sentences())
    assert read(tmp_path, content, multiword="join").words == read(tmp_path, content).words


def test_normalized_vectors(tmp_path: Path) -> None:
    """The rounded floats are the vectors; parallel ones become equal; zero has no direction."""
    path = tmp_path / "space.dat"
    path.write_bytes(b"a 3 4\nb 1 0\nc 1e-200 1e-200\nd 6 8\n")
    space = EmbeddingSpace.load(path, normalize=True, on_duplicate="drop")
    assert space.words == ("a", "b", "c")
    assert space.vectors.tolist()[:2] == [[0.6, 0.8], [1.0, 0.0]]
    np.testing.assert_allclose((space.vectors**2).sum(axis=1), 1.0, rtol=1e-15)
    direct = EmbeddingSpace(
        ["a", "b", "c", "d"],
        [[3, 4], [1, 0], [1e-200, 1e-200], [6, 8]],
        normalize=True,
        on_duplicate="drop",
    )
    assert direct.content_digest == space.content_digest
    with pytest.raises(SpaceError, match="'a' and 'd' have the same vector"):
        EmbeddingSpace.load(path, normalize=True)
    refuse(tmp_path, b"a 1 2\nb 0 0\nc 1 3\n", "line 2: The vector .*'b' is 0", normalize=True)


# Round trips: exactly what was written, or a sentence

_CHARACTERS = st.characters(codec="utf-8", exclude_characters="\n\r\ufeff")
_WORDS = (
    st.one_of(
        st.text(_CHARACTERS, min_size=1, max_size=6),
        st.sampled_from(
            ["nan", "3", "1e5", "iphone 4", "x nan", "a b", ".", "PK", "2 2", "-", "\x0b"]
        ),
    )
    .map(lambda word: word.strip(" \t"))
    .filter(bool)
)
_NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-9, 9).map(float),
    st.decimals(-9, 9, places=2).map(float),
)


@st.composite
def spaces(draw: st.DrawFn) -> tuple[list[str], list[list[float]]]:
    p = draw(st.integers(1, 4))
    words = draw(st.lists(_WORDS, min_size=2, max_size=6))
    row = st.lists(_NUMBERS, min_size=p, max_size=p)
    return words, [draw(row) for _ in words]


def ends_in_number(word: str) -> bool:
    try:
        float(word.replace("\t", " ").split(" ")[-1])
    except ValueError:
        return False
    return True


def spelled(number: float, short: bool) -> str:
    return (
        repr(int(number)) if short and number == int(number) and abs(number) < 10 else repr(number)
    )


@_ROUND_TRIP
@given(
    spaces(),
    st.sampled_from([" ", "\t", "  ", " \t", ","]),
    st.sampled_from(["\n", "\r\n", " \n"]),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.sampled_from([None, 1, 2, 3]),
)
def test_text_is_read_as_written_or_refused(
    tmp_path: Path,
    space: tuple[list[str], list[list[float]]],
    separator: str,
    end: str,
    header: bool,
    mark: bool,
    short: bool,
    limit: int | None,
) -> None:
    """Odd words, separators, line ends, a byte order mark, a header: never something else."""
    words, rows = space
    first, between = (" \t"[:2], " ") if separator == " \t" else (separator, separator)
    assume(separator != "\t" or not any("\t" in word for word in words))
    if not header:  # words that end in numbers leave the dimension open unless most do not
        assume(2 * sum(map(ends_in_number, words)) < len(words))
    lines = [f"{len(words)} {len(rows[0])}"] if header else []
    lines += [
        word + first + between.join(spelled(x, short) for x in row)
        for word, row in zip(words, rows, strict=True)
    ]
    content = ("\ufeff" if mark else "") + "".join(line + end for line in lines)
    delimiter = "," if separator == "," else None
    try:
        loaded = read(tmp_path, content.encode(), limit=limit, delimiter=delimiter)
    except SpaceError:
        return
    assert loaded.words == words[:limit]
    assert loaded.vectors.tolist() == rows[:limit]


@_ROUND_TRIP
@given(spaces(), st.data())
def test_truncated_text(
    tmp_path: Path, space: tuple[list[str], list[list[float]]], data: st.DataObject
) -> None:
    """A text that is cut off: refused, or its first rows, the last number perhaps shortened."""
    words, rows = space
    assume(2 * sum(map(ends_in_number, words)) < len(words))
    header = data.draw(st.booleans())
    content = (f"{len(words)} {len(rows[0])}\n" if header else "") + "".join(
        f"{word} {' '.join(map(repr, row))}\n" for word, row in zip(words, rows, strict=True)
    )
    cut = content.encode()[: data.draw(st.integers(1, len(content.encode())))]
    try:
        loaded = read(tmp_path, cut)
    except SpaceError:
        return
    n = len(loaded.words)
    assert not header or n == len(words)
    whole = n if cut.endswith(b"\n") else n - 1
    assert loaded.words[:whole] == words[:whole]
    if whole >= 1:
        assert loaded.vectors.tolist()[:whole] == rows[:whole]
