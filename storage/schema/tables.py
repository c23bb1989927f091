"""The tables. Media times are integer milliseconds; wall-clock times are UTC with a zone."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Index, LargeBinary, MetaData
from sqlmodel import Field, SQLModel

from storage.schema.columns import CleanText, Json, UtcDateTime

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
"""Every constraint has a name, so that a migration on SQLite can drop it."""


class Table(SQLModel):
    """Base class of every table."""

    metadata: ClassVar[MetaData] = MetaData(naming_convention=NAMING)


def _call_key() -> Any:
    return Field(sa_type=CleanText, primary_key=True, foreign_key="calls.id", ondelete="CASCADE")


class Call(Table, table=True):
    """One Zoom meeting instance with its recording, and the figures of its last analysis."""

    __tablename__ = "calls"
    __table_args__ = (Index(None, "started_at", "id"), Index(None, "status"))

    id: str = Field(sa_type=CleanText, primary_key=True)
    zoom_uuid: str = Field(sa_type=CleanText, unique=True)
    zoom_meeting_id: str = Field(sa_type=CleanText)
    topic: str = Field(sa_type=CleanText)
    topic_folded: str = Field(sa_type=CleanText)
    """The topic, case-folded for searching."""
    host_email: str = Field(sa_type=CleanText)
    host_name: str | None = Field(default=None, sa_type=CleanText)
    host_folded: str = Field(sa_type=CleanText)
    """The host's name and e-mail, case-folded for searching."""
    started_at: datetime = Field(sa_type=UtcDateTime)
    timezone: str | None = Field(default=None, sa_type=CleanText)
    """IANA name of the meeting's time zone, from Zoom."""
    duration_ms: int = 0
    status: str = Field(default="queued", sa_type=CleanText)
    """"queued", "running", "waiting" (for a transcript), "done", "failed" or "skipped"."""
    skipped_reason: str | None = Field(default=None, sa_type=CleanText)
    failure: str | None = Field(default=None, sa_type=CleanText)
    run: int = 0
    """Number of the current run; 0 before the first."""
    has_new_files: bool = False
    """Whether files were announced since the current run began."""
    has_new_corrections: bool = False
    """Whether the call is to be reported again: people corrected names or sides since the scores
    were stored, or another version of the scoring was asked for."""
    profile: str | None = Field(default=None, sa_type=CleanText)
    scoring_version: int | None = None
    model: str | None = Field(default=None, sa_type=CleanText)
    engagement: float | None = Field(default=None, index=True)
    engagement_low: float | None = None
    engagement_high: float | None = None
    coverage: float | None = None
    has_transcript: bool = False
    quality: dict[str, Any] | None = Field(default=None, sa_type=Json)
    score: dict[str, Any] | None = Field(default=None, sa_type=Json)
    sides: list[dict[str, Any]] | None = Field(default=None, sa_type=Json)
    """The figures of each side, named as in docs/scoring.md."""
    series_path: str | None = Field(default=None, sa_type=CleanText)
    """Relative to the media root."""
    report_path: str | None = Field(default=None, sa_type=CleanText)
    """Relative to the media root."""
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)


class Participant(Table, table=True):
    """A person in a call, with the figures used for searching and lists; the rest is in `score`."""

    __tablename__ = "participants"

    call_id: str = _call_key()
    position: int = Field(primary_key=True)
    """The person's index in the call's analysis."""
    pid: str = Field(default="", sa_type=CleanText)
    """Stable when the call is reported again; "" for calls of an earlier version until they are."""
    former_pids: list[str] = Field(default_factory=list, sa_type=Json)
    """Other ids under which this person can be found."""
    name: str = Field(sa_type=CleanText)
    name_folded: str = Field(sa_type=CleanText)
    key: str = Field(default="", sa_type=CleanText)
    is_named: bool = False
    side: str = Field(default="unknown", sa_type=CleanText)
    is_host: bool = False
    is_scored: bool = True
    name_confidence: float = 0.0
    is_confirmed: bool = False
    """Whether somebody entered or confirmed the name."""
    is_blanked: bool = False
    """Whether the face's expressions were discarded."""
    camera_off_ms: int | None = None
    first_seen_ms: int = 0
    last_seen_ms: int = 0
    engagement: float | None = None
    engagement_low: float | None = None
    engagement_high: float | None = None
    attention: float | None = None
    coverage: float = 0.0
    face_ms: int = 0
    talk_ms: int = 0
    talk_share: float = 0.0
    score: dict[str, Any] | None = Field(default=None, sa_type=Json)


class Window(Table, table=True):
    """One person's figures in one window, ten seconds by default."""

    __tablename__ = "windows"

    call_id: str = _call_key()
    participant: int = Field(primary_key=True)
    start_ms: int = Field(primary_key=True)
    end_ms: int
    engagement: float | None = None
    attention: float | None = None
    coverage: float = 0.0
    samples: int = 0
    talk_ms: int = 0
    expressions: dict[str, float] = Field(sa_type=Json)


class Moment(Table, table=True):
    """A span worth watching. `participants` holds positions; `lines` is what was said around it."""

    __tablename__ = "moments"

    call_id: str = _call_key()
    position: int = Field(primary_key=True)
    """Rank, the one most worth watching first."""
    start_ms: int
    end_ms: int
    kind: str = Field(sa_type=CleanText)
    participants: list[int] = Field(sa_type=Json)
    reason: str = Field(sa_type=CleanText)
    before: float | None = None
    after: float | None = None
    strength: float = 0.0
    lines: list[dict[str, Any]] = Field(sa_type=Json)
    side: str = Field(default="", sa_type=CleanText)
    """The side of all its people; "" if they are on different sides."""
    speakers: list[int] = Field(default_factory=list, sa_type=Json)
    """Positions of the people who spoke in it, longest first."""
    change_ms: int | None = None
    """When it changed; None in rows of versions that did not store it."""
    silence_ms: int | None = None
    """Length of the silence, or of the longest pause between its lines."""
    what: str = Field(default="", sa_type=CleanText)
    """What was seen: "stopped smiling"."""
    lasted_ms: int | None = None
    said_by: int | None = None
    """Position of the person who spoke before and after the change."""
    is_greeting: bool = False


class ParticipantCorrection(Table, table=True):
    """A correction to a participant, with who made it and when; applied in order."""

    __tablename__ = "participant_corrections"

    call_id: str = _call_key()
    position: int = Field(primary_key=True)
    """Number in the order in which the corrections were made."""
    pid: str = Field(sa_type=CleanText)
    """The participant's id at the time."""
    field: str = Field(sa_type=CleanText)
    """"name" or "side"."""
    old_value: str = Field(sa_type=CleanText)
    new_value: str = Field(sa_type=CleanText)
    """An empty name removes one."""
    anchor: dict[str, Any] = Field(sa_type=Json)
    """What identifies the participant: Zoom's key and name, or where and when the face was seen."""
    made_by: str = Field(sa_type=CleanText)
    """Name of the API key that was used."""
    made_at: datetime = Field(sa_type=UtcDateTime)


class TranscriptLine(Table, table=True):
    """One transcript cue or chat message, in time order."""

    __tablename__ = "transcript_lines"

    call_id: str = _call_key()
    position: int = Field(primary_key=True)
    start_ms: int
    end_ms: int
    speaker: str | None = Field(default=None, sa_type=CleanText)
    text: str = Field(sa_type=CleanText)
    is_chat: bool = False


class SpeakerTurn(Table, table=True):
    """Who spoke from when to when, in time order."""

    __tablename__ = "speaker_turns"

    call_id: str = _call_key()
    position: int = Field(primary_key=True)
    start_ms: int
    end_ms: int
    speaker: str = Field(sa_type=CleanText)
    key: str = Field(default="", sa_type=CleanText)


class RecordingFile(Table, table=True):
    """One file of a call's recording, announced by Zoom and possibly on disk."""

    __tablename__ = "recording_files"

    call_id: str = _call_key()
    zoom_file_id: str = Field(sa_type=CleanText, primary_key=True)
    segment: int = 0
    file_type: str = Field(sa_type=CleanText)
    recording_type: str = Field(default="", sa_type=CleanText)
    file_extension: str = Field(default="", sa_type=CleanText)
    recording_start: datetime | None = Field(default=None, sa_type=UtcDateTime)
    recording_end: datetime | None = Field(default=None, sa_type=UtcDateTime)
    size_bytes: int = Field(default=0, sa_type=BigInteger)
    path: str | None = Field(default=None, sa_type=CleanText)
    """Relative to the media root; None while not on disk."""
    state: str = Field(default="announced", sa_type=CleanText)
    """"announced", "fetched", "unused" (a better view was there), "failed" or "deleted"."""


class InboxRow(Table, table=True):
    """One signed webhook delivery as received, and its outcome."""

    __tablename__ = "inbox"
    __table_args__ = (Index(None, "zoom_uuid", "event"), Index(None, "outcome"))

    id: int | None = Field(default=None, primary_key=True)
    """Set by the database; ascending."""
    event: str = Field(sa_type=CleanText)
    zoom_uuid: str | None = Field(default=None, sa_type=CleanText)
    received_at: datetime = Field(sa_type=UtcDateTime)
    is_stale: bool = False
    raw_body: bytes = Field(sa_type=LargeBinary)
    outcome: str = Field(default="pending", sa_type=CleanText)
    call_id: str | None = Field(
        default=None, sa_type=CleanText, foreign_key="calls.id", ondelete="SET NULL", index=True
    )


class Delivery(Table, table=True):
    """What was posted about a call: one row per kind, so that a retry edits it."""

    __tablename__ = "deliveries"

    call_id: str = _call_key()
    kind: str = Field(sa_type=CleanText, primary_key=True)
    """"message", "report_file" or "failure", or one of these + " attempt" for the last attempt to
    post one, whose `version` is "" once it is over. "failures " and an error's name: this call's
    failure got the line for operators; with " left out", another call's had got it."""
    channel: str = Field(sa_type=CleanText)
    ts: str = Field(default="", sa_type=CleanText)
    """Slack's timestamp of the message, which identifies it in the channel."""
    file_id: str = Field(default="", sa_type=CleanText)
    version: str = Field(default="", sa_type=CleanText)
    """Which version was posted, such as a run or a digest of the content."""
    number: int = 0
    """How many messages were posted before this one in its place, because they refused an edit."""
    replaces: str = Field(default="", sa_type=CleanText)
    """Slack's timestamp of the message that this one replaces; "" for the first."""
    updated_at: datetime = Field(sa_type=UtcDateTime)


class CallNote(Table, table=True):
    """Something that is left to do for a call whose summary is posted, and when it is tried."""

    __tablename__ = "call_notes"
    __table_args__ = (Index(None, "retry_at"),)

    call_id: str = _call_key()
    kind: str = Field(sa_type=CleanText, primary_key=True)
    """"message" (an edit), "report_file" (an upload), "old_file" or "recording" (deletions); or
    "run": a later run failed."""
    file_id: str = Field(default="", sa_type=CleanText, primary_key=True)
    """Slack's id of the file to delete; "" for the other kinds."""
    text: str = Field(default="", sa_type=CleanText)
    """What went wrong and what to do, for people; "" before the first try."""
    error: str = Field(default="", sa_type=CleanText)
    """Kind of the last error; tries are counted for each kind by itself."""
    attempts: int = 0
    """How often that error occurred since the last other one."""
    noted_at: datetime = Field(sa_type=UtcDateTime)
    """Time of the first failure."""
    retry_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Time of the next try; None if there is none."""
    claimed_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Until then, one process is trying, and no other may."""


class ApiKey(Table, table=True):
    """A REST key: its name and the SHA-256 of its token, never the token."""

    __tablename__ = "api_keys"

    name: str = Field(sa_type=CleanText, primary_key=True)
    token_sha256: str = Field(sa_type=CleanText, unique=True)
    created_at: datetime = Field(sa_type=UtcDateTime)


class Progress(Table, table=True):
    """The progress of a run: its current step, and how much of it is done."""

    __tablename__ = "progress"

    call_id: str = _call_key()
    run: int = Field(primary_key=True)
    step: str = Field(sa_type=CleanText)
    share: float = 0.0
    """Share of the step that is done, 0–1."""
    detail: str = Field("", sa_type=CleanText)
    starts: int = 0
    """How often the step was started without having ended, well or with an error."""
    updated_at: datetime = Field(sa_type=UtcDateTime)


class DeletedCall(Table, table=True):
    """A call that was deleted on purpose: it stays deleted even if Zoom announces or lists it."""

    __tablename__ = "deleted_calls"

    call_id: str = Field(sa_type=CleanText, primary_key=True)
    """Derived from the meeting's UUID alone; reveals nothing about the call."""
    deleted_at: datetime = Field(sa_type=UtcDateTime)


class Lease(Table, table=True):
    """The right of one process to work under its name; it lasts while heartbeats come.

    Times are by the database's clock, the only one that all processes share.
    """

    __tablename__ = "leases"

    name: str = Field(sa_type=CleanText, primary_key=True)
    epoch: int = 0
    """How often a process has taken the name. Whoever holds an earlier epoch may change nothing."""
    is_held: bool = False
    """False once the process has ended well, or has lost its calls to another."""
    computer: str = Field(default="", sa_type=CleanText)
    """The running system it is on; another one after a reboot."""
    heartbeat_at: datetime = Field(sa_type=UtcDateTime)


class Installation(Table, table=True):
    """The data folder that belongs to this database, by the id in its marker file: one row."""

    __tablename__ = "installation"

    position: int = Field(default=1, primary_key=True)
    """Always 1, so that there is one row."""
    folder_id: str = Field(sa_type=CleanText)
