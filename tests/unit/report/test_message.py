"""The Slack message: where they were lost and what was said, on one screen of a phone."""

from __future__ import annotations

import json
import re
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
)
from bot.text.words import NBSP
from inference.schema.analysis import CallAnalysis
from inference.schema.observations import Quality
from tests.analysis_builder import STARTED_AT, PersonSpec, make_call, make_info
from tests.call_kinds import KINDS, crowd, price_call, price_info

NASTY = "<!channel> @here <@U123> *bold* `code` & <http://evil|click>"
PAGE = "https://r.example/c/token"


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


def demo(analysis: CallAnalysis | None = None, *, has_video: bool = True) -> Message:
    return compose_message(
        analysis or price_call(), price_info(), page_url=PAGE, has_video=has_video
    )


def compose(analysis: CallAnalysis | None = None, **changes: Any) -> Message:
    return compose_message(analysis or make_call(), make_info(**changes), page_url=None)


def plain(message: Message) -> str:
    return as_text(message).replace(NBSP, " ")


def buttons(message: Message) -> list[tuple[str, str]]:
    return [
        (button["text"]["text"], button["url"])
        for block in message.blocks
        if block["type"] == "actions"
        for button in block["elements"]
    ]


def test_the_price_stands_out_among_the_words_at_the_fall() -> None:
    kinds = [block["type"] for block in demo().blocks]
    assert kinds == ["header", "section", "actions", "section", "context", "context"]
    assert demo().blocks[1]["text"]["text"].replace(NBSP, " ").split("\n") == [
        "*Dana Whitfield stopped smiling at 0:28*, and it lasted 40 seconds, while Maya said:",
        "> Dana: “I like that. And the price?”",
        "> *Maya: “For all six depots, forty-eight thousand a year, billed up front.”*",
        "> 8 seconds of silence. Dana: “Forty-eight.”",
    ]


def test_a_rise_is_one_line_after_the_fall_whichever_is_stronger() -> None:
    fall, rise = price_call().moments
    for moments in ((fall, rise), (rise, fall)):
        said = demo(replace(price_call(), moments=moments)).blocks
        assert "stopped smiling at 0:28" in said[1]["text"]["text"]
        assert said[3]["text"]["text"].startswith(
            f"*Began to smile at <{PAGE}?t=70|1:15>*, at “Eight weeks are six thousand, in two"
        )


def test_facts_and_limits_are_one_line_each() -> None:
    assert plain(demo()).split("\n\n")[-2:] == [
        "10 Sep, 15:00 · 1 min 36 s · Maya Lindqvist with Dana Whitfield · Maya spoke 52 %",
        "What a face shows is not what a person feels.\n",
    ]


def test_a_notification_begins_with_the_sentence_and_its_words() -> None:
    told = demo().text
    assert told.startswith(
        "Dana Whitfield stopped smiling at 0:28, as Maya said “For all six depots, forty-eight"
    )
    assert told[:100].count("”") == 1, "the words end within what a phone shows"
    assert told.endswith(" · Harbourline: delivery notes pilot")


def test_the_first_button_plays_the_call_five_seconds_before_the_change() -> None:
    assert buttons(demo()) == [("Watch from 0:23", f"{PAGE}?t=23"), ("See the call", PAGE)]


def test_without_a_recording_on_the_page_nothing_promises_one() -> None:
    message = demo(has_video=False)
    assert buttons(message) == [("Go to 0:28", f"{PAGE}?t=28"), ("See the call", PAGE)]
    assert "Watch" not in as_text(message)
    assert buttons(compose()) == []


def test_nobody_is_said_to_have_spoken_meanwhile_who_had_stopped() -> None:
    call = price_call()
    fall = replace(call.moments[0], change_s=33.0)  # 4 s after the price
    said = demo(replace(call, moments=(fall,))).blocks[1]["text"]["text"]
    assert "after Maya said:" in said
    silent = replace(fall, kind="silence", silence_s=7.8, change_s=29.2)
    told = plain(demo(replace(call, moments=(call.moments[0], silent))))
    assert "Nobody spoke for 8 seconds from 0:29" in told


def test_words_of_another_time_are_not_told_as_said_just_then() -> None:
    call = price_call()
    fall = replace(call.moments[0], said_by=0)  # Maya speaks on, and the transcript ends
    (price,) = (line for line in fall.lines if line.at_change)
    meanwhile = {
        after_s: plain(
            demo(replace(call, moments=(replace(fall, change_s=price.end_s + after_s),)))
        )
        for after_s in (5, 15, 45)
    }
    assert "while Maya said:" in meanwhile[5]
    assert "after Maya said:" in meanwhile[15]
    assert "Maya said" not in meanwhile[45]
    assert "“" not in meanwhile[45]
    early = replace(fall, change_s=price.start_s - 45, lines=(price,))
    assert "“" not in plain(demo(replace(call, moments=(early,))))


def test_our_own_faces_never_lead_where_the_other_side_is_known() -> None:
    fall, rise = price_call().moments
    ours = replace(fall, side="rep", participants=(0,), strength=1.0)
    led = demo(replace(price_call(), moments=(ours, rise)))
    assert led.text.startswith("Dana Whitfield began to smile at 1:15, as Maya said “Eight weeks")
    alone = compose(make_call([PersonSpec("Ana Ruiz", side="rep")]))
    assert alone.text.startswith("Ana Ruiz (our side) stopped smiling")


def test_a_smile_of_greeting_is_no_turn() -> None:
    hello = replace(price_call().moments[1], change_s=3.0, is_greeting=True)
    assert demo(replace(price_call(), moments=(hello,))).text.startswith("No clear turn. Dana")


def test_a_call_without_a_turn_says_how_they_were_and_what_they_asked_last() -> None:
    told = plain(demo(replace(price_call(), moments=())))
    assert re.search(
        r"No clear turn\. Dana Whitfield [a-z ]+; asked 5 questions; "
        r"last: “Can we start on the ninth\?”",
        told,
    )
    assert buttons(demo(replace(price_call(), moments=()))) == [("See the call", PAGE)]


def test_of_unseen_faces_the_message_says_who_spoke_and_how_long() -> None:
    specs = [PersonSpec("Maya Lindqvist", 0, talk=2, side="rep"), PersonSpec("Tom Becker", 0)]
    call = make_call(specs, quality=Quality(frames_sampled=100), has_transcript=False)
    assert compose(call).text.startswith("No face was seen. Maya spoke ")
    off = tuple(replace(person, camera_off_s=1800.0) for person in call.participants)
    told = compose(replace(call, participants=off)).text.replace(NBSP, " ")
    assert re.match(
        r"Cameras were off\. Maya spoke \d\d %, longest without a break [^·]+\. ·", told
    )
    assert told.count("spoke") == 1


def test_a_face_that_does_not_move_is_no_mood() -> None:
    call = replace(price_call(), moments=())
    maya, dana = call.participants
    still = replace(dana, score=replace(dana.score, expression_s={"happy": 95.0, "neutral": 1.0}))
    told = demo(replace(call, participants=(maya, still))).text
    assert "Dana Whitfield showed the same expression throughout" in told


def test_how_much_of_their_faces_was_seen_is_told_only_where_it_was_little() -> None:
    assert "faces seen" not in plain(demo())
    people = [PersonSpec("Ana", 1.0, side="rep"), PersonSpec("Tom", 0.5, side="prospect")]
    assert " · their faces seen 50 %" in plain(compose(make_call(people)))


def test_what_is_missing_is_told_in_the_facts() -> None:
    message = compose(make_call(has_transcript=False), has_transcript=False)
    assert "“" not in as_text(message)
    assert "· no transcript" in as_text(message)
    damaged = Quality(frames_sampled=100, lost_share=0.12, faces_seen=90)
    assert "12 % of the picture missing" in plain(compose(make_call(quality=damaged)))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_call_is_one_screen_without_a_figure_that_needs_explaining(kind: str) -> None:
    analysis, info = KINDS[kind]()
    for replaced_at in (None, STARTED_AT):
        message = compose_message(
            analysis, info, page_url=PAGE, has_video=True, replaced_at=replaced_at
        )
        assert block_errors(message.blocks) == ("", [])
        told = as_text(message)
        assert not re.search(r"of 100|likely|engagement|attention|sure", told, re.IGNORECASE)
        # A phone shows about 33 letters a line, and 20 lines besides the buttons on one screen.
        shown = [line for line in told.splitlines() if line.strip("─") and "https:" not in line]
        assert sum(-(-len(line) // 33) for line in shown) <= 20
        assert len(message.text) < 300


@pytest.mark.parametrize("count", [0, 1, 3, 9, 10, 40])
def test_slack_takes_the_message_for_any_number_of_people(count: int) -> None:
    analysis = make_call(crowd(count), duration_s=600, quotes=["&<>" * 400 + " end"])
    message = compose_message(
        analysis, make_info("T" * 400), page_url=f"{PAGE}{'x' * 400}", has_video=True
    )
    assert block_errors(message.blocks) == ("", [])
    assert len(json.dumps(message.blocks, ensure_ascii=False)) < 12_000
    assert 0 < len(message.text) < 3000


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
    assert NASTY.startswith(as_text(message).splitlines()[0].rstrip("…"))


def test_escaping_leaves_ordinary_text_alone() -> None:
    assert escape("It costs $5 to $9, ana@example.com, snake_case") == (
        "It costs $5 to $9, ana@example.com, snake_case"
    )


def test_a_message_that_replaces_another_says_first_which_one() -> None:
    posted_at = STARTED_AT + timedelta(hours=2)
    message, info = compose(), make_info()
    again = compose_message(make_call(), info, page_url=None, replaced_at=posted_at)
    assert as_text(again).strip().split("\n")[0] == (
        "Replaces the message of 19 Nov, 17:00, which Slack did not let Rapport edit."
    )
    assert again.blocks[1] == message.blocks[0]
    assert again.text == message.text, "a notification starts with the sentence"
    failed = compose_failure(info, "Zoom has deleted the file.", replaced_at=posted_at)
    assert failed.blocks[0] == again.blocks[0]


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
