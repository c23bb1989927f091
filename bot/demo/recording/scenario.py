"""The demo's sales call: who says what when, and how each face moves meanwhile.

The names are made up and the script is our own. The call plays at its own pace: a shorter recording
shows only its beginning, a longer one repeats it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

CALL_S = 96.0
"""Length of the call as scripted below."""

ENVELOPE_HZ = 100
"""Samples per second of `speech_envelope`."""

TOPIC = "Harbourline: delivery notes pilot"
SHORTEST_LINE_S = 0.8

Photograph = Literal["astronaut", "hopper"]


@dataclass(frozen=True)
class Person:
    """A person in the call: name, the photograph used as the face, and voice.

    `mood` holds (second, level) knots: 1 is a broad smile, 0 a face at rest, -1 a fallen face.
    `glances` are (start, end) spans in which the person looks down and to the side.
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
        (0, 0.9), (8, 0.6), (15, 0.9), (22, 0.8), (30, 0.5), (40, -0.2), (47, -0.6),
        (57, -0.6), (63, -0.1), (66, 0.4), (74, 0.6), (80, 0.9), (88, 1.0), (96, 1.0),
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
        (0, 0.6), (4, 0.4), (8, 0.5), (11, 0.8), (14, 1.0), (22, 1.0), (25.5, 1.0), (29, -0.6),
        (31, -0.9), (40, -1.0), (52, -0.9), (58, -0.7), (62, -0.2), (66, 0.1), (72, 0.4),
        (76, 0.9), (86, 1.0), (96, 1.0),
    ),
    glances=((31.5, 35.8), (48.9, 50.6)),
)  # fmt: skip
PEOPLE = (REP, PROSPECT)

_SCRIPT: tuple[tuple[float, float, Person, str], ...] = (
    (0.8, 2.1, REP, "Hi Dana, good to see you."),
    (2.5, 4.3, PROSPECT, "You too. How was Rotterdam?"),
    (4.7, 8.6, REP, "Wet. I ran the forty delivery notes you sent me, every one of them."),
    (9.0, 13.0, PROSPECT, "Good, because two of my people still retype them, every Monday."),
    (13.4, 16.6, REP, "Thirty-eight of the forty came out without an error."),
    (17.0, 19.4, PROSPECT, "Even the ones with coffee stains?"),
    (19.8, 22.1, REP, "Even those. Two were handwritten."),
    (22.5, 24.5, PROSPECT, "I like that. And the price?"),
    (24.9, 29.2, REP, "For all six depots, forty-eight thousand a year, billed up front."),
    (37.0, 38.0, PROSPECT, "Forty-eight."),
    (38.4, 48.3, REP, "It covers every note and every driver, with our people on the phone day and "
     "night. I know that it is a lot to ask for at once, so tell me what would make it easy."),
    (48.7, 50.8, PROSPECT, "I have thirty approved."),
    (51.2, 52.3, REP, "And beyond?"),
    (52.7, 57.3, PROSPECT, "Nothing. The rest is frozen, and I can't take a promise to my board."),
    (57.7, 58.8, REP, "Would proof help?"),
    (59.2, 63.3, PROSPECT, "Proof would. One depot, up and running, with our own notes."),
    (63.7, 66.0, REP, "Then let's do only Rotterdam."),
    (66.4, 71.1, PROSPECT, "And what would that cost me, if I stopped after the first month?"),
    (71.5, 77.0, REP, "Eight weeks are six thousand, in two parts. Stop, and you pay only one."),
    (77.4, 85.3, PROSPECT, "Six thousand I can sign myself, today. And if it works, Ana and Piotr "
     "get their Mondays back, and I have something to show in spring."),
    (85.7, 87.9, REP, "And all of it counts towards the year."),
    (88.3, 90.8, PROSPECT, "Better. Can we start on the ninth?"),
    (91.2, 94.3, REP, "The ninth it is. You'll have the paper tomorrow."),
)  # fmt: skip
"""The turns are as uneven as in real speech: a regular rhythm would match at any offset, and
moving mouths would then not prove who is who."""

_CHAT: tuple[tuple[float, Person, str], ...] = (
    (5.0, REP, "The forty notes, line by line: https://brightfield.example.com/harbourline"),
    (18.0, PROSPECT, "Passing it on to Ana and Piotr"),
    (72.0, REP, "Pilot: Rotterdam, 8 weeks, 6,000 in two parts, stop after the first"),
    (92.0, PROSPECT, "Please copy finance@harbourline.example.com as well"),
)


@dataclass(frozen=True)
class Line:
    """One spoken line, in seconds from the start of the recording."""

    start_s: float
    end_s: float
    person: Person
    text: str


def lines(seconds: float) -> list[Line]:
    """Return the lines of a recording of that length, in order; the last may be cut short."""
    said = [
        Line(start + offset, min(end + offset, seconds), person, text)
        for offset in _offsets(seconds)
        for start, end, person, text in _SCRIPT
    ]
    return [line for line in said if line.end_s - line.start_s >= SHORTEST_LINE_S]


def mood(person: Person, seconds: float, fps: float) -> NDArray[np.float64]:
    """Return the person's mood, -1 to 1, in every frame of a recording."""
    times, levels = zip(*person.mood, strict=True)
    at = np.arange(round(seconds * fps)) / fps
    moods: NDArray[np.float64] = np.interp(at % CALL_S, times, levels)
    return moods


def glance(person: Person, seconds: float, fps: float) -> NDArray[np.float64]:
    """Return how far the person looks down and to the side, 0 to 1, in every frame."""
    at = (np.arange(round(seconds * fps)) / fps) % CALL_S
    away = np.zeros(len(at))
    for start, end in person.glances:
        rise = np.clip((at - start) / 0.5, 0.0, 1.0)
        fall = np.clip((end - at) / 0.5, 0.0, 1.0)
        away = np.maximum(away, np.minimum(rise, fall))
    smooth: NDArray[np.float64] = away * away * (3.0 - 2.0 * away)
    return smooth


def speech_envelope(person: Person, seconds: float) -> NDArray[np.float64]:
    """Return how loudly the person speaks, 0 to 1, `ENVELOPE_HZ` times per second, by syllable.

    Both voice and mouth follow it.
    """
    envelope = np.zeros(round(seconds * ENVELOPE_HZ))
    rng = np.random.default_rng(person.user_id)
    for line in lines(seconds):
        if line.person is not person:
            continue
        shares = np.array(list(_syllables(line.text))[:-1])  # a line ends with its last syllable
        edges = line.start_s + np.concatenate([[0.0], np.cumsum(np.abs(shares))]) * (
            (line.end_s - line.start_s) / np.abs(shares).sum()
        )
        for share, start, end in zip(shares, edges[:-1], edges[1:], strict=True):
            loudness = rng.uniform(0.35, 1.0)
            first, last = round(start * ENVELOPE_HZ), round(end * ENVELOPE_HZ)
            if share < 0 or last - first < 2:
                continue
            phase = (np.arange(first, last) - first + 0.5) / (last - first)
            envelope[first:last] = loudness * np.sin(np.pi * phase) ** 1.2
    return envelope


def _syllables(text: str) -> Iterator[float]:
    """Return the relative lengths of a text's syllables; a pause is negative."""
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
    """Return the content of the recording's TIMELINE file, in Zoom's format."""
    said = lines(seconds)
    entries: list[dict[str, object]] = [] if said and said[0].start_s == 0 else [_entry(0.0)]
    for line, following in zip(said, [*said[1:], None], strict=True):
        # Zoom repeats a speaker's entry during a long turn.
        middle = (line.start_s + line.end_s) / 2
        entries += [_entry(line.start_s, line.person), _entry(middle, line.person)]
        next_s = seconds if following is None else following.start_s
        if next_s - line.end_s >= 1.0:
            entries.append(_entry(line.end_s))
    return json.dumps({"timeline": entries, "version": 100}, indent=1)


def transcript_vtt(seconds: float) -> str:
    """Return the content of the recording's transcript, in Zoom's format."""
    cues = []
    for number, line in enumerate(lines(seconds), 1):
        span = f"{clock(line.start_s)} --> {clock(line.end_s)}"
        cues.append(f"{number}\n{span}\n{line.person.name}: {line.text}\n")
    return "WEBVTT\n\n" + "\n".join(cues)


def chat_txt(seconds: float) -> str:
    """Return the content of the recording's chat file, in Zoom's format."""
    said = [
        (at + offset, person, text)
        for offset in _offsets(seconds)
        for at, person, text in _CHAT
        if at + offset < seconds
    ]
    return "".join(f"{clock(at)[:8]}\t{person.name}:\t{text}\n" for at, person, text in said)


def clock(at_s: float) -> str:
    """Format seconds as Zoom writes a time in a recording: HH:MM:SS.mmm."""
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
