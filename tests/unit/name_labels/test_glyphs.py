"""Names that the reader has no letters for are told by how they look, or not at all."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from bot.text.draw_name import draw_name
from bot.text.draw_text import Typeface
from inference.name_labels.glyph_match import match_shape
from inference.name_labels.glyphs import is_same_shape, levels_of, shape_of
from inference.name_labels.text_strip import find_strips, places_of, whiteness
from inference.schema.arrays import U8
from tests.lettering import ARABIC_BOLD, OTHER_FONT, write

CYRILLIC = [
    "Дмитрий Иванов",
    "Мария Иванова",
    "Марина Иванова",
    "Сергей Кузнецов",
    "Ольга Смирнова",
]
HEBREW = ["דוד כהן", "דנה כהן", "יוסף מזרחי", "נועה פרץ"]
GEORGIAN = ["ელენე გელაშვილი", "გიორგი ბერიძე", "ნინო კაპანაძე"]
ARABIC = ["فاطمة حسن", "أحمد إبراهيم", "يوسف الخطيب", "محمود علي"]
LATIN = ["Maya Lindqvist", "Tobias Brandt"]


def label_picture(text: str, font: Typeface, px: int = 17, has_sign: bool = False) -> U8:
    """A tile with a name at its bottom left, in a picture of 1280x720."""
    image = np.full((720, 1280, 3), 60, np.uint8)
    left = 10.0
    if has_sign:
        middle, half = (round(left + 0.25 * px), round(700 - 0.45 * px)), 0.5 * px
        cv2.ellipse(image, middle, (round(half / 2), round(0.9 * half)), 0, 0, 360, (255,) * 3, -1)
        left += 1.1 * px
    write(image, text, (left, 700), px, font)
    noise = np.random.default_rng(px).normal(0, 8, (720, 1280, 3))
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def shape_in(image: U8) -> str:
    [place] = places_of(np.array([0, 0, 640, 720], np.float32), image, has_video=True)
    white = whiteness(image, place.x0, place.y0, place.x1, place.y1)
    return shape_of(white, place, find_strips(white, place)[0])


def told(shape: str, names: list[str]) -> str | None:
    found = match_shape(shape, names, draw_name)
    best = int(found.argmax())
    return names[best] if best < len(names) and found[best] >= 0.95 else None


@pytest.mark.parametrize(
    ("name", "names", "font"),
    [
        ("Марина Иванова", CYRILLIC, OTHER_FONT),
        ("Ольга Смирнова", CYRILLIC, OTHER_FONT),
        ("יוסף מזרחי", HEBREW, OTHER_FONT),
        ("გიორგი ბერიძე", GEORGIAN, OTHER_FONT),
        ("أحمد إبراهيم", ARABIC, ARABIC_BOLD),
    ],
)
def test_a_name_in_another_font_than_ours_is_told_among_similar_ones(
    name: str, names: list[str], font: Typeface
) -> None:
    assert told(shape_in(label_picture(name, font)), names + LATIN) == name


def test_a_microphone_before_the_name_changes_nothing() -> None:
    shape = shape_in(label_picture("Сергей Кузнецов", OTHER_FONT, has_sign=True))

    assert told(shape, CYRILLIC) == "Сергей Кузнецов"


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("Дмитрий Иванов", CYRILLIC[1:]),
        ("Наталья Бондаренко", CYRILLIC),
        ("רחל אזולאי", HEBREW),
        ("Maya Lindqvist", CYRILLIC),
        ("Maya Lindqvist", CYRILLIC + LATIN),
    ],
)
def test_a_name_that_is_not_listed_or_that_the_reader_reads_is_nobodys(
    name: str, names: list[str]
) -> None:
    assert told(shape_in(label_picture(name, OTHER_FONT)), names) is None


def test_two_of_one_name_share_it() -> None:
    shape = shape_in(label_picture("Сергей Кузнецов", OTHER_FONT))
    names = [*CYRILLIC, "Сергей Кузнецов"]
    found = match_shape(shape, names, draw_name)

    assert found[3] == pytest.approx(found[5])
    assert found[3] < 0.51


def test_the_order_of_the_roster_does_not_matter_and_all_sums_to_one() -> None:
    shape = shape_in(label_picture("Мария Иванова", OTHER_FONT))
    names = CYRILLIC + HEBREW + LATIN
    there = match_shape(shape, names, draw_name)
    back = match_shape(shape, names[::-1], draw_name)

    assert there.sum() == pytest.approx(1.0)
    assert back[:-1][::-1] == pytest.approx(there[:-1])
    assert back[-1] == pytest.approx(there[-1])


@pytest.mark.parametrize("shape", ["", "no shape", "AAAA"])
def test_what_is_no_shape_shows_nobody(shape: str) -> None:
    assert levels_of(shape).shape[1] == 0
    assert match_shape(shape, CYRILLIC, draw_name)[-1] == 1.0
    assert not is_same_shape(shape, shape)


def test_without_drawn_names_and_in_unproven_scripts_nobody_is_told() -> None:
    shape = shape_in(label_picture("Дмитрий Иванов", OTHER_FONT))
    assert match_shape(shape, CYRILLIC, lambda _: ())[-1] == 1.0
    korean = shape_in(label_picture("김민준 이서연", Typeface(("Droid Sans Fallback",))))
    assert told(korean, ["김민준 이서연", "박지훈 최수빈"]) is None


def test_a_shape_takes_little_room_and_is_the_same_over_noise() -> None:
    one = shape_in(label_picture("Екатерина Новикова", OTHER_FONT, 17))
    other = shape_in(label_picture("Екатерина Новикова", OTHER_FONT, 17, has_sign=False))
    changed = shape_in(label_picture("Екатерина Морозова", OTHER_FONT, 17))

    assert len(one) < 1000
    assert is_same_shape(one, other)
    assert not is_same_shape(one, changed)
