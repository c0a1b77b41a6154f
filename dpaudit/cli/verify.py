"""`dpaudit verify`: checks a certificate."""

import json
from typing import Annotated

import typer

from ..errors import on_command_line
from ..visible import as_json_text, visible
from .options import JsonFile, Quiet, UnusedSeed, progress_bar, write_output

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
    from ..certificates import statement as says
    from ..certificates import verify

    with on_command_line(), progress_bar(quiet) as show:
        found = verify(file, space, (lambda part: show("checking", part)) if show else None)
        certificate, (meant, compared) = found.certificate, says.space_sentences(found)
    if json_file:
        report = {
            "certificate": file,
            "verified": found.verified,
            "statement": says.statement(certificate),
            "sha256": certificate.space.sha256,
            "embedding": found.embedding,
            "compared": compared,
            "not_checked": certificate.not_checked,
            "checks": [{"what": check.what, "passed": check.passed} for check in found.checks],
            "reasons": list(found.reasons),
        }
        text = json.dumps(report, indent=2, ensure_ascii=False)
        write_output(json_file, as_json_text(text) + "\n")
    if not quiet and json_file != "-":
        print("VERIFIED" if found.verified else "REJECTED")
        if not found.verified:
            for reason in found.reasons:
                print(f"  - {visible(reason)}")
            print("  What the file states does not follow:")
        for sentence in (says.statement(certificate), meant, compared):
            print(f"  {sentence}")
        if found.verified:
            print(f"  {says.what_it_proves(certificate)}")
        print(f"  {says.not_checked_sentence(certificate)}")
    raise typer.Exit(0 if found.verified else 1)
