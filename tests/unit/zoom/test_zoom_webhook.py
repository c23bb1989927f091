"""Zoom's signatures, URL validation and the envelope of its events."""

from __future__ import annotations

import hashlib
import hmac
import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.errors import UnexpectedResponse
from integrations.zoom.webhook import (
    answer_validation,
    is_signed,
    parse_event,
    sign,
    timestamp_age_s,
)

SECRET = "webhook-secret"
BODY = b'{"event": "recording.completed",  "payload":{}}'


def test_the_signature_is_the_one_zoom_documents() -> None:
    expected = hmac.new(SECRET.encode(), b"v0:1789012345:" + BODY, hashlib.sha256).hexdigest()
    assert sign(BODY, "1789012345", SECRET) == f"v0={expected}"


def test_a_delivery_is_signed_only_with_the_right_secret_time_and_bytes() -> None:
    signature = sign(BODY, "1789012345", SECRET)
    assert is_signed(BODY, "1789012345", signature, SECRET)
    assert not is_signed(BODY, "1789012346", signature, SECRET)
    assert not is_signed(BODY, "1789012345", signature, "other")
    assert not is_signed(BODY, "1789012345", signature.upper(), SECRET)
    # The same JSON written in another way is another body: only the raw bytes count.
    assert not is_signed(json.dumps(json.loads(BODY)).encode(), "1789012345", signature, SECRET)


@pytest.mark.parametrize("signature", ["", "v0=", "v0=é", "\udcff", "v1=" + "0" * 64])
def test_a_malformed_signature_is_refused_without_a_crash(signature: str) -> None:
    assert not is_signed(BODY, "not a time \udcff", signature, SECRET)


def test_without_a_secret_nothing_is_signed() -> None:
    assert not is_signed(BODY, "1", sign(BODY, "1", ""), "")


def test_url_validation_is_answered_as_zoom_expects() -> None:
    answer = answer_validation("qgg8vlvZRS6UYooatFL8Aw", SECRET)
    digest = hmac.new(SECRET.encode(), b"qgg8vlvZRS6UYooatFL8Aw", hashlib.sha256).hexdigest()
    assert answer == {"plainToken": "qgg8vlvZRS6UYooatFL8Aw", "encryptedToken": digest}


def test_an_event_has_its_meeting_and_the_token_next_to_the_payload() -> None:
    event = parse_event(
        json.dumps(
            {
                "event": "recording.completed",
                "event_ts": 1789012345678,
                "download_token": "secret",
                "payload": {"account_id": "A1", "object": {"uuid": "/q9//k==", "id": 1}},
            }
        ).encode()
    )
    assert (event.event, event.event_ts, event.account_id) == (
        "recording.completed",
        1789012345678,
        "A1",
    )
    assert (event.uuid, event.download_token, event.raw["id"]) == ("/q9//k==", "secret", 1)


def test_unknown_events_and_payloads_without_an_object_are_read() -> None:
    event = parse_event(b'{"event":"app_deauthorized","payload":{"account_id":"A","user_id":"u"}}')
    assert (event.event, event.uuid, event.event_ts) == ("app_deauthorized", None, 0)
    assert event.raw["user_id"] == "u"
    rtms = parse_event(b'{"event":"meeting.rtms_started","payload":{"meeting_uuid":"abc=="}}')
    assert rtms.uuid == "abc=="
    assert parse_event(b'{"event":"something.new"}').raw == {}


def test_url_validation_has_the_token_to_hash() -> None:
    body = b'{"event":"endpoint.url_validation","payload":{"plainToken":"abc"}}'
    assert parse_event(body).plain_token == "abc"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b"null",
        b"{}",
        b'{"event": 5e400}',
        b'{"event": null}',
        b'{"event": "x", "payload": []}',
        b'{"event": "x", "payload": {"object": "y"}}',
        b'{"event": "endpoint.url_validation", "payload": {}}',
        b'{"event": "endpoint.url_validation", "payload": {"plainToken": 5}}',
        b"[" * 100_000,
        b'{"event": "\xff"}',
        b'{"event": "x", "event_ts": ' + b"9" * 5000 + b"}",
    ],
)
def test_a_malformed_body_is_a_clear_error(body: bytes) -> None:
    with pytest.raises(UnexpectedResponse):
        parse_event(body)


def test_half_surrogates_and_zero_bytes_never_reach_the_database() -> None:
    event = parse_event(b'{"event":"a\\u0000b","payload":{"object":{"uuid":"x\\ud83d=="}}}')
    assert (event.event, event.uuid) == ("ab", "x==")


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=200))
def test_any_bytes_parse_to_an_event_or_raise_one_error(body: bytes) -> None:
    with suppress(UnexpectedResponse):
        parse_event(body)


def test_the_age_of_a_delivery_is_none_if_its_timestamp_is_invalid() -> None:
    assert timestamp_age_s("1000", 1400.5) == 400.5
    assert timestamp_age_s("1000", 990.0) == -10.0
    assert timestamp_age_s("yesterday", 0.0) is None
    assert timestamp_age_s("", 0.0) is None
