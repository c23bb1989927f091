"""The kinds of calls that every text about a call has to get right, each made in milliseconds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from bot.calls.info import CallInfo
from bot.demo.recording.scenario import lines as demo_lines
from inference.moments.lines import Words, longest_pause_s
from inference.schema.analysis import CallAnalysis, Moment
from inference.schema.meeting import SpeakerTurn, TranscriptLine
from inference.schema.observations import Quality
from inference.scoring.talk import Spoken, person_talk
from tests.analysis_builder import PersonSpec, make_call, make_info, sales_pair

GERMAN = (
    "Was würde das für vierzig Arbeitsplätze kosten, von fünf bis neun Euro im Monat?",
    "Ehrlich gesagt macht mir die Migration Sorgen. Letztes Jahr hat sie ein Quartal gedauert.",
    "Das ist genau der Bericht, den mein Team jeden Freitag von Hand baut.",
    "Könnten Sie das noch einmal sagen? Die Verbindung war weg.",
)


def price_call() -> CallAnalysis:
    """The demo's call: its words, and the two turns that its faces were drawn with."""
    people = (
        PersonSpec("Maya Lindqvist", 1.0, 0.6, 0, "rep", is_host=True),
        PersonSpec("Dana Whitfield", 1.0, 0.5, 0, "prospect"),
    )
    call = make_call(people, duration_s=96, has_turns=False, has_transcript=False)
    lines = tuple(
        TranscriptLine(line.start_s, line.end_s, line.person.name, line.text)
        for line in demo_lines(96.0)
    )
    turns = tuple(SpeakerTurn(x.start_s, x.end_s, x.speaker or "", x.speaker or "") for x in lines)
    owners = [[person.name for person in call.participants].index(turn.speaker) for turn in turns]
    spoken = Spoken(
        96.0, ["rep", "prospect"], [True, True],
        [(o, (t.start_s, t.end_s)) for o, t in zip(owners, turns, strict=True)],
        list(zip(owners, lines, strict=True)),
    )  # fmt: skip
    talk = person_talk(spoken)
    participants = tuple(
        replace(person, score=replace(person.score, talk=talk[person.index]))
        for person in call.participants
    )
    words = Words(lines, [(turn.start_s, turn.end_s) for turn in turns])
    moments = (
        _turn(words, 28.0, "fall", "stopped smiling", 40.0),
        _turn(words, 75.0, "rise", "began to smile", 21.0),
    )
    return replace(call, transcript=lines, turns=turns, participants=participants, moments=moments)


def _turn(words: Words, at_s: float, kind: str, what: str, lasted_s: float) -> Moment:
    lines = words.around(at_s)
    return Moment(
        at_s - 5, at_s + 10, kind, (1,), f"Dana Whitfield {what}", 0.7, 0.4, 0.3, at_s, lines,
        "prospect", silence_s=longest_pause_s(lines), what=what, lasted_s=lasted_s,
    )  # fmt: skip


def price_info() -> CallInfo:
    """Details of the demo's call."""
    started_at = datetime(2026, 9, 10, 13, tzinfo=UTC)
    return make_info(
        "Harbourline: delivery notes pilot", started_at=started_at, timezone="Europe/Amsterdam"
    )


def crowd(count: int) -> list[PersonSpec]:
    """People with long names: some of them ours, some not seen."""
    return [
        PersonSpec(
            f"Person with a rather long name {i}", (0.9, 0.5, 0.0)[i % 3],
            side=("rep", "prospect", "prospect")[i % 3 if i else 1],
        )
        for i in range(count)
    ]  # fmt: skip


def _german() -> CallAnalysis:
    people = (
        PersonSpec("Jürgen Großmann-Öztürk", 0.9, 0.6, 2.4, "rep", is_host=True),
        PersonSpec("Dr. Annegret Schäfer-Übelhör", 0.8, 0.5, 1.2, "prospect"),
    )
    return make_call(people, quotes=GERMAN)


def _no_face() -> CallAnalysis:
    unseen = [replace(person, coverage=0.0) for person in sales_pair()]
    return make_call(unseen, quality=Quality(frames_sampled=100))


KINDS: dict[str, Callable[[], tuple[CallAnalysis, CallInfo]]] = {
    "demo": lambda: (price_call(), price_info()),
    "40 people": lambda: (
        make_call(crowd(40), duration_s=900),
        make_info("Quarterly business review with everybody of the steering committee"),
    ),
    "3 hours": lambda: (make_call(duration_s=3 * 3600, interval_s=2.0), make_info()),
    "no face": lambda: (_no_face(), make_info()),
    "no transcript": lambda: (make_call(has_transcript=False), make_info(has_transcript=False)),
    "one person": lambda: (
        make_call([PersonSpec("Ana Ruiz", side="rep")], duration_s=600),
        make_info("Rehearsal"),
    ),
    "nobody": lambda: (
        make_call([], duration_s=70, has_turns=False, has_transcript=False),
        make_info("", has_transcript=False),
    ),
    "German": lambda: (
        _german(),
        make_info("Vertragsverlängerung Straßenbahnbetriebe München"),
    ),
}
