"""The values that flow through the analysis.

Conventions, said once: pictures are RGB uint8 of shape (H, W, 3); boxes are xyxy in pixels of the
decoded picture, float32; times are seconds from the start of the recording (several segments of a
meeting are laid end to end); angles are degrees; `probs` columns stand in `EXPRESSIONS` order.
A quantity that was not observed is NaN in arrays and None in scalars, never zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

EXPRESSIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""Column order of every `probs` array: FER2013's."""

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I32 = NDArray[np.int32]
U8 = NDArray[np.uint8]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Frame:
    """A decoded, sampled picture and its exact time."""

    pts: int
    time_base: Fraction
    image: U8
    offset_s: float = 0.0
    """Start of the segment it belongs to, on the call's time line."""

    @property
    def t_s(self) -> float:
        """Seconds from the start of the call's recording."""
        return self.offset_s + float(self.pts * self.time_base)


@dataclass(frozen=True, slots=True)
class Detection:
    """One face in one frame, with what its landmarks tell.

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
    """What the pictures allowed: printed in the report as it is."""

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

    `tiles` stand in reading order, the large one first. Aligned with them (or of length one for the
    undivided picture, or empty where not told): `seats`, the camera that each shows, and
    `has_video`, False for a tile that shows a name or a portrait on plain ground, not a camera.
    A seat has the same number in every view in which it is certainly the same camera, told by
    place, order and background, never by the face; -1 where nothing is certain.
    """

    start_sample: int
    end_sample: int  # exclusive
    kind: str
    tiles: F32 = field(default_factory=lambda: np.zeros((0, 4), np.float32))
    seats: I32 = field(default_factory=lambda: np.zeros(0, np.int32))
    has_video: Bools = field(default_factory=lambda: np.zeros(0, np.bool_))


@dataclass(frozen=True, slots=True)
class Label:
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
    """How the written name looks (inference/name_labels/glyphs.py): a small picture of its letters, never
    of a person. "" where it did not stand still."""


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
    labels: tuple[Label, ...] = ()


@dataclass(frozen=True, slots=True)
class SpeakerTurn:
    """Who spoke from when to when, as the TIMELINE or the transcript says."""

    start_s: float
    end_s: float
    speaker: str
    """The display name, letter for letter."""
    key: str = ""
    """Stable identity where the source has one (Zoom's id); else the display name."""


@dataclass(frozen=True, slots=True)
class TranscriptLine:
    """One cue of the transcript. `speaker` is None where the cue names nobody.

    A message of the meeting's chat is a line too, with `is_chat`: it was written, so it counts
    neither as talk nor as being there.
    """

    start_s: float
    end_s: float
    speaker: str | None
    text: str
    is_chat: bool = False


@dataclass(frozen=True, slots=True)
class Attendee:
    """A person who is known to have been in the call. `side` is "rep", "prospect" or "unknown".

    `stays` are the spans in seconds in which Zoom lists the person as present; empty: not told.
    """

    name: str
    key: str = ""
    side: str = "unknown"
    is_host: bool = False
    stays: tuple[tuple[float, float], ...] = ()

    @staticmethod
    def from_plain(row: Mapping[str, Any]) -> Attendee:
        """The attendee that `dataclasses.asdict` and JSON made this row of."""
        stays = tuple((float(start), float(end)) for start, end in row.get("stays", ()))
        return Attendee(**{**row, "stays": stays})


@dataclass(frozen=True, slots=True)
class Attribution:
    """One face track tied to a participant, or to nobody, with the confidence of that."""

    track: int
    participant: int
    """Index into CallAnalysis.participants."""
    confidence: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its 95 % interval and the number of independent samples it is worth."""

    value: float
    low: float
    high: float
    n_effective: float


@dataclass(frozen=True, slots=True)
class TalkFigures:
    """Talk of one person, from the speaker turns. Shares are of all talk in the call."""

    talk_s: float
    share: float
    turns: int
    longest_monologue_s: float


@dataclass(frozen=True, slots=True)
class PersonScore:
    """The figures of one participant (docs/scoring.md). None where nothing was observed."""

    engagement: Estimate | None  # 0–1
    attention: Estimate | None  # 0–1
    score: Estimate | None  # the profile's own scale (1–5 profiles), else None
    coverage: float  # 0–1
    face_s: float
    trend_per_min: Estimate | None  # engagement per minute
    stability: float | None  # 0–1
    baseline_change: Estimate | None  # against the person's own first minutes
    expression_s: dict[str, float]  # seconds per expression; sums to face_s
    expressions: dict[str, float]  # mean probability per expression; sums to 1 or is empty
    talk: TalkFigures


@dataclass(frozen=True, slots=True)
class Series:
    """One person's course over Observations.t_s; NaN where the face was not seen. All (T,)."""

    engagement: F32
    attention: F32
    rolling_30s: F32
    rolling_60s: F32
    cumulative: F32
    probs: F32  # (T, 7)


@dataclass(frozen=True, slots=True)
class Participant:
    """A person of the call: named, or "Person 1" where nothing certain names the face."""

    index: int
    name: str
    key: str
    is_named: bool
    side: str  # "rep", "prospect", "unknown"
    is_host: bool
    is_scored: bool
    """False when a setting leaves this person's expressions unscored."""
    name_confidence: float  # 0–1; 0 for "Person 1"
    first_seen_s: float
    last_seen_s: float
    score: PersonScore
    series: Series
    id: str = ""
    """Stays the same while the call is told anew (inference/attribution/corrections.py)."""
    former_ids: tuple[str, ...] = ()
    """Further ids that find this person: of faces that were joined into one."""
    is_confirmed: bool = False
    """A person said whose face this is, or what the name is."""
    is_blanked: bool = False
    """What the face showed was not kept when a setting left the person unscored; the person would
    be scored now, but only another look at the recording could tell anything."""
    camera_off_s: float | None = None
    """Seconds in which the person was there without video; None where not told."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A span of 5–30 s worth watching, with the reason and the numbers behind it."""

    start_s: float
    end_s: float
    kind: str  # "rise", "fall", "to_happy", "to_angry", "silence"
    participants: tuple[int, ...]
    reason: str  # one plain sentence
    before: float | None  # engagement 0–1 before and after, where the kind has them
    after: float | None
    strength: float  # sorts moments, larger is more
    lines: tuple[TranscriptLine, ...] = ()
    side: str = ""
    """Of all its people: "rep", "prospect" or "unknown"; "" where they are of several sides."""
    speakers: tuple[int, ...] = ()
    """Who spoke in it, most first."""


@dataclass(frozen=True, slots=True)
class Reaction:
    """What one side showed while one side alone spoke (docs/scoring.md, 10)."""

    speaking: str  # "rep", "prospect", "unknown"
    spoken_s: float  # seconds in which that side alone spoke
    seen_s: float  # of them, seconds in which a scored face of the showing side was seen
    engagement: Estimate | None  # 0–1
    attention: Estimate | None  # 0–1
    expressions: dict[str, float]  # mean probability per expression; sums to 1 or is empty
    shares: dict[str, float]
    """Share of the faces seen in which each expression was the most likely; sums to 1 or empty."""


@dataclass(frozen=True, slots=True)
class SideScore:
    """The figures of everybody of one side, and what they showed while each side spoke."""

    side: str  # "rep", "prospect", "unknown"
    people: tuple[int, ...]  # indexes into CallAnalysis.participants
    scored: int  # how many of them are scored
    engagement: Estimate | None  # 0–1
    attention: Estimate | None  # 0–1
    coverage: float  # 0–1
    face_s: float
    talk_s: float  # seconds in which somebody of this side spoke
    expressions: dict[str, float]
    reactions: tuple[Reaction, ...]


@dataclass(frozen=True, slots=True)
class CallScore:
    """The figures of the whole call: the mean over the scored people present at each sample."""

    engagement: Estimate | None
    attention: Estimate | None
    score: Estimate | None
    coverage: float
    trend_per_min: Estimate | None
    stability: float | None
    talk_s: float
    silence_s: float
    expressions: dict[str, float]


@dataclass(frozen=True, slots=True)
class WindowScore:
    """One person's mean over one window (10 s unless told). Expressions are mean probabilities."""

    participant: int
    start_s: float
    end_s: float
    engagement: float | None
    attention: float | None
    coverage: float
    samples: int
    talk_s: float
    expressions: dict[str, float]


@dataclass(frozen=True, slots=True)
class CallAnalysis:
    """Everything that is reported about a call."""

    observations: Observations
    profile: str
    scoring_version: int
    participants: tuple[Participant, ...]
    attributions: tuple[Attribution, ...]
    turns: tuple[SpeakerTurn, ...]
    transcript: tuple[TranscriptLine, ...]
    call: CallScore
    call_series: Series
    windows: tuple[WindowScore, ...]
    moments: tuple[Moment, ...]
    sides: tuple[SideScore, ...] = ()
    """In the order "rep", "prospect", "unknown"; sides without people are left out."""

    @property
    def duration_s(self) -> float:
        return self.observations.duration_s

    @property
    def quality(self) -> Quality:
        return self.observations.quality
