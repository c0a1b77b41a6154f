"""Run the truncated Gumbel mechanism of mldp-text 0.1.2 beside dpaudit's exact law of it.

    python -m tools.run_mldp_text                   # print what was found; a minute
    python -m tools.run_mldp_text --output docs     # write the tables of docs/truncated-gumbel.md

The package needs NumPy 1 and an old SciPy, so it is installed into a throwaway virtual
environment and run there. Exit code: 0 if the package behaves as described, 1 if it does not,
3 if it cannot be installed here, in which case nothing is checked.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from dpaudit import EmbeddingSpace
from dpaudit.mechanisms import TruncatedGumbel
from tools.markdown import markdown_table, number, update_page
from tools.refutation import PAGE, smallest_epsilon

PACKAGE = "mldp-text==0.1.2"

#: No two distances from one word are equal, and all coordinates are exact in single precision.
WORDS = ("ape", "bee", "cat", "dog", "eel")
VECTORS = ((0.0, 0.0), (1.0, 0.0), (0.0, 2.5), (4.0, 1.0), (3.0, 6.0))
EPSILON = 12.0
SEED = 2021

#: Level of the test of fit; cells with a smaller expected count are pooled.
ALPHA = 0.001
SMALLEST_CELL = 5.0

#: Parameters below and above the bound under which the scale has no derivation.
EPSILONS = (0.5, 1.0, 2.0, 3.0, 4.9, 6.0, 8.0, 9.0, 12.0)

#: Seconds for pip, and for the driver.
TIME_LIMIT = 1800

#: Runs where mldp-text is installed: what to do comes as JSON in the first file, what happened
#: goes as JSON into the second one.
DRIVER = """
import json, random, sys
from collections import Counter

import numpy as np
import scipy
from gensim.models import KeyedVectors

from mldp_text import TruncatedGumbel

task = json.load(open(sys.argv[1]))
random.seed(task["seed"])
np.random.seed(task["seed"])


def vectors(words, rows):
    found = KeyedVectors(len(rows[0]))
    found.add_vectors(words, np.array(rows, dtype=np.float32))
    return found


small = vectors(task["words"], task["vectors"])
options = {"embedding_matrix": small, "dim": small.vector_size, "vocab": set(task["words"])}
options |= {"use_faiss": False}
extent = {"min_inter_dist": task["shortest"], "max_inter_dist": task["longest"]}


def error(action):
    try:
        action()
    except Exception as raised:
        return type(raised).__name__ + (f": {raised}" if str(raised) else "")
    return None


def scale(epsilon):
    mechanism = TruncatedGumbel(epsilon, **options, **extent)
    failure = error(lambda: [mechanism.replace_word(task["words"][0]) for _ in range(100)])
    return {"epsilon": epsilon, "scale": float(mechanism.b), "error": failure}


def with_faiss():
    words = [str(i) for i in range(200)]
    rows = np.random.standard_normal((200, 3)).tolist()
    mechanism = TruncatedGumbel(
        2000.0, embedding_matrix=vectors(words, rows), dim=3, vocab=set(words), use_faiss=True,
        min_inter_dist=0.05, max_inter_dist=7.0,
    )
    for _ in range(20_000):
        mechanism.replace_word("0")


mechanism = TruncatedGumbel(task["epsilon"], **options, **extent)
counts = {
    word: Counter(mechanism.replace_word(word) for _ in range(task["draws"]))
    for word in task["words"]
}
result = {
    "counts": counts,
    "scale": float(mechanism.b),
    "scales": [scale(epsilon) for epsilon in task["epsilons"]],
    "own_distances": error(lambda: TruncatedGumbel(task["epsilon"], **options)),
    "faiss": error(with_faiss),
    "versions": {"Python": sys.version.split()[0], "NumPy": np.__version__,
                 "SciPy": scipy.__version__},
}
json.dump(result, open(sys.argv[2], "w"))
"""

Floats = NDArray[np.float64]


class NotInstalled(Exception):  # noqa: N818
    """The package cannot be installed here; the message says why."""


@dataclass(frozen=True)
class Fit:
    """Pearson's test of counts against a law, over all inputs."""

    statistic: float
    degrees: int

    @property
    def p_value(self) -> float:
        """The chance of a statistic at least as large under the law."""
        return float(chi2.sf(self.statistic, self.degrees))


def run_package(space: EmbeddingSpace, draws: int) -> dict[str, Any]:
    """Install the package in a throwaway environment, run the driver, return its findings."""
    task = {
        "words": space.words,
        "vectors": VECTORS,
        "epsilon": EPSILON,
        "shortest": space.extent.min_distance,
        "longest": space.extent.max_distance,
        "draws": draws,
        "epsilons": EPSILONS,
        "seed": SEED,
    }
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        python = _install(home / "environment")
        (home / "driver.py").write_text(DRIVER, encoding="utf-8")
        (home / "task.json").write_text(json.dumps(task), encoding="utf-8")
        command = [str(python), "-I", "driver.py", "task.json", "result.json"]
        done = subprocess.run(command, cwd=home, capture_output=True, text=True, timeout=TIME_LIMIT)
        if done.returncode:
            raise SystemExit(f"The driver failed where {PACKAGE} is installed:\n{done.stderr}")
        return json.loads((home / "result.json").read_text(encoding="utf-8"))


def _install(folder: Path) -> Path:
    print(f"Installing {PACKAGE} into a temporary environment ...", flush=True)
    try:
        venv.create(folder, with_pip=True)
    except (OSError, subprocess.CalledProcessError) as failure:
        raise NotInstalled(f"no virtual environment can be made: {failure}") from None
    python = folder / "bin" / "python"
    command = [str(python), "-m", "pip", "install", "--quiet", PACKAGE]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIME_LIMIT)
    except subprocess.TimeoutExpired:
        raise NotInstalled(f"pip took more than {TIME_LIMIT} seconds") from None
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
        raise NotInstalled(reason)
    return python


def counts_matrix(counts: dict[str, dict[str, int]], words: Sequence[str]) -> Floats:
    """Counts by input and output, shape (n, n)."""
    return np.array([[counts[x].get(y, 0) for y in words] for x in words], dtype=np.float64)


def fit(counts: Floats, laws: Floats) -> Fit:
    """Pearson's statistic over the possible outputs of all inputs, rare ones pooled."""
    statistic, degrees = 0.0, 0
    for observed, law in zip(counts, laws, strict=True):
        expected = observed.sum() * law
        rare = expected < SMALLEST_CELL
        cells = [*zip(observed[~rare], expected[~rare], strict=True)]
        if expected[rare].sum() > 0.0:
            cells.append((observed[rare].sum(), expected[rare].sum()))
        statistic += sum((o - e) ** 2 / e for o, e in cells)
        degrees += len(cells) - 1
    return Fit(statistic, degrees)


def exact_laws(space: EmbeddingSpace, cutoff: str) -> Floats:
    """Output probabilities by input and output, shape (n, n)."""
    mechanism = TruncatedGumbel(space, epsilon=EPSILON, cutoff=cutoff)
    return np.exp(mechanism.log_laws(slice(0, len(space))))


def counts_table(space: EmbeddingSpace, counts: Floats, laws: Floats) -> str:
    """Observed counts with the expected ones, and the word that is never drawn."""
    rows = []
    for i, word in enumerate(space.words):
        cells = [
            f"{observed:,.0f} ({expected:,.1f})" if expected else f"**{observed:,.0f}** (0)"
            for observed, expected in zip(counts[i], counts[i].sum() * laws[i], strict=True)
        ]
        rows.append([word, *cells])
    return markdown_table(["input", *(f"→ {word}" for word in space.words)], rows)


def range_table(scales: Sequence[dict[str, Any]]) -> str:
    """What the package does with parameters below and above the bound on epsilon."""
    rows = []
    for entry in scales:
        outcome = f"`{entry['error']}`" if entry["error"] else "draws words"
        rows.append([f"{entry['epsilon']:g}", f"{entry['scale']:.2f}", outcome])
    return markdown_table(["ε", "scale b of the package", "replace_word"], rows)


def summary(found: dict[str, Any], space: EmbeddingSpace, counts: Floats) -> tuple[str, bool]:
    """Sentences for the page, and whether everything is as described."""
    draws = int(counts[0].sum())
    shipped, published = (fit(counts, exact_laws(space, c)) for c in ("mldp-text", "published"))
    impossible = counts[exact_laws(space, "mldp-text") == 0.0]
    farthest = space.order[:, -1]
    own = np.array([counts[word, word] for word in farthest])
    expected_scale = TruncatedGumbel(space, epsilon=EPSILON, cutoff="mldp-text").scale
    good = (
        shipped.p_value >= ALPHA
        and published.p_value < ALPHA
        and not impossible.any()
        and bool((own > 0).all())
        and abs(found["scale"] / expected_scale - 1.0) < 1e-6
    )
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    lines = [
        f"- {draws:,} draws on each of {len(space)} words at ε = {EPSILON:g}, seed {SEED}, "
        f"{versions}; scale b = {found['scale']:.6f}, dpaudit's {expected_scale:.6f}.",
        f"- Fit to dpaudit's law with `cutoff=\"mldp-text\"`: Pearson's X² = "
        f"{shipped.statistic:.1f} with {shipped.degrees} degrees of freedom, "
        f"{_chance(shipped)}; level α = {ALPHA:g}.",
        f'- Fit to `cutoff="published"`, which must fail: X² = {published.statistic:,.0f} with '
        f"{published.degrees} degrees of freedom, {_chance(published)}.",
        f"- The farthest word from the input came out {impossible.sum():.0f} times in "
        f"{draws * len(space):,} draws; from itself, each of these words came out at least "
        f"{own.min():,.0f} times in {draws:,}.",
        f"- Without `min_inter_dist` and `max_inter_dist` the constructor gives: "
        f"{_outcome(found['own_distances'])}.",
        f"- With `use_faiss=True`, 200 words and 20,000 draws: {_outcome(found['faiss'])}.",
        f"- Everything as described: {'yes' if good else 'NO'}.",
    ]
    return "\n".join(lines), good


def _chance(test: Fit) -> str:
    return f"p = {test.p_value:.2g}" if test.p_value > 1e-300 else "p < 1e-300"


def _outcome(error: str | None) -> str:
    return f"`{error}`" if error else "no error"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the package, compare, print, and write the tables if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=100_000, help="on every input")
    parser.add_argument("--output", type=Path, help="folder of the page, docs")
    options = parser.parse_args(arguments)
    space = EmbeddingSpace(WORDS, VECTORS, source="five points of the plane")
    try:
        found = run_package(space, options.draws)
    except NotInstalled as failure:
        print(f"Skipped, nothing was checked: {PACKAGE} cannot be installed here ({failure}).")
        return 3
    counts = counts_matrix(found["counts"], space.words)
    sentences, good = summary(found, space, counts)
    table = counts_table(space, counts, exact_laws(space, "mldp-text"))
    bound = f"Here (5 + 2 ln n)/Δmin = {number(smallest_epsilon(space))}."
    parts = {
        "mldp-text": f"{table}\n\n{sentences}",
        "mldp-text-range": range_table(found["scales"]),
    }
    parts["mldp-text-range"] += f"\n\n{bound}"
    print("\n\n".join(parts.values()))
    if options.output:
        update_page(options.output / PAGE, parts)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
