"""Zoom's REST API through a server-to-server OAuth app: recordings and participants.

Handles paging and token renewal; waiting and retrying are left to the caller.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from urllib.parse import quote

import httpx

from integrations.errors import AuthFailed, UnexpectedResponse
from integrations.zoom.answers import TOKEN_ENDED, error_code, error_from, error_from_httpx
from integrations.zoom.participants import (
    ParticipantList,
    list_participants,
    parse_participant,
)
from integrations.zoom.recordings import Meeting, parse_meeting
from integrations.zoom.text import clean_text, whole_number

log = logging.getLogger(__name__)

TIMEOUT = httpx.Timeout(30.0, connect=10.0)
RENEW_BEFORE_S = 60.0
# Zoom lists at most one month per request; 28 days is safe in any month.
LONGEST_SPAN = timedelta(days=28)
PAGE_SIZE = 300
# Zoom allows up to seven days for `download_access_token`; our retries end within a day.
DOWNLOAD_TOKEN_TTL_S = 86_400
_MOST_PAGES = 1000


@dataclass(frozen=True, slots=True)
class _Token:
    value: str
    ends_at: float
    scopes: frozenset[str]


class ZoomClient:
    """Zoom's REST API for one account. Thread-safe; the constructor does no I/O.

    All methods may raise AuthFailed, RateLimited, Unavailable, NotFound or UnexpectedResponse.
    """

    def __init__(
        self,
        http: httpx.Client,
        *,
        account_id: str,
        client_id: str,
        client_secret: str,
        api_url: str = "https://api.zoom.us/v2",
        oauth_url: str = "https://zoom.us",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._http = http
        self._account_id = account_id
        self._basic = httpx.BasicAuth(client_id, client_secret)
        self._api_url = api_url.rstrip("/")
        self._oauth_url = oauth_url.rstrip("/")
        self._clock = clock
        self._lock = threading.Lock()
        self._token: _Token | None = None

    def access_token(self) -> str:
        """Return an access token that is valid for at least another minute."""
        return self._current().value

    def scopes(self) -> frozenset[str]:
        """Return the scopes that Zoom granted to the app."""
        return self._current().scopes

    def recording(self, uuid: str) -> Meeting:
        """Return one meeting's recording, with a token that can download it for a day.

        Raises:
            NotFound: never recorded, deleted or still being made; Zoom does not distinguish them.
        """
        answer = self._get(
            f"/meetings/{_twice_quoted(uuid)}/recordings",
            {"include_fields": "download_access_token", "ttl": DOWNLOAD_TOKEN_TTL_S},
            f"recording of the meeting {uuid}",
        )
        return parse_meeting(answer, account_id=self._account_id)

    def recordings(self, from_: date, to: date) -> Iterator[Meeting]:
        """Yield the account's recordings from the first to the last day (UTC), each once.

        Entries that cannot be read are logged and left out. Pages are requested as the caller
        iterates, so an error may be raised part-way through.
        """
        seen: set[str] = set()
        start = from_
        while start <= to:
            end = min(to, start + LONGEST_SPAN - timedelta(days=1))
            span = {"from": start.isoformat(), "to": end.isoformat()}
            what = f"list of recordings from {start} to {end}"
            for entry in self._pages("/accounts/me/recordings", span, "meetings", what):
                try:
                    meeting = parse_meeting(entry, account_id=self._account_id)
                except UnexpectedResponse as exc:
                    log.warning("Left an entry out of the list of recordings: %s", exc)
                    continue
                if meeting.uuid not in seen:
                    seen.add(meeting.uuid)
                    yield meeting
            start = end + timedelta(days=1)

    def participants(self, uuid: str) -> ParticipantList:
        """Return who was in a past meeting, and how many rows are of nobody who took part."""
        path = f"/past_meetings/{_twice_quoted(uuid)}/participants"
        what = f"list of participants of the meeting {uuid}"
        rows = self._pages(path, {}, "participants", what)
        return list_participants(parse_participant(row) for row in rows)

    def _pages(
        self, path: str, params: Mapping[str, str], key: str, what: str
    ) -> Iterator[Mapping[str, Any]]:
        page_token = ""
        for _ in range(_MOST_PAGES):
            more = {"next_page_token": page_token} if page_token else {}
            answer = self._get(path, {**params, "page_size": PAGE_SIZE, **more}, what)
            entries = answer.get(key)
            if not isinstance(entries, list):
                raise UnexpectedResponse(f'Zoom\'s {what} has no field "{key}".')
            yield from (entry for entry in entries if isinstance(entry, dict))
            previous, page_token = page_token, clean_text(answer.get("next_page_token"))
            if not page_token:
                return
            if page_token == previous:
                break
        raise UnexpectedResponse(f"Zoom's {what} never ends.")

    def _get(self, path: str, params: Mapping[str, str | int], what: str) -> Mapping[str, Any]:
        token = self._current()
        response = self._send(path, params, token, what)
        if response.status_code == 401 or error_code(response) == TOKEN_ENDED:
            # A token may expire early, for instance when the app is reactivated.
            token = self._current(instead_of=token)
            response = self._send(path, params, token, what)
        if response.is_success:
            return _json_object(response, what)
        error = error_from(response, what, self._clock())
        if isinstance(error, AuthFailed):
            self._forget(token)  # so that a scope added in the meantime takes effect at once
        raise error

    def _send(
        self, path: str, params: Mapping[str, str | int], token: _Token, what: str
    ) -> httpx.Response:
        try:
            return self._http.get(
                self._api_url + path,
                params=dict(params),
                headers={"Authorization": f"Bearer {token.value}"},
                timeout=TIMEOUT,
                follow_redirects=False,
            )
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            raise error_from_httpx(exc, what) from exc

    def _current(self, instead_of: _Token | None = None) -> _Token:
        # The lock is held during the request, so that many threads share one token.
        with self._lock:
            token = self._token
            ends_at = 0.0 if token is None else token.ends_at
            if token is None or token is instead_of or ends_at - RENEW_BEFORE_S <= self._clock():
                token = self._token = self._ask_for_token()
            return token

    def _forget(self, token: _Token) -> None:
        with self._lock:
            if self._token is token:
                self._token = None

    def _ask_for_token(self) -> _Token:
        what = "access token"
        try:
            response = self._http.post(
                f"{self._oauth_url}/oauth/token",
                data={"grant_type": "account_credentials", "account_id": self._account_id},
                auth=self._basic,
                timeout=TIMEOUT,
                follow_redirects=False,
            )
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            raise error_from_httpx(exc, what) from exc
        if response.status_code in (400, 401, 403):
            reason = _refusal(response)
            raise AuthFailed(
                f"Zoom issued no access token: {reason} Check the account ID, client ID and client "
                "secret of the server-to-server OAuth app, and that the app is activated."
            )
        if not response.is_success:
            raise error_from(response, what, self._clock())
        answer = _json_object(response, what)
        value = answer.get("access_token")
        if not isinstance(value, str) or not value:
            raise UnexpectedResponse("Zoom's response to the token request contains no token.")
        lives_s = whole_number(answer.get("expires_in")) or 3600
        scopes = frozenset(clean_text(answer.get("scope")).replace(",", " ").split())
        return _Token(value, self._clock() + lives_s, scopes)


def _twice_quoted(uuid: str) -> str:
    """Quote a UUID for a path, twice: Zoom requires it for UUIDs that contain "/" or "//"."""
    return quote(quote(uuid, safe=""), safe="")


def _json_object(response: httpx.Response, what: str) -> Mapping[str, Any]:
    try:
        answer = response.json()
    except (ValueError, RecursionError) as exc:
        raise UnexpectedResponse(f"Zoom's {what} is not JSON.") from exc
    if not isinstance(answer, dict):
        raise UnexpectedResponse(f"Zoom's {what} is JSON but not an object.")
    return answer


def _refusal(response: httpx.Response) -> str:
    try:
        answer = response.json()
    except (ValueError, RecursionError):
        return "no reason given."
    reason = clean_text(answer.get("reason") or answer.get("error")) if answer else ""
    return f"{reason[:200].rstrip('.')}." if reason else "no reason given."
