"""The sales call of the demo: who says what when, and how each face moves meanwhile.

The names are invented and the words are our own. The call is played at its own pace; a shorter
recording shows its beginning, a longer one repeats it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

CALL_S = 96.0
"""Length of the call as it is written below."""

ENVELOPE_HZ = 100
"""Samples per second of `speech_envelope`."""

TOPIC = "Harbourline: delivery notes pilot"
SHORTEST_LINE_S = 0.8

Photograph = Literal["astronaut", "hopper"]


@dataclass(frozen=True)
class Person:
    """Somebody in the call: the name, the photograph that lends the face, and the voice.

    `mood` holds (second, level) knots: 1 is a broad smile, 0 a face at rest, -1 a face that has
    fallen. `glances` are (start, end) spans in which the person looks down and aside.
    """

    name: str
    email: str
    user_id: int
    zoom_id: str
    is_host: bool
    photograph: Photograph
    pitch_hz: float
    mood: tuple[tuple[float, float], ...]
    glances: tuple[tuple[float, float], ...] = ()


REP = Person(
    name="Maya Lindqvist",
    email="maya.lindqvist@brightfield.example.com",
    user_id=16778240,
    zoom_id="mAyA_demo-1234567890",
    is_host=True,
    photograph="astronaut",
    pitch_hz=205.0,
    mood=(
        (0, 0.7), (8, 0.5), (20, 0.6), (28, 0.8), (38, 0.5), (46, 0.1), (51, -0.6), (57, -0.85),
        (66, -0.6), (72, 0.1), (80, 0.7), (88, 1.0), (96, 1.0),
    ),
)  # fmt: skip
PROSPECT = Person(
    name="Dana Whitfield",
    email="dana.whitfield@harbourline.example.com",
    user_id=16779264,
    zoom_id="",
    is_host=False,
    photograph="hopper",
    pitch_hz=172.0,
    mood=(
        (0, 0.6), (6, 0.4), (13, -0.1), (19, 0.0), (25, 0.7), (32, 1.0), (42, 0.8), (46, 0.2),
        (49, -0.8), (60, -1.0), (70, -0.8), (74, -0.2), (78, 0.5), (83, 0.8), (88, 1.0), (96, 1.0),
    ),
    glances=((51.0, 55.5), (62.8, 64.6)),
)  # fmt: skip
PEOPLE = (REP, PROSPECT)

_SCRIPT: tuple[tuple[float, float, Person, str], ...] = (
    (0.8, 4.2, REP, "Hi Dana, good to see you again. Did your team survive quarter end?"),
    (4.6, 8.4, PROSPECT, "Just about. And thanks for moving this, Thursday was hopeless for us."),
    (8.8, 13.6, REP, "Of course. You told me two people retype every delivery note by hand."),
    (14.0, 18.6, PROSPECT, "Still true. Ana and Piotr lose most of their Mondays to it."),
    (19.0, 24.2, REP, "I ran your forty sample notes. Thirty-eight came out without an error."),
    (24.6, 28.4, PROSPECT, "Thirty-eight? Even the ones with the coffee stains?"),
    (28.8, 32.6, REP, "Even those. The other two were handwritten totals, and both were flagged."),
    (33.0, 37.2, PROSPECT, "That is better than I expected. How long until we could be live?"),
    (37.6, 41.8, REP, "Three weeks for one depot. Your IT only has to open one folder to us."),
    (42.2, 45.2, PROSPECT, "Good. And what would it cost us?"),
    (45.6, 50.2, REP, "For all six depots it is forty-eight thousand a year, billed up front."),
    (58.2, 62.4, PROSPECT, "Forty-eight. I have thirty approved, and everything else is frozen."),
    (62.8, 66.2, REP, "That's fair. What would you need to see before you asked for more?"),
    (66.6, 71.2, PROSPECT, "Proof from one depot. I can't take another promise to my board."),
    (71.6, 77.2, REP, "Then let's do just that. Rotterdam, eight weeks, six thousand in all."),
    (77.6, 81.4, PROSPECT, "Six thousand, and I can stop if it doesn't work?"),
    (81.8, 85.8, REP, "Any month. And if you go on, the pilot counts towards the year."),
    (86.2, 90.0, PROSPECT, "Now that is something I can sign myself. Send it to me by Friday."),
    (90.4, 93.0, REP, "You'll have it tomorrow. Shall we say we start on the ninth?"),
    (93.3, 95.6, PROSPECT, "The ninth is good. Thank you, Maya."),
)  # fmt: skip

_CHAT: tuple[tuple[float, Person, str], ...] = (
    (3.0, REP, "Today: your forty sample notes, then what comes next"),
    (24.0, REP, "The forty notes, line by line: https://brightfield.example.com/harbourline"),
    (35.0, PROSPECT, "Thanks, passing it on to Ana and Piotr"),
    (78.5, REP, "Pilot: Rotterdam, 8 weeks, 6,000 in two monthly parts, stop at any month end"),
    (92.0, PROSPECT, "Please copy finance@harbourline.example.com as well"),
)


@dataclass(frozen=True)
class Line:
    """One thing said, in seconds from the start of the recording."""

    start_s: float
    end_s: float
    person: Person
    text: str


def lines(seconds: float) -> list[Line]:
    """What is said in a recording of that length, in order; the last line may be cut short."""
    said = [
        Line(start + offset, min(end + offset, seconds), person, text)
        for offset in _offsets(seconds)
        for start, end, person, text in _SCRIPT
    ]
    return [line for line in said if line.end_s - line.start_s >= SHORTEST_LINE_S]


def mood(person: Person, seconds: float, fps: float) -> NDArray[np.float64]:
    """The person's mood, -1 to 1, at every picture of a recording."""
    times, levels = zip(*person.mood, strict=True)
    at = np.arange(round(seconds * fps)) / fps
    return np.interp(at % CALL_S, times, levels)


def glance(person: Person, seconds: float, fps: float) -> NDArray[np.float64]:
    """How far the person looks down and aside, 0 to 1, at every picture of a recording."""
    at = (np.arange(round(seconds * fps)) / fps) % CALL_S
    away = np.zeros(len(at))
    for start, end in person.glances:
        rise = np.clip((at - start) / 0.5, 0.0, 1.0)
        fall = np.clip((end - at) / 0.5, 0.0, 1.0)
        away = np.maximum(away, np.minimum(rise, fall))
    smooth: NDArray[np.float64] = away * away * (3.0 - 2.0 * away)
    return smooth


def speech_envelope(person: Person, seconds: float) -> NDArray[np.float64]:
    """How loudly the person speaks, 0 to 1, `ENVELOPE_HZ` times a second: syllable after syllable.

    Voice and mouth both follow it.
    """
    envelope = np.zeros(round(seconds * ENVELOPE_HZ))
    rng = np.random.default_rng(person.user_id)
    for line in lines(seconds):
        if line.person is not person:
            continue
        shares = np.array(list(_syllables(line.text)))
        edges = line.start_s + np.concatenate([[0.0], np.cumsum(np.abs(shares))]) * (
            (line.end_s - line.start_s) / np.abs(shares).sum()
        )
        for share, start, end in zip(shares, edges[:-1], edges[1:], strict=True):
            loudness = rng.uniform(0.55, 1.0)
            first, last = round(start * ENVELOPE_HZ), round(end * ENVELOPE_HZ)
            if share < 0 or last - first < 2:
                continue
            phase = (np.arange(first, last) - first + 0.5) / (last - first)
            envelope[first:last] = loudness * np.sin(np.pi * phase) ** 1.2
    return envelope


def _syllables(text: str) -> Iterator[float]:
    """Relative lengths of the syllables of a text; a pause is negative."""
    for word in text.split():
        groups = 0
        was_vowel = False
        for letter in word.lower():
            is_vowel = letter in "aeiouy"
            groups += is_vowel and not was_vowel
            was_vowel = is_vowel
        yield from (1.0 for _ in range(max(1, groups)))
        yield -1.6 if word[-1] in ".?!" else -0.8 if word[-1] == "," else -0.15


def timeline_json(seconds: float) -> str:
    """The recording's TIMELINE file, in Zoom's form."""
    said = lines(seconds)
    entries: list[dict[str, object]] = [] if said and said[0].start_s == 0 else [_entry(0.0)]
    for line, following in zip(said, [*said[1:], None], strict=True):
        # Zoom repeats a speaker's entry while a long turn goes on.
        middle = (line.start_s + line.end_s) / 2
        entries += [_entry(line.start_s, line.person), _entry(middle, line.person)]
        next_s = seconds if following is None else following.start_s
        if next_s - line.end_s >= 1.0:
            entries.append(_entry(line.end_s))
    return json.dumps({"timeline": entries, "version": 100}, indent=1)


def transcript_vtt(seconds: float) -> str:
    """The recording's transcript, in Zoom's form."""
    cues = []
    for number, line in enumerate(lines(seconds), 1):
        span = f"{clock(line.start_s)} --> {clock(line.end_s)}"
        cues.append(f"{number}\n{span}\n{line.person.name}: {line.text}\n")
    return "WEBVTT\n\n" + "\n".join(cues)


def chat_txt(seconds: float) -> str:
    """The recording's chat, in Zoom's form."""
    said = [
        (at + offset, person, text)
        for offset in _offsets(seconds)
        for at, person, text in _CHAT
        if at + offset < seconds
    ]
    return "".join(f"{clock(at)[:8]}\t{person.name}:\t{text}\n" for at, person, text in said)


def clock(at_s: float) -> str:
    """Seconds as Zoom writes a place in a recording: HH:MM:SS.mmm."""
    ms = round(at_s * 1000)
    return f"{ms // 3_600_000:02d}:{ms // 60_000 % 60:02d}:{ms // 1000 % 60:02d}.{ms % 1000:03d}"


def _offsets(seconds: float) -> list[float]:
    return [CALL_S * repeat for repeat in range(max(1, int(np.ceil(seconds / CALL_S))))]


def _entry(at_s: float, person: Person | None = None) -> dict[str, object]:
    users = []
    if person is not None:
        users.append(
            {
                "username": person.name,
                "user_id": person.user_id,
                "zoom_userid": person.zoom_id,
                "email_address": person.email if person.zoom_id else "",
                "avatar_url": "",
                "client_type": 0,
                "multiple_people": False,
            }
        )
    return {"ts": clock(at_s), "users": users}
