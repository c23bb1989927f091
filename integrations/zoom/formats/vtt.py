"""Reads the cues of a WebVTT file, whole or damaged, and counts what belongs to none.

Source: WebVTT, section 6 (parsing): a line of the file ends at CR, LF or both, only an empty line
ends a cue, and what stands between the last cue and the next time without a time of its own is not
shown. Unlike a browser, this reader also keeps the words of a cue whose first line is empty.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from integrations.zoom.text import offset_s, split_lines

MOST_CUES = 100_000
"""A cue per second for 27 hours; Zoom ends a meeting after 30, and its cues take seconds each."""

_TIMING = re.compile(r"\s*([\d:.,]+)\s*--+>\s*([\d:.,]+)(?=\s|$)(.*)")
# Within words only a whole time ends a cue: somebody may dictate "10:00 --> 11:00".
_WHOLE_TIMING = re.compile(r"\s*[\d:]+[.,]\d+\s*--+>\s*[\d:]+[.,]\d+(?:\s.*)?")
_TIME_LIKE = re.compile(r"\s*\d+[:.]\S*?\s*-->")
_NO_LETTER = re.compile(r"[^\w\s]|\d")
_SETTING = re.compile(
    r"\s*(?:(?:vertical|line|position|size|align|region|[ADLST]|[XY][12]):\S+)(?=\s|$)",
    re.IGNORECASE,
)
_COMMENT = re.compile(r"NOTE(?:\s.*)?|(?:STYLE|REGION)\s*")


@dataclass(frozen=True, slots=True)
class Cue:
    """One cue as it stands in the file: seconds from the start, and its lines of text."""

    start_s: float
    end_s: float
    lines: tuple[str, ...]


@dataclass(slots=True)
class Lost:
    """How much was left out for one reason; comments, styles and the file's head are not words."""

    number: int = 0
    words: int = 0


@dataclass(slots=True)
class Cues:
    """The cues in the order of the file, and how much of it was left out."""

    cues: list[Cue] = field(default_factory=list)
    has_header: bool = False
    is_empty: bool = True
    damaged: Lost = field(default_factory=Lost)
    """Cues whose time cannot be read, or that end before they start."""
    untimed: Lost = field(default_factory=Lost)
    """Lines of text that belong to no cue."""
    beyond: Lost = field(default_factory=Lost)
    """Cues after as many as are used."""


def read_cues(text: str, most: int = MOST_CUES) -> Cues:
    """Read a file's cues in one pass; text of any content is accepted."""
    reader = _Reader(Cues(), most)
    for line in split_lines(text):
        reader.take(line)
    reader.end()
    return reader.found


@dataclass(slots=True)
class _Reader:
    """Where in the file the reader is.

    `place` is "between" two blocks; in the "head" of the file or a "comment", which are skipped;
    in a "block" without a time so far; "before" the words of a cue, or in its "words".
    """

    found: Cues
    most: int
    place: str = "between"
    pending: list[str] = field(default_factory=list)
    """Lines of a block that has no time so far."""
    times: tuple[float, float] | None = None
    """Those of the cue that is being read; None if they are damaged."""
    words: list[str] = field(default_factory=list)

    def take(self, line: str) -> None:
        if self.found.is_empty and line.strip():
            self.found.is_empty = False
            self.found.has_header = line.startswith("WEBVTT")
            if self.found.has_header:
                self.place = "head"
                return
        if "-->" in line and self._is_timing(line):
            self._start_cue(line)
        elif not line.strip():
            self._take_blank(line)
        elif self.place == "between":
            self.place = "comment" if _COMMENT.fullmatch(line) else "block"
            if self.place == "block":
                self.pending.append(line)
        elif self.place == "block":
            self.pending.append(line)
        elif self.place == "before":
            self._take_first_words(line)
        elif self.place == "words":
            self.words.append(line)

    def end(self) -> None:
        self._end_block()
        self._end_cue()

    def _is_timing(self, line: str) -> bool:
        """Whether a line with an arrow starts a cue, be its times readable or not."""
        if _WHOLE_TIMING.fullmatch(line):
            return True
        if self.place == "words":
            # A number alone before it: the next cue follows without an empty line between.
            return self.words[-1].strip().isdecimal() and bool(_TIME_LIKE.match(line))
        if self.place == "before":
            return bool(_TIME_LIKE.match(line))
        return self.place != "comment" and len(self.pending) <= 1

    def _start_cue(self, line: str) -> None:
        above = self.words if self.place == "words" else self.pending
        if above and _is_identifier(above[-1], is_lone=self.place == "block"):
            above.pop()
        self._lose(self.pending)
        self._end_cue()
        timing = _TIMING.fullmatch(line)
        start_s = offset_s(timing[1]) if timing else None
        end_s = offset_s(timing[2]) if timing else None
        if start_s is None or end_s is None or end_s < start_s:
            self.found.damaged.number += 1
        else:
            self.times = (start_s, end_s)
        # Of a line that is no time at all, such as "Ada --> Bob", the letters are words.
        rest = _without_settings(timing[3]) if timing else _NO_LETTER.sub(" ", line)
        self.words = [rest] if rest.strip() else []
        self.place = "words" if self.words else "before"

    def _take_blank(self, line: str) -> None:
        # Only an empty line ends the words; one that holds a space is a line of them.
        if self.place == "words" and line:
            return
        if self.place == "before" and not self.pending:
            return
        self._end_block()
        self._end_cue()
        self.place = "between"

    def _take_first_words(self, line: str) -> None:
        """Take the first line after a cue's times, which may have empty lines between."""
        if _COMMENT.fullmatch(line):
            self._end_block()
            self._end_cue()
            self.place = "comment"
        elif line.strip().isdecimal() and not self.pending:
            self.pending.append(line)  # the next cue's number, or a number that was said
        else:
            self.words += [*self.pending, line]
            self.pending.clear()
            self.place = "words"

    def _end_cue(self) -> None:
        words, self.words = self.words, []
        times, self.times = self.times, None
        if not words:
            return
        if times is None:
            self.found.damaged.words += word_count(words)
        elif len(self.found.cues) >= self.most:
            self.found.beyond.number += 1
            self.found.beyond.words += word_count(words)
        else:
            self.found.cues.append(Cue(*times, tuple(words)))

    def _end_block(self) -> None:
        if self.place == "before":
            self.words += self.pending  # a number that was said
        elif len(self.pending) > 1 or not "".join(self.pending).strip().isdecimal():
            self._lose(self.pending)
        self.pending.clear()

    def _lose(self, lines: list[str]) -> None:
        self.found.untimed.number += len(lines)
        self.found.untimed.words += word_count(lines)
        lines.clear()


def _without_settings(text: str) -> str:
    """Return what follows the settings of a cue on the line of its times: words, or nothing."""
    at = 0
    while setting := _SETTING.match(text, at):
        at = setting.end()
    return text[at:]


def _is_identifier(line: str, *, is_lone: bool) -> bool:
    """Whether the line above the times is the cue's own: a number, or one word on its own."""
    return line.strip().isdecimal() or (is_lone and len(line.split()) == 1)


def word_count(lines: Sequence[str]) -> int:
    """Return how many words there are between the spaces of some lines."""
    return sum(len(line.split()) for line in lines)
