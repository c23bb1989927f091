"""Pictures that stay on the screen, pauses of the recording, and how long a file is."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from inference.layout import Layout, LayoutFinder
from inference.resized_layout import ResizedLayout
from inference.schema.arrays import U8
from inference.schema.observations import Frame
from inference.video.container import Media
from inference.video.reader import DecodeOptions, FrameReader
from inference.video.stills import Stills
from tests import layouts, media
from tests.media import frame_number, steady_times, write_clip

FREEZE = [*steady_times(18.4, 10), *(t + 23 for t in steady_times(1, 10))]
"""The last picture before the freeze is not the first of its half second."""


def clip(path: Path, times: Sequence[Fraction], audio_s: float | None, b_frames: int = 2) -> Path:
    return write_clip(path, fps=10, times=times, audio_s=audio_s, b_frames=b_frames)


def read(path: Path, **options: bool) -> tuple[list[Frame], FrameReader]:
    reader = FrameReader(path, DecodeOptions(**options))  # type: ignore[arg-type]
    return list(reader), reader


def full_screen_camera(number: int, width_px: int, height_px: int) -> U8:
    """Somebody before a camera, moved from picture to picture."""
    return layouts.paint_camera(layouts.Camera(3, 0), 7.0 * number, width_px, height_px)


def gallery(number: int, width_px: int, height_px: int) -> U8:
    """Four people in the first picture, two in the later ones."""
    count = 4 if number == 0 else 2
    boxes = layouts.grid_boxes(width_px, height_px, count, 4, 4)
    cameras = [layouts.Camera(k, k) for k in range(count)]
    return layouts.paint_tiles(width_px, height_px, boxes, cameras, 7.0 * number)


def layouts_of(path: Path) -> tuple[list[Frame], list[Layout]]:
    frames, _ = read(path)
    finder = ResizedLayout(LayoutFinder)
    return frames, [finder.update(frame) for frame in frames]


def every(seconds: float, count: int) -> list[Fraction]:
    return [Fraction(seconds) * k for k in range(count)]


@pytest.mark.parametrize("b_frames", [0, 2, 4])
def test_a_freeze_neither_lengthens_the_recording_nor_hides_who_is_seen(
    tmp_path: Path, b_frames: int
) -> None:
    frames, reader = read(clip(tmp_path / "a.mp4", FREEZE, 24, b_frames))
    assert reader.duration_s == pytest.approx(24, abs=0.1)
    assert [int(frame.t_s * 2) for frame in frames] == list(range(48))
    assert {frame_number(f.image) for f in frames if 18.45 < f.t_s < 22.9} == {183}
    assert (reader.quality.frames_lost, reader.quality.frames_sampled) == (0, 48)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
def test_leaving_out_pictures_keeps_the_one_that_stays_on_the_screen(
    tmp_path: Path, name: str
) -> None:
    path = clip(tmp_path / name, FREEZE, 24)
    quick, full = read(path)[0], read(path, skip_unneeded=False)[0]
    assert [frame.pts for frame in quick] == [frame.pts for frame in full]
    assert all(np.array_equal(a.image, b.image) for a, b in zip(quick, full, strict=True))
    with Stills([path]) as stills:
        for frame in quick[::5]:
            assert np.array_equal(stills.picture_at(frame.t_s), frame.image)


@pytest.mark.parametrize("audio_s", [24, None])
@pytest.mark.parametrize("seconds", [1, 4])
def test_a_picture_every_few_seconds_counts_until_the_next(
    tmp_path: Path, seconds: int, audio_s: float | None
) -> None:
    frames, reader = read(clip(tmp_path / "a.mp4", every(seconds, 24 // seconds), audio_s))
    last_s = 24 if audio_s else 24 - seconds
    assert [frame.t_s for frame in frames if frame.t_s < last_s] == pytest.approx(
        [k / 2 for k in range(2 * last_s)]
    )
    numbers = [frame_number(frame.image) for frame in frames]
    assert numbers == [int(frame.t_s / seconds) for frame in frames]
    assert reader.quality.lost_share == 0


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_a_pause_of_the_recording_is_not_a_still_picture(tmp_path: Path, name: str) -> None:
    paused = [*steady_times(4, 10), *(t + 9 for t in steady_times(4, 10))]
    path = tmp_path / name
    write_clip(path, fps=10, times=paused, audio_s=13, audio_gap_s=(4, 9))
    frames, reader = read(path)
    assert not [frame.t_s for frame in frames if 4 < frame.t_s < 8.9]
    assert len(frames) == 16
    assert reader.duration_s == pytest.approx(13, abs=0.1)


@pytest.mark.parametrize("audio_s", [48, None])
def test_a_picture_every_twelve_seconds_counts_until_the_next(
    tmp_path: Path, audio_s: float | None
) -> None:
    frames, reader = read(clip(tmp_path / "a.mp4", every(12, 5 if audio_s is None else 4), audio_s))
    times = [frame.t_s for frame in frames if frame.t_s < 48]
    assert times == pytest.approx([k / 2 for k in range(96)])
    assert [frame_number(f.image) for f in frames] == [int(f.t_s / 12) for f in frames]
    assert reader.quality.lost_share == 0


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_a_picture_that_is_held_for_long_is_found_again(tmp_path: Path, name: str) -> None:
    path = clip(tmp_path / name, every(12, 5), None)
    with Stills([path]) as stills:
        for frame in read(path)[0][::5]:
            assert np.array_equal(stills.picture_at(frame.t_s), frame.image)


def test_a_freeze_is_seen_to_its_end_while_the_sound_goes_on(tmp_path: Path) -> None:
    times = [*steady_times(4, 10), *(t + 40 for t in steady_times(4, 10))]
    path = clip(tmp_path / "a.mp4", times, 44)
    frames, _ = read(path)
    assert [int(frame.t_s * 2) for frame in frames] == list(range(88))
    with Stills([path]) as stills:
        assert np.array_equal(stills.picture_at(frames[75].t_s), frames[75].image)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_a_long_hole_without_sound_is_a_pause(tmp_path: Path, name: str) -> None:
    times = [*steady_times(4, 10), *(t + 20 for t in steady_times(4, 10))]
    path = tmp_path / name
    write_clip(path, fps=10, times=times, audio_s=24, audio_gap_s=(4, 20))
    assert len(read(path)[0]) == 16
    assert len(read(clip(tmp_path / f"silent_{name}", times, None))[0]) == 16


def test_a_hole_of_which_part_has_no_sound_is_a_pause(tmp_path: Path) -> None:
    times = [*steady_times(4, 10), *(t + 20 for t in steady_times(4, 10))]
    path = tmp_path / "a.mp4"
    write_clip(path, fps=10, times=times, audio_s=24, audio_gap_s=(10, 16))
    assert len(read(path)[0]) == 16


def test_only_a_picture_that_was_sampled_before_is_a_repeated_one(tmp_path: Path) -> None:
    frames, _ = read(clip(tmp_path / "a.mp4", FREEZE, 24))
    # The one that stays is not the first of its half second: at 18.5 s it is seen for the first
    # time.
    assert [f.t_s for f in frames if f.is_repeated] == pytest.approx([19 + k / 2 for k in range(8)])


@pytest.mark.parametrize("has_sound", [True, False])
@pytest.mark.parametrize("seconds", [6, 8, 9.5, 12])
def test_a_camera_that_is_held_for_long_is_no_photograph_on_a_slide(
    tmp_path: Path, seconds: float, has_sound: bool
) -> None:
    path = tmp_path / "a.mp4"
    write_clip(
        path, fps=10, width_px=640, height_px=360, times=every(seconds, 6),
        audio_s=6 * seconds if has_sound else None, paint=full_screen_camera,
    )  # fmt: skip
    frames, seen = layouts_of(path)
    assert len(frames) >= 10 * seconds
    assert {layout.kind for layout in seen} == {"single"}
    assert not any(
        layout.changed or layout.is_revised
        for frame, layout in zip(frames, seen, strict=True)
        if frame.is_repeated
    )


def test_a_new_layout_that_is_held_is_believed_before_the_next_picture(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    write_clip(path, fps=10, width_px=640, height_px=360, times=every(8, 3), paint=gallery)
    frames, seen = layouts_of(path)
    held = [layout for frame, layout in zip(frames, seen, strict=True) if 8.5 <= frame.t_s < 16]
    assert {layout.kind for layout in held} == {"gallery"}
    assert [len(layout.tiles) for layout in held] == [2] * 15


def test_a_lost_picture_is_not_made_up_for_by_the_one_before(tmp_path: Path) -> None:
    whole = write_clip(
        tmp_path / "a.mp4", fps=1, times=every(1, 12), audio_s=12, keyframe_every=1, b_frames=0
    )
    damaged = media.damage(whole, tmp_path / "damaged.mp4", 4.9, 7.9)
    frames, reader = read(damaged)
    assert not [frame.t_s for frame in frames if 5 <= frame.t_s < 8]
    assert reader.quality.frames_lost == 3


def test_the_measured_length_is_the_one_that_reading_finds(tmp_path: Path) -> None:
    for name in ("a.mp4", "a.mkv", "a.ts"):
        path = clip(tmp_path / name, FREEZE, None)
        with Media(path) as opened:
            assert opened.measure_s(threading.Event()) == read(path)[1].duration_s


def test_a_fragmented_file_with_a_freeze_is_as_long_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    write_clip(
        path, fps=10, times=FREEZE, container_options={"movflags": "frag_keyframe+empty_moov"}
    )
    assert read(path)[1].duration_s == pytest.approx(24, abs=0.15)
