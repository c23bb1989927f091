"""What counts as a word, a question and a filler, in any script and however it is transcribed."""

from __future__ import annotations

import pytest

from inference.scoring.talk_words import (
    count_words,
    is_back_channel,
    manner_of,
    question_places,
    split_words,
)


def questions(*texts: str) -> int:
    manner = manner_of(texts)
    return sum(len(question_places(text, manner)) for text in texts)


def fillers(*texts: str, more: tuple[str, ...] = ()) -> int | None:
    return count_words(texts, manner_of(texts), more).fillers


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("Don't we've O’Brien's rock 'n' roll", 6),
        ("a follow-up e-mail, state-of-the-art", 4),
        ("10,000 at 3.5% by 10:30, call 321-584-0624", 7),
        ("Well... I mean—yes, so -- no… maybe", 7),
        ("I…I think", 3),
        ("[inaudible] yes [crosstalk 00:12] no (laughs) (Laughter) maybe (in June)", 5),
        ("♪ upbeat music ♪ Hello ♪", 1),
        ("♪ la la", 0),
        ("- . ? ! … & — 👍", 0),
        ("Schön, dass Sie da sind.", 5),
        ("مرحبا، كيف حالك؟", 3),
        ("안녕하세요 여러분", 2),
        ("", 0),
    ],
)
def test_a_word_stands_between_spaces_and_has_a_letter_or_a_digit(text: str, number: int) -> None:
    assert len(split_words(text)) == number


@pytest.mark.parametrize("text", ["我们今天讨论价格。", "本日はよろしくお願いします", "สวัสดีครับ"])
def test_words_of_a_script_without_spaces_are_not_counted(text: str) -> None:
    counted = count_words([text, "OK"], manner_of([text]))
    assert (counted.words, counted.fillers) == (None, None)


def test_a_foreign_name_does_not_keep_words_from_being_counted() -> None:
    text = "Today we speak with 王伟 about the price of the new contract"
    assert count_words([text], manner_of([text])).words == 12


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("What is it? And why? Good.", 2),
        ("Really??? No?! Yes!?", 3),
        ("价格是多少？为什么？", 2),
        ("كم السعر؟", 1),
        ("Πόσο κοστίζει; Γιατί;", 2),
        ("First; second?", 1),
        ("¿Cuánto cuesta? ¿Y cuándo?", 2),
        ("Ça va ? Bien.", 1),
        ("See example.com/?q=price for that. Okay?", 1),
        ('He asked "why?" and left.', 1),
        ("? ?? [inaudible]?", 0),
    ],
)
def test_questions_end_with_a_question_mark_of_any_script(text: str, number: int) -> None:
    assert questions(text) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("Hi, how's it going. Can you all see it.", 2),
        ("So were you there", 1),
        ("Okay, what do we want to know.", 1),
        ("How many people do you have", 1),
        ("What we do is simple. When you can, call. I said do you.", 0),
    ],
)
def test_an_english_transcript_without_question_marks_has_questions_by_their_start(
    text: str, number: int
) -> None:
    assert questions(text) == number
    assert questions(text, "Really?") == 1, "where marks are written, they decide"


def test_the_rest_of_a_sentence_starts_no_question() -> None:
    text = "is it that we know"
    assert question_places(text, manner_of([text]), is_continued=True) == []


@pytest.mark.parametrize(
    "text", ["um,", "Um...", "uhm", "ummm", "Uhh", "ER", "errr", "erm", "“Um”"]
)
def test_a_filler_is_known_in_any_spelling(text: str) -> None:
    assert fillers(text) == 1


@pytest.mark.parametrize("text", ["Uh-huh", "umbrella", "hers", "uh-oh", "her", "mm", "Herr"])
def test_other_words_are_no_fillers(text: str) -> None:
    assert fillers(text) == 0


def test_words_that_sound_like_fillers_in_other_languages_are_none() -> None:
    german = "Er kommt um zehn, und ich bin nicht da. Ähm, das ist er."
    assert fillers(german) == 0
    assert fillers(german, more=("ähm", "äh")) == 1
    assert fillers("Um dia, eu não sei que horas são para uma reunião com você") == 0
    assert fillers("Um, the price, er, is what it is") == 2


def test_more_fillers_come_from_a_setting_with_their_spellings() -> None:
    assert fillers("Äääh, euh, halt", more=("äh", "euh")) == 2
    assert fillers("A\u0308h, ja", more=("äh",)) == 1, "however the letter is encoded"


def test_a_back_channel_is_a_few_words_of_listening() -> None:
    assert is_back_channel(["Uh-huh, yeah."])
    assert is_back_channel(["Mm-hmm"])
    assert not is_back_channel(["Yeah, but wait"])
    assert not is_back_channel(["yeah yeah yeah yeah"])
