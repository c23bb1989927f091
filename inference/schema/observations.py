"""What was seen in a recording, before anybody is named or scored."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from inference.schema.arrays import EXPRESSIONS, F32, F64, I32, U8, Bools


@dataclass(frozen=True, slots=True)
class Frame:
    """A decoded, sampled picture and its exact time."""

    pts: int
    time_base: Fraction
    image: U8
    offset_s: float = 0.0
    """Start of the segment it belongs to, on the call's time line."""
    enlarged: float = 1.0
    """How many times as high `image` is as the picture that was decoded: a recording that changes
    its size is analysed in the largest."""
    is_repeated: bool = False
    """It is the picture of the frame before, still on the screen: nothing in it can have moved."""

    @property
    def t_s(self) -> float:
        """Seconds from the start of the call's recording."""
        return self.offset_s + float(self.pts * self.time_base)


@dataclass(frozen=True, slots=True)
class Detection:
    """One face in one frame, with what its landmarks say.

    `box` is the face's xyxy box, shape (4,). `yaw_deg` is positive when the face turns to the
    picture's right, `pitch_deg` when it looks up, `roll_deg` when it tilts clockwise. Eye and mouth
    opening are ratios (height over width of the eye's or the mouth's outline). NaN where the
    landmark model found nothing.
    """

    box: F32
    confidence: float
    yaw_deg: float = float("nan")
    pitch_deg: float = float("nan")
    roll_deg: float = float("nan")
    eye_opening: float = float("nan")
    mouth_opening: float = float("nan")
    landmarks: F32 | None = None
    """(468, 2) pixels in the frame, or None."""

    @property
    def height_px(self) -> float:
        return float(self.box[3] - self.box[1])


@dataclass(frozen=True, slots=True)
class FaceColumns:
    """Every face seen: a row per face and sampled frame, by sample then track."""

    sample: I32  # (N,) index into Observations.t_s
    track: I32  # (N,) track id
    box: F32  # (N, 4)
    confidence: F32  # (N,) of the detector; NaN where what was read was taken out again
    probs: F32  # (N, 7) rows sum to 1; NaN rows where the face was too small or blurred to classify
    yaw_deg: F32  # (N,)
    pitch_deg: F32  # (N,)
    roll_deg: F32  # (N,)
    eye_opening: F32  # (N,)
    mouth_opening: F32  # (N,)

    def __len__(self) -> int:
        return len(self.sample)

    @staticmethod
    def empty() -> FaceColumns:
        none = np.zeros(0, np.float32)
        ints = np.zeros(0, np.int32)
        return FaceColumns(
            sample=ints, track=ints, box=np.zeros((0, 4), np.float32), confidence=none,
            probs=np.zeros((0, len(EXPRESSIONS)), np.float32), yaw_deg=none, pitch_deg=none,
            roll_deg=none, eye_opening=none, mouth_opening=none,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Quality:
    """What the pictures allowed: printed in the report unchanged."""

    frames_decoded: int = 0
    frames_sampled: int = 0
    frames_lost: int = 0
    """Frames reported damaged by the decoder, or missing at the end of a cut-off file."""
    lost_share: float = 0.0
    """Share of the recording's length without a usable picture, 0–1."""
    faces_seen: int = 0
    """Faces found, one per person and sampled picture."""
    faces_too_small: int = 0
    """Those of them that were not classified: under the size or sharpness limit."""
    has_audio: bool = True
    notes: tuple[str, ...] = ()
    """Plain sentences for the report: 'TIMELINE: 3 entries out of order were sorted.'"""


@dataclass(frozen=True, slots=True)
class View:
    """What kind of picture a span of samples showed, and its tiles.

    `kind` is one of

    - "gallery": a grid of equal tiles;
    - "speaker": one large tile, and perhaps a strip of small ones or a small one in its corner;
    - "share": a shared screen, and perhaps tiles beside or over it; the screen itself is no tile;
    - "single": one undivided picture of people; it has no tiles;
    - "unknown".

    `tiles` are in reading order, the large one first. Aligned with them (or of length one for the
    undivided picture, or empty where unknown): `cameras`, the camera that each shows, and
    `has_video`, False for a tile that shows no camera: a name, a portrait on plain ground, or a
    still picture that fills the tile.
    A camera has the same number in every view in which it is certainly the same one, judged by
    place, order and background, never by the face; -1 where nothing is certain.
    """

    start_sample: int
    end_sample: int  # exclusive
    kind: str
    tiles: F32 = field(default_factory=lambda: np.zeros((0, 4), np.float32))
    cameras: I32 = field(default_factory=lambda: np.zeros(0, np.int32))
    has_video: Bools = field(default_factory=lambda: np.zeros(0, np.bool_))
    likely_cameras: I32 = field(default_factory=lambda: np.zeros(0, np.int32))
    """As `cameras`, but two have one number wherever they may be the same: for counting people
    alone. Empty where it was not judged."""


@dataclass(frozen=True, slots=True)
class NameLabel:
    """The name drawn on one tile, as read from the picture, over a span of one view."""

    start_sample: int
    end_sample: int  # exclusive
    view: int
    """Index into Observations.views."""
    tile: int
    """Index into that view's tiles; 0 for the undivided picture."""
    text: str
    """As read, not yet matched to anybody; "" where it could not be read."""
    confidence: float
    """Of the reader, 0–1."""
    shape: str = ""
    """How the written name looks (inference/name_labels/glyphs.py): a small picture of its letters,
    never of a person. "" where it did not keep still."""


@dataclass(frozen=True, slots=True)
class Observations:
    """All that was seen in a recording, before anybody is named or scored."""

    t_s: F64  # (T,) times of the sampled frames, ascending
    sample_interval_s: float
    duration_s: float
    width_px: int
    height_px: int
    faces: FaceColumns
    views: tuple[View, ...]
    quality: Quality
    model: str
    """Name and version of the expression weights, such as "expression-1"."""
    labels: tuple[NameLabel, ...] = ()
