"""Where embedding files come from: compressed, pipes, devices, other programs, other formats."""

import bz2
import gzip
import io
import json
import lzma
import os
import resource
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import Done, Run

from dpaudit import errors
from dpaudit.certificates import verify
from dpaudit.errors import InputError, MemoryNeededError, SpaceError
from dpaudit.mechanisms.spaces import EmbeddingSpace
from dpaudit.mechanisms.spaces.loaders import streams

WORDS = ["the", "naïve", "東京", "a b"]
VECTORS = np.array([[0.5, -1.0], [2.0, 1e-3], [0.25, 4.0], [1.0, 1.0]], dtype=np.float32)


def text(words: list[str] = WORDS, vectors: Any = VECTORS) -> bytes:
    rows = zip(words, np.asarray(vectors, dtype=float).tolist(), strict=True)
    return "".join(f"{word} {' '.join(map(repr, row))}\n" for word, row in rows).encode()


def zipped(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.txt", content)
    return stream.getvalue()


COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zip": lambda content: zipped(vectors=content),
}


def same(space: EmbeddingSpace) -> None:
    assert list(space.words) == WORDS
    np.testing.assert_array_equal(space.vectors, VECTORS.astype(float))


def call(run: Run, folder: Path, *parts: str | Path) -> Done:
    """The command line, its words separated by blanks, paths kept whole."""
    words = [[str(part)] if isinstance(part, Path) else part.split() for part in parts]
    return run(*(word for some in words for word in some), folder=folder)


# Compressed files


@pytest.mark.parametrize("kind", COMPRESSORS)
@pytest.mark.parametrize("limit", [None, 2])
def test_compressed_files(tmp_path: Path, kind: str, limit: int | None) -> None:
    path = tmp_path / "vectors"
    path.write_bytes(COMPRESSORS[kind](text()))
    space = EmbeddingSpace.load(path, limit=limit)
    assert list(space.words) == WORDS[:limit]
    assert space.reading is not None
    assert (space.reading.compression, space.reading.format) == (kind, "text")


@pytest.mark.parametrize("kind", COMPRESSORS)
def test_compressed_binary_files(tmp_path: Path, kind: str) -> None:
    content = b"4 2\n" + b"".join(
        word.encode().replace(b" ", b"_") + b" " + row.tobytes()
        for word, row in zip(WORDS, VECTORS, strict=True)
    )
    path = tmp_path / "vectors"
    path.write_bytes(COMPRESSORS[kind](content))
    space = EmbeddingSpace.load(path, limit=3)
    np.testing.assert_array_equal(space.vectors, VECTORS[:3].astype(float))
    if kind != "zip":
        assert space.reading is not None
        assert "was not checked" in " ".join(space.reading.remarks)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(list(COMPRESSORS)), st.data())
def test_damaged_compressed_files(tmp_path: Path, kind: str, data: st.DataObject) -> None:
    """Cut off or with a flipped byte: a sentence, or exactly what was compressed."""
    content = bytearray(COMPRESSORS[kind](text()))
    place = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        del content[place:]
    else:
        content[place] ^= data.draw(st.integers(1, 255))
    path = tmp_path / "vectors"
    path.write_bytes(bytes(content))
    try:
        space = EmbeddingSpace.load(path)
    except SpaceError:
        return
    same(space)


def test_zip_files_of_several(tmp_path: Path) -> None:
    path = tmp_path / "several.zip"
    path.write_bytes(zipped(a=text(), b=text()))
    with pytest.raises(SpaceError, match=r"several\.zip .* 2 files \(a\.txt, b\.txt\).*Unzip it"):
        EmbeddingSpace.load(path)


# Pipes and devices


@pytest.mark.parametrize("kind", [None, *COMPRESSORS])
def test_pipes(tmp_path: Path, kind: str | None) -> None:
    content = COMPRESSORS[kind](text()) if kind else text()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(content,))
    writer.start()
    same(EmbeddingSpace.load(pipe))
    writer.join()


def test_process_substitution(tmp_path: Path) -> None:
    """`--space <(zcat f.gz)`, the shell's way to name a pipe."""
    packed = tmp_path / "vectors.gz"
    packed.write_bytes(gzip.compress(text()))
    command = f"{sys.executable} -m dpaudit space <(gzip -dc {packed}) --json -"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["words"] == 4


def test_a_pipe_without_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "_PATIENCE", 0.2)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(SpaceError, match="pipe that no process has written to"):
        EmbeddingSpace.load(pipe)


def test_an_endless_line(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with (
        subprocess.Popen(["bash", "-c", f"cat /dev/zero > {pipe}"]) as writer,
        pytest.raises(SpaceError, match="line of more than 16,777,216 bytes"),
    ):
        EmbeddingSpace.load(pipe)
    assert writer.returncode != 0


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null"])
def test_devices(path: str) -> None:
    with pytest.raises(SpaceError, match=f"{path} is a device"):
        EmbeddingSpace.load(path)
    with pytest.raises(SpaceError, match=f"{path} is a device"):
        EmbeddingSpace.builtin(words=path)


def test_a_certificate_that_names_a_device(tmp_path: Path, run: Run) -> None:
    """The source of a certificate is opened only if it is a regular file."""
    path, file = tmp_path / "vectors.txt", tmp_path / "certificate.json"
    rng = np.random.default_rng(1)
    path.write_bytes(text([f"w{i}" for i in range(300)], rng.standard_normal((300, 60))))
    done = call(
        run,
        tmp_path,
        "audit metric-exponential --epsilon 2 --quiet --space",
        path,
        "--certificate",
        file,
    )
    assert done.code == 0, done.err
    stated = json.loads(file.read_text())
    assert stated["space"]["vectors"] is None
    found = verify(str(file))
    assert found.verified
    assert "Entries read: 300;" in " ".join(found.reading)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for source in ("/dev/zero", str(pipe)):
        stated["space"]["source"] = source
        file.write_text(json.dumps(stated))
        with pytest.raises(SpaceError, match="not a regular file"):
            verify(str(file))


def test_certificates_repeat_the_reading(tmp_path: Path, run: Run) -> None:
    """What was asked for when the file was read is asked for again when it is checked."""
    path, file = tmp_path / "vectors.csv", tmp_path / "certificate.json"
    rng = np.random.default_rng(2)
    words = [f"w{i}" for i in range(300)] + ["new york"]
    content = text(words, rng.standard_normal((301, 60))).replace(b" ", b";")
    path.write_bytes(content.replace(b"new;york", b"new york"))
    done = call(
        run, tmp_path, "audit metric-exponential --epsilon 2 --quiet --delimiter ; --normalize",
        "--multiword exclude --json - --space", path, "--certificate", file,
    )  # fmt: skip
    assert done.code == 0, done.err
    options = {"delimiter": ";", "multiword": "exclude", "normalize": True}
    assert json.loads(done.out)["space"]["reading"]["options"] == options
    assert verify(str(file)).verified
    stated = json.loads(file.read_text())
    stated["space"]["reading"]["options"]["normalize"] = False
    file.write_text(json.dumps(stated))
    assert not verify(str(file)).verified
    stated["space"]["reading"]["options"] = {"path": "/dev/zero"}
    file.write_text(json.dumps(stated))
    assert not verify(str(file)).verified


# Memory


def test_memory_is_looked_at_before_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a compressed array as of any other: the header says how much it takes."""
    path = tmp_path / "vectors.npz"
    np.savez_compressed(path, words=np.array(WORDS), vectors=np.zeros((4, 5000)))
    monkeypatch.setattr(errors, "available_memory", lambda: 100_000)
    with pytest.raises(MemoryNeededError, match=r"5,000 components \(160,000 bytes\) needs"):
        EmbeddingSpace.load(path)


def test_the_limit_of_the_address_space(tmp_path: Path) -> None:
    """RLIMIT_AS counts, and the command ends with exit code 2 and one sentence."""
    path = tmp_path / "vectors.txt"
    path.write_bytes(b"3000000 1000\nthe 1 2\n")
    limit = 12 * 10**9
    done = subprocess.run(
        [sys.executable, "-m", "dpaudit", "space", str(path)],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
        check=False,
    )
    assert done.returncode == 2
    assert "24,000,000,000 bytes" in done.stderr
    assert "Traceback" not in done.stderr
    code = (
        "import resource; from dpaudit.errors import available_memory as a; "
        f"resource.setrlimit(resource.RLIMIT_AS, ({10**9}, {10**9})); "
        f"assert a() < {10**9}, a()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("version", [1, 2])
def test_limits_of_control_groups(tmp_path: Path, version: int) -> None:
    """Every group from that of the process to the root limits; pages of files can be dropped."""
    own = tmp_path / "cgroup"
    base = tmp_path / "fs" / ("memory" if version == 1 else "")
    group = base / "a" / "b"
    group.mkdir(parents=True)
    names = {
        1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        2: ("memory.max", "memory.current", "inactive_file"),
    }[version]

    def limit(folder: Path, most: str, used: int, droppable: int) -> None:
        (folder / names[0]).write_text(f"{most}\n")
        (folder / names[1]).write_text(f"{used}\n")
        (folder / "memory.stat").write_text(f"anon 5\n{names[2]} {droppable}\n")

    own.write_text("4:cpu,memory:/a/b\n" if version == 1 else "0::/a/b\n")
    assert errors._cgroup_memory_left(tmp_path / "fs", own) == 2**62
    limit(group, "1000", 700, 200)
    assert errors._cgroup_memory_left(tmp_path / "fs", own) == 500
    limit(group.parent, "600", 300, 0)
    assert errors._cgroup_memory_left(tmp_path / "fs", own) == 300
    limit(group, "max", 1, 0)
    limit(base, "100", 1, 0)
    assert errors._cgroup_memory_left(tmp_path / "fs", own) == 99


# gensim objects


class Keyed:
    """What dpaudit uses of gensim's KeyedVectors."""

    def __init__(self, words: list[Any], vectors: Any) -> None:
        self.index_to_key, self.vectors = words, vectors


def test_a_limit_on_keyed_vectors() -> None:
    """Rows behind the limit are not looked at; duplicates that are dropped do not count."""
    rows = np.vstack([VECTORS, VECTORS[:1], [[np.nan, np.inf]]])
    keyed = Keyed([*WORDS, "twin", "the"], rows)
    assert EmbeddingSpace.from_keyed_vectors(keyed, limit=3).words == tuple(WORDS[:3])
    keyed = Keyed(["twin", *WORDS], np.vstack([VECTORS[:1], VECTORS]))
    space = EmbeddingSpace.from_keyed_vectors(keyed, limit=4, on_duplicate="drop")
    assert space.words == ("twin", *WORDS[1:])
    with pytest.raises(SpaceError, match="the key 7, but a word must be a string"):
        EmbeddingSpace.from_keyed_vectors(Keyed([7, *WORDS[1:]], VECTORS))


def test_a_model_in_place_of_its_vectors() -> None:
    class Word2Vec:
        wv = Keyed(WORDS, VECTORS)

    with pytest.raises(InputError, match=r"is a Word2Vec, .*model\.wv"):
        EmbeddingSpace.from_keyed_vectors(Word2Vec())


# Files of other programs, which are refused by name


@pytest.mark.parametrize(
    ("start", "message"),
    [
        (b"\xba\x16\x4f\x2f\x0c\0\0\0", r"fastText model .*\.vec"),
        (b"\x80\x04\x95gensim", "pickle.*save_word2vec_format"),
        (b"\x89HDF\r\n\x1a\n", "HDF5.*savez"),
        (b"SQLite format 3\0", "SQLite"),
        (b"\x28\xb5\x2f\xfd1234", "Zstandard.*zstd -d"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "git lfs pull"),
        (b"<!DOCTYPE html>\n<html>", "web page"),
        (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
        (gzip.compress(b"a 1 2\n"), "compressed twice"),
        (b"\0" * 257 + b"ustar\0" + b"\0" * 300, "tar archive"),
    ],
)
def test_files_of_other_programs(tmp_path: Path, start: bytes, message: str) -> None:
    path = tmp_path / "model.dat"
    path.write_bytes(start if start[:2] != b"\x1f\x8b" else gzip.compress(start))
    with pytest.raises(SpaceError, match=rf"model\.dat is .*{message}"):
        EmbeddingSpace.load(path)
    path.write_bytes(gzip.compress(path.read_bytes()))
    with pytest.raises(SpaceError, match=f"{message}|compressed twice"):
        EmbeddingSpace.load(path)


def test_pytorch_files(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02")
        archive.writestr("archive/data/0", b"1234")
    with pytest.raises(SpaceError, match=r"PyTorch.*never loaded.*safetensors"):
        EmbeddingSpace.load(path)


# Formats of other libraries, which write them


def vocabulary(folder: Path) -> Path:
    path = folder / "vocabulary.txt"
    path.write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    return path


def test_npy_with_a_vocabulary(tmp_path: Path) -> None:
    path = tmp_path / "vectors.npy"
    np.save(path, np.asfortranarray(VECTORS))
    same(EmbeddingSpace.load(path, vocabulary=vocabulary(tmp_path)))
    with pytest.raises(SpaceError, match=r"matrix without words.*vocabulary='FILE'"):
        EmbeddingSpace.load(path)
    np.save(path, VECTORS[:3])
    with pytest.raises(SpaceError, match=r"shape \(3, 2\) .* but 4 words"):
        EmbeddingSpace.load(path, vocabulary=vocabulary(tmp_path))


def test_integers_that_floats_do_not_hold(tmp_path: Path) -> None:
    path = tmp_path / "vectors.npz"
    np.savez(path, words=np.array(["a", "b"]), vectors=np.array([[1], [2**53 + 1]]))
    with pytest.raises(SpaceError, match="does not hold exactly"):
        EmbeddingSpace.load(path)


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.float16])
def test_safetensors(tmp_path: Path, kind: Any) -> None:
    numpy = pytest.importorskip("safetensors.numpy", reason="safetensors is not installed")
    path = tmp_path / "model.safetensors"
    vectors = VECTORS.astype(kind)
    numpy.save_file({"embeddings.weight": vectors, "bias": np.zeros(2)}, path)
    space = EmbeddingSpace.load(path, vocabulary=vocabulary(tmp_path))
    np.testing.assert_array_equal(space.vectors, vectors.astype(float))
    assert EmbeddingSpace.load(path, vocabulary=vocabulary(tmp_path), limit=2).words == (
        "the",
        "naïve",
    )
    numpy.save_file({"a": vectors, "b": vectors}, path)
    with pytest.raises(SpaceError, match="2 matrices with a row for each of the 4 words"):
        EmbeddingSpace.load(path, vocabulary=vocabulary(tmp_path))
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(SpaceError, match=r"not a \.safetensors file"):
        EmbeddingSpace.load(path, vocabulary=vocabulary(tmp_path))


@pytest.mark.parametrize("wide", [True, False])
@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_parquet_and_arrow(tmp_path: Path, wide: bool, kind: str) -> None:
    """A column of lists, or one column for each component, as pandas and polars write them."""
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    from pyarrow import feather, parquet

    columns: dict[str, Any] = {"word": WORDS}
    if wide:
        columns |= {f"x{i}": VECTORS[:, i] for i in range(2)}
    else:
        columns["vector"] = list(VECTORS)
    table = pa.table(columns)
    path = tmp_path / "vectors.dat"

    def write(table: Any) -> None:
        if kind == "parquet":
            parquet.write_table(table, path, row_group_size=3)
        else:
            feather.write_feather(table, str(path), compression="zstd", chunksize=3)

    write(table)
    same(EmbeddingSpace.load(path))
    assert EmbeddingSpace.load(path, limit=2).words == ("the", "naïve")
    write(table.append_column("other", [WORDS]))
    with pytest.raises(SpaceError, match="must have one column of words"):
        EmbeddingSpace.load(path)
    if wide:
        write(table.append_column("count", [[5, 6, 7, 8]]))
        with pytest.raises(SpaceError, match="numbers of one type, but it has word: string"):
            EmbeddingSpace.load(path)
    missing = {**columns, "word": ["the", None, "c", "d"]}
    write(pa.table(missing))
    with pytest.raises(SpaceError, match="a word is missing"):
        EmbeddingSpace.load(path)
    if not wide:
        write(pa.table({"word": WORDS, "vector": [[1.0], [1.0, 2.0], [3.0], [4.0]]}))
        with pytest.raises(SpaceError, match="differ in length"):
            EmbeddingSpace.load(path)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(SpaceError, match="not a readable"):
        EmbeddingSpace.load(path)


def test_files_of_pandas(tmp_path: Path) -> None:
    """Text with tabs or commas, and Parquet whose words are the index."""
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    frame = pandas.DataFrame(VECTORS.astype(float), index=WORDS)
    path = tmp_path / "frame"
    frame.to_csv(path, sep="\t", header=False)
    same(EmbeddingSpace.load(path))
    frame.to_csv(path, header=False)
    same(EmbeddingSpace.load(path, delimiter=","))
    frame.to_csv(path, header=False, compression="gzip")
    same(EmbeddingSpace.load(path, delimiter=","))
    frame.columns = ["x0", "x1"]
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    frame.to_parquet(path)
    same(EmbeddingSpace.load(path))


@pytest.mark.parametrize("name", ["vectors.txt", "vectors.txt.gz", "vectors.bin", "vectors.bin.gz"])
def test_files_of_gensim(tmp_path: Path, name: str) -> None:
    """gensim's two formats, which it compresses by the name."""
    models = pytest.importorskip("gensim.models", reason="gensim is not installed")
    words = [word.replace(" ", "_") for word in WORDS]
    keyed = models.KeyedVectors(vector_size=2)
    keyed.add_vectors(words, VECTORS)
    path = tmp_path / name
    keyed.save_word2vec_format(str(path), binary=".bin" in name)
    space = EmbeddingSpace.load(path)
    assert list(space.words) == keyed.index_to_key
    # Its text holds the shortest decimals that round to the same float32.
    np.testing.assert_array_equal(space.vectors.astype(np.float32), keyed.vectors)
    if ".bin" in name:
        direct = EmbeddingSpace.from_keyed_vectors(keyed)
        assert direct.content_digest == space.content_digest
    keyed.save(str(tmp_path / "native"))
    with pytest.raises(SpaceError, match="pickle"):
        EmbeddingSpace.load(tmp_path / "native")


# The command


def test_the_command_shows_how_a_file_is_read(tmp_path: Path, run: Run) -> None:
    path = tmp_path / "vectors.txt"
    path.write_bytes(b"3 2\nnew york 1 2\n\nx\x1b[2Jy 3 4\nzoo 3 4\n")
    done = call(run, tmp_path, "space", path, "--on-duplicate drop")
    assert done.code == 0, done.err
    for part in (
        "2 words of 2 components, euclidean distance",
        "Read as text, fields separated by blank, header “3 2”, encoding utf-8.",
        "Entries read: 3; 2 words of 2 components, by the header.",
        "blank lines (1)",
        "words with the vector of an earlier one (1)",
        "2 words can never be read from a text",
        "“new york”, “x\\x1b[2Jy”",
        "new york: x\\x1b[2Jy 2.828",
    ):
        assert part in done.out
    assert "\x1b" not in done.out
    data = json.loads(call(run, tmp_path, "space", path, "--on-duplicate drop --json -").out)
    assert data["schema"] == "dpaudit.space/1"
    assert data["reading"]["dropped"]["blank lines"] == 1
    assert data["neighbours"]["new york"][0]["distance"] == pytest.approx(8**0.5)
    assert call(run, tmp_path, "space builtin --normalize --word doctor").code == 0
    done = call(run, tmp_path, "space builtin --delimiter ;")
    assert done.code == 2
    assert "no effect on the built-in space" in done.err


def test_words_of_several_tokens_in_texts(tmp_path: Path, run: Run) -> None:
    """Named, excluded from the law, or joined in the output; collisions are reported."""
    path = tmp_path / "vectors.txt"
    path.write_bytes(b"new\xc2\xa0york 1\nnew_york 1.1\ncity 1.2\n")
    command = "privatize metric-exponential --epsilon 0.001 --in {} --space"
    notes = tmp_path / "notes.txt"
    notes.write_text("city " * 400)
    base = command.format(notes)
    done = call(run, tmp_path, base, path)
    assert "1 word can never be read from a text, being not one token" in done.err
    assert "new\xa0york" in done.out
    done = call(run, tmp_path, base, path, "--multiword join")
    assert "written joined by _" in done.err
    assert "Written alike then: “new\xa0york = new_york”" in done.err
    assert "\xa0" not in done.out
    assert set(done.out.split()) == {"new_york", "city"}
    done = call(run, tmp_path, base, path, "--multiword exclude")
    assert set(done.out.split()) == {"new_york", "city"}
    assert "2 words of" in done.err
    result = json.loads(
        call(
            run,
            tmp_path,
            "audit metric-exponential --epsilon 1 --multiword exclude --json - --space",
            path,
        ).out
    )
    assert result["space"]["words"] == 2
    assert result["space"]["reading"]["options"] == {"multiword": "exclude"}


# Truncation, in every format that says how long it is


def _written(folder: Path, kind: str) -> tuple[bytes, dict[str, Any]]:
    path = folder / "written"
    words = [word.replace(" ", "_") for word in WORDS]
    (folder / "vocabulary.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    options: dict[str, Any] = {}
    if kind == "binary":
        entries = zip(words, VECTORS, strict=True)
        return b"4 2\n" + b"".join(w.encode() + b" " + v.tobytes() for w, v in entries), options
    if kind == "text":
        return b"4 2\n" + text(words), options
    if kind == "npz":
        np.savez_compressed(folder / "written.npz", words=np.array(words), vectors=VECTORS)
        return (folder / "written.npz").read_bytes(), options
    if kind in COMPRESSORS:
        return COMPRESSORS[kind](text(words)), options
    options["vocabulary"] = folder / "vocabulary.txt"
    if kind == "npy":
        np.save(folder / "written.npy", VECTORS)
        return (folder / "written.npy").read_bytes(), options
    numpy = pytest.importorskip("safetensors.numpy", reason="safetensors is not installed")
    numpy.save_file({"weight": VECTORS}, path)
    return path.read_bytes(), options


@pytest.mark.parametrize("limit", [None, 2, 4])
@pytest.mark.parametrize("kind", ["text", "binary", "npz", "npy", "safetensors", *COMPRESSORS])
def test_every_truncation(tmp_path: Path, kind: str, limit: int | None) -> None:
    """Cut off anywhere: refused, or the first words with their own vectors, as far as asked for.

    A text that ends within its last number is the exception: nothing tells (docs/spaces.md).
    """
    content, options = _written(tmp_path, kind)
    path = tmp_path / "cut"
    words = [word.replace(" ", "_") for word in WORDS]
    path.write_bytes(content)
    whole = EmbeddingSpace.load(path, limit=limit, **options)
    assert list(whole.words) == words[:limit]
    for length in range(len(content)):
        path.write_bytes(content[:length])
        try:
            space = EmbeddingSpace.load(path, limit=limit, **options)
        except SpaceError:
            continue
        certain = len(space) - (kind == "text" and limit != 2)  # all but the last row
        assert list(space.words) == words[: len(space)]
        assert len(space) == len(whole)
        np.testing.assert_array_equal(space.vectors[:certain], VECTORS[:certain].astype(float))
