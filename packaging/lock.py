"""Write requirements.lock: every third-party package of the product with the hashes of its files.

    make lock

The Dockerfile installs from it before the product itself. PyTorch is not in it, because its hash
differs by index: constraints.txt pins its version, and what it needs is listed here.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "packaging" / "requirements.lock"
PYTORCH_NEEDS = (
    "filelock", "fsspec", "jinja2", "networkx", "setuptools", "sympy", "typing-extensions",
)  # fmt: skip
"""What PyTorch's CPU build asks for (its metadata)."""
HEADER = """\
# Written by `make lock` from pyproject.toml and constraints.txt: do not edit.
# Every package of the product but PyTorch, for every Python and machine that README names.
"""


def main() -> None:
    """Resolve with uv, which knows all platforms at once; it is installed for that alone."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [line for line in project["project"]["dependencies"] if not line.startswith("torch")]
    wanted += [*PYTORCH_NEEDS, *project["build-system"]["requires"]]
    pins = (ROOT / "constraints.txt").read_text().splitlines()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        venv.create(place / "venv", with_pip=True)
        python = place / "venv" / "bin" / "python"
        pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "uv"]
        subprocess.run(pip, check=True)
        (place / "wanted.in").write_text("\n".join(wanted))
        kept = [line for line in pins if not line.startswith("torch==")]
        (place / "pins.txt").write_text("\n".join(kept))
        resolve = [
            str(python), "-m", "uv", "pip", "compile", "--quiet", "--universal",
            "--python-version", "3.11", "--generate-hashes", "--no-header", "--no-annotate",
            "--constraint", str(place / "pins.txt"), "--output-file", str(place / "lock"),
            str(place / "wanted.in"),
        ]  # fmt: skip
        subprocess.run(resolve, check=True)
        LOCK.write_text(HEADER + (place / "lock").read_text())
    sys.stdout.write(f"{LOCK.relative_to(ROOT)} written\n")


if __name__ == "__main__":
    main()
