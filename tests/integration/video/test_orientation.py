"""Recordings that are stored turned or mirrored: analysed, cut out and annotated as shown."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from bot.annotated.canvas import Canvas, Palette
from inference.video.reader import FrameReader, probe
from inference.video.stills import Stills
from tests import media
from tests.media import MATRICES

WIDTH, HEIGHT = 192, 96
every_way = pytest.mark.parametrize("name", MATRICES)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("plain") / "plain.mp4"
    return media.write_clip(path, seconds=1, width_px=WIDTH, height_px=HEIGHT)


@every_way
def test_a_recording_is_analysed_as_it_is_shown(name: str, plain: Path, tmp_path: Path) -> None:
    path = media.with_matrix(plain, tmp_path / "clip.mp4", name)
    stored, shown = list(FrameReader(plain)), list(FrameReader(path))
    assert len(shown) == len(stored) == 2
    for one, other in zip(stored, shown, strict=True):
        assert np.array_equal(other.image, media.shown_by(name, one.image))
    info = probe(path)
    assert (info.height_px, info.width_px) == shown[0].image.shape[:2]


@every_way
def test_a_still_is_the_picture_that_was_analysed(name: str, plain: Path, tmp_path: Path) -> None:
    path = media.with_matrix(plain, tmp_path / "clip.mp4", name)
    with Stills([path]) as stills:
        for frame in FrameReader(path):
            assert np.array_equal(stills.picture_at(frame.t_s), frame.image)


@every_way
def test_the_annotated_recording_shows_it_as_players_do(
    name: str, plain: Path, tmp_path: Path
) -> None:
    path = media.with_matrix(plain, tmp_path / "clip.mp4", name)
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        wanted = media.shown_by(name, media.rgb(frame))
        height, width = wanted.shape[:2]
        canvas = Canvas(width, height, 32, Palette.of(frame, height))
        canvas.put_frame(frame, (0, 0, width, height))
        painted = media.rgb(canvas.frame())[:height]
    assert np.abs(painted.astype(int) - wanted).mean() < 3
