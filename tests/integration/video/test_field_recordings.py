"""Recordings that once went wrong, analysed from the command line; their README has the answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bot.cli.app import app
from tests.places import FIELD_DATA

pytestmark = pytest.mark.skipif(
    not (FIELD_DATA / "video" / "ramp_ts.mp4").is_file(),
    reason=f"needs the recordings in {FIELD_DATA}",
)
ENGAGEMENT = {"Maya Lindqvist": 0.83, "Dana Whitfield": 0.74}
"""In the plain call."""
TALK_S = {"Maya Lindqvist": 12.3, "Dana Whitfield": 10.9}
"""By the TIMELINE."""


def analysed(name: str, folder: Path) -> dict[str, Any]:
    arguments = ["analyze", str(FIELD_DATA / "video" / name), "--json", "--out", str(folder)]
    for option, file in (
        ("--timeline", "timeline.json"),
        ("--transcript", "transcript/transcript.vtt"),
        ("--chat", "chat/chat.txt"),
    ):
        arguments += [option, str(FIELD_DATA / file)]
    outcome = CliRunner().invoke(app, arguments)
    assert outcome.exit_code == 0, outcome.stderr
    result: dict[str, Any] = json.loads(outcome.stdout)
    return result


@pytest.mark.parametrize("name", ["ramp_ts.mp4", "freeze_end.mp4", "sparse.mp4", "selfie.mp4"])
def test_the_call_is_the_plain_one(name: str, tmp_path: Path) -> None:
    call = analysed(name, tmp_path)
    assert call["call"]["duration_s"] == pytest.approx(24.0, abs=0.05)
    people = {person["name"]: person for person in call["participants"]}
    assert set(people) == set(ENGAGEMENT)
    for who, person in people.items():
        assert person["engagement"] == pytest.approx(ENGAGEMENT[who], abs=0.05)
        assert person["talk_s"] == pytest.approx(TALK_S[who], abs=0.1)
        assert person["coverage"] > 0.9
