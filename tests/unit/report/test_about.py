"""The report's last page says what the figures are measured against."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.report.about import about_sections
from inference.schema.analysis import CallAnalysis
from tests.analysis_builder import make_call


def how_to_read(analysis: CallAnalysis) -> str:
    sections = about_sections(analysis, (), "", None)
    return next(s.paragraphs[0] for s in sections if s.heading == "How to read the figures")


@pytest.mark.parametrize(
    ("version", "profile", "calm"), [(1, "sales", "44"), (2, "sales", "65"), (2, "classic", "50")]
)
def test_a_calm_face_is_where_the_version_and_the_profile_put_it(
    version: int, profile: str, calm: str
) -> None:
    analysis = replace(make_call(), scoring_version=version, profile=profile)
    assert f" is {calm}, " in how_to_read(analysis)
    assert ("own calm face" in how_to_read(analysis)) == (calm == "65")


def test_a_recording_that_does_not_say_who_spoke_is_read_as_listening() -> None:
    heard, blind = (
        how_to_read(replace(make_call(has_turns=has_turns), scoring_version=2))
        for has_turns in (True, False)
    )
    assert "all of it counts as listening" in blind
    assert "all of it counts as listening" not in heard
