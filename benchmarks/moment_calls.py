"""Calls with known truth for `benchmarks/moments.py`: who says what, and when a face falls.

Lines alternate between a rep and a prospect, whose face falls at a known word of the rep's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from bot.demo.recording.faces import PORTRAITS
from bot.demo.recording.puppet import Pose, Puppet
from inference.schema.arrays import EXPRESSIONS, F32, F64
from inference.schema.meeting import SpeakerTurn, TranscriptLine

REP, PROSPECT = "Rep", "Prospect"
WORDS_HZ = 2.5
"""Words a second in conversation."""

REACTION_S = 0.5
"""From the middle of a word until the face is halfway. Facial muscles answer a picture after 0.3 to
0.4 s (Dimberg and Thunberg, Scandinavian Journal of Psychology 39, 1998), and a word has to be
understood first."""

SMILE, CALM, FALLEN = 1.0, 0.2, -0.9
"""Moods of the demo's puppets: a broad smile, the photograph's own, a fallen face."""

# Mean log probabilities that the shipped classifier (expression-3) gives the demo's prospect at
# these moods, and the mean spread and correlation (two samples a second) of all it gives while the
# face sways in H.264: `python benchmarks/moments.py --measure`.
LEVELS = {
    SMILE: (-5.58, -5.48, -5.42, -0.47, -4.03, -3.19, -1.24),
    CALM: (-4.79, -4.32, -4.76, -3.69, -1.18, -3.86, -0.50),
    FALLEN: (-6.43, -4.99, -5.85, -7.23, -0.13, -6.76, -2.23),
}
NOISE_SPREAD, NOISE_RHO = 0.27, 0.53

INTERVAL_S = 0.5
HELD_S = 30.0
"""A face keeps its mood at least so long before it falls and after."""

TILE_PX = (320, 180)
PICTURES_HZ = 6


@dataclass(frozen=True)
class Fall:
    """A face falls: halfway at `at_s`, while the rep says `line`."""

    at_s: float
    line: int


@dataclass(frozen=True)
class KnownCall:
    """A call's lines, and the prospect's face in it: (second, mood) knots."""

    duration_s: float
    lines: tuple[TranscriptLine, ...]
    falls: tuple[Fall, ...]
    mood: tuple[tuple[float, float], ...]

    @property
    def turns(self) -> tuple[SpeakerTurn, ...]:
        """Return who spoke, as the lines say."""
        return tuple(SpeakerTurn(x.start_s, x.end_s, x.speaker or "") for x in self.lines)


def draw_call(
    rng: np.random.Generator,
    duration_s: float,
    *,
    has_falls: bool = True,
    reaction_s: float = REACTION_S,
) -> KnownCall:
    """Draw a call. Each fall follows a word of the rep's, the second of a line or a later one."""
    lines: list[TranscriptLine] = []
    at_s = float(rng.uniform(0.3, 1.5))
    while at_s < duration_s - 8:
        is_rep = len(lines) % 2 == 0
        length_s = float(rng.uniform(3, 10) if is_rep else rng.uniform(1, 6))
        speaker = REP if is_rep else PROSPECT
        lines.append(TranscriptLine(at_s, at_s + length_s, speaker, f"line {len(lines)}"))
        pause_s = rng.uniform(4, 9) if rng.random() < 0.1 else rng.uniform(0.2, 0.9)
        at_s += length_s + float(pause_s)
    falls: list[Fall] = []
    mood = [(0.0, CALM)]
    if has_falls:
        free_s = 60.0
        for number, line in enumerate(lines):
            if line.speaker != REP or line.start_s < free_s or line.end_s > duration_s - HELD_S:
                continue
            words = int((line.end_s - line.start_s - reaction_s) * WORDS_HZ - 0.5)
            word = int(rng.integers(1, max(words, 1) + 1))
            fall = Fall(line.start_s + (word + 0.5) / WORDS_HZ + reaction_s, number)
            ramp_s = float(rng.uniform(0.5, 3.0))
            top = SMILE if rng.random() < 0.7 else CALM
            bottom = CALM if top == SMILE and rng.random() < 0.5 else FALLEN
            rise_s = mood[-1][0] + float(rng.uniform(2, 6)) if top == SMILE else mood[-1][0] + 1
            mood += [(rise_s, mood[-1][1]), (rise_s + 2, top), (fall.at_s - ramp_s / 2, top),
                     (fall.at_s + ramp_s / 2, bottom)]  # fmt: skip
            free_s = fall.at_s + HELD_S + 45
            back_s = fall.at_s + HELD_S
            mood += [(back_s, bottom), (back_s + 4, CALM)]
            falls.append(fall)
    return KnownCall(duration_s, tuple(lines), tuple(falls), tuple(mood))


def draw_probs(call: KnownCall, rng: np.random.Generator, noise: float) -> tuple[F64, F32]:
    """Draw what the classifier says of the prospect; `noise` times what was measured of it."""
    t_s = np.arange(round(call.duration_s / INTERVAL_S), dtype=np.float64) * INTERVAL_S
    moods = _moods(call, t_s)
    knots = sorted(LEVELS)
    levels = np.column_stack(
        [np.interp(moods, knots, [LEVELS[mood][k] for mood in knots]) for k in range(7)]
    )
    steps = rng.standard_normal(levels.shape)
    for i in range(1, len(steps)):
        steps[i] = NOISE_RHO * steps[i - 1] + np.sqrt(1 - NOISE_RHO**2) * steps[i]
    logits = levels + noise * NOISE_SPREAD * steps
    # A moving mouth reads as surprise, more with each syllable.
    speaking = np.zeros(len(t_s), bool)
    for turn in call.turns:
        if turn.speaker == PROSPECT:
            speaking |= (t_s >= turn.start_s) & (t_s < turn.end_s)
    logits[speaking, EXPRESSIONS.index("surprise")] += rng.uniform(1, 4, int(speaking.sum()))
    probs = np.exp(logits - logits.max(axis=1, keepdims=True))
    probs /= probs.sum(axis=1, keepdims=True)
    return t_s, probs.astype(np.float32)


def _moods(call: KnownCall, at: F64) -> F64:
    seconds, levels = (np.array(column) for column in zip(*call.mood, strict=True))
    moods: F64 = np.interp(at, seconds, levels)
    return moods


def render(call: KnownCall, path: Path, seed: int, photograph: str = "hopper") -> None:
    """Write the call as a video: rep and prospect side by side, each speaking in their lines."""
    width, height = TILE_PX
    names = (REP, PROSPECT)
    photographs = ("astronaut" if photograph == "hopper" else "hopper", photograph)
    puppets = [Puppet(PORTRAITS[name], width, height) for name in photographs]
    rng = np.random.default_rng(seed)
    at = np.arange(round(call.duration_s * PICTURES_HZ)) / PICTURES_HZ
    poses = [_poses(call, name, at, rng, moves=name == PROSPECT) for name in names]
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=PICTURES_HZ)
        video.width, video.height, video.pix_fmt = 2 * width, height, "yuv420p"
        video.bit_rate, video.options = 400_000, {"preset": "ultrafast"}
        for number in range(len(at)):
            picture = np.hstack(
                [puppet.picture(next(pose)) for puppet, pose in zip(puppets, poses, strict=True)]
            )
            grain = rng.normal(0, 2, picture.shape)
            frame = av.VideoFrame.from_ndarray(
                np.clip(picture + grain, 0, 255).astype(np.uint8), format="bgr24"
            )
            frame.pts, frame.time_base = number, Fraction(1, PICTURES_HZ)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))


def _poses(
    call: KnownCall, name: str, at: F64, rng: np.random.Generator, *, moves: bool
) -> Iterator[Pose]:
    def drift(slow_hz: float) -> NDArray[np.float64]:
        waves = [
            np.sin(2 * np.pi * slow_hz * k * at + rng.uniform(0, 2 * np.pi)) / k
            for k in (1.0, 1.7, 2.9)
        ]
        return np.asarray(sum(waves)) / 2

    mouth = np.zeros(len(at))
    for turn in call.turns:
        if turn.speaker == name:
            said = (at >= turn.start_s) & (at < turn.end_s)
            mouth[said] = rng.uniform(0, 1, int(said.sum())) ** 0.8
    moods = _moods(call, at) if moves else np.full(len(at), 0.6)
    x, y, tilt = 0.04 * drift(0.11), 0.02 * drift(0.13), 0.03 * drift(0.09)
    turn_x, turn_y, light = 0.03 * drift(0.14), 0.006 * drift(0.55), 1 + 0.02 * drift(0.05)
    for i in range(len(at)):
        eyes = 0.0 if rng.random() < 0.04 else 1.0
        yield Pose(
            float(mouth[i]), float(moods[i]), eyes, float(x[i]), float(y[i]), float(tilt[i]),
            float(turn_x[i]), float(turn_y[i]), float(light[i]),
        )  # fmt: skip
