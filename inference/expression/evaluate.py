"""How good the expression classifier is on labelled faces, as numbers anyone can repeat."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inference.expression.classifier import ExpressionClassifier
from inference.expression.dataset import FaceSet, load_grid, read_grey, read_table, resize_grey
from inference.types import EXPRESSIONS, F32, U8

CALIBRATION_BINS = 15
"""Equal-width bins of confidence, as in Guo et al. 2017, "On Calibration of Modern Neural
Networks"."""


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

    def to_json(self) -> dict[str, object]:
        """Give the figures as values that JSON knows."""
        return {
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
    return measure(
        np.concatenate(probs) if probs else np.zeros((0, len(EXPRESSIONS)), np.float32),
        np.array([label for _, label in known], np.int64),
        skipped=len(rows) - len(known),
    )


def evaluate_grid(
    folder: Path, split: str, classifier: ExpressionClassifier, batch: int = 256
) -> Evaluation:
    """Evaluate on one split of FER2013 kept as a grid of tiles, with its original labels.

    Args:
        folder: as for `dataset.load_grid`.
        split: "training", "public_test" or "private_test".

    Raises:
        UnreadableMedia: the split's files are missing or damaged.
    """
    faces = load_grid(folder, split)
    return measure(classify_faces(faces, classifier, batch), faces.labels)


def classify_faces(faces: FaceSet, classifier: ExpressionClassifier, batch: int = 256) -> F32:
    """Give probabilities for a whole set, (N, 7)."""
    probs = [np.zeros((0, len(EXPRESSIONS)), np.float32)]
    for start in range(0, len(faces), batch):
        tiles = faces.images[start : start + batch]
        scaled: list[U8] = [resize_grey(tile, classifier.input_px) for tile in tiles]
        probs.append(classifier.classify(np.stack(scaled)))
    return np.concatenate(probs)


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


def calibration_error(probs: F32, truth: NDArray[np.int64]) -> float:
    """Give the expected calibration error over 15 equal bins of the highest probability."""
    if not len(truth):
        return 0.0
    confidence = probs.max(1).astype(np.float64)
    right = probs.argmax(1) == truth
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
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
