"""The Slack message: the answer first, within Slack's limits, and nothing a user typed acts."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.demo.stand_ins.slack_blocks import block_errors
from bot.report.message import (
    Message,
    as_text,
    compose_failure,
    compose_message,
    escape,
    replacing,
)
from bot.report.sides import side_sentence
from tests.analysis_builder import PersonSpec, make_call, make_info

NASTY = "<!channel> @here <@U123> *bold* `code` & <http://evil|click>"


def texts(message: Message) -> list[str]:
    """Every text in the message's blocks."""
    found: list[str] = []

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            if isinstance(value.get("text"), str):
                found.append(value["text"])
            for item in value.values():
                walk(item)
        elif isinstance(value, list):
            for item in value:
                walk(item)

    walk(message.blocks)
    return found


def crowd(count: int) -> list[PersonSpec]:
    return [PersonSpec(f"Person with a rather long name {i}", talk=1.0) for i in range(count)]


def compose(analysis: Any = None, **changes: Any) -> Message:
    info = make_info(**changes)
    return compose_message(analysis or make_call(), info, report_url=None, page_url=None)


def test_the_first_lines_are_the_topic_the_date_and_the_answer() -> None:
    lines = [line for line in as_text(compose()).splitlines() if line]
    assert lines[0] == "Acme renewal: pricing and rollout"
    assert lines[2] == "19 Nov 2026, 15:00 Europe/Berlin · 30\u00a0min, 3 people"
    assert lines[3].startswith("Engagement averaged ")
    assert "The sharpest drop came at 12:00: Ana Ruiz's engagement fell from 61 to 38" in lines[3]


def test_key_figures_are_told_on_0_to_100_with_their_likely_range() -> None:
    fields = next(b["fields"] for b in compose().blocks if "fields" in b)
    assert len(fields) == 4
    assert fields[0]["text"].startswith("Engagement\n*5")
    assert " of 100*\nlikely between " in fields[0]["text"]


def test_the_three_strongest_moments_come_with_time_and_quotes() -> None:
    told = [t for t in texts(compose()) if "\n> " in t]
    assert len(told) == 3
    assert told[0].startswith("*12:00*  Our side: Ana Ruiz's engagement fell")
    assert " while Priya Nair (their side) spoke\n" in told[0]
    assert "> " in told[0]
    assert "“" in told[0]


def test_one_line_says_what_their_side_showed_while_ours_spoke() -> None:
    said = as_text(compose())
    assert (
        "While our side spoke, their side showed 51 of 100 (likely 48–54), mostly neutral" in said
    )
    assert "; while they spoke themselves, 51 (likely 48–54)." in said


def test_a_look_of_less_than_half_of_the_faces_is_not_called_most() -> None:
    call = make_call()
    (theirs,) = (side for side in call.sides if side.side == "prospect")
    shares = {"surprise": 0.4, "neutral": 0.35, "happy": 0.25}
    seen = [replace(reaction, shares=shares) for reaction in theirs.reactions]
    said = side_sentence([replace(theirs, reactions=tuple(seen))])
    assert "), most often surprised-looking; " in said


@pytest.mark.parametrize(
    "people",
    [
        [PersonSpec("Ana Ruiz"), PersonSpec("Tom Becker")],
        [PersonSpec("Ana Ruiz", side="rep"), PersonSpec("Tom Becker", 0.0, side="prospect")],
        [PersonSpec("Ana Ruiz", side="rep", talk=0), PersonSpec("Tom Becker", side="prospect")],
    ],
    ids=["no sides known", "nobody of theirs seen", "ours never spoke"],
)
def test_nothing_is_said_of_sides_where_nothing_is_known(people: list[PersonSpec]) -> None:
    assert "our side spoke" not in as_text(compose(make_call(people)))


def test_a_message_without_transcript_says_so_and_quotes_nothing() -> None:
    message = compose(make_call(has_transcript=False), has_transcript=False)
    assert "“" not in as_text(message)
    assert "No transcript, so no quotes." in as_text(message)


def test_buttons_stand_only_for_the_addresses_that_are_given() -> None:
    analysis, info = make_call(), make_info()
    none = compose_message(analysis, info, report_url=None, page_url=None)
    assert all(block["type"] != "actions" for block in none.blocks)
    both = compose_message(
        analysis, info, report_url="https://r.example/a", page_url="https://r.example/b"
    )
    labels = [(b["text"]["text"], b["url"]) for b in both.blocks[-1]["elements"]]
    assert labels == [
        ("Open the report", "https://r.example/a"),
        ("See the call", "https://r.example/b"),
    ]


@pytest.mark.parametrize("count", [0, 1, 3, 9, 10, 40])
def test_slack_takes_the_message_for_any_number_of_people(count: int) -> None:
    analysis = make_call(crowd(count), duration_s=600, quotes=["&<>" * 400 + " end"])
    message = compose_message(
        analysis, make_info("T" * 400), report_url="https://r.example", page_url=None
    )
    assert block_errors(message.blocks) == ("", [])
    again = replacing(message, make_info().started_at, "Europe/Berlin")
    assert block_errors(again.blocks) == ("", [])
    assert len(json.dumps(message.blocks, ensure_ascii=False)) < 12_000
    assert 0 < len(message.text) < 3000


def test_ten_people_are_eight_and_two_more_in_the_report() -> None:
    assert "and 2 more in the report" in as_text(compose(make_call(crowd(10), duration_s=600)))
    assert "more in the report" not in as_text(compose(make_call(crowd(9), duration_s=600)))


def test_what_people_type_mentions_nobody_and_formats_nothing() -> None:
    people = [PersonSpec(NASTY, talk=2.0), PersonSpec("Tom", talk=1.0)]
    message = compose(make_call(people, quotes=[NASTY]), topic=NASTY)
    for text in [*texts(message), message.text]:
        assert "<" not in text
        assert "@here" not in text
    assert all(
        block["text"].get("verbatim", True)
        for block in message.blocks
        if block["type"] == "section" and "text" in block
    )
    assert as_text(message).splitlines()[0] == NASTY


def test_escaping_leaves_ordinary_text_alone() -> None:
    assert escape("It costs $5 to $9, ana@example.com, snake_case") == (
        "It costs $5 to $9, ana@example.com, snake_case"
    )


def test_a_call_without_a_face_says_so_and_still_tells_who_spoke() -> None:
    people = [PersonSpec("Ana Ruiz", 0.0, talk=2.0), PersonSpec("Tom Becker", 0.0, talk=1.0)]
    said = as_text(compose(make_call(people)))
    assert "No face could be read in this call." in said
    assert "face not seen · " in said
    assert "of the talk" in said


def test_a_person_left_unscored_shows_talk_and_no_engagement() -> None:
    people = [PersonSpec("Ana Ruiz", is_scored=False), PersonSpec("Tom Becker")]
    said = as_text(compose(make_call(people)))
    line = said.split("Ana Ruiz", 1)[1].splitlines()[1]
    assert "not scored" in line
    assert "of 100" not in line


def test_a_message_that_replaces_another_says_first_which_one() -> None:
    message = compose()
    posted_at = make_info().started_at + timedelta(hours=2)
    again = replacing(message, posted_at, "Europe/Berlin")
    assert as_text(again).split("\n")[0] == (
        "This replaces the message of 19 Nov 2026, 17:00 Europe/Berlin, which Slack did not let "
        "Rapport edit."
    )
    assert again.blocks[1:] == message.blocks
    assert again.text == f"Replaces an earlier message: {message.text}"


def test_a_failure_is_one_line_with_the_reason_and_what_to_do() -> None:
    message = compose_failure(make_info(), "Zoom has deleted <the file>.\nAsk the host.")
    assert len(message.blocks) == 1
    said = as_text(message).strip()
    assert "\n" not in said
    assert "Acme renewal: pricing and rollout" in said
    assert "Zoom has deleted <the file>. Ask the host" in said
    assert said.endswith("an operator can start call call-1 again.")
    assert "<the" not in message.text


def test_the_same_call_gives_the_same_message() -> None:
    assert compose() == compose()
