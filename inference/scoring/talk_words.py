"""Words, questions and fillers in the lines of a transcript (docs/scoring.md, 8)."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

FILLERS = ("um", "uh", "uhm", "er", "erm", "ehm", "urm")
"""Counted in every call, with any of their letters drawn out ("ummm"); a setting adds others."""

BACK_CHANNELS = frozenset(
    {"aha", "ah", "cool", "exactly", "great", "hm", "m-hm", "mhm", "mm", "mm-hm", "mm-hmm", "mmhm"}
    | {"mmm", "oh", "ok", "okay", "right", "sure", "uh-huh", "uhhuh", "uh-hum", "um-hum", "wow"}
    | {"yeah", "yep", "yes", "yup", "genau", "ja", "oui", "sí", "sim"}
    | {"はい", "うん", "嗯", "对", "نعم", "כן"}
)
"""What listeners say to show that they listen, without asking for the floor."""
_MOST_BACK_CHANNEL_WORDS = 3

# What a program wrote about the sound. The lengths are bounded: a search from each of many open
# brackets to the end would take minutes.
_NOTES = re.compile(
    r"\[[^\]]{0,200}\]|［[^］]{0,200}］|【[^】]{0,200}】|[♩♪♫♬][^♩♪♫♬]{0,500}[♩♪♫♬]?"
    r"|\((?:applause|background|cough|crosstalk|chuckl|inaudible|indistinct|laugh|music|noise"
    r"|pause|sigh|silence|speaking|unintelligible)[^()]{0,80}\)",
    re.IGNORECASE,
)
_BREAKS = re.compile("\\.{2,}|…|—|--+|\u200b")
_IN_WORD = re.compile(r"[^\W_]")
_AROUND_WORD = re.compile(r"^[\W_]+|[\W_]+$")

# Thai, Lao, Myanmar, Khmer, kana, Han.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\uff66-\uff9d\U00020000-\U0003ffff]"
)
_UNSPACED_SHARE = 0.1
"""With more letters of scripts without spaces than this share, words cannot be counted."""

# ";" ends a question in Greek only. A "?" before "name=" is part of an address.
_MARK = re.compile("\\?(?!\\w+=)|[？؟⸮﹖⁇⁈⁉‽՞፧꘏\u037e]|(?<=[\u0370-\u03ff\u1f00-\u1fff]);")
_SENTENCE = re.compile(r"[^.!…]*[^.!…\s][^.!…]*")
_SENTENCE_END = re.compile(r"[.!…][\"'”’)]?$")
_SUBJECT = (
    "(?:i|you|we|they|he|she|it|this|that|there|these|those|any(?:one|body)|every(?:one|body))"
)
_AUXILIARY = (
    "(?:am|are|is|was|were|do|does|did|can|could|will|would|shall|should|may|have|has|aren['’]t"
    "|isn['’]t|wasn['’]t|don['’]t|doesn['’]t|didn['’]t|can['’]t|couldn['’]t|won['’]t|wouldn['’]t)"
)
_UNMARKED = re.compile(
    r"\s*(?:(?:all right|alright|and|but|hello|hey|hi|no|now|oh|ok|okay|or|right|so|sorry|then|uh"
    r"|um|wait|well|yeah|yes)\b[\s,]*)*(?:"
    rf"{_AUXILIARY} {_SUBJECT}\b(?!,)"
    r"|(?:do|does|did|can|could|will|would) (?:the|your|my|our|any)\b"
    rf"|(?:what|where|when|why|who|which|how)(?: (?!{_SUBJECT}\b)\w+){{0,2}}? {_AUXILIARY}"
    rf" {_SUBJECT}\b"
    rf"|(?:what|where|when|why|who|how)['’](?:s|re|d) (?:{_SUBJECT}|the|your|going|up)\b"
    r"|(?:what|how) about\b)",
    re.IGNORECASE,
)

# Of languages in which "um" or "er" is a word, and of others that write no English questions.
_ENGLISH = frozenset(
    {"the", "and", "you", "that", "of", "to", "it", "this", "what", "with", "are", "was"}
)
_FOREIGN = frozenset(
    {"und", "der", "das", "ist", "nicht", "ich", "wir", "sie", "ein", "eine", "zu", "mit"}
    | {"auf", "que", "não", "uma", "para", "com", "você", "og", "det", "ikke", "jeg", "på", "som"}
    | {"het", "een", "niet", "van", "ik", "að", "ekki", "le", "la", "les", "est", "et", "pas"}
    | {"je", "vous", "el", "los", "en", "una", "che", "di", "jest", "się", "nie", "var", "är"}
    | {"att"}
)
_FOREIGN_SHARE = 0.25
"""A transcript with more letters beyond ASCII among its characters is not in English."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How a transcript is written, which decides what in it is a question or a filler."""

    is_english: bool
    has_question_marks: bool


@dataclass(frozen=True, slots=True)
class WordCount:
    """What one speaker's lines contain; None where it cannot be counted."""

    words: int | None
    fillers: int | None


def manner_of(texts: Sequence[str]) -> Manner:
    """Return how a transcript is written, from all its lines; without any, it counts as English."""
    counts: Counter[str] = Counter()
    letters = beyond_ascii = 0
    for text in texts:
        counts.update(text.casefold().split())
        letters += len(text)
        beyond_ascii += (
            0 if text.isascii() else sum(sign > "\x7f" and sign.isalpha() for sign in text)
        )
    is_latin = beyond_ascii <= _FOREIGN_SHARE * letters
    english = sum(counts[word] for word in _ENGLISH)
    is_english = is_latin and english >= sum(counts[word] for word in _FOREIGN)
    return Manner(is_english, any(_MARK.search(text) for text in texts))


def split_words(text: str) -> list[str]:
    """Return the words of a text: what stands between spaces and has a letter or a digit.

    So "don't", "follow-up" and "10,000" are one word each. Notes on the sound, such as
    "[inaudible]" or "♪ music ♪", are none.
    """
    spoken = _BREAKS.sub(" ", _NOTES.sub(" ", text))
    return [word for word in spoken.split() if _IN_WORD.search(word)]


def count_words(
    texts: Iterable[str], manner: Manner, more_fillers: tuple[str, ...] = ()
) -> WordCount:
    """Count the words of one speaker and the fillers among them.

    Both are None where more than a tenth of the letters are of scripts without spaces between
    words. "um" and "er" are words in some languages: they count in English transcripts only.
    """
    tokens = [word for text in texts for word in split_words(text)]
    signs = "".join(tokens)
    if not signs.isascii() and len(_UNSPACED.findall(signs)) > _UNSPACED_SHARE * len(signs):
        return WordCount(None, None)
    pattern = _filler_pattern(more_fillers)
    mine = {_plain(word) for word in more_fillers}
    fillers = 0
    for token, number in Counter(tokens).items():
        word = _plain(token)
        is_word = word in ("um", "er") and not (manner.is_english or word in mine)
        if pattern.fullmatch(word) and not is_word:
            fillers += number
    return WordCount(len(tokens), fillers)


@lru_cache(maxsize=8)
def _filler_pattern(more: tuple[str, ...]) -> re.Pattern[str]:
    words = dict.fromkeys((*FILLERS, *(_plain(word) for word in more)))
    spelled = ("".join(f"{re.escape(sign)}+" for sign in word) for word in words if word)
    return re.compile("|".join(spelled))


def _plain(word: str) -> str:
    """Return a word without the marks around it, in small letters."""
    return _AROUND_WORD.sub("", unicodedata.normalize("NFC", word).casefold())


def question_places(text: str, manner: Manner, *, is_continued: bool = False) -> list[float]:
    """Return where in a line each question ends, as a share of the line, ascending.

    A question mark ends a question, and so do several in a row. In an English transcript that has
    no question mark at all, a sentence is a question if it starts as one ("Can you …").

    Args:
        text: what was said.
        manner: how the whole transcript is written.
        is_continued: the line begins in the middle of a sentence.
    """
    if manner.has_question_marks:
        return _marked(_NOTES.sub(" ", text))
    if not manner.is_english:
        return []
    found = []
    for sentence in _SENTENCE.finditer(text):
        starts = sentence.start() > 0 or not is_continued
        if starts and _UNMARKED.match(sentence[0]):
            found.append(sentence.end() / len(text))
    return found


def knows_questions(manner: Manner) -> bool:
    """Return whether questions can be told from other sentences."""
    return manner.has_question_marks or manner.is_english


def ends_sentence(text: str) -> bool:
    """Return whether the line after this one begins a new sentence."""
    return _SENTENCE_END.search(text.rstrip()) is not None or _MARK.search(text[-2:]) is not None


def _marked(text: str) -> list[float]:
    found: list[float] = []
    at = 0
    for mark in _MARK.finditer(text):
        if _IN_WORD.search(text, at, mark.start()):
            found.append(mark.end() / len(text))
        at = mark.end()
    return found


def is_back_channel(texts: Iterable[str]) -> bool:
    """Return whether all that was said shows no more than that somebody listens."""
    words = [_plain(word) for text in texts for word in split_words(text)]
    return len(words) <= _MOST_BACK_CHANNEL_WORDS and all(
        word in BACK_CHANNELS or _filler_pattern(()).fullmatch(word) for word in words
    )
