"""`dpaudit verify`: checks a certificate."""

from typing import Annotated

import typer

from ..exit_codes import ExitCode
from ..visible import json_text, visible
from .options import JsonFile, Quiet, UnusedSeed
from .outputs import outputs
from .progress import progress_bar

__all__ = ["command"]


def command(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A certificate.")],
    space: Annotated[
        str | None,
        typer.Option(
            "--space",
            help="The embedding file that must hold the words and vectors of the certificate; "
            "“builtin” for the space that ships with dpaudit.",
        ),
    ] = None,
    seed: UnusedSeed = 0,
    json_file: JsonFile = None,
    quiet: Quiet = False,
) -> None:
    """Check a certificate: derive its verdict anew from vectors and parameters.

    Exit code 0: verified; 1: rejected, with the reasons, or about another space than --space; 2:
    the file is no certificate, or the embedding that it speaks about cannot be read.

    Example: dpaudit verify certificate.json
    """
    out = outputs(quiet, {"--json": json_file}, {"FILE": file, "--space": space})
    from ..certificates import statement as says
    from ..certificates import verify

    with progress_bar(quiet) as show:
        found = verify(file, space, (lambda part: show("checking", part)) if show else None)
    certificate, (meant, compared) = found.certificate, says.space_sentences(found)
    verdict, stated = "VERIFIED" if found.verified else "REJECTED", says.statement(certificate)
    out.verdict(f"{verdict}: {stated if found.verified else ' '.join(found.reasons)}")
    if out.text:
        print(verdict)
        if not found.verified:
            for reason in found.reasons:
                print(f"  - {visible(reason)}")
            print("  What the file states does not follow:")
        for sentence in (stated, meant, compared, *found.reading):
            print(f"  {visible(sentence)}")
        if found.verified:
            print(f"  {says.what_it_proves(certificate)}")
        print(f"  {says.not_checked_sentence(found)}")
    report = {
        "certificate": file,
        "verified": found.verified,
        "statement": stated,
        "sha256": certificate.space.sha256,
        "embedding": found.embedding,
        "compared": compared,
        "reading": list(found.reading),
        "not_checked": found.not_checked,
        "checks": [{"what": check.what, "passed": check.passed} for check in found.checks],
        "reasons": list(found.reasons),
    }
    out.write("--json", lambda: json_text(report))
    raise typer.Exit(ExitCode.PASSED if found.verified else ExitCode.VIOLATED)
