"""Text read from a label, matched to the roster."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.name_labels import text_match
from inference.name_labels.text_match import match_names

ROSTER = (
    "Anna Berg", "Anna Bergmann", "Alexandra Richardson", "Łukasz Żółć", "José Núñez",
    "Dmitri Ivanov", "李小龙", "山田 太郎", "Ελένη Παππά", "Lil Illiad", "Berg, Olaf",
    "Mia 🎉 Wong", "Tom (Sales)", "Tom (Support)", "Priya Sharma (She/Her)", "Дмитро Коваль",
    "Nguyễn Văn Ánh",
)  # fmt: skip
SURE = 0.95

named = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=24)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Anna Berg", "Anna Berg"),
        ("anna berg", "Anna Berg"),
        ("AnnaBerg", "Anna Berg"),
        ("Anna Berg (Host)", "Anna Berg"),
        ("Anna Berg (Host, me)", "Anna Berg"),
        ("Anna Berg (Gast", "Anna Berg"),
        ("& Anna Berg", "Anna Berg"),
        ("Anna Berg |", "Anna Berg"),
        ("Anna Bergm…", "Anna Bergmann"),
        ("Alexandra Rich…", "Alexandra Richardson"),
        ("Alexandra Rich...", "Alexandra Richardson"),
        ("Alexandra Richardsor", "Alexandra Richardson"),
        ("Lukasz Zolc", "Łukasz Żółć"),
        ("Jose Nunez", "José Núñez"),
        ("Dmitri lvanov", "Dmitri Ivanov"),
        ("Dmitri Ivanov (he/him)", "Dmitri Ivanov"),
        ("Nguyn Văn Ánh", "Nguyễn Văn Ánh"),
        ("李小龙", "李小龙"),
        ("山田太郎", "山田 太郎"),
        ("EλÉvη Πaππá", "Ελένη Παππά"),
        ("LiI llliad", "Lil Illiad"),
        ("Olaf Berg", "Berg, Olaf"),
        ("Mia Wong", "Mia 🎉 Wong"),
        ("Mia 女 Wong", "Mia 🎉 Wong"),
        ("Tom (Sales)", "Tom (Sales)"),
        ("Priya Sharma", "Priya Sharma (She/Her)"),
        ("Priya Sharma (She/…", "Priya Sharma (She/Her)"),
    ],
)
def test_a_name_is_recognised_as_labels_show_it(text: str, name: str) -> None:
    found = match_names(text, ROSTER)
    assert ROSTER[int(found[:-1].argmax())] == name
    assert found.max() > SURE


@pytest.mark.parametrize(
    "text",
    [
        "Peter Schmidt",
        "Anna Schmidt",
        "Conference Room",
        "Tomas",
        "Ba Ba",
        "A…",
        "Al",
        "召歪",
        "Annb Bcrq",
    ],
)
def test_a_text_that_is_no_listed_name_names_nobody(text: str) -> None:
    assert match_names(text, ROSTER)[:-1].max() < SURE


def test_a_stranger_with_another_name_is_certainly_nobody_listed() -> None:
    assert match_names("Peter Schmidt", ROSTER)[-1] > 0.99


def test_a_cut_off_label_that_fits_two_is_shared_between_them() -> None:
    found = match_names("Alex…", ["Alexandra Rich", "Alexander Poe", "Bob Hall"])
    assert found[0] == pytest.approx(found[1])
    assert found[0] > 0.3
    assert match_names("Anna Berg…", ["Anna Berg", "Anna Bergmann"]).max() < SURE


def test_people_with_the_same_name_share_its_probability() -> None:
    found = match_names("Anna Berg", ["Anna Berg", "Bob Hall", "Anna Berg"])
    assert found[0] == found[2] == pytest.approx(0.5, abs=0.01)


def test_a_name_one_letter_away_is_not_certain() -> None:
    assert match_names("Jan Meyer", ["Jon Beyer", "Ian Mayr"])[:-1].max() < SURE
    assert match_names("Anna Berg", ["Anna Berk"])[0] < 0.99


def test_no_letters_and_no_roster_name_nobody() -> None:
    assert match_names("", ROSTER)[-1] == 1.0
    assert match_names("— |", ROSTER)[-1] == 1.0
    assert match_names("Anna Berg", []).tolist() == [1.0]


@settings(max_examples=150, deadline=None)
@given(named, st.lists(named, max_size=6))
def test_whatever_stands_there_gives_probabilities(text: str, names: list[str]) -> None:
    found = match_names(text, names)
    assert found.shape == (len(names) + 1,)
    assert found.sum() == pytest.approx(1.0)
    assert (found >= 0).all()


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(ROSTER), st.permutations(ROSTER))
def test_the_order_of_the_roster_does_not_matter(text: str, shuffled: list[str]) -> None:
    here, there = match_names(text, ROSTER), match_names(text, shuffled)
    assert here[-1] == pytest.approx(there[-1])
    for k, name in enumerate(ROSTER):
        assert here[k] == pytest.approx(there[shuffled.index(name)])


def cost_cell_by_cell(text: str, name: str) -> float:
    """The textbook form of what `match_names` computes for all names at once."""
    best = math.inf
    for shown, shown_cost in text_match._forms(text, text_match.BRACKET_ADDED):
        is_cut = text_match._CUT.search(shown) is not None
        read = text_match._signs(text_match._CUT.sub("", shown))
        for whole, whole_cost in text_match._forms(name, text_match.BRACKET_LOST):
            if read and (signs := text_match._signs(whole)):
                best = min(best, shown_cost + whole_cost + garbled_cost(read, signs, is_cut))
    return best


def garbled_cost(read: list[tuple[str, str]], signs: list[tuple[str, str]], is_cut: bool) -> float:
    rows, columns = len(read), len(signs)
    cost = {(0, 0): 0.0}
    for j, i in itertools.product(range(columns + 1), range(rows + 1)):
        ways = [cost.get((j, i), math.inf)]
        if i:
            ways.append(cost[j, i - 1] + text_match._added(read[i - 1][0]))
        if j == 0 and 0 < i <= 3 and not read[i - 1][0].isalnum():
            ways.append(text_match.SCRAP)
        if j:
            ways.append(cost[j - 1, i] + text_match._lost(signs[j - 1]))
        if i and j:
            ways.append(cost[j - 1, i - 1] + text_match._swap(signs[j - 1], read[i - 1]))
        if i > 1 and j:
            ways.append(cost[j - 1, i - 2] + text_match._split(signs[j - 1], read, i - 1))
        if i and j > 1 and (signs[j - 2][0] + signs[j - 1][0], read[i - 1][0]) in text_match._PAIRS:
            ways.append(cost[j - 2, i - 1] + text_match.LOOK_ALIKE)
        cost[j, i] = min(ways)
    whole = cost[columns, rows] + (text_match.MARK_READ if is_cut else 0.0)
    for scrap in (1, 2, 3):
        if scrap < rows and not read[rows - scrap][0].isalnum():
            whole = min(whole, cost[columns, rows - scrap] + text_match.SCRAP)
    cut = min([cost[j, rows] for j in range(text_match.LEAST_LEFT, columns)], default=math.inf)
    return min(whole, cut + (text_match.CUT_MARKED if is_cut else text_match.CUT_SILENTLY))


@settings(max_examples=80, deadline=None)
@given(st.one_of(named, st.sampled_from(ROSTER)), st.lists(named, max_size=4), st.integers(0, 12))
def test_all_names_at_once_cost_what_each_costs_alone(
    text: str, others: list[str], missing: int
) -> None:
    names = [*ROSTER, *others]
    for shown in (text, text[missing:], text[:missing] + "…", "& " + text + " |", "rn" + text):
        costs = text_match._name_costs(shown, names)
        assert costs == pytest.approx([cost_cell_by_cell(shown, name) for name in names])


@pytest.mark.parametrize("name", ROSTER)
def test_an_exact_name_wins(name: str) -> None:
    found = match_names(name, ROSTER)
    assert int(np.argmax(found)) == ROSTER.index(name)
    assert found.max() > SURE
