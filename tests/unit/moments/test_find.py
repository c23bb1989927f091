"""Moments appear where something happened, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.moments.find import MAX_MOMENTS, Scene, find_moments
from inference.moments.lines import MAX_SILENCES
from inference.schema.analysis import Moment
from inference.schema.arrays import EXPRESSIONS, F32, F64
from inference.schema.meeting import TranscriptLine
from inference.scoring.engagement import engagement_course, plain_course
from inference.scoring.profiles import PROFILES
from inference.scoring.score import Faces, Scored
from inference.speech.turns import Span, merge_spans

INTERVAL_S = 0.5


def mix(**shares: float) -> list[float]:
    """Probabilities of one sample; what is left goes to the other expressions in equal parts."""
    rest = (1 - sum(shares.values())) / (7 - len(shares))
    return [shares.get(name, rest) for name in EXPRESSIONS]


def course(*parts: tuple[float, list[float]], noise: float = 0.0, seed: int = 0) -> F32:
    """Probabilities over time from (seconds, probabilities of a sample)."""
    rows = np.concatenate([np.tile(probs, (round(s / INTERVAL_S), 1)) for s, probs in parts])
    rows = np.abs(rows + noise * np.random.default_rng(seed).standard_normal(rows.shape))
    probs: F32 = (rows / rows.sum(axis=1, keepdims=True)).astype(np.float32)
    return probs


def face(probs: F32, turns: list[Span], attention: F64 | None = None) -> Scored:
    t_s = np.arange(len(probs), dtype=np.float64) * INTERVAL_S
    if attention is None:
        attention = np.full(len(probs), np.nan)
    course = engagement_course(t_s, INTERVAL_S, probs, attention, turns, PROFILES["sales"])
    return Scored(Faces(~np.isnan(probs[:, 0]), probs, attention), course)


def moments(
    people: dict[str, F32 | None],
    talk: dict[str, list[tuple[float, float]]] | None = None,
    lines: tuple[TranscriptLine, ...] = (),
    duration_s: float | None = None,
    sides: tuple[str, ...] = (),
    attention: F64 | None = None,
) -> tuple[Moment, ...]:
    samples = max([len(probs) for probs in people.values() if probs is not None], default=0)
    return find_moments(
        Scene(
            t_s=np.arange(samples, dtype=np.float64) * INTERVAL_S,
            interval_s=INTERVAL_S,
            duration_s=samples * INTERVAL_S if duration_s is None else duration_s,
            names=list(people),
            faces=[
                None if probs is None else face(probs, (talk or {}).get(name, []), attention)
                for name, probs in people.items()
            ],
            talk=[(talk or {}).get(name, []) for name in people],
            lines=lines,
            sides=sides,
        )
    )


NEUTRAL, HAPPY = mix(neutral=0.8), mix(happy=0.85)
ANGRY, SAD = mix(angry=0.8), mix(sad=0.8)


def test_a_face_that_never_changes_gives_no_moment() -> None:
    assert moments({"Dana": course((600, NEUTRAL)), "Sam": course((600, HAPPY))}) == ()


@pytest.mark.parametrize("kind", ["flat", "peaked", "flicker"])
def test_noise_gives_no_moment(kind: str) -> None:
    rng = np.random.default_rng(3)
    n = 3 * 3600 * 2
    for _ in range(3):
        if kind == "flicker":  # neutral or happy at random in every sample
            probs = np.array([NEUTRAL, HAPPY], np.float32)[rng.integers(0, 2, n)]
        else:
            probs = rng.dirichlet(np.full(7, 1.0 if kind == "flat" else 0.1), n).astype(np.float32)
        assert moments({"Dana": probs}) == ()


def test_noise_that_lingers_gives_no_moment() -> None:
    rng = np.random.default_rng(5)
    logits = rng.standard_normal((3600 * 2, 7))
    for i in range(1, len(logits)):
        logits[i] = 0.6 * logits[i - 1] + 0.8 * logits[i]
    probs = np.exp(logits)
    probs /= probs.sum(axis=1, keepdims=True)
    assert moments({"Dana": probs.astype(np.float32)}) == ()


def test_a_smile_that_lasts_is_told_in_everyday_words() -> None:
    probs = course((60, NEUTRAL), (20, HAPPY), (40, NEUTRAL), noise=0.03)
    line = TranscriptLine(56, 59, "Sam", "We can do that for half the price.")
    far = TranscriptLine(10, 14, "Sam", "Welcome.")
    found = moments({"Dana": probs, "Sam": None}, {"Sam": [(50.0, 70.0)]}, lines=(far, line))
    smile = next(moment for moment in found if moment.kind == "to_happy")
    assert smile.reason == "Dana began to smile, for 20 seconds, while Sam spoke"
    assert smile.participants == (0,)
    assert smile.start_s == pytest.approx(55, abs=1)
    assert smile.end_s == pytest.approx(70, abs=1)
    assert smile.before is not None
    assert smile.after is not None
    assert smile.before < 0.7 < 0.9 < smile.after
    assert [(said.text, said.at_change) for said in smile.lines] == [
        (far.text, False),
        (line.text, True),
    ]
    assert not any(moment.kind == "rise" for moment in found)  # the same event, told once


def test_a_turn_to_angry_is_told_as_what_the_face_showed() -> None:
    probs = course((60, NEUTRAL), (60, ANGRY), noise=0.03)
    (shift,) = moments({"Dana": probs}, {"Sam": [(58.0, 61.0)]})
    assert shift.kind == "to_angry"
    assert shift.reason == "Dana looked tense, for 1 min 0 s"


def test_a_fall_says_what_was_seen_and_holds_both_levels() -> None:
    probs = course((60, HAPPY), (60, SAD), noise=0.03)
    (fall,) = moments({"Dana": probs})
    assert (fall.kind, fall.what) == ("fall", "stopped smiling")
    assert fall.reason == "Dana stopped smiling, for 1 min 0 s"
    assert fall.before is not None
    assert fall.after is not None
    assert fall.strength == pytest.approx(fall.before - fall.after)
    assert fall.change_s == pytest.approx(60, abs=INTERVAL_S)
    assert (fall.start_s, fall.end_s) == (fall.change_s - 5, fall.change_s + 10)


def test_a_smile_shorter_than_a_moment_is_no_shift() -> None:
    assert moments({"Dana": course((60, NEUTRAL), (2, HAPPY), (60, NEUTRAL), noise=0.03)}) == ()


def test_what_everybody_of_a_side_did_at_once_is_told_once() -> None:
    people: dict[str, F32 | None] = {
        name: course((60, HAPPY), (60, SAD), noise=0.05, seed=i)
        for i, name in enumerate(("Dana", "Sam", "Kim"))
    }
    (told,) = moments(people)
    assert told.participants == (0, 1, 2)
    assert told.reason == "Dana, Sam and Kim stopped smiling, for 1 min 0 s"


def test_what_one_person_alone_turned_is_told_once_as_theirs() -> None:
    found = moments(
        {
            "Dana": course((60, HAPPY), (60, SAD), noise=0.03),
            "Sam": course((120, NEUTRAL), noise=0.03, seed=1),
        }
    )
    assert [(m.kind, m.participants) for m in found] == [("fall", (0,))]


def test_somebody_joining_moves_nothing() -> None:
    late = course((120, HAPPY), noise=0.03)
    late[:120] = np.nan
    assert moments({"Dana": course((120, SAD), noise=0.03), "Sam": late}) == ()


def test_a_long_silence_between_turns_is_a_moment() -> None:
    talk = {"Dana": [(5.0, 20.0), (80.0, 90.0)], "Sam": [(32.0, 50.0)]}
    found = moments({"Dana": course((100, NEUTRAL)), "Sam": None, "Kim": None}, talk)
    assert [(m.kind, m.start_s, m.end_s, m.participants) for m in found] == [
        ("silence", 50, 80, (0, 1)),
        ("silence", 20, 32, (0, 1)),
    ]
    assert found[1].reason == "Nobody spoke for 12 seconds"
    assert found[0].before is None


def test_without_turns_there_is_no_silence() -> None:
    assert moments({"Dana": course((300, NEUTRAL))}) == ()


def test_silences_do_not_crowd_out_the_rest() -> None:
    talk = {"Dana": [(20.0 * i, 20.0 * i + 5) for i in range(20)]}
    assert len(moments({"Dana": course((400, NEUTRAL))}, talk)) == MAX_SILENCES


def test_people_who_are_not_scored_have_no_moment_of_their_own() -> None:
    assert moments({"Dana": None, "Sam": course((120, NEUTRAL), noise=0.03)}) == ()


def test_moments_are_few_sorted_short_and_do_not_overlap() -> None:
    rng = np.random.default_rng(1)
    people: dict[str, F32 | None] = {}
    for i in range(8):
        parts = [
            (float(rng.integers(25, 70)), (NEUTRAL, HAPPY, SAD, ANGRY)[rng.integers(0, 4)])
            for _ in range(12)
        ]
        probs = course(*parts, noise=0.04, seed=i)
        people[f"Person {i}"] = probs[: 2 * 300]
    found = moments(people)
    assert len(found) == MAX_MOMENTS
    assert [m.strength for m in found] == sorted((m.strength for m in found), reverse=True)
    assert all(5 <= m.end_s - m.start_s <= 30 for m in found)
    for i, first in enumerate(found):
        for second in found[i + 1 :]:
            if (first.kind, first.participants) == (second.kind, second.participants):
                assert first.end_s <= second.start_s or second.end_s <= first.start_s


def test_a_call_of_no_length_has_no_moment() -> None:
    assert moments({}) == ()
    assert moments({"Dana": course((1, NEUTRAL))}) == ()


def test_a_greeting_never_outranks_a_fall() -> None:
    probs = course(
        (20, NEUTRAL), (20, HAPPY), (200, NEUTRAL), (60, SAD), (300, NEUTRAL), noise=0.02
    )
    found = moments({"Dana": probs}, {"Sam": [(0.0, 100.0)]})
    greeting = next(m for m in found if m.what == "began to smile")
    fall = next(m for m in found if m.what == "looked tense")
    assert greeting.change_s == pytest.approx(20, abs=1)
    assert greeting.is_greeting
    assert greeting.strength > fall.strength
    assert found.index(greeting) > found.index(fall)
    assert found[-1] == greeting


def test_a_smile_in_the_middle_is_no_greeting_and_one_at_the_end_is() -> None:
    probs = course((300, NEUTRAL), (30, HAPPY), (230, NEUTRAL), (40, HAPPY), noise=0.02)
    smiles = [m for m in moments({"Dana": probs}) if m.what == "began to smile"]
    assert [(round(m.change_s), m.is_greeting) for m in smiles] == [(300, False), (560, True)]


def test_greetings_are_kept_where_nothing_else_is_there() -> None:
    probs = course((20, NEUTRAL), (40, HAPPY), noise=0.02)
    (smile,) = moments({"Dana": np.concatenate([probs, course((540, HAPPY), noise=0.02)])})
    assert smile.is_greeting


def test_looking_away_never_outranks_a_fall_of_the_face() -> None:
    probs = course((100, HAPPY), (100, NEUTRAL), (100, NEUTRAL), noise=0.02)
    away = np.ones(600)
    away[400:440] = 0.0
    stopped, *turned = moments({"Dana": probs}, attention=away)
    assert stopped.what == "stopped smiling"
    told = {moment.what: moment for moment in turned}
    assert set(told) == {"looked away from the screen", "looked back at the screen"}
    moment = told["looked away from the screen"]
    assert moment.reason == "Dana looked away from the screen, for 20 seconds"
    assert moment.change_s == pytest.approx(200, abs=1)


def test_looking_away_is_ranked_after_a_smaller_fall_of_the_face() -> None:
    happier = course((100, mix(happy=0.5, neutral=0.4)), (200, NEUTRAL), noise=0.02)
    away = np.ones(600)
    away[400:440] = 0.0
    falls = [m for m in moments({"Dana": happier}, attention=away) if m.kind == "fall"]
    assert falls[0].what != "looked away from the screen"
    assert falls[0].strength < falls[1].strength


def test_a_change_of_turn_on_an_unchanged_face_makes_no_moment() -> None:
    # The mouth of a speaker reads as surprise; the face is the same before, between and after.
    speaking = mix(surprise=0.85)
    turns = [(40.0 * i + 20, 40.0 * i + 40) for i in range(6)]
    probs = course(*[(20, part) for _ in range(6) for part in (NEUTRAL, speaking)], noise=0.02)
    sam = [(start - 20, start) for start, _ in turns]
    assert moments({"Dana": probs, "Sam": None}, {"Dana": turns, "Sam": sam}) == ()
    # Of somebody who says nothing the same pictures are a change.
    assert moments({"Dana": course((60, NEUTRAL), (60, speaking), noise=0.02)}) != ()


def test_nor_does_it_where_engagement_makes_nothing_of_who_speaks() -> None:
    # As in version 1 and the profile "classic": no rest, and no way to tell who speaks.
    speaking = mix(surprise=0.85)
    turns = [(40.0 * i + 20, 40.0 * i + 40) for i in range(6)]
    probs = course(*[(20, part) for _ in range(6) for part in (NEUTRAL, speaking)], noise=0.02)
    t_s = np.arange(len(probs), dtype=np.float64) * INTERVAL_S
    values = PROFILES["sales"].engagement(probs)
    plain = plain_course(values, turns_known=True, version=1)
    shown = Scored(Faces(values >= 0, probs, values), plain)
    sam = [(start - 20, start) for start, _ in turns]
    call = Scene(t_s, INTERVAL_S, 240, ["Dana", "Sam"], [shown, None], [turns, sam], [])
    assert find_moments(call) == ()


def test_a_fall_is_found_across_short_words_of_ones_own() -> None:
    turns = [(at, at + 2.0) for at in np.arange(5.0, 115.0, 10.0).tolist()]
    probs = course((63, HAPPY), (57, SAD), noise=0.02)
    talk = {"Dana": turns, "Sam": [(0.0, 120.0)]}
    (fall,) = moments({"Dana": probs, "Sam": None}, talk)
    assert fall.what == "stopped smiling"
    assert fall.change_s == pytest.approx(63, abs=0.5)


def test_a_change_while_speaking_is_found_among_speaking() -> None:
    probs = course((60, HAPPY), (60, SAD), noise=0.02)
    (fall,) = moments({"Dana": probs}, {"Dana": [(0.0, 120.0)]})
    assert fall.reason == "Dana stopped smiling, for 59 seconds, while speaking"


def test_listening_a_minute_apart_is_not_compared() -> None:
    probs = course((30, HAPPY), (70, NEUTRAL), (20, SAD), noise=0.02)
    assert moments({"Dana": probs}, {"Dana": [(30.0, 100.0)]}) == ()


def test_who_spoke_is_named_only_if_they_spoke_before_and_after() -> None:
    probs = course((60, HAPPY), (60, SAD), noise=0.02)

    def told(*turns: Span) -> str:
        return moments({"Dana": probs, "Sam": None}, {"Sam": list(turns)})[0].reason

    assert told((50.0, 70.0)).endswith(", while Sam spoke")
    assert told((50.0, 60.0)) == told((60.0, 70.0)) == "Dana stopped smiling, for 1 min 0 s"
    assert told((57.0, 63.0)).endswith(", while Sam spoke")
    assert told((58.0, 63.0)) == "Dana stopped smiling, for 1 min 0 s"


def test_sides_do_not_share_a_moment() -> None:
    people: dict[str, F32 | None] = {
        "Dana": course((60, HAPPY), (60, SAD), noise=0.02),
        "Sam": course((60, HAPPY), (60, SAD), noise=0.02, seed=1),
    }
    found = moments(people, sides=("prospect", "rep"))
    assert sorted((m.participants, m.side) for m in found) == [((0,), "prospect"), ((1,), "rep")]


@pytest.mark.parametrize(("before_s", "after_s"), [(6, 114), (114, 6)])
def test_a_change_near_the_edge_of_the_call_stays_within_it(
    before_s: float, after_s: float
) -> None:
    (fall,) = moments({"Dana": course((before_s, HAPPY), (after_s, SAD), noise=0.02)})
    assert fall.change_s == pytest.approx(before_s, abs=0.5)
    assert 0 <= fall.start_s <= fall.change_s <= fall.end_s <= 120


def test_with_all_cameras_off_only_silences_are_told() -> None:
    off = np.full((240, 7), np.nan, np.float32)
    talk = {"Dana": [(0.0, 30.0)], "Sam": [(40.0, 60.0)]}
    (silence,) = moments({"Dana": off, "Sam": off}, talk)
    assert (silence.kind, silence.what, silence.silence_s) == ("silence", "nobody spoke", 10)
    assert silence.reason == "Nobody spoke for 10 seconds"


def test_a_camera_that_goes_off_is_no_fall() -> None:
    probs = course((60, HAPPY), (60, SAD), noise=0.02)
    probs[100:] = np.nan
    assert moments({"Dana": probs}) == ()


face_parts = st.lists(
    st.tuples(st.integers(1, 40), st.sampled_from(["NEUTRAL", "HAPPY", "SAD", "ANGRY", "OFF"])),
    min_size=1, max_size=6,
)  # fmt: skip
seconds = st.floats(-50, 250)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(face_parts, max_size=3),
    st.lists(st.tuples(seconds, seconds), max_size=8),
    st.lists(st.builds(TranscriptLine, seconds, seconds, st.none(), st.just("x"), st.booleans())),
)
def test_whatever_comes_in_moments_lie_within_the_call(
    people: list[list[tuple[int, str]]], spans: list[Span], cues: list[TranscriptLine]
) -> None:
    shown = {"NEUTRAL": NEUTRAL, "HAPPY": HAPPY, "SAD": SAD, "ANGRY": ANGRY, "OFF": [np.nan] * 7}
    faces: dict[str, F32 | None] = {
        f"P{i}": course(*((s, shown[name]) for s, name in parts), noise=0.02, seed=i)
        for i, parts in enumerate(people)
    }
    longest = max([len(probs) for probs in faces.values() if probs is not None], default=0)
    for name, probs in faces.items():
        assert probs is not None
        pad = np.full((longest - len(probs), 7), np.nan, np.float32)
        faces[name] = np.concatenate([probs, pad])
    ends_s = longest * INTERVAL_S
    turns = [(max(a, 0.0), min(b, ends_s)) for a, b in spans]
    talk = {
        name: merge_spans([t for t in turns if t[1] > t[0]][i::3]) for i, name in enumerate(faces)
    }
    spoken = any(not cue.is_chat for cue in cues)
    for moment in moments(faces, talk, tuple(cues)):
        assert 0 <= moment.start_s <= moment.change_s <= moment.end_s <= ends_s + 5
        assert sum(line.at_change for line in moment.lines) == spoken
        assert moment.lasted_s is None or moment.lasted_s >= 0
        assert moment.reason
        assert all(value is None or 0 <= value <= 1 for value in (moment.before, moment.after))
