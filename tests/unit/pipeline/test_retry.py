"""Which failures are tried again, how often and after how long."""

from __future__ import annotations

import pickle

import pytest

import inference.errors
import integrations.errors
import storage.errors
from bot.analysis.errors import AnalysisCrashed, MemoryExceeded
from bot.pipeline.retry import (
    LATER,
    LONGEST_WAIT_S,
    POLICIES,
    Tries,
    advice,
    wait_before_retry,
    wait_until_later,
)
from inference.errors import NoVideoStream, UnreadableMedia
from integrations.errors import (
    AuthFailed,
    NoSpace,
    NotFound,
    RateLimited,
    Refused,
    Unavailable,
    UnexpectedResponse,
)
from storage.errors import DatabaseDown, Missing


@pytest.mark.parametrize(
    ("error", "waits_s"),
    [
        (Unavailable("x"), [2, 4, 8, 16, 32, 64]),
        (AuthFailed("x"), [60, 180, 540, 1620, 3600, 3600, None]),
        (NotFound("x"), [5, 30, 180, None]),
        (DatabaseDown("x"), [1, 2, 4, 8]),
        (AnalysisCrashed("x"), [2, 10, None]),
        (MemoryExceeded("x"), [2, 10, None]),
        (RateLimited("x", 7.0), [7, 7, 7]),
        (RateLimited("x", 1e9), [LONGEST_WAIT_S]),
        (UnreadableMedia("x"), [None]),
        (NoVideoStream("x"), [None]),
        (Missing("x"), [None]),
        (ValueError("x"), [None]),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_waits(error: Exception, waits_s: list[float | None]) -> None:
    assert [wait_before_retry(error, attempt) for attempt in range(len(waits_s))] == waits_s


def test_an_outage_of_a_working_day_is_survived() -> None:
    waits = [POLICIES[Unavailable].wait_s(attempt) for attempt in range(30)]

    assert sum(wait or 0 for wait in waits) > 8 * 3600
    assert wait_before_retry(Unavailable("x"), 30) is None


@pytest.mark.parametrize(
    ("error", "waits_s"),
    [
        (Unavailable("x"), [15, 30, 60, 120]),
        (RateLimited("x", 7.0), [15, 30]),
        (RateLimited("x", 100.0), [100, 100]),
        (RateLimited("x", 1e9), [LONGEST_WAIT_S]),
        (AuthFailed("x"), [300, 900, 2700, 8100, 21_600]),
        (Refused("x"), [86_400] * 7 + [None]),
        (NotFound("x"), [60, 360, 2160, 12_960, 77_760, 86_400, None]),
        (UnexpectedResponse("x"), [60, 360]),
        (ValueError("x"), [3600, 21_600, 86_400, None]),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_waits_once_the_summary_is_posted(error: Exception, waits_s: list[float | None]) -> None:
    assert [wait_until_later(error, attempt) for attempt in range(len(waits_s))] == waits_s


def test_what_follows_the_summary_survives_an_outage_of_a_working_day_and_ends() -> None:
    for kind, policy in LATER.items():
        waits = [policy.wait_s(attempt) for attempt in range(policy.attempts)]
        total_s = sum(wait or 0 for wait in waits)
        assert 8 * 3600 < total_s <= 7 * 86_400, kind
        assert policy.wait_s(policy.attempts) is None


def test_tries_are_counted_for_each_kind_of_error_by_itself() -> None:
    tries = Tries()
    outages = [tries.wait_s(Unavailable("x")) for _ in range(4)]
    missing = [tries.wait_s(NotFound("x")) for _ in range(4)]

    assert outages == [2, 4, 8, 16]
    assert missing == [5, 30, 180, None]
    assert tries.wait_s(Unavailable("x")) == 32


def _error_classes() -> list[type[Exception]]:
    modules = (inference.errors, integrations.errors, storage.errors)
    return [
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Exception)
    ]


@pytest.mark.parametrize("kind", _error_classes(), ids=lambda kind: kind.__name__)
def test_every_error_survives_the_round_trip_through_the_workflow_database(
    kind: type[Exception],
) -> None:
    more = {RateLimited: (3.5,), NoSpace: (10, 5)}.get(kind, ())
    error = kind("what failed", *more)

    back = pickle.loads(pickle.dumps(error))

    assert type(back) is kind
    assert str(back) == "what failed"
    assert back.args == error.args
    assert vars(back) == vars(error)


@pytest.mark.parametrize("error", [AuthFailed("x"), NotFound("x"), NoSpace("x", 2, 1)])
def test_a_failure_that_an_operator_can_mend_comes_with_what_to_do(error: Exception) -> None:
    assert advice(error).endswith(".")


def test_an_outage_is_named_only_where_there_was_one() -> None:
    assert "did not recover" in advice(Unavailable("x"))
    assert "did not recover" in advice(RateLimited("x", 5.0))
    assert advice(UnexpectedResponse("the file is offered by another host")) == ""
