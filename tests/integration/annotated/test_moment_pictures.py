"""Pictures of moments in the report: the right instant and person, kept, blurred, or none."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest
from pypdf import PdfReader
from skimage.data import astronaut
from sqlalchemy import Engine

from bot.analysis.job import AnalysisInProcess, AnalysisResources
from bot.analysis.turns import Turns
from bot.calls.corrections import correct_participant
from bot.calls.manifest import Manifest, SegmentFiles, write_manifest
from bot.calls.record import Evidence, score_evidence, write_evidence
from bot.pipeline.resources import Resources
from bot.pipeline.steps.report import report_call
from bot.pipeline.steps.store import store_call
from bot.report.pictures import MadePictures, call_pictures, file_pictures
from bot.service.run import messenger
from bot.settings import CallSettings, Settings
from inference.assess import AssessOptions
from inference.attribution.attribute import Identities, Person
from inference.expression.batch_queue import DeviceQueue
from inference.faces.detector import FaceDetector
from inference.schema.analysis import Attribution
from inference.schema.arrays import EXPRESSIONS, U8
from inference.schema.observations import FaceColumns, Observations, Quality, View
from inference.snapshots.render import blurred
from integrations.zoom.downloads import Downloader
from storage import calls
from storage.engine import open_engine, transaction
from storage.files import MediaFiles
from tests.media import damage, frame_number, numbered_picture, write_clip

FPS = 4
SECONDS = 40
LEFT, RIGHT = (4, 90, 316, 266), (324, 90, 636, 266)
ANA, TOM, NEIGHBOUR = (120, 130, 190, 210), (440, 130, 510, 210), (540, 140, 600, 210)
SMILES_S = 20.0
EVERYONE = Settings()
OWN_SIDE_LEFT_OUT = Settings(calls=CallSettings(score_own_side=False))


def paint(number: int, width_px: int, height_px: int) -> U8:
    """Two tiles, each with the picture's number above and checks below; the right one is red."""
    image = np.full((height_px, width_px, 3), 20, np.uint8)
    for (x0, y0, x1, y1), colour in ((LEFT, (1, 1, 1)), (RIGHT, (1, 0.2, 0.2))):
        tile = numbered_picture(number, x1 - x0, y1 - y0)
        below = tile[(y1 - y0) // 2 :]
        below[:] = (np.indices(below.shape[:2]).sum(axis=0) // 4 % 2 * 200)[..., None]
        image[y0:y1, x0:x1] = (tile * np.array(colour)).astype(np.uint8)
    return image


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "gallery.mp4"
    return write_clip(
        path, seconds=SECONDS, fps=FPS, width_px=640, height_px=360, paint=paint,
        keyframe_every=4 * FPS, b_frames=0,
    )  # fmt: skip


def evidence(neighbour: bool = False, starts_s: Sequence[float] = (0.0,)) -> Evidence:
    """Ana (our side) stays calm; Tom (theirs) begins to smile at 20 s, in the red tile."""
    t_s = np.arange(0, SECONDS, 0.5)
    people = [ANA, TOM, *([NEIGHBOUR] if neighbour else [])]
    count = len(people)
    probs = np.full((len(t_s), count, 7), 0.01, np.float32)
    probs[:, :, EXPRESSIONS.index("neutral")] = 0.94
    probs[t_s >= SMILES_S, 1] = 0.01
    probs[t_s >= SMILES_S, 1, EXPRESSIONS.index("happy")] = 0.94
    rows = len(t_s) * count
    ones = np.ones(rows, np.float32)
    faces = FaceColumns(
        sample=np.repeat(np.arange(len(t_s), dtype=np.int32), count),
        track=np.tile(np.arange(count, dtype=np.int32), len(t_s)),
        box=np.tile(np.array(people, np.float32), (len(t_s), 1)),
        confidence=ones, probs=probs.reshape(-1, 7), yaw_deg=0 * ones, pitch_deg=0 * ones,
        roll_deg=0 * ones, eye_opening=0.3 * ones, mouth_opening=0.1 * ones,
    )  # fmt: skip
    view = View(
        0, len(t_s), "gallery", np.array([LEFT, RIGHT], np.float32),
        np.arange(2, dtype=np.int32), np.ones(2, np.bool_),
    )  # fmt: skip
    seen = Observations(t_s, 0.5, SECONDS, 640, 360, faces, (view,), Quality(), "expression-2")
    names = (("Ana Ruiz", "rep"), ("Tom Becker", "prospect"), ("Kim Vale", "rep"))
    identities = Identities(
        tuple(Person(name, name, True, side, side == "rep", 1.0) for name, side in names[:count]),
        tuple(Attribution(k, k, 1.0) for k in range(count)),
    )
    return Evidence(seen, tuple(starts_s), identities=identities)


@pytest.fixture
def files(tmp_path: Path) -> MediaFiles:
    return MediaFiles(tmp_path / "calls")


def put(files: MediaFiles, call_id: str, *clips: Path) -> None:
    """Lay the recording where fetching leaves it."""
    names = [f"{number}.mp4" for number in range(len(clips))]
    for name, path in zip(names, clips, strict=True):
        shutil.copy(path, files.media_path(call_id, name))
    videos = [files.relative(files.media_path(call_id, name)) for name in names]
    write_manifest(files, call_id, Manifest(tuple(SegmentFiles(video) for video in videos)))


def pixels(jpeg: bytes) -> U8:
    bgr = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


def is_red(picture: U8) -> bool:
    red, green, _ = picture.reshape(-1, 3).mean(axis=0)
    return bool(red > 2 * green)


def made(
    files: MediaFiles, told: Evidence, settings: Settings = EVERYONE
) -> dict[int, tuple[float, U8]]:
    options = AssessOptions(score_own_side=settings.calls.score_own_side)
    pictures = call_pictures(files, "c1", score_evidence(told, options), settings)
    return {rank: (picture.at_s, pixels(picture.jpeg)) for rank, picture in pictures.items()}


# What is in the picture.


def test_the_picture_is_of_the_person_at_the_very_instant(files: MediaFiles, clip: Path) -> None:
    put(files, "c1", clip)
    ((at_s, picture),) = made(files, evidence()).values()
    assert SMILES_S <= at_s <= SMILES_S + 6
    assert picture.shape == (360, 640, 3)
    assert is_red(picture)
    assert frame_number(picture[..., :1].repeat(3, axis=2)) == round(at_s * FPS)


def test_the_instant_is_found_in_the_second_of_two_files(files: MediaFiles, tmp_path: Path) -> None:
    clips = [
        write_clip(
            tmp_path / f"{k}.mp4", seconds=s, fps=FPS, width_px=640, height_px=360, paint=paint,
            b_frames=0,
        )
        for k, s in enumerate((15, 25))
    ]  # fmt: skip
    put(files, "c1", *clips)
    ((at_s, picture),) = made(files, evidence(starts_s=(0.0, 15.0))).values()
    assert at_s >= SMILES_S
    assert frame_number(picture[..., :1].repeat(3, axis=2)) == round((at_s - 15) * FPS)


def test_a_colleague_in_the_same_room_is_blurred_beyond_recognition(
    files: MediaFiles, clip: Path
) -> None:
    put(files, "c1", clip)
    ((_, alone),) = made(files, evidence()).values()
    ((_, picture),) = made(files, evidence(neighbour=True), OWN_SIDE_LEFT_OUT).values()
    # Only Tom's face, in the middle, is sharp.
    beside, own = (slice(200, 340), slice(460, 640)), (slice(200, 340), slice(260, 380))
    assert alone[(*beside, 0)].std() > 60
    assert picture[(*beside, 0)].std() < 12
    assert picture[(*own, 0)].std() > 60


def test_no_face_is_found_any_more_in_what_was_blurred() -> None:
    face = np.ascontiguousarray(astronaut()[:300, 80:380])
    whole = cv2.copyMakeBorder(face, 60, 60, 200, 200, cv2.BORDER_CONSTANT)
    with FaceDetector() as detector:
        assert len(detector.detect(whole, None)) == 1
        gone = cv2.copyMakeBorder(blurred(face), 60, 60, 200, 200, cv2.BORDER_CONSTANT)
        assert detector.detect(gone, None) == []


def test_a_damaged_place_gives_no_picture_and_a_line_in_the_log(
    files: MediaFiles, clip: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    put(files, "c1", damage(clip, tmp_path / "damaged.mp4", SMILES_S - 5, SMILES_S + 19))
    assert made(files, evidence()) == {}
    (line,) = [r.message for r in caplog.records if r.name == "bot.report.pictures"]
    assert "pictures of 0 of 1 moments" in line
    assert "no whole picture at" in line


def test_one_file_gives_its_pictures_and_keeps_nothing(clip: Path) -> None:
    before = list(clip.parent.iterdir())
    told = score_evidence(evidence(), AssessOptions())
    assert list(file_pictures(clip, told, EVERYONE).pictures) == [1]
    assert list(clip.parent.iterdir()) == before
    unreadable = file_pictures(clip.parent / "gone.mp4", told, EVERYONE)
    assert unreadable.pictures == {}
    assert "gone.mp4: cannot be read" in unreadable.missing[0]
    assert MadePictures({}).missing == ()


# Through the report step.


@pytest.fixture
def engine(tmp_path: Path, migrated_sqlite: Path) -> Iterator[Engine]:
    """SQLite alone: nothing here depends on the database."""
    shutil.copy(migrated_sqlite, tmp_path / "rapport.db")
    engine = open_engine(f"sqlite:///{tmp_path / 'rapport.db'}")
    yield engine
    engine.dispose()


@pytest.fixture
def resources(tmp_path: Path, engine: Engine, files: MediaFiles) -> Iterator[Resources]:
    settings = Settings(
        data_dir=tmp_path, report_pictures=True, calls=CallSettings(score_own_side=False)
    )
    with (
        httpx.Client() as http,
        DeviceQueue(lambda crops: np.full((len(crops), 7), 1 / 7, np.float32)) as queue,
    ):
        yield Resources(
            settings=settings, engine=engine, files=files, zoom=None,
            downloader=Downloader(http, allowed_hosts=(), insecure_hosts=(), reserve_bytes=0),
            messenger=messenger(settings), link_secret="secret",
            analysis=AnalysisInProcess(AnalysisResources(files, queue, "expression-2")),
            analysing=Turns(1),
        )  # fmt: skip


def analysed(resources: Resources, clip: Path, told: Evidence) -> str:
    """A call whose recording is on disk and whose pictures were looked at."""
    started_at = datetime(2026, 9, 10, 13, tzinfo=UTC)
    with transaction(resources.engine) as session:
        call_id = calls.announce(
            session, calls.NewCall("uuid==", "1", "Pilot", "ana@example.com", started_at)
        ).id
        calls.begin_run(session, call_id, force=True)
    put(resources.files, call_id, clip)
    write_evidence(resources.files.series_path(call_id), told)
    return call_id


def report_again(resources: Resources, call_id: str) -> list[U8]:
    """Run the steps of reporting again; return the photographs in the PDF."""
    store_call(resources, call_id)
    report_call(resources, call_id)
    reader = PdfReader(resources.files.report_path(call_id))
    shown = [image.data for page in reader.pages for image in page.images]
    return [pixels(data) for data in shown]


def kept(resources: Resources, call_id: str) -> list[Path]:
    folder = resources.files.call_folder(call_id) / "pictures"
    return sorted(folder.iterdir()) if folder.exists() else []


def say(resources: Resources, call_id: str, who: str, **change: str) -> None:
    with transaction(resources.engine) as session:
        people = calls.get_participants(session, call_id)
    pid = next(person.pid for person in people if person.name == who)
    correct_participant(resources.engine, resources.files, call_id, pid, change, "test")


def test_pictures_outlive_the_recording_until_a_correction_takes_their_person_away(
    resources: Resources, clip: Path
) -> None:
    call_id = analysed(resources, clip, evidence())
    (picture,) = report_again(resources, call_id)
    assert is_red(picture)
    first = [path.read_bytes() for path in kept(resources, call_id)]
    assert len(first) == 1

    resources.files.delete_media(call_id)
    say(resources, call_id, "Tom Becker", name="Thomas Becker")
    (again,) = report_again(resources, call_id)
    assert np.array_equal(again, picture)
    assert [path.read_bytes() for path in kept(resources, call_id)] == first
    assert (
        "· Thomas Becker" in PdfReader(resources.files.report_path(call_id)).pages[0].extract_text()
    )

    say(resources, call_id, "Thomas Becker", side="rep")
    assert report_again(resources, call_id) == []
    assert kept(resources, call_id) == []


def test_a_recording_that_goes_while_it_is_looked_at_takes_no_kept_picture_along(
    resources: Resources, clip: Path
) -> None:
    call_id = analysed(resources, clip, evidence())
    first = report_again(resources, call_id)
    (resources.files.media_folder(call_id) / "0.mp4").write_bytes(b"")
    assert np.array_equal(report_again(resources, call_id), first)
    assert len(kept(resources, call_id)) == 1


def test_a_correction_of_somebody_who_is_not_in_it_leaves_a_kept_picture_alone(
    resources: Resources, clip: Path
) -> None:
    told = evidence(neighbour=True)
    assert told.identities is not None
    people = tuple(
        replace(person, side="prospect", is_host=False) for person in told.identities.people
    )
    call_id = analysed(
        resources, clip, replace(told, identities=replace(told.identities, people=people))
    )
    first = report_again(resources, call_id)
    resources.files.delete_media(call_id)

    say(resources, call_id, "Kim Vale", side="rep")  # who sits beside Tom, blurred
    assert np.array_equal(report_again(resources, call_id), first)


def test_with_the_setting_off_the_recording_is_not_opened_and_nothing_stays(
    resources: Resources, clip: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    call_id = analysed(resources, clip, evidence())
    assert len(report_again(resources, call_id)) == 1
    caplog.clear()

    off = replace(
        resources, settings=resources.settings.model_copy(update={"report_pictures": False})
    )
    video = resources.files.media_folder(call_id) / "0.mp4"
    video.unlink()
    video.mkdir()  # whoever opened it would fail
    assert report_again(off, call_id) == []
    assert kept(resources, call_id) == []
    assert [record for record in caplog.records if "picture" in record.message] == []
    assert Settings().report_pictures is False


def test_a_report_is_made_where_the_recording_went_before_any_picture(
    resources: Resources, clip: Path
) -> None:
    call_id = analysed(resources, clip, evidence())
    resources.files.delete_media(call_id)
    assert report_again(resources, call_id) == []
    text = PdfReader(resources.files.report_path(call_id)).pages[0].extract_text()
    assert "Moments worth watching" in text


def test_deleting_the_call_deletes_its_pictures(files: MediaFiles, clip: Path) -> None:
    put(files, "c1", clip)
    assert len(made(files, evidence())) == 1
    assert len(list((files.root / "c1" / "pictures").iterdir())) == 1
    files.delete_call("c1")
    assert not (files.root / "c1").exists()
