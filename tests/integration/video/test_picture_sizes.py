"""Recordings that change their size, and pictures that are too large to be decoded."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from inference.errors import UnreadableMedia
from inference.schema.observations import Frame
from inference.video.picture_headers import announced_sizes
from inference.video.picture_sizes import PictureSizes
from inference.video.reader import DecodeOptions, FrameReader, frame_size, probe
from inference.video.stills import Stills
from tests import media
from tests.media import frame_number, write_clip, write_sizes

SETTING = "RAPPORT_ANALYSIS__MAX_PICTURE_PIXELS"


def read(path: Path) -> list[Frame]:
    return list(FrameReader(path))


def shapes(frames: list[Frame]) -> list[tuple[int, int]]:
    return [(frame.image.shape[1], frame.image.shape[0]) for frame in frames]


def test_a_picture_that_grows_is_seen_in_its_final_size_from_the_start(tmp_path: Path) -> None:
    frames = read(write_sizes(tmp_path / "a.ts", [(1, 192, 96), (1, 384, 192)]))
    assert shapes(frames) == [(384, 192)] * 4
    assert [frame.enlarged for frame in frames] == [2, 2, 1, 1]
    assert [frame_number(frame.image) for frame in frames] == [0, 5, 10, 15]


def test_a_picture_that_shrinks_and_grows_keeps_its_size(tmp_path: Path) -> None:
    parts = [(1, 384, 192), (1, 192, 96), (1, 288, 144), (1, 384, 192)]
    frames = read(write_sizes(tmp_path / "a.ts", parts))
    assert shapes(frames) == [(384, 192)] * 8
    assert [frame_number(frame.image) for frame in frames] == list(range(0, 40, 5))


def test_a_turned_phone_is_not_squashed(tmp_path: Path) -> None:
    parts = [(1, 192, 96), (1, 96, 192), (1, 384, 192)]
    frames = read(write_sizes(tmp_path / "a.ts", parts))
    assert shapes(frames) == [(384, 192)] * 2 + [(96, 192)] * 2 + [(384, 192)] * 2
    assert frame_size(tmp_path / "a.ts") == (384, 192)


def test_a_still_of_a_recording_that_changes_its_size_is_what_was_analysed(
    tmp_path: Path,
) -> None:
    path = write_sizes(tmp_path / "a.ts", [(1, 192, 96), (1, 96, 192), (1, 384, 192)])
    with Stills([path]) as stills:
        for frame in read(path):
            assert np.array_equal(stills.picture_at(frame.t_s), frame.image)


def test_a_size_that_nothing_announces_is_taken_as_it_comes(tmp_path: Path) -> None:
    sizes = PictureSizes()
    sizes.add([(640, 360)])
    assert sizes.given((320, 180)) == (640, 360)
    assert sizes.given((1280, 720)) == (1280, 720)
    assert sizes.given((320, 180)) == (1280, 720)


@pytest.mark.parametrize(
    ("scaled", "is_same"),
    [((854, 480), True), ((426, 240), True), ((640, 368), True), ((640, 480), False)],
)
def test_rounding_to_even_pixels_or_blocks_is_no_other_shape(
    scaled: tuple[int, int], is_same: bool
) -> None:
    sizes = PictureSizes()
    sizes.add([(1920, 1080), scaled])
    assert (sizes.given(scaled) == (1920, 1080)) is is_same


@pytest.mark.parametrize(
    ("codec", "name", "pix_fmt"),
    [
        ("libx264", "a.mp4", "yuv420p"),
        ("libx264", "a.ts", "yuv420p"),
        ("libx264", "a.mkv", "yuv422p10le"),
        ("libx264", "a.mp4", "yuv444p"),
        ("libx265", "a.mp4", "yuv420p"),
        ("libx265", "a.ts", "yuv420p"),
        ("libvpx", "a.webm", "yuv420p"),
        ("libvpx-vp9", "a.webm", "yuv420p"),
        ("libvpx-vp9", "a.webm", "yuv444p"),
    ],
)
@pytest.mark.parametrize("size", [(162, 90), (320, 184)])
def test_a_key_picture_announces_its_size(
    tmp_path: Path, codec: str, name: str, pix_fmt: str, size: tuple[int, int]
) -> None:
    path = write_clip(
        tmp_path / name, seconds=0.2, width_px=size[0], height_px=size[1], codec=codec,
        pix_fmt=pix_fmt,
    )  # fmt: skip
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        found = announced_sizes(bytes(context.extradata or b""), context.name, None)
        packet = next(packet for packet in container.demux(video=0) if packet.is_keyframe)
        found += announced_sizes(bytes(packet), context.name, context.extradata)
    assert set(found) == {size}


def test_a_damaged_announcement_is_none() -> None:
    for codec in ("h264", "hevc", "vp8", "vp9", "av1"):
        assert announced_sizes(b"", codec, b"") == []
        assert announced_sizes(b"\x00\x00\x01\x67\xff", codec, None) == []


def test_a_picture_that_is_too_large_is_refused_by_the_name_of_the_setting(
    tmp_path: Path,
) -> None:
    path = write_clip(tmp_path / "large.mp4", seconds=0.2, width_px=640, height_px=360)
    with pytest.raises(UnreadableMedia, match=rf"large\.mp4: .*640×360.*200,000.*{SETTING}"):
        list(FrameReader(path, DecodeOptions(max_pixels=200_000)))
    assert len(list(FrameReader(path, DecodeOptions(max_pixels=640 * 360)))) == 1
    assert probe(path).width_px == 640


def test_the_limit_holds_for_codecs_that_announce_nothing(tmp_path: Path) -> None:
    path = write_clip(
        tmp_path / "large.mkv", seconds=0.2, width_px=640, height_px=360, codec="ffv1"
    )
    with pytest.raises(UnreadableMedia, match=SETTING):
        list(FrameReader(path, DecodeOptions(max_pixels=200_000)))


def test_a_picture_that_grows_too_large_midway_is_refused_before_any_is_decoded(
    tmp_path: Path,
) -> None:
    path = write_sizes(tmp_path / "grows.ts", [(1, 160, 90), (1, 640, 360)])
    frames = iter(FrameReader(path, DecodeOptions(max_pixels=200_000)))
    with pytest.raises(UnreadableMedia, match=rf"640×360.*{SETTING}"):
        next(frames)
    with (
        Stills([path], max_pixels=200_000) as stills,
        pytest.raises(UnreadableMedia, match=SETTING),
    ):
        stills.picture_at(0.0)
    with pytest.raises(UnreadableMedia, match=SETTING):
        frame_size(path, 200_000)
    assert len(media.steady_times(2, 2)) == len(read(path))
