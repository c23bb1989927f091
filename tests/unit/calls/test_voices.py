"""Whose an audio file is, by its name alone."""

from __future__ import annotations

import unicodedata

import pytest

from bot.calls.voices import name_in, owner_of

ADA, BEN, JOSE, LI = ("Ada Example", "1"), ("Ben", "2"), ("José Peña 🎧", "3"), ("李小龙", "4")
EVERYBODY = [ADA, BEN, JOSE, LI]


@pytest.mark.parametrize(
    ("file_name", "owner"),
    [
        ("Audio only - Ada Example", ADA),
        ("Audio only - Ada Example.m4a", ADA),
        ("Ada Example.M4A", ADA),
        ("audioAdaExample21617301.m4a", ADA),
        ("audio_only_ada_example.m4a", ADA),
        ("Audio only - José Peña 🎧.m4a", JOSE),
        (unicodedata.normalize("NFD", "José Peña 🎧.m4a"), JOSE),
        ("audioJoséPeña11617301.m4a", JOSE),
        ("Audio only - 李小龙.m4a", LI),
        ("Audio only - Benjamin.m4a", None),
        ("Audio only - Cy.m4a", None),
        ("audio21617301.m4a", None),
        ("audioBen2.m4a", None),
        ("", None),
    ],
)
def test_a_file_is_whose_name_it_bears(file_name: str, owner: tuple[str, str] | None) -> None:
    assert owner_of(file_name, EVERYBODY) == owner


def test_a_name_that_fits_two_people_is_nobodys() -> None:
    assert owner_of("Ben.m4a", [BEN, ("Ben", "9")]) is None
    assert owner_of("audioben1234567.m4a", [BEN, ("BEN", "9")]) is None
    assert owner_of("Ben.m4a", [BEN, ("BEN", "9")]) == BEN, "letter for letter it fits one"


def test_a_number_after_a_name_that_ends_in_one_is_not_taken_apart() -> None:
    rooms = [("Room 2", "1"), ("Depot", "2")]
    assert owner_of("audioRoom21617301.m4a", rooms) is None
    assert owner_of("Audio only - Room 2.m4a", rooms) == rooms[0]


def test_a_prefix_is_not_mistaken_for_a_name() -> None:
    assert owner_of("Audio only - Ben.m4a", [("Audio", "7"), BEN]) == BEN
    assert owner_of("Audio only - Audio Desk.m4a", [("Audio Desk", "7"), BEN]) == (
        "Audio Desk",
        "7",
    )


def test_the_name_in_a_files_name_is_kept_letter_for_letter() -> None:
    assert name_in("Audio only - Dr. A. Lee.m4a") == name_in("Dr. A. Lee.m4a") == "Dr. A. Lee"
    assert name_in("Dr. A. Lee") == "Dr. A. Lee"
