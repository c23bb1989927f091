"""People correct who is who: names and sides stay right when the call is reported again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace

import numpy as np
import pytest

from inference.attribution.attribute import Identities, Person
from inference.attribution.correction_requests import Refused, correction_for
from inference.attribution.corrections import Correction, NamedCall, apply_corrections
from inference.attribution.person_ids import person_ids
from inference.schema.analysis import Attribution
from inference.schema.meeting import RosterEntry, SpeakerTurn, TranscriptLine
from inference.schema.observations import FaceColumns, Observations, Quality

LEFT, RIGHT = (100.0, 100.0, 200.0, 200.0), (400.0, 100.0, 500.0, 200.0)


def observed(faces: dict[int, tuple[tuple[float, ...], float, float]]) -> Observations:
    """Faces by track: box, and from when to when they are seen; a picture every half second."""
    t_s = np.arange(0, 60, 0.5)
    rows = [
        (sample, track, box)
        for sample, at_s in enumerate(t_s)
        for track, (box, start_s, end_s) in faces.items()
        if start_s <= at_s < end_s
    ]
    ones = np.ones(len(rows), np.float32)
    columns = FaceColumns(
        sample=np.array([row[0] for row in rows], np.int32),
        track=np.array([row[1] for row in rows], np.int32),
        box=np.array([row[2] for row in rows], np.float32).reshape(-1, 4),
        confidence=ones,
        probs=np.full((len(rows), 7), 1 / 7, np.float32),
        yaw_deg=0 * ones,
        pitch_deg=0 * ones,
        roll_deg=0 * ones,
        eye_opening=ones,
        mouth_opening=ones,
    )
    return Observations(t_s, 0.5, 60.0, 640, 360, columns, (), Quality(), "expression-1")


BOTH = observed({1: (LEFT, 0, 60), 2: (RIGHT, 0, 60)})
TURNS = (SpeakerTurn(1, 10, "Ana", "z1"), SpeakerTurn(12, 20, "Ben", "z2"))
ANA = Person("Ana", "z1", True, "rep", True, 0.97)
BEN = Person("Ben", "z2", True, "unknown", False, 1.0)


def stranger(number: int) -> Person:
    return Person(f"Person {number}", "", False, "unknown", False, 0.0)


def tell(
    people: Sequence[Person],
    tracks: dict[int, int],
    observations: Observations = BOTH,
    turns: tuple[SpeakerTurn, ...] = TURNS,
    roster: tuple[RosterEntry, ...] = (RosterEntry("Ana", "z1", "rep"), RosterEntry("Ben", "z2")),
) -> NamedCall:
    ties = tuple(Attribution(track, person, 0.97) for track, person in tracks.items())
    return NamedCall(observations, Identities(tuple(people), ties), turns, (), roster)


ANA_AND_A_STRANGER = tell([ANA, stranger(1), BEN], {1: 0, 2: 1})


def say(call: NamedCall, *said: tuple[str, str, str]) -> list[Correction]:
    """The corrections that these (who, field, value) give, one after the other."""
    made: list[Correction] = []
    for who, field, value in said:
        names = [person.name for person in apply_corrections(call, made).identities.people]
        correction = correction_for(call, made, names.index(who), field, value)
        if correction is not None:
            made.append(correction)
    return made


def told(call: NamedCall, made: Sequence[Correction]) -> dict[str, list[int]]:
    """Each person's tracks."""
    identities = apply_corrections(call, made).identities
    return {
        person.name: [tie.track for tie in identities.attributions if tie.participant == index]
        for index, person in enumerate(identities.people)
    }


def test_without_corrections_the_story_is_as_it_was() -> None:
    assert apply_corrections(ANA_AND_A_STRANGER, []) is ANA_AND_A_STRANGER


def test_a_face_with_a_speakers_name_is_one_person_with_talk_and_face() -> None:
    made = say(ANA_AND_A_STRANGER, ("Person 1", "name", "ben"))
    call = apply_corrections(ANA_AND_A_STRANGER, made)
    assert told(ANA_AND_A_STRANGER, made) == {"Ana": [1], "Ben": [2]}
    ben = call.identities.people[1]
    assert (ben.key, ben.confidence, ben.is_confirmed) == ("z2", 1.0, True)
    assert {turn.key for turn in call.turns} == {"z1", "z2"}


def test_two_faces_one_after_the_other_are_one_person_by_one_name() -> None:
    seen = observed({1: (LEFT, 0, 20), 2: (RIGHT, 30, 60)})
    call = tell([stranger(1), stranger(2)], {1: 0, 2: 1}, seen, ())
    made = say(call, ("Person 1", "name", "Maria"), ("Person 2", "name", "Maria"))
    assert told(call, made) == {"Maria": [1, 2]}


def test_a_name_that_another_face_has_at_the_same_time_is_refused() -> None:
    with pytest.raises(Refused, match="seen at the same time is Ana's"):
        say(ANA_AND_A_STRANGER, ("Person 1", "name", "Ana"))


def test_two_faces_change_names_in_three_steps() -> None:
    ben = replace(BEN, confidence=0.96)
    call = tell([ANA, ben], {1: 0, 2: 1})
    made = say(call, ("Ana", "name", ""), ("Ben", "name", "Ana"), ("Person 1", "name", "Ben"))
    assert told(call, made) == {"Ana": [2], "Ben": [1]}


def test_an_empty_name_takes_a_wrong_one_away_and_leaves_the_talk() -> None:
    call = tell([ANA, stranger(1), BEN], {1: 0, 2: 1})
    made = say(call, ("Ana", "name", ""))
    assert told(call, made) == {"Person 2": [1], "Person 1": [2], "Ana": [], "Ben": []}
    people = {p.name: p for p in apply_corrections(call, made).identities.people}
    assert (people["Ana"].confidence, people["Person 2"].is_named) == (1.0, False)
    named = say(ANA_AND_A_STRANGER, ("Person 1", "name", "Eve"), ("Eve", "name", ""))
    assert "Person 1" in told(ANA_AND_A_STRANGER, named)


def test_a_name_of_zooms_without_a_face_cannot_be_taken_away() -> None:
    with pytest.raises(Refused, match="Zoom's own records"):
        say(ANA_AND_A_STRANGER, ("Ben", "name", ""))


def test_a_device_gets_its_owners_name_in_every_line_and_its_own_back() -> None:
    call = replace(
        tell([replace(BEN, name="iPhone")], {}, turns=(SpeakerTurn(1, 9, "iPhone", "z2"),),
             roster=(RosterEntry("iPhone", "z2"),)),
        transcript=(TranscriptLine(1, 9, "iPhone", "Hello"), TranscriptLine(9, 9, None, "?")),
    )  # fmt: skip
    made = say(call, ("iPhone", "name", "Lee Wu"))
    new = apply_corrections(call, made)
    assert [p.name for p in new.identities.people] == ["Lee Wu"]
    assert [turn.speaker for turn in new.turns] == ["Lee Wu"]
    assert [line.speaker for line in new.transcript] == ["Lee Wu", None]
    assert [entry.name for entry in new.roster] == ["Lee Wu"]
    back = say(call, ("iPhone", "name", "Lee Wu"), ("Lee Wu", "name", ""))
    assert [p.name for p in apply_corrections(call, back).identities.people] == ["iPhone"]


def test_the_spelling_of_a_name_that_a_person_gave_a_face_can_be_mended() -> None:
    said = ("Person 1", "name", "eve smith"), ("eve smith", "name", "Eve Smith")
    made = say(ANA_AND_A_STRANGER, *said)
    assert told(ANA_AND_A_STRANGER, made) == {"Ana": [1], "Eve Smith": [2], "Ben": []}


def test_a_name_that_is_taken_back_is_no_surer_than_before() -> None:
    made = say(ANA_AND_A_STRANGER, ("Ana", "name", "Sales Laptop"), ("Sales Laptop", "name", ""))
    ana = apply_corrections(ANA_AND_A_STRANGER, made).identities.people[0]
    assert (ana.name, ana.confidence, ana.is_confirmed) == ("Ana", 0.97, False)


def test_a_phone_that_is_somebody_in_the_call_is_one_person_with_them() -> None:
    phone = replace(BEN, name="+1 555", key="z3")
    call = tell(
        [ANA, phone], {1: 0}, turns=(*TURNS[:1], SpeakerTurn(20, 30, "+1 555", "z3")),
        roster=(RosterEntry("Ana", "z1"), RosterEntry("+1 555", "z3")),
    )  # fmt: skip
    made = say(call, ("+1 555", "name", "Ana"))
    new = apply_corrections(call, made)
    assert told(call, made) == {"Ana": [1]}
    assert [(turn.speaker, turn.key) for turn in new.turns] == [("Ana", "z1")] * 2
    before = person_ids(call.observations, call.identities)[1][0]
    assert before in person_ids(new.observations, new.identities)[0]


def test_saying_what_is_so_already_is_no_correction_but_confirms_a_face() -> None:
    assert say(ANA_AND_A_STRANGER, ("Ben", "name", "Ben"), ("Ana", "side", "rep")) == []
    made = say(ANA_AND_A_STRANGER, ("Ana", "name", "Ana"))
    assert len(made) == 1
    assert apply_corrections(ANA_AND_A_STRANGER, made).identities.people[0].is_confirmed
    assert correction_for(ANA_AND_A_STRANGER, made, 0, "name", " Ana ") is None


def test_names_that_say_nothing_certain_are_refused() -> None:
    twins = tell(
        [stranger(1), BEN], {1: 0},
        roster=(RosterEntry("Ben", "z2"), RosterEntry("Ben", "z9")),
    )  # fmt: skip
    with pytest.raises(Refused, match="2 people of this call are called Ben"):
        say(twins, ("Person 1", "name", "Ben"))
    with pytest.raises(Refused, match="people without a name"):
        say(ANA_AND_A_STRANGER, ("Person 1", "name", "Person 7"))


def test_a_correction_survives_another_look_that_numbers_faces_anew() -> None:
    said = [("Person 1", "name", "Eve"), ("Eve", "side", "prospect"), ("Ben", "side", "prospect")]
    made = say(ANA_AND_A_STRANGER, *said)
    kept = [Correction.from_plain(json.loads(json.dumps(asdict(c)))) for c in made]
    assert kept == made
    # The face of before is in two pieces now, and its tracks have other numbers.
    pieces = observed({7: (LEFT, 0, 60), 8: (RIGHT, 0, 25), 9: (RIGHT, 27, 60)})
    again = tell([stranger(1), stranger(2), ANA, BEN], {8: 0, 9: 1, 7: 2}, pieces)
    people = {p.name: p for p in apply_corrections(again, kept).identities.people}
    assert told(again, kept) == {"Ana": [7], "Eve": [8, 9], "Ben": []}
    assert (people["Eve"].side, people["Ben"].side) == ("prospect", "prospect")


def test_a_persons_word_goes_before_what_a_later_look_finds() -> None:
    made = say(ANA_AND_A_STRANGER, ("Person 1", "name", "Ben"))
    wrong = tell([ANA, replace(BEN, confidence=0.96)], {2: 0, 1: 1})
    assert told(wrong, made) == {"Person 1": [1], "Ana": [], "Ben": [2]}


def test_a_correction_of_a_face_that_is_gone_changes_nothing() -> None:
    made = say(ANA_AND_A_STRANGER, ("Person 1", "name", "Eve"))
    alone = tell([ANA, BEN], {1: 0}, observed({1: (LEFT, 0, 60)}))
    assert told(alone, made) == {"Ana": [1], "Ben": []}


def test_a_face_keeps_its_id_when_it_gets_a_name() -> None:
    ids = person_ids(BOTH, ANA_AND_A_STRANGER.identities)
    made = say(ANA_AND_A_STRANGER, ("Person 1", "name", "Eve"))
    named = apply_corrections(ANA_AND_A_STRANGER, made)
    assert person_ids(BOTH, named.identities)[1][0] == ids[1][0]
    joined = apply_corrections(
        ANA_AND_A_STRANGER, say(ANA_AND_A_STRANGER, ("Person 1", "name", "Ben"))
    )
    assert ids[1][0] in person_ids(BOTH, joined.identities)[1]
    assert len({own[0] for own in ids}) == 3


def test_somebody_in_a_room_gets_a_name_and_the_rest_keep_theirs() -> None:
    here = [
        replace(stranger(n), name=f"Person {n} (Board room)", room="Board room") for n in (1, 2)
    ]
    call = tell([*here, ANA], {1: 0, 2: 1})
    made = say(call, ("Person 1 (Board room)", "name", "Eve"))
    eve = apply_corrections(call, made).identities.people[0]
    assert (eve.name, eve.room, eve.is_named) == ("Eve", "", True)
    assert "Person 2 (Board room)" in told(call, made)
    with pytest.raises(Refused):
        say(call, ("Person 1 (Board room)", "name", "Person 2 (Board room)"))


def test_somebody_known_from_lines_alone_is_renamed_there_too() -> None:
    lines = (TranscriptLine(1, 9, "Cat", "Hello"),)
    cat = Person("Cat", "Cat", True, "unknown", False, 0.96)
    call = replace(tell([cat, BEN], {1: 0}), transcript=lines)
    made = say(call, ("Cat", "name", "Caterina"))
    new = apply_corrections(call, made)
    assert new.transcript[0].speaker == "Caterina"
    back = say(call, ("Cat", "name", "Caterina"), ("Caterina", "name", ""))
    assert told(call, back) == {"Cat": [1], "Ben": []}


def test_the_first_correction_means_the_person_in_the_list_as_it_was_told() -> None:
    # Somebody listed first who was neither seen nor heard, such as a name on a tile without video.
    quiet = Person("Quinn", "z9", True, "unknown", False, 0.96, camera_off_s=50.0)
    call = tell([quiet, ANA, stranger(1)], {1: 1, 2: 2})
    made = correction_for(call, [], 2, "name", "Eve")
    assert made is not None
    assert told(call, [made])["Eve"] == [2]
