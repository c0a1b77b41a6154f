"""Build the built-in embedding space: 2,000 English words in 64 dimensions, from WordNet.

The space is made from the database files of Debian's `wordnet-base` package alone, so that its
origin and its licence are plain and anybody can rebuild it:

    python tools/build_builtin_space.py            # write builtin.npz and WORDNET-LICENCE.txt
    python tools/build_builtin_space.py --check    # rebuild in memory, compare with the files

Method: count how often two words are seen together, in WordNet's glosses and over its relations;
turn the counts into positive pointwise mutual information (Church and Hanks 1990, "Word
Association Norms, Mutual Information, and Lexicography", Computational Linguistics 16); reduce
the matrix by a truncated SVD, with the context smoothing and the eigenvalue weighting of Levy,
Goldberg and Dagan 2015, "Improving Distributional Similarity with Lessons Learned from Word
Embeddings", TACL 3; scale each row to unit length. No step draws a random number.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp  # type: ignore[import-untyped]
from scipy.linalg import eigh  # type: ignore[import-untyped]
from scipy.spatial.distance import pdist, squareform  # type: ignore[import-untyped]

VOCABULARY_SIZE = 2000
CONTEXT_SIZE = 12000  # words that count as context of a vocabulary word, the vocabulary included
DIMENSIONS = 64
CONTEXT_SMOOTHING = 0.75  # Levy et al. 2015, section 3.2 ("context distribution smoothing")
EIGENVALUE_POWER = 0.5  # Levy et al. 2015, section 3.3: the word matrix is U S^0.5, not U S
GRID = 2.0**-16  # coordinates are stored as multiples of this, which hides rounding noise

# Set by looking at the neighbours they give; the result changes little around these values.
INSTANCE_WEIGHT = 0.25  # glosses of named places and people ("a city in western Germany")
RELATED_WORD_WEIGHT = 0.75  # a word with the words of its own and of related synsets
RELATED_GLOSS_WEIGHT = 4.0  # a word with the glosses of its own and of related synsets
OWN_TAGS_TO_KEEP = {"noun": 1.0, "verb": 0.25, "adj": 0.25, "adv": 0.25}  # see Lexicon.base_form

CHECK_TOLERANCE = 1e-3
DEMO_WORDS = "doctor king money city three blue happy river war music teacher monday dog"

PARTS = ("noun", "verb", "adj", "adv")
PART_OF_LETTER = {"n": "noun", "v": "verb", "a": "adj", "s": "adj", "r": "adv"}
PART_OF_SENSE_KEY = {"1": "noun", "2": "verb", "3": "adj", "4": "adv", "5": "adj"}
# WordNet's own detachment rules, from its manual page morphy(7WN).
DETACHMENT: dict[str, tuple[tuple[str, str], ...]] = {
    "noun": (
        *(("s", ""), ("ses", "s"), ("xes", "x"), ("zes", "z"), ("ches", "ch"), ("shes", "sh")),
        *(("men", "man"), ("ies", "y")),
    ),
    "verb": (
        *(("s", ""), ("ies", "y"), ("es", "e"), ("es", ""), ("ed", "e"), ("ed", "")),
        *(("ing", "e"), ("ing", "")),
    ),
    "adj": (("er", ""), ("est", ""), ("er", "e"), ("est", "e")),
    "adv": (),
}
SPELLINGS = {"grey": "gray", "theatre": "theater", "colour": "color"}  # one spelling for each word
WORD = re.compile(r"[a-z]{3,}")


def word_set(text: str) -> frozenset[str]:
    """The words of a text, as a set."""
    return frozenset(text.split())


# Function words say nothing about a topic: they are neither in the vocabulary nor contexts.
STOP_WORDS = word_set("""
    about above across after again against all almost along already also although always among
    amongst and another any anybody anyone anything are around because been before behind being
    below beneath beside besides between beyond both but can cannot could despite did does doing
    done down during each either else especially etc even ever every everybody everyone everything
    except few for from generally had has have having hence her here hers herself him himself his
    how however into its itself like many may maybe mere might mine more most much must myself
    nearly neither never nobody none nor not nothing often once one only onto other others ought our
    ours ourselves out over own particularly per perhaps quite rather same several shall she should
    since some somebody someone something sometimes somewhat still such than that the their theirs
    them themselves then there therefore these they this those though through throughout thus too
    toward towards typically under unless until upon usually various very via was were what when
    where whether which while who whom whose why will with within without would yet you your yours
    yourself
""")
# The jargon of WordNet's glosses, fragments of words, and words unfit for a demonstration.
SKIPPED_WORDS = word_set(
    "anti colored don genus jew kill negro non perennial rape sex sexual specified murder"
)
# Words that a newcomer may try first, and that are too rare in these texts to get in by frequency.
EVERYDAY_WORDS = word_set("""
    monday tuesday wednesday thursday friday saturday evening autumn eleven twelve twenty uncle
    aunt cousin grandfather grandmother pig goat lion tiger wolf fox rabbit mouse elephant apple
    banana lemon grape potato tomato onion bread butter cheese rice soup cake tea breakfast
    lunch bedroom lamp knife fork spoon shirt glove bus bicycle airplane nurse lawyer farmer
    baker piano guitar violin drum flute tennis lake beach copper prince princess london rome
    italy spain museum library restaurant sad angry
""")

FloatArray = npt.NDArray[np.float64]
SynsetId = tuple[str, int]  # part of speech, byte offset in its data file


class SourceError(Exception):
    """A file that the build needs is missing or is not what it should be."""


@dataclass
class Synset:
    """One set of synonyms: its words, the synsets it points to, and its gloss in base forms."""

    words: list[str]
    related: list[SynsetId]
    is_instance: bool
    definition: list[str] = field(default_factory=list)
    examples: list[list[str]] = field(default_factory=list)


def data_lines(path: Path) -> Iterator[str]:
    """The lines of a WordNet file without the licence at its head, which is indented."""
    with path.open(encoding="utf-8") as stream:
        yield from (line for line in stream if not line.startswith("  "))


class Lexicon:
    """WordNet's words: their senses, how often each was tagged in texts, their base forms."""

    def __init__(self, folder: Path) -> None:
        self.senses: dict[tuple[str, str], list[int]] = {}  # offsets, most frequent sense first
        self.tags: Counter[str] = Counter()
        self.adverb_tags: Counter[str] = Counter()
        self.sense_tags: Counter[tuple[str, SynsetId]] = Counter()
        self.exceptions: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        self._base_forms: dict[str, str | None] = {}
        for part in PARTS:
            for line in data_lines(folder / f"index.{part}"):
                fields = line.split()
                offsets = [int(offset) for offset in fields[-int(fields[2]) :]]
                # Spelling variants have the same synsets; the first (American) entry counts.
                self.senses.setdefault((one_spelling(fields[0]), part), offsets)
            for line in data_lines(folder / f"{part}.exc"):
                inflected, *bases = line.split()
                self.exceptions[inflected, part].extend(bases)
        self._read_tag_counts(folder / "cntlist.rev")

    def _read_tag_counts(self, path: Path) -> None:
        """Read how often each sense was tagged in texts: `doctor%1:18:00:: 1 73`."""
        for line in data_lines(path):
            sense_key, number, count = line.split()
            lemma, _, key = sense_key.partition("%")
            word, part = one_spelling(lemma.lower()), PART_OF_SENSE_KEY[key[0]]
            self.tags[word] += int(count)
            self.adverb_tags[word] += int(count) * (part == "adv")
            offsets = self.senses.get((word, part), [])
            if int(number) <= len(offsets):
                self.sense_tags[word, (part, offsets[int(number) - 1])] += int(count)

    def base_form(self, token: str) -> str | None:
        """The base form of a word from a gloss, or None if WordNet does not know the word.

        A gloss does not say which part of speech a token is, so tag counts decide: `teeth` can
        only be `tooth`; `building` stays, because it is itself tagged often enough beside `build`;
        `found` becomes `find`, because the verb `found` is rare beside `find`.
        """
        if token not in self._base_forms:
            self._base_forms[token] = self._find_base_form(token)
        return self._base_forms[token]

    def _find_base_form(self, token: str) -> str | None:
        known = any((token, part) in self.senses for part in PARTS)
        candidates: set[str] = set()
        for part in PARTS:
            bases = self.exceptions.get((token, part)) or [
                token[: -len(ending)] + replacement
                for ending, replacement in DETACHMENT[part]
                if token.endswith(ending)
            ]
            for base in bases:
                is_word = base != token and len(base) > 2 and (base, part) in self.senses
                needed = OWN_TAGS_TO_KEEP[part] * self.tags[base]
                if is_word and (not known or self.tags[token] < needed):
                    candidates.add(base)
        if candidates:
            return max(sorted(candidates), key=lambda base: self.tags[base])
        return token if known else None

    def content_words(self, text: str) -> list[str]:
        """The words of a text that say something about its topic, in base form."""
        tokens = (t for t in WORD.findall(text.lower()) if t not in STOP_WORDS)
        bases = (self.base_form(one_spelling(token)) for token in tokens)
        return [b for b in bases if b and WORD.fullmatch(b) and b not in STOP_WORDS]

    def sense_share(self, word: str, synset_id: SynsetId) -> float:
        """Which share of a word's uses has this sense; half a use is added to each sense."""
        ids = [(part, o) for part in PARTS for o in self.senses.get((word, part), [])]
        total = sum(self.sense_tags[word, i] + 0.5 for i in ids)
        return (self.sense_tags[word, synset_id] + 0.5) / total


def one_spelling(word: str) -> str:
    """Merge spelling variants, which would otherwise be two nearly equal points."""
    return SPELLINGS.get(word, word)


def read_synsets(folder: Path, lexicon: Lexicon) -> dict[SynsetId, Synset]:
    """All synsets of the four data files (format: manual page wndb(5WN)), sorted by id."""
    synsets = {}
    for part in PARTS:
        for line in data_lines(folder / f"data.{part}"):
            head, _, gloss = line.partition(" | ")
            fields = head.split()
            words_end = 4 + 2 * int(fields[3], 16)
            # An adjective may carry a syntactic marker: `ready(p)`.
            words = [one_spelling(w.split("(")[0].lower()) for w in fields[4:words_end:2]]
            pointers_end = words_end + 1 + 4 * int(fields[words_end])
            pointers = fields[words_end + 1 : pointers_end]
            symbols, offsets, letters = pointers[::4], pointers[1::4], pointers[2::4]
            # Relations of a class to its named instances (`@i`, `~i`) are left out: there are far
            # more of them for `city` than words that are like it.
            related = {
                (PART_OF_LETTER[letter], int(offset))
                for symbol, offset, letter in zip(symbols, offsets, letters, strict=True)
                if symbol not in ("@i", "~i")
            }
            synset = Synset(words, sorted(related), "@i" in symbols)
            synset.definition = lexicon.content_words(re.sub(r'"[^"]*"', " ", gloss))
            synset.examples = [lexicon.content_words(e) for e in re.findall(r'"([^"]*)"', gloss)]
            synsets[part, int(fields[0])] = synset
    return dict(sorted(synsets.items()))


def choose_words(
    synsets: dict[SynsetId, Synset], lexicon: Lexicon, gloss_counts: Counter[str]
) -> tuple[list[str], list[str]]:
    """The vocabulary, most frequent word first, and the contexts, which begin with it.

    Frequency is the product of the counts in glosses and in tagged texts, so that a word has to
    be common in both: the glosses alone are full of jargon, and the texts alone are small.
    Adverbs are left out, as few have neighbours that mean anything.
    """

    def rank(word: str) -> tuple[int, str]:
        return -(lexicon.tags[word] + 1) * (gloss_counts[word] + 1), word

    lemma_counts = Counter(word for synset in synsets.values() for word in synset.words)
    known = {w for w in lemma_counts.keys() | gloss_counts.keys() if WORD.fullmatch(w)}
    known -= STOP_WORDS
    common = sorted(
        (w for w in known - SKIPPED_WORDS if 2 * lexicon.adverb_tags[w] <= lexicon.tags[w]),
        key=rank,
    )
    everyday = EVERYDAY_WORDS & known
    rest = [w for w in common if w not in everyday][: VOCABULARY_SIZE - len(everyday)]
    vocabulary = sorted([*everyday, *rest], key=rank)
    others = sorted(
        known.difference(vocabulary), key=lambda w: (-gloss_counts[w] - lemma_counts[w], w)
    )
    return vocabulary, vocabulary + others[: CONTEXT_SIZE - len(vocabulary)]


def sparse(entries: list[tuple[int, int, float]], rows: int, columns: int) -> sp.csr_matrix:
    """A sparse matrix from its entries: row, column, value."""
    row, column, value = zip(*entries, strict=True)
    return sp.csr_matrix((value, (row, column)), shape=(rows, columns))


def count_text_pairs(synsets: Iterable[Synset], index: dict[str, int]) -> sp.csr_matrix:
    """How often two words share a text: a definition with its headwords, an example, a compound.

    Each word of a text has one unit of count to spread over the other words of the text, so that
    a long definition does not outweigh a short one.
    """
    entries = []
    count = 0
    for synset in synsets:
        weight = INSTANCE_WEIGHT if synset.is_instance else 1.0
        weighted = [(weight, [*synset.definition, *synset.words])]
        weighted += [(weight, example) for example in synset.examples]
        weighted += [(1.0, re.split("[_-]", word)) for word in synset.words]
        for text_weight, text in weighted:
            columns = sorted({index[word] for word in text if word in index})
            if len(columns) > 1:
                value = (text_weight / (len(columns) - 1)) ** 0.5
                entries += [(count, column, value) for column in columns]
                count += 1
    texts = sparse(entries, count, len(index))
    return texts.T @ texts


def count_relation_pairs(
    synsets: dict[SynsetId, Synset],
    index: dict[str, int],
    lexicon: Lexicon,
    gloss_counts: Counter[str],
) -> sp.csr_matrix:
    """Pairs of a word with the words and glosses of its synsets and of those they are related to.

    A word's weight in a synset is the share of its uses that have this sense, so that its rare
    senses stay rare, times the square root of its gloss frequency, so that these pairs matter
    beside the pairs from texts for frequent words too.
    """
    position = {synset_id: i for i, synset_id in enumerate(synsets)}
    senses, described, links = [], [], []
    for row, (synset_id, synset) in enumerate(synsets.items()):
        for word in sorted(set(synset.words) & index.keys()):
            strength = lexicon.sense_share(word, synset_id) * (1 + gloss_counts[word]) ** 0.5
            senses.append((row, index[word], strength))
            described.append((row, index[word], RELATED_WORD_WEIGHT))
        columns = sorted({index[word] for word in synset.definition if word in index})
        weight = RELATED_GLOSS_WEIGHT * (INSTANCE_WEIGHT if synset.is_instance else 1.0)
        described += [(row, column, weight / len(columns)) for column in columns]
        links += [(row, position[other], 1.0) for other in synset.related]
    synset_count, word_count = len(synsets), len(index)
    linked = sparse(links, synset_count, synset_count)
    linked = ((linked + linked.T) > 0).astype(np.float64)
    # A synset with hundreds of hyponyms says little about each: divide by the root of the degree.
    degrees = np.maximum(np.asarray(linked.sum(axis=1)).ravel(), 1.0)
    nearby = sp.identity(synset_count) + sp.diags(degrees**-0.5) @ linked
    # Entries for the same place are added up: a headword may also be in the gloss.
    surroundings = nearby @ sparse(described, synset_count, word_count)
    pairs = sparse(senses, synset_count, word_count).T @ surroundings
    return pairs + pairs.T


def positive_pmi(counts: sp.csr_matrix, rows: int) -> sp.csr_matrix:
    """Positive pointwise mutual information of the first rows, with smoothed context counts."""
    totals = np.asarray(counts.sum(axis=1)).ravel()
    context_share = totals**CONTEXT_SMOOTHING / np.sum(totals**CONTEXT_SMOOTHING)
    top = counts[:rows].tocoo()
    pmi = np.log(top.data / (totals[top.row] * context_share[top.col]))
    keep = (pmi > 0) & (top.row != top.col)
    return sp.csr_matrix((pmi[keep], (top.row[keep], top.col[keep])), shape=top.shape)


def reduce_dimensions(matrix: sp.csr_matrix) -> FloatArray:
    """Unit rows of U S^0.5 from the SVD of a matrix M, by the eigenvectors of M M^T.

    An eigenvector's sign is arbitrary; it is fixed by making its largest entry positive. Adding
    zero turns minus zero into zero, which would otherwise be a different byte.
    """
    dense = matrix.toarray()
    size = len(dense)
    # The eigenvalues come in ascending order.
    eigenvalues, eigenvectors = eigh(dense @ dense.T, subset_by_index=[size - DIMENSIONS, size - 1])
    eigenvalues, eigenvectors = eigenvalues[::-1], eigenvectors[:, ::-1]
    largest = np.argmax(np.abs(eigenvectors), axis=0)
    signs = np.sign(eigenvectors[largest, np.arange(DIMENSIONS)])
    vectors = eigenvectors * signs * np.sqrt(eigenvalues) ** EIGENVALUE_POWER
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    rounded: FloatArray = np.round(vectors / GRID) * GRID + 0.0
    return rounded


def require_wordnet(folder: Path) -> None:
    """Refuse to start without the database, and say where it comes from."""
    if not (folder / "data.noun").is_file():
        raise SourceError(
            f"There is no WordNet database in {folder}. On Debian and Ubuntu it is in the package "
            "wordnet-base: apt-get install wordnet-base"
        )


def build_space(folder: Path) -> tuple[list[str], npt.NDArray[np.float32]]:
    """The words and their vectors, from a folder with WordNet's database files."""
    start = time.perf_counter()

    def progress(message: str) -> None:
        print(f"[{time.perf_counter() - start:5.1f} s] {message}", flush=True)

    lexicon = Lexicon(folder)
    synsets = read_synsets(folder, lexicon)
    progress(f"read {len(synsets)} synsets")
    gloss_counts = Counter(
        word for s in synsets.values() for text in (s.definition, *s.examples) for word in text
    )
    vocabulary, contexts = choose_words(synsets, lexicon, gloss_counts)
    progress(f"chose {len(vocabulary)} words and {len(contexts)} contexts")
    index = {word: i for i, word in enumerate(contexts)}
    counts = count_text_pairs(synsets.values(), index)
    counts = (counts + count_relation_pairs(synsets, index, lexicon, gloss_counts)).tocsr()
    counts.setdiag(0)
    counts.eliminate_zeros()
    progress(f"counted {counts.nnz // 2} pairs of words")
    matrix = positive_pmi(counts, len(vocabulary))
    progress(f"weighted {matrix.nnz} associations")
    vectors = reduce_dimensions(matrix).astype(np.float32)
    progress(f"reduced to {DIMENSIONS} dimensions")
    return vocabulary, vectors


def wordnet_licence(copyright_file: Path) -> str:
    """The licence text of WordNet from Debian's copyright file, without that format's markup."""
    if not copyright_file.is_file():
        raise SourceError(f"There is no copyright file {copyright_file} (package wordnet-base).")
    text = copyright_file.read_text(encoding="utf-8")
    found = re.search(r"^License: WordNet[^\n]*\n((?: [^\n]*\n)+)", text, flags=re.MULTILINE)
    if found is None:
        raise SourceError(f"{copyright_file} does not contain the licence of WordNet.")
    lines = [line[1:].rstrip() for line in found[1].splitlines()]
    return "\n".join("" if line == "." else line for line in lines) + "\n"


def write_files(
    folder: Path, words: list[str], vectors: npt.NDArray[np.float32], licence: str
) -> None:
    """Write builtin.npz, which carries the licence too, and WORDNET-LICENCE.txt."""
    path = folder / "builtin.npz"
    # NumPy gives the members of the archive a fixed date, so that equal arrays make equal files.
    np.savez_compressed(path, words=np.array(words), vectors=vectors, licence=np.array(licence))
    preface = (
        "The file builtin.npz is derived from the WordNet 3.0 database, whose licence follows, and "
        "can be\nrebuilt from it with `python tools/build_builtin_space.py`.\n\n"
    )
    (folder / "WORDNET-LICENCE.txt").write_text(preface + licence, encoding="utf-8")
    print(f"Wrote {path} ({path.stat().st_size} bytes) and WORDNET-LICENCE.txt.")


def check_files(
    folder: Path, words: list[str], vectors: npt.NDArray[np.float32], licence: str
) -> bool:
    """Say whether builtin.npz is what this script builds, and return the answer."""
    path = folder / "builtin.npz"
    if not path.is_file():
        print(f"{path} does not exist.")
        return False
    with np.load(path, allow_pickle=False) as shipped:
        if shipped["words"].tolist() != words or shipped["vectors"].shape != vectors.shape:
            print(f"{path} differs from the rebuilt space: not the same words.")
            return False
        if str(shipped["licence"]) != licence:
            print(f"{path} differs from the rebuilt space: not the same licence text.")
            return False
        difference = float(np.abs(shipped["vectors"] - vectors).max())
    same = difference <= CHECK_TOLERANCE
    verdict = "agrees with" if same else "differs from"
    print(f"{path} {verdict} the rebuilt space (largest difference {difference:.2g}).")
    return same


def print_report(words: list[str], vectors: npt.NDArray[np.float32]) -> None:
    """Print neighbours of some words, and the least and the greatest distance of two words."""
    pairwise = pdist(vectors.astype(np.float64))
    distances = squareform(pairwise)
    print("Nearest neighbours (Euclidean distance):")
    for word in DEMO_WORDS.split():
        row = distances[words.index(word)]
        nearest = np.argsort(row, kind="stable")[1:8]
        print(f"  {word:8}", ", ".join(f"{words[i]} {row[i]:.2f}" for i in nearest))
    firsts, seconds = np.triu_indices(len(words), 1)
    for name, i in (("Least", pairwise.argmin()), ("Greatest", pairwise.argmax())):
        pair = f"{words[firsts[i]]} and {words[seconds[i]]}"
        print(f"{name} distance: {pairwise[i]:.4f} ({pair})")


def main() -> int:
    """Run the command line; the exit status is 0, or 1 (--check failed), or 2 (no WordNet)."""
    data_folder = Path(__file__).resolve().parents[1] / "mechanisms" / "spaces" / "data"
    debian_copyright = Path("/usr/share/doc/wordnet-base/copyright")
    parser = argparse.ArgumentParser(
        description="Build the built-in embedding space from WordNet's database files."
    )
    parser.add_argument(
        "--wordnet", type=Path, default=Path("/usr/share/wordnet"), help="folder of data.noun etc."
    )
    parser.add_argument(
        "--copyright", type=Path, default=debian_copyright, help="Debian copyright file of WordNet"
    )
    parser.add_argument("--output", type=Path, default=data_folder, help="folder for the files")
    parser.add_argument(
        "--check", action="store_true", help="write nothing; compare a rebuild with the files"
    )
    options = parser.parse_args()
    try:
        require_wordnet(options.wordnet)
        licence = wordnet_licence(options.copyright)
        words, vectors = build_space(options.wordnet)
    except (SourceError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    print_report(words, vectors)
    if options.check:
        return 0 if check_files(options.output, words, vectors, licence) else 1
    options.output.mkdir(parents=True, exist_ok=True)
    write_files(options.output, words, vectors, licence)
    return 0


if __name__ == "__main__":
    sys.exit(main())
