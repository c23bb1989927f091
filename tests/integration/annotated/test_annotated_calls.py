"""A call's annotated recording: made by its analysis, shown once its scores allow it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import av
import httpx
import pytest
from sqlalchemy import Engine

from bot.analysis.job import AnalysisInProcess, AnalysisResources
from bot.analysis.turns import Turns
from bot.annotated.lifecycle import NAME, PART, SHOWN, WAITING, IsolatedObserver, find, settle
from bot.annotated.recorder import Recorder
from bot.calls.manifest import Manifest, SegmentFiles, write_manifest
from bot.calls.privacy import assess_options
from bot.calls.record import read_evidence
from bot.calls.stored import load_analysis
from bot.pipeline.resources import Resources
from bot.pipeline.steps.analyse import analyse_call
from bot.pipeline.steps.clean_up import finish_call
from bot.pipeline.steps.store import store_call
from bot.service.run import messenger
from bot.settings import AnalysisSettings, CallSettings, Settings, ZoomSettings
from inference.analyzer import AnalyzerOptions
from inference.assess import AssessOptions
from inference.attribution.attribute import Identities
from inference.errors import Cancelled
from inference.expression.batch_queue import DeviceQueue
from inference.recording import Segment, observe_recording
from inference.schema.observations import Observations
from inference.video.reader import probe
from integrations.zoom.downloads import Downloader
from storage import calls
from storage.engine import reading, transaction
from storage.files import MediaFiles
from tests import media
from tests.integration.annotated.conftest import painted, smiling

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def queue() -> Iterator[DeviceQueue]:
    with DeviceQueue(smiling) as queue:
        yield queue


@pytest.fixture
def resources(engine: Engine, tmp_path: Path, queue: DeviceQueue) -> Iterator[Resources]:
    settings = Settings(
        _env_file=None,
        data_dir=tmp_path,
        keep_recordings=True,
        analysis=AnalysisSettings(device="cpu", annotate=True),
        zoom=ZoomSettings(disk_reserve_bytes=0),
    )
    files = MediaFiles(tmp_path / "calls")
    with httpx.Client() as http:
        yield Resources(
            settings=settings,
            engine=engine,
            files=files,
            zoom=None,
            downloader=Downloader(http, allowed_hosts=(), insecure_hosts=(), reserve_bytes=0),
            messenger=messenger(settings),
            analysis=AnalysisInProcess(AnalysisResources(files, queue, "test-1")),
            link_secret="secret",
            analysing=Turns(1),
        )


def fetched(resources: Resources, seconds: float = 3.0) -> str:
    """A call whose recording is on disk."""
    with transaction(resources.engine) as session:
        call_id = calls.announce(
            session,
            calls.NewCall("uuid==", "1", "Call", "a@b.example", datetime(2026, 9, 10, tzinfo=UTC)),
        ).id
        calls.begin_run(session, call_id)
    video = resources.files.media_path(call_id, "0-video.mp4")
    media.write_clip(video, seconds=seconds, width_px=320, height_px=180, paint=painted(1))
    segment = SegmentFiles(video=resources.files.relative(video))
    write_manifest(resources.files, call_id, Manifest((segment,)))
    return call_id


def analyse(resources: Resources, call_id: str) -> None:
    analyse_call(resources, call_id, lambda share, text: None)


def test_side_files_of_a_recording_without_a_stated_length_are_placed_after_decoding(
    resources: Resources,
) -> None:
    call_id = fetched(resources)
    video = resources.files.media_path(call_id, "0-video.mkv")
    options = {"live": "1"}  # as a recorder writes that does not know the end yet
    media.write_clip(video, seconds=3.0, paint=painted(1), container_options=options)
    assert probe(video).duration_s is None
    words = resources.files.media_path(call_id, "0-words.vtt")
    words.write_text("WEBVTT\n\n00:00:01.000 --> 00:00:02.000\nDana Whitfield: Good morning.\n")
    segment = SegmentFiles(
        video=resources.files.relative(video), transcript=resources.files.relative(words)
    )
    write_manifest(resources.files, call_id, Manifest((segment,)))
    analyse(resources, call_id)
    evidence = read_evidence(resources.files.series_path(call_id))
    (line,) = evidence.transcript
    assert (line.speaker, line.text) == ("Dana Whitfield", "Good morning.")
    assert not [note for note in evidence.observations.quality.notes if "left out" in note]


def test_the_recording_is_there_once_the_scores_are_and_goes_with_the_media(
    resources: Resources,
) -> None:
    call_id = fetched(resources)
    analyse(resources, call_id)
    assert find(resources.files, resources.settings, call_id) is None, (
        "its scores are not stored yet"
    )
    store_call(resources, call_id)
    path = find(resources.files, resources.settings, call_id)
    assert path is not None
    with av.open(str(path)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 75
    first = path.stat().st_ino
    analyse(resources, call_id)
    assert path.stat().st_ino == first, "the old one stays until the new one is good"
    store_call(resources, call_id)
    assert path.stat().st_ino != first
    assert sorted(file.name for file in path.parent.iterdir()) == [
        "0-video.mp4", SHOWN, NAME, "manifest.json",
    ]  # fmt: skip
    finish_call(resources, call_id, 1)
    assert path.is_file()
    gone = replace(
        resources, settings=resources.settings.model_copy(update={"keep_recordings": False})
    )
    finish_call(gone, call_id, 1)
    assert find(resources.files, resources.settings, call_id) is None


def test_without_the_setting_or_without_keeping_nothing_is_written(resources: Resources) -> None:
    call_id = fetched(resources, seconds=1)
    for changes in ({"keep_recordings": False}, {"analysis": AnalysisSettings(device="cpu")}):
        plain = replace(resources, settings=resources.settings.model_copy(update=changes))
        analyse(plain, call_id)
        store_call(plain, call_id)
        assert not list(resources.files.media_folder(call_id).glob("annotated*"))


@pytest.mark.parametrize("seconds", [12.0, 60.0])
def test_what_cannot_be_written_is_told_and_the_call_goes_on(
    seconds: float, resources: Resources
) -> None:
    full = resources.settings.model_copy(
        update={"zoom": ZoomSettings(disk_reserve_bytes=10**18)}
    )  # the disk is as good as full
    call_id = fetched(resources, seconds=seconds)
    analyse(replace(resources, settings=full), call_id)
    store_call(resources, call_id)
    notes = read_evidence(resources.files.series_path(call_id)).observations.quality.notes
    assert any("The disk has no room left for the annotated recording" in note for note in notes)
    assert not list(resources.files.media_folder(call_id).glob("annotated*"))


def test_where_no_new_one_can_be_written_the_notes_say_that_it_is_an_earlier_one(
    resources: Resources,
) -> None:
    call_id = fetched(resources, seconds=12)
    analyse(resources, call_id)
    store_call(resources, call_id)
    zoom = ZoomSettings(disk_reserve_bytes=10**18)
    analyse(
        replace(resources, settings=resources.settings.model_copy(update={"zoom": zoom})), call_id
    )
    store_call(resources, call_id)
    notes = read_evidence(resources.files.series_path(call_id)).observations.quality.notes
    assert any(
        "is from an earlier analysis; there is no new one: The disk" in note for note in notes
    )
    assert find(resources.files, resources.settings, call_id) is not None


def test_one_whose_scores_were_never_stored_does_not_appear_with_those_of_another_analysis(
    resources: Resources,
) -> None:
    call_id = fetched(resources)
    analyse(resources, call_id)
    folder = resources.files.media_folder(call_id)
    (folder / PART).write_bytes(b"left when the process was killed")
    off = resources.settings.model_copy(update={"analysis": AnalysisSettings(device="cpu")})
    analyse(replace(resources, settings=off), call_id)
    store_call(replace(resources, settings=off), call_id)
    assert not list(folder.glob("annotated*"))


def test_a_mistake_in_naming_costs_the_annotated_recording_and_not_the_call(
    resources: Resources, queue: DeviceQueue, logged_errors: list[logging.LogRecord]
) -> None:
    call_id = fetched(resources, seconds=8)
    video = resources.files.media_path(call_id, "0-video.mp4")

    def name(seen: Observations) -> tuple[Observations, Identities]:
        raise ValueError("no such name")

    out = video.with_name(PART)
    observer = IsolatedObserver(Recorder([video], out, name, AssessOptions(), 2.0))
    options = AnalyzerOptions(read_labels=False)
    seen = observe_recording([Segment(video)], options, queue, model="t", observer=observer)
    observer.finish()
    assert len(seen.t_s) == 16
    assert "log has the cause" in observer.failure  # the sentence stands in the manager's report
    assert "no such name" not in observer.failure
    assert not out.exists()
    assert [record.getMessage() for record in logged_errors] == ["the annotated recording failed"]


def test_an_analysis_that_is_stopped_leaves_no_half_recording(resources: Resources) -> None:
    call_id = fetched(resources, seconds=12)

    def stop(share: float, text: str) -> None:
        resources.stop.set()

    with pytest.raises(Cancelled):
        analyse_call(resources, call_id, stop)
    assert not list(resources.files.media_folder(call_id).glob("annotated*"))


def test_one_that_shows_who_may_not_be_shown_is_deleted_or_not_given(resources: Resources) -> None:
    call_id = fetched(resources)
    analyse(resources, call_id)
    store_call(resources, call_id)
    settings = resources.settings.model_copy(update={"calls": CallSettings(score_own_side=False)})
    strict = replace(resources, settings=settings)
    assert find(resources.files, resources.settings, call_id) is not None
    assert find(resources.files, settings, call_id) is None, "made while everybody was shown"
    # One that was made under the setting and showed a face that is nobody's known by now.
    folder = resources.files.media_folder(call_id)
    shown = {"shows_all": False, "shown": [{"t_s": 1.0, "x": 0.25, "y": 0.5}]}
    (folder / SHOWN).write_text(json.dumps(shown))
    assert find(resources.files, settings, call_id) is not None
    store_call(strict, call_id)
    assert not (folder / NAME).exists()


def test_one_that_hides_everybody_stays(resources: Resources) -> None:
    settings = resources.settings.model_copy(update={"calls": CallSettings(score_own_side=False)})
    strict = replace(resources, settings=settings)
    call_id = fetched(resources)
    analyse(strict, call_id)
    store_call(strict, call_id)
    assert find(resources.files, settings, call_id) is not None
    with reading(resources.engine) as session:
        analysis = load_analysis(resources.files, settings, calls.get_call(session, call_id))
    settle(resources.files, call_id, analysis, assess_options(settings))
    assert find(resources.files, settings, call_id) is not None
    assert not (resources.files.media_folder(call_id) / WAITING).exists()
