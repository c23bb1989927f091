"""Which calls are analysed, and which side of the table a person sits on.

Pure functions over plain values: the webhook asks before a workflow is started, the workflow asks
again once Zoom has told who took part.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from bot.settings import CallSettings

PUBLIC_MAIL = frozenset({
    "gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "live.com", "msn.com",
    "yahoo.com", "icloud.com", "me.com", "aol.com", "gmx.de", "gmx.net", "web.de", "t-online.de",
    "proton.me", "protonmail.com", "mail.com", "mail.ru", "yandex.ru", "qq.com", "163.com",
    "126.com",
})  # fmt: skip
"""Domains that strangers share: they tell no side apart."""


def domain_of(email: str | None) -> str:
    """The lower-case domain of an address, or "" where there is none."""
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
    """Why a recording is left out by its host, topic or length, as a sentence; None = analyse it.

    Args:
        topic: the meeting's topic as Zoom has it.
        host_email: the host's address, or None where Zoom does not tell; then no host rule matches.
        duration_s: length of the recording, or None where it is not known yet.
        rules: the operator's settings.
    """
    if rules.hosts and not _host_matches(host_email, rules.hosts):
        return "The host is not one of the hosts whose calls are analysed."
    if rules.topics and not any(re.search(pattern, topic) for pattern in rules.topics):
        return "The topic matches none of the topics that are analysed."
    for pattern in rules.exclude_topics:
        if re.search(pattern, topic):
            return f"The topic matches {pattern!r}, which is left out."
    if duration_s is not None and duration_s < rules.min_duration_s:
        return (
            f"The recording lasts {duration_s:.0f} s; "
            f"calls under {rules.min_duration_s} s are left out."
        )
    return None


def own_domains(host_email: str | None, rules: CallSettings) -> frozenset[str]:
    """The e-mail domains of the account's own side: the setting's, else the host's.

    A host on a public mail service shares the domain with strangers: then there is none.
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
    """One of "rep", "prospect" or "unknown", for one participant.

    The first of these that is known decides. What speaks for the own side goes first: a colleague
    taken for a customer would be scored where that is forbidden, a customer taken for a colleague
    is left out.

    1. the host of the meeting: rep;
    2. a member of the Zoom account, in Zoom's own word: rep;
    3. an e-mail address of the own side's domains, or below one of them: rep;
    4. an address of any other domain: prospect;
    5. registered for the meeting: prospect;
    6. not a member of the account, in Zoom's own word: prospect;
    7. nothing of this: unknown.

    Args:
        email: blank for people outside the account: Zoom hides their address.
        is_internal: Zoom's own word for "belongs to the account", where it gives one.
        own: the own side's domains.
        is_host: whether this is who the meeting belongs to.
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
    """True where everybody who is known took part for the own side; an empty list tells nothing."""
    return bool(sides) and all(side == "rep" for side in sides)
