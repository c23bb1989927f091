"""Generates the recordings that the benchmarks read: galleries of four or 25 moving faces.

25 frames per second, H.264 at a fixed bitrate, AAC audio. The faces are the public-domain portraits
that come with matplotlib (Grace Hopper) and scikit-image (Eileen Collins).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import matplotlib.cbook
import numpy as np
import skimage.data

from inference.schema.arrays import U8

FPS = 25


@dataclass(frozen=True, slots=True)
class Grid:
    """The layout of a gallery's tiles, and its encoding."""

    width_px: int
    height_px: int
    across: int
    down: int
    tile_px: tuple[int, int]
    bits_per_s: int
    """About the same as a Zoom recording of this size."""


FOUR = Grid(1280, 720, 2, 2, (628, 353), 1_500_000)
TWENTY_FIVE = Grid(1920, 1080, 5, 5, (372, 209), 3_000_000)
_GROUND = 26
_GAP_PX = 8
_SOUND_HZ = 32_000
_BEFORE_MOVE = 1 / 8
"""How far a portrait extends beyond its tile, so that it can move."""


def make_clip(
    path: Path,
    seconds: float,
    *,
    grid: Grid = FOUR,
    b_frames: int = 0,
    keyframe_every_s: float = 10,
) -> Path:
    """Encode a clip.

    Args:
        b_frames: 0, as in live encoders, or 2, as in file encoders, which lets a reader skip
            frames.
    """
    portraits = _portraits(grid)
    shape = (8, grid.height_px, grid.width_px, 3)
    grain = np.random.default_rng(1).integers(0, 7, shape, dtype=np.uint8)
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        video = container.add_stream("libx264", rate=FPS)
        video.width, video.height, video.pix_fmt = grid.width_px, grid.height_px, "yuv420p"
        video.bit_rate, video.gop_size = grid.bits_per_s, round(FPS * keyframe_every_s)
        video.codec_context.max_b_frames = b_frames
        kbits = grid.bits_per_s // 1000
        video.options = {
            "preset": "veryfast",
            "x264-params": f"bframes={b_frames}:vbv-maxrate={kbits}:vbv-bufsize={2 * kbits}",
        }
        sound = container.add_stream("aac", rate=_SOUND_HZ, layout="mono")
        for number in range(round(seconds * FPS)):
            image = cv2.add(paint(number / FPS, portraits, grid), grain[number % len(grain)])
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts = number
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        for start in range(0, round(seconds * _SOUND_HZ), 1024):
            at = np.arange(start, start + 1024, dtype=np.float32) / _SOUND_HZ
            tone = 0.1 * np.sin(2 * np.pi * 180 * at) * (np.sin(2 * np.pi * 0.7 * at) > 0)
            part = av.AudioFrame.from_ndarray(tone.astype(np.float32)[None], "fltp", "mono")
            part.sample_rate, part.pts = _SOUND_HZ, start
            part.time_base = Fraction(1, _SOUND_HZ)
            container.mux(sound.encode(part))
        container.mux(sound.encode(None))
    return path


def repeat_clip(source: Path, path: Path, times: int) -> Path:
    """Repeat a clip without re-encoding it, which makes a long recording within seconds."""
    with av.open(str(source)) as taken, av.open(str(path), "w") as written:
        streams = {s.index: written.add_stream_from_template(s) for s in taken.streams}
        assert taken.duration is not None
        # Slightly longer than the video: the audio ends after it and must not overlap.
        length = Fraction(taken.duration, av.time_base) + Fraction(1, 10)
        for turn in range(times):
            taken.seek(0)
            for packet in taken.demux():
                if packet.dts is None or packet.pts is None:
                    continue
                stream = taken.streams[packet.stream_index]
                assert stream.time_base is not None
                shift = int(turn * length / stream.time_base)
                packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                packet.stream = streams[stream.index]
                written.mux(packet)
    return path


def paint(t_s: float, portraits: list[U8], grid: Grid = FOUR) -> U8:
    """Return the picture at a time: each tile has its own sway, zoom and light."""
    image = np.full((grid.height_px, grid.width_px, 3), _GROUND, np.uint8)
    wide, high = grid.tile_px
    left, top = (
        (grid.width_px - grid.across * (wide + _GAP_PX) + _GAP_PX) // 2,
        (grid.height_px - grid.down * (high + _GAP_PX) + _GAP_PX) // 2,
    )
    for place in range(grid.across * grid.down):
        # Slow and small: a tile whose whole picture jumps between two samples looks like a cut.
        phase = t_s * (0.5 + 0.13 * (place % 7)) + place
        zoom = 1 + 0.02 * np.sin(0.6 * phase)
        matrix = cv2.getRotationMatrix2D((wide / 2, high / 2), 2 * np.sin(0.8 * phase), zoom)
        matrix[0, 2] += wide * (-_BEFORE_MOVE / 2 + 0.025 * np.sin(phase))
        matrix[1, 2] += high * (-_BEFORE_MOVE / 2 + 0.023 * np.sin(1.3 * phase))
        portrait = portraits[place % len(portraits)]
        tile = cv2.warpAffine(portrait, matrix, grid.tile_px, borderMode=cv2.BORDER_REFLECT)
        tile = cv2.convertScaleAbs(tile, alpha=1 + 0.08 * np.sin(0.37 * phase), beta=0)
        x = left + place % grid.across * (wide + _GAP_PX)
        y = top + place // grid.across * (high + _GAP_PX)
        image[y : y + high, x : x + wide] = tile
    return image


def _portraits(grid: Grid) -> list[U8]:
    file = matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)
    hopper = cv2.cvtColor(cv2.imread(str(file)), cv2.COLOR_BGR2RGB)
    collins = skimage.data.astronaut()
    wide, high = (round(side * (1 + _BEFORE_MOVE)) for side in grid.tile_px)
    # The upper part of each portrait, in the tile's shape, with the whole head.
    cuts = (hopper[20 : 20 + 512 * high // wide], collins[: 512 * high // wide])
    faces = [cv2.resize(cut, (wide, high), interpolation=cv2.INTER_AREA) for cut in cuts]
    return [*faces, *(np.ascontiguousarray(face[:, ::-1]) for face in faces)]
