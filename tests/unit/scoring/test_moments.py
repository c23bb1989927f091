"""Moments appear where something happened, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from inference.schema.analysis import Moment
from inference.schema.arrays import EXPRESSIONS, F32, F64
from inference.schema.meeting import TranscriptLine
from inference.scoring.engagement import engagement_course
from inference.scoring.moments import MAX_MOMENTS, MAX_SILENCES, Scene, SceneFace, find_moments
from inference.scoring.profiles import PROFILES
from inference.speech.turns import Span

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


def face(probs: F32, turns: list[Span], attention: F64 | None = None) -> SceneFace:
    t_s = np.arange(len(probs), dtype=np.float64) * INTERVAL_S
    if attention is None:
        attention = np.full(len(probs), np.nan)
    course = engagement_course(t_s, INTERVAL_S, probs, attention, turns, PROFILES["sales"])
    return SceneFace(course, probs)


def moments(
    people: dict[str, F32 | None],
    talk: dict[str, list[tuple[float, float]]] | None = None,
    lines: tuple[TranscriptLine, ...] = (),
    duration_s: float | None = None,
    sides: tuple[str, ...] = (),
) -> tuple[Moment, ...]:
    samples = max([len(probs) for probs in people.values() if probs is not None], default=0)
    return find_moments(
        Scene(
            t_s=np.arange(samples, dtype=np.float64) * INTERVAL_S,
            interval_s=INTERVAL_S,
            duration_s=samples * INTERVAL_S if duration_s is None else duration_s,
            names=list(people),
            faces=[
                None if probs is None else face(probs, (talk or {}).get(name, []))
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
