"""Parses Zoom's TRANSCRIPT and closed captions: WebVTT with "Display Name: " before the words.

No content raises an error: valid parts are used, and the rest is reported in `problems`.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import accumulate, groupby, pairwise

from integrations.zoom.formats.speakers import NOBODY, names_before_words, speakers_among
from integrations.zoom.formats.vtt import MOST_CUES, Cue, Cues, Lost, read_cues, word_count
from integrations.zoom.text import clean_text, count, decode

_TAG = re.compile(r"</?(?:[bicuv]|ruby|rt|lang)(?:[.\s][^<>]*)?>|<\d[\d:.]*>")
_VOICE = re.compile(r"<v(?:\.[^\s<>]*)?\s([^<>]+)>")
# Only with the semicolon: a company may be called "R&D" or "Q&AMP".
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_EXPECTED = 'expected "00:00:01.000 --> 00:00:03.000" above "Name: words".'


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
    lost_words: int = 0
    """How many words of the file are in none of the lines; `problems` say why."""
    late_starts_s: tuple[float, ...] = ()
    """When the cues start that were left out because they start after the recording's end."""


@dataclass(frozen=True, slots=True)
class _Said:
    """Words of one cue and who says them, as far as the cue's own markup tells."""

    cue: Cue
    voice: str | None
    words: str
    goes_on: bool = False
    """A line of the cue after another: the same speaker goes on unless it begins with a name."""


def parse_vtt(
    data: bytes,
    duration_s: float | None = None,
    *,
    names: Collection[str] = (),
    kind: str = "TRANSCRIPT",
    most: int = MOST_CUES,
) -> Transcript:
    """Read a WebVTT file and separate speakers from their words.

    "So the plan: we ship on Friday" names nobody: what stands before a colon is a speaker if it is
    one of `names`, or by what the whole file does; see `integrations.zoom.formats.speakers`. A
    name stays as it is written.

    Args:
        data: the file; any encoding, may be truncated or malformed.
        duration_s: length of the recording, if known; later cues are left out.
        names: display names known for certain; only these may contain ": ".
        kind: prefix of every sentence in `problems`.
        most: how many cues are used at most.
    """
    problems: list[str] = []
    text, complaint = decode(data)
    if complaint:
        problems.append(complaint)
    found = read_cues(text.lstrip("\ufeff"), most)
    cues = [cue for cue in found.cues if duration_s is None or cue.start_s < duration_s]
    late = [cue for cue in found.cues if duration_s is not None and cue.start_s >= duration_s]
    after_end = Lost(len(late), sum(word_count(cue.lines) for cue in late))
    problems += _problems(found, most)
    backwards = sum(later.start_s < earlier.start_s for earlier, later in pairwise(cues))
    cues.sort(key=lambda cue: cue.start_s)
    if backwards:
        problems.append(f"{count(backwards, 'line')} out of order {_was(backwards)} sorted.")
    problems += _left_out(after_end, "after the end of the recording")
    lost = (found.damaged, found.untimed, found.beyond, after_end)
    said = [one for cue in cues for one in _said(cue)]
    lines = tuple(_with_speakers(said, frozenset(names) - {""}, duration_s))
    return Transcript(
        lines,
        tuple(f"{kind}: {problem}" for problem in problems),
        lost_words=sum(each.words for each in lost),
        late_starts_s=tuple(cue.start_s for cue in late),
    )


def _problems(found: Cues, most: int) -> list[str]:
    if found.is_empty:
        return ["the file is empty."]
    anything = found.cues or found.damaged.number or found.untimed.number
    if not found.has_header and not found.cues:
        return [f"the file is not WebVTT and was not used; {_EXPECTED}"]
    if not anything:
        return ["the file contains no speech."]
    return [
        *([] if found.has_header else ['the file does not start with "WEBVTT".']),
        *_left_out(found.damaged, "with a damaged time", _EXPECTED),
        *_left_out(found.untimed, "without a time", _EXPECTED),
        *_left_out(found.beyond, f"after the first {most:,}"),
    ]


def _left_out(lost: Lost, which: str, expected: str = ".") -> list[str]:
    if not lost.number:
        return []
    words = f" ({count(lost.words, 'word')})" if lost.words else ""
    end = expected if expected == "." else f"; {expected}"
    return [f"{count(lost.number, 'line')} {which} {_was(lost.number)} left out{words}{end}"]


def _was(number: int) -> str:
    return "was" if number == 1 else "were"


def _said(cue: Cue) -> Iterator[_Said]:
    """Yield what is said in a cue, apart for each line and each voice that its markup names."""
    before, *voices = _VOICE.split("\n".join(cue.lines))
    goes_on = False
    for line in _without_markup(before).split("\n"):
        words = clean_text(line)
        if words:
            yield _Said(cue, None, words, goes_on)
            goes_on = True
    for voice, spoken in zip(voices[::2], voices[1::2], strict=True):
        words = clean_text(_without_markup(spoken))
        if words:
            yield _Said(cue, clean_text(_without_markup(voice)), words)


def _with_speakers(
    said: list[_Said], names: frozenset[str], duration_s: float | None
) -> Iterator[TranscriptCue]:
    words_of = ("" if one.voice else one.words for one in said)
    prefixes = list(names_before_words(words_of, names))
    counts = Counter(prefix for one, prefix in zip(said, prefixes, strict=True) if not one.goes_on)
    # Within a cue a name is one only if it begins another cue too: lines break before any word.
    counts.update(
        prefix
        for one, prefix in zip(said, prefixes, strict=True)
        if one.goes_on and prefix is not None and prefix in counts
    )
    speakers = speakers_among(counts, names)
    spoken: list[tuple[Cue, str | None, str]] = []
    for one, prefix in zip(said, prefixes, strict=True):
        speaker, words = one.voice or None, one.words
        if prefix is not None and (prefix in speakers or prefix in names):
            speaker, words = prefix, words[len(prefix) + 1 :]
            if speaker not in names and NOBODY.fullmatch(speaker):
                speaker = None
        elif one.goes_on:
            _, speaker, before = spoken.pop()
            words = f"{before} {words}"
        spoken.append((one.cue, speaker, " ".join(words.split())))
    for _, group in groupby(spoken, key=lambda part: id(part[0])):
        parts = list(group)
        yield from _timed(parts[0][0], [part[1:] for part in parts], duration_s)


def _timed(
    cue: Cue, parts: list[tuple[str | None, str]], duration_s: float | None
) -> Iterator[TranscriptCue]:
    """Yield what each speaker of a cue says, one after the other: its time by their letters."""
    end_s = cue.end_s if duration_s is None else min(cue.end_s, duration_s)
    letters = list(accumulate(len(words) for _, words in parts))
    per_letter_s = (end_s - cue.start_s) / max(letters[-1], 1)
    inner_s = [round(cue.start_s + per_letter_s * before, 3) for before in letters[:-1]]
    edges_s = pairwise([cue.start_s, *inner_s, end_s])
    for (speaker, words), (start_s, stop_s) in zip(parts, edges_s, strict=True):
        yield TranscriptCue(start_s, stop_s, speaker, words)


def _without_markup(text: str) -> str:
    """Return text without tags, its entities read."""
    return _ENTITY.sub(lambda found: html.unescape(found[0]), _TAG.sub("", text))
