"""Each person's own audio file: whose it is, and when they are heard in it.

Only the file's name says whose it is, and Zoom does not document how it spells it: "Audio only -
Ada Example" and "audioAdaExample21617301" have been seen. A file is used if its name fits exactly
one known person; if not, it is left out and the report says so.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bot.calls.record import Evidence
from inference.errors import UnreadableMedia
from inference.schema.meeting import SpeakerTurn
from inference.speech.turns import Span, merge_spans
from inference.speech.voice_activity import hear_voice

PREFIXES = ("Audio only - ", "audio_only_", "audio only ", "audio")
"""Prefixes before the name, longest first."""
_NUMBER = re.compile(r"\d{5,}")
SOUND_SUFFIXES = frozenset(
    {".m4a", ".mp4", ".aac", ".mp3", ".wav", ".flac", ".ogg", ".opus", ".mka", ".webm"}
)
LOST_TOLD = 0.05
"""If more than this share of a file is damaged or missing, the report says so."""

Owner = tuple[str, str]
"""Display name, exactly as given, and key."""


@dataclass(frozen=True, slots=True)
class SoundFile:
    """One file, and the span of the call that it may cover, in seconds."""

    path: Path
    file_name: str
    at_s: float
    """Where the file begins; this may be before its segment."""
    start_s: float
    end_s: float


def known_names(evidence: Evidence) -> tuple[Owner, ...]:
    """Return everyone whom the side files name, each once; the roster first, in its order.

    A speaker who is not on the roster and has two known keys gets none here.
    """
    owners: list[Owner] = [(who.name, who.key) for who in evidence.roster]
    listed = {name for name, _ in owners}
    keys: dict[str, set[str]] = defaultdict(set)
    for turn in evidence.turns:
        keys[turn.speaker].add(turn.key)
    for line in evidence.transcript:
        if line.speaker is not None and not line.is_chat:
            keys[line.speaker].add("")
    for name, found in keys.items():
        known = found - {""}
        if name not in listed:
            owners.append((name, known.pop() if len(known) == 1 else ""))
    return tuple(owners)


def owner_of(file_name: str, owners: Iterable[Owner]) -> Owner | None:
    """Return whose file it is by its name, or None if the name fits no one or several people.

    An exact match goes first; then only letters and digits count, and a number after the name is
    taken to be Zoom's.
    """
    owners = tuple(owners)
    stem = unicodedata.normalize("NFC", _stem(file_name))
    stems = {stem, *(stem[len(p) :] for p in PREFIXES if stem.lower().startswith(p.lower()))}
    exact = [who for who in owners if unicodedata.normalize("NFC", who[0]) in stems]
    if exact:
        return exact[0] if len(exact) == 1 else None
    folded = {_folded(one) for one in stems} - {""}
    fitting = []
    for who in owners:
        name = _folded(who[0])
        rests = [one[len(name) :] for one in folded if name and one.startswith(name)]
        if any(
            not rest or (_NUMBER.fullmatch(rest) and not name[-1].isdecimal()) for rest in rests
        ):
            fitting.append(who)
    return fitting[0] if len(fitting) == 1 else None


def name_in(file_name: str) -> str:
    """Return the name spelled by a file called "NAME.m4a" or "Audio only - NAME.m4a"."""
    stem = unicodedata.normalize("NFC", _stem(file_name))
    return stem.removeprefix(PREFIXES[0]).strip()


def with_voices(
    evidence: Evidence,
    sounds: Sequence[SoundFile],
    owners: Sequence[Owner],
    *,
    stop: threading.Event | None = None,
    progress: Callable[[float, str], None] = lambda share, text: None,
) -> Evidence:
    """Return the evidence with when each person is heard in their own file, replacing earlier ones.

    A file that fits no one, or cannot be read, is left out with a note.

    Raises:
        Cancelled: the stop flag was set.
    """
    spans: dict[Owner, list[Span]] = defaultdict(list)
    notes: list[str] = []
    for number, sound in enumerate(sounds):
        owner = owner_of(sound.file_name, owners)
        if owner is None:
            notes.append(
                f"The audio file {sound.file_name!r} was not used: its name fits no participant, "
                "or several."
            )
            continue

        def tell(share: float, number: int = number) -> None:
            progress((number + share) / len(sounds), "listening to each person")

        tell(0.0)
        try:
            heard = hear_voice(sound.path, stop=stop, progress=tell)
        except UnreadableMedia as exc:
            reason = str(exc).removeprefix(f"{sound.path.name}: ")
            notes.append(f"The audio file {sound.file_name!r} was not used: {reason}.")
            continue
        if heard.lost_share > LOST_TOLD:
            notes.append(
                f"{heard.lost_share:.0%} of the audio file {sound.file_name!r} is damaged or "
                "missing."
            )
        for start_s, end_s in heard.spans:
            start_s = max(sound.at_s + start_s, sound.start_s)
            end_s = min(sound.at_s + end_s, sound.end_s)
            if end_s > start_s:
                spans[owner].append((start_s, end_s))
    voices = [
        SpeakerTurn(start_s, end_s, name, key)
        for (name, key), heard_spans in spans.items()
        for start_s, end_s in merge_spans(heard_spans)
    ]
    voices.sort(key=lambda turn: (turn.start_s, turn.end_s, turn.speaker))
    return replace(evidence, voices=tuple(voices)).with_notes(notes)


def _stem(file_name: str) -> str:
    # A name may contain a dot: only a known audio suffix counts as one.
    path = Path(file_name)
    return path.stem if path.suffix.lower() in SOUND_SUFFIXES else file_name


def _folded(text: str) -> str:
    kept = unicodedata.normalize("NFKC", text).casefold()
    return "".join(ch for ch in kept if unicodedata.category(ch)[0] in "LMN")
