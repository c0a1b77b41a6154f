"""`dpaudit verify`: checks a certificate."""

import json
from typing import Annotated

import typer

from .options import JsonFile, Quiet, UnusedSeed, progress_bar, write_output

__all__ = ["command"]


def command(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A certificate.")],
    space: Annotated[
        str | None,
        typer.Option(
            "--space", help="The embedding file, if it is no longer where the certificate says."
        ),
    ] = None,
    seed: UnusedSeed = 0,
    json_file: JsonFile = None,
    quiet: Quiet = False,
) -> None:
    """Check a certificate: derive its verdict anew from vectors and parameters.

    Exit code 0: verified; 1: rejected, with the reasons; 2: the file is no certificate, or the
    embedding that it speaks about cannot be read.

    Example: dpaudit verify certificate.json
    """
    from ..certificates import verify
    from ..certificates.statement import statement, what_it_proves

    with progress_bar(quiet) as show:
        found = verify(file, space, (lambda part: show("checking", part)) if show else None)
    if json_file:
        report = {
            "certificate": file,
            "verified": found.verified,
            "statement": statement(found.certificate),
            "checks": [{"what": check.what, "passed": check.passed} for check in found.checks],
            "reasons": list(found.reasons),
            "reading": list(found.reading),
        }
        write_output(json_file, json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    if not quiet and json_file != "-":
        print("VERIFIED" if found.verified else "REJECTED")
        print(f"  {statement(found.certificate)}")
        for reason in found.reasons:
            print(f"  - {reason}")
        if found.verified:
            print(f"  {what_it_proves(found.certificate)}")
        for sentence in found.reading:
            print(f"  {sentence}")
    raise typer.Exit(0 if found.verified else 1)
