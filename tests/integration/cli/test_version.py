"""`rapport --version`, for bug reports."""

from __future__ import annotations

import tomllib

from typer.testing import CliRunner

from bot.cli.app import app
from tests.places import ROOT


def test_the_version_is_that_of_the_package() -> None:
    printed = CliRunner().invoke(app, ["--version"])
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert (printed.exit_code, printed.stdout.strip()) == (0, f"rapport {project['version']}")
