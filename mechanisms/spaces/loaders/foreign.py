"""Files that are something else: recognised by their first bytes, and refused by name."""

from ....errors import SpaceError, option

__all__ = ["refuse_foreign"]

_FASTTEXT = (
    "a fastText model (.bin)",
    "Take the .vec file of the same model, or write one: for every word of model.get_words() a "
    "line of the word and model.get_word_vector(word).",
)
_PICKLE = (
    "a Python pickle, as gensim and PyTorch save models",
    "Pickles are never loaded, because they can run code. Load it where you trust it and save it "
    "anew: with gensim model.wv.save_word2vec_format('vectors.bin', binary=True).",
)

#: First bytes, what they are, and how to convert it.
_KNOWN: tuple[tuple[bytes, tuple[str, str]], ...] = (
    (b"\xba\x16\x4f\x2f", _FASTTEXT),
    *((b"\x80" + bytes([version]), _PICKLE) for version in range(2, 6)),
    (
        b"\x89HDF\r\n\x1a\n",
        (
            "an HDF5 file",
            "Read words and matrix with h5py and save them with numpy.savez(words=…, vectors=…).",
        ),
    ),
    (
        b"SQLite format 3\0",
        (
            "an SQLite database, such as a Magnitude file",
            "Write its words and vectors as text, one word and its numbers a line.",
        ),
    ),
    (b"\x28\xb5\x2f\xfd", ("compressed by Zstandard", "Decompress it with zstd -d.")),
    (b"\x04\x22\x4d\x18", ("compressed by LZ4", "Decompress it with lz4 -d.")),
    (b"7z\xbc\xaf\x27\x1c", ("a 7-Zip archive", "Unpack it with 7z x.")),
    (b"Rar!\x1a\x07", ("a RAR archive", "Unpack it first.")),
    (b"\x1f\x8b", ("compressed twice", "Decompress it once with gunzip.")),
    (b"\xfd7zXZ\0", ("compressed twice", "Decompress it once with unxz.")),
    (b"BZh9", ("compressed twice", "Decompress it once with bunzip2.")),
    (b"PK\x03\x04", ("a zip file in a compressed file", "Decompress it once.")),
    (b"GGUF", ("a GGUF model", "Save the embedding matrix as .safetensors or .npz.")),
    (b"FEA1", ("a Feather file of version 1", "Write it anew with pyarrow.feather, version 2.")),
    (
        b"\xff\xff\xff\xff",
        ("a stream of Arrow batches", "Write it as an Arrow file with pyarrow.ipc.new_file."),
    ),
    (b"%PDF-", ("a PDF document", "Name the file of vectors.")),
    (
        b"version https://git-lfs.github.com/spec/",
        (
            "a pointer of Git LFS and not the file itself",
            "Fetch it with git lfs pull.",
        ),
    ),
    *(
        (start, ("a web page, perhaps in place of a download that failed", "Fetch it again."))
        for start in (b"<!DOCTYPE html", b"<!doctype html", b"<html")
    ),
)


def refuse_foreign(name: str, head: bytes) -> None:
    """Raise `SpaceError` for a file that begins like one of a kind that is not read.

    Parameters
    ----------
    name
        The file, for the message.
    head
        Its first 512 bytes or more, after decompression.
    """
    for start, (what, way_out) in _KNOWN:
        if head.startswith(start):
            raise SpaceError(f"{name} is {what}, which is not read. {way_out}")
    if head[257:262] == b"ustar":
        raise SpaceError(f"{name} is a tar archive, which is not read. Unpack it with tar -xf.")
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) and b"\0" not in head[:512]:
        raise SpaceError(
            f"{name} is neither UTF-8 text nor any kind of embedding file that is known. If it is "
            f"text, name its encoding ({option('encoding')})."
        )
