"""Makes the demo's recording: two people in Zoom's gallery, with all the files Zoom would add.

The same arguments produce the same recording.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from matplotlib import get_data_path
from numpy.typing import NDArray

from bot.demo.recording import scenario, voice
from bot.demo.recording.faces import PORTRAITS, Picture
from bot.demo.recording.puppet import Pose, Puppet
from bot.demo.recording.scenario import Person
from bot.demo.stand_ins.zoom_meeting import (
    DEMO_UUID,
    FileFixture,
    MeetingFixture,
    ParticipantFixture,
)
from bot.text.draw_text import Typeface, draw_text

STARTED_AT = datetime(2026, 9, 10, 13, 0, 5, tzinfo=UTC)
TIMEZONE = "Europe/Amsterdam"

GUTTER_SHARE = 1 / 160
"""Black between and around tiles, as a share of the picture's width."""
LABEL_SHARE = 1 / 15
"""Height of a name label, as a share of the tile's height."""
VIDEO_BITS_PER_PIXEL = 0.05
"""About 1.1 Mbit/s at 1280x720 and 25 frames per second, as Zoom uses for a gallery."""
AUDIO_BIT_RATE = 64_000
KEYFRAME_S = 4
BLINK_S = 0.2
MOUTH_POWER = 0.8
"""A mouth stays open longer than its sound is loud: it opens by the loudness to this power."""
NOISE_PICTURES = 5


@dataclass(frozen=True)
class DemoRecording:
    """The files of one generated recording, and what Zoom would report about it."""

    video: Path
    timeline: Path
    transcript: Path
    chat: Path
    participants: tuple[ParticipantFixture, ...]
    topic: str
    host_email: str
    started_at: datetime
    timezone: str
    duration_s: float

    def meeting(self, uuid: str = DEMO_UUID) -> MeetingFixture:
        """Build the stand-in's meeting with these files; as with Zoom, no chat means no file."""
        files = [
            FileFixture(self.video, "MP4"),
            FileFixture(self.timeline, "TIMELINE"),
            FileFixture(self.transcript, "TRANSCRIPT"),
            FileFixture(self.chat, "CHAT"),
        ]
        return MeetingFixture(
            uuid=uuid,
            topic=self.topic,
            host_email=self.host_email,
            started_at=self.started_at,
            duration_s=self.duration_s,
            timezone=self.timezone,
            files=[file for file in files if file.path.stat().st_size > 0],
            participants=list(self.participants),
        )


def make_recording(
    folder: Path,
    seconds: float = scenario.CALL_S,
    on_progress: Callable[[float], None] | None = None,
    fps: int = 25,
    size: tuple[int, int] = (1280, 720),
) -> DemoRecording:
    """Write a recording of a sales call to `folder`, creating the folder if needed.

    Args:
        folder: receives gallery.mp4, timeline.json, transcript.vtt and chat.txt.
        seconds: length of the recording; the scripted call takes 96.
        on_progress: called with the share that is done, 0–1, once per second of video.
        fps: frames per second.
        size: width and height in pixels, both even.

    Raises:
        ValueError: the size or length is out of range.
    """
    width, height = size
    if width % 2 or height % 2 or width < 64 or height < 64:
        raise ValueError(f"A picture of {width}x{height} cannot be encoded: use even numbers.")
    if seconds < 1 or fps < 1:
        raise ValueError("A recording needs at least one second and one frame per second.")
    folder.mkdir(parents=True, exist_ok=True)
    video, timeline = folder / "gallery.mp4", folder / "timeline.json"
    transcript, chat = folder / "transcript.vtt", folder / "chat.txt"
    timeline.write_text(scenario.timeline_json(seconds), encoding="utf-8")
    transcript.write_text(scenario.transcript_vtt(seconds), encoding="utf-8")
    chat.write_text(scenario.chat_txt(seconds), encoding="utf-8")
    pictures = _gallery(seconds, fps, width, height)
    _encode(video, pictures, voice.mix(seconds), fps, size, seconds, on_progress)
    people = tuple(
        ParticipantFixture(
            person.name,
            person.user_id,
            # Zoom does not reveal the e-mail of people outside the account.
            email=person.email if person.zoom_id else "",
            zoom_id=person.zoom_id,
            is_internal=bool(person.zoom_id),
        )
        for person in scenario.PEOPLE
    )
    return DemoRecording(
        video=video,
        timeline=timeline,
        transcript=transcript,
        chat=chat,
        participants=people,
        topic=scenario.TOPIC,
        host_email=scenario.REP.email,
        started_at=STARTED_AT,
        timezone=TIMEZONE,
        duration_s=seconds,
    )


def _gallery(seconds: float, fps: int, width: int, height: int) -> Iterator[Picture]:
    """Yield every frame of the call, BGR: 16:9 tiles side by side on black, with names."""
    gutter = max(2, round(width * GUTTER_SHARE))
    tile_width = (width - gutter * 3) // 2 // 2 * 2
    tile_height = min(tile_width * 9 // 16, height - 2 * gutter) // 2 * 2
    top = (height - tile_height) // 2
    tiles = []
    for place, person in enumerate(scenario.PEOPLE):
        puppet = Puppet(PORTRAITS[person.photograph], tile_width, tile_height)
        label = _label(person.name, tile_height)
        left = gutter + place * (tile_width + gutter)
        tiles.append((puppet, label, left, _poses(person, seconds, fps)))
    noise = _noise(tile_width, tile_height)
    picture = np.zeros((height, width, 3), np.uint8)
    for number in range(round(seconds * fps)):
        for place, (puppet, label, left, poses) in enumerate(tiles):
            tile = puppet.picture(next(poses))
            tile = cv2.add(tile, noise[(number + place) % NOISE_PICTURES])
            strip = tile[-label.shape[0] :, : label.shape[1]]
            np.copyto(strip, label)
            picture[top : top + tile_height, left : left + tile_width] = tile
        yield picture


def _poses(person: Person, seconds: float, fps: int) -> Iterator[Pose]:
    """Return the person's pose in every frame of the call."""
    count = round(seconds * fps)
    at = np.arange(count) / fps
    rng = np.random.default_rng(person.user_id + 1)
    envelope = scenario.speech_envelope(person, seconds)
    voiced = np.arange(len(envelope)) / scenario.ENVELOPE_HZ
    mouth = np.interp(at, voiced, envelope) ** MOUTH_POWER
    talking = np.interp(at, voiced, _smooth(envelope, scenario.ENVELOPE_HZ))
    moods = scenario.mood(person, seconds, fps)
    away = scenario.glance(person, seconds, fps)
    eyes = np.ones(count)
    blink_s = rng.uniform(1.0, 3.0)
    while blink_s < seconds:
        eyes = np.minimum(eyes, np.clip(np.abs(at - blink_s) / (BLINK_S / 2) * 1.4 - 0.4, 0, 1))
        blink_s += rng.uniform(2.2, 5.5)

    def drift(slow_hz: float) -> NDArray[np.float64]:
        waves = [
            np.sin(2 * np.pi * slow_hz * k * at + rng.uniform(0, 2 * np.pi)) / k
            for k in (1.0, 1.7, 2.9)
        ]
        return np.asarray(sum(waves)) / 2.0

    nod = drift(0.55)
    shift_x = 0.040 * drift(0.11) + 0.03 * away
    shift_y = 0.020 * drift(0.13) + 0.014 * nod * (0.3 + talking) + 0.05 * away
    tilt = 0.030 * drift(0.09) + 0.012 * nod * talking
    turn_x = 0.030 * drift(0.14) + 0.24 * away
    turn_y = 0.014 * nod * (0.4 + talking) + 0.20 * away
    light = 1.0 + 0.025 * drift(0.05) + 0.008 * drift(0.4)
    for i in range(count):
        yield Pose(
            mouth=float(mouth[i]),
            mood=float(moods[i]),
            eyes=float(eyes[i] * (1.0 - 0.45 * away[i])),
            shift_x=float(shift_x[i]),
            shift_y=float(shift_y[i]),
            tilt_rad=float(tilt[i]),
            turn_x=float(turn_x[i]),
            turn_y=float(turn_y[i]),
            light=float(light[i]),
        )


def _smooth(values: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    padded = np.pad(values, (width // 2, width - width // 2), mode="edge")
    total = np.cumsum(padded)
    return np.asarray((total[width:] - total[:-width]) / width, float)


def _noise(width: int, height: int) -> list[Picture]:
    """Return a laptop camera's faint grain, only brightening: a few pictures, used in turn."""
    rng = np.random.default_rng(3)
    small = (height // 2, width // 2)
    grains = []
    for _ in range(NOISE_PICTURES):
        grain = cv2.resize(rng.normal(0.8, 1.2, small), (width, height))
        grains.append(np.repeat(np.clip(grain, 0, 6).astype(np.uint8)[..., None], 3, axis=2))
    return grains


def _label(name: str, tile_height: int) -> Picture:
    """Draw a name as Zoom does: white on a dark strip."""
    strip_height = max(10, round(tile_height * LABEL_SHARE))
    font = Typeface(("DejaVu Sans",), folder=Path(get_data_path()) / "fonts" / "ttf")
    letters = draw_text(name, round(strip_height * 0.62), (250, 250, 250), font)
    pad = round(strip_height * 0.4)
    strip = np.full((strip_height, letters.shape[1] + 2 * pad, 3), 26, np.uint8)
    top = (strip_height - letters.shape[0]) // 2
    place = strip[top : top + letters.shape[0], pad : pad + letters.shape[1]]
    cover = letters[:, :, 3:].astype(np.float32) / 255
    place[:] = np.rint(place * (1 - cover) + letters[:, :, :3] * cover).astype(np.uint8)
    return strip


def _encode(
    path: Path,
    pictures: Iterator[Picture],
    sound: NDArray[np.float32],
    fps: int,
    size: tuple[int, int],
    seconds: float,
    on_progress: Callable[[float], None] | None,
) -> None:
    width, height = size
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        video = container.add_stream("libx264", rate=fps)
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        video.bit_rate = round(width * height * fps * VIDEO_BITS_PER_PIXEL)
        video.gop_size = KEYFRAME_S * fps
        video.options = {"preset": "ultrafast"}
        audio = container.add_stream("aac", rate=voice.SAMPLE_RATE_HZ, layout="mono")
        audio.bit_rate = AUDIO_BIT_RATE
        samples_per_picture = voice.SAMPLE_RATE_HZ / fps
        heard = 0
        for number, picture in enumerate(pictures):
            planes = cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420)
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            container.mux(video.encode(frame))
            until = min(len(sound), round((number + 1) * samples_per_picture))
            samples = av.AudioFrame.from_ndarray(
                sound[None, heard:until], format="fltp", layout="mono"
            )
            samples.sample_rate = voice.SAMPLE_RATE_HZ
            samples.pts, samples.time_base = heard, Fraction(1, voice.SAMPLE_RATE_HZ)
            container.mux(audio.encode(samples))
            heard = until
            if on_progress is not None and number % fps == 0:
                on_progress(number / (seconds * fps))
        container.mux(video.encode(None))
        container.mux(audio.encode(None))
    if on_progress is not None:
        on_progress(1.0)
