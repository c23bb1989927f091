"""Which files of a recording are fetched and where they lie, by times and by real lengths."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from bot.calls.manifest import write_manifest
from bot.calls.record import Evidence
from bot.demo.stand_ins.zoom_meeting import FileFixture, ParticipantFixture
from bot.pipeline.steps.analyse import analyse_call
from bot.pipeline.steps.clean_up import finish_call
from integrations.errors import NotFound, Unavailable
from integrations.zoom.timeline import parse_timeline
from tests import media
from tests.integration.pipeline.conftest import Service
from tests.places import FIELD_DATA

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

MAYA, DANA = "Maya Lindqvist", "Dana Whitfield"


def turns(evidence: Evidence) -> list[tuple[float, float, str]]:
    return [(round(turn.start_s, 2), round(turn.end_s, 2), turn.speaker) for turn in evidence.turns]


@pytest.mark.parametrize("seed", range(3))
def test_a_short_gallery_view_does_not_replace_the_view_of_the_whole_call(
    service: Service, seed: int
) -> None:
    service.video(2, "shared_screen_with_gallery_view", after_s=9)
    service.video(12, "active_speaker")
    service.timeline((1, 4, MAYA), (9, 11, DANA), duration_s=12)
    service.words((9.5, f"{DANA}: Good morning."), duration_s=12)
    random.Random(seed).shuffle(service.meeting.files)
    evidence = service.analysed()
    assert evidence.observations.duration_s == pytest.approx(12, abs=0.3)
    assert turns(evidence) == [(1, 4, MAYA), (9, 11, DANA)]
    assert [line.start_s for line in evidence.transcript] == [9.5]


def test_a_view_whose_file_is_shorter_than_zoom_says_gives_way_to_a_whole_one(
    service: Service,
) -> None:
    service.video(2, "gallery_view", duration_s=12)
    service.video(12, "active_speaker")
    service.timeline((9, 11, DANA), duration_s=12)
    evidence = service.analysed()
    assert evidence.observations.duration_s == pytest.approx(12, abs=0.3)
    assert turns(evidence) == [(9, 11, DANA)]
    notes = evidence.observations.quality.notes
    assert "The file of the gallery view ends after 2 s; another view was analysed." in notes


@pytest.mark.skipif(not FIELD_DATA.is_dir(), reason=f"needs {FIELD_DATA}")
@pytest.mark.parametrize("told_s", [2, 24])
def test_a_gallery_of_two_seconds_beside_a_whole_speaker_view(
    service: Service, told_s: float
) -> None:
    whole = service.video(24, "active_speaker")
    gallery = FIELD_DATA / "video" / "short2s.mp4"
    timeline = FIELD_DATA / "timeline.json"
    service.meeting.files += [
        FileFixture(gallery, duration_s=told_s),
        replace(whole, path=timeline, file_type="TIMELINE", recording_type=None, id="timeline"),
    ]
    evidence = service.analysed()
    assert evidence.observations.duration_s == pytest.approx(24, abs=0.3)
    said = parse_timeline(timeline.read_bytes(), evidence.observations.duration_s)
    assert [(turn.start_s, turn.end_s, turn.speaker) for turn in evidence.turns] == [
        (turn.start_s, turn.end_s, turn.username) for turn in said.entries
    ]


def test_an_unreadable_view_gives_way_to_a_readable_one(service: Service) -> None:
    gallery = service.video(12, "gallery_view")
    service.video(12, "active_speaker")
    media.cut_off(gallery.path, gallery.path, 0.4)
    evidence = service.analysed()
    assert evidence.observations.duration_s == pytest.approx(12, abs=0.3)
    notes = evidence.observations.quality.notes
    assert "The file of the gallery view could not be read; another view was analysed." in notes


def test_a_paused_recording_is_shorter_in_every_file_and_keeps_its_gallery(
    service: Service,
) -> None:
    service.video(8, "gallery_view", duration_s=40)
    speaker = service.video(8, "active_speaker", duration_s=40)
    sound = media.write_audio_only(service.folder / "sound.m4a", 8)
    service._add(replace(speaker, path=sound, file_type="M4A", recording_type="", id="sound"))
    service.timeline((1, 4, MAYA), duration_s=40)
    call_id = service.announce()
    assert service.fetch(call_id)
    (video,) = (path for path in service.media(call_id) if path.suffix == ".mp4")
    gallery = service.meeting.files[0].path
    assert video.read_bytes() == gallery.read_bytes()
    asked = [request.path for request in service.zoom.requests]
    assert not any(speaker.id in path for path in asked), "the other view is not downloaded"


def test_views_that_take_turns_are_combined_and_their_side_files_divided(service: Service) -> None:
    service.video(6, "active_speaker", after_s=4)
    service.video(4, "gallery_view")
    service.timeline((1, 2, MAYA), (3, 5, DANA), (8, 9, MAYA), duration_s=10)
    service.words((3.2, f"{DANA}: Across the change."), (8.1, f"{MAYA}: After."), duration_s=10)
    service.chat(7, "Here is the offer.", duration_s=10)
    evidence = service.analysed()
    assert evidence.observations.duration_s == pytest.approx(10, abs=0.4)
    assert turns(evidence) == [(1, 2, MAYA), (3, 4, DANA), (4, 5, DANA), (8, 9, MAYA)]
    assert [line.text for line in evidence.transcript] == [
        "Across the change.", "Here is the offer.", "After.",
    ]  # fmt: skip
    assert [line.start_s for line in evidence.transcript] == pytest.approx([3.2, 7, 8.1], abs=0.01)
    assert evidence.observations.quality.notes == ()


def test_side_files_are_placed_relative_to_the_chosen_video(service: Service) -> None:
    service.video(10, "gallery_view", after_s=20)
    service.timeline((5, 8, MAYA), (23, 27, DANA), duration_s=30)
    service.words((24, f"{DANA}: In the picture."), duration_s=30)
    service.chat(2, "Later.", starts_after_s=22, duration_s=8)
    evidence = service.analysed()
    assert turns(evidence) == [(3, 7, DANA)]
    assert [line.start_s for line in evidence.transcript] == [4, 4]
    notes = evidence.observations.quality.notes
    assert "TIMELINE: 1 turn outside the analysed video was left out." in notes


def test_two_timelines_of_one_video_are_both_used(service: Service) -> None:
    service.video(12, "active_speaker")
    service.timeline((1, 3, MAYA), duration_s=6)
    service.timeline((1, 3, DANA), starts_after_s=6, duration_s=6)
    assert turns(service.analysed()) == [(1, 3, MAYA), (7, 9, DANA)]


def test_a_segment_without_an_end_counts_with_its_files_length(service: Service) -> None:
    service.video(3, "gallery_view")
    service.video(4, "gallery_view", after_s=30, is_open=True)
    evidence = service.analysed()
    assert evidence.observations.duration_s == pytest.approx(7, abs=0.4)


def test_an_open_segment_that_turns_out_short_is_skipped_after_the_download(
    service: Service,
) -> None:
    service.video(2, "gallery_view")
    service.video(1, "gallery_view", after_s=30, is_open=True)
    call_id = service.announce()
    assert not service.fetch(call_id)
    call = service.call(call_id)
    assert call.status == "skipped"
    assert call.skipped_reason == "The recording is 3 s long; calls under 5 s are skipped."
    assert service.media(call_id) == [], "a skipped recording is not kept"
    assert service.fetch(call_id, by_hand=True), "unless a person asks for it"


def test_of_views_without_an_end_the_longest_is_analysed(service: Service) -> None:
    service.video(2, "gallery_view", is_open=True)
    service.video(12, "active_speaker", is_open=True)
    service.timeline((9, 11, DANA), is_open=True)
    evidence = service.analysed()
    assert evidence.observations.duration_s == pytest.approx(12, abs=0.3)
    assert turns(evidence) == [(9, 11, DANA)]
    (call_id,) = (path.name for path in service.resources.files.root.iterdir())
    assert len([path for path in service.media(call_id) if path.suffix == ".mp4"]) == 1


def test_a_stale_file_of_the_same_kind_is_not_taken_for_another(service: Service) -> None:
    service.video(6, "gallery_view")
    old = service.timeline((1, 3, MAYA), duration_s=6, file_size=0)
    call_id = service.announce()
    assert service.fetch(call_id)
    assert f"timeline-{old.id}.json" in [path.name for path in service.media(call_id)]
    earlier = service.resources.files.media_path(call_id, "00-timeline.json")
    earlier.write_bytes(old.path.read_bytes())  # as an earlier version named it
    service.meeting.files.remove(old)
    service.timeline((2, 5, DANA), duration_s=6, file_size=0)
    assert turns(service.analysed()) == [(2, 5, DANA)]
    assert not earlier.exists()


def test_a_recording_kept_on_premises_is_skipped_with_a_sentence(service: Service) -> None:
    service.video(12, "gallery_view", is_on_premises=True)
    call_id = service.announce()
    for by_hand in (False, True):
        assert not service.fetch(call_id, by_hand=by_hand)
        call = service.call(call_id)
        assert call.status == "skipped"
        assert call.skipped_reason is not None
        assert call.skipped_reason.startswith("The recording is kept on premises")


def test_a_recording_without_files_is_skipped_as_too_short(service: Service) -> None:
    call_id = service.announce()
    assert not service.fetch(call_id)
    assert "too short" in (service.call(call_id).skipped_reason or "")
    service.zoom.delete_recording(service.meeting.uuid)  # Zoom's answer is then 3301
    assert not service.fetch(call_id)
    assert service.call(call_id).status == "skipped"


def test_no_answer_from_zoom_does_not_mean_that_there_are_no_files(service: Service) -> None:
    call_id = service.announce()
    service.zoom.faults.status("/v2/meetings", 503)
    with pytest.raises(Unavailable):
        service.fetch(call_id)
    assert service.call(call_id).status != "skipped"


def test_a_recording_that_is_being_processed_is_waited_for(service: Service) -> None:
    service.video(12, "gallery_view", status="processing")
    call_id = service.announce()
    with pytest.raises(NotFound, match="still processing"):
        service.fetch(call_id)


def test_rows_of_nobody_who_took_part_are_counted_in_the_notes(service: Service) -> None:
    service.video(6, "gallery_view")
    service.meeting.participants = [
        ParticipantFixture(MAYA, 1, "maya@brightfield.example.com", "z1"),
        ParticipantFixture("", 2),
        ParticipantFixture("Eve Early", 3, status="in_waiting_room"),
    ]
    evidence = service.analysed()
    assert [who.name for who in evidence.roster] == [MAYA]
    assert evidence.observations.quality.notes == (
        "PARTICIPANTS: 1 row without a name was left out.",
        "PARTICIPANTS: 1 row of somebody who only waited to be let in was left out.",
    )


@pytest.mark.parametrize("kept", [False, True])
def test_a_late_transcript_is_placed_relative_to_the_video_that_was_chosen(
    service: Service, kept: bool
) -> None:
    service.video(2, "gallery_view", duration_s=12)  # known to be short only after the download
    service.video(10, "active_speaker", after_s=2)
    service.timeline((3, 6, MAYA), duration_s=12)
    evidence = service.analysed()
    assert turns(evidence) == [(3, 6, MAYA)]
    (call_id,) = (path.name for path in service.resources.files.root.iterdir())
    settings = service.resources.settings.model_copy(update={"keep_recordings": kept})
    finish_call(replace(service.resources, settings=settings), call_id, 0)
    service.words((1.5, f"{MAYA}: Early."), (8, f"{DANA}: Late."), duration_s=12)
    service.announce("recording.transcript_completed")
    later = service.fetch_transcript(call_id)
    assert [(round(line.start_s, 2), line.text) for line in later.transcript] == [
        (1.5, "Early."),
        (8.0, "Late."),
    ]
    assert later.turns == evidence.turns
    again = service.fetch_transcript(call_id)
    assert again.transcript == later.transcript, "a repeat changes nothing"


def test_a_call_that_an_earlier_version_fetched_is_analysed(service: Service) -> None:
    service.video(6, "gallery_view")
    service.timeline((1, 3, MAYA), duration_s=6)
    call_id = service.announce()
    assert service.fetch(call_id)
    manifest = service.manifest(call_id)
    timeline = manifest.placed("timeline")[0].path
    video = manifest.segments[0].video or ""
    older = replace(
        manifest.segments[0],
        video=_renamed(service, video, "00-video.mp4"),
        timeline=_renamed(service, timeline, "00-timeline.json"),
    )
    write_manifest(
        service.resources.files, call_id, replace(manifest, segments=(older,), side_files=())
    )
    analyse_call(service.resources, call_id, lambda share, text: None)
    assert turns(service.evidence(call_id)) == [(1, 3, MAYA)]


def _renamed(service: Service, stored: str, name: str) -> str:
    path = service.resources.files.resolve(stored)
    return service.resources.files.relative(path.rename(path.with_name(name)))
