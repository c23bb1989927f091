"""How good the expression classifier is on labelled faces, as numbers anyone can repeat."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inference.expression.classifier import ExpressionClassifier
from inference.expression.training.dataset import (
    FaceSet,
    TrainingData,
    read_grey,
    read_table,
    resize_grey,
)
from inference.schema.arrays import EXPRESSIONS, F32, U8

CALIBRATION_BINS = 15
"""Equal-width bins of confidence, as in Guo et al. 2017, "On Calibration of Modern Neural
Networks"."""

RESAMPLES = 1000
"""Samples drawn for an interval."""

ROWS = {
    "original": "FER2013's label",
    "without_duplicates": "FER2013's label, without duplicates across splits",
    "ferplus": "majority of FER+",
    "ferplus_without_duplicates": "majority of FER+, without duplicates across splits",
}
"""What is measured on a split. The first two ask the reading of the label, the others the reading
of the votes, which is the one that reports use."""


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """Figures of one expression, 0–1. 0 where nothing was predicted, or nothing was there."""

    precision: float
    recall: float
    f1: float
    support: int
    """Faces that truly bear this label."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a classifier got right and wrong on a set of faces."""

    n: int
    skipped: int
    """Rows left out because their label is none of the seven expressions."""
    accuracy: float
    macro_f1: float
    """Mean F1 over the expressions that occur, as truth or as prediction."""
    ece: float
    """Expected calibration error: mean distance between confidence and accuracy, 0–1."""
    per_class: dict[str, ClassFigures]
    confusion: list[list[int]]
    """Rows are the truth, columns the prediction, both in `labels` order."""
    labels: tuple[str, ...] = EXPRESSIONS
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    """95 % intervals of accuracy, macro_f1 and ece; empty where none were asked for."""

    def to_json(self) -> dict[str, object]:
        """Return the figures as values that JSON knows."""
        intervals = {name: list(ends) for name, ends in self.intervals.items()}
        return {
            **({"intervals": intervals} if intervals else {}),
            "n": self.n,
            "accuracy": self.accuracy,
            "macro_f1": self.macro_f1,
            "ece": self.ece,
            "per_class": {
                label: {
                    "precision": figures.precision,
                    "recall": figures.recall,
                    "f1": figures.f1,
                    "support": figures.support,
                }
                for label, figures in self.per_class.items()
            },
            "confusion": self.confusion,
            "labels": list(self.labels),
            "skipped": self.skipped,
        }


def evaluate_expression(
    images: Path, labels: Path, classifier: ExpressionClassifier, batch: int = 256
) -> Evaluation:
    """Classify labelled face crops from a folder and compare.

    Args:
        images: folder that the CSV's file names are relative to.
        labels: CSV with the columns file and emotion. Emotion is the name of an expression in
            any case; rows with other names are skipped and counted.
        classifier: what is tested.
        batch: crops read and classified at a time.

    Returns:
        The figures. The crops are taken as they are, scaled to the network's input.

    Raises:
        UnreadableMedia: the CSV, a column or a picture is missing or damaged; names the file.
    """
    rows = read_table(labels, ("file", "emotion"))
    known = [
        (images / row["file"].strip(), EXPRESSIONS.index(name))
        for row in rows
        if (name := (row["emotion"] or "").strip().lower()) in EXPRESSIONS
    ]
    size_px = classifier.input_px
    probs = [
        classifier.classify(np.stack([read_grey(path, size_px) for path, _ in part]))
        for part in _parts(known, batch)
    ]
    found = measure_with_intervals(
        np.concatenate(probs) if probs else np.zeros((0, len(EXPRESSIONS)), np.float32),
        np.array([label for _, label in known], np.int64),
    )
    return replace(found, skipped=len(rows) - len(known))


def measure_splits(
    data: TrainingData, classifier: ExpressionClassifier
) -> dict[str, dict[str, Evaluation]]:
    """Measure validation and, where there is one, test, in every way that the data allow."""
    sets = {
        "training": data.training,
        "public_test": data.public_test,
        "private_test": data.private_test,
    }
    given = {name: faces for name, faces in sets.items() if faces is not None}
    return {
        name: measure_split(faces, [other for other in given.values() if other is not faces],
                            classifier)
        for name, faces in given.items()
        if name != "training"
    }  # fmt: skip


def measure_split(
    faces: FaceSet, others: list[FaceSet], classifier: ExpressionClassifier
) -> dict[str, Evaluation]:
    """Measure one split in the ways of ROWS, with intervals.

    Args:
        faces: what is measured.
        others: splits whose pictures are left out of "without_duplicates".
        classifier: what is tested.
    """
    readings = read_faces(faces, classifier)
    label, votes = readings[:, 0], readings[:, 1]
    elsewhere = {digest for other in others for digest in other.digests()}
    single = np.array([digest not in elsewhere for digest in faces.digests()], bool)
    rows = {
        "original": measure_with_intervals(label, faces.labels),
        "without_duplicates": measure_with_intervals(label[single], faces.labels[single]),
    }
    majority, clear = faces.majority()
    if clear.any():
        rows["ferplus"] = measure_with_intervals(votes[clear], majority[clear])
        both = clear & single
        rows["ferplus_without_duplicates"] = measure_with_intervals(votes[both], majority[both])
    return rows


def read_faces(faces: FaceSet, classifier: ExpressionClassifier, batch: int = 256) -> F32:
    """Return both readings of a whole set, (N, 2, 7)."""
    parts = [classifier.read(np.zeros((0, *[classifier.input_px] * 2), np.uint8))]
    for start in range(0, len(faces), batch):
        tiles = faces.images[start : start + batch]
        scaled: list[U8] = [resize_grey(tile, classifier.input_px) for tile in tiles]
        parts.append(classifier.read(np.stack(scaled)))
    return np.concatenate(parts)


def measure(probs: F32, truth: NDArray[np.int64], skipped: int = 0) -> Evaluation:
    """Compare probabilities with true labels.

    Args:
        probs: (N, 7), rows sum to 1.
        truth: (N,) indices into EXPRESSIONS.

    Returns:
        The figures; all zero where N is 0.
    """
    classes = len(EXPRESSIONS)
    guess = probs.argmax(1) if len(probs) else np.zeros(0, np.int64)
    confusion = np.zeros((classes, classes), np.int64)
    np.add.at(confusion, (truth, guess), 1)
    hits, actual, predicted = confusion.diagonal(), confusion.sum(1), confusion.sum(0)
    precision = _ratio(hits, predicted)
    recall = _ratio(hits, actual)
    f1 = _ratio(2 * hits, actual + predicted)
    present = (actual + predicted) > 0
    return Evaluation(
        n=len(truth),
        skipped=skipped,
        accuracy=float(hits.sum() / len(truth)) if len(truth) else 0.0,
        macro_f1=float(f1[present].mean()) if present.any() else 0.0,
        ece=calibration_error(probs, truth),
        per_class={
            label: ClassFigures(float(precision[i]), float(recall[i]), float(f1[i]), int(actual[i]))
            for i, label in enumerate(EXPRESSIONS)
        },
        confusion=confusion.tolist(),
    )


def measure_with_intervals(
    probs: F32, truth: NDArray[np.int64], resamples: int = RESAMPLES, seed: int = 0
) -> Evaluation:
    """Measure, with 95 % intervals of accuracy, macro F1 and calibration error.

    The faces are drawn with replacement `resamples` times; an interval is the figure ± 1.96
    deviations of what the samples gave, within 0–1. Not the samples' percentiles: a sample repeats
    faces and so looks worse calibrated than the set it is drawn from, and the percentiles would
    lie beside the figure.
    """
    found = measure(probs, truth)
    n, classes = len(truth), len(EXPRESSIONS)
    if not n:
        return found
    guess, confidence = probs.argmax(1), probs.max(1).astype(np.float64)
    cell, bins = truth * classes + guess, _bins(confidence)
    gap = (guess == truth) - confidence
    rng = np.random.default_rng(seed)
    drawn = np.empty((resamples, 3))
    for row in drawn:
        times = np.bincount(rng.integers(0, n, n), minlength=n).astype(np.float64)
        confusion = np.bincount(cell, times, classes * classes).reshape(classes, classes)
        hits, both = confusion.diagonal(), confusion.sum(0) + confusion.sum(1)
        f1 = 2 * hits[both > 0] / both[both > 0]
        error = np.abs(np.bincount(bins, times * gap)).sum() / n
        row[:] = hits.sum() / n, f1.mean(), error
    half = 1.96 * drawn.std(0)
    figures = {"accuracy": found.accuracy, "macro_f1": found.macro_f1, "ece": found.ece}
    intervals = {
        name: (max(0.0, value - float(reach)), min(1.0, value + float(reach)))
        for (name, value), reach in zip(figures.items(), half, strict=True)
    }
    return replace(found, intervals=intervals)


def _bins(confidence: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.minimum((confidence * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)


def calibration_error(probs: F32, truth: NDArray[np.int64]) -> float:
    """Return the expected calibration error over 15 equal bins of the highest probability."""
    if not len(truth):
        return 0.0
    confidence = probs.max(1).astype(np.float64)
    right = probs.argmax(1) == truth
    bins = _bins(confidence)
    error = 0.0
    for index in np.unique(bins):
        inside = bins == index
        error += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    return float(error)


def _ratio(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    """Divide; 0 where the whole is 0."""
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)


def _parts(items: Sequence[tuple[Path, int]], size: int) -> Iterator[Sequence[tuple[Path, int]]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
