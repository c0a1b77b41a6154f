"""Faults of text privatisation."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from benchmarks.statistical.published.fault import Fault, Floats
from dpaudit import MetricDP, PureDP

#: Length of the vectors that an auto-encoder makes of texts.
WIDTH = 16


def adept(x: tuple[float, ...], scale: float, size: int, rng: Generator) -> Floats:
    """A vector clipped to Euclidean length 1, with Laplace noise in every coordinate."""
    clipped = np.asarray(x) / max(1.0, float(np.linalg.norm(x)))
    return clipped + rng.laplace(0.0, scale, (size, len(x)))


def euclidean_sensitivity(x: tuple[float, ...], size: int, rng: Generator) -> Floats:
    return adept(x, 2.0, size, rng)


def manhattan_sensitivity(x: tuple[float, ...], size: int, rng: Generator) -> Floats:
    return adept(x, 2.0 * len(x) ** 0.5, size, rng)


def one_sided_noise(x: float, size: int, rng: Generator) -> Floats:
    """A formula for u between -1/2 and 1/2 that is given positive u only."""
    u = 0.5 * rng.random(size)
    return x - np.sign(u) * np.log1p(-2.0 * np.abs(u))


def two_sided_noise(x: float, size: int, rng: Generator) -> Floats:
    return x + rng.laplace(0.0, 1.0, size)


#: Words on a line, 1 apart.
SCALE = np.array(["cold", "cool", "mild", "warm", "hot"])


def second_price(x: str, struck: bool, size: int, rng: Generator) -> NDArray[np.str_]:
    """The nearest or the second nearest word, whose chances are in proportion to the distances; the
    word itself is struck where it is nearest."""
    places, own = np.arange(len(SCALE)), list(SCALE).index(x)
    gaps = np.abs(own + rng.laplace(0.0, 1.0, (size, 1)) - places)
    if struck:
        gaps[gaps.argmin(axis=1) == own, own] = np.inf
    order, distances = np.argsort(gaps, axis=1), np.sort(gaps, axis=1)
    second = rng.random(size) * (distances[:, 0] + distances[:, 1]) < distances[:, 0]
    return SCALE[np.where(second, order[:, 1], order[:, 0])]


def second_price_struck(x: str, size: int, rng: Generator) -> NDArray[np.str_]:
    return second_price(x, True, size, rng)


def second_price_kept(x: str, size: int, rng: Generator) -> NDArray[np.str_]:
    return second_price(x, False, size, rng)


#: A vocabulary with a word for everything else, and the most words that a text has.
WORDS = np.array([*(f"word{number}" for number in range(60)), "-"])
LONGEST, EPSILON = 6, 1.0


def rewritten(x: list[str], size: int, rng: Generator) -> NDArray[np.str_]:
    """Randomized response word by word, which share the budget; shape (size, words)."""
    places = [WORDS.tolist().index(word if word in WORDS else "-") for word in x]
    n, each = len(WORDS), EPSILON / len(x)
    kept = rng.random((size, len(x))) < np.expm1(each) / (np.exp(each) + n - 1.0)
    return WORDS[np.where(kept, places, rng.integers(n, size=kept.shape))]


def word_by_word(x: str, size: int, rng: Generator) -> list[str]:
    """As many words as there were."""
    return [" ".join(words) for words in rewritten(x.split(), size, rng).tolist()]


def padded(x: str, size: int, rng: Generator) -> list[str]:
    words = x.split()
    return word_by_word(" ".join(words + ["-"] * (LONGEST - len(words))), size, rng)


def unknown_words_kept(x: str, size: int, rng: Generator) -> list[str]:
    """A word that is not in the vocabulary is returned as it is."""
    words = x.split()
    texts = rewritten(words, size, rng).astype(object)
    texts[:, [word not in WORDS for word in words]] = [word for word in words if word not in WORDS]
    return [" ".join(text) for text in texts.tolist()]


FAULTS = (
    Fault(
        "adept",
        "Habernal, EMNLP 2021 (arXiv 2109.03175), on Krishna et al., EACL 2021",
        "Laplace noise for the Euclidean sensitivity of a vector",
        euclidean_sensitivity,
        manhattan_sensitivity,
        PureDP(1.0),
        [((0.25,) * WIDTH, (-0.25,) * WIDTH)],
    ),
    Fault(
        "dptext",
        "Habernal, ACL 2022 (arXiv 2202.12138), on Beigi et al. 2019",
        "the reparametrised noise lies on one side only",
        one_sided_noise,
        two_sided_noise,
        PureDP(1.0),
        [(0.0, 1.0)],
    ),
    Fault(
        "second-price",
        "sjmeis/MLDP, mldp-text 0.1.2, VickreyMechanism, on Xu et al., PrivateNLP 2021",
        "the word itself is struck where it is nearest",
        second_price_struck,
        second_price_kept,
        MetricDP(1.0),
        [("cold", "cool", 1.0)],
    ),
    Fault(
        "length-of-text",
        "Mattern, Weggenmann and Kerschbaum, Findings of NAACL 2022",
        "a text keeps its number of words",
        word_by_word,
        padded,
        PureDP(EPSILON),
        [("word1 word2 word3 word4", "word1 word2 word3 word4 word5 word6")],
    ),
    Fault(
        "unknown-word",
        "sjmeis/MLDP, mldp-text 0.1.2, replace_word",
        "a word outside of the vocabulary is returned as it is",
        unknown_words_kept,
        word_by_word,
        PureDP(EPSILON),
        [("word1 word2 word3 word4 word5", "word1 word2 word3 Zykowski word5")],
    ),
)
