"""Parses Zoom's TRANSCRIPT and closed captions: WebVTT with "Display Name: " before the words.

No content raises an error: valid parts are used, and the rest is reported in `problems`.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from itertools import pairwise

from integrations.zoom.text import clean_text, count, decode, offset_s

_TIMING = re.compile(r"\s*([\d:.,]+)\s*--+>\s*([\d:.,]+)(?:\s.*)?")
_TAG = re.compile(r"</?(?:[bicuv]|ruby|rt|lang)(?:[.\s][^<>]*)?>|<\d[\d:.]*>")
_VOICE = re.compile(r"<v(?:\.[^\s>]*)?\s+([^>]+)>")
_LONGEST_NAME = 64
_MOST_WORDS_IN_NAME = 6
# Lower-case parts of names in several languages.
_PARTICLES = frozenset(
    {"af", "al", "bin", "da", "das", "de", "del", "della", "den", "der", "di", "do", "dos", "du"}
    | {"el", "ibn", "la", "le", "ten", "ter", "van", "von", "y"}
)


@dataclass(frozen=True, slots=True)
class TranscriptCue:
    """One cue, in seconds from the start of the recording. `speaker` is None if nobody is named."""

    start_s: float
    end_s: float
    speaker: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Transcript:
    """All cues in time order, and a sentence for each problem in the file."""

    lines: tuple[TranscriptCue, ...]
    problems: tuple[str, ...]


def parse_vtt(
    data: bytes,
    duration_s: float | None = None,
    *,
    names: Collection[str] = (),
    kind: str = "TRANSCRIPT",
) -> Transcript:
    """Read a WebVTT file and separate speakers from their words.

    "So the plan: we ship on Friday" names nobody. A prefix counts as a name when it is one of
    `names`, or if it looks like a name (short, no punctuation of a sentence) and is either
    capitalised throughout or precedes several cues.

    Args:
        data: the file; any encoding, may be truncated or malformed.
        duration_s: length of the recording, if known; later cues are left out.
        names: display names known for certain; only these may contain ": ".
        kind: prefix of every sentence in `problems`.
    """
    problems: list[str] = []
    text, complaint = decode(data)
    if complaint:
        problems.append(complaint)
    lines = text.lstrip("\ufeff").splitlines()
    if not any(line.strip() for line in lines):
        problems.append("the file is empty.")
    elif not lines[0].startswith("WEBVTT"):
        problems.append('the file does not start with "WEBVTT".')
    spans, unsound = _spans(lines)
    if lines and not spans and not unsound and not problems:
        problems.append("the file contains no speech.")
    past_end = [span for span in spans if duration_s is not None and span[0] >= duration_s]
    spans = [span for span in spans if duration_s is None or span[0] < duration_s]
    backwards = sum(later[0] < earlier[0] for earlier, later in pairwise(spans))
    spans.sort(key=lambda span: span[0])
    for number, what in (
        (unsound, "could not be read and {was} left out."),
        (backwards, "out of order {was} sorted."),
        (len(past_end), "after the end of the recording {was} left out."),
    ):
        if number:
            problems.append(
                f"{count(number, 'line')} {what.format(was='was' if number == 1 else 'were')}"
            )
    prefixes = Counter(_prefix(words) for _, _, words in spans)
    cues = []
    for start_s, end_s, words in spans:
        speaker, said = _split(words, prefixes, names)
        end_s = end_s if duration_s is None else min(end_s, duration_s)
        cues.append(TranscriptCue(start_s, end_s, speaker, said))
    return Transcript(tuple(cues), tuple(f"{kind}: {problem}" for problem in problems))


def _spans(lines: list[str]) -> tuple[list[tuple[float, float, str]], int]:
    """Return (start, end, words) of every valid cue in file order, and how many were invalid."""
    spans: list[tuple[float, float, str]] = []
    unsound = 0
    i = 0
    while i < len(lines):
        timing = _TIMING.fullmatch(lines[i])
        if timing is None:
            unsound += "-->" in lines[i]
            i += 1
            continue
        i += 1
        words: list[str] = []
        while i < len(lines) and lines[i].strip() and "-->" not in lines[i]:
            words.append(lines[i])
            i += 1
        if i < len(lines) and "-->" in lines[i] and words and words[-1].strip().isdecimal():
            words.pop()  # the next cue's number: the blank line before it is missing
        start_s, end_s = offset_s(timing[1]), offset_s(timing[2])
        if start_s is None or end_s is None or end_s < start_s:
            unsound += 1
            continue
        said = clean_text(" ".join(" ".join(words).split()))
        if said:
            spans.append((start_s, end_s, said))
    return spans, unsound


def _prefix(words: str) -> str:
    """Return what precedes the first ": ", or "" if there is none."""
    before, colon, _ = words.partition(": ")
    return before.strip() if colon else words[:-1].strip() if words.endswith(":") else ""


def _split(words: str, prefixes: Counter[str], names: Collection[str]) -> tuple[str | None, str]:
    voice = _VOICE.match(words)
    if voice:
        return _plain(voice[1]).strip() or None, _plain(words[voice.end() :]).strip()
    known = [name for name in names if words.startswith(f"{name}:")]
    if known:
        name = max(known, key=len)
        return name, _plain(words[len(name) + 1 :]).strip()
    prefix = _prefix(words)
    if prefix and _looks_like_name(prefix, prefixes[prefix] > 1):
        return _plain(prefix), _plain(words[words.index(":", len(prefix)) + 1 :]).strip()
    return None, _plain(words).strip()


def _looks_like_name(prefix: str, is_repeated: bool) -> bool:
    parts = prefix.split()
    if len(prefix) > _LONGEST_NAME or len(parts) > _MOST_WORDS_IN_NAME:
        return False
    if any(mark in prefix for mark in "?!;,…") or (prefix.endswith(".") and len(parts) > 3):
        return False
    if not any(letter.isalnum() for letter in prefix):
        return False
    # A script without capitals has no lower case either, so its names pass.
    capitalised = (
        all(
            not part[0].islower() or part.lower() in _PARTICLES or part.startswith("(")
            for part in parts
        )
        and not parts[0][0].islower()
    )
    return capitalised or is_repeated


def _plain(text: str) -> str:
    return html.unescape(_TAG.sub("", text))
