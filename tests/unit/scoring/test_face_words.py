"""What a face showed is said in four words, against how the same face reads at rest."""

from __future__ import annotations

import numpy as np
import pytest

from inference.schema.arrays import EXPRESSIONS, F32
from inference.scoring.face_words import (
    FACE_WORDS,
    FaceRest,
    face_rest,
    face_words,
    is_smiling,
    word_seconds,
)


def face(**shares: float) -> list[float]:
    """Return seven probabilities; what is not named is neutral."""
    row = [shares.get(name, 0.0) for name in EXPRESSIONS]
    row[EXPRESSIONS.index("neutral")] += 1 - sum(row)
    return row


def series(*runs: tuple[int, list[float]]) -> F32:
    return np.array([row for count, row in runs for _ in range(count)], np.float32)


def rest_of(probs: F32) -> FaceRest:
    return face_rest(probs, np.ones(len(probs), np.bool_), 0.5)


def words(probs: F32, rest: FaceRest) -> list[str]:
    return [FACE_WORDS[i] for i in face_words(probs, rest)]


def test_a_smile_that_is_not_the_likeliest_expression_is_one() -> None:
    probs = series((60, face()), (10, face(happy=0.4)))
    assert is_smiling(probs, rest_of(probs)).tolist() == [False] * 60 + [True] * 10


def test_a_face_that_reads_as_happy_at_rest_does_not_smile_until_it_does() -> None:
    probs = series((60, face(happy=0.55)), (10, face(happy=0.95)))
    assert is_smiling(probs, rest_of(probs)).tolist() == [False] * 60 + [True] * 10
    assert words(probs, rest_of(probs)) == ["calm"] * 60 + ["smiling"] * 10


def test_who_smiles_all_the_time_is_smiling() -> None:
    probs = series((60, face(happy=0.95)))
    assert is_smiling(probs, rest_of(probs)).all()


@pytest.mark.parametrize(
    ("shares", "word"),
    [
        ({}, "calm"),
        ({"happy": 0.9}, "smiling"),
        ({"surprise": 0.7}, "surprised-looking"),
        ({"angry": 0.2, "disgust": 0.1, "fear": 0.1, "sad": 0.2}, "tense"),
        ({"happy": 0.3, "surprise": 0.6}, "surprised-looking"),
        ({"surprise": 0.3, "sad": 0.3}, "calm"),
    ],
)
def test_each_look_has_its_word(shares: dict[str, float], word: str) -> None:
    assert words(series((1, face(**shares))), FaceRest()) == [word]


def test_a_face_that_reads_as_sad_at_rest_is_calm_and_tense_when_it_is_surely_so() -> None:
    probs = series((60, face(sad=0.6)), (10, face(sad=0.2, angry=0.7)))
    assert words(probs, rest_of(probs)) == ["calm"] * 60 + ["tense"] * 10


def test_what_was_not_seen_has_no_word_and_no_seconds() -> None:
    probs = series((4, face(happy=0.9)), (4, [np.nan] * 7))
    found = face_words(probs, FaceRest())
    assert found.tolist() == [0] * 4 + [-1] * 4
    assert not is_smiling(probs, FaceRest())[4:].any()
    counted = np.array([True, True, False, True] * 2)
    assert word_seconds(found, counted, 0.5) == {
        "smiling": 1.5, "calm": 0, "surprised-looking": 0, "tense": 0,
    }  # fmt: skip
    assert word_seconds(found[4:], counted[4:], 0.5) == {}
    assert rest_of(probs) == FaceRest()  # 2 s seen are too few for a rest
