"""Renders the PDF: content in words, charts as SVG, laid out by `template.typ`."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import UTC
from functools import lru_cache
from pathlib import Path
from typing import Any

import typst

from bot.calls.info import CallInfo
from bot.report.about import Section
from bot.report.charts.draw import lane_height_mm, lane_svg, running_svg, spark_svg
from bot.report.content import ReportContent, report_content
from bot.report.moments import MomentPicture, picture_name
from bot.text import words
from bot.text.fonts import FAMILIES, FONTS, missing_glyphs
from inference.schema.analysis import CallAnalysis

TEMPLATE = Path(__file__).parent / "template.typ"
MODEL_CARD = Path(__file__).parents[2] / "inference" / "weights" / "expression.md"

LANE_MM, PERSON_MM, SPARK_MM, RUNNING_MM = 140.0, 170.0, 38.0, 82.0
"""Widths on A4 with 20 mm margins: a lane next to its name, a person's chart, a table's line, one
of two running curves."""
PLOT_MM, SPARK_HEIGHT_MM, RUNNING_HEIGHT_MM = 34.0, 6.0, 20.0
LANE_HEIGHTS_MM = {1: 26.0, 2: 20.0, 3: 15.0, 4: 12.0}
LEAST_LANE_MM = 9.0
"""Heights of 0 to 100 on the first page, by the number of lanes: the moments stand below them."""


class ReportFailed(Exception):
    """The report could not be laid out; the message repeats the layout program's."""


@dataclass(frozen=True, slots=True)
class RenderedReport:
    """A finished PDF. `missing_glyphs` are letters in it that no shipped font can draw."""

    path: Path
    pages: int
    missing_glyphs: tuple[str, ...]


def render_report(
    analysis: CallAnalysis,
    info: CallInfo,
    out: Path,
    *,
    pictures: Mapping[int, MomentPicture] | None = None,
    model_card: Path | None = MODEL_CARD,
) -> RenderedReport:
    """Write the report of a call as PDF to `out`, replacing an existing file.

    The same analysis, info and pictures give the same bytes.

    Args:
        pictures: pictures of moments, by rank from 1; a moment may have none.
        model_card: the expression model's card, whose accuracy is quoted; it may not exist.

    Raises:
        ReportFailed: the page layout failed.
    """
    pictures = pictures or {}
    accuracy = model_accuracy(model_card) if model_card else None
    content = report_content(analysis, info, accuracy, pictures)
    data = _data(content)
    missing = missing_glyphs(_all_text(data))
    if missing:
        content = replace(content, about=_with_missing(content.about, missing))
        data = _data(content)
    jpegs = {picture_name(rank): picture.jpeg for rank, picture in pictures.items()}
    started = content.started_at
    timestamp = int(started.astimezone(UTC).timestamp()) if started else 0
    pdf, pages = _compile(data, _charts(content) | jpegs, timestamp)
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(out.name + ".part")
    part.write_bytes(pdf)
    os.replace(part, out)
    return RenderedReport(out, pages, missing)


def model_accuracy(card: Path) -> str | None:
    """Quote the accuracy on the private test from a model card, as a sentence, or None."""
    try:
        text = card.read_text(encoding="utf-8")
    except OSError:
        return None
    votes, label = (
        re.search(rf"^\| *private_test *\| *{row} *\|[^|]*\| *([\d.]+)[^|]*% *\|", text, re.M)
        for row in (r"majority of FER\+", r"(?:original|FER2013's label)")
    )
    if votes:
        return (
            "On photographs it had never seen, the model names the expression that most of ten "
            f"people chose in {float(votes[1]):.0f} of 100 cases; a blind guess, in 14."
        )
    if label:
        return (
            "On photographs it had never seen, labelled by people, the model names the labelled "
            f"expression in {float(label[1]):.0f} of 100 cases; a blind guess, in 14. People "
            "agree with such labels in about 65 of 100."
        )
    return None


def _lane_mm(content: ReportContent) -> float:
    return LANE_HEIGHTS_MM.get(len(content.lanes), LEAST_LANE_MM)


def _charts(content: ReportContent) -> dict[str, bytes]:
    """Draw every chart, keyed by the name under which the template finds it."""
    charts = {}
    last = len(content.lanes) - 1
    for number, item in enumerate(content.lanes):
        plot_mm, is_last = _lane_mm(content), number == last
        charts[f"lane-{number}.svg"] = lane_svg(
            item.lane, LANE_MM, plot_mm, FONTS, has_clock=is_last
        )
    for number, item in enumerate(content.page_lanes):
        charts[f"person-{number}.svg"] = lane_svg(
            item.lane, PERSON_MM, PLOT_MM, FONTS, has_clock=True, with_facing=True
        )
    for number, item in enumerate(content.compact_lanes):
        if not item.lane.listening.is_empty:
            charts[f"spark-{number}.svg"] = spark_svg(item.lane, SPARK_MM, SPARK_HEIGHT_MM, FONTS)
    for number, curves in enumerate(content.more.curves):
        charts[f"running-{number}.svg"] = running_svg(
            curves.courses, content.duration_s, RUNNING_MM, RUNNING_HEIGHT_MM, FONTS
        )
    return charts


def _data(content: ReportContent) -> dict[str, Any]:
    """Return the content as JSON data, without the curves, which are drawn."""
    footer = " · ".join(
        part for part in (words.shorten(content.topic, 90), content.short_date) if part
    )
    last = len(content.lanes) - 1
    heights = [
        lane_height_mm(item.lane, _lane_mm(content), has_clock=number == last, with_facing=False)
        for number, item in enumerate(content.lanes)
    ]
    layout = {
        "lane_heights": heights,
        "has_spark": [not item.lane.listening.is_empty for item in content.compact_lanes],
        "families": [family for family, _ in FAMILIES],
        "footer": footer,
    }
    return {**_plain(content), **layout}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if is_dataclass(value):
        named = ((field.name, getattr(value, field.name)) for field in fields(value))
        return {name: _plain(item) for name, item in named if name not in _DRAWN}
    return value


_DRAWN = ("lane", "courses", "started_at")


def _all_text(value: Any) -> str:
    """Return all text in the data, to search it for characters that cannot be drawn."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return "".join(_all_text(item) for item in value.values())
    if isinstance(value, list):
        return "".join(_all_text(item) for item in value)
    return ""


def _with_missing(about: tuple[Section, ...], missing: tuple[str, ...]) -> tuple[Section, ...]:
    codes = ", ".join(f"U+{ord(c):04X}" for c in missing[:12]) + (" …" if len(missing) > 12 else "")
    line = f"Characters that no shipped font can draw appear as boxes: {codes}."
    last = about[-1]
    return (*about[:-1], replace(last, paragraphs=(*last.paragraphs, line)))


def _compile(data: dict[str, Any], images: dict[str, bytes], timestamp: int) -> tuple[bytes, int]:
    with tempfile.TemporaryDirectory(prefix="rapport-report-") as folder:
        root = Path(folder)
        (root / "report.typ").write_bytes(TEMPLATE.read_bytes())
        (root / "data.json").write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")
        for name, image in images.items():
            (root / name).write_bytes(image)
        try:
            compiler = typst.Compiler(
                root / "report.typ", root=root, font_paths=_fonts(), ignore_system_fonts=True
            )
            pdf, warnings = compiler.compile_with_warnings(format="pdf", timestamp=timestamp)
            pages = json.loads(compiler.query("<pages>", field="value", one=True))
        except typst.TypstError as error:
            raise ReportFailed(f"The report could not be laid out: {error.message}") from error
        if warnings:
            raise ReportFailed(f"The report's layout has a problem: {warnings[0].message}")
    assert isinstance(pdf, bytes)
    return pdf, int(pages)


@lru_cache(maxsize=1)
def _fonts() -> typst.Fonts:
    """Read the shipped fonts once, but not the machine's or Typst's own."""
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[FONTS])
