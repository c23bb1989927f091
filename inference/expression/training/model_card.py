"""The weights file and its model card, written from measured numbers only."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save

from inference.expression.classifier import WeightsCard, read_weights
from inference.expression.model import INPUT_PX, FaceNet
from inference.expression.training.charts import confusion_svg, write_picture
from inference.expression.training.evaluate import ROWS, Evaluation
from inference.schema.arrays import EXPRESSIONS

MODEL_NAME = "expression"


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """A weights file as `rapport models` lists it."""

    path: Path
    card: WeightsCard
    size_bytes: int
    parameters: int
    sha256: str

    @property
    def name(self) -> str:
        """Name and version, such as "expression-1"."""
        return f"{self.card.name}-{self.card.version}"

    def fact(self, key: str) -> str | None:
        """Return an entry of the header, such as "weights_license"; None where it has none."""
        return self.card.facts.get(key)


def describe_weights(path: Path) -> WeightsFile:
    """Read what a weights file says about itself, and its checksum.

    Raises:
        WeightsInvalid: it is missing, damaged, or made for another network.
    """
    net, card = read_weights(path)
    content = path.read_bytes()
    return WeightsFile(
        path=path,
        card=card,
        size_bytes=len(content),
        parameters=sum(p.numel() for p in net.parameters()),
        sha256=hashlib.sha256(content).hexdigest(),
    )


def write_weights(
    path: Path, net: FaceNet, temperatures: tuple[float, float], facts: dict[str, str]
) -> None:
    """Write weights in half precision with a header that `read_weights` checks.

    Args:
        temperatures: of the label's reading and of the votes'.
        facts: further header entries; must hold "version" and "architecture".
    """
    header = {
        "name": MODEL_NAME,
        "labels": json.dumps(list(EXPRESSIONS)),
        "input_px": str(INPUT_PX),
        "temperature": f"{temperatures[0]:.4f}",
        "temperature_votes": f"{temperatures[1]:.4f}",
        **facts,
    }
    state = {
        name: (value.half() if value.dtype.is_floating_point else value).cpu().contiguous()
        for name, value in net.state_dict().items()
    }
    part = path.with_suffix(".part")
    part.write_bytes(save(state, metadata=header))
    os.replace(part, path)


def write_card(weights: Path, figures: dict[str, dict[str, Evaluation]]) -> None:
    """Write the model card and the picture of the confusion beside the weights.

    Args:
        weights: written by `write_weights`; the card states what its header says.
        figures: splits, and in each the rows of ROWS, as measured.
    """
    file = describe_weights(weights)
    card, facts = file.card, file.card.facts
    lines = [
        f"# {file.name}",
        "",
        f"Seven expressions ({', '.join(EXPRESSIONS)}) from grey {INPUT_PX}×{INPUT_PX} face crops,"
        f" read twice: as FER2013's label and as the votes of FER+. Architecture"
        f" `{card.architecture}`, {file.parameters:,} parameters, {file.size_bytes / 1e6:.1f} MB in"
        " half precision.",
        "",
        f"- Learnt from: {facts.get('training_data')}, {facts.get('epochs')} epochs; the validation"
        " split chose the epoch and the temperatures"
        f" ({card.temperatures[0]:.3f} label, {card.temperatures[1]:.3f} votes).",
        f"- Terms of the data: {facts.get('data_license')}. Of the weights:"
        f" {facts.get('weights_license')}.",
        f"- Settings: `{facts.get('settings')}`",
        f"- PyTorch {torch.__version__.split('+')[0]}",
        "- What it may be used for and its limits: docs/models.md.",
        "",
        "± is half of a 95 % interval (bootstrap over faces, 1,000 samples).",
        "",
        *figures_table(figures),
    ]
    split = list(figures)[-1]
    found = figures[split]["original"]
    lines += ["", f"Per expression, {split}, FER2013's label:", "", *per_class_table(found)]
    lines += ["", "Confusion, rows are the truth:", "", *confusion_table(found)]
    votes = figures[split].get("ferplus")
    if votes is not None:
        lines += ["", f"Per expression, {split}, majority of FER+:", "", *per_class_table(votes)]
        lines += ["", "Confusion, rows are the truth:", "", *confusion_table(votes)]
    picture = weights.with_name(f"{weights.stem}-confusion.svg")
    write_picture(picture, confusion_svg(found, f"{file.name}, {split}, FER2013's label"))
    lines += ["", f"![Confusion]({picture.name})"]
    weights.with_suffix(".md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def figures_table(figures: dict[str, dict[str, Evaluation]]) -> list[str]:
    """Return accuracy, macro F1 and calibration error of every split and row as Markdown."""
    lines = [
        "| split | measured against | faces | accuracy | macro F1 | ECE |",
        "|---|---|---|---|---|---|",
    ]
    for split, rows in figures.items():
        for row, found in rows.items():
            f1, ece = (_with_interval(found, name, 3) for name in ("macro_f1", "ece"))
            accuracy = _with_interval(found, "accuracy", 1)
            lines.append(f"| {split} | {ROWS[row]} | {found.n:,} | {accuracy} | {f1} | {ece} |")
    return lines


def _with_interval(found: Evaluation, name: str, digits: int) -> str:
    """Return a figure and half its interval: "65.4 ± 1.6 %" for accuracy, else a plain number."""
    value: float = getattr(found, name)
    low, high = found.intervals.get(name, (value, value))
    # At the ends of 0–1 an interval is cut off: the longer half is the honest one.
    half = max(high - value, value - low)
    if name == "accuracy":
        return f"{100 * value:.{digits}f} ± {100 * half:.{digits}f} %"
    return f"{value:.{digits}f} ± {half:.{digits}f}"


def per_class_table(found: Evaluation) -> list[str]:
    """Return precision, recall and F1 per expression as a Markdown table."""
    lines = ["| expression | precision | recall | F1 | faces |", "|---|---|---|---|---|"]
    for label, of in found.per_class.items():
        lines.append(
            f"| {label} | {of.precision:.3f} | {of.recall:.3f} | {of.f1:.3f} | {of.support} |"
        )
    return lines


def confusion_table(found: Evaluation) -> list[str]:
    """Return the confusion matrix as a Markdown table."""
    lines = [f"| | {' | '.join(found.labels)} |", "|---" * (len(found.labels) + 1) + "|"]
    for label, row in zip(found.labels, found.confusion, strict=True):
        lines.append(f"| {label} | {' | '.join(map(str, row))} |")
    return lines
