"""Confusion and curves as SVG, written by hand: equal figures give equal files, byte for byte."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from inference.expression.training.curves import CurvePoint
from inference.expression.training.evaluate import Evaluation

CELL_PX = 62
MARGIN_PX = 96
INK = "#1d2733"
BLUE = (31, 95, 160)
"""A cell's colour where its share is 1; white where it is 0."""
LINES = ("#1f5fa0", "#c2571a")


def confusion_svg(found: Evaluation, title: str) -> str:
    """Give the confusion matrix as a picture: rows are the truth, shares of each row as colour."""
    side = CELL_PX * len(found.labels)
    width, height = MARGIN_PX + side + 20, MARGIN_PX + side + 24
    parts = [
        _text(MARGIN_PX + side / 2, 22, title, size=15, weight=600),
        _text(MARGIN_PX + side / 2, 50, "read as", size=13),
        _text(14, MARGIN_PX + side / 2, "truth", size=13, turned=True),
    ]
    for i, (label, row) in enumerate(zip(found.labels, found.confusion, strict=True)):
        middle = MARGIN_PX + (i + 0.5) * CELL_PX
        parts.append(_text(middle, MARGIN_PX - 14, label, size=13))
        parts.append(_text(MARGIN_PX - 10, middle + 4, label, size=13, anchor="end"))
        for j, count in enumerate(row):
            share = count / max(1, sum(row))
            left, top = MARGIN_PX + j * CELL_PX, MARGIN_PX + i * CELL_PX
            colour = ",".join(str(round(255 + (end - 255) * share)) for end in BLUE)
            parts.append(
                f'<rect x="{left}" y="{top}" width="{CELL_PX}" height="{CELL_PX}"'
                f' fill="rgb({colour})" stroke="#fff"/>'
            )
            ink = "#fff" if share > 0.6 else INK
            x, y = left + CELL_PX / 2, top + CELL_PX / 2
            parts.append(_text(x, y, str(count), size=15, ink=ink, weight=600))
            parts.append(_text(x, y + 16, f"{share:.0%}", size=11, ink=ink))
    return _svg(width, height, parts)


def curve_svg(points: Sequence[CurvePoint], title: str, axis: str) -> str:
    """Give accuracy over size or quality as a picture, both readings, points evenly spaced."""
    left, top, wide, tall = 56, 44, 420, 220
    parts = [_text(left + wide / 2, 22, title, size=15, weight=600)]
    for percent in range(0, 101, 20):
        y = top + tall * (1 - percent / 100)
        parts.append(f'<path d="M{left} {y:.1f}h{wide}" stroke="#d5dbe1" fill="none"/>')
        parts.append(_text(left - 8, y + 4, f"{percent} %", size=11, anchor="end"))
    step = wide / max(1, len(points))
    xs = [left + (i + 0.5) * step for i in range(len(points))]
    for x, point in zip(xs, points, strict=True):
        parts.append(_text(x, top + tall + 18, str(point.at), size=12))
    parts.append(_text(left + wide / 2, top + tall + 38, axis, size=12))
    series = {
        "FER2013's label": [point.label for point in points],
        "majority of FER+": [point.ferplus for point in points if point.ferplus is not None],
    }
    for index, (name, shares) in enumerate(series.items()):
        if not shares:
            continue
        ys = [top + tall * (1 - value) for value in shares]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(xs, ys, strict=True))
        colour = LINES[index]
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        # FER+ runs above the label on every set we know: its figures stand above, the others below.
        for x, y, value in zip(xs, ys, shares, strict=True):
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>')
            parts.append(_text(x, y - 9 if index else y + 18, f"{value:.1%}", size=11, ink=colour))
        parts.append(
            _text(left + wide - 6, top + tall - 28 + 16 * index, name, 12, "end", colour, 600)
        )
    return _svg(left + wide + 16, top + tall + 50, parts)


def write_picture(path: Path, svg: str) -> None:
    """Write a picture, and the folder it lies in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(svg, encoding="utf-8")


def _text(
    x: float,
    y: float,
    text: str,
    size: int,
    anchor: str = "middle",
    ink: str = INK,
    weight: int = 400,
    *,
    turned: bool = False,
) -> str:
    turn = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if turned else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" fill="{ink}"'
        f' text-anchor="{anchor}"{turn}>{escape(text)}</text>'
    )


def _svg(width: float, height: float, parts: Sequence[str]) -> str:
    lines = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}"'
        f' viewBox="0 0 {width:.0f} {height:.0f}" font-family="Helvetica, Arial, sans-serif">\n'
        f'<rect width="100%" height="100%" fill="#fff"/>\n{lines}\n</svg>\n'
    )
