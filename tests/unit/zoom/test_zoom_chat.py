"""Zoom's chat file: valid, odd and broken ones."""

from __future__ import annotations

import time
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.zoom.chat import parse_chat

EXPECTED = 'expected "00:21:14<TAB>Name:<TAB>message" or "15:21:14 From Name to Everyone: message".'
START = datetime.fromisoformat("2026-09-10T15:00:05+02:00")
UTC_START = datetime.fromisoformat("2026-09-10T13:00:05Z")
NO_START = (
    "CHAT: 1 message with a time of day was left out: the recording's start is not known; "
    "give it with --start, such as --start 2026-09-10T13:00:05Z."
)


def said(text: str, start_at: datetime | None = START) -> list[tuple[float, str, str]]:
    found = parse_chat(text.encode(), 3600.0, start_at=start_at)
    return [(one.at_s, one.sender, one.text) for one in found.messages]


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
        f"CHAT: 1 line could not be read and was left out; {EXPECTED}",
        "CHAT: 1 message out of order was sorted.",
        "CHAT: 1 message after the end of the recording was left out.",
    )


def test_a_call_in_which_nobody_wrote_is_not_a_problem() -> None:
    assert parse_chat(b"").problems == ()


def test_utf16_is_read() -> None:
    found = parse_chat("00:00:01\tÇağla:\tgünaydın\n".encode("utf-16"))
    assert (found.messages[0].sender, found.problems) == ("Çağla", ())


@pytest.mark.parametrize(
    "line",
    [
        "15:00:10 From Ada Lee to Everyone:\n\tHello\n\tall: you",
        "15:00:10 From Ada Lee to Everyone: Hello\nall: you",
        "15:00:10\t From Ada Lee to Everyone:\r\n\tHello\r\n\tall: you",
        "2026-09-10 15:00:10 From  Ada Lee  to  Everyone (in Main Session) : Hello\nall: you",
        "3:00:10 PM From Ada Lee to everyone in meeting:\nHello\nall: you",
        "15:00:10\t From  Ada Lee : Hello\nall: you",
        "\ufeff15:00:10\t From  Ada Lee  to  Everyone : Hello\nall: you",
    ],
)
def test_the_clients_own_file_is_read_in_its_newer_and_older_forms(line: str) -> None:
    assert said(f"{line}\n15:00:11 From Bob to Everyone: Hi") == [
        (5, "Ada Lee", "Hello\nall: you"),
        (6, "Bob", "Hi"),
    ]


def test_names_and_messages_may_hold_what_separates_them() -> None:
    assert said(
        "15:00:05 From Sales: Ada to Everyone: to Everyone: a : b\n"
        "15:00:06\t From  Bob : see From Ada to Everyone: now\n"
        "15:00:07 From Way to Go Ltd to Everyone: hi\n"
    ) == [
        (0, "Sales: Ada", "to Everyone: a : b"),
        (1, "Bob", "see From Ada to Everyone: now"),
        (2, "Way to Go Ltd", "hi"),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "15:00:10 From Ada to Dana Lee (Direct Message):\n\tsecret\n\n\tsecret",
        "15:00:10 From Ada to Dana Lee(Direct Message): secret",
        "15:00:10 From Ada to Dana: secret",
        "15:00:10\t From Ada to Hosts and panelists:\tsecret",
        "15:00:10\t From  Ada  to  Dana (Privately) : secret\nsecret",
        "15:00:10\t From  Ada : to Dana (Privately) : secret",
        "15:00:10\t From  Ada  to  Dana : secret",
        "00:00:05\tAda to Dana (Direct Message):\tsecret\nsecret",
    ],
)
def test_direct_messages_are_counted_and_never_shown(line: str) -> None:
    found = parse_chat(line.encode(), 3600.0, start_at=START)
    assert (found.messages, found.problems) == (
        (),
        ("CHAT: 1 direct message was left out as private.",),
    )
    text = f"15:00:09 From Bob to Everyone: hi\n{line}\n15:00:11 From Bob to Everyone: hi\n"
    assert "secret" not in str(said(text))


def test_lines_of_a_client_in_another_language_are_not_taken_for_words_of_a_message() -> None:
    for line in (
        "15:00:10 Von Ada an Dana (Direktnachricht):\n\tsecret",
        "15:00:10\t Von  Ada  an  Dana (Direktnachricht) :\n\tsecret",
    ):
        assert said(f"15:00:09 From Bob to Everyone: hi\n{line}") == [(4, "Bob", "hi")]
        found = parse_chat(line.encode(), 3600.0, start_at=START)
        assert found.messages == ()
        assert found.problems[0].endswith(EXPECTED)


def test_a_reply_is_shown_without_the_quote_and_reactions_are_counted() -> None:
    text = (
        '15:00:06 From Ada to Everyone:\n\tReplying to "Here is the..."\n\n\tThanks\n'
        '15:00:07 From Bob to Everyone:\n\tReacted to "Thanks" with 👍\n'
        '15:00:08 From Bob to Everyone:\n\tRemoved a 👍 reaction from "Thanks"\n'
        '15:00:09 From Bob to Everyone:\n\tReplying to "x"\n'
    )
    assert said(text) == [(1, "Ada", "Thanks"), (4, "Bob", 'Replying to "x"')]
    found = parse_chat(text.encode(), 3600.0, start_at=START)
    assert found.problems == ("CHAT: 2 reactions to messages were left out.",)


def test_times_of_day_need_the_start_of_the_recording() -> None:
    found = parse_chat(b"15:00:10 From Ada to Everyone: hi", 60.0)
    assert (found.messages, found.problems, found.needs_start) == ((), (NO_START,), True)
    assert not parse_chat(b"00:00:10\tAda:\thi", 60.0).needs_start
    found = parse_chat(b"15:00:10\tAda:\thi", 60.0)
    assert found.problems == (
        "CHAT: 1 message after the end of the recording was left out; if the file has times of "
        "day, the recording's start is missing: give it with --start, such as --start "
        "2026-09-10T13:00:05Z.",
    )
    found = parse_chat(b"15:00:10\tAda:\thi", 60.0, start_at=START)
    assert [one.at_s for one in found.messages] == [5]


def problems_of(text: str, duration_s: float, start_at: datetime) -> str:
    return " ".join(parse_chat(text.encode(), duration_s, start_at=start_at).problems)


def test_a_clock_without_a_zone_is_read_in_the_one_that_fits() -> None:
    text = "".join(f"15:{at} From Ada to Everyone: hello\n" for at in ("00:04", "31:05", "30:05"))
    assert [at_s for at_s, _, _ in said(text, UTC_START)] == [1800, 1860], "Ada's first came before"
    assert "UTC+02:00, the only time zone that fits" in problems_of(text, 3600.0, UTC_START)
    assert "1 message before the start of the recording" in problems_of(text, 3600.0, UTC_START)
    assert "several time zones fit" in problems_of(text[-37:], 7200.0, UTC_START)
    assert "UTC+00:00; if that is wrong" in problems_of(text, 4 * 3600.0, UTC_START)
    assert "none lies in the recording" in problems_of(
        "15:10:00 From A to Everyone: a", 9.0, UTC_START
    )
    after_midnight = "00:00:04 From Ada to Everyone: a"
    late = datetime.fromisoformat("2026-09-10T23:59:59+02:00")
    assert [at_s for at_s, _, _ in said(after_midnight, late)] == [5]


@settings(deadline=None, max_examples=60)
@given(
    st.text(max_size=200),
    st.sampled_from(["", "15:00:09 From Bob to Everyone: hi\n", "00:00:09\tBob:\thi\n"]),
)
def test_no_part_of_a_direct_message_is_ever_shown(text: str, before: str) -> None:
    line = f"{before}15:00:10 From Ada to Dana (Direct Message):\n\tsecret {text}"
    shown = parse_chat(line.encode("utf-8", "replace"), 3600.0, start_at=START).messages
    assert "secret" not in str(shown)


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
def test_any_bytes_parse_to_messages_and_problem_sentences(data: bytes) -> None:
    parse_chat(data, 10.0)
    parse_chat(data, 10.0, start_at=UTC_START)


@pytest.mark.parametrize("more", [b"\n\tmore words", b"        ", b' reaction from "', b" to a :"])
@pytest.mark.parametrize("first", [b"From Ada to Everyone:", b"From ", b'\tA:\tRemoved a "'])
def test_a_chat_is_read_in_time_proportional_to_its_length(first: bytes, more: bytes) -> None:
    def seconds_of_cpu(lines: int) -> float:
        data = b"15:00:10 ".replace(b" ", b"" if first[:1] == b"\t" else b" ")
        data += first + more * lines + b"x"
        fastest = float("inf")
        for _ in range(3):
            began = time.process_time()
            parse_chat(data, 60.0, start_at=START)
            fastest = min(fastest, time.process_time() - began)
        return fastest

    assert seconds_of_cpu(30_000) < 40 * seconds_of_cpu(3000)
