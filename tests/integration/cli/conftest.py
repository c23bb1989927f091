"""Running `rapport` in this process: any command, and `rapport analyze` with what it leaves."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader
from typer.testing import CliRunner, Result

from bot.cli.app import app
from bot.cli.recordings.analyze import analyze_file
from bot.cli.recordings.local_files import SideFiles
from bot.settings import AnalysisSettings, Settings
from tests import media

Run = Callable[..., Result]
CALL_S = 8


@dataclass(frozen=True)
class Outcome:
    """What `rapport analyze FILE --json` left behind."""

    status: int
    out: str
    err: str
    pdf: Path

    @property
    def result(self) -> dict[str, Any]:
        found = json.loads(self.out)
        assert isinstance(found, dict)
        return found

    @property
    def notes(self) -> list[str]:
        return list(self.result["quality"]["notes"])

    def report(self) -> str:
        pages = PdfReader(self.pdf).pages
        return " ".join(" ".join(page.extract_text() for page in pages).split())


Analyze = Callable[..., Outcome]


@pytest.fixture
def analyze(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Analyze:
    def run(
        file: Path,
        *,
        timeline: Path | None = None,
        transcript: Path | None = None,
        profile: str | None = None,
        out_dir: Path | None = None,
        min_face_px: int = 24,
        device: str = "cpu",
    ) -> Outcome:
        folder = out_dir or tmp_path / "out"
        capfd.readouterr()
        status = analyze_file(
            file,
            SideFiles(timeline=timeline, transcript=transcript),
            profile=profile,
            out_dir=folder,
            as_json=True,
            with_faces=False,
            settings=Settings(analysis=AnalysisSettings(min_face_px=min_face_px, device=device)),
        )
        captured = capfd.readouterr()
        return Outcome(status, captured.out, captured.err, folder / f"{file.stem}.rapport.pdf")

    return run


def assert_refused(outcome: Outcome, *said: str) -> None:
    assert outcome.status == 1
    assert outcome.out == ""
    lines = outcome.err.strip().splitlines()
    assert len(lines) == 1, outcome.err
    assert lines[0].startswith("Error: ")
    for part in said:
        assert part in lines[0]


def assert_analysed(outcome: Outcome) -> dict[str, Any]:
    assert outcome.status == 0, outcome.err
    assert "Traceback" not in outcome.err
    assert outcome.out.count("\n") == 1
    assert outcome.pdf.read_bytes().startswith(b"%PDF")
    stored = outcome.pdf.with_suffix(".json").read_text(encoding="utf-8")
    assert json.loads(stored) == outcome.result
    return outcome.result


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording without a face, in which all that is known comes from the side files."""
    path = tmp_path_factory.mktemp("clip") / "call.mp4"
    return media.write_clip(path, seconds=CALL_S, fps=2, audio_s=CALL_S)


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return every test its own folder, without the machine's settings or a `.env`."""
    for name in list(os.environ):
        if name.startswith("RAPPORT_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RAPPORT_DATA_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path / "var"


@pytest.fixture
def rapport(data_dir: Path) -> Run:
    def run(*words: str | Path, **settings: str) -> Result:
        env = {f"RAPPORT_{name}": value for name, value in settings.items()}
        umask = os.umask(0o022)  # a command may change it, as its process ends soon
        try:
            result = CliRunner().invoke(app, [str(word) for word in words], env=env)
        finally:
            os.umask(umask)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        return result

    return run


def one_line(text: str) -> str:
    lines = text.strip().splitlines()
    assert len(lines) == 1, text
    return lines[0]
