"""What people really have on disk, through `rapport analyze`: read as far as it goes, or refused.

Refused means: exit status 1 and one sentence on standard error that names the file. Nothing on the
way may end in a traceback, and standard output holds one JSON object or nothing.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from pypdf import PdfReader

from bot.cli.recordings.analyze import analyze_file
from bot.cli.recordings.local_files import SideFiles
from bot.demo.recording.make import DemoRecording, make_recording
from bot.settings import AnalysisSettings, Settings
from inference.schema.arrays import U8
from tests import media

FASTSTART = {"movflags": "faststart"}
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


def test_four_hours_with_hardly_a_picture_are_analysed(tmp_path: Path, analyze: Analyze) -> None:
    times = [Fraction(600 * n) for n in range(25)]
    clip = media.write_clip(tmp_path / "long.mp4", times=times, fps=1)
    result = assert_analysed(analyze(clip))
    assert result["call"]["duration_s"] == pytest.approx(4 * 3600, rel=0.05)
    assert result["quality"]["frames_sampled"] == 25


def test_a_cut_off_recording_is_analysed_with_the_share_that_is_lost(
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
        ("sound alone", "holds sound or data but no picture"),
        ("noise", "no recording that can be read"),
        ("no index", "its index is cut off"),
        ("mostly damaged", "of the recording is damaged or missing"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_sentence(
    tmp_path: Path, analyze: Analyze, kind: str, reason: str
) -> None:
    assert_refused(analyze(refused(tmp_path, kind)), "call.mp4", reason)
    assert not list(tmp_path.rglob("*.rapport.*"))


# The faces.


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> DemoRecording:
    return make_recording(tmp_path_factory.mktemp("demo"), seconds=CALL_S, size=(640, 360), fps=5)


def test_the_time_after_a_face_left_is_not_covered(
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
    assert "Face seen 38 % of the time, between 0:00 and 0:03." in outcome.report()


def test_faces_too_small_give_a_report_that_says_so_and_tells_who_talked(
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
    assert "No face could be read anywhere in the recording." in report
    assert "100 % of the faces found were too small or too blurred to read." in report


# TIMELINE and transcript.


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording without a face, in which all that is known comes from the side files."""
    path = tmp_path_factory.mktemp("clip") / "call.mp4"
    return media.write_clip(path, seconds=CALL_S, fps=2, audio_s=CALL_S)


def entry(at_s: float, *names: str) -> dict[str, Any]:
    users = [{"username": name, "zoom_userid": name.lower(), "user_id": name} for name in names]
    return {"ts": f"00:00:{at_s:06.3f}", "users": users}


ENTRIES = [entry(0.5, "Ana"), entry(3.5, "Tom"), entry(6.5)]
CUES = [
    "1\n00:00:00.500 --> 00:00:03.000\nAna: Good morning, José.\n\n",
    "2\n00:00:03.500 --> 00:00:06.500\nTom: Shall we look at the price?\n\n",
]
LATE_CUE = "3\n00:10:00.000 --> 00:10:02.000\nTom: Bye.\n"
PAGE = b"<!DOCTYPE html><html></html>"


def timeline_of(*entries: dict[str, Any]) -> str:
    return json.dumps({"timeline": entries})


def vtt_of(*cues: str) -> str:
    return "WEBVTT\n\n" + "".join(cues)


BOTH = {"Ana": 3.0, "Tom": 3.0}
SIDE_FILES: dict[str, tuple[bytes, bytes, dict[str, float], list[str]]] = {
    "sound": (timeline_of(*ENTRIES).encode(), vtt_of(*CUES).encode(), BOTH, []),
    "UTF-16": (timeline_of(*ENTRIES).encode("utf-16"), vtt_of(*CUES).encode("utf-16"), BOTH, []),
    "out of order": (
        timeline_of(ENTRIES[1], ENTRIES[0], ENTRIES[2]).encode(),
        vtt_of(CUES[1], CUES[0]).encode(),
        BOTH,
        [
            "TIMELINE: 1 entry out of order was sorted.",
            "TRANSCRIPT: 1 line out of order was sorted.",
        ],
    ),
    "past the end": (
        timeline_of(*ENTRIES, entry(50, "Ana")).encode(),
        vtt_of(*CUES, LATE_CUE).encode(),
        BOTH,
        [
            "TIMELINE: 1 entry after the end of the recording was left out.",
            "TRANSCRIPT: 1 line after the end of the recording was left out (2 words).",
        ],
    ),
    "broken": (
        timeline_of(*ENTRIES).encode()[:-20],
        vtt_of(*CUES).encode().replace(b"00:00:03.500 -->", b"later -->"),
        {"Ana": 3.0, "Tom": 1.0},
        [
            "TIMELINE: the file is damaged; 2 entries could be read.",
            "TRANSCRIPT: 1 line with a damaged time was left out (8 words); "
            'expected "00:00:01.000 --> 00:00:03.000" above "Name: words".',
        ],
    ),
    "of another kind": (
        b"[1, null]",
        vtt_of(*CUES).encode("cp1252"),
        {"Ana": 2.5, "Tom": 3.0},  # the transcript tells who spoke where the TIMELINE cannot
        [
            "TIMELINE: the file contains no list of entries and was not used.",
            "TRANSCRIPT: not UTF-8, read as Windows-1252.",
        ],
    ),
    "empty": (b"", b"", {}, ["TIMELINE: the file is empty.", "TRANSCRIPT: the file is empty."]),
    "a web page": (
        PAGE,
        PAGE,
        {},
        [
            "TIMELINE: the file is not JSON and was not used.",
            "TRANSCRIPT: the file is not WebVTT and was not used; "
            'expected "00:00:01.000 --> 00:00:03.000" above "Name: words".',
        ],
    ),
}


@pytest.mark.parametrize("kind", SIDE_FILES)
def test_side_files_are_used_as_far_as_they_are_sound(
    tmp_path: Path, clip: Path, analyze: Analyze, kind: str
) -> None:
    timeline, transcript = tmp_path / "timeline.json", tmp_path / "transcript.vtt"
    said, written, talk, notes = SIDE_FILES[kind]
    timeline.write_bytes(said)
    transcript.write_bytes(written)
    outcome = analyze(clip, timeline=timeline, transcript=transcript)
    people = assert_analysed(outcome)["participants"]
    assert {person["name"]: person["talk_s"] for person in people} == pytest.approx(talk)
    assert outcome.notes == notes
    report = outcome.report()
    assert all(note in report for note in notes)


def test_a_name_with_a_colon_is_known_from_the_timeline(
    tmp_path: Path, clip: Path, analyze: Analyze
) -> None:
    timeline, transcript = tmp_path / "timeline.json", tmp_path / "transcript.vtt"
    timeline.write_text(timeline_of(entry(0.5, "sales: ana"), entry(6.5)))
    transcript.write_text(vtt_of(CUES[0].replace("Ana:", "sales: ana:")), encoding="utf-8")
    outcome = analyze(clip, timeline=timeline, transcript=transcript)
    people = assert_analysed(outcome)["participants"]
    assert [person["name"] for person in people] == ["sales: ana"]


# The command line around it.


def test_a_wrong_profile_names_those_there_are(clip: Path, analyze: Analyze) -> None:
    assert_refused(analyze(clip, profile="party"), "'party'", "classroom", "sales")


def test_a_missing_side_file_is_named(tmp_path: Path, clip: Path, analyze: Analyze) -> None:
    assert_refused(analyze(clip, timeline=tmp_path / "no.json"), "There is no file", "no.json")


def test_a_result_that_cannot_be_written_says_where_and_what_to_do(
    tmp_path: Path, clip: Path, analyze: Analyze
) -> None:
    taken = tmp_path / "taken"
    taken.touch()
    assert_refused(analyze(clip, out_dir=taken / "deep"), "call.mp4", "taken", "--out")


def test_a_device_that_is_not_there_is_named(clip: Path, analyze: Analyze) -> None:
    assert_refused(analyze(clip, device="abacus"), "abacus")


@pytest.mark.parametrize("name", [b"[red] [@x] call.mp4", b"caf\xe9.mp4"])
def test_any_file_name_is_taken_as_it_is(
    tmp_path: Path, clip: Path, analyze: Analyze, name: bytes
) -> None:
    path = tmp_path / os.fsdecode(name)
    path.write_bytes(clip.read_bytes())
    assert_analysed(analyze(path))
    path.write_bytes(b"")
    assert_refused(analyze(path), "the file is empty")


def test_a_process_prints_one_json_object_and_no_line_of_a_native_library(
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
