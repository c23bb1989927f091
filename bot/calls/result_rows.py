"""A scored call as rows of the database."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from inference.moments.lines import complete_earlier
from inference.schema.analysis import (
    CallAnalysis,
    Estimate,
    Moment,
    MomentLine,
    Participant,
    WindowScore,
)
from inference.schema.meeting import SpeakerTurn, TranscriptLine
from storage.calls.results import ResultRows, Row
from storage.schema import tables

TALK_FIELDS = (
    "talk_s", "share_of_speech", "share_of_call", "longest_monologue_s", "turns", "patience_s",
    "interruptions", "words", "words_per_minute", "questions", "fillers", "filler_share",
)  # fmt: skip
"""The talk of a person or a side, in the order in which JSON and REST show it."""


def result_rows(analysis: CallAnalysis, *, series_path: str) -> ResultRows:
    """Return the analysis as rows: milliseconds, plain numbers, None if nothing was seen."""
    return ResultRows(
        call={
            "duration_ms": _ms(analysis.duration_s),
            "profile": analysis.profile,
            "scoring_version": analysis.scoring_version,
            "model": analysis.observations.model,
            **_interval(analysis.call.engagement),
            "coverage": analysis.call.coverage,
            "has_transcript": any(not line.is_chat for line in analysis.transcript),
            "quality": plain(asdict(analysis.quality)),
            "score": plain(asdict(analysis.call)),
            "series_path": series_path,
            "sides": plain([asdict(side) for side in analysis.sides]),
        },
        participants=[_participant(person) for person in analysis.participants],
        windows=[_window(window) for window in analysis.windows],
        moments=[_moment(moment) for moment in analysis.moments],
        turns=[_spoken(turn) for turn in analysis.turns],
        transcript=[_spoken(line) for line in analysis.transcript],
    )


def plain(value: Any) -> Any:
    """Return a value that JSON can hold: NaN and infinities become None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def talk_fields(talk: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the talk of a person or a side, of `asdict(TalkFigures)`, as JSON and REST show it.

    Null where unknown: figures that an earlier version did not have, the time of speech where
    nothing says who spoke, and all of it without `talk`.
    """
    if talk is None:
        return None
    shown = {name: talk.get(name) for name in TALK_FIELDS}
    shown["share_of_speech"] = talk.get("share")
    if "interruptions" in talk and talk["interruptions"] is None:  # nothing says who spoke
        shown |= dict.fromkeys(("talk_s", "share_of_speech", "longest_monologue_s", "turns"))
    return shown


def _participant(person: Participant) -> Row:
    score = person.score
    return {
        "position": person.index,
        "pid": person.id,
        "former_pids": person.former_ids,
        "name": person.name,
        "key": person.key,
        "is_named": person.is_named,
        "side": person.side,
        "is_host": person.is_host,
        "is_scored": person.is_scored,
        "name_confidence": person.name_confidence,
        "is_confirmed": person.is_confirmed,
        "is_blanked": person.is_blanked,
        "camera_off_ms": None if person.camera_off_s is None else _ms(person.camera_off_s),
        "first_seen_ms": _ms(person.first_seen_s),
        "last_seen_ms": _ms(person.last_seen_s),
        **_interval(score.engagement),
        "attention": score.attention.value if score.attention else None,
        "coverage": score.coverage,
        "face_ms": _ms(score.face_s),
        "talk_ms": _ms(score.talk.talk_s),
        "talk_share": score.talk.share,
        "score": plain(asdict(score)),
    }


def _interval(engagement: Estimate | None) -> Row:
    return {
        "engagement": engagement.value if engagement else None,
        "engagement_low": engagement.low if engagement else None,
        "engagement_high": engagement.high if engagement else None,
    }


def _window(window: WindowScore) -> Row:
    return _in_ms(asdict(window), "start", "end", "talk")


def _moment(moment: Moment) -> Row:
    row = _in_ms(asdict(moment), "start", "end", "change", "silence", "lasted")
    return row | {"lines": [_spoken(line) for line in moment.lines]}


def moment_from_row(row: tables.Moment) -> Moment:
    """Return a moment as it was stored; its times are whole milliseconds."""
    moment = Moment(
        start_s=row.start_ms / 1000,
        end_s=row.end_ms / 1000,
        kind=row.kind,
        participants=tuple(row.participants),
        reason=row.reason,
        before=row.before,
        after=row.after,
        strength=row.strength,
        change_s=(row.start_ms if row.change_ms is None else row.change_ms) / 1000,
        lines=tuple(_line(line) for line in row.lines),
        side=row.side,
        speakers=tuple(row.speakers),
        silence_s=_seconds(row.silence_ms),
        what=row.what,
        lasted_s=_seconds(row.lasted_ms),
        said_by=row.said_by,
        is_greeting=row.is_greeting,
    )
    return complete_earlier(moment) if row.change_ms is None else moment


def _line(row: dict[str, Any]) -> MomentLine:
    return MomentLine(
        start_s=row["start_ms"] / 1000,
        end_s=row["end_ms"] / 1000,
        speaker=row["speaker"],
        text=row["text"],
        is_chat=row.get("is_chat", False),
        at_change=row.get("at_change", False),
        pause_s=row.get("pause_s", 0.0),
    )


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000


def _spoken(line: SpeakerTurn | TranscriptLine) -> Row:
    return _in_ms(asdict(line), "start", "end")


def _in_ms(row: dict[str, Any], *times: str) -> dict[str, Any]:
    """Return the row with the times `…_s` replaced by whole milliseconds `…_ms`."""
    return row | {f"{name}_ms": _ms_or_none(row.pop(f"{name}_s")) for name in times}


def _ms_or_none(seconds: float | None) -> int | None:
    return None if seconds is None else _ms(seconds)


def _ms(seconds: float) -> int:
    return round(seconds * 1000) if math.isfinite(seconds) else 0
