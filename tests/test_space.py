"""Embedding spaces: what is refused, what is kept, neighbours, digest, the built-in space."""

import hashlib
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import METRICS, builtin, make_space

import dpaudit.mechanisms.spaces.space as space_module
from dpaudit.errors import InputError, SpaceError, UnknownWordError
from dpaudit.mechanisms.spaces import EmbeddingSpace

DATA = Path(space_module.__file__).parent / "data"
TRIANGLE = [[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]]


@pytest.mark.parametrize(
    ("words", "vectors", "message"),
    [
        ([], np.empty((0, 2)), "0 words, .* at least 2"),
        (["a"], [[1.0]], "1 word, .* at least 2"),
        (["a", "b", "a"], TRIANGLE, "'a' appears twice.*on_duplicate='drop'"),
        (["a", "b", "c"], [[1, 2], [1, 2], [0, 0]], "'a' and 'b' have the same vector.*drop"),
        (["a", "b", "c"], [[0, 0], [1, 2], [1, 2]], "'b' and 'c' have the same vector"),
        (["a", "b", "c"], [[0, 1], [2, 2], [-0.0, 1]], "'a' and 'c' have the same vector"),
        (["a", "b"], [[0.0, 1.0], [np.nan, 0.0]], "'b' has the component nan .number 1"),
        (["a", "b"], [[0.0, np.inf], [1.0, 0.0]], "'a' has the component inf .number 2"),
        (["a", "b"], [[0.0, 0.0], [1.0, -np.inf]], "'b' has the component -inf .number 2"),
        (["a", "b"], [[0.0, 0.0], [1.0, -2e140]], r"'b' has the component -2e\+140"),
        (["a", "b"], [[0.0], [1.0], [2.0]], r"shape \(3, 1\), but 2 words need 2 rows"),
        (["a", "b"], [0.0, 1.0], r"shape \(2,\)"),
        (["a", "b"], [[[0.0]], [[1.0]]], r"shape \(2, 1, 1\)"),
        (["a", "b"], np.empty((2, 0)), r"shape \(2, 0\)"),
        (["a", "b"], [[0.0, 1.0], [2.0]], "rows of equal length"),
        (["a", "b"], [["x"], ["y"]], "not a table of numbers"),
        (["a", "b"], [[0.0], [1j]], "not a table of numbers"),
        (["a", "b"], None, "shape|not a table"),
        (["a", "b\nc"], [[0.0], [1.0]], r"Word number 2 is 'b\\nc'"),
        (["a\rb", "c"], [[0.0], [1.0]], "Word number 1 .* line breaks"),
        (["a", ""], [[0.0], [1.0]], "Word number 2 is '', .* nonempty"),
        (["a", 2], [[0.0], [1.0]], "Word number 2 is 2"),
        (["a", b"b"], [[0.0], [1.0]], "Word number 2 is b'b'"),
        (["a", "\ud800"], [[0.0], [1.0]], "Word number 2"),
    ],
)
def test_unusable_words_and_vectors(words: Any, vectors: Any, message: str) -> None:
    """Each fault is refused with the word or the number that is at fault."""
    with pytest.raises(SpaceError, match=message):
        EmbeddingSpace(words, vectors)


@pytest.mark.parametrize("vectors", [np.array([[0.0], [1j]]), [[0], [10**400]]], ids=["1j", "big"])
def test_numbers_that_no_float_holds(vectors: Any) -> None:
    """Imaginary parts are not dropped, and large integers raise no OverflowError."""
    with pytest.raises(SpaceError):
        EmbeddingSpace(["a", "b"], vectors)


@pytest.mark.parametrize("metric", ["cosine", "", "Euclidean", None, 2])
def test_unknown_metric(metric: Any) -> None:
    """The error names the metrics that exist; so does the one of `with_metric`."""
    names = "euclidean, manhattan, chebyshev"
    with pytest.raises(InputError, match=f"metric is {metric!r}.*{names}"):
        EmbeddingSpace(["a", "b"], [[0.0], [1.0]], metric)
    with pytest.raises(InputError, match=f"metric is {metric!r}.*{names}"):
        make_space("pair").with_metric(metric)


def test_unknown_rule_for_duplicates() -> None:
    """Only error and drop exist."""
    with pytest.raises(InputError, match=r"on_duplicate is 'keep'.*error or drop"):
        EmbeddingSpace(["a", "b"], [[0.0], [1.0]], on_duplicate="keep")  # type: ignore[arg-type]


def test_dropping_duplicates_keeps_the_first() -> None:
    """Repeated words and repeated vectors go; order, words and vectors of the others stay."""
    words = ["a", "b", "a", "c", "d", "e", "c"]
    vectors = [[0, 0], [1, 0], [5, 5], [0, -0.0], [1, 1], [1, 1], [7, 7]]
    space = EmbeddingSpace(words, vectors, on_duplicate="drop")
    # The first c goes for its vector, so that the second c is the first one kept.
    assert space.words == ("a", "b", "d", "c")
    assert space.vectors.tolist() == [[0, 0], [1, 0], [1, 1], [7, 7]]
    with pytest.raises(SpaceError, match=r"1 word, .* at least 2"):
        EmbeddingSpace(["a", "a", "b"], [[0], [1], [0]], on_duplicate="drop")


@given(st.lists(st.tuples(st.sampled_from("abcdefg"), st.integers(-3, 3)), min_size=2, max_size=20))
def test_dropping_against_a_plain_loop(pairs: list[tuple[str, int]]) -> None:
    """An entry stays when neither its word nor its vector has been kept before."""
    kept: list[tuple[str, int]] = []
    for word, number in pairs:
        if all(word != other and number != value for other, value in kept):
            kept.append((word, number))
    words, vectors = [word for word, _ in pairs], [[float(number)] for _, number in pairs]
    if len(kept) < 2:
        with pytest.raises(SpaceError, match="1 word"):
            EmbeddingSpace(words, vectors, on_duplicate="drop")
    else:
        space = EmbeddingSpace(words, vectors, on_duplicate="drop")
        assert list(zip(space.words, space.vectors[:, 0], strict=True)) == kept
    if kept != pairs:
        with pytest.raises(SpaceError, match=r"appears twice|same vector"):
            EmbeddingSpace(words, vectors)


def test_vectors_whose_hashes_collide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hash only finds candidates: vectors are the same where their numbers are."""
    monkeypatch.setattr("dpaudit.mechanisms.spaces.duplicates.Seen._key", lambda self, row: 0)
    vectors = [[0.0, 1.0], [1.0, 0.0], [-0.0, 1.0], [2.0, 0.0]]
    space = EmbeddingSpace(["a", "b", "c", "d"], vectors, on_duplicate="drop")
    assert space.words == ("a", "b", "d")
    space = EmbeddingSpace(["a", "b", "c", "d"], vectors, "angular", on_duplicate="drop")
    assert space.words == ("a", "b")


def test_words_are_data() -> None:
    """Markup, spaces, other scripts and control characters within words are kept as they are."""
    words = ["<script>", "a b", "\u00a0", "東京", "e\u0301", "é", "tab\t", "\x00", "🙂"]
    space = EmbeddingSpace(words, np.arange(9.0)[:, None])
    assert space.words == tuple(words)
    assert [space.index(word) for word in words] == list(range(9))


def test_a_space_does_not_change() -> None:
    """The vectors are a read-only copy, and no attribute can be set."""
    given_vectors = np.array(TRIANGLE)
    space = EmbeddingSpace(["a", "b", "c"], given_vectors)
    given_vectors[0, 0] = 99.0
    assert space.vectors.tolist() == TRIANGLE
    assert space.vectors.dtype == np.float64
    with pytest.raises(ValueError, match="read-only"):
        space.vectors[0, 0] = 1.0
    for name in ("words", "vectors", "metric", "source"):
        with pytest.raises(AttributeError):
            setattr(space, name, None)
    for derived in (space.distance_matrix, space.order):
        with pytest.raises(ValueError, match="read-only"):
            derived[0, 0] = 1


def test_size_dimension_and_repr() -> None:
    """A space tells what it is."""
    space = EmbeddingSpace(["a", "b", "c"], TRIANGLE, "manhattan", source="here")
    assert (len(space), space.dimension) == (3, 2)
    assert repr(space) == "EmbeddingSpace('here', words=3, dimension=2, metric='manhattan')"


@pytest.mark.parametrize("kind", [np.float32, np.int64, ">f8", bool])
def test_other_types_of_numbers(kind: Any) -> None:
    """Vectors of every real type become the same float64 values."""
    vectors = np.array([[0, 1], [1, 1], [1, 0]]).astype(kind)
    space = EmbeddingSpace(["a", "b", "c"], np.asfortranarray(vectors))
    assert space.vectors.dtype == np.dtype("=f8")
    assert space.vectors.tolist() == vectors.tolist()
    assert space.vectors.flags.c_contiguous


def test_digest_is_that_of_the_specification() -> None:
    """SHA-256 of "n p", the UTF-8 words, line by line, and the little-endian float64 vectors."""
    words = ["ä", "b c", "東京"]
    vectors = [[0.1, -2.0], [1e-300, 3.0], [0.0, 1e100]]
    data = "3 2\nä\nb c\n東京\n".encode()
    for row in vectors:
        data += struct.pack("<2d", *row)
    space = EmbeddingSpace(words, vectors)
    assert space.content_digest == hashlib.sha256(data).hexdigest()
    assert (
        EmbeddingSpace(words, np.array(vectors, dtype=">f8")).content_digest == space.content_digest
    )
    assert (
        EmbeddingSpace(words, vectors, "manhattan", source="else").content_digest
        == space.content_digest
    )


@pytest.mark.parametrize("change", ["word", "component", "order"])
def test_digest_depends_on_everything(change: str) -> None:
    """One letter, one bit of one component or the order of words changes the digest."""
    words, vectors = ["a", "b", "c"], np.array(TRIANGLE)
    before = EmbeddingSpace(words, vectors).content_digest
    if change == "word":
        words[2] = "d"
    elif change == "component":
        vectors[1, 1] = np.nextafter(4.0, 5.0)
    else:
        words, vectors = words[::-1], vectors[::-1]
    assert EmbeddingSpace(words, vectors).content_digest != before


def test_positions_of_words() -> None:
    """Words and positions are both understood, NumPy integers too."""
    space = EmbeddingSpace(["a", "b", "c"], TRIANGLE)
    assert [space.index(word) for word in ("a", "b", "c", 0, 2, np.int64(1))] == [0, 1, 2, 0, 2, 1]
    assert type(space.index(np.int32(1))) is int


@pytest.mark.parametrize("position", [-1, 3, 10**20, np.int64(-2)])
def test_positions_out_of_range(position: int) -> None:
    """Negative positions do not count from the end."""
    with pytest.raises(UnknownWordError, match=f"word number {position} .* 3 words"):
        EmbeddingSpace(["a", "b", "c"], TRIANGLE).index(position)


def test_unknown_words_get_suggestions() -> None:
    """The closest words are named, nothing is suggested where nothing is close."""
    with pytest.raises(UnknownWordError, match=r"'docter' is not in .*builtin.*Close.*: .*doctor"):
        builtin().index("docter")
    with pytest.raises(UnknownWordError, match=r"Close to it: .*doctor"):
        builtin().index("Doctor")
    with pytest.raises(UnknownWordError) as caught:
        builtin().index("qqqqqq")
    assert "Close" not in str(caught.value)
    assert isinstance(caught.value, SpaceError)


@pytest.mark.parametrize("word", [None, 1.0, b"a", ["a"], ("a",)], ids=repr)
def test_things_that_are_no_words(word: Any) -> None:
    """A float, bytes, a list are not in the vocabulary, and that is what the error says."""
    with pytest.raises(UnknownWordError):
        EmbeddingSpace(["a", "b", "c"], TRIANGLE).index(word)


@pytest.mark.parametrize("metric", METRICS)
def test_neighbours_and_order_against_sorting(metric: str) -> None:
    """Both are what sorting by distance and then by index gives; the word itself comes first."""
    space = make_space("lattice", metric)
    matrix = space.distance_matrix.tolist()
    for i, word in enumerate(space.words):
        ranking = sorted(range(len(space)), key=lambda j: (matrix[i][j], j))
        assert space.order[i].tolist() == ranking
        assert ranking[0] == i
        found = space.neighbours(word, 5)
        assert found == [(space.words[j], matrix[i][j]) for j in ranking[1:6]]
        assert found == space.neighbours(i, 5)
    assert space.order.dtype == np.int32
    assert len(space.neighbours(0)) == 10
    assert len(space.neighbours(0, 99)) == len(space) - 1
    assert space.neighbours(0, 0) == []


def test_other_metric() -> None:
    """Words, vectors and source stay; the same metric gives the same object."""
    space = EmbeddingSpace(["a", "b", "c"], TRIANGLE, source="here")
    other = space.with_metric("manhattan")
    assert space.with_metric("euclidean") is space
    assert (other.words, other.metric, other.source) == (space.words, "manhattan", "here")
    assert other.extent.max_distance == 7.0
    assert space.extent.max_distance == 5.0
    assert space.with_metric("chebyshev").extent.max_distance == 4.0


def test_builtin_is_as_specified() -> None:
    """2,000 different English words with vectors of 64 components and unit length."""
    space = builtin()
    assert (len(space), space.dimension, space.metric) == (2000, 64, "euclidean")
    assert space.source == "builtin"
    assert np.abs(np.linalg.norm(space.vectors, axis=1) - 1.0).max() < 1e-4
    assert len(set(space.words)) == 2000
    assert all(word.isascii() and word.isalpha() and word.islower() for word in space.words)
    assert 0.05 < space.extent.min_distance < space.extent.max_distance < 2.0


def test_builtin_is_the_file_and_always_the_same() -> None:
    """Two loads agree, and the digest is that of the arrays in the file."""
    assert EmbeddingSpace.builtin().content_digest == builtin().content_digest
    with np.load(DATA / "builtin.npz", allow_pickle=False) as arrays:
        words, vectors = arrays["words"].tolist(), arrays["vectors"]
    lines = "\n".join([f"{len(words)} 64", *words, ""])
    digest = hashlib.sha256(lines.encode() + vectors.astype("<f8").tobytes())
    assert builtin().content_digest == digest.hexdigest()
    assert EmbeddingSpace.load(DATA / "builtin.npz").content_digest == builtin().content_digest


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("three", {"four", "five"}),
        ("doctor", {"medical"}),
        ("monday", {"tuesday", "friday"}),
    ],
)
def test_builtin_knows_some_meaning(word: str, expected: set[str]) -> None:
    """Words of like meaning are among the ten nearest."""
    assert expected <= {neighbour for neighbour, _ in builtin().neighbours(word)}


def test_builtin_is_small_and_carries_its_licence() -> None:
    """Under 1 MB; WordNet's notice is in the archive and beside it, the same text."""
    assert (DATA / "builtin.npz").stat().st_size < 1_000_000
    with np.load(DATA / "builtin.npz", allow_pickle=False) as arrays:
        licence = str(arrays["licence"])
    beside = (DATA / "WORDNET-LICENCE.txt").read_text(encoding="utf-8")
    for part in ("WordNet", "Princeton", "Permission to use, copy, modify and distribute"):
        assert part in " ".join(licence.split())
    assert beside.endswith(licence)
    assert "builtin.npz is derived from" in " ".join(beside.split())


def test_builtin_limit_and_metric() -> None:
    """The first words, under any metric."""
    part = EmbeddingSpace.builtin(limit=50, metric="manhattan")
    assert part.words == builtin().words[:50]
    assert part.metric == "manhattan"
    np.testing.assert_array_equal(part.vectors, builtin().vectors[:50])
    assert len(EmbeddingSpace.builtin(limit=2000)) == 2000


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        (2001, "limit is 2,001, but .* only 2,000 words"),
        (1, "limit is 1, .* at least 2"),
        (0, "limit is 0, .* at least 2"),
        (-5, "limit is -5, .* at least 2"),
    ],
)
def test_builtin_limit_out_of_range(limit: int, message: str) -> None:
    """More than there are, or fewer than two."""
    with pytest.raises(SpaceError, match=message):
        EmbeddingSpace.builtin(limit=limit)


def test_keyed_vectors_of_gensim() -> None:
    """A real KeyedVectors object: words, vectors, limit, metric, duplicates."""
    models = pytest.importorskip("gensim.models", reason="gensim is not installed")
    keyed = models.KeyedVectors(vector_size=3)
    vectors = np.array([[0, 0, 1], [0, 2, 0], [0, 0, 1], [4, 0, 0.1]], dtype=np.float32)
    keyed.add_vectors(["one", "two", "uno", "four"], vectors)
    space = EmbeddingSpace.from_keyed_vectors(
        keyed, on_duplicate="drop", metric="manhattan", limit=3
    )
    assert space.words == ("one", "two", "four")
    assert space.metric == "manhattan"
    assert space.vectors.tolist() == vectors[[0, 1, 3]].astype(np.float64).tolist()
    assert space.source == "gensim"
    with pytest.raises(SpaceError, match="'one' and 'uno' have the same vector"):
        EmbeddingSpace.from_keyed_vectors(keyed)
    with pytest.raises(SpaceError, match="limit is 4, but gensim has only 3 words"):
        EmbeddingSpace.from_keyed_vectors(keyed, on_duplicate="drop", limit=4)


@pytest.mark.parametrize("thing", [None, {}, [1, 2], np.eye(2), "vectors.txt"], ids=repr)
def test_things_that_are_no_keyed_vectors(thing: Any) -> None:
    """The error says what is expected, by the names of the attributes."""
    with pytest.raises(InputError, match="must have index_to_key and vectors"):
        EmbeddingSpace.from_keyed_vectors(thing)
