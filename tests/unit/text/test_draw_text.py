"""Text is drawn the same everywhere, in the order and the forms that each script needs."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from bot.text.draw_name import draw_name
from bot.text.draw_text import REGULAR, check_text, draw_line, draw_text
from inference.schema.arrays import U8
from tests.places import ROOT

WHITE = (255, 255, 255)
NAMES = ("محمد علي", "שרה לוי", "Kim שרה 42 محمد")


def drawn(text: str) -> U8:
    return draw_text(text, 30, WHITE)


def gaps(picture: U8) -> int:
    """Count the gaps between letters: columns without ink after such with."""
    inked = picture[:, :, 3].max(axis=0) > 40
    return int((inked[:-1] & ~inked[1:]).sum())


def fingerprint(name: str) -> str:
    pictures = (draw_text(name, 20, WHITE), draw_text(name, 11, (9, 8, 7)), *draw_name(name))
    return hashlib.sha256(b"".join(picture.tobytes() for picture in pictures)).hexdigest()


WITHOUT_RAQM = """
import sys
from PIL import features
assert not features.check("raqm")
from tests.unit.text.test_draw_text import NAMES, fingerprint
print(*map(fingerprint, NAMES))
"""


def test_names_are_drawn_the_same_where_pillow_cannot_lay_out_text(tmp_path: Path) -> None:
    for file in ("libfribidi.so.0", "libfribidi.so", "libfribidi.0.dylib"):
        (tmp_path / file).touch()  # found before the system's, and no library
    environment = {**os.environ, "LD_LIBRARY_PATH": str(tmp_path), "PYTHONPATH": str(ROOT)}
    told = subprocess.run(
        [sys.executable, "-c", WITHOUT_RAQM],
        env=environment, cwd=ROOT, check=True, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert told.stdout.split() == [fingerprint(name) for name in NAMES]


def test_nothing_is_drawn_or_read_with_pillow() -> None:
    using = [
        str(path.relative_to(ROOT))
        for folder in ("bot", "inference", "integrations", "storage", "benchmarks", "tests")
        for path in (ROOT / folder).rglob("*.py")
        if path != Path(__file__)
        and re.search(r"^\s*(from|import) PIL\b", path.read_text("utf-8"), re.MULTILINE)
    ]
    assert using == []


@pytest.mark.parametrize(
    ("text", "as_seen"),
    [
        ("שרה לוי", "יול הרש"),
        ("שרה 42 Kim", "Kim 42 הרש"),
        ("Kim שרה 42", "Kim 42 הרש"),
    ],
)
def test_letters_stand_in_the_order_in_which_they_are_read(text: str, as_seen: str) -> None:
    # The override keeps its letters from left to right.
    np.testing.assert_allclose(drawn(text), drawn("\u202d" + as_seen), atol=8)
    assert not np.array_equal(drawn(text), drawn("\u202d" + text))


@pytest.mark.parametrize(
    ("text", "as_wide_as"),
    [
        ("👩🏽‍💻", "🙂"),  # three pictures become one
        ("🇳🇱", "🙂"),
        ("e\u0301", "e"),  # an accent stands on its letter
        ("ปู่", "ป"),
    ],
)
def test_what_belongs_to_one_letter_takes_its_room(text: str, as_wide_as: str) -> None:
    assert drawn(text).shape[1] == pytest.approx(drawn(as_wide_as).shape[1], abs=2)


@pytest.mark.parametrize(
    ("text", "apart"),
    [("محمد", "\u200c".join("محمد")), ("क्षमा", "क्\u200cषमा"), ("မောင်", "မ\u200b\u1031ာင")],
)
def test_letters_take_the_forms_that_their_script_wants(text: str, apart: str) -> None:
    assert not np.array_equal(drawn(text), drawn(apart))


def test_arabic_letters_join() -> None:
    assert gaps(drawn("محمد")) < gaps(drawn("\u200c".join("محمد")))


def test_no_text_is_read_as_markup() -> None:
    parts = '#panic("x")', "$x^2$", "*b*", "@a", "<l>", "--", "\\u{41}", "//", "/*", "`c`"
    alone = drawn("#").shape[1]
    for part in parts:
        assert drawn(part).shape[1] > 0.2 * alone * len(part)


@pytest.mark.parametrize("text", ["", " ", "\n", "\0", "\ud83d", "\U000f0000", "\u200d", "\u202e"])
def test_of_what_has_no_letters_nothing_is_drawn(text: str) -> None:
    assert not drawn(text)[:, :, 3].any()
    assert draw_name(text) == ()
    np.testing.assert_array_equal(drawn(text + "x" + text), drawn("x"))


def test_a_line_is_as_high_as_asked_and_keeps_its_baseline() -> None:
    low, high = (
        draw_line("Hx", 20, WHITE, REGULAR, above_px=above, below_px=5)[:, :, 3]
        for above in (20, 33)
    )
    assert (len(low), len(high)) == (25, 38)
    np.testing.assert_array_equal(high[13:], low)
    assert low[19].any()
    assert not low[20:].any()


def test_an_endless_text_is_cut_off() -> None:
    assert drawn("x" * 1_000_000).shape[1] < 30_000


def test_threads_draw_at_the_same_time() -> None:
    texts = [f"{number} שרה" for number in range(40)]
    with ThreadPoolExecutor(4) as pool:
        at_once = list(pool.map(lambda text: draw_text(text, 13, WHITE), texts))
    draw_text.cache_clear()
    for text, picture in zip(texts, at_once, strict=True):
        np.testing.assert_array_equal(picture, draw_text(text, 13, WHITE))


def test_this_machine_draws_names() -> None:
    assert check_text() == []
