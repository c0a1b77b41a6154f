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
    out = outputs(quiet, {"--json": json_file}, {"FILE": file, "--space": space})
    from ..certificates import verify
    from ..certificates.statement import statement, what_it_proves

    with progress_bar(quiet) as show:
        found = verify(file, space, (lambda part: show("checking", part)) if show else None)
    verdict, proven = "VERIFIED" if found.verified else "REJECTED", statement(found.certificate)
    out.verdict(f"{verdict}: {proven}")
    if out.text:
        print(verdict)
        print(f"  {visible(proven)}")
        for reason in found.reasons:
            print(f"  - {visible(reason)}")
        if found.verified:
            print(f"  {visible(what_it_proves(found.certificate))}")
        for sentence in found.reading:
            print(f"  {visible(sentence)}")
    report = {
        "certificate": file,
        "verified": found.verified,
        "statement": proven,
        "checks": [{"what": check.what, "passed": check.passed} for check in found.checks],
        "reasons": list(found.reasons),
        "reading": list(found.reading),
    }
    out.write("--json", lambda: json_text(report))
    raise typer.Exit(ExitCode.PASSED if found.verified else ExitCode.VIOLATED)
