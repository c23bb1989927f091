"""The hashed list that the image is built from holds the versions that everything is tried with."""

from __future__ import annotations

import re
import tomllib

from tests.places import ROOT

PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)


def pins(file: str) -> dict[str, str]:
    """The versions of a file by the package's normalised name."""
    found = PIN.findall((ROOT / file).read_text())
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found}


def test_the_lock_names_the_versions_of_the_constraints() -> None:
    locked, pinned = pins("packaging/requirements.lock"), pins("constraints.txt")
    differing = {name: v for name, v in locked.items() if pinned.get(name, v) != v}
    assert differing == {}, "run `make lock`"


def test_every_dependency_is_locked_and_has_hashes() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {re.split(r"[\[<>=;! ]", line)[0].lower() for line in project["dependencies"]}
    missing = {name.replace("_", "-") for name in names} - pins(
        "packaging/requirements.lock"
    ).keys()
    assert missing == {"torch"}, "run `make lock`"
    text = (ROOT / "packaging" / "requirements.lock").read_text()
    entries = re.split(r"\n(?=[a-z])", text)[1:]
    assert all("--hash=sha256:" in entry for entry in entries)
