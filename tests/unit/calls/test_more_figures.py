"""The figures beside the engagement in `rapport analyze --json`."""

from __future__ import annotations

import json

import pytest

from bot.cli.recordings.json_output import analysis_json
from inference.scoring.environments import ENVIRONMENTS
from tests.analysis_builder import PersonSpec, make_call


def test_each_person_has_the_scores_of_all_environments_and_three_curves() -> None:
    analysis = make_call([PersonSpec("Ana Ruiz"), PersonSpec("Tom Becker", 0.0)], duration_s=95)
    ana, tom = json.loads(json.dumps(analysis_json(analysis), allow_nan=False))["participants"]

    assert tuple(ana["environments"]) == ENVIRONMENTS
    for scored in ana["environments"].values():
        low, high = scored["interval"]
        assert 1 <= low <= scored["score"] <= high <= 5
    assert sum(ana["more_figures"]["expression_share"].values()) == pytest.approx(1)
    curves = ana["more_figures"]["curves"]
    assert curves.pop("step_s") == 10
    assert {name: len(values) for name, values in curves.items()} == {
        "rolling_30s": 10, "rolling_60s": 10, "cumulative": 10,
    }  # fmt: skip
    assert any(value is not None for value in curves["rolling_30s"])

    assert tom["environments"] == tom["more_figures"]["expression_share"] == {}
    assert set(tom["more_figures"]["curves"]["cumulative"]) == {None}


def test_curves_of_a_long_call_stay_short() -> None:
    analysis = make_call([PersonSpec("Ana Ruiz")], duration_s=3 * 3600, interval_s=2.0)
    curves = analysis_json(analysis)["participants"][0]["more_figures"]["curves"]
    assert len(curves["cumulative"]) == 360
