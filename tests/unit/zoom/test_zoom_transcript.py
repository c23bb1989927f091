"""Zoom's transcript and captions: valid, odd and broken ones."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.zoom.transcript import parse_vtt


def vtt(*cues: str) -> bytes:
    """Cues of two seconds each, one after the other, with Zoom's numbers and blank lines."""
    blocks = [
        f"{i + 1}\n00:00:{2 * i:02d}.000 --> 00:00:{2 * i + 2:02d}.000\n{words}\n"
        for i, words in enumerate(cues)
    ]
    return ("WEBVTT\n\n" + "\n".join(blocks)).encode()


def said(data: bytes, *names: str) -> list[tuple[str | None, str]]:
    return [(line.speaker, line.text) for line in parse_vtt(data, names=names).lines]


def test_cues_have_times_speakers_and_text() -> None:
    found = parse_vtt(vtt("Ada Lovelace: Hello there.", "Bob: Hi."))
    assert found.problems == ()
    assert [(line.start_s, line.end_s) for line in found.lines] == [(0, 2), (2, 4)]
    assert said(vtt("Ada Lovelace: Hello there.")) == [("Ada Lovelace", "Hello there.")]


def test_a_colon_within_a_sentence_names_no_speaker() -> None:
    assert said(vtt("So the plan: we ship on Friday.", "Really? Yes: really.")) == [
        (None, "So the plan: we ship on Friday."),
        (None, "Really? Yes: really."),
    ]
    assert said(vtt("Ada: the plan: ship")) == [("Ada", "the plan: ship")]
    assert said(vtt("It is 10:30 now")) == [(None, "It is 10:30 now")]


def test_names_of_any_script_and_form_are_names() -> None:
    names = ["山田太郎", "José de la Cruz", "محمد علي", "O'Neil (ACME)", "iPhone 12", "Åsa-Lena Ek"]
    cues = [f"{name}: text" for name in names if name != "iPhone 12"]
    assert [speaker for speaker, _ in said(vtt(*cues))] == [n for n in names if n != "iPhone 12"]
    # Small letters at the beginning: only a name that comes again, or is known, counts.
    assert said(vtt("iPhone 12: hi")) == [(None, "iPhone 12: hi")]
    assert said(vtt("iPhone 12: hi", "iPhone 12: there"))[0] == ("iPhone 12", "hi")
    assert said(vtt("iPhone 12: hi"), "iPhone 12") == [("iPhone 12", "hi")]


def test_a_known_name_may_contain_a_colon() -> None:
    assert said(vtt("Sales: Ada: hello"), "Sales: Ada") == [("Sales: Ada", "hello")]


def test_several_lines_and_tags_become_one_text() -> None:
    assert said(vtt("Ada: one\ntwo <i>three</i> &amp; 1 < 2")) == [("Ada", "one two three & 1 < 2")]
    assert said(vtt("<v Ada Lovelace>Hello</v>")) == [("Ada Lovelace", "Hello")]


def test_times_may_lack_hours_and_use_a_comma() -> None:
    data = b"WEBVTT\n\n01:02,500 --> 01:03.000 align:start\nAda: hi\n"
    assert [(line.start_s, line.end_s) for line in parse_vtt(data).lines] == [(62.5, 63)]


def test_a_missing_blank_line_does_not_add_the_next_number_to_the_text() -> None:
    data = b"WEBVTT\n1\n00:01.000 --> 00:02.000\nAda: hi\n2\n00:02.000 --> 00:03.000\nAda: you\n"
    assert said(data) == [("Ada", "hi"), ("Ada", "you")]


def test_notes_and_styles_are_not_speech() -> None:
    data = b"WEBVTT\n\nNOTE made by hand\n\nSTYLE\n::cue {}\n\n00:01.000 --> 00:02.000\nhello\n"
    assert said(data) == [(None, "hello")]


def test_cues_with_invalid_times_are_left_out_and_counted() -> None:
    data = (
        b"WEBVTT\n\n00:05.000 --> 00:04.000\nbackwards\n\n00:99:00.000 --> 00:99:01.000\nno\n\n"
        b"--> 5\nnot a cue\n\n00:01.000 --> 00:02.000\nsound\n"
    )
    found = parse_vtt(data)
    assert [line.text for line in found.lines] == ["sound"]
    assert found.problems == ("TRANSCRIPT: 3 lines could not be read and were left out.",)


def test_lines_out_of_order_and_after_the_end_are_reported() -> None:
    data = (
        b"WEBVTT\n\n00:05.000 --> 00:12.000\nsecond\n\n00:01.000 --> 00:02.000\nfirst\n\n"
        b"00:30.000 --> 00:31.000\nafter\n"
    )
    found = parse_vtt(data, 10.0)
    assert [(line.text, line.end_s) for line in found.lines] == [("first", 2), ("second", 10)]
    assert found.problems == (
        "TRANSCRIPT: 1 line out of order was sorted.",
        "TRANSCRIPT: 1 line after the end of the recording was left out.",
    )


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "the file is empty."),
        (b"\xef\xbb\xbf\n", "the file is empty."),
        (b"WEBVTT\n", "the file contains no speech."),
        (b"<html></html>", 'the file does not start with "WEBVTT".'),
    ],
)
def test_anything_but_a_transcript_is_reported_and_does_no_harm(data: bytes, problem: str) -> None:
    found = parse_vtt(data)
    assert found.lines == ()
    assert found.problems == (f"TRANSCRIPT: {problem}",)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_every_unicode_encoding_is_read(encoding: str) -> None:
    found = parse_vtt(vtt("Çağla: günaydın").decode().encode(encoding))
    assert [(line.speaker, line.text) for line in found.lines] == [("Çağla", "günaydın")]
    assert found.problems == ()


def test_a_few_damaged_characters_do_not_change_the_encoding() -> None:
    data = vtt("Çağla Öztürk: günaydın şöyle") + b"\n9\n00:00:30.000 --> 00:00:31.000\n\xc3("
    found = parse_vtt(data)
    assert found.lines[0].speaker == "Çağla Öztürk"
    assert found.problems == ("TRANSCRIPT: 1 character unreadable.",)


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=300) | st.text(max_size=200).map(lambda text: vtt(text)))
def test_any_bytes_parse_to_lines_and_problem_sentences(data: bytes) -> None:
    found = parse_vtt(data, 10.0)
    assert all(0 <= line.start_s <= line.end_s <= 10 for line in found.lines)
