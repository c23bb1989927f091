"""Reports as tests read them: rendered, and back as text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pypdf import PdfReader
from pypdf.generic import NullObject

from bot.calls.info import CallInfo
from bot.report.render import render_report
from inference.schema.analysis import CallAnalysis
from tests.analysis_builder import make_call, make_info


def pages_of(path: Path) -> list[str]:
    """Return the text of each page, its white space made plain."""
    return [" ".join(page.extract_text().split()) for page in PdfReader(path).pages]


def report(
    folder: Path, analysis: CallAnalysis | None = None, info: CallInfo | None = None
) -> list[str]:
    rendered = render_report(analysis or make_call(), info or make_info(), folder / "call.pdf")
    pages = pages_of(rendered.path)
    assert len(pages) == rendered.pages
    assert rendered.missing_glyphs == ()
    return pages


def alt_texts(path: Path) -> list[str]:
    """Return what the pictures and charts of a report say to those who cannot see them."""
    told: list[str] = []

    def walk(node: Any) -> None:
        node = node.get_object()
        for part in node if isinstance(node, list) else ():
            walk(part)
        if isinstance(node, dict):
            told.extend(str(node[key]) for key in ("/Alt",) if key in node)
            walk(node.get("/K", NullObject()))

    walk(PdfReader(path).root_object["/StructTreeRoot"])
    return told
