"""What people really have on disk, through `rapport analyze`: read as far as it goes, or refused.

Refused means: exit status 1 and one sentence on standard error that names the file. Nothing on the
way may end in a traceback, and standard output holds one JSON object or nothing.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from bot.demo.recording.make import DemoRecording, make_recording
from inference.schema.arrays import U8
from tests import media
from tests.integration.cli.conftest import CALL_S, Analyze, assert_analysed, assert_refused

FASTSTART = {"movflags": "faststart"}
# The picture.


def flat(number: int, width_px: int, height_px: int) -> U8:
    return np.full((height_px, width_px, 3), number % 200, np.uint8)


SOUND: dict[str, dict[str, Any]] = {
    "one pixel": {
        "width_px": 1, "height_px": 1, "codec": "ffv1", "pix_fmt": "yuv444p", "paint": flat,
    },
    "turned": {"rotation_deg": 90, "audio_s": 2},
    "odd size without sound": {"width_px": 193, "height_px": 97, "pix_fmt": "yuv444p"},
    "10 bit at a varying rate": {
        "pix_fmt": "yuv420p10le", "times": media.variable_rate_times(2.0),
    },
    "late start": {"times": [t + 3 for t in media.steady_times(1, 25)], "audio_s": 4},
}  # fmt: skip


@pytest.mark.parametrize("kind", SOUND)
def test_an_odd_recording_is_analysed_like_any_other(
    tmp_path: Path, analyze: Analyze, kind: str
) -> None:
    clip = media.write_clip(tmp_path / "clip.mkv", **SOUND[kind])
    outcome = analyze(clip)
    result = assert_analysed(outcome)
    assert result["quality"]["lost_share"] == 0
    assert result["quality"]["frames_sampled"] >= 2
    assert result["quality"]["has_audio"] == ("audio_s" in SOUND[kind])
    assert (result["call"]["engagement"], result["participants"]) == (None, [])
    assert "No face could be read anywhere in the recording." in outcome.report()


def test_half_an_hour_with_hardly_a_picture_is_analysed(tmp_path: Path, analyze: Analyze) -> None:
    times = [Fraction(600 * n) for n in range(4)]
    clip = media.write_clip(tmp_path / "long.mp4", times=times, fps=1)
    result = assert_analysed(analyze(clip))
    assert result["call"]["duration_s"] == pytest.approx(1800, rel=0.05)
    # Each picture stays on the screen for ten minutes, and counts for as long.
    assert result["quality"]["frames_sampled"] == pytest.approx(2 * 1800, rel=0.05)


def test_a_cut_off_recording_is_analysed_and_the_lost_share_reported(
    tmp_path: Path, analyze: Analyze
) -> None:
    whole = media.write_clip(
        tmp_path / "whole.mp4", seconds=8, audio_s=8, container_options=FASTSTART
    )
    outcome = analyze(media.cut_off(whole, tmp_path / "cut.mp4", 0.75))
    quality = assert_analysed(outcome)["quality"]
    assert 0.1 < quality["lost_share"] < 0.5
    assert quality["frames_lost"] > 20
    assert "of the recording has no usable picture" in outcome.report()


def test_damaged_packets_in_the_middle_are_counted_and_the_rest_is_analysed(
    tmp_path: Path, analyze: Analyze
) -> None:
    whole = media.write_clip(tmp_path / "whole.mp4", seconds=6, audio_s=6)
    outcome = analyze(media.damage(whole, tmp_path / "damaged.mp4", 2.0, 3.0))
    result = assert_analysed(outcome)
    assert result["quality"]["lost_share"] == pytest.approx(1 / 6, abs=0.05)
    assert result["call"]["duration_s"] == pytest.approx(6, abs=0.1)
    assert "of the recording has no usable picture" in outcome.report()


def refused(folder: Path, kind: str) -> Path:
    path = folder / "call.mp4"
    if kind == "no bytes":
        path.touch()
    elif kind == "web page":
        media.html_in_disguise(path)
    elif kind == "sound alone":
        media.write_audio_only(folder / "call.m4a").rename(path)
    elif kind == "noise":
        path.write_bytes(np.random.default_rng(3).bytes(50_000))
    elif kind == "a folder":
        path.mkdir()
    elif kind == "no index":
        media.cut_off(media.write_clip(folder / "whole.mp4"), path, 0.5)
    elif kind == "mostly damaged":
        media.damage(media.write_clip(folder / "whole.mp4", seconds=6), path, 1.0, 6.0)
    return path


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("missing", "There is no file"),
        ("a folder", "is a folder"),
        ("no bytes", "the file is empty"),
        ("web page", "web page, not a recording"),
        ("sound alone", "contains audio or data but no video"),
        ("noise", "not a readable recording"),
        ("no index", "its index is cut off"),
        ("mostly damaged", "of the recording is damaged or missing"),
    ],
)
def test_an_unreadable_recording_is_refused_in_one_sentence(
    tmp_path: Path, analyze: Analyze, kind: str, reason: str
) -> None:
    assert_refused(analyze(refused(tmp_path, kind)), "call.mp4", reason)
    assert not list(tmp_path.rglob("*.rapport.*"))


# The faces.


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> DemoRecording:
    return make_recording(tmp_path_factory.mktemp("demo"), seconds=CALL_S, size=(640, 360), fps=5)


def test_time_after_a_face_has_left_is_not_counted_as_covered(
    tmp_path: Path, demo: DemoRecording, analyze: Analyze
) -> None:
    with av.open(str(demo.video)) as container:
        first = next(container.decode(video=0)).to_ndarray(format="rgb24")

    def paint(number: int, width_px: int, height_px: int) -> U8:
        shown = first if number < 30 else np.full_like(first, 90)
        return np.asarray(shown[:height_px, :width_px], np.uint8)

    clip = media.write_clip(
        tmp_path / "left.mp4", seconds=8, fps=10, width_px=640, height_px=360, paint=paint
    )
    outcome = analyze(clip)
    people = assert_analysed(outcome)["participants"]
    assert [person["face_s"] for person in people] == [3.0, 3.0]
    assert [person["coverage"] for person in people] == pytest.approx([3 / 8, 3 / 8], abs=0.02)
    assert "faces seen 38 %" in outcome.report()


def test_a_report_on_faces_too_small_to_read_says_so_and_shows_who_talked(
    demo: DemoRecording, analyze: Analyze
) -> None:
    outcome = analyze(
        demo.video, timeline=demo.timeline, transcript=demo.transcript, min_face_px=400
    )
    result = assert_analysed(outcome)
    quality = result["quality"]
    assert quality["faces_too_small"] == quality["faces_seen"] > 20
    assert result["call"]["engagement"] is None
    assert max(person["talk_s"] for person in result["participants"]) > 2
    report = outcome.report()
    assert "No face could be read. Maya spoke" in report
    assert "No face could be read anywhere in the recording." in report
    assert "100 % of the faces found were too small or too blurred to read." in report


# The command line around it.


def test_an_unknown_profile_is_refused_with_the_list_of_profiles(
    clip: Path, analyze: Analyze
) -> None:
    assert_refused(analyze(clip, profile="party"), "'party'", "classroom", "sales")


def test_a_missing_side_file_is_named(tmp_path: Path, clip: Path, analyze: Analyze) -> None:
    assert_refused(analyze(clip, timeline=tmp_path / "no.json"), "There is no file", "no.json")


def test_a_result_that_cannot_be_written_says_where_and_what_to_do(
    tmp_path: Path, clip: Path, analyze: Analyze
) -> None:
    taken = tmp_path / "taken"
    taken.touch()
    assert_refused(analyze(clip, out_dir=taken / "deep"), "call.mp4", "taken", "--out")


def test_an_unknown_device_is_named(clip: Path, analyze: Analyze) -> None:
    assert_refused(analyze(clip, device="abacus"), "abacus")


@pytest.mark.parametrize("name", [b"[red] [@x] call.mp4", b"caf\xe9.mp4"])
def test_any_file_name_is_accepted(
    tmp_path: Path, clip: Path, analyze: Analyze, name: bytes
) -> None:
    path = tmp_path / os.fsdecode(name)
    path.write_bytes(clip.read_bytes())
    assert_analysed(analyze(path))
    path.write_bytes(b"")
    assert_refused(analyze(path), "the file is empty")


def test_a_process_prints_one_json_object_and_nothing_from_native_libraries(
    tmp_path: Path, demo: DemoRecording
) -> None:
    damaged = media.damage(demo.video, tmp_path / "call.mp4", 3.0, 4.0)
    command = [sys.executable, "-m", "bot", "analyze", str(damaged), "--json"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0
    assert run.stdout.count("\n") == 1
    result = json.loads(run.stdout)
    assert len(result["participants"]) == 2
    assert result["quality"]["lost_share"] > 0
    assert run.stderr.split() == ["Report:", str(tmp_path / "call.rapport.pdf")]
