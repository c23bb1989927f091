"""Which figures the report shows: none that cannot be read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from inference.schema.analysis import CallAnalysis, Estimate
from tests.analysis_builder import PersonSpec, make_call
from tests.reports import report


def with_scores(analysis: CallAnalysis, index: int, **scores: object) -> CallAnalysis:
    """Return the call with other figures of one person."""
    people = list(analysis.participants)
    score = replace(people[index].score, **scores)  # type: ignore[arg-type]
    people[index] = replace(people[index], score=score)
    return replace(analysis, participants=tuple(people))


@pytest.mark.parametrize(
    ("low", "high", "face_s", "told"),
    [
        (0.45, 0.75, 50.0, "Engagement 60 of 100"),
        (0.44, 0.76, 50.0, "Engagement too little seen for a figure"),
        (0.44, 0.76, 61.0, "Engagement changed too much for one figure"),
    ],
)
def test_a_figure_stands_only_where_its_interval_can_be_read(
    low: float, high: float, face_s: float, told: str, tmp_path: Path
) -> None:
    call = make_call([PersonSpec("Tom Becker")], duration_s=70)
    estimate = Estimate(0.6, low, high, 9.0)
    page = report(tmp_path, with_scores(call, 0, engagement=estimate, face_s=face_s))[1]
    assert told in page


def test_changes_stand_only_where_they_are_clear_and_faces_seen_only_where_few(
    tmp_path: Path,
) -> None:
    call = make_call([PersonSpec("Tom Becker")], duration_s=70)
    told = with_scores(call, 0, coverage=0.79, baseline_change=Estimate(0.08, 0.01, 0.15, 9))
    page = report(tmp_path, told)[1]
    assert "Against own start +8 points" in page
    assert "Face seen 79 %" in page
    unclear = with_scores(call, 0, coverage=0.8, baseline_change=Estimate(0.08, -0.01, 0.17, 9))
    page = report(tmp_path, unclear)[1]
    assert "Against own start" not in page
    assert "ace seen" not in page


def test_a_face_that_does_not_move_is_no_mood(tmp_path: Path) -> None:
    call = make_call([PersonSpec("Tom Becker")], duration_s=70)
    still = with_scores(call, 0, expression_s={"happy": 69.0, "neutral": 1.0}, face_s=70.0)
    page = report(tmp_path, still)[1]
    assert "The same expression throughout" in page
    assert " of 100" not in page
    assert "Smiling" not in page


def test_a_1_to_5_profile_shows_its_score_beside_engagement(tmp_path: Path) -> None:
    analysis = make_call([PersonSpec("Tom Becker")], duration_s=120)
    assert "of 5" not in report(tmp_path, analysis)[1]
    scored = with_scores(analysis, 0, score=Estimate(3.42, 3.1, 3.74, 20.0))
    page = report(tmp_path, replace(scored, profile="seminar"))[1]
    assert "Score, seminar 3.4 of 5" in page
