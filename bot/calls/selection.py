"""Which calls are analysed, and which side of the table a person sits on.

Pure functions over plain values: the webhook calls them before a workflow is started, and the
workflow again once Zoom has said who took part.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from bot.settings import CallSettings
from integrations.coverage import covered_s
from integrations.zoom.recordings import Meeting, choose_files

PUBLIC_MAIL = frozenset({
    "gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "live.com", "msn.com",
    "yahoo.com", "icloud.com", "me.com", "aol.com", "gmx.de", "gmx.net", "web.de", "t-online.de",
    "proton.me", "protonmail.com", "mail.com", "mail.ru", "yandex.ru", "qq.com", "163.com",
    "126.com",
})  # fmt: skip
"""Domains that strangers share, which say nothing about a person's side."""


def domain_of(email: str | None) -> str:
    """Return the lower-case domain of an address, or "" if there is none."""
    _, at, domain = (email or "").strip().lower().rpartition("@")
    return domain if at else ""


def _host_matches(host_email: str | None, wanted: Iterable[str]) -> bool:
    address = (host_email or "").strip().lower()
    return any(
        entry.lower().lstrip("@") in (address, domain_of(address)) for entry in wanted if entry
    )


def reason_to_skip(
    topic: str, host_email: str | None, duration_s: float | None, rules: CallSettings
) -> str | None:
    """Return why host, topic or length exclude a recording, as a sentence; None = analyse it.

    Args:
        topic: the meeting's topic as Zoom has it.
        host_email: the host's address, or None if Zoom does not say; then no host rule matches.
        duration_s: length of the recording, or None if it is not known yet.
        rules: the operator's settings.
    """
    if rules.hosts and not _host_matches(host_email, rules.hosts):
        return "This host's calls are not analysed."
    if rules.topics and not any(re.search(pattern, topic) for pattern in rules.topics):
        return "The topic matches none of the topics to analyse."
    for pattern in rules.exclude_topics:
        if re.search(pattern, topic):
            return f"The topic matches {pattern!r}, which is excluded."
    return too_short(duration_s, rules)


def too_short(duration_s: float | None, rules: CallSettings) -> str | None:
    """Return why a recording is too short to be analysed, as a sentence; None = it is not.

    A length that is not known yet (None) excludes nothing.
    """
    if duration_s is None or duration_s >= rules.min_duration_s:
        return None
    shortest_s = rules.min_duration_s
    return f"The recording is {duration_s:.0f} s long; calls under {shortest_s} s are skipped."


def announced_s(meeting: Meeting) -> float | None:
    """Return the seconds of a recording by Zoom's times, or None if they are not known yet.

    They are not known while a video or the shared audio has no end, or something is processed.
    """
    media = [file for file in meeting.files if file.file_type in ("MP4", "M4A")]
    room = [file for file in media if not file.is_participant_audio]
    if meeting.is_processing or any(file.recording_end is None for file in room):
        return None
    spans = [
        (segment.recording_start.timestamp(), segment.recording_end.timestamp())
        for segment in choose_files(meeting)
        if segment.recording_end is not None
    ]
    return covered_s(spans) if spans else None


def nothing_to_fetch(meeting: Meeting | None) -> str | None:
    """Return why Zoom's cloud has no file of a recording, as a sentence; None = it has or will.

    Zoom announces recordings of a few seconds without any file, or without a list of files
    (zoom-recording-downloader issue 23: "Recording was not saved because it is too short").
    """
    if meeting is not None and meeting.is_on_premises:
        return (
            "The recording is kept on premises: Zoom's cloud has no file of it to download. "
            "Files from your own server can be analysed with `rapport analyze`."
        )
    if meeting is None or not (
        meeting.is_processing or any(file.file_type in ("MP4", "M4A") for file in meeting.files)
    ):
        return (
            "Zoom has no video or sound of this recording: it was too short to be saved, "
            "or was deleted."
        )
    return None


def own_domains(host_email: str | None, rules: CallSettings) -> frozenset[str]:
    """Return the e-mail domains of the account's own side: the setting's, else the host's.

    A host on a public mail service shares their domain with strangers, so there is none.
    """
    if rules.own_domains:
        return frozenset(domain.lower().lstrip("@") for domain in rules.own_domains)
    domain = domain_of(host_email)
    return frozenset({domain} if domain and domain not in PUBLIC_MAIL else ())


def side_of(
    email: str | None,
    is_internal: bool | None,
    own: frozenset[str],
    *,
    is_host: bool = False,
    is_registrant: bool = False,
) -> str:
    """Return the side of a participant: "rep", "prospect" or "unknown".

    The first rule that applies decides. Rules for the own side come first: a colleague mistaken for
    a customer would be scored even where that is forbidden, while a customer mistaken for a
    colleague is only left out.

    1. the host of the meeting: rep;
    2. a member of the Zoom account, as Zoom says: rep;
    3. an e-mail address in one of the own side's domains or their subdomains: rep;
    4. an address in any other domain: prospect;
    5. registered for the meeting: prospect;
    6. not a member of the account, as Zoom says: prospect;
    7. none of these: unknown.

    Args:
        email: blank for people outside the account, whose address Zoom hides.
        is_internal: whether Zoom says the person belongs to the account; None if it does not say.
        own: the own side's domains.
        is_host: whether this person is the host of the meeting.
        is_registrant: whether Zoom lists the person with a registration.
    """
    domain = domain_of(email)
    is_own = any(domain == one or domain.endswith(f".{one}") for one in own)
    if is_host or is_internal or is_own:
        return "rep"
    if domain or is_registrant or is_internal is False:
        return "prospect"
    return "unknown"


def is_internal_only(sides: Sequence[str]) -> bool:
    """Return whether everyone known took part for the own side; False for an empty list."""
    return bool(sides) and all(side == "rep" for side in sides)
