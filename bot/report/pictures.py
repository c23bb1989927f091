"""Small pictures of a call's moments for its report: made from the recording, or kept from before.

Off unless a setting or an option asks for them. The pictures are kept next to the report, each
under the key of what it was planned to show, so that a call reported again after its recording was
deleted still has them. If a correction changes who may be seen, or whom a moment is about, the plan
changes, no kept picture has its key, and the old one is deleted.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2

from bot.calls.manifest import read_manifest
from bot.calls.privacy import assess_options, shows_everyone
from bot.report.content import MAX_MOMENTS
from bot.report.moments import MomentPicture, strongest_moments
from bot.settings import Settings
from bot.text.words import clock
from inference.errors import Cancelled, InferenceError
from inference.schema.analysis import CallAnalysis
from inference.schema.arrays import U8
from inference.snapshots.plan import Snapshot, plan_snapshots
from inference.snapshots.render import draw_snapshot
from inference.video.stills import Stills
from storage.errors import Missing
from storage.files import MediaFiles

log = logging.getLogger(__name__)

JPEG_QUALITY = 82
NOBODY = "no one in it is seen well enough or may be shown"


@dataclass(frozen=True, slots=True)
class MadePictures:
    """Pictures by the rank of their moment, from 1; `missing` says why other moments have none."""

    pictures: Mapping[int, MomentPicture]
    missing: tuple[str, ...] = ()


def call_pictures(
    files: MediaFiles,
    call_id: str,
    analysis: CallAnalysis,
    settings: Settings,
    stop: threading.Event | None = None,
) -> Mapping[int, MomentPicture]:
    """Return the pictures of a stored call's moments, by rank, and keep them with the call.

    A recording on disk is read again. Without it, or while it is being deleted, kept pictures are
    used if they show what would be shown now. All other kept pictures are deleted.

    Raises:
        Cancelled: the stop flag was set.
        StorageError: pictures that may not be kept could not be deleted, or the disk is full.
    """
    snapshots = _snapshots(analysis, settings)
    videos = _videos(files, call_id)
    limit = settings.analysis.max_picture_pixels
    made = _made(videos, snapshots, limit, stop) if videos else MadePictures({})
    pictures = {**_kept(files, call_id, snapshots, made), **made.pictures}
    kept = {
        f"{snapshot.key}.jpg": pictures[rank].jpeg
        for rank, snapshot in snapshots.items()
        if snapshot is not None and rank in pictures
    }
    files.keep_pictures(call_id, kept)
    source = "the recording" if videos else "before; the recording is gone"
    log.info(
        "call %s: pictures of %d of %d moments, from %s%s",
        call_id, len(pictures), len(snapshots), source,
        "".join(f"; {reason}" for reason in made.missing),
    )  # fmt: skip
    return pictures


def file_pictures(file: Path, analysis: CallAnalysis, settings: Settings) -> MadePictures:
    """Return the pictures of a recording's moments, by rank; nothing is kept."""
    limit = settings.analysis.max_picture_pixels
    return _made([file], _snapshots(analysis, settings), limit, None)


def _kept(
    files: MediaFiles, call_id: str, snapshots: Mapping[int, Snapshot | None], made: MadePictures
) -> dict[int, MomentPicture]:
    """Return kept pictures that show what is planned, for the moments without a new one."""
    return {
        rank: MomentPicture(jpeg, snapshot.at_s, snapshot.people)
        for rank, snapshot in snapshots.items()
        if snapshot is not None
        and rank not in made.pictures
        and (jpeg := files.read_picture(call_id, f"{snapshot.key}.jpg")) is not None
    }


def _snapshots(analysis: CallAnalysis, settings: Settings) -> dict[int, Snapshot | None]:
    moments = strongest_moments(analysis, MAX_MOMENTS)
    leaves_out = not shows_everyone(assess_options(settings))
    return dict(enumerate(plan_snapshots(analysis, moments, leaves_out=leaves_out), 1))


def _videos(files: MediaFiles, call_id: str) -> list[Path]:
    """Return the recording's video files; empty if any of them is gone."""
    try:
        manifest = read_manifest(files, call_id)
    except Missing:
        return []
    paths = [files.resolve(part.video) for part in manifest.segments if part.video is not None]
    return paths if all(path.is_file() for path in paths) else []


def _made(
    videos: Sequence[Path],
    snapshots: Mapping[int, Snapshot | None],
    max_pixels: int,
    stop: threading.Event | None,
) -> MadePictures:
    pictures: dict[int, MomentPicture] = {}
    missing = []
    with Stills(videos, stop=stop, max_pixels=max_pixels) as stills:
        for rank, snapshot in snapshots.items():
            if snapshot is None:
                missing.append(f"none of moment {rank}: {NOBODY}")
                continue
            try:
                image = stills.picture_at(snapshot.at_s)
                pictures[rank] = MomentPicture(
                    _jpeg(draw_snapshot(image, snapshot)), snapshot.at_s, snapshot.people
                )
            except Cancelled:
                raise
            except (InferenceError, ValueError) as exc:
                missing.append(f"none of moment {rank} at {clock(snapshot.at_s)}: {exc}")
    return MadePictures(pictures, tuple(missing))


def _jpeg(image: U8) -> bytes:
    _, data = cv2.imencode(
        ".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    )
    return bytes(data)
