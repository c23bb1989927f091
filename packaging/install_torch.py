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
    parser.add_argument("--constraint", required=True, help="versions of what PyTorch needs")
    given = parser.parse_args()
    name, _, version = given.requirement.partition("==")
    is_mac = platform.system() == "Darwin"
    wants_cuda = given.build == "cuda" or (given.build == "auto" and has_nvidia_card())
    found = installed_build(name, version)
    # If no build was asked for, any will do: it works, and replacing it only costs time. pip
    # replaces a build that does not match only after it has downloaded the other one.
    if found is not None and (
        is_mac
        or found == ("cuda" if wants_cuda else "cpu")
        or not (wants_cuda or given.build == "cpu")
    ):
        return 0
    # The registry's build for macOS supports the CPU and Metal, without CUDA. The one for Linux
    # comes with the libraries that it needs; a CPU build that is at hand must not take its place.
    if is_mac or wants_cuda:
        other = "" if is_mac else f",!={version}+cpu"
        return run_pip("install", "--constraint", given.constraint, f"{given.requirement}{other}")
    # First try a CPU build that pip finds without an index (in a folder named in its settings).
    cpu_build = ("install", "--no-deps", given.requirement + "+cpu")
    if run_pip(*cpu_build, "--no-index", quiet=True) == 0:
        return 0
    has_index = answers(given.cpu_index + f"/{name}/")
    if has_index and run_pip(*cpu_build, "--index-url", given.cpu_index, quiet=True) == 0:
        return 0
    problem = "has no build for this machine" if has_index else "is not responding"
    if given.build == "cpu":
        print(f"{given.cpu_index} {problem}, and TORCH=cpu allows no other build of PyTorch.")
        return 1
    print(
        f"PyTorch's index of CPU builds {problem}: the registry's build is taken, maybe gigabytes."
    )
    return run_pip("install", "--constraint", given.constraint, given.requirement)


def has_nvidia_card() -> bool:
    """Return whether the NVIDIA driver lists a card."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return False
    listed = subprocess.run([tool, "-L"], capture_output=True, check=False)
    return listed.returncode == 0 and b"GPU" in listed.stdout


def installed_build(name: str, version: str) -> str | None:
    """Return "cpu" or "cuda" for an installed build of this version, None without one."""
    try:
        base, _, build = metadata.version(name).partition("+")
    except metadata.PackageNotFoundError:
        return None
    if base != version:
        return None
    return "cpu" if build == "cpu" else "cuda"


def answers(url: str) -> bool:
    """Return whether this URL serves a page within PROBE_S seconds."""
    try:
        with urllib.request.urlopen(url, timeout=PROBE_S) as page:
            return bool(page.status == 200)
    except (OSError, urllib.error.URLError, ValueError):
        return False


def run_pip(*words: str, quiet: bool = False) -> int:
    """Run pip and return its exit status; `quiet` hides what it prints."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", words[0], "--quiet"]
    return subprocess.run([*command, *words[1:]], capture_output=quiet, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
