"""Build the wheel, install it in an empty environment and use it from another folder.

`python -m tools.wheel_smoke_test`, from the root of the repository.
"""

import json
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

SPACE = "here 0 0\nnear 1 0\nfar 0 3\n"


def run(*command: str | Path, folder: Path) -> str:
    """Run a command without the repository on the path; stop if it fails."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    print("$", " ".join(str(part) for part in command), flush=True)
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        timeout=600,
        check=True,
    )
    return done.stdout


def main() -> None:
    """Fails with the failing command's exit status, or with an assertion."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run(sys.executable, "-m", "build", "--outdir", folder / "dist", ROOT, folder=folder)
        wheel = next((folder / "dist").glob("*.whl"))
        assert next((folder / "dist").glob("*.tar.gz")), "no source distribution"
        venv.create(folder / "empty", with_pip=True)
        scripts = folder / "empty" / "bin"
        constraints = ROOT / "constraints.txt"
        install = (scripts / "python", "-m", "pip", "install", "--quiet", "-c", constraints, wheel)
        run(*install, folder=folder)
        elsewhere = folder / "elsewhere"
        elsewhere.mkdir()
        (elsewhere / "space.txt").write_text(SPACE, encoding="utf-8")
        assert "audit" in run(scripts / "dpaudit", "--help", folder=elsewhere)
        audit = (scripts / "dpaudit", "audit", "metric-exponential", "--epsilon", "1")
        files = ("--space", "space.txt", "--json", "result.json", "--html", "page.html")
        print(run(*audit, *files, folder=elsewhere))
        result = json.loads((elsewhere / "result.json").read_text(encoding="utf-8"))
        assert result["verdict"] == "upheld", result["verdict"]
        assert "<svg" in (elsewhere / "page.html").read_text(encoding="utf-8")
        run(*audit, "--limit", "50", folder=elsewhere)
    print("The wheel installs into an empty environment and audits from another folder.")


if __name__ == "__main__":
    main()
