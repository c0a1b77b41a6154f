"""`dpaudit privatize`: text in, text out, word by word.

What was read never gets into a message, a log, the JSON or the page; `--show-originals` is the
exception for messages.
"""

import contextlib
import os
import shlex
import signal
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from ..errors import DPAuditError, InputError, InternalError
from .options import (
    Epsilon,
    JsonFile,
    Name,
    Parameters,
    Quiet,
    build_mechanism,
    parse_parameters,
)
from .outputs import STANDARD, Outputs, outputs
from .progress import progress_bar
from .space_options import BUILTIN, SpaceOptions, takes_space
from .streams import reader_has_gone, say, standard_output

if TYPE_CHECKING:
    from ..privatizing import Guarantee, Lexicon, Privatizer, Scan
    from ..privatizing.stream import Unknown

__all__ = ["command"]

_UNKNOWN = ("refuse", "mask", "drop", "keep")

#: Largest vocabulary whose nearest neighbours are found for the page.
_LARGEST_EXTENT = 5000


@takes_space
def command(
    name: Name,
    epsilon: Epsilon = None,
    in_file: Annotated[
        str, typer.Option("--in", "-i", metavar="FILE", help="Text; - is standard input.")
    ] = "-",
    out_file: Annotated[
        str, typer.Option("--out", "-o", metavar="FILE", help="Output; - is standard output.")
    ] = "-",
    space: SpaceOptions = BUILTIN,
    settings: Parameters = None,
    unknown: Annotated[
        str,
        typer.Option(
            "--unknown",
            help="Words outside the vocabulary: refuse, mask, drop, or keep (not private).",
        ),
    ] = "refuse",
    mask: Annotated[
        str | None,
        typer.Option("--mask", metavar="TEXT", help="What --unknown mask writes; default: <unk>."),
    ] = None,
    keep_punctuation: Annotated[
        bool,
        typer.Option(
            "--keep-punctuation", help="Copy punctuation and spacing; nothing protects them."
        ),
    ] = False,
    show_originals: Annotated[
        bool, typer.Option("--show-originals", help="Let messages quote the text.")
    ] = False,
    total_only: Annotated[
        bool, typer.Option("--total-only", help="No statement about every line.")
    ] = False,
    batch: Annotated[
        int,
        typer.Option("--batch", min=1, metavar="BYTES", help="Read so much at once."),
    ] = 2**18,
    seed: Annotated[
        int | None,
        typer.Option("--seed", min=0, help="Predictable noise, for tests; needs --insecure."),
    ] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Allow --seed: the output is not private.")
    ] = False,
    json_file: JsonFile = None,
    html_file: Annotated[
        str | None,
        typer.Option(
            "--html",
            metavar="FILE",
            help="Write a page with the kinds of replacement; for internal use.",
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Privatise a text word by word, and say on standard error what that adds up to.

    A file is scanned first and refused if it has words outside the vocabulary; standard input
    stops at the first one. Case and punctuation are dropped. Every run uses fresh randomness.

    Example: dpaudit privatize metric-exponential --epsilon 12 --in notes.txt --out private.txt
    """
    policy = _policy(unknown)
    _check_seed(seed, insecure)
    if mask is not None and policy != "mask":
        raise InputError("--mask has no effect without --unknown mask: add it, or leave it out.")
    mask = "<unk>" if mask is None else mask
    out = outputs(
        quiet,
        {"--out": out_file, "--json": json_file, "--html": html_file},
        {"--in": in_file, **space.files()},
    )
    from ..privatizing import (
        Guarantee,
        Lexicon,
        Privatizer,
        Tally,
        predictable_generator,
        secure_generator,
        trial,
    )
    from ..privatizing.summary import Summary

    vocabulary = space.load()
    mechanism = build_mechanism(name, vocabulary, parse_parameters(epsilon, settings))
    vocabulary = getattr(mechanism, "space", vocabulary)
    lexicon = Lexicon(vocabulary.words)
    if policy == "mask":
        _check_mask(mask, lexicon)
    trial(mechanism, vocabulary)
    guarantee = Guarantee.of(mechanism, vocabulary)
    tally = None
    if html_file:
        tally = Tally(vocabulary, extent=len(vocabulary) <= _LARGEST_EXTENT)
    run = Privatizer(
        mechanism,
        vocabulary,
        secure_generator() if seed is None else predictable_generator(seed),
        unknown=policy,
        mask=mask,
        punctuation=keep_punctuation,
        show_originals=show_originals,
        joined=space.multiword == "join",
        tally=tally,
        lexicon=lexicon,
    )
    with _stopped_by_signals(), _source(in_file, batch) as source:
        found = None
        if source.size is not None:
            with progress_bar(quiet) as show:
                found = _scan(source, lexicon, show_originals, show)
            if policy == "refuse" and found.unknown:
                raise InputError(_refusal(in_file, found))
        _warn(policy, seed, keep_punctuation, guarantee, found)
        if not quiet:
            audited = _audit_command(name, epsilon, space, settings)
            _explain(run, guarantee, audited)
            _name_multiword(run)
        with _sink(out) as sink:
            _run(run, source, sink, found, guarantee, quiet or total_only, quiet)
            if not quiet:
                _total(run, guarantee)
            summary = Summary(
                mechanism.name,
                dict(mechanism.parameters),
                vocabulary,
                guarantee,
                seed is None,
                policy,
                keep_punctuation,
                run.lines,
                run.words,
                run.unknown_words,
                tally,
            )
            out.write("--json", summary.to_json)
            if "--html" in out.files:
                from ..reports import privatized

                out.write("--html", lambda: privatized.render(summary))


def _policy(unknown: str) -> "Unknown":
    for known in _UNKNOWN:
        if unknown == known:
            return known  # type: ignore[return-value]
    raise InputError(f"--unknown is {unknown!r}, but it must be one of {', '.join(_UNKNOWN)}.")


def _check_seed(seed: int | None, insecure: bool) -> None:
    if seed is not None and not insecure:
        raise InputError(
            "--seed makes the noise predictable, so the output would not be private. For a test, "
            "add --insecure; otherwise leave --seed out."
        )
    if insecure and seed is None:
        raise InputError("--insecure allows --seed and does nothing else: give a --seed, or none.")


def _check_mask(mask: str, lexicon: "Lexicon") -> None:
    if not mask or mask.split() != [mask] or not mask.isprintable():
        raise InputError(f"--mask is {mask!r}, but it must be printable and without spaces.")
    if mask in lexicon:
        raise InputError(
            f"--mask is {mask!r}, which is a word of the vocabulary: choose another one."
        )


class _Source:
    """The text: bytes in blocks. `size` is None if it can be read only once."""

    def __init__(self, name: str, stream: Any, batch: int) -> None:
        self._name, self._stream, self._batch = name, stream, batch
        self.size: int | None = None
        if name != "-" and stat.S_ISREG((found := os.fstat(stream.fileno())).st_mode):
            self.size = found.st_size

    def blocks(self, show: Callable[[float], None] | None = None) -> Iterator[bytes]:
        """All blocks; a file from its start."""
        done = 0
        try:
            if self.size is not None:
                self._stream.seek(0)
            while block := self._stream.read1(self._batch):
                done += len(block)
                if show and self.size:
                    show(min(1.0, done / self.size))
                yield block
        except OSError as error:
            raise _unreadable(self._name, error) from None


def _unreadable(name: str, error: OSError) -> InputError:
    return InputError(f"--in is {name!r}, but it cannot be read: {error.strerror or error}.")


@contextlib.contextmanager
def _source(name: str, batch: int) -> Iterator[_Source]:
    if name == "-":
        if sys.stdin is None:
            raise InputError("--in is not given, and there is no standard input.")
        yield _Source(name, sys.stdin.buffer, batch)
        return
    try:
        stream = Path(name).open("rb")  # noqa: SIM115
    except OSError as error:
        raise _unreadable(name, error) from None
    with stream:
        yield _Source(name, stream, batch)


@contextlib.contextmanager
def _sink(out: Outputs) -> Iterator[BinaryIO]:
    """Where the text goes."""
    from ..files import whole_file

    name = out.files["--out"]
    with standard_output() if name == STANDARD else whole_file(name) as stream:
        yield stream


@contextlib.contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """A signal that asks to end leaves through the blocks that clean up."""

    def stop(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heeded = [n for n in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) == signal.SIG_DFL]
    before = {number: signal.signal(number, stop) for number in heeded}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _scan(
    source: _Source,
    lexicon: "Lexicon",
    examples: bool,
    show: Callable[[str, float], None] | None,
) -> "Scan":
    from ..privatizing import scan

    progress = (lambda part: show("scanning", part)) if show else None
    with _withheld(examples):
        return scan(source.blocks(progress), lexicon, examples)


def _refusal(name: str, found: "Scan") -> str:
    examples = ", ".join(repr(word[:40]) for word in found.examples)
    shown = f"For example: {examples}." if examples else "--show-originals names some."
    return (
        f"{name} has {found.unknown:,} words outside the vocabulary, of {found.words:,}. {shown} "
        "Nothing is written. Say what to do with such words: --unknown mask, drop or keep."
    )


def _warn(
    unknown: str,
    seed: int | None,
    punctuation: bool,
    guarantee: "Guarantee",
    found: "Scan | None",
) -> None:
    """What is not private about this run: said whatever --quiet says."""
    if seed is not None:
        say("WARNING: the noise is predictable (--insecure): the output is not private.")
    if unknown == "keep":
        count = f"{found.unknown:,} words" if found else "words"
        say(
            f"WARNING: --unknown keep passes {count} outside the vocabulary through as they are; "
            "names and numbers are most often among them. Nothing protects them."
        )
    if punctuation:
        say(
            "WARNING: --keep-punctuation copies punctuation and spacing, which nothing protects "
            "and which may tell who wrote the text."
        )
    if guarantee.refuted:
        say(
            "WARNING: the mechanism's claim is false on this vocabulary, so nothing is "
            f"guaranteed: {guarantee.refuted}."
        )


def _explain(run: "Privatizer", guarantee: "Guarantee", audit: str) -> None:
    from ..privatizing.guarantee import OUTSIDE

    say(f"{len(run.space):,} words of {run.space.source}")
    for sentence in guarantee.explanation():
        say(sentence)
    for remark in getattr(run.mechanism, "remarks", ()):
        say(remark)
    if run.unknown != "refuse" and guarantee.claim:
        say(OUTSIDE[run.unknown])
    if guarantee.claim and not guarantee.refuted and not guarantee.proven:
        say(f"This is what the mechanism claims. Check it: {audit}")


def _name_multiword(run: "Privatizer") -> None:
    """Name the words of the vocabulary that no text can hold as one word."""
    from ..mechanisms.spaces.tokens import is_one_token, joined
    from ..results.reading import count_of, named

    several = [word for word in run.space.words if not is_one_token(word)]
    if not several:
        return
    what = f"Of the vocabulary {count_of(len(several), 'word')} can never be read from a text, "
    what += f"being not one token: {named(several)}."
    if not run.joined:
        say(
            f"{what} As outputs they look like something else. Leave them out (--multiword "
            "exclude) or write them joined by _ (--multiword join)."
        )
        return
    by_form: dict[str, list[str]] = {}
    for word in run.space.words:
        by_form.setdefault(joined(word), []).append(word)
    same = [" = ".join(words) for words in by_form.values() if len(words) > 1]
    also = f" Written alike then: {named(same)}." if same else ""
    say(f"{what} They are written joined by _.{also}")


def _total(run: "Privatizer", guarantee: "Guarantee") -> None:
    lines = f"{run.lines:,} line{'s' * (run.lines != 1)}"
    words = f"{run.words:,} word{'s' * (run.words != 1)}"
    say(f"total: {lines}, {words}, {guarantee.loss(run.words)}")
    if guarantee.epsilon_at_most(run.words) is not None:
        say(guarantee.shipped(run.words))
        say("Another release of the same text adds its own loss to this one.")


def _run(
    run: "Privatizer",
    source: _Source,
    sink: BinaryIO,
    found: "Scan | None",
    guarantee: "Guarantee",
    silent: bool,
    quiet: bool,
) -> None:
    """Privatise from source to sink; whoever reads standard output gets every block at once."""
    import hashlib

    digest = hashlib.blake2b()
    streams = sink is sys.stdout.buffer

    def write(text: str) -> None:
        try:
            sink.write(text.encode("utf-8"))
            if streams:
                sink.flush()
                if reader_has_gone():
                    raise BrokenPipeError
        except BrokenPipeError:
            raise
        except OSError as error:
            raise InputError(f"The output cannot be written: {error.strerror}.") from None

    def report(counts: list[int]) -> None:
        if not silent:
            lines = [guarantee.line(run.lines + i, n) for i, n in enumerate(counts, start=1)]
            print("\n".join(lines), file=sys.stderr, flush=True)

    def blocks(show: Callable[[float], None] | None) -> Iterator[bytes]:
        for block in source.blocks(show):
            digest.update(block)
            yield block

    try:
        with _withheld(run.show_originals), progress_bar(quiet or not silent) as show:
            progress = (lambda part: show("privatising", part)) if show else None
            run.run(blocks(progress), write, report)
        if found is not None and digest.digest() != found.digest:
            raise InputError("The input changed while it was read. Run again when it is at rest.")
    except BrokenPipeError:
        # What was drawn may have been read, so it is spent; the rest of the text is not needed.
        if not quiet:
            say("The reader of the output has gone: stopped.")
    except DPAuditError:
        if streams and run.words:
            say(
                f"{run.words:,} words were written before this, {guarantee.loss(run.words)}: that "
                "is spent, and another run adds to it."
            )
        raise


@contextlib.contextmanager
def _withheld(show_originals: bool) -> Iterator[None]:
    """An unforeseen exception while the text is in memory may quote it, and so may its traceback:
    only its kind gets out. Errors of dpaudit about texts quote nothing."""
    failure = None
    try:
        yield
    except (DPAuditError, OSError):
        raise
    except Exception as error:
        if show_originals:
            raise
        failure = type(error).__name__
    if failure:
        from ..privatizing.stream import WITHHELD

        raise InternalError(f"Stopped by an unforeseen {failure}. {WITHHELD}")


def _audit_command(
    name: str,
    epsilon: float | None,
    space: SpaceOptions,
    settings: list[str] | None,
) -> str:
    """The command that audits the mechanism as it is used here."""
    parts = ["dpaudit", "audit", name]
    parts += [] if epsilon is None else ["--epsilon", f"{epsilon:.17g}"]
    parts += space.arguments()
    for setting in settings or []:
        parts += ["--set", setting]
    return shlex.join(parts)
