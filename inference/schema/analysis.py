"""The scored call: everything that is reported."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from inference.schema.arrays import F32, Bools
from inference.schema.meeting import SpeakerTurn, TranscriptLine
from inference.schema.observations import Observations, Quality


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
    """Talk of one person or one side (docs/scoring.md, 8). None where it cannot be known.

    The first four are 0 where nothing says who spoke; then `interruptions` is None.
    """

    talk_s: float
    share: float  # of all talk in the call, 0–1
    turns: int
    longest_monologue_s: float
    share_of_call: float | None = None  # 0–1
    patience_s: float | None = None  # median pause before a turn, after the other side stopped
    interruptions: int | None = None
    words: int | None = None
    words_per_minute: float | None = None
    questions: int | None = None
    fillers: int | None = None
    filler_share: float | None = None  # of the words, 0–1


@dataclass(frozen=True, slots=True)
class CallTalk:
    """Talk of all people together (docs/scoring.md, 8). None where it cannot be known."""

    speaker_changes_per_min: float | None = None
    overlap_s: float | None = None  # two or more people speak
    longest_silence_s: float | None = None  # between two turns
    question_answer_s: float | None = None  # median, from a question to somebody else's words


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
    basis: str = "all"
    """What engagement, trend and change are taken over: "listening" where at least 20 s of it were
    seen, else "all" samples. Version 1 knows only "all"."""
    listening_s: float | None = None  # of face_s, without the own turns; None in version 1
    speaking: Estimate | None = None
    """Mean engagement during the own turns: comparable with other speaking, not with listening."""
    turns_known: bool = True
    """Whether something says when this person spoke; if not, everything counts as listening."""
    rest: float | None = None  # how the own calm face reads, 0–1 (version 2)
    face_word_s: dict[str, float] = field(default_factory=dict)
    """Seconds of each of the four words for a face, while listening; {} in version 1."""


@dataclass(frozen=True, slots=True)
class Series:
    """One person's course over Observations.t_s; NaN where the face was not seen. All (T,).

    Rolling and cumulative means are those of `listening`.
    """

    engagement: F32
    attention: F32
    rolling_30s: F32
    rolling_60s: F32
    cumulative: F32
    probs: F32  # (T, 7)
    speaking: Bools
    """The person's own turn goes on. False throughout in version 1 and in the call's course."""

    @property
    def listening(self) -> F32:
        """Engagement without the person's own turns, in which it is measured differently."""
        return np.where(self.speaking, np.float32("nan"), self.engagement)


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
    """Stays the same when the call is reported again (inference/attribution/corrections.py)."""
    former_ids: tuple[str, ...] = ()
    """Further ids that find this person: of faces that were joined into one."""
    is_confirmed: bool = False
    """A person said whose face this is, or what the name is."""
    is_blanked: bool = False
    """What the face showed was not kept when a setting left the person unscored; the person would
    be scored now, but only analysing the recording again could yield a score."""
    camera_off_s: float | None = None
    """Seconds in which the person was there without video; None where unknown."""


@dataclass(frozen=True, slots=True)
class MomentLine(TranscriptLine):
    """A line that stands beside a moment."""

    at_change: bool = False
    """The last line begun at or before the change: the words then spoken."""
    pause_s: float = 0.0
    """Silence between the line before it and this one, in seconds; 0 below 4 s."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A span of 5–30 s worth watching, with the reason and the numbers behind it.

    The fields `what`, `lasted_s` and `said_by` are the parts of its sentence, for texts that put
    the names, the time and the words in their own way.
    """

    start_s: float
    end_s: float
    kind: str  # "rise", "fall", "to_happy", "to_angry", "silence"
    participants: tuple[int, ...]
    reason: str  # one plain sentence, without the words that were said
    before: float | None  # engagement 0–1 before and after, where the kind has them
    after: float | None
    strength: float  # size of the change of engagement, 0–1; of a silence, its length / 60 s
    change_s: float
    """When it changed, or the silence began: the time to show."""
    lines: tuple[MomentLine, ...] = ()
    """The words spoken at the change, those before and after, then chat sent close to it."""
    side: str = ""
    """Of all its people: "rep", "prospect" or "unknown"; "" where they are of several sides."""
    speakers: tuple[int, ...] = ()
    """Who spoke in it, most first."""
    silence_s: float | None = None
    """Length of the silence; of another moment, of the longest pause of 4 s or more between its
    lines. None if there was none."""
    what: str = ""
    """What was seen, as a predicate: "stopped smiling". Of a silence: "nobody spoke"."""
    lasted_s: float | None = None
    """How long it stayed so; None for a silence, and where it could not be told."""
    said_by: int | None = None
    """Who spoke for more than half of the 5 s before and of the 5 s after the change."""
    is_greeting: bool = False
    """A smile at the very start or end of the call; it ranks after all other moments."""


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
    listening_s: float | None = None
    """Of seen_s, seconds in which somebody seen was listening: what engagement is taken over. None
    in version 1, which takes it over all of seen_s."""


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
    talk: TalkFigures | None = None
    """None in analyses of earlier versions."""


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
    talk: CallTalk = CallTalk()


@dataclass(frozen=True, slots=True)
class WindowScore:
    """One person's mean over one window (10 s by default). Expressions are mean probabilities."""

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
    """By rank, the one most worth watching first."""
    sides: tuple[SideScore, ...] = ()
    """In the order "rep", "prospect", "unknown"; sides without people are left out."""

    @property
    def turns_known(self) -> bool:
        """Whether the recording says who spoke; if not, everything counts as listening."""
        return bool(self.turns)

    @property
    def duration_s(self) -> float:
        return self.observations.duration_s

    @property
    def quality(self) -> Quality:
        return self.observations.quality
