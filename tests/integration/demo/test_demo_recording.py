"""The demo's recording plays and shows two faces; its transcript, sound and mouths agree."""

from __future__ import annotations

import hashlib
import json
import re
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from bot.demo.recording import scenario, voice
from bot.demo.recording.make import DemoRecording, make_recording
from bot.demo.stand_ins.zoom_meeting import zoom_time
from inference.faces.detector import DetectOptions, FaceDetector
from tests import media

SECONDS = 12.0
SIZE = (640, 360)
FPS = 25


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> DemoRecording:
    return make_recording(tmp_path_factory.mktemp("demo"), seconds=SECONDS, size=SIZE)


def test_the_recording_is_a_video_with_sound_of_the_requested_length(
    recording: DemoRecording,
) -> None:
    with av.open(str(recording.video)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, audio.codec_context.name) == ("h264", "aac")
        assert (video.width, video.height, video.average_rate) == (*SIZE, Fraction(FPS))
        assert video.frames == SECONDS * FPS
        assert audio.duration is not None
        assert audio.time_base is not None
        assert float(audio.duration * audio.time_base) == pytest.approx(SECONDS, abs=0.1)


def test_the_same_call_is_made_every_time(tmp_path: Path) -> None:
    files = [make_recording(tmp_path / name, seconds=2, size=(320, 180)).video for name in "ab"]
    first, second = (hashlib.sha256(_pixels(path)).hexdigest() for path in files)
    assert first == second


def test_both_faces_are_seen_and_the_speakers_mouth_moves(recording: DemoRecording) -> None:
    detector = FaceDetector(DetectOptions())
    openings: dict[tuple[int, bool], list[float]] = {}
    seen, pictures = 0, 0
    with av.open(str(recording.video)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number % 6:
                continue
            pictures += 1
            image = media.rgb(frame)
            for place, person in enumerate(scenario.PEOPLE):
                tile = np.ascontiguousarray(image[:, place * 320 : (place + 1) * 320])
                found = detector.detect(tile, None)
                seen += len(found) == 1
                is_speaking = any(
                    line.person is person and line.start_s <= number / FPS < line.end_s
                    for line in scenario.lines(SECONDS)
                )
                if found:
                    openings.setdefault((place, is_speaking), []).append(found[0].mouth_opening)
    assert seen >= 0.95 * 2 * pictures
    for place in range(2):
        spoken, silent = (np.array(openings[place, speaking]) for speaking in (True, False))
        assert np.nanstd(spoken) > np.nanstd(silent)
        assert np.nanmean(spoken) > np.nanmean(silent)


def test_the_timeline_says_who_speaks_as_zoom_does(recording: DemoRecording) -> None:
    timeline = json.loads(recording.timeline.read_text())["timeline"]
    assert [entry["ts"] for entry in timeline] == sorted(entry["ts"] for entry in timeline)
    names = {user["username"] for entry in timeline for user in entry["users"]}
    assert names == {person.name for person in scenario.PEOPLE}
    assert all(isinstance(user["user_id"], int) for entry in timeline for user in entry["users"])


def test_transcript_and_chat_have_zooms_format(recording: DemoRecording) -> None:
    transcript = recording.transcript.read_text()
    assert transcript.startswith("WEBVTT\n\n1\n00:00:00.800 --> 00:00:02.100\nMaya Lindqvist: Hi")
    full = scenario.chat_txt(scenario.CALL_S).splitlines()
    assert len(full) == 4
    assert all(re.fullmatch(r"\d\d:\d\d:\d\d\t[^\t]+:\t.+", line) for line in full)


def test_the_whole_call_has_many_lines_and_a_long_silence() -> None:
    said = scenario.lines(scenario.CALL_S)
    assert len(said) == 23
    pauses = [after.start_s - before.end_s for before, after in pairwise(said)]
    assert max(pauses) >= 6.0
    assert min(pauses) >= 0.0


def test_a_long_recording_repeats_the_call() -> None:
    said = scenario.lines(250.0)
    assert len(said) > 50
    assert said[-1].end_s <= 250.0


def test_sound_is_loud_in_speech_and_faint_in_silence() -> None:
    sound = voice.mix(scenario.CALL_S)
    assert np.abs(sound).max() <= 1.0

    def level(start_s: float, end_s: float) -> float:
        part = sound[round(start_s * voice.SAMPLE_RATE_HZ) : round(end_s * voice.SAMPLE_RATE_HZ)]
        return float(np.sqrt(np.mean(part**2)))

    silent = level(30.0, 36.5)
    for line in scenario.lines(scenario.CALL_S):
        assert level(line.start_s, line.end_s) > 20 * silent


def test_the_prospects_face_falls_at_the_price_and_recovers() -> None:
    mood = scenario.mood(scenario.PROSPECT, scenario.CALL_S, 1.0)
    before, price, pilot = mood[17:25].mean(), mood[31:56].mean(), mood[78:].mean()
    assert before > 0.5 > -0.5 > price
    assert pilot > 0.8


def test_the_meeting_gives_zoom_the_files_and_people(recording: DemoRecording) -> None:
    meeting = recording.meeting()
    kinds = [file.file_type for file in meeting.files]
    assert kinds == ["MP4", "TIMELINE", "TRANSCRIPT", "CHAT"]
    assert all(file.path.stat().st_size > 0 for file in meeting.files)
    assert [person.email for person in meeting.participants] == [scenario.REP.email, ""]
    assert zoom_time(meeting.started_at) == "2026-09-10T13:00:05Z"


@pytest.mark.parametrize(
    ("seconds", "size"), [(0.5, (640, 360)), (5.0, (641, 360)), (5.0, (32, 32))]
)
def test_an_impossible_recording_is_refused(
    tmp_path: Path, seconds: float, size: tuple[int, int]
) -> None:
    with pytest.raises(ValueError, match=r"recording|picture"):
        make_recording(tmp_path, seconds=seconds, size=size)


def _pixels(path: Path) -> bytes:
    with av.open(str(path)) as container:
        return b"".join(frame.to_ndarray().tobytes() for frame in container.decode(video=0))
