"""Everything that was observed in a call, in one file; every figure is computed from it.

The file is what remains of the analysis when the media is deleted: the faces' columns, who spoke
when, the transcript and the roster. A late transcript or a corrected name changes this file, and
scores, report and message are made from it again without a second pass over the video.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from bot.calls.roster import Stay
from bot.text.draw_name import draw_name
from inference.assess import AssessOptions, assess_identities
from inference.attribution.attribute import Identities, Person, attribute
from inference.attribution.corrections import Correction, NamedCall, apply_corrections
from inference.errors import InferenceError
from inference.schema.analysis import Attribution, CallAnalysis
from inference.schema.meeting import RosterEntry, SpeakerTurn, TranscriptLine
from inference.schema.observations import Observations
from inference.serialize import observations_from_columns, observations_to_columns
from storage.calls.column_file import DAMAGED, read_columns, write_columns
from storage.errors import StorageError


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known about one call.

    `segment_starts_s` holds where each segment of the recording begins on the call's time line, in
    seconds, and `recorded` when it was recorded, if known. `voices` are the spans in which
    each person's own audio file has a voice, if such files exist. `identities` say whose face is
    whose as the program found it, None before anyone was named; `corrections` are people's changes
    to that, in order. In the file `roster` is "attendees" and `identities` is "cast".
    """

    observations: Observations
    segment_starts_s: tuple[float, ...] = (0.0,)
    recorded: tuple[Stay, ...] = ()
    turns: tuple[SpeakerTurn, ...] = ()
    transcript: tuple[TranscriptLine, ...] = ()
    roster: tuple[RosterEntry, ...] = ()
    voices: tuple[SpeakerTurn, ...] = ()
    identities: Identities | None = None
    corrections: tuple[Correction, ...] = ()
    has_side_files: bool = False
    """Whether turns, transcript, chat and roster were read from the side files."""
    scoring_version: int | None = None
    """The version that the call's figures follow, also when it is reported again; None before it
    is scored, and in files of earlier versions."""

    def with_notes(self, notes: Sequence[str]) -> Evidence:
        """Return the evidence with more sentences about its quality; repeats are dropped."""
        quality = self.observations.quality
        merged = tuple(dict.fromkeys((*quality.notes, *notes)))
        observations = replace(self.observations, quality=replace(quality, notes=merged))
        return replace(self, observations=observations)


def name_people(evidence: Evidence) -> Evidence:
    """Return the evidence with its people named from all that it holds, replacing old names."""
    return replace(
        evidence,
        identities=attribute(
            evidence.observations,
            evidence.turns,
            evidence.transcript,
            evidence.roster,
            evidence.voices,
            draw_name,
        ),
    )


def name_call(evidence: Evidence) -> NamedCall:
    """Return the call with the identities that the program found, without corrections."""
    if evidence.identities is None:
        evidence = name_people(evidence)
    assert evidence.identities is not None, "name_people sets the identities"
    return NamedCall(
        evidence.observations,
        evidence.identities,
        evidence.turns,
        evidence.transcript,
        evidence.roster,
    )


def score_evidence(evidence: Evidence, options: AssessOptions) -> CallAnalysis:
    """Score what was observed. Cheap: it works on numbers only, not on the video."""
    named = apply_corrections(name_call(evidence), evidence.corrections)
    return assess_identities(
        named.observations, named.identities, named.turns, named.transcript, named.roster, options
    )


def write_evidence(path: Path, evidence: Evidence) -> None:
    """Write the file atomically, replacing an existing one."""
    arrays, meta = observations_to_columns(evidence.observations)
    write_columns(
        path,
        arrays,
        {
            "observations": meta,
            "segment_starts_s": list(evidence.segment_starts_s),
            "recorded": [
                [at.isoformat() if at else None for at in span] for span in evidence.recorded
            ],
            "turns": [asdict(turn) for turn in evidence.turns],
            "transcript": [asdict(line) for line in evidence.transcript],
            "attendees": [asdict(entry) for entry in evidence.roster],
            "voices": [asdict(turn) for turn in evidence.voices],
            "cast": None if evidence.identities is None else asdict(evidence.identities),
            "corrections": [asdict(correction) for correction in evidence.corrections],
            "has_side_files": evidence.has_side_files,
            "scoring_version": evidence.scoring_version,
        },
    )


def read_evidence(path: Path) -> Evidence:
    """Read what `write_evidence` wrote.

    Raises:
        StorageError: the file is missing or damaged.
    """
    arrays, meta = read_columns(path)
    try:
        return _from_columns(arrays, dict(meta))
    except InferenceError as exc:  # from another version: the message says what to do
        raise StorageError(f"{path.name}: {exc}") from exc
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as exc:
        raise StorageError(DAMAGED.format(path.name)) from exc


def _from_columns(arrays: Mapping[str, NDArray[Any]], fields: dict[str, Any]) -> Evidence:
    return Evidence(
        observations=observations_from_columns(arrays, fields["observations"]),
        segment_starts_s=tuple(fields["segment_starts_s"]),
        # Files of earlier versions do not say when the segments were recorded.
        recorded=tuple((_moment(start), _moment(end)) for start, end in fields.get("recorded", ())),
        turns=tuple(SpeakerTurn(**turn) for turn in fields["turns"]),
        transcript=tuple(TranscriptLine(**line) for line in fields["transcript"]),
        roster=tuple(RosterEntry.from_plain(row) for row in fields["attendees"]),
        # Files of earlier versions have no voices.
        voices=tuple(SpeakerTurn(**turn) for turn in fields.get("voices", ())),
        identities=None if fields["cast"] is None else _identities(fields["cast"]),
        corrections=tuple(Correction.from_plain(row) for row in fields.get("corrections", ())),
        has_side_files=bool(fields.get("has_side_files", False)),
        scoring_version=fields.get("scoring_version"),
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _identities(fields: dict[str, Any]) -> Identities:
    return Identities(
        people=tuple(
            Person(**{**person, "camera_off": tuple(map(tuple, person.get("camera_off", ())))})
            for person in fields["people"]
        ),
        attributions=tuple(Attribution(**tie) for tie in fields["attributions"]),
    )
