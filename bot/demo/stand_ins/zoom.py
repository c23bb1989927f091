"""A stand-in for Zoom on 127.0.0.1: token, recordings, participants, downloads and webhooks.

It behaves as Zoom does where clients tend to go wrong: identifiers in a path are encoded twice, a
download with a wrong token returns 200 with an HTML page, and downloads redirect to another path.
Besides the common faults, `POST /_faults` accepts `{"kind": "expire_tokens"}`,
`{"kind": "delete_recording", "uuid": …}` and `{"kind": "ignore_range", "on": true}`;
`POST /_send` with `target`, `uuid` and `event` sends a webhook.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from datetime import date, datetime
from typing import Any
from urllib.parse import parse_qs, quote, unquote

import httpx
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from bot.demo.stand_ins.faults import Fault
from bot.demo.stand_ins.server import StandIn
from bot.demo.stand_ins.zoom_http import bearer_of, error, html_page, page_of, send_file
from bot.demo.stand_ins.zoom_meeting import (
    ACCOUNT_ID,
    FileFixture,
    MeetingFixture,
    participant_entry,
    recording_object,
    zoom_time,
)

TOKEN_LIFE_S = 3600.0
DOWNLOAD_TOKEN_LIFE_S = 86_400.0
WEBHOOK_TIMEOUT_S = 10.0
"""Zoom itself waits three seconds; a busy laptop may need longer."""

SCOPES = (
    "cloud_recording:read:list_recording_files:admin",
    "cloud_recording:read:list_account_recordings:admin",
    "cloud_recording:read:list_user_recordings:admin",
    "meeting:read:past_meeting:admin",
    "meeting:read:list_past_participants:admin",
)
TRANSCRIPT_TYPES = ("TRANSCRIPT", "CC")

INVALID_TOKEN = (401, 124, "Invalid access token.")
NO_RECORDING = (404, 3301, "This recording does not exist.")
NO_MEETING = (404, 3001, "Meeting does not exist.")


class ZoomStandIn(StandIn):
    """The part of Zoom that Rapport uses. Use it as a context manager.

    `faults` and `requests` come from `StandIn`; downloads end below `/cdn/`, where
    `faults.drop("/cdn/", after_bytes=…)` cuts them.
    """

    def __init__(
        self,
        *,
        account_id: str = ACCOUNT_ID,
        client_id: str = "demo-client",
        client_secret: str = "demo-client-secret",
        webhook_secret: str = "demo-webhook-secret",
        scopes: tuple[str, ...] = SCOPES,
        port: int = 0,
    ) -> None:
        self.account_id = account_id
        self.client_id = client_id
        self.client_secret = client_secret
        self.webhook_secret = webhook_secret
        self.scopes = scopes
        self.ignore_range = False
        """If True, `Range` is ignored and the whole file is sent, as by some servers."""
        self._meetings: dict[str, MeetingFixture] = {}
        self._access_tokens: dict[str, float] = {}
        self._download_tokens: dict[str, float] = {}
        self._signed_paths: dict[str, FileFixture] = {}
        self._lock = threading.Lock()
        super().__init__(
            [
                Route("/oauth/token", self._token, methods=["POST"]),
                Route("/v2/meetings/{uuid}/recordings", self._recordings),
                Route("/v2/accounts/{account}/recordings", self._list_recordings),
                Route("/v2/users/{user}/recordings", self._list_recordings),
                Route("/v2/past_meetings/{uuid}", self._past_meeting),
                Route("/v2/past_meetings/{uuid}/participants", self._participants),
                Route("/rec/{area}/{file_id}", self._download),
                Route("/cdn/{key}/{name}", self._file),
                Route("/_send", self._send_for_another, methods=["POST"]),
            ],
            port=port,
        )

    # Used by tests and the demo.

    def add_meeting(self, meeting: MeetingFixture) -> None:
        """Add a meeting, replacing an earlier one with the same uuid."""
        with self._lock:
            self._meetings[meeting.uuid] = meeting

    def delete_recording(self, uuid: str) -> None:
        """Delete a recording: its metadata then returns 3301, and its files an HTML page."""
        with self._lock:
            self._meetings.pop(uuid, None)
            self._signed_paths.clear()

    def expire_tokens(self) -> None:
        """Expire every access token, download token and signed path issued so far."""
        with self._lock:
            self._access_tokens.clear()
            self._download_tokens.clear()
            self._signed_paths.clear()

    def webhook_body(self, uuid: str, event: str = "recording.completed") -> bytes:
        """Build the raw body of a webhook about a meeting, with a fresh download token.

        `recording.transcript_completed` lists only the transcripts, every other event all files.

        Raises:
            KeyError: no such meeting.
        """
        meeting = self._meetings[uuid]
        files = list(meeting.files)
        if event == "recording.transcript_completed":
            files = [file for file in files if file.file_type in TRANSCRIPT_TYPES]
        recording = recording_object(meeting, files, self.base_url, "webhook_download")
        if event == "recording.transcript_completed":
            recording.pop("participant_audio_files", None)
        return json.dumps(
            {
                "event": event,
                "event_ts": int(time.time() * 1000),
                "payload": {"account_id": self.account_id, "object": recording},
                "download_token": self._new_token(self._download_tokens, DOWNLOAD_TOKEN_LIFE_S),
            },
            ensure_ascii=False,
        ).encode()

    def signed_headers(
        self, body: bytes, *, timestamp: int | None = None, secret: str | None = None
    ) -> dict[str, str]:
        """Return the headers that Zoom sends with this webhook body."""
        sent_at = str(int(time.time()) if timestamp is None else timestamp)
        key = (self.webhook_secret if secret is None else secret).encode()
        digest = hmac.new(key, b"v0:" + sent_at.encode() + b":" + body, hashlib.sha256)
        return {
            "content-type": "application/json",
            "x-zm-request-timestamp": sent_at,
            "x-zm-signature": "v0=" + digest.hexdigest(),
            "x-zm-trackingid": f"v=2.0;clid=demo;rid=WEB_{secrets.token_hex(8)}",
        }

    def send(
        self,
        target_url: str,
        uuid: str,
        event: str = "recording.completed",
        *,
        body: bytes | None = None,
        timestamp: int | None = None,
        secret: str | None = None,
    ) -> httpx.Response:
        """Deliver a signed webhook to `target_url` once, and return the response.

        `body` repeats an earlier delivery verbatim; `timestamp` and `secret` sign it late or with
        the wrong secret.

        Raises:
            httpx.HTTPError: there was no response.
        """
        raw = self.webhook_body(uuid, event) if body is None else body
        headers = self.signed_headers(raw, timestamp=timestamp, secret=secret)
        with httpx.Client(timeout=WEBHOOK_TIMEOUT_S, trust_env=False) as client:
            return client.post(target_url, content=raw, headers=headers)

    def validate(self, target_url: str) -> bool:
        """Request URL validation, as Zoom does at setup and every 72 hours; return if it passed."""
        plain = secrets.token_urlsafe(16)
        body = json.dumps(
            {
                "event": "endpoint.url_validation",
                "event_ts": int(time.time() * 1000),
                "payload": {"plainToken": plain},
            }
        ).encode()
        answer = self.send(target_url, "", body=body)
        expected = hmac.new(self.webhook_secret.encode(), plain.encode(), hashlib.sha256)
        if answer.status_code != 200:
            return False
        try:
            reply = answer.json()
        except ValueError:
            return False
        return bool(reply == {"plainToken": plain, "encryptedToken": expected.hexdigest()})

    def apply_command(self, command: dict[str, Any]) -> bool:
        """Apply a fault that only Zoom has; return False if it is unknown."""
        kind = command.get("kind")
        if kind == "expire_tokens":
            self.expire_tokens()
        elif kind == "delete_recording":
            self.delete_recording(command["uuid"])
        elif kind == "ignore_range":
            self.ignore_range = bool(command.get("on", True))
        else:
            return False
        return True

    def fault_response(self, fault: Fault) -> Response:
        """Build a refusal in Zoom's format."""
        code, message = 500, "Internal server error, please try again later."
        headers = {}
        if fault.status == 429:
            code = 429
            message = "You have reached the maximum per-second rate limit for this API."
            headers["X-RateLimit-Category"] = "Light"
            headers["X-RateLimit-Type"] = "QPS"
            headers["X-RateLimit-Remaining"] = "0"
        if fault.retry_after is not None:
            headers["Retry-After"] = fault.retry_after
        return JSONResponse({"code": code, "message": message}, fault.status, headers)

    def unknown_path_response(self, status: int) -> Response:
        """Build Zoom's response to an unknown path."""
        return error((status, 300, "Request path or method not found."))

    # Endpoints.

    async def _token(self, request: Request) -> Response:
        credentials = f"{self.client_id}:{self.client_secret}".encode()
        basic = "Basic " + base64.b64encode(credentials).decode()
        form = parse_qs((await request.body()).decode("utf-8", "replace"))
        asked = {**dict(request.query_params), **{name: values[0] for name, values in form.items()}}
        if not hmac.compare_digest(request.headers.get("authorization", ""), basic):
            reason = {"reason": "Invalid client_id or client_secret", "error": "invalid_client"}
            return JSONResponse(reason, 401)
        if asked.get("grant_type") != "account_credentials":
            reason = {"reason": "unsupported grant type", "error": "unsupported_grant_type"}
            return JSONResponse(reason, 400)
        if asked.get("account_id") != self.account_id:
            return JSONResponse({"reason": "Bad Request", "error": "invalid_request"}, 400)
        return JSONResponse(
            {
                "access_token": self._new_token(self._access_tokens, TOKEN_LIFE_S),
                "token_type": "bearer",
                "expires_in": int(TOKEN_LIFE_S),
                "scope": " ".join(self.scopes),
                "api_url": self.base_url,
            }
        )

    async def _recordings(self, request: Request) -> Response:
        if not self._has_access(request):
            return error(INVALID_TOKEN)
        meeting = self._find(request.path_params["uuid"])
        if meeting is None:
            return error(NO_RECORDING)
        recording = recording_object(meeting, list(meeting.files), self.base_url, "download")
        recording["type"] = str(recording["type"])
        if "download_access_token" in request.query_params.get("include_fields", ""):
            life_s = float(request.query_params.get("ttl", DOWNLOAD_TOKEN_LIFE_S))
            token = self._new_token(self._download_tokens, life_s)
            recording["download_access_token"] = token
        return JSONResponse(recording)

    async def _list_recordings(self, request: Request) -> Response:
        if not self._has_access(request):
            return error(INVALID_TOKEN)
        query = request.query_params
        today = datetime.fromtimestamp(time.time()).astimezone().date()
        try:
            first = date.fromisoformat(query.get("from", today.isoformat()))
            last = date.fromisoformat(query.get("to", today.isoformat()))
        except ValueError:
            return error((400, 300, "Invalid field: from, to."))
        if not 0 <= (last - first).days <= 31:
            return error((400, 300, "The date range must be within one month."))
        meetings = sorted(self._meetings.values(), key=lambda meeting: meeting.started_at)
        found = [
            recording_object(meeting, list(meeting.files), self.base_url, "download")
            for meeting in meetings
            if first <= date.fromisoformat(zoom_time(meeting.started_at)[:10]) <= last
        ]
        page = page_of(found, "meetings", request)
        return JSONResponse({"from": first.isoformat(), "to": last.isoformat(), **page})

    async def _past_meeting(self, request: Request) -> Response:
        if not self._has_access(request):
            return error(INVALID_TOKEN)
        meeting = self._find(request.path_params["uuid"])
        if meeting is None:
            return error(NO_MEETING)
        recording = recording_object(meeting, [], self.base_url, "download")
        kept = ("uuid", "id", "host_id", "type", "topic", "start_time", "duration")
        past = {name: recording[name] for name in kept}
        return JSONResponse({**past, "participants_count": len(meeting.participants)})

    async def _participants(self, request: Request) -> Response:
        if not self._has_access(request):
            return error(INVALID_TOKEN)
        meeting = self._find(request.path_params["uuid"])
        if meeting is None:
            return error(NO_MEETING)
        entries = [participant_entry(meeting, person) for person in meeting.participants]
        return JSONResponse(page_of(entries, "participants", request))

    async def _download(self, request: Request) -> Response:
        if "access_token" in request.query_params:
            return error(INVALID_TOKEN)
        token = bearer_of(request)
        if not (self._is_live(self._download_tokens, token) or self._has_access(request)):
            return html_page("This recording requires you to sign in")
        with self._lock:
            found = [
                meeting.file(request.path_params["file_id"]) for meeting in self._meetings.values()
            ]
            file = next((file for file in found if file is not None), None)
            if file is None:
                return html_page("This recording does not exist")
            key = secrets.token_urlsafe(12)
            self._signed_paths[key] = file
        return RedirectResponse(f"/cdn/{key}/{quote(file.path.name)}", 302)

    async def _file(self, request: Request) -> Response:
        with self._lock:
            file = self._signed_paths.get(request.path_params["key"])
        if file is None or not file.path.exists():
            return html_page("This link has expired")
        return send_file(file, None if self.ignore_range else request.headers.get("range"))

    async def _send_for_another(self, request: Request) -> Response:
        asked = json.loads(await request.body())
        event = asked.get("event", "recording.completed")
        try:
            answer = await run_in_threadpool(self.send, asked["target"], asked["uuid"], event)
        except (KeyError, httpx.HTTPError) as exc:
            return JSONResponse({"error": repr(exc)}, 400)
        return JSONResponse({"status": answer.status_code})

    # Parts of the endpoints.

    def _new_token(self, tokens: dict[str, float], life_s: float) -> str:
        token = "eyJ" + secrets.token_urlsafe(30)
        with self._lock:
            tokens[token] = time.monotonic() + life_s
        return token

    def _is_live(self, tokens: dict[str, float], token: str) -> bool:
        with self._lock:
            return tokens.get(token, 0.0) > time.monotonic()

    def _has_access(self, request: Request) -> bool:
        return self._is_live(self._access_tokens, bearer_of(request))

    def _find(self, path_uuid: str) -> MeetingFixture | None:
        """Return the meeting with an identifier, which the server has already decoded once."""
        wanted = unquote(path_uuid)
        with self._lock:
            by_number = [
                meeting for meeting in self._meetings.values() if str(meeting.meeting_id) == wanted
            ]
            return self._meetings.get(wanted) or (by_number[-1] if by_number else None)
