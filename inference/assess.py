"""From what was seen, said and known to the scored call: attribute → score → sides → moments.

Cheap beside looking at pictures, so it is done again whenever a transcript or a name arrives.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from inference.attribution.attribute import Identities, Person, attribute
from inference.attribution.person_ids import person_ids
from inference.attribution.roster import owners_of
from inference.moments.find import Scene, find_moments
from inference.schema.analysis import CallAnalysis, Participant, PersonScore, Series, WindowScore
from inference.schema.meeting import RosterEntry, SpeakerTurn, TranscriptLine
from inference.schema.observations import Observations
from inference.scoring.profiles import PROFILES, SCORING_VERSION, SCORING_VERSIONS
from inference.scoring.score import (
    Faces,
    Scored,
    engagement_of,
    person_span,
    score_call,
    score_person,
    score_windows,
    select_faces,
    time_in_call,
    unseen,
)
from inference.scoring.sides import SIDES, SidePerson, score_sides
from inference.scoring.talk import Spoken, call_talk, person_talk, side_talk
from inference.speech.turns import Span, merge_spans, total_s, usable_turns


@dataclass(frozen=True, slots=True)
class AssessOptions:
    """How a call is scored.

    `profile` is a name in `profiles.PROFILES`, `version` one of `SCORING_VERSIONS`. With
    `score_own_side` False, only the faces of people known to be of the other side (side "prospect")
    are scored or kept: a face that nobody could name may be a colleague's. `window_s` is the length
    of a `WindowScore`. `fillers` are words that count as fillers besides those of
    `talk_words.FILLERS`.
    """

    profile: str = "sales"
    score_own_side: bool = True
    window_s: float = 10.0
    fillers: tuple[str, ...] = ()
    version: int = SCORING_VERSION

    def __post_init__(self) -> None:
        if self.profile not in PROFILES:
            raise ValueError(
                f"There is no profile {self.profile!r}; choose one of {', '.join(PROFILES)}."
            )
        if self.version not in SCORING_VERSIONS:
            raise ValueError(
                f"There is no version {self.version} of the scoring; choose one of "
                f"{', '.join(map(str, SCORING_VERSIONS))}."
            )
        if not (math.isfinite(self.window_s) and self.window_s >= 1.0):
            raise ValueError(f"A window must be at least 1 s long, not {self.window_s} s.")


def scores_everyone(options: AssessOptions) -> bool:
    """Return whether every face may be scored and kept, even one that nobody could name."""
    return options.score_own_side


def may_be_scored(side: str, options: AssessOptions) -> bool:
    """Return whether the faces of a person of this side may be scored and kept."""
    return scores_everyone(options) or side == "prospect"


def assess(
    observations: Observations,
    turns: Sequence[SpeakerTurn],
    transcript: Sequence[TranscriptLine],
    roster: Sequence[RosterEntry],
    options: AssessOptions,
) -> CallAnalysis:
    """Score a call: people, their figures and windows, the call's figures, and its moments.

    Without turns the transcript's lines say who spoke. All of them may be empty.
    """
    identities = attribute(observations, turns, transcript, roster)
    return assess_identities(observations, identities, turns, transcript, roster, options)


def assess_identities(
    observations: Observations,
    identities: Identities,
    turns: Sequence[SpeakerTurn],
    transcript: Sequence[TranscriptLine],
    roster: Sequence[RosterEntry],
    options: AssessOptions,
) -> CallAnalysis:
    """Score a call whose people are identified already."""
    turns = usable_turns(turns, transcript, observations.duration_s)
    profile, version = PROFILES[options.profile], options.version
    # Somebody whom only a correction names has no key, and is heard nowhere.
    keys = [person.key if person.is_named else "" for person in identities.people]
    spoken = _spoken(observations.duration_s, identities, keys, turns, transcript, roster)
    parts = _parts(observations, identities, _by_person(spoken), options)
    scored = [
        Scored(
            part.faces,
            engagement_of(
                # Of somebody without a key nothing says when they speak.
                observations, part.faces, part.turns if turns and key else None, profile, version
            ),
        )
        for part, key in zip(parts, keys, strict=True)
    ]  # fmt: skip
    figures = person_talk(spoken, options.fillers)
    participants: list[Participant] = []
    windows: list[WindowScore] = []
    for part in parts:
        score, series = score_person(
            observations, scored[part.index], profile, part.stay, figures[part.index]
        )
        participants.append(part.scored_as(score, series))
        windows += score_windows(
            observations, part.index, series, part.spoken, part.span, options.window_s
        )

    talk_s = total_s(merge_spans([(turn.start_s, turn.end_s) for turn in turns]))
    counted = [part for part in parts if part.is_scored]
    call, call_series = score_call(
        observations,
        [(participants[part.index].score, scored[part.index]) for part in counted],
        profile,
        span_s=sum(part.stay_s for part in counted),
        talk_s=talk_s,
        silence_s=max(observations.duration_s - talk_s, 0.0) if turns else 0.0,
    )
    moments = find_moments(
        Scene(
            t_s=observations.t_s,
            interval_s=observations.sample_interval_s,
            duration_s=observations.duration_s,
            names=[participant.name for participant in participants],
            faces=[scored[p.index] if p.is_scored else None for p in participants],
            talk=[part.spoken for part in parts],
            lines=transcript,
            sides=[participant.side for participant in participants],
        )
    )
    sides = score_sides(
        observations,
        [
            SidePerson(p.side, p.is_scored, p.score, scored[p.index], part.turns, part.stay_s)
            for p, part in zip(participants, parts, strict=True)
        ],
        profile,
    )
    talk = side_talk(spoken, SIDES, options.fillers)
    unscored: set[int] = set()
    if not scores_everyone(options):
        shown = {a.track for a in identities.attributions if parts[a.participant].is_scored}
        unscored = set(observations.faces.track.tolist()) - shown
    return CallAnalysis(
        observations=without_expressions(observations, unscored),
        profile=options.profile,
        scoring_version=version,
        participants=tuple(participants),
        attributions=identities.attributions,
        turns=turns,
        transcript=tuple(transcript),
        call=replace(call, talk=call_talk(spoken)),
        call_series=call_series,
        windows=tuple(windows),
        moments=moments,
        sides=tuple(replace(side, talk=talk[side.side]) for side in sides),
    )


@dataclass(frozen=True, slots=True)
class _Part:
    """What one person did in the call, before it is scored."""

    index: int
    person: Person
    ids: tuple[str, ...]
    turns: list[Span]
    """When the person spoke, turn by turn."""
    spoken: list[Span]
    """The same without overlaps, in order of time."""
    span: Span
    """From first to last seen or heard."""
    stay: Span
    """The person's time in the call."""
    faces: Faces
    """Unseen where the person is not scored."""
    is_scored: bool
    is_blanked: bool

    @property
    def stay_s(self) -> float:
        return self.stay[1] - self.stay[0]

    def scored_as(self, score: PersonScore, series: Series) -> Participant:
        """Return the participant with their figures."""
        return Participant(
            index=self.index,
            name=self.person.name,
            key=self.person.key,
            is_named=self.person.is_named,
            side=self.person.side,
            is_host=self.person.is_host,
            is_scored=self.is_scored,
            name_confidence=self.person.confidence,
            first_seen_s=self.span[0],
            last_seen_s=self.span[1],
            score=score,
            series=series,
            id=self.ids[0],
            former_ids=self.ids[1:],
            is_confirmed=self.person.is_confirmed,
            is_blanked=self.is_blanked,
            camera_off_s=self.person.camera_off_s,
        )


def _spoken(
    duration_s: float,
    identities: Identities,
    keys: Sequence[str],
    turns: Sequence[SpeakerTurn],
    transcript: Sequence[TranscriptLine],
    roster: Sequence[RosterEntry],
) -> Spoken:
    """Return who of the people spoke when, and who said what."""
    lines = [line for line in transcript if line.speaker is not None and not line.is_chat]
    said = [SpeakerTurn(line.start_s, line.end_s, line.speaker or "") for line in lines]
    owners = owners_of(keys, [*turns, *said], roster)
    return Spoken(
        duration_s=duration_s,
        sides=[person.side for person in identities.people],
        is_known=[key != "" for key in keys],
        spans=[
            (owner, (turn.start_s, turn.end_s))
            for owner, turn in zip(owners[: len(turns)], turns, strict=True)
        ],
        lines=list(zip(owners[len(turns) :], lines, strict=True)),
    )


def _by_person(spoken: Spoken) -> list[list[Span]]:
    talk: list[list[Span]] = [[] for _ in spoken.sides]
    for owner, span in spoken.spans:
        if owner is not None:
            talk[owner].append(span)
    return talk


def _parts(
    observations: Observations,
    identities: Identities,
    talk: Sequence[list[Span]],
    options: AssessOptions,
) -> list[_Part]:
    """Return each person's part in the call; `talk` holds their turns."""
    track_person = {a.track: a.participant for a in identities.attributions}
    faces = select_faces(observations, track_person, len(identities.people))
    blanked = _blanked(observations, track_person)
    ids = person_ids(observations, identities)
    parts = []
    for index, person in enumerate(identities.people):
        may_score = may_be_scored(person.side, options)
        is_scored = may_score and index not in blanked
        span = person_span(observations, faces[index].present, talk[index])
        parts.append(
            _Part(
                index=index,
                person=person,
                ids=ids[index],
                turns=talk[index],
                spoken=merge_spans(talk[index]),
                span=span,
                stay=time_in_call(observations, span),
                faces=faces[index] if is_scored else unseen(len(observations.t_s)),
                is_scored=is_scored,
                is_blanked=may_score and not is_scored,
            )
        )
    return parts


def without_expressions(observations: Observations, tracks: set[int]) -> Observations:
    """Take what was read from the faces of some tracks out; their boxes stay, the rest is NaN."""
    if not tracks:
        return observations
    faces = observations.faces
    hidden = np.isin(faces.track, list(tracks))
    kept = {
        name: np.where(hidden if values.ndim == 1 else hidden[:, None], np.float32("nan"), values)
        for name, values in (
            ("confidence", faces.confidence),
            ("probs", faces.probs),
            ("yaw_deg", faces.yaw_deg),
            ("pitch_deg", faces.pitch_deg),
            ("roll_deg", faces.roll_deg),
            ("eye_opening", faces.eye_opening),
            ("mouth_opening", faces.mouth_opening),
        )
    }
    return replace(observations, faces=replace(faces, **kept))


def _blanked(observations: Observations, track_person: dict[int, int]) -> set[int]:
    """Return the people of all of whose faces `without_expressions` left nothing but boxes."""
    faces = observations.faces
    blank = set(np.unique(faces.track[np.isnan(faces.confidence)]).tolist())
    kept = {person for track, person in track_person.items() if track not in blank}
    return {person for track, person in track_person.items() if track in blank} - kept
