"""Tells the names of speakers in a transcript from words that end with a colon.

Zoom writes "Display Name: " before the words of every cue whose speaker it knows. So the whole file
decides: what stands before most cues, again and again, is a speaker; what stands there once among
them, such as "Question:", is not. A name of several words, all with a capital, may stand once: not
everybody says much.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator

LONGEST_NAME = 64
"""What is longer is a sentence."""
_MOST_WORDS_IN_NAME = 6
_LABELLED_SHARE = 0.25
"""From this share on, the cues with a repeated prefix show a file whose prefixes are speakers. The
cues of unknown speakers have none."""
_MOST_CUES_SHARE = 0.5
"""From this share on, a prefix that comes once may be a speaker too."""
_PREFIX = re.compile(rf"(.{{1,{LONGEST_NAME}}}?):(?=\s|$)", re.DOTALL)
_CLOCK = re.compile(r"\d{1,2}[:.h]\d{2}(?:[:.]\d{2})?(?:\s?[ap]\.?m\.?)?", re.IGNORECASE)
_FEWEST_DIGITS = 5  # of a caller who is shown as a phone number
# Lower-case parts of names in several languages.
_PARTICLES = frozenset(
    {"af", "al", "bin", "da", "das", "de", "del", "della", "den", "der", "di", "do", "dos", "du"}
    | {"el", "ibn", "la", "le", "ten", "ter", "van", "von", "y"}
)
NOBODY = re.compile(
    r"(?:(?:unknown|unidentified)(?: (?:speaker|participant|user))?|speakers?(?: ?\d{1,3})?)",
    re.IGNORECASE,
)
"""What programs write before the words of a speaker whom they do not know."""
# What people say, or programs write, before a colon.
_LABELS = frozenset(
    {"action", "actions", "agenda", "answer", "answers", "conclusion", "example", "fact", "goal"}
    | {"idea", "important", "issue", "item", "items", "next", "note", "notes", "point", "problem"}
    | {"question", "questions", "reason", "reminder", "result", "results", "solution", "step"}
    | {"steps", "summary", "task", "tasks", "tip", "todo", "topic", "update", "warning"}
)
_FILLERS = frozenset(
    {"again", "also", "and", "anyway", "basically", "but", "first", "hey", "i mean", "look", "no"}
    | {"now", "ok", "okay", "or", "p.s", "ps", "right", "second", "so", "then", "third", "well"}
    | {"wait", "yes", "http", "https", "to do", "for example"}
)


def names_before_words(said: Iterable[str], names: Collection[str]) -> Iterator[str | None]:
    """Yield for each cue the longest known name before a colon, else what precedes the first one.

    The colon after a known name needs no space. None where the cue has no such colon.
    """
    longest = max(map(len, names), default=0)
    for words in said:
        known = None
        at = words.find(":", 0, longest + 1)
        while at >= 0:
            known = words[:at] if words[:at] in names else known
            at = words.find(":", at + 1, longest + 1)
        prefix = _PREFIX.match(words)
        yield known or (prefix[1] if prefix else None)


def speakers_among(prefixes: Counter[str | None], names: Collection[str]) -> frozenset[str]:
    """Return which prefixes are speakers, known ones and `NOBODY` included.

    Args:
        prefixes: how many cues have each prefix; None counts the cues without one.
        names: display names known for certain.
    """
    certain: set[str] = set()
    repeated: set[str] = set()
    lone: set[str] = set()
    for prefix, number in prefixes.items():
        if prefix is None:
            continue
        if prefix in names or NOBODY.fullmatch(prefix):
            certain.add(prefix)
        elif number > 1 and _may_be_repeated_name(prefix):
            repeated.add(prefix)
        elif number == 1 and _may_be_lone_name(prefix):
            lone.add(prefix)
    cues = prefixes.total()
    labelled = sum(prefixes[prefix] for prefix in certain | repeated)
    speakers = set(certain)
    if labelled >= _LABELLED_SHARE * cues:
        speakers |= repeated
    if labelled + len(lone) >= _MOST_CUES_SHARE * cues:
        speakers |= {name for name in lone if not labelled or _is_full_name(name)}
    return frozenset(speakers)


def _may_be_name(prefix: str) -> bool:
    if _CLOCK.fullmatch(prefix) or prefix.casefold() in _LABELS | _FILLERS:
        return False
    digits = sum(letter.isdecimal() for letter in prefix)
    return any(letter.isalpha() for letter in prefix) or digits >= _FEWEST_DIGITS


def _may_be_repeated_name(prefix: str) -> bool:
    """Whether a prefix that comes again may be a name; people also write theirs in small letters.

    A name may contain "?" or "!", as a company's does, but not in words that read as a sentence.
    """
    if not _may_be_name(prefix):
        return False
    is_short = len(prefix.split()) <= _MOST_WORDS_IN_NAME
    return _is_capitalised(prefix) or (is_short and not any(mark in prefix for mark in "?!…"))


def _may_be_lone_name(prefix: str) -> bool:
    parts = prefix.split()
    if any(mark in prefix for mark in "?!…") or (prefix.endswith(".") and len(parts) > 3):
        return False
    return len(parts) <= _MOST_WORDS_IN_NAME and _may_be_name(prefix) and _is_capitalised(prefix)


def _is_full_name(prefix: str) -> bool:
    parts = re.findall(r"\w+", prefix.casefold())
    return len(prefix.split()) > 1 and not any(part in _LABELS for part in parts)


def _is_capitalised(prefix: str) -> bool:
    """Whether each word starts with a capital; a script without capitals has no small letters."""
    parts = prefix.split()
    return not parts[0][0].islower() and all(
        not part[0].islower() or part.lower() in _PARTICLES or part.startswith("(")
        for part in parts
    )
