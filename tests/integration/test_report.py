"""The report as PDF: real pages by Typst and matplotlib, read back with pypdf."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from pypdf import PdfReader

from bot.report.render import model_accuracy, render_report
from bot.text.fonts import check_fonts, missing_glyphs
from inference.schema.observations import Quality
from tests.analysis_builder import PersonSpec, make_call, make_info
from tests.call_kinds import KINDS, price_call, price_info
from tests.places import ROOT
from tests.reports import pages_of, report

SCRIPTS = (
    "محمد عبد الله", "דניאל כהן", "山田 太郎", "김민준", "สมชาย ใจดี", "Владимир", "अनीता शर्मा",
    "王小明 🚀", "Ελένη", "Nguyễn Thị Ánh", "𝓙𝓸𝓱𝓷", "გიორგი", "Արամ", "አበበ", "👩🏽‍💻 Zoë",
    "→ ½ ★ €",
)  # fmt: skip
MARKUP = '#panic("x") $x^2$ *b* _i_ `c` @ref <label> \\u{41} // no // /* no */ = 1'


def named(names: Sequence[str], coverage: float = 0.8) -> list[PersonSpec]:
    return [PersonSpec(name, coverage) for name in names]


def test_a_sales_call_begins_with_the_answer_and_their_side_comes_before_ours(
    tmp_path: Path,
) -> None:
    first, *people, more, last = report(tmp_path)
    in_order = (
        "Acme renewal: pricing and rollout",
        "Thursday 19 November 2026, 15:00–15:30 Europe/Berlin",
        "30 min · Ana Ruiz with Tom Becker and Priya Nair",
        "Tom Becker stopped smiling at 26:29, while Priya said “Honestly",
        "Tom Becker their side",
        "Priya Nair their side",
        "Ana Ruiz host, our side",
        "Moments worth watching",
        "7:35",
        "26:29 Tom Becker stopped smiling strongest",
        "Talk",
        "Tom Becker their side 34 %",
        "Ana Ruiz host, our side 56 %",
    )
    at = 0
    for said in in_order:
        assert said in first[at:], f"{said!r} comes after the rest"
        at = first.index(said, at) + len(said)
    assert [page.split(" their")[0].split(" host")[0] for page in people] == [
        "Tom Becker", "Priya Nair", "Ana Ruiz",
    ]  # fmt: skip
    assert "Longest without a break" in people[0]
    for said in ("How sure is this?", "Expressions", "Environments", "Running means"):
        assert said in more
    assert last.endswith("Rapport reads what faces showed, not what people felt. Acme renewal: "
                         "pricing and rollout · 19 Nov 2026 6 / 6")  # fmt: skip
    assert " 0 %" not in " ".join([first, *people, more])


def test_the_words_at_the_fall_stand_between_those_before_and_after_with_the_silence(
    tmp_path: Path,
) -> None:
    first, *_ = report(tmp_path, price_call(), price_info())
    assert (
        "0:28 Dana Whitfield stopped smiling for 40 seconds strongest Dana “I like that. And the "
        "price?” Maya “For all six depots, forty-eight thousand a year, billed up front.” "
        "8\u00a0seconds of silence Dana “Forty-eight.”"
    ).replace("\u00a0", " ") in first.replace("\u00a0", " ")
    bold = bold_words(tmp_path / "call.pdf")
    assert bold.count("depots,") == 2, "in the headline, and at the moment"
    assert not set(bold) & {"“Forty-eight.”", "price?”"}


def bold_words(path: Path) -> list[str]:
    """Return the words on the first page that are set in the bolder of the shipped fonts."""
    found: list[str] = []

    def visit(
        text: str, _cm: object, _tm: object, font: dict[str, str] | None, _size: float
    ) -> None:
        if font and "SemiBold" in font["/BaseFont"]:
            found.extend(text.split())

    PdfReader(path).pages[0].extract_text(visitor_text=visit)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_call_is_laid_out_without_a_letter_missing_or_a_page_left_empty(
    kind: str, tmp_path: Path
) -> None:
    pages = report(tmp_path, *KINDS[kind]())
    assert min(len(page) for page in pages) > 150
    assert "Talk" not in pages[1][:40], "it fits on the first page"
    assert "Rapport reads what faces showed, not what people felt." in pages[-1]


def test_no_date_stands_where_none_is_known(tmp_path: Path) -> None:
    rendered = render_report(
        make_call(duration_s=60), make_info(started_at=None), tmp_path / "call.pdf"
    )
    text = " ".join(pages_of(rendered.path))
    assert not re.search(r"19[67]\d|20\d\d|UTC|Berlin", text)
    metadata = PdfReader(rendered.path).metadata
    assert metadata is not None
    assert metadata.creation_date is None
    assert "15:00–15:01 Europe/Berlin" in report(tmp_path, make_call(duration_s=60))[0]


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
    own = [page[:8] for page in pages if "What the face showed" in page]
    assert len(own) == 12
    table = " ".join(page for page in pages if "Everyone else" in page or "While list" in page)
    for person in people:
        assert person.name in table or person.name in own
    assert "30 more, on the pages that follow." in pages[0]


def test_a_call_without_a_face_tells_who_spoke_and_no_engagement(tmp_path: Path) -> None:
    people = [PersonSpec("Ana Ruiz", 0.0, talk=2), PersonSpec("Tom Becker", 0.0)]
    pages = report(tmp_path, make_call(people, quality=Quality(frames_sampled=100)))
    assert len(pages) == 2
    assert "No face was seen. Ana spoke 66" in pages[0]
    assert "Engagement" not in pages[0]
    assert "No face could be read anywhere in the recording." in pages[1]


def test_a_call_without_turns_says_that_nobody_knows_who_spoke(tmp_path: Path) -> None:
    analysis = make_call(has_turns=False, has_transcript=False)
    pages = report(tmp_path, analysis, make_info(has_transcript=False))
    assert "The recording does not say who spoke." in pages[0]
    assert "The recording does not say who spoke." in pages[1]


def test_one_unnamed_person_in_a_short_call_gets_a_page(tmp_path: Path) -> None:
    alone = [PersonSpec("Person 1", talk=0, is_named=False)]
    analysis = make_call(alone, duration_s=40, has_turns=False, has_transcript=False)
    pages = report(tmp_path, analysis, make_info(""))
    assert "Call without a topic" in pages[0]
    assert "40 s · Person 1" in pages[0]
    assert "15:00 Europe/Berlin" in pages[0]
    assert "Not named" in pages[1]


def test_an_empty_call_still_gives_a_report(tmp_path: Path) -> None:
    analysis = make_call([], has_turns=False, has_transcript=False, duration_s=70)
    pages = report(tmp_path, analysis)
    assert "Nobody was seen or heard." in pages[0]
    assert len(pages) == 2


def test_three_hours_are_told_in_hours(tmp_path: Path) -> None:
    pages = report(tmp_path, make_call(duration_s=3 * 3600, interval_s=2.0))
    assert "3 h · Ana Ruiz with Tom Becker and Priya Nair" in pages[0]
    assert "1:12:04" in pages[0]
    assert "15:00–18:00" in pages[0]


def test_a_person_left_unscored_has_talk_figures_and_no_page(tmp_path: Path) -> None:
    people = [PersonSpec("Ana Ruiz", is_scored=False, side="rep"), PersonSpec("Tom Becker")]
    pages = report(tmp_path, make_call(people))
    assert sum("What the face showed" in page for page in pages) == 1
    everyone_else = next(page for page in pages if "Everyone else" in page)
    assert "Ana Ruiz our side Not scored, as set up by your company." in everyone_else
    assert re.search(r"Ana Ruiz our side \d+ %", pages[0])


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


def test_a_shorter_report_replaces_a_longer_one_and_leaves_nothing_beside(tmp_path: Path) -> None:
    report(tmp_path)
    pages = report(tmp_path, make_call([], has_turns=False, has_transcript=False, duration_s=70))
    assert len(pages) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["call.pdf"]


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
