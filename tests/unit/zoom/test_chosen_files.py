"""Which files are chosen: by time covered, then by kind, whatever the order of Zoom's list."""

from __future__ import annotations

import json
import random
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.calls.selection import announced_s, nothing_to_fetch
from integrations.zoom.recordings import Segment, choose_files, meeting_from_event, parse_meeting
from integrations.zoom.webhook import parse_event
from tests.zoom_payloads import START, files, webhooks, zoom_time

RECORDING = {"uuid": "u==", "start_time": zoom_time(START)}


def entry(view: str, start_s: float, end_s: float | None, **more: Any) -> dict[str, Any]:
    end = None if end_s is None else zoom_time(START + timedelta(seconds=end_s))
    return {
        "id": f"{view} {start_s:g}-{end_s}",
        "file_type": "MP4",
        "recording_type": view,
        "recording_start": zoom_time(START + timedelta(seconds=start_s)),
        "recording_end": end,
        "download_url": "https://example.zoom.us/rec/download/x",
        **more,
    }


def segments(*entries: dict[str, Any], **measured_s: float) -> tuple[Segment, ...]:
    """The segments, after checking that the order of the list does not matter."""
    wanted = choose_files(parse_meeting({**RECORDING, "recording_files": [*entries]}), measured_s)
    for seed in range(4):
        mixed = random.Random(seed).sample(entries, len(entries))
        told = parse_meeting({**RECORDING, "recording_files": mixed})
        assert choose_files(told, measured_s) == wanted
    return wanted


def chosen(*entries: dict[str, Any], **measured_s: float) -> list[str]:
    return [part.video.id for part in segments(*entries, **measured_s) if part.video]


def test_the_view_that_covers_most_of_the_time_is_chosen() -> None:
    short = entry("shared_screen_with_gallery_view", 20, 23)
    assert chosen(short, entry("active_speaker", 0, 24)) == ["active_speaker 0-24"]
    assert chosen(short, entry("active_speaker", 0, 24), entry("gallery_view", 0, 24)) == [
        "gallery_view 0-24"
    ]


def test_a_difference_of_seconds_does_not_cost_the_faces() -> None:
    whole = entry("active_speaker", 0, 1800)
    assert chosen(entry("gallery_view", 1, 1799), whole) == ["gallery_view 1-1799"]
    assert chosen(entry("gallery_view", 0, 1790), whole) == ["active_speaker 0-1800"]


def test_views_of_different_stretches_are_combined() -> None:
    first, second = entry("gallery_view", 0, 12), entry("active_speaker", 12, 24)
    assert chosen(first, second) == ["gallery_view 0-12", "active_speaker 12-24"]
    pieces = (first, entry("gallery_view", 12, 24))
    assert chosen(*pieces, entry("active_speaker", 0, 24)) == [
        "gallery_view 0-12", "gallery_view 12-24",
    ]  # fmt: skip
    assert chosen(entry("gallery_view", 0, 20), entry("active_speaker", 15, 60)) == [
        "gallery_view 0-20", "active_speaker 15-60",
    ]  # fmt: skip


def test_a_screen_without_faces_only_fills_what_nothing_else_covers() -> None:
    screen, faces = entry("shared_screen", 0, 60), entry("gallery_view", 0, 40)
    assert chosen(screen, faces) == ["gallery_view 0-40"]
    later = entry("shared_screen", 60, 90)
    assert chosen(later, faces) == ["gallery_view 0-40", "shared_screen 60-90"]


def test_side_files_go_with_every_video_whose_time_they_share() -> None:
    side = entry("timeline", 0, 24, file_type="TIMELINE")
    other = entry("timeline", 60, 90, file_type="TIMELINE")
    parts = segments(
        entry("gallery_view", 0, 12), entry("active_speaker", 12, 24),
        entry("gallery_view", 60, 90), side, other,
    )  # fmt: skip
    told = [part.timeline.id for part in parts if part.timeline]
    assert told == [side["id"], side["id"], other["id"]]
    whole, *_ = segments(entry("gallery_view", 0, 90), side, other)
    assert [file.id for file in whole.files[1:]] == [other["id"], side["id"]]


def test_one_side_file_is_used_where_zoom_lists_two_of_the_same_time() -> None:
    small = entry("a", 0, 24, file_type="TRANSCRIPT", file_size=100)
    large = entry("b", 0, 24, file_type="TRANSCRIPT", file_size=900)
    (part,) = segments(entry("gallery_view", 0, 24), small, large)
    assert [file.id for file in part.files] == ["gallery_view 0-24", "b 0-24"]


def test_a_file_without_a_start_lies_with_the_recording() -> None:
    side = entry("timeline", 0, None, file_type="TIMELINE", recording_start=None)
    (part,) = segments(entry("gallery_view", 30, 60), side)
    assert part.timeline is not None
    assert part.timeline.recording_start == part.recording_start


def test_measured_lengths_decide_where_zoom_gives_no_end_or_a_wrong_one() -> None:
    open_ended = [entry("gallery_view", 0, None), entry("active_speaker", 0, None)]
    lengths = {"gallery_view 0-None": 2.0, "active_speaker 0-None": 24.0}
    assert chosen(*open_ended, **lengths) == ["active_speaker 0-None"]
    wrong = [entry("gallery_view", 0, 24), entry("active_speaker", 0, 24)]
    assert chosen(*wrong) == ["gallery_view 0-24"]
    assert chosen(*wrong, **{"gallery_view 0-24": 2.0}) == ["active_speaker 0-24"]
    assert chosen(*wrong, **{"gallery_view 0-24": 0.0}) == ["active_speaker 0-24"]
    assert chosen(wrong[0], **{"gallery_view 0-24": 0.0}) == ["gallery_view 0-24"]


def test_the_length_is_not_known_while_anything_has_no_end() -> None:
    def told(*entries: dict[str, Any]) -> float | None:
        return announced_s(parse_meeting({**RECORDING, "recording_files": [*entries]}))

    closed = entry("gallery_view", 0, 30)
    assert told(closed) == 30
    assert told(closed, entry("active_speaker", 0, 31)) == 30
    assert told(closed, entry("gallery_view", 60, 80)) == 50
    for end in (None, "", "soon", zoom_time(START), zoom_time(START + timedelta(seconds=60))):
        assert told(closed, entry("gallery_view", 60, None, recording_end=end)) is None
    assert told(closed, entry("", 60, 90, status="processing")) is None
    assert told() is None


def test_ids_of_files_without_one_do_not_depend_on_the_order_of_the_list() -> None:
    views = [entry(view, 0, 24) for view in ("gallery_view", "active_speaker", "host_video")]
    for view in views:
        del view["id"]

    def ids(*entries: dict[str, Any]) -> dict[str, str]:
        told = parse_meeting({**RECORDING, "recording_files": [*entries]})
        return {file.recording_type: file.id for file in told.files}

    assert ids(*views) == ids(*reversed(views)) == {**ids(views[0]), **ids(*views[1:])}


def test_a_recording_on_premises_or_without_video_and_sound_has_nothing_to_fetch() -> None:
    def why(*entries: dict[str, Any], **more: Any) -> str:
        told = parse_meeting({**RECORDING, "recording_files": [*entries], **more})
        return (nothing_to_fetch(told) or "")[:30]

    at_home = {**entry("gallery_view", 0, 60, file_path="/r/x.mp4"), "download_url": None}
    assert why(at_home) == "The recording is kept on premi"
    bare = {key: value for key, value in at_home.items() if key != "file_path"}
    assert why(bare, on_prem=True) == why(on_prem=True) == "The recording is kept on premi"
    assert why() == why(recording_files=None) == "Zoom has no video or sound of "
    assert why(entry("chat_file", 0, 2, file_type="CHAT")) == "Zoom has no video or sound of "
    for fine in (entry("gallery_view", 0, 60), entry("x", 0, None, file_type="", download_url="")):
        assert why(fine) == ""


@settings(deadline=None, max_examples=150)
@given(webhooks("recording.completed"))
def test_any_documented_recording_is_read_and_its_files_chosen(body: dict[str, Any]) -> None:
    told = meeting_from_event(parse_event(json.dumps(body).encode()))
    parts = choose_files(told)
    ids = {file.id for file in told.files}
    assert len(ids) == len(told.files)
    for part in parts:
        assert {file.id for file in part.files} <= ids
    videos = [part.video.id for part in parts if part.video]
    assert len(videos) in (0, len(parts))
    assert len(set(videos)) == len(videos)
    length_s = announced_s(told)
    assert length_s is None or length_s >= 0
    nothing_to_fetch(told)


@settings(deadline=None, max_examples=150)
@given(st.lists(files, max_size=7), st.randoms(use_true_random=False))
def test_the_order_of_the_list_never_matters(
    entries: list[dict[str, Any]], mixer: random.Random
) -> None:
    mixed = mixer.sample(entries, len(entries))
    one, other = (
        parse_meeting({**RECORDING, "recording_files": listed}) for listed in (entries, mixed)
    )
    assert choose_files(one) == choose_files(other)


def test_a_sound_as_short_as_the_view_means_a_pause_unless_it_cannot_be_read() -> None:
    views = [entry("gallery_view", 0, 90), entry("active_speaker", 0, 90)]
    sound = entry("audio_only", 0, 90, file_type="M4A")
    paused = {"gallery_view 0-90": 60.0, "audio_only 0-90": 60.0}
    assert chosen(*views, sound, **paused) == ["gallery_view 0-90"]
    damaged = {"gallery_view 0-90": 60.0, "audio_only 0-90": 0.0}
    assert chosen(*views, sound, **damaged) == ["active_speaker 0-90"]
