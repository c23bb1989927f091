"""Install the build of PyTorch that suits this machine; `make demo` and the Dockerfile call it.

The registry's build for Linux includes CUDA: several gigabytes of dead weight without an NVIDIA
card. PyTorch's own index has CPU builds of about 200 MB. This file runs before anything is
installed, so it uses only the standard library.
"""

from __future__ import annotations

import argparse
import platform
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from importlib import metadata

PROBE_S = 3.0


def main() -> int:
    """Parse the command line, install what is missing, and return pip's exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("requirement", help="for example torch==2.13.0")
    parser.add_argument("--build", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--cpu-index", required=True, help="PyTorch's index of CPU builds")
    given = parser.parse_args()
    name, _, version = given.requirement.partition("==")
    wants_cuda = given.build == "cuda" or (given.build == "auto" and has_nvidia_card())
    if is_installed(name, version, wants_cuda):
        return 0
    # The registry's build for macOS supports the CPU and Metal, without CUDA.
    if wants_cuda or platform.system() == "Darwin":
        return pip_install("--force-reinstall", given.requirement)
    # First try a CPU build that pip finds without an index (in a folder named in its settings).
    if pip_install("--no-index", given.requirement + "+cpu", quiet=True) == 0:
        return 0
    if answers(given.cpu_index + f"/{name}/"):
        return pip_install("--index-url", given.cpu_index, given.requirement)
    if given.build == "cpu":
        print(
            f"{given.cpu_index} is not responding, and TORCH=cpu allows no other build of PyTorch."
        )
        return 1
    print(
        "PyTorch's index of CPU builds is not responding: pip chooses the build, maybe a large one."
    )
    return 0


def has_nvidia_card() -> bool:
    """Return whether the NVIDIA driver lists a card."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return False
    listed = subprocess.run([tool, "-L"], capture_output=True, check=False)
    return listed.returncode == 0 and b"GPU" in listed.stdout


def is_installed(name: str, version: str, wants_cuda: bool) -> bool:
    """Return whether this version is installed, in the wanted build.

    If CUDA is not wanted, any build will do: it works, and replacing it only costs time.
    """
    try:
        found = metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    base, _, build = found.partition("+")
    return base == version and not (wants_cuda and build == "cpu")


def answers(url: str) -> bool:
    """Return whether this URL serves a page within PROBE_S seconds."""
    try:
        with urllib.request.urlopen(url, timeout=PROBE_S) as page:
            return bool(page.status == 200)
    except (OSError, urllib.error.URLError, ValueError):
        return False


def pip_install(*options: str, quiet: bool = False) -> int:
    """Run pip without PyTorch's dependencies, which Rapport's install resolves; return status."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    command += ["--no-deps", *options]
    return subprocess.run(command, capture_output=quiet, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
