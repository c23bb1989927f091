"""Zoom's chat file: valid, odd and broken ones."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.zoom.chat import parse_chat


def test_messages_have_a_time_a_sender_and_text() -> None:
    found = parse_chat("00:21:14\tAda Lovelace:\tHello – all\n01:00:00\tBob:\tHi\n".encode())
    assert [(one.at_s, one.sender, one.text) for one in found.messages] == [
        (1274, "Ada Lovelace", "Hello – all"),
        (3600, "Bob", "Hi"),
    ]
    assert found.problems == ()


def test_messages_of_several_lines_with_tabs_stay_whole() -> None:
    data = b"00:00:01\tAda:\tone\ttwo\nthree\n\n00:00 four\n00:00:09\tSales: Bob:\tfive"
    assert [(one.sender, one.text) for one in parse_chat(data).messages] == [
        ("Ada", "one\ttwo\nthree\n\n00:00 four"),
        ("Sales: Bob", "five"),
    ]


def test_a_message_with_an_empty_first_line_is_kept() -> None:
    assert parse_chat(b"00:00:01\tAda:\nhello").messages[0].text == "hello"


def test_stray_lines_wrong_order_and_late_messages_are_reported() -> None:
    data = b"stray\n00:00:09\tBob:\tlate\n00:00:01\tAda:\tearly\n00:01:00\tBob:\tafter\n"
    found = parse_chat(data, 30.0)
    assert [one.text for one in found.messages] == ["early", "late"]
    assert found.problems == (
        "CHAT: 1 line could not be read and was left out.",
        "CHAT: 1 message out of order was sorted.",
        "CHAT: 1 message after the end of the recording was left out.",
    )


def test_a_call_in_which_nobody_wrote_is_not_a_problem() -> None:
    assert parse_chat(b"").problems == ()


def test_utf16_is_read() -> None:
    found = parse_chat("00:00:01\tÇağla:\tgünaydın\n".encode("utf-16"))
    assert (found.messages[0].sender, found.problems) == ("Çağla", ())


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
def test_any_bytes_parse_to_messages_and_problem_sentences(data: bytes) -> None:
    parse_chat(data, 10.0)
