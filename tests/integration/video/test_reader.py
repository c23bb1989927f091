"""Reading recordings: exact times, odd pictures, and every way in which a file can be broken."""

from __future__ import annotations

import threading
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from inference.errors import Cancelled, NoVideoStream, UnreadableMedia
from inference.schema.arrays import U8
from inference.schema.observations import Frame
from inference.video.reader import DecodeOptions, FrameReader, probe
from tests import media

FASTSTART = {"movflags": "faststart"}


def read(path: Path, options: DecodeOptions | None = None, offset_s: float = 0.0) -> list[Frame]:
    return list(FrameReader(path, options, offset_s))


def numbers(frames: list[Frame]) -> list[int]:
    return [media.frame_number(frame.image) for frame in frames]


def flat(number: int, width_px: int, height_px: int) -> U8:
    """A painter for pictures too small for a number."""
    return np.full((height_px, width_px, 3), number % 200, np.uint8)


def test_two_pictures_a_second_are_sampled_at_their_exact_times(tmp_path: Path) -> None:
    frames = read(media.write_clip(tmp_path / "clip.mp4", seconds=3, fps=25))
    assert numbers(frames) == [0, 13, 25, 38, 50, 63]
    assert [frame.pts * frame.time_base for frame in frames] == [
        Fraction(n, 25) for n in (0, 13, 25, 38, 50, 63)
    ]
    assert frames[0].image.shape == (96, 192, 3)
    assert frames[0].image.dtype == np.uint8


def test_a_varying_frame_rate_is_sampled_evenly_in_time(tmp_path: Path) -> None:
    times = media.variable_rate_times(3.0)
    path = media.write_clip(tmp_path / "vfr.mp4", times=times)
    frames = read(path, DecodeOptions(samples_per_s=4))
    firsts = [min(t for t in times if t >= Fraction(cell, 4)) for cell in range(12)]
    assert [frame.t_s for frame in frames] == pytest.approx([float(t) for t in firsts], abs=2e-5)
    assert numbers(frames) == [times.index(t) for t in firsts]


def test_a_gap_in_time_gives_no_samples_and_is_no_damage(tmp_path: Path) -> None:
    steady = media.steady_times(2, 25)
    path = media.write_clip(tmp_path / "gap.mp4", times=[*steady, *(t + 7 for t in steady)])
    reader = FrameReader(path)
    times = [frame.t_s for frame in reader]
    assert times == pytest.approx([0, 0.52, 1, 1.52, 7, 7.52, 8, 8.52])
    assert (reader.quality.frames_lost, reader.quality.lost_share) == (0, 0)


def test_a_picture_that_starts_after_the_sound_keeps_its_distance(tmp_path: Path) -> None:
    times = [t + 2 for t in media.steady_times(1, 25)]
    path = media.write_clip(tmp_path / "late.mp4", times=times, audio_s=3)
    assert [f.t_s for f in read(path)] == pytest.approx([2.0, 2.52])


def test_a_file_that_starts_late_as_a_whole_starts_at_zero(tmp_path: Path) -> None:
    times = [t + 2 for t in media.steady_times(1, 25)]
    assert [f.t_s for f in read(media.write_clip(tmp_path / "late.mp4", times=times))] == (
        pytest.approx([0, 0.52])
    )
    stream = media.write_clip(tmp_path / "stream.ts", seconds=1)  # MPEG-TS starts at 1.4 s
    assert read(stream)[0].t_s == 0


def test_a_later_segment_lies_behind_the_one_before(tmp_path: Path) -> None:
    path = media.write_clip(tmp_path / "clip.mp4", seconds=1)
    assert [f.t_s for f in read(path, offset_s=60.0)] == pytest.approx([60.0, 60.52])


@pytest.mark.parametrize("keyframe_every", [1, 5, 30])
@pytest.mark.parametrize("suffix", ["mp4", "ts"])
@pytest.mark.parametrize("codec", ["libx264", "libx265", "libvpx-vp9"])
def test_leaving_out_unneeded_pictures_changes_nothing_sampled(
    tmp_path: Path, codec: str, suffix: str, keyframe_every: int
) -> None:
    if codec == "libvpx-vp9":
        suffix = "mkv"  # MPEG-TS does not carry it
    path = media.write_clip(
        tmp_path / f"clip.{suffix}", seconds=3, codec=codec, keyframe_every=keyframe_every
    )
    quick, full = FrameReader(path), FrameReader(path, DecodeOptions(skip_unneeded=False))
    some, all_ = list(quick), list(full)
    assert [(f.pts, f.time_base) for f in some] == [(f.pts, f.time_base) for f in all_]
    assert all(np.array_equal(a.image, b.image) for a, b in zip(some, all_, strict=True))
    assert full.quality.frames_decoded == 75
    assert quick.quality.frames_lost == full.quality.frames_lost == 0
    if codec == "libx264":
        # Six samples; from a key picture up to the sample; all that others refer to.
        assert quick.quality.frames_decoded <= {1: 6, 5: 24, 30: 60}[keyframe_every]


def test_without_a_card_for_it_decoding_is_left_to_the_processor(tmp_path: Path) -> None:
    path = media.write_clip(tmp_path / "clip.mp4", seconds=1)
    elsewhere = read(path, DecodeOptions(device="cuda"))
    assert numbers(elsewhere) == numbers(read(path)) == [0, 13]
    with pytest.raises(UnreadableMedia, match="not a readable recording"):
        read(unreadable(tmp_path, "noise"), DecodeOptions(device="cuda"))


@pytest.mark.parametrize(
    ("width_px", "height_px", "pix_fmt"),
    [(193, 97, "yuv444p"), (192, 96, "yuv420p10le"), (2048, 1152, "yuv420p")],
    ids=["odd size", "10-bit", "larger than 1920"],
)
def test_unusual_pictures_are_read(
    tmp_path: Path, width_px: int, height_px: int, pix_fmt: str
) -> None:
    path = media.write_clip(
        tmp_path / "clip.mp4", seconds=0.6, width_px=width_px, height_px=height_px, pix_fmt=pix_fmt
    )
    frames = read(path)
    assert numbers(frames) == [0, 13]
    assert frames[0].image.shape == (height_px, width_px, 3)


def test_a_picture_of_one_pixel_is_read(tmp_path: Path) -> None:
    path = media.write_clip(
        tmp_path / "dot.mkv", width_px=1, height_px=1, codec="ffv1", pix_fmt="yuv444p", paint=flat
    )
    assert [f.image.shape for f in read(path)] == [(1, 1, 3)] * 4


@pytest.mark.parametrize("rotation_deg", [90, 180, -90])
def test_a_turned_recording_is_read_as_it_is_shown(tmp_path: Path, rotation_deg: int) -> None:
    path = media.write_clip(tmp_path / "clip.mp4", seconds=0.6, rotation_deg=rotation_deg)
    image = read(path)[-1].image
    assert media.frame_number(np.rot90(image, -rotation_deg // 90)) == 13
    info = probe(path)
    assert (info.height_px, info.width_px) == image.shape[:2]


def test_probe_tells_what_the_file_is(tmp_path: Path) -> None:
    info = probe(media.write_clip(tmp_path / "clip.mp4", seconds=2, audio_s=2))
    assert info.duration_s == pytest.approx(2.0, abs=0.1)
    assert (info.width_px, info.height_px, info.fps) == (192, 96, 25)
    assert (info.has_audio, info.video_codec) == (True, "h264")
    assert not probe(media.write_clip(tmp_path / "silent.mp4", seconds=1)).has_audio


@pytest.mark.parametrize(
    ("skip_unneeded", "fewest"),
    [(False, 20), (True, 12)],  # of 25; half of them come after the last sample of their second
    ids=["all looked at", "unneeded left out"],
)
def test_damage_in_the_middle_is_counted_and_reading_goes_on(
    tmp_path: Path, skip_unneeded: bool, fewest: int
) -> None:
    whole = media.write_clip(tmp_path / "whole.mp4", seconds=6, audio_s=6)
    damaged = media.damage(whole, tmp_path / "damaged.mp4", 2.0, 3.0)
    reader = FrameReader(damaged, DecodeOptions(skip_unneeded=skip_unneeded))
    times = [frame.t_s for frame in reader]
    assert times[0] == 0
    assert times[-1] > 5
    assert fewest <= reader.quality.frames_lost <= 30
    assert reader.quality.lost_share == pytest.approx(1 / 6, abs=0.05)
    assert reader.duration_s == pytest.approx(6, abs=0.1)


def test_a_file_that_is_mostly_damaged_is_refused_with_the_share(tmp_path: Path) -> None:
    whole = media.write_clip(tmp_path / "whole.mp4", seconds=6)
    damaged = media.damage(whole, tmp_path / "damaged.mp4", 1.0, 6.0)
    with pytest.raises(UnreadableMedia, match=r"damaged\.mp4: 8\d% of the recording"):
        read(damaged)


def test_a_cut_off_file_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    whole = media.write_clip(
        tmp_path / "whole.mp4", seconds=8, audio_s=8, container_options=FASTSTART
    )
    reader = FrameReader(media.cut_off(whole, tmp_path / "cut.mp4", 0.75))
    times = [frame.t_s for frame in reader]
    assert 4 < times[-1] < 7
    assert reader.quality.lost_share == pytest.approx(1 - times[-1] / 8, abs=0.1)
    assert reader.quality.frames_lost == pytest.approx(reader.quality.lost_share * 200, abs=2)
    assert reader.duration_s == pytest.approx(8, abs=0.1)


def test_sound_that_outlasts_the_picture_is_no_damage(tmp_path: Path) -> None:
    reader = FrameReader(media.write_clip(tmp_path / "clip.mp4", seconds=2, audio_s=5))
    assert len(list(reader)) == 4
    assert reader.quality.lost_share == 0
    assert reader.quality.has_audio
    assert reader.duration_s == pytest.approx(5, abs=0.1)


def unreadable(folder: Path, kind: str) -> Path:
    path = folder / "recording.mp4"
    whole = media.write_clip(folder / "whole.mp4", seconds=1)
    if kind == "empty":
        path.touch()
    elif kind == "web page":
        media.html_in_disguise(path)
    elif kind == "no index":
        media.cut_off(whole, path, 0.5)
    elif kind == "noise":
        path.write_bytes(np.random.default_rng(3).bytes(50_000))
    elif kind == "text":
        path.write_text("WEBVTT\n\n00:00.000 --> 00:01.000\nHello\n" * 100)
    elif kind == "playlist":
        path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{whole}\n#EXT-X-ENDLIST\n")
    elif kind == "all noise":
        media.damage(whole, path, 0, 9)
    return path


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("missing", "cannot be read"),
        ("empty", "empty"),
        ("web page", "web page"),
        ("no index", "index is cut off"),
        ("noise", "not a readable recording"),
        ("text", "not a readable recording"),
        ("playlist", "not a readable recording"),
        ("all noise", "no picture could be decoded"),
    ],
)
def test_what_is_no_recording_is_refused_by_name_and_reason(
    tmp_path: Path, kind: str, reason: str
) -> None:
    path = unreadable(tmp_path, kind)
    with pytest.raises(UnreadableMedia, match=rf"recording\.mp4: .*{reason}"):
        read(path)
    with pytest.raises(UnreadableMedia, match=rf"recording\.mp4: .*{reason}"):
        probe(path)


def test_sound_alone_has_no_video_stream(tmp_path: Path) -> None:
    path = media.write_audio_only(tmp_path / "audio_only.m4a")
    for action in (read, probe):
        with pytest.raises(NoVideoStream, match=r"audio_only\.m4a"):
            action(path)


def test_an_unknown_codec_is_named_and_the_file_is_closed(tmp_path: Path) -> None:
    path = media.write_clip(tmp_path / "future.mp4")
    path.write_bytes(path.read_bytes().replace(b"avc1", b"xy99"))
    for action in (read, probe):
        with pytest.raises(UnreadableMedia, match=r"future\.mp4: .*cannot be decoded"):
            action(path)
    assert str(path) not in [file.path for file in psutil.Process().open_files()]


def test_no_line_of_the_native_library_reaches_the_terminal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    whole = media.write_clip(tmp_path / "whole.mp4", seconds=4)
    capfd.readouterr()
    read(media.damage(whole, tmp_path / "damaged.mp4", 1.0, 2.0))
    with pytest.raises(UnreadableMedia):
        read(unreadable(tmp_path, "noise"))
    assert capfd.readouterr() == ("", "")


def decode_threads() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name.startswith("decode-")]


def test_the_stop_flag_ends_reading_within_a_second(tmp_path: Path) -> None:
    path = media.write_clip(tmp_path / "clip.mp4", seconds=10)
    stop = threading.Event()
    frames = iter(FrameReader(path, stop=stop))
    next(frames)
    began = time.monotonic()
    stop.set()
    with pytest.raises(Cancelled):
        for _ in frames:
            pass
    assert time.monotonic() - began < 1
    assert not decode_threads()


def test_leaving_the_loop_early_ends_the_thread(tmp_path: Path) -> None:
    path = media.write_clip(tmp_path / "clip.mp4", seconds=10)
    for _ in FrameReader(path, DecodeOptions(queue_frames=1)):
        break
    assert not decode_threads()


@pytest.mark.parametrize(
    "options",
    [
        {"samples_per_s": 0},
        {"samples_per_s": 31},
        {"queue_frames": 0},
        {"max_lost_share": 1.5},
        {"device": "abacus"},
    ],
)
def test_invalid_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must be|invalid decode options"):
        DecodeOptions(**options)
