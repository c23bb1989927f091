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
from bot.report.charts import LANE_MM, TOP_MM, person_svg, spark_svg, timeline_svg
from bot.report.content import ReportContent, report_content
from bot.report.moments import MomentPicture, picture_name
from bot.text import words
from bot.text.fonts import FAMILIES, FONTS, missing_glyphs
from inference.schema.analysis import CallAnalysis

TEMPLATE = Path(__file__).parent / "template.typ"
MODEL_CARD = Path(__file__).parents[2] / "inference" / "weights" / "expression.md"

CHART_MM, PERSON_MM, SPARK_MM = 138.0, 170.0, 38.0
"""Widths on A4 with 20 mm margins: the timeline next to names, a person's chart, a table's line."""
PLOT_MM, SPARK_HEIGHT_MM = 34.0, 6.0


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
    pdf, pages = _compile(
        data, _charts(content) | jpegs, int(content.started_at.astimezone(UTC).timestamp())
    )
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


def _plot_mm(content: ReportContent) -> float:
    return PLOT_MM if content.timeline.has_course else 0.0


def _is_drawn(content: ReportContent) -> bool:
    return content.timeline.has_course or bool(content.timeline.lanes)


def _charts(content: ReportContent) -> dict[str, bytes]:
    """Draw every chart, keyed by the name under which the template finds it."""
    charts = {}
    if _is_drawn(content):
        plot_mm = _plot_mm(content)
        charts["timeline.svg"] = timeline_svg(content.timeline, CHART_MM, plot_mm, FONTS)
    for number, page in enumerate(content.pages):
        charts[f"person-{number}.svg"] = person_svg(page.chart, PERSON_MM, PLOT_MM, FONTS)
    for number, (row, chart) in enumerate(
        zip(content.compact, content.compact_charts, strict=True)
    ):
        if row.engagement is not None:
            charts[f"spark-{number}.svg"] = spark_svg(chart, SPARK_MM, SPARK_HEIGHT_MM, FONTS)
    return charts


def _data(content: ReportContent) -> dict[str, Any]:
    """Return the content as JSON data, without the curves, which are drawn."""
    lanes = [{"name": lane.name, "side": lane.side} for lane in content.timeline.lanes]
    families = [family for family, _ in FAMILIES]
    footer = f"{words.shorten(content.topic, 90)} · {content.short_date}"
    layout = {
        "lanes": lanes,
        "lane_mm": LANE_MM,
        "plot_mm": TOP_MM + _plot_mm(content),
        "timeline_drawn": _is_drawn(content),
        "families": families,
        "footer": footer,
    }
    return {**_plain(content), **layout}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if is_dataclass(value):
        left_out = ("chart", "timeline", "compact_charts", "started_at")
        named = ((field.name, getattr(value, field.name)) for field in fields(value))
        return {name: _plain(item) for name, item in named if name not in left_out}
    return value


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
