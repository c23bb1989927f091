"""The work of the network commands: training, measuring and listing, with tables as output."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from inference.errors import UnreadableMedia
from inference.expression.classifier import ExpressionClassifier
from inference.expression.shipped import SHIPPED_WEIGHTS
from inference.expression.training.dataset import SPLITS, load_training_data
from inference.expression.training.evaluate import ROWS, Evaluation, measure_split

if TYPE_CHECKING:
    from inference.expression.training.curves import CurvePoint
    from inference.expression.training.model_card import WeightsFile
    from inference.expression.training.recipe import TrainOptions


def train(options: TrainOptions, console: Console) -> Path:
    """Train with a progress bar, and return the weights file.

    Raises:
        InferenceError: see `train_expression`.
    """
    from inference.expression.training.train import train_expression

    with Progress(console=console) as bar:
        task = bar.add_task("Training", total=1.0)
        return train_expression(
            options, lambda share, text: bar.update(task, completed=share, description=text)
        )


def evaluate_crops(images: Path, labels: Path, weights: Path | None) -> Evaluation:
    """Measure the user's own labelled face crops, classified as for reports.

    Raises:
        InferenceError: weights, labels or a picture cannot be read.
    """
    from inference.expression.training.evaluate import evaluate_expression

    return evaluate_expression(images, labels, ExpressionClassifier.load(weights))


def evaluate_split(
    data: Path, split: str, weights: Path | None, *, curves: bool, pictures: Path | None
) -> tuple[dict[str, Evaluation], dict[str, list[CurvePoint]]]:
    """Measure one split of training data in all the ways of the model card.

    Args:
        data: as for training.
        split: a name in SPLITS.
        curves: also measure over face size and JPEG quality.
        pictures: a folder for confusion-SPLIT-ROW.svg, size-SPLIT.svg and quality-SPLIT.svg.

    Raises:
        InferenceError: weights or data cannot be read, or the data has no such split.
    """
    from inference.expression.training.charts import confusion_svg, curve_svg, write_picture
    from inference.expression.training.curves import quality_curve, size_curve

    classifier = ExpressionClassifier.load(weights)
    given = load_training_data(data)
    faces = {name: getattr(given, name) for name in SPLITS}
    if faces.get(split) is None:
        raise UnreadableMedia(f"{data} has no {split}: choose one of {', '.join(SPLITS)}.")
    others = [other for name, other in faces.items() if name != split and other is not None]
    rows = measure_split(faces[split], others, classifier)
    found = {}
    if curves:
        found = {
            "size": size_curve(faces[split], classifier),
            "quality": quality_curve(faces[split], classifier),
        }
    if pictures is not None:
        title = f"{classifier.name}, {split}"
        for row in ("original", "ferplus"):
            if row in rows:
                picture = confusion_svg(rows[row], f"{title}, {ROWS[row]}")
                write_picture(pictures / f"confusion-{split}-{row}.svg", picture)
        for name, axis in (("size", "height of the crop, pixels"), ("quality", "JPEG quality")):
            if name in found:
                picture = curve_svg(found[name], f"Accuracy, {title}", axis)
                write_picture(pictures / f"{name}-{split}.svg", picture)
    return rows, found


def split_as_json(
    rows: dict[str, Evaluation], curves: dict[str, list[CurvePoint]]
) -> dict[str, object]:
    """Return the figures of `evaluate_split` as JSON values."""
    from dataclasses import asdict

    points = {name: [asdict(point) for point in of] for name, of in curves.items()}
    return {
        "rows": {name: found.to_json() for name, found in rows.items()},
        **({"curves": points} if points else {}),
    }


def split_tables(
    rows: dict[str, Evaluation], curves: dict[str, list[CurvePoint]]
) -> RenderableType:
    """Return the figures of `evaluate_split` as tables."""
    table = Table("measured against", "faces", "accuracy", "macro F1", "ECE", box=box.SIMPLE_HEAD)
    for name, found in rows.items():
        table.add_row(
            ROWS[name],
            f"{found.n:,}",
            _interval(found, "accuracy", percent=True),
            _interval(found, "macro_f1"),
            _interval(found, "ece"),
        )
    parts: list[RenderableType] = [table, "In brackets: 95 % intervals, bootstrap over faces."]
    for name in ("original", "ferplus"):
        if name in rows:
            parts += [f"{ROWS[name]}:", class_table(rows[name]), confusion_table(rows[name])]
    for name, points in curves.items():
        curve = Table(name, "FER2013's label", "majority of FER+", "sharpness", box=box.SIMPLE_HEAD)
        for point in points:
            ferplus = "–" if point.ferplus is None else f"{point.ferplus:.1%}"
            curve.add_row(str(point.at), f"{point.label:.1%}", ferplus, f"{point.sharpness:.2f}")
        parts.append(curve)
    return Group(*parts)


def crops_tables(found: Evaluation) -> RenderableType:
    """Return the figures of `evaluate_crops` as tables."""
    headline = (
        f"{found.n} faces: accuracy {_interval(found, 'accuracy', percent=True)}, macro F1"
        f" {_interval(found, 'macro_f1')}, calibration error {_interval(found, 'ece')}"
    )
    return Group(headline, class_table(found), confusion_table(found))


def class_table(found: Evaluation) -> Table:
    """Return a table of precision, recall and F1 per expression."""
    table = Table("expression", "precision", "recall", "F1", "faces")
    for label, of in found.per_class.items():
        table.add_row(
            label, f"{of.precision:.3f}", f"{of.recall:.3f}", f"{of.f1:.3f}", str(of.support)
        )
    return table


def confusion_table(found: Evaluation) -> Table:
    """Return the confusion matrix as a table; rows are the truth."""
    table = Table("truth \\ read as", *found.labels)
    for label, counts in zip(found.labels, found.confusion, strict=True):
        table.add_row(label, *(str(count) for count in counts))
    return table


def _interval(found: Evaluation, name: str, *, percent: bool = False) -> str:
    shown = "{:.1%}" if percent else "{:.3f}"
    value = shown.format(getattr(found, name))
    if name not in found.intervals:
        return value
    low, high = (shown.format(end) for end in found.intervals[name])
    return f"{value} ({low} to {high})"


def list_weights(own: Path | None) -> list[WeightsFile]:
    """Describe the shipped weights and the operator's own, if set; the weights in use come last.

    Raises:
        InferenceError: a file is missing or damaged.
    """
    from inference.expression.training.model_card import describe_weights

    return [describe_weights(path) for path in (SHIPPED_WEIGHTS, own) if path is not None]


def weights_as_json(files: list[WeightsFile]) -> list[dict[str, Any]]:
    """Return what is known about weights files as JSON values."""
    return [
        {
            "name": file.name,
            "path": str(file.path),
            "in_use": file is files[-1],
            "architecture": file.card.architecture,
            "size_bytes": file.size_bytes,
            "parameters": file.parameters,
            "sha256": file.sha256,
            "weights_license": file.fact("weights_license"),
            "training_data": file.fact("training_data"),
            "data_license": file.fact("data_license"),
            "accuracy": {
                key.removeprefix("accuracy_"): float(value)
                for key, value in file.card.facts.items()
                if key.startswith("accuracy_")
            },
        }
        for file in files
    ]


def weights_tables(files: list[WeightsFile]) -> RenderableType:
    """Return what is known about weights files, as one block each."""
    blocks: list[RenderableType] = []
    for entry in weights_as_json(files):
        block = Table.grid(padding=(0, 2))
        measured = ", ".join(f"{split} {share:.1%}" for split, share in entry["accuracy"].items())
        for what, value in (
            ("file", entry["path"]),
            ("size", f"{entry['size_bytes'] / 1e6:.1f} MB, {entry['parameters']:,} parameters"),
            ("architecture", entry["architecture"]),
            ("accuracy", measured or "not stated in the file"),
            ("trained on", entry["training_data"] or "not stated in the file"),
            ("license of the data", entry["data_license"] or "not stated in the file"),
            ("license of the weights", entry["weights_license"] or "not stated in the file"),
            ("SHA-256", entry["sha256"]),
        ):
            block.add_row(Text(f"  {what}", style="dim"), Text(str(value), overflow="fold"))
        title = entry["name"] + (" (in use)" if entry["in_use"] else "")
        blocks += [Text(title, style="bold"), block]
    return Group(*blocks)
