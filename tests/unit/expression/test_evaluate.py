"""The figures of an evaluation, checked against numbers worked out by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from inference.expression.training.charts import confusion_svg, curve_svg
from inference.expression.training.curves import CurvePoint
from inference.expression.training.evaluate import (
    calibration_error,
    measure,
    measure_with_intervals,
)
from inference.schema.arrays import EXPRESSIONS, F32


def certain(*guesses: int, confidence: float = 1.0) -> F32:
    """Probabilities with `confidence` on each guess and the rest spread evenly."""
    probs = np.full((len(guesses), 7), (1 - confidence) / 6, np.float32)
    probs[np.arange(len(guesses)), guesses] = confidence
    return probs


def test_accuracy_and_f1_are_those_of_the_confusion_matrix() -> None:
    found = measure(certain(3, 3, 6, 6), np.array([3, 6, 6, 6]), skipped=2)
    assert (found.n, found.skipped) == (4, 2)
    assert found.accuracy == 0.75
    assert found.confusion[3][3] == 1
    assert found.confusion[6] == [0, 0, 0, 1, 0, 0, 2]
    happy, neutral = found.per_class["happy"], found.per_class["neutral"]
    assert (happy.precision, happy.recall, happy.support) == (0.5, 1.0, 1)
    assert (neutral.precision, neutral.support) == (1.0, 3)
    assert neutral.recall == pytest.approx(2 / 3)
    assert happy.f1 == pytest.approx(2 / 3)
    assert neutral.f1 == pytest.approx(0.8)
    # Only the two expressions that occur count.
    assert found.macro_f1 == pytest.approx((2 / 3 + 0.8) / 2)


def test_an_expression_guessed_but_never_true_lowers_macro_f1() -> None:
    found = measure(certain(3, 0), np.array([3, 3]))
    assert found.macro_f1 == pytest.approx((2 / 3 + 0) / 2)
    assert found.per_class["angry"].precision == 0.0


def test_calibration_error_is_zero_when_confidence_is_what_comes_true() -> None:
    probs = certain(*[3] * 10, confidence=0.7)
    truth = np.array([3] * 7 + [0] * 3)
    assert calibration_error(probs, truth) == pytest.approx(0.0, abs=1e-6)


def test_calibration_error_is_the_distance_when_all_is_sure_and_half_is_wrong() -> None:
    assert calibration_error(certain(3, 3), np.array([3, 0])) == pytest.approx(0.5)


def random_faces(n: int) -> tuple[F32, np.ndarray]:
    rng = np.random.default_rng(4)
    probs = rng.dirichlet(np.full(7, 0.4), n).astype(np.float32)
    truth = np.where(rng.random(n) < 0.6, probs.argmax(1), rng.integers(0, 7, n))
    return probs, truth


def test_an_interval_holds_its_figure_and_narrows_with_more_faces() -> None:
    few, many = (measure_with_intervals(*random_faces(n), resamples=200) for n in (100, 2500))
    for found in (few, many):
        for name, (low, high) in found.intervals.items():
            assert 0 <= low <= getattr(found, name) <= high <= 1
    for name in ("accuracy", "macro_f1", "ece"):
        widths = [found.intervals[name][1] - found.intervals[name][0] for found in (few, many)]
        assert widths[1] < widths[0] / 2


def test_an_interval_of_accuracy_is_about_what_theory_says() -> None:
    found = measure_with_intervals(*random_faces(1000))
    half = (found.intervals["accuracy"][1] - found.intervals["accuracy"][0]) / 2
    theory = 1.96 * (found.accuracy * (1 - found.accuracy) / 1000) ** 0.5
    assert half == pytest.approx(theory, rel=0.1)


def test_intervals_are_the_same_every_time() -> None:
    first, again = (measure_with_intervals(*random_faces(50), resamples=20) for _ in range(2))
    assert first.intervals == again.intervals


def test_the_pictures_name_every_class_and_every_point() -> None:
    picture = confusion_svg(measure(certain(3, 0), np.array([3, 3])), "a <title> & more")
    assert all(f">{label}<" in picture for label in EXPRESSIONS)
    assert "a &lt;title&gt; &amp; more" in picture
    points = [CurvePoint(16, 0.4, None, 0.2), CurvePoint(48, 0.6, None, 0.8)]
    curve = curve_svg(points, "Size", "pixels")
    assert ">16<" in curve
    assert ">60.0%<" in curve
    assert "FER+" not in curve
    assert curve == curve_svg(points, "Size", "pixels")


def test_no_faces_give_zeros_and_no_warning() -> None:
    found = measure(np.zeros((0, 7), np.float32), np.zeros(0, np.int64))
    assert (found.n, found.accuracy, found.macro_f1, found.ece) == (0, 0.0, 0.0, 0.0)


def test_the_json_has_the_promised_keys_and_is_json() -> None:
    found = measure(certain(1, 2), np.array([1, 5])).to_json()
    assert set(found) - {"skipped"} == {
        "n", "accuracy", "macro_f1", "ece", "per_class", "confusion", "labels",
    }  # fmt: skip
    again = json.loads(json.dumps(found))
    assert again["labels"] == list(EXPRESSIONS)
    assert set(again["per_class"]["fear"]) == {"precision", "recall", "f1", "support"}
    assert np.array(again["confusion"]).shape == (7, 7)
