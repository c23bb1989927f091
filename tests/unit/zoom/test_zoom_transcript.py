"""Zoom's transcript and captions: valid, odd and broken ones."""

from __future__ import annotations

import html
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.zoom.transcript import parse_vtt

EXPECTED = 'expected "00:00:01.000 --> 00:00:03.000" above "Name: words".'


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
    assert found.problems == (
        f"TRANSCRIPT: 3 lines with a damaged time were left out (5 words); {EXPECTED}",
    )
    assert found.lost_words == 5


def test_lines_out_of_order_and_after_the_end_are_reported() -> None:
    data = (
        b"WEBVTT\n\n00:05.000 --> 00:12.000\nsecond\n\n00:01.000 --> 00:02.000\nfirst\n\n"
        b"00:30.000 --> 00:31.000\nafter\n"
    )
    found = parse_vtt(data, 10.0)
    assert [(line.text, line.end_s) for line in found.lines] == [("first", 2), ("second", 10)]
    assert found.problems == (
        "TRANSCRIPT: 1 line out of order was sorted.",
        "TRANSCRIPT: 1 line after the end of the recording was left out (1 word).",
    )


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "the file is empty."),
        (b"\xef\xbb\xbf\n", "the file is empty."),
        (b"WEBVTT\n", "the file contains no speech."),
        (b"<html></html>", f"the file is not WebVTT and was not used; {EXPECTED}"),
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


def test_a_name_stays_as_it_is_written() -> None:
    talk = ["Lindqvist, Maya", "Whitfield, Dana; PhD", "Lindqvist, Maya", "Whitfield, Dana; PhD"]
    assert [speaker for speaker, _ in said(vtt(*(f"{name}: text" for name in talk)))] == talk
    for written, name in (
        ("Ada (R&amp;D)", "Ada (R&D)"),
        ("Ada &lt;Lee&gt;", "Ada <Lee>"),
        ("Ada &#8211; Lee", "Ada – Lee"),
        ("Q&AMP Ada", "Q&AMP Ada"),
        ("Ada  Lee", "Ada  Lee"),
        ("+1 415****212", "+1 415****212"),
        ("Yahoo! Sales", "Yahoo! Sales"),
        ("ada", "ada"),
    ):
        assert said(vtt(f"{written}: one", f"{written}: two"))[1] == (name, "two")
        assert said(vtt(f"<v {written}>one</v>")) == [(name, "one")]
    assert said(vtt("Ada (R&amp;D): one"), "Ada (R&D)") == [("Ada (R&D)", "one")]


def test_the_voices_within_one_cue_are_told_apart() -> None:
    assert said(vtt("<v Ada>Hello</v> <v.loud Bob>Hi</v>")) == [("Ada", "Hello"), ("Bob", "Hi")]


def test_speakers_who_follow_each_other_within_a_cue_are_told_apart_and_share_its_time() -> None:
    data = vtt("Ada: one\ntwo\nBob: three four", "Bob: five\nNext: we\n10:30: go", "Ada: six")
    assert [
        (line.start_s, line.end_s, line.speaker, line.text) for line in parse_vtt(data).lines
    ] == [
        (0, 0.824, "Ada", "one two"),  # 7 of 17 letters of 2 s
        (0.824, 2, "Bob", "three four"),
        (2, 4, "Bob", "five Next: we 10:30: go"),
        (4, 6, "Ada", "six"),
    ]


TALK = [f"{name}: words here" for name in ("Ada Lee", "Bob", "Ada Lee", "Bob", "Ada Lee")]


@pytest.mark.parametrize(
    "words",
    ["Question: who?", "Next Steps: sign", "10:30: we meet", "9.15 am: start", "2026: a year"],
)
def test_what_stands_before_a_colon_once_is_no_speaker(words: str) -> None:
    assert said(vtt(*TALK, words))[-1] == (None, words)
    assert said(vtt(*["no speaker in this file"] * 20, words, words))[-1] == (None, words)


def test_who_speaks_once_among_others_is_named_by_a_full_name_or_where_known() -> None:
    assert said(vtt(*TALK, "Cy van Dam: Bye."))[-1] == ("Cy van Dam", "Bye.")
    assert said(vtt(*TALK, "Cy: Bye."))[-1] == (None, "Cy: Bye.")
    assert said(vtt(*TALK, "Cy: Bye."), "Cy")[-1] == ("Cy", "Bye.")
    assert said(vtt(*TALK, "Question: Bye."), "Question")[-1] == ("Question", "Bye.")


@pytest.mark.parametrize("nobody", ["Unknown Speaker", "unknown", "Speaker 2", "Speaker"])
def test_an_unknown_speaker_is_nobody_and_the_words_are_kept(nobody: str) -> None:
    assert said(vtt(*TALK, *[f"{nobody}: Hi there."] * 4))[-1] == (None, "Hi there.")
    assert said(vtt(*TALK, f"{nobody}: Hi."), nobody)[-1] == (nobody, "Hi.")


def test_an_empty_name_names_nobody() -> None:
    assert said(vtt(": hello", ": there"), "") == [(None, ": hello"), (None, ": there")]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_empty_lines_after_the_time_and_spaces_within_a_cue_lose_no_words(end: str) -> None:
    lines = """\ufeffWEBVTT - made by hand
Kind: captions

STYLE
::cue {}

REGION
id:a

1
00:01.000 --> 00:02.000 line:79% align:start

Ada: one
_
two

NOTE a
comment

00:02.000 --> 00:03.000
Bob: A --> B

00:03.000 --> 00:04.000

3
00:04.000 --> 00:05.000 Ada: three

00:05.000 --> 00:06.000

42

NOTE
comment"""
    data = lines.replace("_", " ").replace("\n", end).encode()
    found = parse_vtt(data, names=["Ada", "Bob"])
    assert [(line.start_s, line.speaker, line.text) for line in found.lines] == [
        (1, "Ada", "one two"),
        (2, "Bob", "A --> B"),
        (4, "Ada", "three"),
        (5, None, "42"),
    ]
    assert (found.problems, found.lost_words) == ((), 0)


def test_words_without_a_time_are_counted() -> None:
    cues = vtt("Ada: one", "Bob: two")
    data = cues + b"\nand three\nfour five\n\nsix seven\n00:09 --> 00:10\nok"
    found = parse_vtt(data)
    assert [line.text for line in found.lines] == ["one", "two", "ok"]
    assert found.problems == (
        f"TRANSCRIPT: 3 lines without a time were left out (6 words); {EXPECTED}",
    )


def test_a_file_without_its_first_line_is_read() -> None:
    found = parse_vtt(vtt("Ada: one", "Bob: two").removeprefix(b"WEBVTT"))
    assert [line.speaker for line in found.lines] == ["Ada", "Bob"]
    assert found.problems == ('TRANSCRIPT: the file does not start with "WEBVTT".',)


def test_more_lines_than_a_meeting_can_have_are_counted() -> None:
    found = parse_vtt(vtt("Ada: one", "Bob: two", "Ada: three four"), most=2)
    assert [line.text for line in found.lines] == ["one", "two"]
    assert found.problems == ("TRANSCRIPT: 1 line after the first 2 was left out (3 words).",)


def seconds_of_cpu(cues: int, people: int) -> float:
    names = [f"Person {i}" for i in range(people)]
    data = b"WEBVTT\n\n" + b"".join(
        b"0%d:%02d:%02d.000 --> 09:59:59.000\nPerson %d: words\n\n"
        % (i // 3600 % 9, i // 60 % 60, i % 60, i % people)
        for i in range(cues)
    )
    fastest = float("inf")
    for _ in range(3):
        began = time.process_time()
        assert len(parse_vtt(data, 36_000, names=names).lines) == cues
        fastest = min(fastest, time.process_time() - began)
    return fastest


def test_a_transcript_is_read_in_time_proportional_to_its_length_and_people() -> None:
    assert seconds_of_cpu(20_000, 2000) < 20 * seconds_of_cpu(2000, 200)


@pytest.mark.parametrize("more", ["<v ", "<v.a", "<b ", "a: ", ":", " ", "-", "1:", "&#1", "\n2\n"])
@pytest.mark.parametrize("first", ["", "<v ", "1:", "1\n1:"])
@pytest.mark.parametrize("last", ["", "x y -->"])
def test_a_cue_of_any_content_is_read_in_time_proportional_to_its_length(
    first: str, more: str, last: str
) -> None:
    def seconds_of_cpu(times: int) -> float:
        data = vtt(f"{first}{more * times}{last}")
        fastest = float("inf")
        for _ in range(2):
            began = time.process_time()
            parse_vtt(data, names=["Ada"])
            fastest = min(fastest, time.process_time() - began)
        return fastest

    assert seconds_of_cpu(20_000) < 40 * max(seconds_of_cpu(2000), 0.001)


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=300) | st.text(max_size=200).map(lambda text: vtt(text)))
def test_any_bytes_parse_to_lines_and_problem_sentences(data: bytes) -> None:
    found = parse_vtt(data, 10.0)
    assert all(0 <= line.start_s <= line.end_s <= 10 for line in found.lines)


WORD = st.text(st.characters(codec="utf-8", categories=["L", "N"]), min_size=1, max_size=8)
WORDS = st.lists(WORD | st.sampled_from(["-->", "a:", "10:30:", "&", "–"]), min_size=1, max_size=6)
NAME = st.sampled_from(["", "Ada Lee: ", "Lee, Ada: ", "Ana (R&D): ", "Unknown Speaker: "])


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.tuples(NAME, st.lists(WORDS, min_size=1, max_size=3)), max_size=8),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.booleans(),
    st.integers(1, 8),
)
def test_every_word_of_a_transcript_is_in_a_line_or_counted_as_lost(
    cues: list[tuple[str, list[list[str]]]], end: str, is_numbered: bool, most: int
) -> None:
    blocks = ["WEBVTT"]
    spoken = 0
    for i, (name, lines) in enumerate(cues):
        texts = [" ".join(line) for line in lines]
        spoken += sum(map(len, lines)) + len(name.split())
        texts[0] = html.escape(f"{name}{texts[0]}", quote=False)
        number = f"{i + 1}{end}" if is_numbered else ""
        blocks.append(f"{number}00:00:{i:02d}.000 --> 00:00:59.000{end}{end.join(texts)}")
    data = f"{end}{end}".join(blocks).encode()
    found = parse_vtt(data, 6.0, most=most)
    kept = sum(len(line.text.split()) + len((line.speaker or "").split()) for line in found.lines)
    labels = data.count(b"Unknown Speaker:") * 2  # which say that nobody is known
    assert kept + found.lost_words <= spoken <= kept + found.lost_words + labels
