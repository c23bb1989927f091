"""Pictures and charts in the report, and what they say to those who cannot see them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from pypdf import PdfReader

from bot.report.moments import MomentPicture
from bot.report.render import render_report
from inference.schema.analysis import CallAnalysis
from tests.analysis_builder import make_call, make_info
from tests.call_kinds import price_call, price_info
from tests.integration.test_report import SCRIPTS, named
from tests.reports import alt_texts, pages_of, report


def picture(*people: int, at_s: float = 725.0) -> MomentPicture:
    """A photograph of noise in the size that is made for reports."""
    noise = np.random.default_rng(len(people) + sum(people)).integers(
        0, 256, (36, 64, 3), dtype=np.uint8
    )
    large = cv2.resize(noise, (640, 360), interpolation=cv2.INTER_CUBIC)
    _, jpeg = cv2.imencode(".jpg", large, [cv2.IMWRITE_JPEG_QUALITY, 80])
    return MomentPicture(jpeg.tobytes(), at_s, people)


def with_pictures(folder: Path, analysis: CallAnalysis, *ranks: int) -> list[str]:
    pictures = {rank: picture(rank % 3) for rank in ranks}
    rendered = render_report(analysis, make_info(), folder / "call.pdf", pictures=pictures)
    return pages_of(rendered.path)


def test_moments_get_a_page_with_their_pictures_after_the_first(tmp_path: Path) -> None:
    plain = report(tmp_path)
    size = (tmp_path / "call.pdf").stat().st_size
    pages = with_pictures(tmp_path, make_call(), 1, 2, 3)
    assert pages[0] == plain[0].replace("/ 6", "/ 7")
    assert pages[1].startswith("Moments in pictures")
    for said in ("12:05 · Tom Becker", "12:05 · Priya Nair", "7:35", "26:29"):
        assert said in pages[1], "moments without a picture stand there too"
    shown = [list(page.images) for page in PdfReader(tmp_path / "call.pdf").pages]
    assert [len(images) for images in shown] == [0, 3, 0, 0, 0, 0, 0]
    # Photographs stand in the PDF as they came; nothing else grows much.
    assert (tmp_path / "call.pdf").stat().st_size < size + 3 * len(picture().jpeg) + 20_000
    assert "nothing of the recording leaves it but the small pictures" in pages[-1]
    assert "no picture or sound left it" in plain[-1]


def test_the_only_moment_stands_with_its_picture_on_the_first_page(tmp_path: Path) -> None:
    analysis = make_call()
    strongest = max(analysis.moments, key=lambda moment: moment.strength)
    pages = with_pictures(tmp_path, replace(analysis, moments=(strongest,)), 1)
    assert len(pages) == 6
    assert "12:05 · Tom Becker" in pages[0]
    assert len(PdfReader(tmp_path / "call.pdf").pages[0].images) == 1


def test_long_quotes_and_names_of_any_script_leave_the_pictures_on_their_pages(
    tmp_path: Path,
) -> None:
    analysis = make_call(named([*SCRIPTS[:8], "W" * 60]), quotes=["word " * 60, *SCRIPTS])
    pictures = {rank: picture(*range(rank + 3)) for rank in range(1, 6)}
    rendered = render_report(analysis, make_info(), tmp_path / "call.pdf", pictures=pictures)
    pages = PdfReader(rendered.path).pages
    assert sum(len(page.images) for page in pages) == 5
    captions = [line for page in pages for line in page.extract_text().splitlines()
                if line.startswith("12:05 ")]  # fmt: skip
    assert all("more" in caption for caption in captions)
    assert rendered.missing_glyphs == ()


def test_a_picture_is_described_for_those_who_cannot_see_it(tmp_path: Path) -> None:
    with_pictures(tmp_path, make_call(), 1)
    assert "Picture of the moment: 12:05 · Tom Becker" in alt_texts(tmp_path / "call.pdf")


def test_a_lane_is_described_for_those_who_cannot_see_it(tmp_path: Path) -> None:
    report(tmp_path, price_call(), price_info())
    dana, maya = alt_texts(tmp_path / "call.pdf")[:2]
    assert dana.startswith("Dana Whitfield: ")
    assert "falls at 0:28" in dana
    assert "rises at 1:15" in dana
    assert dana.endswith("speaks for 37\u00a0s in all")
    assert maya.startswith("Maya Lindqvist: ")
