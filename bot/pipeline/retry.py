"""Which failures are retried, how often, and after how long.

An error says what happened; this table decides. The waits are durable sleeps of the workflow, so a
restart during one continues it instead of starting over.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from bot.analysis.errors import AnalysisCrashed, MemoryExceeded
from integrations.errors import (
    AuthFailed,
    NoSpace,
    NotFound,
    RateLimited,
    Refused,
    Unavailable,
    UnexpectedResponse,
)
from storage.errors import DatabaseDown, OtherFolder, StorageError

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
LONGEST_WAIT_S = 6 * HOUR_S


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Wait `first_s`, then `factor` times longer each time, up to `longest_s`; `attempts` times."""

    attempts: int
    first_s: float
    factor: float = 2.0
    longest_s: float = HOUR_S

    def wait_s(self, attempt: int) -> float | None:
        """Return the seconds to wait after failed attempt `attempt` (from 0); None = give up."""
        if attempt >= self.attempts:
            return None
        return float(min(self.first_s * self.factor**attempt, self.longest_s))


POLICIES: dict[type[Exception], RetryPolicy] = {
    # About a day in total: Zoom and Slack have had outages of several hours.
    Unavailable: RetryPolicy(attempts=30, first_s=2.0),
    # Retry-After says how long; the policy only says how often.
    RateLimited: RetryPolicy(attempts=60, first_s=1.0),
    # A person must fix a wrong token; a few hours give them time to do it.
    AuthFailed: RetryPolicy(attempts=6, first_s=60.0, factor=3.0),
    # Zoom returns 3301 both for a recording not processed yet and for one that is gone.
    NotFound: RetryPolicy(attempts=3, first_s=5.0, factor=6.0),
    NoSpace: RetryPolicy(attempts=24, first_s=60.0, longest_s=HOUR_S),
    # Its disk is not mounted: a person must mount it.
    OtherFolder: RetryPolicy(attempts=24, first_s=60.0, longest_s=HOUR_S),
    UnexpectedResponse: RetryPolicy(attempts=3, first_s=2.0, factor=3.0),
    DatabaseDown: RetryPolicy(attempts=60, first_s=1.0, longest_s=300.0),
    # Another program may have taken the memory; a file that crashes a library always will.
    AnalysisCrashed: RetryPolicy(attempts=2, first_s=2.0, factor=5.0),
    MemoryExceeded: RetryPolicy(attempts=2, first_s=2.0, factor=5.0),
}
"""Every error that is retried. Any other fails the workflow at once."""

LATER: dict[type[Exception], RetryPolicy] = {
    # About a day in total, like an outage before the summary is posted.
    Unavailable: RetryPolicy(attempts=30, first_s=15.0),
    RateLimited: RetryPolicy(attempts=60, first_s=15.0),
    # About two days: a person must fix it, and nothing else waits for it.
    AuthFailed: RetryPolicy(attempts=12, first_s=300.0, factor=3.0, longest_s=6 * HOUR_S),
    # A week: an administrator may read the note and change the workspace's setting.
    Refused: RetryPolicy(attempts=7, first_s=DAY_S, longest_s=DAY_S),
    NotFound: RetryPolicy(attempts=6, first_s=60.0, factor=6.0, longest_s=DAY_S),
    UnexpectedResponse: RetryPolicy(attempts=6, first_s=60.0, factor=6.0, longest_s=DAY_S),
    NoSpace: RetryPolicy(attempts=24, first_s=60.0),
    OtherFolder: RetryPolicy(attempts=24, first_s=60.0),
    StorageError: RetryPolicy(attempts=6, first_s=60.0, factor=6.0, longest_s=DAY_S),
}
"""How what is left to do is tried again once the summary is posted and the call is done."""
LATER_UNKNOWN = RetryPolicy(attempts=3, first_s=HOUR_S, factor=6.0, longest_s=DAY_S)
"""For errors that nobody foresaw."""


def wait_before_retry(error: Exception, attempt: int) -> float | None:
    """Return the seconds to wait before a retry after `attempt` failures (from 0); None = no retry.

    If the service names a time, that is used, up to `LONGEST_WAIT_S`.
    """
    policy = POLICIES.get(type(error))
    if policy is None:
        return None
    wait_s = policy.wait_s(attempt)
    if wait_s is not None and isinstance(error, RateLimited):
        return min(max(error.retry_after_s, 0.0), LONGEST_WAIT_S)
    return wait_s


def wait_until_later(error: Exception, attempt: int) -> float | None:
    """Return the seconds until what is left to do is tried again, like `wait_before_retry`.

    `attempt` is the number of failures with this kind of error before it.
    """
    wait_s = LATER.get(type(error), LATER_UNKNOWN).wait_s(attempt)
    if wait_s is not None and isinstance(error, RateLimited):
        return min(max(error.retry_after_s, wait_s), LONGEST_WAIT_S)
    return wait_s


class Tries:
    """The failures of one step so far, counted separately for each kind of error.

    Four outages use up none of the retries that a missing recording gets.
    """

    def __init__(self) -> None:
        self._failures: Counter[type[Exception]] = Counter()

    def wait_s(self, error: Exception) -> float | None:
        """Count one more failure and return the seconds to wait after it; None = give up."""
        wait_s = wait_before_retry(error, self._failures[type(error)])
        self._failures[type(error)] += 1
        return wait_s


def advice(error: BaseException) -> str:
    """Return what the operator should check first, or "" if the error itself says it."""
    match error:
        case AuthFailed():
            return "Run `rapport check` to see which credential or permission is missing."
        case NotFound():
            return "If it should be there, run `rapport check`."
        case NoSpace():
            return "Free some disk space."
        case Unavailable() | RateLimited():
            return "The service did not recover in time."
        case _:
            return ""
