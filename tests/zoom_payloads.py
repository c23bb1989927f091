"""Draws webhooks about recordings as Zoom documents them: any optional field absent or null.

Kinds that Zoom lists, kinds that it does not, webinars, unknown fields, several segments, files
without an end. `uuid` and `event_ts` are always there, and nothing is malformed.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

START = datetime(2026, 9, 10, 8, 1, 10, tzinfo=UTC)
FILE_TYPES = (
    "MP4", "M4A", "TIMELINE", "TRANSCRIPT", "CHAT", "CC", "CSV", "SUMMARY", "TB", "CHAT_MESSAGE",
    "HOLOGRAM",
)  # fmt: skip
VIEWS = (
    "shared_screen_with_speaker_view(CC)", "shared_screen_with_speaker_view",
    "shared_screen_with_gallery_view", "active_speaker", "gallery_view", "shared_screen",
    "audio_only", "audio_transcript", "chat_file", "poll", "host_video", "closed_caption",
    "timeline", "thumbnail", "audio_interpretation", "summary", "sign_interpretation",
    "production_studio", "speaker_view", "bird_s_eye_view",
)  # fmt: skip
REQUIRED = ("uuid",)

times = st.integers(0, 7200).map(lambda s: zoom_time(START + timedelta(seconds=s)))
texts = st.text(max_size=12)


def zoom_time(at: datetime) -> str:
    """Return a time as Zoom writes it."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def some_of(fields: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """Draw an object in which every field but those required may be absent or null."""
    kept = {name: field for name, field in fields.items() if name in REQUIRED}
    others = {name: st.none() | field for name, field in fields.items() if name not in REQUIRED}
    return st.fixed_dictionaries(kept, optional=others)


_common: dict[str, st.SearchStrategy[Any]] = {
    "id": st.uuids().map(str) | texts,
    "recording_start": times,
    "recording_end": times | st.just(""),
    "file_type": st.sampled_from(FILE_TYPES) | st.just(""),
    "file_extension": st.sampled_from(("MP4", "M4A", "TXT", "VTT", "CSV", "JSON", "JPG")),
    "file_size": st.integers(0, 2**40),
    "file_name": texts,
    "play_url": st.just("https://example.zoom.us/rec/play/x"),
    "download_url": st.just("https://example.zoom.us/rec/webhook_download/x"),
    "file_path": st.just("/recordings/x.mp4"),
    "status": st.sampled_from(("completed", "processing")) | texts,
    "unknown_field": st.lists(st.integers(), max_size=2),
}
files = some_of(
    {
        **_common,
        "meeting_id": texts,
        "recording_type": st.sampled_from(VIEWS),
        "deleted_time": times,
    }
)
meetings = some_of(
    {
        "uuid": st.uuids().map(lambda one: f"/{one.hex}//=="),
        "id": st.integers(0, 10**11) | st.integers(0, 10**11).map(str),
        "host_id": texts,
        "account_id": texts,
        "host_email": st.just("host@example.com") | texts,
        "topic": texts,
        "type": st.integers(1, 9) | st.sampled_from(("5", "6", "9", "99")),
        "start_time": times,
        "timezone": st.sampled_from(("Europe/Istanbul", "", "Nowhere/Land")),
        "duration": st.integers(0, 10**6),
        "total_size": st.integers(0, 2**40),
        "recording_count": st.integers(0, 9),
        "share_url": texts,
        "password": texts,
        "recording_play_passcode": texts,
        "on_prem": st.booleans(),
        "auto_delete": st.booleans(),
        "auto_delete_date": st.just("2026-12-09"),
        "recording_files": st.lists(files, max_size=6),
        "participant_audio_files": st.lists(some_of(_common), max_size=2),
        "unknown_field": st.dictionaries(texts, texts, max_size=2),
    }
)


def webhooks(event: str) -> st.SearchStrategy[dict[str, Any]]:
    """Draw deliveries of an event about a recording."""
    return st.fixed_dictionaries(
        {
            "event": st.just(event),
            "event_ts": st.integers(1_700_000_000_000, 1_900_000_000_000),
            "payload": st.fixed_dictionaries({"object": meetings}, optional={"account_id": texts}),
        },
        optional={"download_token": st.none() | texts},
    )
