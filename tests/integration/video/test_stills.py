"""Single pictures by their time: the very ones that were sampled, the rest of the file unread."""

from __future__ import annotations

import threading
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from inference.errors import Cancelled, UnreadableMedia
from inference.schema.observations import Frame
from inference.video.container import Media
from inference.video.reader import DecodeOptions, FrameReader
from inference.video.stills import Stills
from tests.media import cut_off, damage, frame_number, variable_rate_times, write_clip


def sampled(*paths: Path, per_s: float = 4.0) -> list[Frame]:
    """Every sample of the files laid end to end, as the analysis takes them."""
    frames: list[Frame] = []
    offset_s = 0.0
    for path in paths:
        reader = FrameReader(path, DecodeOptions(per_s), offset_s)
        frames += list(reader)
        offset_s += reader.duration_s
    return frames


def assert_same_pictures(*paths: Path) -> None:
    frames = sampled(*paths)
    assert len(frames) > 4
    with Stills(paths) as stills:
        for frame in reversed(frames):
            image = stills.picture_at(frame.t_s)
            assert np.array_equal(image, frame.image), frame.t_s


def test_every_sampled_picture_is_found_again_to_the_bit(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", seconds=6, audio_s=6.0, keyframe_every=50)
    assert_same_pictures(clip)


def test_a_picture_track_that_starts_late_keeps_its_times(tmp_path: Path) -> None:
    times = [Fraction(2) + Fraction(i, 25) for i in range(75)]
    assert_same_pictures(write_clip(tmp_path / "a.mp4", times=times, audio_s=5.0))


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
def test_uneven_times_are_found_in_every_container(tmp_path: Path, name: str) -> None:
    assert_same_pictures(write_clip(tmp_path / name, times=variable_rate_times(4.0)))


def test_a_turned_picture_is_given_as_it_is_shown(tmp_path: Path) -> None:
    assert_same_pictures(write_clip(tmp_path / "a.mp4", rotation_deg=90))


def test_several_files_are_laid_end_to_end_by_their_true_lengths(tmp_path: Path) -> None:
    first = write_clip(tmp_path / "1.mp4", seconds=2.04, audio_s=2.31)
    second = write_clip(tmp_path / "2.mp4", seconds=1.6)
    third = write_clip(tmp_path / "3.mp4", seconds=1.2, audio_s=1.2)
    assert_same_pictures(first, second, third)
    with Media(first) as media:
        reader = FrameReader(first)
        list(reader)
        assert media.measure_s(threading.Event()) == reader.duration_s


def test_only_what_leads_to_the_picture_is_decoded(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", seconds=8, keyframe_every=25, b_frames=0)
    broken = damage(clip, tmp_path / "broken.mp4", 0.9, 5.9)
    with Stills([broken]) as stills:
        assert frame_number(stills.picture_at(7.0)) == 175


def test_a_damaged_place_gives_no_picture_and_the_next_place_does(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", seconds=8, keyframe_every=25, b_frames=0)
    broken = damage(clip, tmp_path / "broken.mp4", 1.9, 3.1)
    with Stills([broken]) as stills:
        with pytest.raises(UnreadableMedia, match=r"broken\.mp4: no whole picture at 2\.50 s"):
            stills.picture_at(2.5)
        assert frame_number(stills.picture_at(5.0)) == 125


@pytest.mark.parametrize("at_s", [2.5, 99.0, -1.0])
def test_a_time_at_which_no_picture_is_shown_gives_none(tmp_path: Path, at_s: float) -> None:
    clip = write_clip(tmp_path / "a.mp4", seconds=1)
    with Stills([clip]) as stills, pytest.raises(UnreadableMedia, match="no whole picture"):
        stills.picture_at(at_s)


def test_a_file_that_is_cut_off_says_so(tmp_path: Path) -> None:
    clip = cut_off(write_clip(tmp_path / "a.mp4"), tmp_path / "cut.mp4", 0.5)
    with Stills([clip]) as stills, pytest.raises(UnreadableMedia, match=r"cut\.mp4"):
        stills.picture_at(0.0)


def test_it_ends_at_once_when_the_process_is_to_end(tmp_path: Path) -> None:
    clips = [write_clip(tmp_path / name, seconds=1) for name in ("1.mp4", "2.mp4")]
    stop = threading.Event()
    stop.set()
    for at_s in (0.0, 1.4):
        with Stills(clips, stop=stop) as stills, pytest.raises(Cancelled):
            stills.picture_at(at_s)
