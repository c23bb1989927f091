"""A moment comes back from the database as it was found, also from rows of earlier versions."""

from __future__ import annotations

from dataclasses import replace

from bot.calls.result_rows import moment_from_row, result_rows
from storage.schema import tables
from tests.analysis_builder import make_call


def test_a_stored_moment_is_the_one_that_was_found() -> None:
    analysis = make_call()
    for moment in analysis.moments:
        found = replace(
            moment, lasted_s=21.5, said_by=1, what="looked tense", silence_s=9.25, is_greeting=True
        )
        (row,) = result_rows(replace(analysis, moments=(found,)), series_path="s").moments
        back = moment_from_row(tables.Moment(**row, call_id="c", position=0))
        assert replace(back, lines=()) == replace(
            found, lines=(), change_s=round(found.change_s, 3), start_s=round(found.start_s, 3)
        )
        assert [(line.text, line.at_change, line.pause_s) for line in back.lines] == [
            (line.text, line.at_change, line.pause_s) for line in found.lines
        ]


def test_a_row_of_an_earlier_version_has_its_change_five_seconds_in() -> None:
    said = [
        {"start_ms": at, "end_ms": at + 900, "speaker": "Dana", "text": f"at {at}"}
        for at in range(20_000, 40_000, 1000)
    ]
    row = tables.Moment(
        call_id="c", position=0, start_ms=22_500, end_ms=37_500, kind="fall", participants=[0],
        reason="Dana's engagement fell from 80 to 40", before=0.8, after=0.4, strength=0.4,
        lines=said,
    )  # fmt: skip
    moment = moment_from_row(row)
    assert moment.change_s == 27.5
    assert [(line.text, line.at_change) for line in moment.lines] == [
        ("at 26000", False), ("at 27000", True), ("at 28000", False),
    ]  # fmt: skip
