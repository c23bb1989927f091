"""Who may be scored, shown and kept follows from one setting."""

from __future__ import annotations

import pytest

from bot.calls.privacy import (
    assess_options,
    keeps_everyone,
    kept_under,
    may_be_used,
    shows_everyone,
)
from bot.settings import CallSettings, Settings
from inference.assess import AssessOptions, may_be_scored


def options(score_own_side: bool) -> AssessOptions:
    settings = Settings(_env_file=None, calls=CallSettings(score_own_side=score_own_side))
    return assess_options(settings)


@pytest.mark.parametrize("side", ["rep", "prospect", "unknown"])
def test_everyone_is_scored_shown_and_kept_by_default(side: str) -> None:
    usual = assess_options(Settings(_env_file=None))
    assert may_be_scored(side, usual)
    assert shows_everyone(usual)
    assert keeps_everyone(usual)


def test_without_the_own_side_only_people_known_to_be_on_the_other_side_are_scored() -> None:
    strict = options(score_own_side=False)
    assert may_be_scored("prospect", strict)
    assert not may_be_scored("rep", strict)
    assert not may_be_scored("unknown", strict)
    assert not shows_everyone(strict)
    assert not keeps_everyone(strict)


@pytest.mark.parametrize(
    ("kept", "now", "is_used"),
    [(True, True, True), (False, True, True), (False, False, True), (True, False, False)],
)
def test_an_analysis_that_holds_more_than_may_be_kept_is_not_used(
    kept: bool, now: bool, is_used: bool
) -> None:
    assert may_be_used(kept_under(options(kept)), options(now)) is is_used


def test_an_analysis_without_a_note_holds_everyone() -> None:
    assert may_be_used({}, options(True))
    assert not may_be_used({}, options(False))


def test_a_profile_given_by_hand_goes_before_the_settings() -> None:
    assert assess_options(Settings(_env_file=None)).profile == "sales"
    assert assess_options(Settings(_env_file=None), "classic").profile == "classic"
