"""A stand-in for Slack on 127.0.0.1: messages with metadata, threads, file uploads and limits.

slack_sdk connects to it with `WebClient(token, base_url=stand_in.api_url)`. Posts can be read in
Python (`messages`, `files`) and from another process (`GET /_messages`, `GET /_files`).
"""

from __future__ import annotations

import json

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.demo.stand_ins.faults import Fault
from bot.demo.stand_ins.server import StandIn
from bot.demo.stand_ins.slack_workspace import (
    DEFAULT_CHANNEL,
    Arguments,
    SlackError,
    SlackFile,
    SlackMessage,
    SlackWorkspace,
)

SCOPES = (
    "chat:write",
    "files:write",
    "files:read",
    "channels:history",
    "channels:read",
    "groups:history",
    "groups:read",
)


class SlackStandIn(StandIn):
    """The part of Slack that Rapport uses. Use it as a context manager.

    Faults are set per method: `faults.status("/api/chat.postMessage", 429, retry_after=1)`,
    `faults.refuse("/api/chat.update", "edit_window_closed")`,
    `faults.drop("/api/chat.postMessage")` (accepts the message, then cuts the connection).
    """

    def __init__(
        self,
        *,
        token: str = "xoxb-demo-token",
        channels: dict[str, str] | None = None,
        scopes: tuple[str, ...] = SCOPES,
        port: int = 0,
    ) -> None:
        self.token = token
        names = {DEFAULT_CHANNEL: "sales-calls"} if channels is None else channels
        self.workspace = SlackWorkspace(names, scopes)
        super().__init__(
            [
                Route("/api/{method}", self._call, methods=["GET", "POST"]),
                Route("/upload/{file_id}", self._upload, methods=["POST", "PUT"]),
                Route("/files/{file_id}/{name}", self._download),
                Route("/_messages", self._list_messages),
                Route("/_files", self._list_files),
                Route("/_files/{file_id}", self._file_bytes),
            ],
            port=port,
        )
        self.workspace.base_url = self.base_url

    @property
    def api_url(self) -> str:
        """The base URL for a Slack client, with a trailing slash."""
        return f"{self.base_url}/api/"

    @property
    def messages(self) -> list[SlackMessage]:
        """Every message and reply, oldest first. A copy."""
        return self.workspace.messages

    @property
    def files(self) -> list[SlackFile]:
        """Every completed upload, oldest first. A copy."""
        return self.workspace.files

    def fault_response(self, fault: Fault) -> Response:
        """Build a refusal in Slack's format."""
        headers = {} if fault.retry_after is None else {"Retry-After": fault.retry_after}
        code = fault.error or ("ratelimited" if fault.status == 429 else "internal_error")
        return JSONResponse({"ok": False, "error": code}, fault.status, headers)

    def unknown_path_response(self, status: int) -> Response:
        """Build Slack's response to an unknown path."""
        return JSONResponse({"ok": False, "error": "unknown_method"}, status)

    async def _call(self, request: Request) -> Response:
        arguments = await _arguments(request)
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            token = str(arguments.pop("token", ""))
        if token != self.token:
            return JSONResponse({"ok": False, "error": "invalid_auth" if token else "not_authed"})
        headers = {"x-oauth-scopes": ",".join(self.workspace.scopes)}
        try:
            answer = self.workspace.call(request.path_params["method"], arguments)
        except SlackError as exc:
            answer = {"ok": False, "error": exc.code, **exc.fields}
        return JSONResponse({"ok": True, **answer}, headers=headers)

    async def _upload(self, request: Request) -> Response:
        content = await request.body()
        if request.headers.get("content-type", "").startswith("multipart/form-data"):
            form = await request.form()
            first = next(iter(form.values()), "")
            content = first.encode() if isinstance(first, str) else await first.read()
        try:
            self.workspace.upload(request.path_params["file_id"], content)
        except SlackError as exc:
            return Response(exc.code, 400)
        return Response(f"OK - {len(content)}")

    async def _download(self, request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return Response("Not found", 404)
        return await self._file_bytes(request)

    async def _list_messages(self, request: Request) -> Response:
        return JSONResponse(
            [
                {
                    **self.workspace.message_view(message, metadata=True),
                    "channel": message.channel,
                }
                for message in self.messages
            ]
        )

    async def _list_files(self, request: Request) -> Response:
        return JSONResponse(
            [
                {
                    **self.workspace.file_view(file),
                    "channel": file.channel,
                    "thread_ts": file.thread_ts,
                    "content_url": f"{self.base_url}/_files/{file.id}",
                }
                for file in self.files
            ]
        )

    async def _file_bytes(self, request: Request) -> Response:
        try:
            file = self.workspace.file(request.path_params["file_id"])
        except SlackError:
            return Response("Not found", 404)
        return Response(file.content, media_type="application/octet-stream")


async def _arguments(request: Request) -> Arguments:
    """Return a call's arguments from its query, form or JSON body; JSON in a form is parsed."""
    arguments: Arguments = dict(request.query_params)
    if request.headers.get("content-type", "").startswith("application/json"):
        body = json.loads(await request.body() or b"{}")
        arguments.update(body if isinstance(body, dict) else {})
    else:
        arguments.update(await request.form())
    for name in ("blocks", "metadata", "files"):
        if isinstance(arguments.get(name), str):
            try:
                arguments[name] = json.loads(arguments[name])
            except ValueError:
                arguments[name] = None
    return arguments
