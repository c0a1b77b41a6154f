"""Put what `make audit` prints between the fences of README.md, `python -m tools.write_readme`."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

_BLOCK = re.compile(r"(<!-- output of: make audit -->\n```text\n).*?(```)", re.S)


def main() -> None:
    """Run the showcase in a temporary folder and rewrite the block with its output."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "dpaudit.showcase", "--output", "audit-output"]
        done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=True)
    printed = "".join(f"{line.rstrip()}\n" for line in done.stdout.splitlines())
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    readme.write_text(_BLOCK.sub(lambda m: m[1] + printed + m[2], text), encoding="utf-8")


if __name__ == "__main__":
    main()
