"""Recordings from webhooks and REST responses, and which of their files are chosen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from integrations.errors import UnexpectedResponse
from integrations.zoom.recordings import Meeting, choose_files, meeting_from_event, parse_meeting
from integrations.zoom.webhook import ZoomEvent

START = datetime(2026, 9, 10, 8, 1, 10, tzinfo=UTC)


def entry(file_type: str, recording_type: str = "", start_min: float = 0, **more: Any) -> Any:
    start = START + timedelta(minutes=start_min)
    return {
        "id": f"{file_type}-{recording_type}-{start_min}",
        "meeting_id": "/q9//k==",
        "recording_start": start.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "recording_end": (start + timedelta(minutes=10)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "file_type": file_type,
        "file_extension": file_type,
        "file_size": 1000,
        "download_url": "https://us02web.zoom.us/rec/webhook_download/x",
        "status": "completed",
        "recording_type": recording_type,
        **more,
    }


def meeting(*files: Any, **more: Any) -> Meeting:
    raw = {
        "uuid": "/q9//k==",
        "id": 84212345678,
        "topic": "Weekly sync",
        "host_id": "h",
        "host_email": "host@example.test",
        "start_time": "2026-09-10T08:00:05Z",
        "timezone": "Europe/Istanbul",
        "duration": 31,
        "recording_files": list(files),
        **more,
    }
    return parse_meeting(raw, account_id="A1")


def test_webhook_and_rest_parse_to_the_same_meeting_though_their_types_differ() -> None:
    told = meeting(entry("MP4", "gallery_view"), type=8)
    asked = meeting(entry("MP4", "gallery_view"), type="8", id="84212345678", account_id="A1")
    assert told == asked
    assert told.number == 84212345678
    assert told.started_at == datetime(2026, 9, 10, 8, 0, 5, tzinfo=UTC)
    assert told.timezone == "Europe/Istanbul"
    assert told.files[0].recording_start == START


def test_the_token_comes_from_next_to_the_payload_or_from_the_rest_response() -> None:
    raw = {"uuid": "u", "start_time": "2026-09-10T08:00:05Z"}
    event = ZoomEvent("recording.completed", 0, "A1", "u", "from-webhook", None, raw)
    assert meeting_from_event(event).download_token == "from-webhook"
    assert meeting_from_event(event).account_id == "A1"
    assert parse_meeting({**raw, "download_access_token": "t"}).download_token == "t"


def test_an_old_timeline_entry_without_id_size_and_status_gets_a_stable_id() -> None:
    bare = {
        key: value
        for key, value in entry("TIMELINE").items()
        if key not in ("id", "status", "file_size", "recording_type", "file_extension")
    }
    first, again = meeting(bare).files[0], meeting(bare, topic="Renamed").files[0]
    assert first.id == again.id
    assert first.id.startswith("derived-")
    assert (first.file_extension, first.size_bytes, first.is_ready) == ("JSON", None, True)
    twice = meeting(bare, bare)
    assert twice.files[0].id != twice.files[1].id


def test_gallery_comes_before_speaker_view_and_a_screen_without_faces_comes_last() -> None:
    order = [
        "gallery_view",
        "shared_screen_with_gallery_view",
        "active_speaker",
        "speaker_view",
        "shared_screen_with_speaker_view",
        "host_video",
        "shared_screen",
    ]
    for at in range(len(order)):
        files = [entry("MP4", name) for name in reversed(order[at:])]
        (segment,) = choose_files(meeting(*files))
        assert segment.video is not None
        assert segment.video.recording_type == order[at]


def test_burnt_in_captions_do_not_change_the_view_type() -> None:
    captioned = entry("MP4", "shared_screen_with_speaker_view(CC)")
    plain = entry("MP4", "shared_screen_with_speaker_view")
    (segment,) = choose_files(meeting(captioned, plain))
    assert segment.video is not None
    assert segment.video.recording_type == "shared_screen_with_speaker_view"
    (segment,) = choose_files(meeting(entry("MP4", "shared_screen"), captioned))
    assert segment.video is not None
    assert segment.video.recording_type == "shared_screen_with_speaker_view(CC)"


def test_a_segment_has_one_file_of_each_kind() -> None:
    audio = entry("M4A", file_name="Audio only - Ada", id="p1", start_min=2)
    del audio["recording_type"]
    (segment,) = choose_files(
        meeting(
            entry("CHAT", "chat_file"),
            entry("TRANSCRIPT", "audio_transcript"),
            entry("CC", "closed_caption"),
            entry("TIMELINE", "timeline"),
            entry("M4A", "audio_interpretation"),
            entry("M4A", "audio_only"),
            entry("MP4", "gallery_view"),
            entry("SUMMARY", "summary"),
            participant_audio_files=[audio],
        )
    )
    kinds = [(file.file_type, file.recording_type) for file in segment.files]
    assert kinds == [
        ("MP4", "gallery_view"),
        ("M4A", "audio_only"),
        ("TIMELINE", "timeline"),
        ("TRANSCRIPT", "audio_transcript"),
        ("CC", "closed_caption"),
        ("CHAT", "chat_file"),
        ("M4A", ""),
    ]
    assert segment.participant_audio[0].is_participant_audio
    assert segment.participant_audio[0].file_name == "Audio only - Ada"


def test_segments_are_in_time_order_each_with_its_own_files() -> None:
    first, second = choose_files(
        meeting(
            entry("MP4", "speaker_view", start_min=30),
            entry("TIMELINE", "timeline", start_min=30),
            entry("MP4", "gallery_view", start_min=0),
            entry("TRANSCRIPT", "audio_transcript", start_min=0),
        )
    )
    assert (first.recording_start, second.recording_start) == (START, START + timedelta(minutes=30))
    assert first.video is not None
    assert first.timeline is None
    assert first.transcript is not None
    assert second.video is not None
    assert second.timeline is not None


def test_times_that_differ_by_seconds_are_one_segment_and_adjacent_times_are_two() -> None:
    assert (
        len(choose_files(meeting(entry("MP4", "gallery_view"), entry("TIMELINE", "t", 0.03)))) == 1
    )
    assert len(choose_files(meeting(entry("MP4", "a"), entry("MP4", "b", start_min=10)))) == 2


def test_files_that_are_not_ready_or_deleted_are_left_out() -> None:
    told = meeting(
        entry("MP4", "gallery_view", status="processing"),
        entry("MP4", "active_speaker"),
        entry("TIMELINE", "timeline", download_url=""),
        entry("CHAT", "chat_file", deleted_time="2026-09-11T00:00:00Z"),
    )
    (segment,) = choose_files(told)
    assert told.is_processing
    assert [file.recording_type for file in segment.files] == ["active_speaker"]


def test_a_recording_without_files_has_no_segments() -> None:
    assert choose_files(meeting()) == ()
    assert choose_files(meeting(recording_files=None)) == ()


def test_odd_entries_are_left_out_alone() -> None:
    told = meeting(
        "x", None, {}, {"file_type": 7, "file_size": -3, "recording_end": "soon", "id": True},
        entry("MP4", "gallery_view", file_size="80123456", recording_end=""),
        id="not a number", duration="31", topic=None, timezone="",
    )  # fmt: skip
    assert told.files[-1].size_bytes == 80123456
    assert told.files[-1].recording_end is None
    assert (told.number, told.duration_min, told.topic, told.timezone) == (None, 31, "", None)


@pytest.mark.parametrize("raw", [{}, {"uuid": ""}, {"uuid": "u"}, {"uuid": "u", "start_time": "x"}])
def test_a_missing_uuid_or_time_is_a_clear_error(raw: dict[str, Any]) -> None:
    with pytest.raises(UnexpectedResponse):
        parse_meeting(raw)


def test_a_missing_start_time_is_taken_from_the_first_file() -> None:
    raw = {"uuid": "u", "recording_files": [entry("MP4", start_min=5), entry("MP4")]}
    assert parse_meeting(raw).started_at == START
