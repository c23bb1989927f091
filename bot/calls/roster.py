"""Who took part, each person once, and when they were there.

Zoom lists one row per stay in the meeting. A row belongs to a person already listed if the id is
the same; else if the e-mail address is; else, if one of the two has neither, if the display name
is. Rows with different names at the same time are different people sharing an account: merging them
would give all of them one name.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot.calls.selection import side_of
from inference.schema.meeting import RosterEntry
from inference.speech.turns import merge_spans
from integrations.zoom.participants import PastParticipant

Stay = tuple[datetime | None, datetime | None]
"""When someone joined and left; None if Zoom does not say."""

RECONNECT = timedelta(minutes=1)
"""How long Zoom may still list a broken connection next to the new one. Two rows with one name that
overlap for longer are two people."""
MOST_ALIKE = 20
"""With how many people of one id, address or name a row is compared. In a larger crowd, such as
"iPhone" in a webinar, each row is a person; comparing all with all took minutes."""
PAUSE_MIN_S = 5.0
"""A recording shorter than its wall-clock span by this much was paused; less is rounding."""
TIMES_DO_NOT_FIT = (
    "The times at which people joined and left do not fit the recording and were not used."
)


@dataclass(frozen=True, slots=True)
class Roster:
    """The people of a meeting, as Zoom lists them.

    `presence` is parallel to `entries`: when each person joined and left, in wall-clock time.
    `aliases` maps every id that Zoom gave a person to the key of their entry, and `other_names`
    every other name that only one person has to the name of their entry.
    """

    entries: tuple[RosterEntry, ...] = ()
    presence: tuple[tuple[Stay, ...], ...] = ()
    aliases: dict[str, str] = field(default_factory=dict)
    other_names: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RecordedSpan:
    """One segment of the recording, in wall-clock time and in seconds of the call's time line."""

    start_at: datetime
    end_at: datetime | None
    start_s: float
    end_s: float


@dataclass(slots=True)
class _Person:
    entry: RosterEntry
    rows: list[PastParticipant]
    stays: list[Stay] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    emails: set[str] = field(default_factory=set)
    busy: _Busy = field(default_factory=lambda: _Busy())
    is_timed: bool = True
    """Whether Zoom tells both times of every stay."""

    @property
    def has_only_a_name(self) -> bool:
        return not self.ids and not self.emails

    def add(self, row: PastParticipant, email: str) -> None:
        self.rows.append(row)
        self.stays.append((row.join_time, row.leave_time))
        self.ids |= {row.id} - {""}
        self.emails |= {email} - {""}
        if row.join_time and row.leave_time:
            self.busy.add(row.join_time, row.leave_time)
        else:
            self.is_timed = False


@dataclass(slots=True)
class _Busy:
    """When a person was certainly there: ascending, apart, and each without its last `RECONNECT`.

    Two stays that are shortened so overlap where the whole ones do so for longer than that.
    """

    starts: list[datetime] = field(default_factory=list)
    ends: list[datetime] = field(default_factory=list)

    def add(self, joined: datetime, left: datetime) -> None:
        if left - joined <= RECONNECT:
            return
        left -= RECONNECT
        first = bisect_left(self.ends, joined)
        after = bisect_right(self.starts, left)
        if first < after:
            joined = min(joined, self.starts[first])
            left = max(left, self.ends[after - 1])
        self.starts[first:after] = [joined]
        self.ends[first:after] = [left]

    def overlaps(self, joined: datetime, left: datetime) -> bool:
        if left - joined <= RECONNECT:
            return False
        first = bisect_right(self.ends, joined)
        return first < len(self.starts) and self.starts[first] < left - RECONNECT


@dataclass(slots=True)
class _Known:
    """The people so far, by what tells them apart; each list in the order of Zoom's."""

    by_id: dict[str, list[_Person]] = field(default_factory=dict)
    by_email: dict[str, list[_Person]] = field(default_factory=dict)
    by_name: dict[str, list[_Person]] = field(default_factory=dict)

    def add(self, row: PastParticipant, email: str, person: _Person) -> None:
        for people, key in (
            (self.by_id, row.id), (self.by_email, email), (self.by_name, person.entry.name),
        ):  # fmt: skip
            alike = people.setdefault(key, []) if key else []
            if key and len(alike) < MOST_ALIKE and not any(one is person for one in alike):
                alike.append(person)


def make_roster(
    rows: Sequence[PastParticipant], host_email: str | None, own: frozenset[str]
) -> Roster:
    """Merge the rows of each person into one entry; rows without a name are left out.

    Args:
        rows: as Zoom lists them, without people who never left the waiting room.
        host_email: the host's address, or None if not known: then no one is marked as host.
        own: the own side's e-mail domains.
    """
    people: list[_Person] = []
    known = _Known()
    for row in rows:
        if not row.name:
            continue
        email = row.user_email.lower()
        person = _same_person(row, email, known)
        if person is None:
            person = _Person(RosterEntry(row.name), [])
            people.append(person)
        person.add(row, email)
        known.add(row, email, person)
    aliases = _with_keys(people)
    return Roster(
        tuple(_with_side(person, host_email, own) for person in people),
        tuple(tuple(person.stays) for person in people),
        aliases,
        _other_names(people),
    )


def with_stays(
    entries: Sequence[RosterEntry],
    presence: Sequence[Sequence[Stay]],
    spans: Sequence[RecordedSpan],
) -> tuple[tuple[RosterEntry, ...], tuple[str, ...]]:
    """Return the entries with their stays in seconds of the call, and notes on what was not usable.

    Someone who was there only before or after the recording has a stay of no length. If the
    recording was paused, a stay is as long as it can have been. A person with a row that has no
    times, or that ends before it starts, gets no stays: they may have been there at any time.
    """
    placed: list[RosterEntry] = []
    for entry, stays in zip(entries, presence, strict=True):
        seconds: list[tuple[float, float]] = []
        for joined, left in stays:
            start_s = _call_s(joined, spans, is_join=True) if joined else 0.0
            end_s = _call_s(left, spans, is_join=False) if left else spans[-1].end_s
            seconds.append((start_s, max(start_s, end_s)))
        is_known = bool(stays) and all(
            left >= joined if joined and left else joined or left for joined, left in stays
        )
        merged = merge_spans(seconds)
        lasting = [span for span in merged if span[1] > span[0]] or merged[:1]
        placed.append(replace(entry, stays=tuple(lasting) if is_known else ()))
    if any(a.stays for a in placed) and not any(e > s for a in placed for s, e in a.stays):
        return tuple(entries), (TIMES_DO_NOT_FIT,)
    return tuple(placed), ()


def _with_keys(people: Sequence[_Person]) -> dict[str, str]:
    """Set each person's key, and return the key for every id that only one person has."""
    claims: dict[str, list[_Person]] = {}
    for person in people:
        for zoom_id in sorted({one for row in person.rows for one in (row.id, row.user_id)} - {""}):
            claims.setdefault(zoom_id, []).append(person)
    own = {zoom_id: claimed[0] for zoom_id, claimed in claims.items() if len(claimed) == 1}
    for person in people:
        first = person.rows[0]
        unique = (one for one in (first.id, first.user_id) if one in own)
        person.entry = replace(person.entry, key=next(unique, first.name))
    return {zoom_id: person.entry.key for zoom_id, person in own.items()}


def _other_names(people: Sequence[_Person]) -> dict[str, str]:
    """Return the names of each person besides the entry's, unless two people could be meant."""
    claims: dict[str, list[_Person]] = {}
    for person in people:
        names = (name for row in person.rows for name in (row.name, *row.other_names))
        for name in dict.fromkeys(names):
            claims.setdefault(name, []).append(person)
    entries = {person.entry.name for person in people}
    return {
        name: claimed[0].entry.name
        for name, claimed in claims.items()
        if len(claimed) == 1 and claimed[0].rows[0].other_names and name not in entries
    }


def _same_person(row: PastParticipant, email: str, known: _Known) -> _Person | None:
    for person in known.by_id.get(row.id, ()):
        if not _is_beside(row, person):
            return person
    for person in known.by_email.get(email, ()):
        # Two ids with one address are two people; a row without an id may be either's.
        if not (row.id and person.ids) and not _is_beside(row, person):
            return person
    for person in known.by_name.get(row.name, ()):
        by_name = person.has_only_a_name or not (row.id or email)
        if by_name and not _clashes(row, person):
            return person
    return None


def _is_beside(row: PastParticipant, person: _Person) -> bool:
    """Return whether a row with another name was, or may have been, there at the same time."""
    if row.name == person.entry.name:
        return False
    has_times = row.join_time and row.leave_time and person.is_timed
    return not has_times or _clashes(row, person)


def _clashes(row: PastParticipant, person: _Person) -> bool:
    """Return whether both were certainly there at the same time."""
    if not row.join_time or not row.leave_time:
        return False
    return person.busy.overlaps(row.join_time, row.leave_time)


def _with_side(person: _Person, host_email: str | None, own: frozenset[str]) -> RosterEntry:
    """Return the entry with the side that follows from all its rows together."""
    is_host = bool(host_email) and (host_email or "").lower() in person.emails
    internal = {row.is_internal for row in person.rows}
    sides = {
        side_of(
            email,
            True if True in internal else False if False in internal else None,
            own,
            is_host=is_host,
            is_registrant=any(row.registrant_id for row in person.rows),
        )
        for email in person.emails or {""}
    }
    side = next(side for side in ("rep", "prospect", "unknown") if side in sides)
    return replace(person.entry, side=side, is_host=is_host)


def _call_s(at: datetime, spans: Sequence[RecordedSpan], *, is_join: bool) -> float:
    """Return a wall-clock time in seconds of the call's time line, kept within the recording."""
    placed_s = spans[0].start_s
    for span in spans:
        into_s = (at - span.start_at).total_seconds()
        if into_s < 0:
            break
        length_s = span.end_s - span.start_s
        if is_join and span.end_at is not None:
            pause_s = (span.end_at - span.start_at).total_seconds() - length_s
            into_s -= pause_s if pause_s > PAUSE_MIN_S else 0.0
        placed_s = span.start_s + min(max(into_s, 0.0), length_s)
    return placed_s
