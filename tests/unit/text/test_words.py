"""Numbers, times and names as a manager reads them."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from bot.report.charts.course import course, step_for
from bot.text import words
from bot.text.axis import tick_step_s
from bot.text.fonts import missing_glyphs
from inference.schema.analysis import Estimate

START = datetime(2026, 11, 19, 23, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("t_s", "told"),
    [(0, "0:00"), (59.4, "0:59"), (59.6, "1:00"), (760, "12:40"), (3600, "1:00:00"), (-1, "0:00")],
)
def test_a_time_into_the_call_is_a_clock(t_s: float, told: str) -> None:
    assert words.clock(t_s) == told


@pytest.mark.parametrize(
    ("t_s", "told"),
    [(0, "0 s"), (48, "48 s"), (59.6, "1 min"), (96, "1 min 36 s"), (599.4, "9 min 59 s"),
     (610, "10 min"), (1800, "30 min"), (3599, "1 h"), (3900, "1 h 5 min"), (7200, "2 h")],
)  # fmt: skip
def test_a_length_is_told_in_the_unit_a_person_would_use(t_s: float, told: str) -> None:
    assert words.length(t_s).replace(words.NBSP, " ") == told


@pytest.mark.parametrize(
    ("t_s", "told"), [(0.7, "1 second"), (40, "40 seconds"), (60, "1 min"), (96, "1 min 36 s")]
)
def test_a_sentence_spells_seconds_out(t_s: float, told: str) -> None:
    assert words.spelled_length(t_s).replace(words.NBSP, " ") == told


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("Dana Whitfield", "Dana"),
        ("Ana Ruiz", "Ana Ruiz"),
        ("Madonna", "Madonna"),
        ("Dr. Annegret Schäfer", "Dr. Annegret Schäfer"),
        ("Herr Müller", "Herr Müller"),
        ("Whitfield, Tom", "Whitfield, Tom"),
        ("Person 1", "Person 1"),
        ("山田 太郎", "山田 太郎"),
        ("", ""),
    ],
)
def test_a_first_name_stands_alone_only_where_it_is_one_and_nobody_else_has_it(
    name: str, called: str
) -> None:
    assert words.first_name(name, [name, "Ana Prado", "Ana Ruiz"]) == called


def test_names_are_listed_as_in_a_sentence() -> None:
    assert words.listed(["Ana"], 3) == "Ana"
    assert words.listed(["Ana", "Tom", "Eva"], 3) == "Ana, Tom and Eva"
    assert words.listed(["Ana", "Tom", "Eva", "Max"], 3) == "Ana, Tom and 2 more"


@pytest.mark.parametrize(("share", "told"), [(0, "0 %"), (0.004, "< 1 %"), (0.835, "84 %")])
def test_a_share_that_rounds_to_nothing_is_not_called_nothing(share: float, told: str) -> None:
    assert words.percent(share).replace(words.NBSP, " ") == told


def test_a_change_is_only_told_when_its_sign_is_sure() -> None:
    assert words.change(Estimate(0.02, -0.03, 0.07, 9)) == ""
    assert words.change(Estimate(-0.01, -0.02, -0.005, 9), 10.0) == "−10"


def test_a_change_never_leaves_the_scale() -> None:
    assert words.change(Estimate(0.5, 0.2, 0.8, 9), 60.0) == "+100"


def test_the_start_stands_in_the_meetings_zone() -> None:
    at, zone, note = words.local_time(START, "America/New_York")
    assert (f"{at:%H:%M}", zone, note) == ("18:30", "America/New York", "")
    assert words.long_date(at) == "Thursday 19 November 2026"
    at, zone, _ = words.local_time(START, "Asia/Tokyo")
    assert words.short_date(at) == "20 Nov 2026"


@pytest.mark.parametrize("zone", ["Mars/Base", "", None, "../../etc/passwd", "Europe", "\x00"])
def test_an_unknown_zone_becomes_utc_and_is_said(zone: str | None) -> None:
    at, name, note = words.local_time(START, zone)
    assert (f"{at:%H:%M}", name) == ("23:30", "UTC")
    assert "times are UTC" in note


def test_a_name_cannot_turn_the_line_around_or_break_it() -> None:
    assert words.clean("Ana\u202e Ruiz\n\x07\t 2 \u2066x\ud800") == "Ana Ruiz 2 x"


def test_joiners_that_shape_letters_and_emoji_are_kept() -> None:
    assert words.clean("👩\u200d💻 می\u200cخواهم") == "👩\u200d💻 می\u200cخواهم"


def test_a_right_to_left_name_is_set_apart_from_its_sentence() -> None:
    assert words.isolate("Ana") == "Ana"
    assert words.isolate("דניאל") == "\u2068דניאל\u2069"


@pytest.mark.parametrize("length", [5, 12, 30])
def test_a_text_is_cut_to_its_length(length: int) -> None:
    text = "We can start with two teams and grow"
    assert len(words.shorten(text, length)) <= length
    assert words.shorten(text, length).endswith("…")
    assert words.shorten(text, 100) == text


@pytest.mark.parametrize("duration_s", [1, 40, 95, 1800, 10_861, 14_400, 90_000])
def test_charts_stay_readable_at_any_length(duration_s: float) -> None:
    assert duration_s / step_for(duration_s) <= 150
    assert duration_s / tick_step_s(duration_s) <= 9.5


def test_a_course_has_a_gap_where_nobody_was_seen() -> None:
    t_s = np.arange(0.0, 40.0, 0.5)
    values = np.full(80, 0.5, np.float32)
    values[20:40] = np.nan
    drawn = course(t_s, values, 40.0)
    assert np.isnan(drawn.values[(drawn.t_s > 10) & (drawn.t_s < 20)]).all()
    seen = drawn.values[np.isfinite(drawn.values)]
    assert seen == pytest.approx(50.0)
    assert len(seen) == 30


def test_a_course_without_samples_is_empty() -> None:
    drawn = course(np.zeros(0), np.zeros(0, np.float32), 60.0)
    assert len(drawn.values) == 0


def test_letters_without_a_font_are_named_once() -> None:
    assert missing_glyphs("Ana 𓀀𓀀\u200d\ufe0f\n") == ("𓀀",)
