"""`rapport annotate`: what it refuses, and what it leaves behind when it is stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bot.cli.recordings.annotate import annotate_file
from bot.cli.recordings.local_files import SideFiles
from bot.settings import CallSettings, Settings
from tests import media
from tests.processes import with_default_signals


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return media.write_clip(tmp_path_factory.mktemp("clip") / "call.mp4", seconds=1)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("out.mkv", "does not end in .mp4"),
        ("in.mp4", "is the recording itself"),
        ("there.mp4", "already exists"),
        ("nowhere/out.mp4", "There is no folder"),
    ],
)
def test_an_impossible_output_is_refused_before_any_work(
    name: str, said: str, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in.mp4").write_bytes(clip.read_bytes())
    (tmp_path / "there.mp4").write_bytes(b"kept")
    status = annotate_file(
        tmp_path / "in.mp4",
        tmp_path / name,
        SideFiles(),
        profile=None,
        overwrite=False,
        settings=Settings(_env_file=None),
    )
    assert status == 1
    error = capsys.readouterr().err
    assert error.startswith("Error: ")
    assert said in error
    assert len(error.strip().splitlines()) == 1
    assert (tmp_path / "there.mp4").read_bytes() == b"kept"


def test_a_recording_named_like_the_unfinished_output_is_left_alone(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "call.mp4.part"
    path.write_bytes(clip.read_bytes())
    status = annotate_file(
        path, tmp_path / "call.mp4", SideFiles(), profile=None, overwrite=True,
        settings=Settings(_env_file=None),
    )  # fmt: skip
    assert status == 1
    assert "call.mp4.part already exists" in capsys.readouterr().err
    assert path.read_bytes() == clip.read_bytes()


@pytest.mark.parametrize("ending", [(signal.SIGTERM,), (signal.SIGHUP, signal.SIGINT)])
def test_a_stopped_command_leaves_no_file(
    ending: tuple[signal.Signals, ...], tmp_path: Path
) -> None:
    path = media.write_clip(tmp_path / "in.mp4", seconds=120, fps=8, width_px=640, height_px=360)
    words = [sys.executable, "-m", "bot", "annotate", str(path)]
    env = {k: v for k, v in os.environ.items() if not k.startswith("RAPPORT_")}
    process = subprocess.Popen(
        words, env=env, stderr=subprocess.PIPE, text=True, preexec_fn=with_default_signals
    )
    part = tmp_path / "in.annotated.mp4.part"
    until = time.monotonic() + 60
    while not (part.exists() and part.stat().st_size > 0) and time.monotonic() < until:
        time.sleep(0.05)
        assert process.poll() is None
    assert not (tmp_path / "in.annotated.mp4").exists()
    for one in ending:
        process.send_signal(one)
        time.sleep(0.01)  # the second signal arrives while the first is being handled
    _, error = process.communicate(timeout=30)
    assert process.returncode == 130, error
    assert "Stopped; nothing was written." in error
    assert sorted(file.name for file in tmp_path.iterdir()) == ["in.mp4"]


def test_with_own_side_unscored_and_nobody_known_it_says_why_all_faces_are_hidden(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = media.write_clip(tmp_path / "in.mp4", seconds=1)
    settings = Settings(_env_file=None, calls=CallSettings(score_own_side=False))
    status = annotate_file(
        path, None, SideFiles(), profile=None, overwrite=False, settings=settings
    )
    assert status == 0
    assert "nobody is known to be on the other side" in capsys.readouterr().err
    assert (tmp_path / "in.annotated.mp4").is_file()
    assert not (tmp_path / "in.annotated.mp4.part").exists()
