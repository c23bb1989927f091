"""Confusion matrices and accuracy curves as SVG; equal figures give equal files, byte for byte."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from inference.expression.training.curves import CurvePoint
from inference.expression.training.evaluate import Evaluation
from inference.native_log import load_matplotlib

INK = "#1d2733"
LINES = ("#1f5fa0", "#c2571a")
SETTINGS = {
    "svg.hashsalt": "rapport",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "text.color": INK,
    "axes.labelcolor": INK,
    "text.parse_math": False,
}
"""The same ids in every file, text as text, and no "$" read as a formula."""


def confusion_svg(found: Evaluation, title: str) -> str:
    """Return the confusion matrix as a picture: rows are the truth, shares of a row the colour."""
    counts = np.array(found.confusion)
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    places = range(len(found.labels))

    def draw(axes: Any) -> None:
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        axes.set_xticks(places, found.labels)
        axes.set_yticks(places, found.labels)
        axes.tick_params(length=0, top=False, labeltop=True, bottom=False, labelbottom=False)
        axes.xaxis.set_label_position("top")
        axes.set(xlabel="read as", ylabel="truth")
        axes.spines[:].set_visible(False)
        for (i, j), share in np.ndenumerate(shares):
            ink = "white" if share > 0.6 else INK
            text = f"{counts[i, j]}\n{share:.0%}"
            axes.text(j, i, text, ha="center", va="center", color=ink)

    return _svg(title, (7, 7), draw)


def curve_svg(points: Sequence[CurvePoint], title: str, axis: str) -> str:
    """Return accuracy over size or quality as a picture, both readings, points evenly spaced."""

    def draw(axes: Any) -> None:
        # FER+ runs above the label on every set we know: its figures go above, the others below.
        series = (
            ("FER2013's label", [point.label for point in points], "top", -6),
            ("majority of FER+", [p.ferplus for p in points if p.ferplus is not None], "bottom", 6),
        )
        for (name, shares, side, offset), colour in zip(series, LINES, strict=True):
            if not shares:
                continue
            axes.plot(range(len(shares)), shares, color=colour, marker="o", label=name)
            for at, share in enumerate(shares):
                axes.annotate(
                    f"{share:.1%}", (at, share), (0, offset), textcoords="offset points",
                    ha="center", va=side, color=colour, fontsize=9,
                )  # fmt: skip
        axes.set_xticks(range(len(points)), [str(point.at) for point in points])
        axes.yaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
        axes.set(xlabel=axis, ylim=(0, 1))
        axes.margins(x=0.08)
        axes.grid(axis="y", color="#d5dbe1")
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        axes.legend(loc="lower right", frameon=False, labelcolor="linecolor")

    return _svg(title, (6.4, 4), draw)


def write_picture(path: Path, svg: str) -> None:
    """Write a picture, and the folder it lies in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(svg, encoding="utf-8")


def _svg(title: str, inches: tuple[float, float], draw: Any) -> str:
    matplotlib = load_matplotlib()
    from matplotlib.figure import Figure

    with matplotlib.rc_context(SETTINGS):
        figure = Figure(figsize=inches, layout="constrained")
        axes = figure.add_subplot()
        axes.set_title(title, fontweight="bold")
        draw(axes)
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return out.getvalue()
