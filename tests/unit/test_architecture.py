"""docs/architecture.md and the tree agree: a map that is wrong is worse than none."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.places import ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text()
MAP, EXCEPTIONS = PAGE.split("\n## Exceptions")
PACKAGES = ("bot", "inference", "integrations", "storage")
MAX_LINES, MAX_MODULES = 400, 12


def modules(*folders: str) -> list[Path]:
    """The Python files below folders of the repository."""
    return [path for folder in folders for path in (ROOT / folder).rglob("*.py")]


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("package", PACKAGES)
def test_every_folder_is_on_the_map(package: str) -> None:
    folders = {f"{name(path.parent)}/" for path in modules(package)}
    missing = {folder for folder in folders - {f"{package}/"} if f"`{folder}`" not in MAP}
    assert missing == set()


def test_every_path_that_the_page_names_exists() -> None:
    named = set(
        re.findall(
            r"`((?:bot|inference|integrations|storage|tests|benchmarks|packaging|alembic)/[\w./]*)",
            PAGE,
        )
    )
    assert len(named) > 60
    assert {path for path in named if not (ROOT / path).exists()} == set()


def test_long_files_and_full_folders_are_listed_with_a_reason() -> None:
    files = modules(*PACKAGES, "tests", "benchmarks", "packaging")
    long = {name(p) for p in files if len(p.read_text().splitlines()) > MAX_LINES}
    counts = Counter(f"{name(p.parent)}/" for p in files if p.name != "__init__.py")
    full = {folder for folder, count in counts.items() if count > MAX_MODULES}
    listed = set(re.findall(r"^\| `([\w./]+)` \|", EXCEPTIONS, re.MULTILINE))
    assert listed == long | full, "list each with its reason, or split it"
