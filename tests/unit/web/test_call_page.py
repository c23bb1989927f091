"""The page of a call as it is read: the words first, their side above, no figure to puzzle over."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import pytest

from bot.calls.info import CallInfo
from bot.calls.result_rows import result_rows
from bot.web.render import CallPage, render_page
from inference.schema.analysis import CallAnalysis, Estimate
from storage.schema.tables import Call
from tests.analysis_builder import PersonSpec, make_call, make_info
from tests.call_kinds import KINDS, price_call, price_info


def page_of(analysis: CallAnalysis, info: CallInfo) -> str:
    """The page of an analysed call."""
    assert info.started_at is not None
    call = Call(
        id="call-1", zoom_uuid="u", zoom_meeting_id="1", topic=info.topic, topic_folded="",
        host_email="host@example.com", host_folded="", started_at=info.started_at,
        timezone=info.timezone, status="done", created_at=info.started_at,
        updated_at=info.started_at, report_path="report.pdf",
        **result_rows(analysis, series_path="").call,
    )  # fmt: skip
    return render_page(CallPage(call, (), (), analysis, "x/report.pdf"))


def plain(analysis: CallAnalysis, info: CallInfo) -> str:
    """What the page says, with plain spaces."""
    body = page_of(analysis, info).split("</style>")[1]
    text = " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())
    return text.replace(" ,", ",").replace(" :", ":")


def test_a_page_begins_with_the_words_at_the_fall_and_ends_with_its_limits() -> None:
    said = plain(price_call(), price_info())
    order = (
        "Harbourline: delivery notes pilot",
        "Thursday 10 September 2026, 15:00 (Europe/Amsterdam) · 1 min 36 s · Maya Lindqvist with",
        "Dana Whitfield stopped smiling at 0:28, and it lasted 40 seconds, while Maya said: “For "
        "all six depots, forty-eight thousand a year, billed up front.”",
        "0:28 ▼ Dana Whitfield stopped smiling for 40 seconds · strongest fall",
        "Dana: “I like that. And the price?” Maya: “For all six depots, forty-eight",
        "8 seconds of silence Dana: “Forty-eight.”",
        "1:15 ▲ Dana Whitfield began to smile",
        "Over the call",
        "Dana Whitfield their side",
        "Maya Lindqvist host, our side",
        "People",
        "Dana Whitfield their side",
        "spoke 48 % · longest without a break 8 s · asked 5",
        "Maya Lindqvist host, our side",
        "How sure is this?",
        "Report (PDF)",
        "Rapport reads what faces showed, not what people felt.",
    )
    at = -1
    for part in order:
        at = said.find(part, at + 1)
        assert at >= 0, f"{part!r} is missing, or stands elsewhere, in {said}"
    assert said.endswith(order[-1])


def test_a_figure_that_cannot_be_read_is_not_shown() -> None:
    call = price_call()
    maya, dana = call.participants
    wide = replace(dana.score, engagement=Estimate(0.54, 0.23, 0.85, 3.0))
    still = replace(maya.score, expression_s={"happy": 96.0})
    people = (replace(maya, score=still), replace(dana, score=wide))
    said = plain(replace(call, participants=people), price_info())
    said, _, sure = said.partition("How sure is this?")
    assert "engagement changed too much for one figure" in said
    assert said.count("the same expression throughout") == 2, "in the lane and among the people"
    assert not re.search(r"likely|of 100|attention|face seen", said, re.IGNORECASE)
    assert "Dana Whitfield 54 23–85 100 %" in sure


def test_a_gap_in_a_lane_says_whether_the_camera_was_off() -> None:
    people = [PersonSpec("Ana", 0.9, side="rep"), PersonSpec("Tom", 0.0, side="prospect")]
    call = make_call(people, duration_s=600)
    page = page_of(call, price_info())
    assert page.count('text-anchor="middle">not seen<') == 1
    ana, tom = call.participants
    call = replace(call, participants=(ana, replace(tom, camera_off_s=600.0)))
    page = page_of(call, price_info())
    assert 'text-anchor="middle">camera off<' in page
    assert plain(call, price_info()).count("camera off") == 2


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_call_has_a_page_without_a_mean_of_both_sides(kind: str) -> None:
    analysis, info = KINDS[kind]()
    both = replace(analysis.call, engagement=Estimate(0.113, 0.106, 0.124, 900.0))
    said = plain(replace(analysis, call=both), info)
    assert not re.search(r"11 of 100|11–12", said)
    assert said.endswith("Rapport reads what faces showed, not what people felt.")


def test_what_people_typed_is_text_on_the_page() -> None:
    nasty = "<script>$5</script> & <i>Weiß"
    people = [PersonSpec(nasty, side="rep"), PersonSpec("يوسف", side="prospect")]
    call = make_call(people, duration_s=600, quotes=[nasty])
    page = page_of(call, make_info(nasty))
    for typed in ("<script", "<i>"):
        assert typed not in page
    assert "“&lt;script&gt;$5&lt;/script&gt; &amp; &lt;i&gt;Weiß”" in page
    assert "<bdi>\u2068يوسف\u2069</bdi>" in page


def test_a_sentence_about_a_name_from_right_to_left_still_reads_from_left_to_right() -> None:
    people = [PersonSpec("שרה כהן", side="rep"), PersonSpec("محمد علي", side="prospect")]
    page = page_of(make_call(people, duration_s=600, quotes=["كم سيكلفنا؟"]), make_info())
    (answer,) = re.findall(r'<p class="answer"[^>]*>.*?</p>', page)
    # "auto" would take the direction of the name for that of the whole sentence.
    assert answer.startswith('<p class="answer"><b>\u2068محمد علي\u2069 looked tense from')
    assert answer.endswith("<bdi>“كم سيكلفنا؟”</bdi></p>")
    assert "\u2068שרה כהן\u2069 with \u2068محمد علي\u2069" in page
