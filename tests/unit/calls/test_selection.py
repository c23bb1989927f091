"""Job interviews and internal meetings are left out; the reason is kept."""

from __future__ import annotations

import pytest

from bot.calls.selection import is_internal_only, own_domains, reason_to_skip, side_of
from bot.settings import CallSettings

OPEN = CallSettings(exclude_topics=[], min_duration_s=0)


@pytest.mark.parametrize(
    ("topic", "host", "length_s", "rules", "reason"),
    [
        ("Pricing", "dana@example.com", 900, CallSettings(), None),
        ("Interview with a candidate", "dana@example.com", 900, CallSettings(), "interview"),
        ("Pricing", "dana@example.com", 20, CallSettings(), "20 s"),
        ("Pricing", "dana@example.com", None, CallSettings(), None),
        ("Pricing", "lee@example.com", 900, CallSettings(hosts=["dana@example.com"]), "host"),
        ("Pricing", "Dana@Example.com", 900, CallSettings(hosts=["dana@example.com"]), None),
        ("Pricing", "dana@example.com", 900, CallSettings(hosts=["example.com"]), None),
        ("Pricing", None, 900, CallSettings(hosts=["example.com"]), "host"),
        ("Stand-up", "dana@example.com", 900, CallSettings(topics=["(?i)demo"]), "topics"),
        ("Product demo", "dana@example.com", 900, CallSettings(topics=["(?i)demo"]), None),
    ],
)
def test_a_call_is_left_out_with_the_rule_that_did_it(
    topic: str, host: str | None, length_s: float | None, rules: CallSettings, reason: str | None
) -> None:
    told = reason_to_skip(topic, host, length_s, rules)

    assert (told is None) if reason is None else (told is not None and reason in told)


def test_the_own_side_is_the_hosts_domain_unless_settings_name_it() -> None:
    assert own_domains("dana@Example.com", OPEN) == {"example.com"}
    assert own_domains("dana@example.com", CallSettings(own_domains=["@acme.example"])) == {
        "acme.example"
    }
    assert own_domains(None, OPEN) == frozenset()


def test_a_public_mail_service_is_nobodys_own_domain() -> None:
    assert own_domains("dana@gmail.com", OPEN) == frozenset()


@pytest.mark.parametrize(
    ("email", "is_internal", "more", "side"),
    [
        # Account membership, in Zoom's own word, goes before a domain that the host has not.
        ("sam@acme.example", True, {}, "rep"),
        ("", True, {}, "rep"),
        ("", True, {"is_registrant": True}, "rep"),
        # The own side's domain goes before "not a member": a colleague who was not signed in.
        ("lee@example.com", None, {}, "rep"),
        ("lee@Example.com", False, {}, "rep"),
        ("lee@sales.example.com", None, {}, "rep"),
        ("lee@example.com", None, {"is_registrant": True}, "rep"),
        # The host, whatever else is told.
        ("", None, {"is_host": True}, "rep"),
        ("dana@gmail.com", False, {"is_host": True}, "rep"),
        # Everybody who is told to be of elsewhere.
        ("sam@customer.example", None, {}, "prospect"),
        ("sam@notexample.com", None, {}, "prospect"),
        ("", None, {"is_registrant": True}, "prospect"),
        ("", False, {}, "prospect"),
        # And who is not told anything of.
        ("", None, {}, "unknown"),
        (None, None, {}, "unknown"),
        ("not an address", None, {}, "unknown"),
    ],
)
def test_sides_come_from_what_zoom_tells_and_are_not_guessed(
    email: str | None, is_internal: bool | None, more: dict[str, bool], side: str
) -> None:
    assert side_of(email, is_internal, frozenset({"example.com"}), **more) == side


def test_only_a_call_known_to_be_internal_is_internal() -> None:
    assert is_internal_only(["rep", "rep"])
    assert not is_internal_only(["rep", "unknown"])
    assert not is_internal_only([])
