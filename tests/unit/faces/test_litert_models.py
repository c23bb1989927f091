"""What stands around the face models: anchors, decoding, merging, cutting out."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.faces.face_models import FULL_PX, SHORT_PX
from inference.faces.litert_models import (
    FULL_CELLS,
    SHORT_CELLS,
    anchor_places,
    cut_square,
    decode_faces,
    merge_weighted,
)
from inference.schema.arrays import F32, U8


@pytest.mark.parametrize(
    ("side_px", "cells", "count"), [(SHORT_PX, SHORT_CELLS, 896), (FULL_PX, FULL_CELLS, 2304)]
)
def test_there_are_as_many_anchors_as_the_model_answers(
    side_px: int, cells: tuple[tuple[int, int], ...], count: int
) -> None:
    anchors = anchor_places(side_px, cells)
    assert anchors.shape == (count, 2)
    assert anchors.dtype == np.float32
    assert anchors.mean(axis=0) == pytest.approx([side_px / 2] * 2)
    assert anchors.min() == cells[0][0] / 2
    assert anchors.max() == side_px - cells[0][0] / 2


def test_anchors_go_along_the_rows_several_at_each_place() -> None:
    assert anchor_places(16, ((8, 2), (16, 1))).tolist() == [
        [4, 4], [4, 4], [12, 4], [12, 4], [4, 12], [4, 12], [12, 12], [12, 12], [8, 8],
    ]  # fmt: skip


def answer(x: float, y: float, width: float, height: float) -> list[float]:
    """One row of a model's output: a box, eyes at its corners, and four points of no interest."""
    return [x, y, width, height, x - 1, y - 2, x + 1, y - 2, *[99.0] * 8]


def test_boxes_and_eyes_count_from_the_anchor_and_doubtful_answers_are_left_out() -> None:
    raw = np.array([answer(1, 2, 10, 20), answer(0, 0, 5, 5), answer(0, 0, -1, 5)], np.float32)
    anchors = np.array([[50, 60], [0, 0], [0, 0]], np.float32)
    logits = np.array([math.log(3), -0.01, 9.0], np.float32)
    values, scores = decode_faces(raw, logits, anchors, 0.5)
    np.testing.assert_allclose(values, [[46, 52, 56, 72, 50, 60, 52, 60]])
    np.testing.assert_allclose(scores, [0.75], rtol=1e-6)


def test_even_the_largest_logits_are_decoded_without_a_warning() -> None:
    raw = np.array([answer(0, 0, 4, 4)] * 3, np.float32)
    logits = np.array([-1e6, 1e6, 120], np.float32)
    _, scores = decode_faces(raw, logits, np.zeros((3, 2), np.float32), 0.6)
    assert scores.tolist() == [1.0, 1.0]


def boxes(*edges: tuple[float, float, float, float]) -> F32:
    return np.array(edges, np.float32)


def test_answers_for_one_face_become_their_weighted_mean_and_others_stay() -> None:
    values = boxes((0, 0, 10, 10), (100, 0, 110, 10), (1, 0, 11, 10))
    merged = merge_weighted(values, np.array([0.6, 0.7, 0.9], np.float32))
    assert [score for _, score in merged] == pytest.approx([0.9, 0.7])
    np.testing.assert_allclose(merged[0][0], [0.6, 0, 10.6, 10], rtol=1e-5)
    np.testing.assert_allclose(merged[1][0], [100, 0, 110, 10], rtol=1e-5)


def test_boxes_that_share_less_than_three_tenths_are_two_faces() -> None:
    values = boxes((0, 0, 10, 10), (6, 0, 16, 10))
    assert len(merge_weighted(values, np.array([0.9, 0.8], np.float32))) == 2


def test_no_answer_and_a_box_without_area_end_well() -> None:
    assert merge_weighted(np.zeros((0, 8), np.float32), np.zeros(0, np.float32)) == []
    flat = boxes((5, 5, 5, 9), (5, 5, 5, 9))
    assert len(merge_weighted(flat, np.array([0.9, 0.8], np.float32))) >= 1


@given(st.data())
def test_merging_loses_no_place_makes_none_up_and_knows_no_order(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 12))
    seed = data.draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, 100, (count, 2))
    values = np.concatenate([corners, corners + rng.uniform(5, 40, (count, 2))], 1).astype("f4")
    scores = rng.permutation(np.linspace(0.5, 1, count)).astype("f4")  # all different
    merged = merge_weighted(values, scores)
    assert 1 <= len(merged) <= count
    assert merged[0][1] == scores.max()
    assert [score for _, score in merged] == sorted((s for _, s in merged), reverse=True)
    for box, _ in merged:
        assert (box >= values.min(axis=0) - 1e-3).all()
        assert (box <= values.max(axis=0) + 1e-3).all()
    mixed = rng.permutation(count)
    for (one, _), (other, _) in zip(
        merged, merge_weighted(values[mixed], scores[mixed]), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-4)


@pytest.fixture
def picture() -> U8:
    return np.random.default_rng(5).integers(0, 255, (48, 48, 3), np.uint8)


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_a_square_turned_clockwise_comes_out_upright(picture: U8, quarters: int) -> None:
    middle = np.array([24, 24], np.float32)
    cut = cut_square(picture, middle, 48, quarters * math.pi / 2, 48)
    # Places count from corners, so a turned square lies a pixel off: MediaPipe's do.
    expected = np.rot90(picture, quarters)
    shift = {0: (0, 0), 1: (1, 0), 2: (1, 1), 3: (0, 1)}[quarters]
    moved = np.roll(expected, shift, (0, 1))
    np.testing.assert_allclose(cut[2:-2, 2:-2].astype(int), moved[2:-2, 2:-2], atol=2)


def test_outside_the_picture_its_edge_is_repeated(picture: U8) -> None:
    cut = cut_square(picture, np.array([-24, 24], np.float32), 48, 0.0, 48)
    assert (cut == picture[:, :1]).all()
