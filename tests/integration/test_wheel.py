"""What a wheel carries: all that runs, from weights to migrations, and nothing that only tests."""

from __future__ import annotations

import subprocess
import sys
import zipfile

import pytest

from tests.places import ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    built = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", str(folder), str(ROOT)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    (path,) = folder.glob("rapport-*.whl")
    return zipfile.ZipFile(path)


def below(*folders: str, suffix: str) -> set[str]:
    """The files of the repository's folders with that ending, as a wheel names them."""
    return {
        path.relative_to(ROOT).as_posix()
        for folder in folders
        for path in (ROOT / folder).rglob(f"*{suffix}")
    }


def test_the_wheel_carries_all_that_runs(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    needed = {"bot/report/template.typ", "bot/text/line.typ"}
    needed |= {"inference/weights/expression.safetensors"}
    needed |= below("inference/weights", suffix=".md")
    needed |= below("bot", "integrations", "inference", "storage", suffix=".py")
    for suffix in (".ttf", ".otf", ".txt"):  # fonts and their licences
        needed |= below("bot/text/fonts", suffix=suffix)
    assert needed - names == set()
    assert any(name.endswith((".ttf", ".otf")) for name in names)


def test_the_migrations_travel_inside_storage_and_hide_no_library(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    scripts = below("alembic/versions", suffix=".py") | {"alembic/env.py"}
    assert {f"storage/_{name}" for name in scripts} - names == set()
    assert len(scripts) > 1
    assert not any(name.startswith("alembic") for name in names)


def test_the_wheel_installs_our_packages_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    tops = {name.partition("/")[0] for name in wheel.namelist()}
    (metadata,) = (top for top in tops if top.endswith(".dist-info"))
    assert tops - {metadata} == {"bot", "integrations", "inference", "storage"}
    assert not any("__pycache__" in name for name in wheel.namelist())
    scripts = wheel.read(f"{metadata}/entry_points.txt").decode()
    assert "rapport = bot.__main__:main" in scripts


def test_no_file_outgrows_the_repository(wheel: zipfile.ZipFile) -> None:
    weights = [file for file in wheel.infolist() if file.filename.endswith(".safetensors")]
    assert max(file.file_size for file in weights) <= 16_000_000
    assert sum(file.file_size for file in weights) <= 40_000_000
