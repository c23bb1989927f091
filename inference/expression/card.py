"""The weights file and its model card, written from measured numbers only."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save

from inference.expression.classifier import ExpressionClassifier
from inference.expression.dataset import FaceSet, TrainingData
from inference.expression.evaluate import Evaluation, classify_faces, measure
from inference.expression.model import INPUT_PX, ExpressionNet
from inference.types import EXPRESSIONS

MODEL_NAME = "expression"


@dataclass(frozen=True, slots=True)
class SplitFigures:
    """One split, measured three ways."""

    original: Evaluation
    without_duplicates: Evaluation
    """Without pictures that also stand, pixel for pixel, in another split."""
    ferplus: Evaluation | None
    """Against the FER+ majority, where one expression has most votes; None without FER+."""


def write_weights(
    path: Path, net: ExpressionNet, temperature: float, facts: dict[str, str]
) -> None:
    """Write weights in half precision with a header that `read_weights` checks.

    Args:
        facts: further header entries; must hold "version".
    """
    header = {
        "name": MODEL_NAME,
        "labels": json.dumps(list(EXPRESSIONS)),
        "input_px": str(INPUT_PX),
        "temperature": f"{temperature:.4f}",
        **facts,
    }
    state = {
        name: (value.half() if value.dtype.is_floating_point else value).cpu().contiguous()
        for name, value in net.state_dict().items()
    }
    part = path.with_suffix(".part")
    part.write_bytes(save(state, metadata=header))
    os.replace(part, path)


def measure_split(
    faces: FaceSet, others: list[FaceSet], classifier: ExpressionClassifier
) -> SplitFigures:
    """Measure one split, with and without pictures that stand in `others` as well."""
    probs = classify_faces(faces, classifier)
    elsewhere = {digest for other in others for digest in other.digests()}
    single = np.array([digest not in elsewhere for digest in faces.digests()], bool)
    top = np.sort(np.nan_to_num(faces.soft), axis=1)
    clear = top[:, -1] > top[:, -2]
    majority = np.nan_to_num(faces.soft).argmax(1)
    return SplitFigures(
        original=measure(probs, faces.labels),
        without_duplicates=measure(probs[single], faces.labels[single]),
        ferplus=measure(probs[clear], majority[clear]) if clear.any() else None,
    )


def measure_splits(data: TrainingData, classifier: ExpressionClassifier) -> dict[str, SplitFigures]:
    """Measure validation and, where there is one, test."""
    figures = {}
    sets = {"public_test": data.public_test, "private_test": data.private_test}
    for name, faces in sets.items():
        if faces is not None:
            others = [other for other in (data.training, *sets.values()) if other is not None]
            figures[name] = measure_split(
                faces, [other for other in others if other is not faces], classifier
            )
    return figures


def write_card(
    path: Path,
    figures: dict[str, SplitFigures],
    *,
    name: str,
    temperature: float,
    ece_untempered: dict[str, float],
    source: str,
    settings: str,
    epochs: int,
) -> None:
    """Write the model card beside the weights: Markdown, every number as measured."""
    parameters = sum(p.numel() for p in ExpressionNet().parameters())
    lines = [
        f"# {name}",
        "",
        f"Seven expressions ({', '.join(EXPRESSIONS)}) from grey {INPUT_PX}×{INPUT_PX} face crops."
        f" {parameters:,} parameters, stored in half precision, computed in single precision.",
        "",
        f"- Learnt from: {source}, {epochs} epochs; validation split chose the epoch and the"
        f" temperature ({temperature:.3f}).",
        f"- Settings: `{settings}`",
        f"- PyTorch {torch.__version__.split('+')[0]}",
        "- What it may be used for and its limits: docs/models.md.",
        "",
        "| split | labels | faces | accuracy | macro F1 | ECE |",
        "|---|---|---|---|---|---|",
    ]
    for split, measured in figures.items():
        rows = {
            "original": measured.original,
            "original, without duplicates across splits": measured.without_duplicates,
            "FER+ majority": measured.ferplus,
        }
        for label, found in rows.items():
            if found is not None:
                lines.append(
                    f"| {split} | {label} | {found.n:,} | {found.accuracy:.2%}"
                    f" | {found.macro_f1:.3f} | {found.ece:.3f} |"
                )
    lines += ["", "Calibration error before the temperature: "]
    lines[-1] += ", ".join(f"{split} {ece:.3f}" for split, ece in ece_untempered.items()) + "."
    last = figures[list(figures)[-1]].original
    lines += ["", f"Per expression, {list(figures)[-1]}, original labels:", ""]
    lines += per_class_table(last)
    lines += ["", "Confusion, rows are the truth:", ""]
    lines += confusion_table(last)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def per_class_table(found: Evaluation) -> list[str]:
    """Give precision, recall and F1 per expression as a Markdown table."""
    lines = ["| expression | precision | recall | F1 | faces |", "|---|---|---|---|---|"]
    for label, of in found.per_class.items():
        lines.append(
            f"| {label} | {of.precision:.3f} | {of.recall:.3f} | {of.f1:.3f} | {of.support} |"
        )
    return lines


def confusion_table(found: Evaluation) -> list[str]:
    """Give the confusion matrix as a Markdown table."""
    lines = [f"| | {' | '.join(found.labels)} |", "|---" * (len(found.labels) + 1) + "|"]
    for label, row in zip(found.labels, found.confusion, strict=True):
        lines.append(f"| {label} | {' | '.join(map(str, row))} |")
    return lines
