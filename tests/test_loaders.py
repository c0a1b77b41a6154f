"""Embedding files: every format is read back exactly, every fault is an error that names it."""

import io
import struct
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from dpaudit.errors import MemoryNeededError, SpaceError
from dpaudit.mechanisms.spaces import EmbeddingSpace
from dpaudit.mechanisms.spaces.loaders import LoadedEmbedding, read_embedding

Floats = NDArray[np.float64]
Writer = Callable[[Sequence[str], Floats], bytes]

PETS = ["cat", "dog", "fish"]
PET_VECTORS = np.array([[0.5, -1.0], [2.0, 1e-3], [0.25, 4.0]], dtype=np.float32).astype(float)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("embeddings")


def text(words: Sequence[str], vectors: Floats, end: str = "\n", header: bool = False) -> bytes:
    """GloVe text, or with a header line that of word2vec; every float to the last digit."""
    lines = [f"{len(words)} {vectors.shape[1]}"] if header else []
    for word, row in zip(words, vectors.tolist(), strict=True):
        lines.append(" ".join([word, *map(repr, row)]))
    return "".join(line + end for line in lines).encode("utf-8")


def text_with_header(words: Sequence[str], vectors: Floats) -> bytes:
    """word2vec text."""
    return text(words, vectors, header=True)


def text_of_windows(words: Sequence[str], vectors: Floats) -> bytes:
    """word2vec text with carriage returns."""
    return text(words, vectors, "\r\n", header=True)


def fasttext(words: Sequence[str], vectors: Floats) -> bytes:
    """The .vec files of fastText: a header, and a space at the end of every line."""
    return text(words, vectors, " \n", header=True)


def binary(words: Sequence[str], vectors: Floats, end: bytes = b"") -> bytes:
    """word2vec binary as gensim writes it: nothing between two entries."""
    parts = [f"{len(words)} {vectors.shape[1]}\n".encode()]
    for word, row in zip(words, vectors.tolist(), strict=True):
        parts.append(word.encode("utf-8") + b" " + struct.pack(f"<{len(row)}f", *row) + end)
    return b"".join(parts)


def binary_of_word2vec(words: Sequence[str], vectors: Floats) -> bytes:
    """word2vec binary as the original program writes it: a newline after every entry."""
    return binary(words, vectors, b"\n")


def archive(words: Sequence[str], vectors: Floats) -> bytes:
    """NumPy .npz."""
    stream = io.BytesIO()
    np.savez(stream, words=np.array(words), vectors=vectors)
    return stream.getvalue()


WRITERS: list[Writer] = [
    text,
    text_with_header,
    text_of_windows,
    fasttext,
    binary,
    binary_of_word2vec,
    archive,
]
TEXT_WRITERS = [text_with_header, text_of_windows, fasttext]


def read(folder: Path, content: bytes, limit: int | None = None) -> LoadedEmbedding:
    """What `read_embedding` makes of a file with this content, under a name that tells nothing."""
    path = folder / "space.dat"
    path.write_bytes(content)
    return read_embedding(path, limit)


def refuse(folder: Path, content: bytes, message: str, limit: int | None = None) -> None:
    """Hold that a file is refused with the file's name and a message that matches."""
    with pytest.raises(SpaceError, match=message) as caught:
        read(folder, content, limit)
    assert "space.dat" in str(caught.value)


def raw_archive(**members: bytes) -> bytes:
    """A zip file with these members as they are."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for name, content in members.items():
            file.writestr(name.replace("_npy", ".npy"), content)
    return stream.getvalue()


def npy(array: Any, **options: Any) -> bytes:
    """An array in NumPy's file format."""
    stream = io.BytesIO()
    np.save(stream, np.asarray(array), **options)
    return stream.getvalue()


def npy_header(kind: str, shape: tuple[int, ...]) -> bytes:
    """The header of an array in NumPy's file format, without the numbers that it promises."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        stream, {"descr": kind, "fortran_order": False, "shape": shape}
    )
    return stream.getvalue()


# Formats


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("limit", [None, 1, 2, 3])
def test_formats(folder: Path, write: Writer, limit: int | None) -> None:
    """Words and numbers of every format, all of them or the first few."""
    loaded = read(folder, write(PETS, PET_VECTORS), limit)
    assert loaded.words == PETS[:limit]
    np.testing.assert_array_equal(loaded.vectors, PET_VECTORS[:limit])
    assert loaded.vectors.dtype == np.float64


@pytest.mark.parametrize("write", WRITERS)
def test_spaces_from_files(folder: Path, write: Writer) -> None:
    """`EmbeddingSpace.load` takes the path as text or as Path and keeps it as the source."""
    path = folder / "pets"
    path.write_bytes(write(PETS, PET_VECTORS))
    space = EmbeddingSpace.load(str(path), metric="manhattan", limit=2)
    assert (space.words, space.source, space.metric) == (("cat", "dog"), str(path), "manhattan")
    assert (
        EmbeddingSpace.load(path).content_digest == EmbeddingSpace(PETS, PET_VECTORS).content_digest
    )


@pytest.mark.parametrize("write", WRITERS)
def test_duplicates_in_files(folder: Path, write: Writer) -> None:
    """Refused, or dropped; then the limit counts the words that are left."""
    path = folder / "twice"
    path.write_bytes(write(["a", "b", "a", "c"], np.array([[1.0], [2.0], [3.0], [4.0]])))
    with pytest.raises(SpaceError, match="'a' appears twice"):
        EmbeddingSpace.load(path)
    assert EmbeddingSpace.load(path, limit=2).words == ("a", "b")
    assert EmbeddingSpace.load(path, limit=3, on_duplicate="drop").words == ("a", "b", "c")
    with pytest.raises(SpaceError, match=r"limit is 4, but .*twice has only 3 words"):
        EmbeddingSpace.load(path, limit=4, on_duplicate="drop")


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("limit", [-5, -1, 0, 1])
def test_limits_below_two(folder: Path, write: Writer, limit: int) -> None:
    """Refused for every format, duplicates dropped or not."""
    path = folder / "pets"
    path.write_bytes(write(PETS, PET_VECTORS))
    with pytest.raises(SpaceError, match=f"limit is {limit}, .* at least 2"):
        EmbeddingSpace.load(path, limit=limit)
    with pytest.raises(SpaceError, match=f"limit is {limit}, .* at least 2"):
        EmbeddingSpace.load(path, limit=limit, on_duplicate="drop")


@pytest.mark.parametrize("write", WRITERS)
def test_limit_beyond_the_file(folder: Path, write: Writer) -> None:
    """The error says how many words there are."""
    refuse(folder, write(PETS, PET_VECTORS), r"limit is 4, .* only 3 words", limit=4)


def test_words_with_spaces_of_glove(folder: Path) -> None:
    """GloVe 840B has words such as ". . ." and "at name@domain.com": split from the right."""
    words = ["the", ". . .", "at name@domain.com", "a", "b", "• name@domain.com", ". ."]
    vectors = np.arange(21.0).reshape(7, 3) / 7
    for content in (text(words, vectors), text(words, vectors, header=True)):
        loaded = read(folder, content)
        assert loaded.words == words
        np.testing.assert_array_equal(loaded.vectors, vectors)


def test_words_of_other_scripts(folder: Path) -> None:
    """Only the ASCII space separates; other spaces and line marks of Unicode belong to words."""
    words = ["東京", "a\u00a0b", "\u3000", "x\u2028y", "\x85", "naïve", "🙂", "\u00a0"]
    vectors = np.arange(16.0).reshape(8, 2)
    for write in WRITERS:
        loaded = read(folder, write(words, vectors))
        assert loaded.words == words
        np.testing.assert_array_equal(loaded.vectors, vectors)


def test_words_that_look_like_numbers(folder: Path) -> None:
    """ "nan", "3" and "1_0" are words as good as any in their place."""
    words = ["nan", "3", "1_0", "inf", "-1.5", "1e5"]
    vectors = np.arange(12.0).reshape(6, 2)
    for write in WRITERS:
        assert read(folder, write(words, vectors)).words == words


def test_numbers_of_all_forms(folder: Path) -> None:
    """Integers, signs, exponents and superfluous digits."""
    loaded = read(folder, b"a 1 -2 +3\nb 1e-5 2.5E+3 .5\nc -0 5. 0.1000000000000000055511151231\n")
    expected = [[1, -2, 3], [1e-5, 2500, 0.5], [0, 5, 0.1]]
    assert loaded.vectors.tolist() == expected


@pytest.mark.parametrize("content", [b"3 5\n4 6\n5 7\n7 9\n", b"3 5\r\n4 6\r\n", b"3 5\n4 6"])
def test_one_component_looks_like_a_header(folder: Path, content: bytes) -> None:
    """ "3 5" is a word and its number when all lines are like it."""
    loaded = read(folder, content)
    pairs = [line.split() for line in content.decode().splitlines()]
    assert loaded.words == [word for word, _ in pairs]
    assert loaded.vectors[:, 0].tolist() == [float(number) for _, number in pairs]


def test_blank_lines_do_not_count(folder: Path) -> None:
    """Empty lines at the end or in between hold no word."""
    assert read(folder, b"a 1 2\n\nb 3 4\n  \n\r\n").words == ["a", "b"]
    assert read(folder, b"2 2\na 1 2\n\nb 3 4\n\n").words == ["a", "b"]


def test_no_line_end_at_the_end(folder: Path) -> None:
    """The last line may lack its end."""
    for write in (text, text_with_header):
        content = write(PETS, PET_VECTORS)
        assert read(folder, content.rstrip(b"\n")).words == PETS


def test_a_long_dimension_is_found(folder: Path) -> None:
    """The commonest number of fields decides, even if the first line has a space in its word."""
    words = ["a b c", *(f"w{i}" for i in range(5))]
    vectors = np.random.default_rng(1).standard_normal((6, 300))
    loaded = read(folder, text(words, vectors))
    assert loaded.words == words
    np.testing.assert_array_equal(loaded.vectors, vectors)


@pytest.mark.parametrize("as_binary", [True, False])
def test_files_of_gensim(folder: Path, as_binary: bool) -> None:
    """What gensim writes is read, and what is written here gensim reads."""
    models = pytest.importorskip("gensim.models", reason="gensim is not installed")
    words = ["cat", "naïve", "東京"]
    vectors = np.random.default_rng(2).standard_normal((3, 20)).astype(np.float32)
    keyed = models.KeyedVectors(vector_size=20)
    keyed.add_vectors(words, vectors)
    path = folder / "gensim.dat"
    keyed.save_word2vec_format(str(path), binary=as_binary)
    loaded = read_embedding(path)
    assert loaded.words == keyed.index_to_key
    np.testing.assert_array_equal(loaded.vectors.astype(np.float32), keyed.vectors)
    path.write_bytes((binary if as_binary else text_with_header)(words, vectors.astype(float)))
    again = models.KeyedVectors.load_word2vec_format(str(path), binary=as_binary)
    assert again.index_to_key == words
    np.testing.assert_array_equal(again.vectors, vectors)


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.float16, np.int8, np.uint64, ">f8"])
def test_archives_of_other_types(folder: Path, kind: Any) -> None:
    """Numbers of every real type, compressed or not, with further arrays beside them."""
    vectors = np.array([[0, 1], [2, 3]]).astype(kind)
    stream = io.BytesIO()
    np.savez_compressed(
        stream, licence=np.array("MIT"), vectors=vectors, words=np.array(["a", "b"])
    )
    loaded = read(folder, stream.getvalue())
    assert loaded.words == ["a", "b"]
    assert loaded.vectors.tolist() == [[0, 1], [2, 3]]
    assert loaded.vectors.dtype == np.dtype("=f8")


# Round trips

_LETTERS = st.characters(codec="utf-8", categories=["L", "N", "P", "S", "M", "Zs"])
_WORDS = st.text(_LETTERS.filter(lambda c: c != " "), min_size=1, max_size=8)
_SPACED = st.text(_LETTERS, min_size=1, max_size=8)
_DOUBLES = st.floats(allow_nan=False, allow_infinity=False)
#: Sizes of components that a word2vec binary file may have (docs/spaces.md), or 0.
_SINGLES = st.floats(float(np.float32(1e-20)), float(np.float32(1e20)), width=32).flatmap(
    lambda size: st.sampled_from([size, -size, 0.0])
)
_ROUND_TRIP = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def entries(
    draw: st.DrawFn,
    words: st.SearchStrategy[str],
    numbers: st.SearchStrategy[float],
) -> tuple[list[str], Floats]:
    """Words and vectors of one length."""
    found = draw(st.lists(words, min_size=1, max_size=6))
    dimension = draw(st.integers(1, 5))
    row = st.lists(numbers, min_size=dimension, max_size=dimension)
    return found, np.array([draw(row) for _ in found])


def same(loaded: LoadedEmbedding, words: Sequence[str], vectors: Floats) -> None:
    """Hold that words and bits of all numbers are the same."""
    assert loaded.words == list(words)
    assert loaded.vectors.tobytes() == vectors.tobytes()


@_ROUND_TRIP
@given(entries(_WORDS, _DOUBLES), st.sampled_from(["\n", "\r\n", " \n", "  \r\n"]))
def test_round_trip_of_text(folder: Path, pairs: tuple[list[str], Floats], end: str) -> None:
    """Text without a header: words without ASCII spaces, any numbers."""
    same(read(folder, text(*pairs, end)), *pairs)


@_ROUND_TRIP
@given(entries(_SPACED, _DOUBLES), st.sampled_from(TEXT_WRITERS))
def test_round_trip_of_text_with_header(
    folder: Path, pairs: tuple[list[str], Floats], write: Writer
) -> None:
    """The header tells the dimension: words with spaces, but none that ends with a number."""
    words, vectors = pairs
    assume(not any(_ends_with_number(word) for word in words))
    same(read(folder, write(words, vectors)), words, vectors)


def _ends_with_number(word: str) -> bool:
    try:
        float(word.split(" ")[-1])
    except ValueError:
        return False
    return " " in word


@_ROUND_TRIP
@given(entries(_WORDS, _SINGLES), st.booleans())
def test_round_trip_of_binary(folder: Path, pairs: tuple[list[str], Floats], newline: bool) -> None:
    """word2vec binary: single precision; told from text by a zero byte in the first vector."""
    words, vectors = pairs
    vectors[0, 0] = 1.0
    same(read(folder, binary(words, vectors, b"\n" if newline else b"")), words, vectors)


@_ROUND_TRIP
@given(entries(_SPACED, _DOUBLES))
def test_round_trip_of_archives(folder: Path, pairs: tuple[list[str], Floats]) -> None:
    """.npz: words with any spaces, any numbers."""
    same(read(folder, archive(*pairs)), *pairs)


def test_binary_without_control_characters(folder: Path) -> None:
    """A small binary file may by chance consist of printable bytes only; it is still binary."""
    numbers = np.frombuffer(b"ABCDABCEXYZ!ZYX!", "<f4").astype(float).reshape(2, 2)
    for write in (binary, binary_of_word2vec):
        same(read(folder, write(["one", "two"], numbers)), ["one", "two"], numbers)


# Faults


def test_files_that_cannot_be_opened(folder: Path) -> None:
    """Missing, a folder, no permission, an impossible name: the name is in the error."""
    with pytest.raises(SpaceError, match=r"nowhere\.txt cannot be read: No such file"):
        EmbeddingSpace.load(folder / "nowhere.txt")
    with pytest.raises(SpaceError, match=r"embeddings\d* cannot be read: Is a directory"):
        EmbeddingSpace.load(folder)
    with pytest.raises(SpaceError, match="cannot be read"):
        EmbeddingSpace.load("n" * 5000)


def test_impossible_path() -> None:
    """A zero byte in a path is bad input like any other."""
    with pytest.raises(SpaceError):
        EmbeddingSpace.load("a\0b")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n\n", "not an embedding file"),
        (b"word\nother\n", "not an embedding file"),
        (b"a 1 2\nb 3 4\nc 5\n", "line 3: found 2 fields, but a word and 2 components"),
        (b"a 1 2\n\nb 3 4\nc 5\n", "line 4: found 2 fields"),
        (b"a 1 2\nb 3 4\nc\n", "line 3: found 1 fields"),
        (b"a 1 2\nb 3 4\n 5 6\n", "line 3: "),
        (b"2 2\na 1 2 3\nb 3 4 5\n", "line 2: found more than the 2 components"),
        (b"2 2\na 1 2\nb 3\n", "line 3: found 2 fields"),
        (b"a 1 2\nb 3 x\nc 5 6\n", "line 2: 'x' is not a number"),
        (b"a 1 2\nb  3 4\nc y 6\n", "line 3: 'y' is not a number"),
        (b"a 1 2\nb 3 1_0\nc 5 6\n", "line 2: '1_0' is not a number"),
        (b"a_b 1 2\nb 1_0 3\nc 5 6\n", "line 2: '1_0' is not a number"),
        (b"a 1 2\nb 3 0x10\n", "line 2: '0x10' is not a number"),
        (b"a 1 2\nb 3 1,5\n", "line 2: '1,5' is not a number"),
        (b"a 1 2\nb 3 nan\nc 5 6\n", r"line 2: the vector of 'b' .* not finite"),
        (b"a 1 2\nb -inf 3\nc 5 6\n", r"line 2: the vector of 'b' .* not finite"),
        (b"a 1 2\nb 3 1e999\nc 5 6\n", r"line 2: the vector of 'b' .* not finite"),
        (b"a 1 2\nb 3 4\n\xff\xfe 5 6\n", "line 3: byte 1 is not UTF-8"),
        (b"a 1 2\nb\xc3( 3 4\n", "line 2: byte 2 is not UTF-8"),
        ("a 1 2\nb 3 4\n".encode("utf-16"), "not UTF-8"),
        (b"3 2\na 1 2\nb 3 4\n", r"cut off: .* promises 3 words, but 2 follow"),
        (b"3 2\na 1 2\nb 3 4\nc 5", "line 4: found 2 fields"),
        (b"3 2\n", "cut off"),
        (b"1 2\na 1 2\nb 3 4\n", "line 3: the header promises only 1 words"),
    ],
)
def test_faults_of_text(folder: Path, content: bytes, message: str) -> None:
    """The error names the file, the line and the fault."""
    refuse(folder, content, message)


def test_the_limit_spares_later_lines(folder: Path) -> None:
    """Faults behind the limit are not looked for; faults before it are found."""
    content = b"a 1 2\nb 3 4\nc 5\nd nan 7\n"
    assert read(folder, content, 2).words == ["a", "b"]
    refuse(folder, content, "line 3", limit=3)


def test_faults_of_binary(folder: Path) -> None:
    """Cut off in the word, in the vector, without a single entry; not UTF-8; endless word."""
    content = binary_of_word2vec(PETS, PET_VECTORS)
    for length in range(len(b"3 2\n") + 20, len(content) - 1):
        refuse(folder, content[:length], "cut off")
    assert read(folder, content[:-1]).words == PETS
    longer = b"3 2\n" + b"cat " + b"\0" * 8 + b"x" * 40 + b" " + b"\0" * 3
    refuse(folder, longer, "entry 2: the file is cut off inside the vector")
    refuse(folder, b"2 1\na \0\0\0\0bbbbbbbbbb", "entry 2: no word found")
    refuse(folder, b"9999999 2\n" + content[4:], "its header promises 9,999,999 words")
    refuse(folder, b"1 1\n" + b"a" * 5000 + b" \0\0\0\0", "entry 1: no word found")
    refuse(
        folder, binary(PETS, PET_VECTORS).replace(b"dog", b"d\xffg"), r"entry 2: byte 2 .* UTF-8"
    )
    assert read(folder, content[:-4], 2).words == PETS[:2]


@pytest.mark.parametrize("write", [binary, archive])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_not_finite(folder: Path, write: Writer, value: float) -> None:
    """Formats that can hold them are read, and the space refuses them by the word's name."""
    path = folder / "nan.dat"
    path.write_bytes(write(PETS, np.where(PET_VECTORS == 4.0, value, PET_VECTORS)))
    with pytest.raises(SpaceError, match=f"'fish' has the component {value}"):
        EmbeddingSpace.load(path)


@pytest.mark.parametrize(
    ("words", "dimension"),
    [(10**12, 300), (10**18, 10**18), (2, 10**15), (10**30, 1), (10**48, 10**48)],
)
@pytest.mark.parametrize("rest", [b"a 1 2\nb 3 4\n", b"a \0\0\0\0\0\0\0\0", b""])
def test_absurd_headers(folder: Path, words: int, dimension: int, rest: bytes) -> None:
    """A header of a few bytes cannot make the reader allocate what it promises."""
    content = f"{words} {dimension}\n".encode() + rest
    for limit in (None, 2):
        with pytest.raises((SpaceError, MemoryNeededError)):
            read(folder, content, limit)


_TWO_WORDS = npy(np.array(["a", "b"]))
_TWO_ROWS = npy(np.eye(2))


def with_words(member: bytes) -> bytes:
    """An archive with these words and two good vectors."""
    return raw_archive(words_npy=member, vectors_npy=_TWO_ROWS)


def with_vectors(member: bytes) -> bytes:
    """An archive with these vectors and two good words."""
    return raw_archive(words_npy=_TWO_WORDS, vectors_npy=member)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (raw_archive(vectors_npy=_TWO_ROWS), "has no array 'words"),
        (raw_archive(words_npy=_TWO_WORDS), "has no array 'vectors"),
        (raw_archive(), "has no array 'words"),
        (with_words(npy(np.array(["a", 2], dtype=object))), "pickle"),
        (with_vectors(npy(np.array([[1, None]]))), "pickle"),
        (with_words(npy(np.array([b"a", b"b"]))), "words has type"),
        (with_words(npy([1, 2])), "words has type int64"),
        (with_words(npy([["a", "b"]])), "words has"),
        (with_words(npy("a")), "words has"),
        (with_vectors(npy([1.0, 2.0])), r"shape \(2,\)"),
        (with_vectors(npy(np.eye(3))), r"shape \(3, 3\).*2 words"),
        (with_vectors(npy(np.eye(2) * 1j)), "type complex128"),
        (with_vectors(npy([["1"], ["2"]])), "type <U1"),
        (with_vectors(_TWO_ROWS[:-3]), "not a readable"),
        (with_words(b""), "not a readable|words"),
        (with_words(b"hello"), "not a readable|words"),
        (with_vectors(b"hello"), "not a readable|vectors"),
        (raw_archive(words=b"hello", vectors=b"world"), "not a readable|words"),
        (b"PK", "not a readable"),
        (b"PK\x03\x04" + b"\0" * 100, "not a readable"),
        (archive(PETS, PET_VECTORS)[:-10], "not a readable"),
        (archive(PETS, PET_VECTORS)[:100], "not a readable"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.filterwarnings(r"ignore:.*NumPy.*:UserWarning")
def test_faults_of_archives(folder: Path, content: bytes, message: str) -> None:
    """Missing arrays, pickles, wrong shapes and types, cut off: refused, with the array's name."""
    refuse(folder, content, message)


def test_the_message_names_the_missing_array(folder: Path) -> None:
    """Just the name, not NumPy's own message in its place."""
    refuse(folder, raw_archive(vectors_npy=_TWO_ROWS), "has no array 'words';")


@pytest.mark.parametrize(
    ("kind", "shape"),
    [("<U5", (10**12,)), ("<U5", (10**30,)), ("<U1000000000", (3,)), ("<U5", (-1,))],
)
def test_absurd_archives(folder: Path, kind: str, shape: tuple[int, ...]) -> None:
    """The header of an array cannot make the reader allocate what it promises."""
    content = raw_archive(words_npy=npy_header(kind, shape), vectors_npy=_TWO_ROWS)
    with pytest.raises((SpaceError, MemoryNeededError)):
        read(folder, content)
    content = raw_archive(words_npy=_TWO_WORDS, vectors_npy=npy_header("<f8", (*shape, 5)))
    with pytest.raises((SpaceError, MemoryNeededError)):
        read(folder, content)


def test_pickles_are_not_run(folder: Path) -> None:
    """Neither a pickle by itself nor one in an archive is ever loaded."""
    payload = b"cbuiltins\nexit\n(I3\ntR."
    refuse(folder, payload, "not an embedding file|not UTF-8|fields")
    header = npy_header("|O", (2,))
    refuse(folder, with_words(header + payload), "pickle")


def load_or_refuse(folder: Path, content: bytes) -> None:
    """Hold that a file is read, or refused with an error of the house."""
    path = folder / "junk.dat"
    path.write_bytes(content)
    try:
        space = EmbeddingSpace.load(path)
    except SpaceError:
        return
    except MemoryNeededError:
        assert content[:1].isdigit()
    else:
        assert len(space) >= 2


_HEADERS = st.sampled_from(
    [b"", b"2 1\n", b"2 2\r\n", b"3 300\n", b"PK\x03\x04", b"PK", b"1000 9\n"]
)


@settings(deadline=None, max_examples=300)
@given(_HEADERS, st.binary(max_size=200) | st.text(max_size=60).map(str.encode))
def test_junk_is_refused(folder: Path, header: bytes, junk: bytes) -> None:
    """Arbitrary bytes, with or without a plausible start."""
    load_or_refuse(folder, header + junk)


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """A file with a few bytes changed, cut out or put in."""
    data = bytearray(content)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(data) - 1))
        removed = draw(st.integers(0, 2))
        data[place : place + removed] = draw(st.binary(max_size=2))
        if not data:
            break
    return bytes(data)


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(WRITERS).flatmap(lambda write: damaged(write(PETS, PET_VECTORS))))
def test_damaged_files_are_refused(folder: Path, content: bytes) -> None:
    """A valid file of each format with a few bytes changed."""
    load_or_refuse(folder, content)


@settings(deadline=None, max_examples=500)
@given(damaged(_TWO_WORDS), st.booleans())
@example(_TWO_WORDS.replace(b"descr", b"(escr"), False)
@example(_TWO_WORDS[:-8] + struct.pack("<2I", 97, 0x110000), False)
@example(_TWO_WORDS.replace(b"}", b" "), False)
@pytest.mark.filterwarnings(r"ignore:.*NumPy.*:UserWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_damaged_arrays_are_refused(folder: Path, array: bytes, swap: bool) -> None:
    """An archive that is sound as a zip file but holds a damaged array."""
    if swap:
        load_or_refuse(folder, with_vectors(array))
    load_or_refuse(folder, with_words(array))


def test_encrypted_and_oddly_compressed_archives(folder: Path) -> None:
    """Features of zip files that Python does not read are faults of the file."""
    content = bytearray(raw_archive(words_npy=_TWO_WORDS, vectors_npy=_TWO_ROWS))
    central = content.index(b"PK\x01\x02")
    for local, place, value in ((6, 8, 1), (8, 10, 99)):  # the flags; the compression method
        changed = content.copy()
        changed[local], changed[central + place] = value, value
        refuse(folder, bytes(changed), "not a readable")
