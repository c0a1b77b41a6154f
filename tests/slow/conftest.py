"""Programs that slow tests need: without them a test fails in CI, and is skipped elsewhere."""

import os
import shutil

import pytest


def program(names: tuple[str, ...], reason: str) -> str:
    for name in names:
        if found := shutil.which(name):
            return found
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def chromium() -> str:
    names = ("chromium", "chromium-browser", "google-chrome")
    return program(names, f"No {', '.join(names)} on PATH: the page is not looked at.")


@pytest.fixture(scope="session")
def pdflatex() -> str:
    return program(
        ("pdflatex",), "No pdflatex on PATH (Debian: texlive-latex-base): nothing is compiled."
    )
