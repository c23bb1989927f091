"""The report as PDF: real pages by Typst and matplotlib, read back with pypdf."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pypdf import PdfReader
from pypdf.generic import NullObject

from bot.calls.info import CallInfo
from bot.report.moments import MomentPicture
from bot.report.render import model_accuracy, render_report
from bot.text.fonts import check_fonts, missing_glyphs
from inference.schema.analysis import CallAnalysis, Estimate
from inference.schema.observations import Quality
from tests.analysis_builder import PersonSpec, make_call, make_info
from tests.places import ROOT

SCRIPTS = (
    "محمد عبد الله", "דניאל כהן", "山田 太郎", "김민준", "สมชาย ใจดี", "Владимир", "अनीता शर्मा",
    "王小明 🚀", "Ελένη", "Nguyễn Thị Ánh", "𝓙𝓸𝓱𝓷", "გიორგი", "Արամ", "አበበ", "👩🏽‍💻 Zoë",
    "→ ½ ★ €",
)  # fmt: skip
MARKUP = '#panic("x") $x^2$ *b* _i_ `c` @ref <label> \\u{41} // no // /* no */ = 1'


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


def named(names: Sequence[str], coverage: float = 0.8) -> list[PersonSpec]:
    return [PersonSpec(name, coverage) for name in names]


def test_a_sales_call_has_a_first_page_a_page_per_person_and_a_last_page(tmp_path: Path) -> None:
    pages = report(tmp_path)
    assert len(pages) == 5
    first, *people, last = pages
    for said in (
        "Acme renewal: pricing and rollout",
        "Thursday 19 November 2026, 15:00–15:30 Europe/Berlin",
        "of 100 likely between",
        "Tom Becker stopped smiling at 26:29, while Priya said “Honestly",
        "“Right. And who else would have to agree on your side?”",
        "Ana Ruiz host, our side · name 95 % sure",
        "Their side, while our side spoke 51",
        "Our side, while their side spoke 58",
    ):
        assert said in first
    assert [page.split(" host")[0].split(" their")[0] for page in people] == [
        "Ana Ruiz", "Tom Becker", "Priya Nair",
    ]  # fmt: skip
    assert "Longest without a break" in people[0]
    assert "Expressions are not feelings" in last


def test_a_word_longer_than_the_line_stays_on_the_page(tmp_path: Path) -> None:
    word = "x" * 180
    analysis = make_call([PersonSpec("W" * 60), PersonSpec("Tom")], quotes=[word])
    report(tmp_path, analysis, replace(make_info(), topic=word))

    pages = PdfReader(tmp_path / "call.pdf").pages
    lines = [line for page in pages for line in page.extract_text().splitlines()]
    assert max(len(run) for line in lines for run in line.split()) < 110


def test_nothing_that_people_typed_is_read_as_markup(tmp_path: Path) -> None:
    analysis = make_call([PersonSpec(MARKUP), PersonSpec("Tom")], quotes=["$5 to $9 #let x = 1"])
    pages = report(tmp_path, analysis, make_info(MARKUP))
    assert " ".join(MARKUP.split()) in pages[0]
    assert "“$5 to $9 #let x = 1”" in pages[0]


def test_names_in_every_common_script_are_drawn(tmp_path: Path) -> None:
    assert missing_glyphs("".join(SCRIPTS)) == ()
    few = [PersonSpec(name, 0.05) for name in SCRIPTS]  # in one table, a page each takes longer
    analysis = make_call(few, duration_s=900, quotes=SCRIPTS)
    pages = report(tmp_path, analysis, make_info(" ".join(SCRIPTS)))
    assert "山田 太郎" in "".join(pages)


def test_a_letter_without_a_font_is_named_on_the_last_page(tmp_path: Path) -> None:
    analysis = make_call(named(["Thoth 𓀀"]), duration_s=120)
    rendered = render_report(analysis, make_info(), tmp_path / "call.pdf")
    assert rendered.missing_glyphs == ("𓀀",)
    assert "appear as boxes: U+13000" in pages_of(rendered.path)[-1]


def test_forty_people_get_at_most_twelve_pages_and_one_table(tmp_path: Path) -> None:
    people = [PersonSpec(f"Guest {i:02d}", (0.9, 0.4, 0.0)[i % 3], talk=i % 4) for i in range(40)]
    pages = report(tmp_path, make_call(people, duration_s=900))
    assert sum("Expressions seen" in page for page in pages) == 12
    table = " ".join(
        page for page in pages if "Everyone else" in page or "Over the call Att" in page
    )
    own = [page.split(" Face seen")[0] for page in pages if "Expressions seen" in page]
    for person in people:
        assert person.name in table or person.name in own
    assert "and 32 more people" in " ".join(pages[:2])


def test_a_call_without_a_face_tells_who_spoke_and_no_engagement(tmp_path: Path) -> None:
    people = [PersonSpec("Ana Ruiz", 0.0, talk=2), PersonSpec("Tom Becker", 0.0)]
    pages = report(tmp_path, make_call(people, quality=Quality(frames_sampled=100)))
    assert len(pages) == 2
    assert "No face was seen. Ana spoke 66" in pages[0]
    assert "Engagement over the call" not in pages[0]
    assert "No face could be read anywhere in the recording." in pages[1]


def test_a_call_without_turns_says_that_nobody_knows_who_spoke(tmp_path: Path) -> None:
    analysis = make_call(has_turns=False, has_transcript=False)
    pages = report(tmp_path, analysis, make_info(has_transcript=False))
    assert "not known who spoke" in pages[0]
    assert "The recording does not say who spoke." in pages[1]


def test_one_unnamed_person_in_a_short_call_gets_a_page(tmp_path: Path) -> None:
    alone = [PersonSpec("Person 1", talk=0, is_named=False)]
    analysis = make_call(alone, duration_s=40, has_turns=False, has_transcript=False)
    pages = report(tmp_path, analysis, make_info(""))
    assert "Call without a topic" in pages[0]
    assert "1 person" in pages[0]
    assert "15:00 Europe/Berlin" in pages[0]
    assert "Nothing certain names this face." in pages[1]


def test_an_empty_call_still_gives_a_report(tmp_path: Path) -> None:
    analysis = make_call([], has_turns=False, has_transcript=False, duration_s=70)
    pages = report(tmp_path, analysis)
    assert "Nobody was seen or heard." in pages[0]
    assert len(pages) == 2


def test_three_hours_are_told_in_hours(tmp_path: Path) -> None:
    pages = report(tmp_path, make_call(duration_s=3 * 3600, interval_s=2.0))
    assert "3 h · 3 people" in pages[0]
    assert "1:12:04" in pages[0]
    assert "15:00–18:00" in pages[0]


def test_a_person_left_unscored_has_talk_figures_and_no_page(tmp_path: Path) -> None:
    people = [PersonSpec("Ana Ruiz", is_scored=False, side="rep"), PersonSpec("Tom Becker")]
    pages = report(tmp_path, make_call(people))
    assert sum("Expressions seen" in page for page in pages) == 1
    assert "Expressions are not scored, by a setting." in pages[-1]


def test_what_was_lost_is_told_on_the_last_page(tmp_path: Path) -> None:
    quality = Quality(
        frames_sampled=1000, frames_lost=44, lost_share=0.12, faces_seen=1000, faces_too_small=100,
        has_audio=False, notes=("TIMELINE: 3 entries out of order were sorted.",),
    )  # fmt: skip
    info = make_info(timezone="Mars/Base", notes=("The chat file was empty.",))
    last = report(tmp_path, make_call(quality=quality), info)[-1]
    for said in (
        "10 % of the faces found were too small",
        "12 % of the recording has no usable picture (44 damaged or missing).",
        "The recording has no sound.",
        "TIMELINE: 3 entries out of order were sorted.",
        "The chat file was empty.",
        "time zone “Mars/Base” is not known; times are UTC.",
    ):
        assert said in last


def test_the_accuracy_is_quoted_from_the_model_card(tmp_path: Path) -> None:
    card = tmp_path / "card.md"
    card.write_text("| private_test | original | 3,589 | 62.47% | 0.5 | 0.03 |\n", encoding="utf-8")
    assert "62 of 100 cases" in (model_accuracy(card) or "")
    assert model_accuracy(tmp_path / "absent.md") is None
    shipped = model_accuracy(ROOT / "inference" / "weights" / "expression.md")
    assert "most of ten people chose in 83 of 100 cases" in (shipped or "")


def test_a_1_to_5_profile_shows_its_score_beside_engagement(tmp_path: Path) -> None:
    analysis = make_call(duration_s=120)
    scored = replace(analysis.call, score=Estimate(3.42, 3.1, 3.74, 20.0))
    assert "of 5 likely" not in report(tmp_path, analysis)[0]
    pages = report(tmp_path, replace(analysis, call=scored, profile="seminar"))
    assert "3.4 of 5" in pages[0]
    assert "likely 3.1 to 3.7" in pages[0]


def test_a_shorter_report_replaces_a_longer_one_and_leaves_nothing_beside(tmp_path: Path) -> None:
    report(tmp_path)
    pages = report(tmp_path, make_call([], has_turns=False, has_transcript=False, duration_s=70))
    assert len(pages) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["call.pdf"]


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
    assert pages[0] == plain[0].replace("/ 5", "/ 6")
    assert pages[1].startswith("Moments in pictures")
    for said in ("12:05 · Tom Becker", "12:05 · Priya Nair", "7:35", "26:29"):
        assert said in pages[1], "moments without a picture stand there too"
    shown = [list(page.images) for page in PdfReader(tmp_path / "call.pdf").pages]
    assert [len(images) for images in shown] == [0, 3, 0, 0, 0, 0]
    # Photographs stand in the PDF as they came; nothing else grows much.
    assert (tmp_path / "call.pdf").stat().st_size < size + 3 * len(picture().jpeg) + 20_000
    assert "nothing of the recording leaves it but the small pictures" in pages[-1]
    assert "no picture or sound left it" in plain[-1]


def test_the_only_moment_stands_with_its_picture_on_the_first_page(tmp_path: Path) -> None:
    analysis = make_call()
    strongest = max(analysis.moments, key=lambda moment: moment.strength)
    pages = with_pictures(tmp_path, replace(analysis, moments=(strongest,)), 1)
    assert len(pages) == 5
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
    told: list[str] = []

    def walk(node: Any) -> None:
        node = node.get_object()
        for part in node if isinstance(node, list) else ():
            walk(part)
        if isinstance(node, dict):
            told.extend(str(node[key]) for key in ("/Alt",) if key in node)
            walk(node.get("/K", NullObject()))

    walk(PdfReader(tmp_path / "call.pdf").root_object["/StructTreeRoot"])
    assert "Picture of the moment: 12:05 · Tom Becker" in told


def test_the_shipped_fonts_are_sound() -> None:
    assert check_fonts() == []


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, str, list[str]]:
    """Render in a fresh process with an empty home: the PDF, standard error, files in the home."""
    home = tmp_path_factory.mktemp("home")
    out = tmp_path_factory.mktemp("out") / "call.pdf"
    # As on a first start that is so slow that matplotlib would say what it does meanwhile.
    code = (
        "import sys, threading; from pathlib import Path\n"
        "timer = threading.Timer\n"
        "threading.Timer = lambda delay_s, told: timer(0, told)\n"
        "import bot.report.render as render, bot.report.message\n"
        "assert 'matplotlib' not in sys.modules\n"
        "from tests.analysis_builder import make_call, make_info\n"
        "render.render_report(make_call(), make_info(), Path(sys.argv[1]))\n"
    )
    environment = {
        k: v for k, v in os.environ.items() if k not in ("MPLCONFIGDIR", "XDG_CACHE_HOME")
    }
    environment |= {"HOME": str(home), "PYTHONHASHSEED": "77", "PYTHONWARNINGS": "error"}
    done = subprocess.run(
        [sys.executable, "-c", code, str(out)],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return out.read_bytes(), done.stderr, [str(p) for p in home.rglob("*")]


def test_the_same_call_gives_the_same_bytes_in_another_process(
    tmp_path: Path, elsewhere: tuple[bytes, str, list[str]]
) -> None:
    report(tmp_path)
    assert (tmp_path / "call.pdf").read_bytes() == elsewhere[0]


def test_rendering_warns_of_nothing_and_leaves_the_home_folder_alone(
    elsewhere: tuple[bytes, str, list[str]],
) -> None:
    _, stderr, files = elsewhere
    assert stderr == ""
    assert files == []
