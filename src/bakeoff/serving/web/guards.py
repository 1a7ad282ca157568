"""What stands before the application: who may ask, by which name, how much, and how slowly."""

from __future__ import annotations

import asyncio
import hmac
import json
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from bakeoff.serving.web.metering import SECONDS, Meter

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LOCAL = ("localhost", "127.0.0.1", "::1")
OPEN_PATHS = ("/", "/page.js", "/page.css", "/health", "/ready", "/openapi.json")
"""What needs no token: nothing of it tells a text or answers one."""
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; "
POLICY += "form-action 'none'; frame-ancestors 'none'"
HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)


class Refused(Exception):
    """A request that goes no further.

    Args:
        status: of the answer.
        what: why, for the one who asked.
        **headers: of the answer; underscores stand for hyphens.
    """

    def __init__(self, status: int, what: str, **headers: str) -> None:
        self.status, self.what, self.headers = status, what, headers
        super().__init__(what)


@dataclass(frozen=True)
class Rules:
    """What requests have to keep.

    Attributes:
        hosts: names that they may call the server by, in lower case; the local ones always hold.
        token: what they have to show; empty where none is needed.
        body_bytes: size of a body at most.
        body_seconds: time in which the body has to be here.
    """

    hosts: frozenset[str]
    token: str
    body_bytes: int
    body_seconds: float


@dataclass(frozen=True)
class Guard:
    """The application behind its rules; it sees whole requests only, and every answer carries the security headers.

    Attributes:
        app: what answers.
        rules: the rules.
        meter: counts.
    """

    app: App
    rules: Rules
    meter: Meter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it.

        Args:
            scope: of ASGI.
            receive: likewise.
            send: likewise.
        """
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, told = time.monotonic(), {"status": 500}

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                told["status"] = message["status"]
                message = {**message, "headers": [*message.get("headers", []), *HEADERS]}
            await send(message)

        try:
            body = await self._check(scope, receive)
            await self.app(scope, _replay(body, receive), answer)
        except Refused as refused:
            self.meter.count("refused", reason=str(refused.status))
            await refuse(refused, answer)
        finally:
            self.meter.count("requests", status=str(told["status"]), path=_known(scope["path"]))
            self.meter.observe("request_seconds", time.monotonic() - began, SECONDS)

    async def _check(self, scope: Scope, receive: Receive) -> bytes:
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        self._check_host(headers.get(b"host", ""))
        self._check_token(scope["path"], headers.get(b"authorization", ""))
        length = headers.get(b"content-length", "")
        if length and (not length.isdecimal() or int(length) > self.rules.body_bytes):
            raise Refused(413, f"the body may have {self.rules.body_bytes:,} bytes", connection="close")
        body = await self._read(receive)
        if body and scope["method"] == "POST":
            _check_json(headers.get(b"content-type", ""), body)
        return body

    def _check_host(self, host: str) -> None:
        """Against pages that call this machine by a name of theirs (DNS rebinding)."""
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
        name = name.strip("[]").lower()
        if name not in LOCAL and name not in self.rules.hosts:
            raise Refused(400, "this server is not called by that name")

    def _check_token(self, path: str, shown: str) -> None:
        if not self.rules.token or path in OPEN_PATHS:
            return
        kind, _, token = shown.partition(" ")
        if kind.lower() != "bearer" or not hmac.compare_digest(token.strip().encode(), self.rules.token.encode()):
            raise Refused(401, "the token is missing or wrong", www_authenticate="Bearer")

    async def _read(self, receive: Receive) -> bytes:
        """The whole body, in time and within its size."""
        parts: list[bytes] = []
        size, deadline = 0, time.monotonic() + self.rules.body_seconds
        while True:
            try:
                message = await asyncio.wait_for(receive(), max(0.0, deadline - time.monotonic()))
            except TimeoutError as error:
                raise Refused(408, f"the body was not here within {self.rules.body_seconds:g} s", connection="close") from error
            if message["type"] == "http.disconnect":
                raise Refused(400, "the client has gone")
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self.rules.body_bytes:
                raise Refused(413, f"the body may have {self.rules.body_bytes:,} bytes", connection="close")
            if not message.get("more_body"):
                return b"".join(parts)


def _check_json(kind: str, body: bytes) -> None:
    # a page of another origin may send text/plain without asking, JSON it may not
    if kind.partition(";")[0].strip().lower() != "application/json":
        raise Refused(415, "the body has to be application/json")
    try:
        json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refused(400, "the body is no JSON") from error


def _replay(body: bytes, receive: Receive) -> Receive:
    """Hand the body that was read to the application."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _known(path: str) -> str:
    """A path as a label: what a stranger may ask for is no place to grow."""
    return path if path in (*OPEN_PATHS, "/predict", "/models", "/metrics") else "other"


async def refuse(refused: Refused, send: Send) -> None:
    """Answer that a request goes no further.

    Args:
        refused: why.
        send: of ASGI.
    """
    body = json.dumps({"detail": refused.what}).encode()
    headers = [(name.replace("_", "-").encode(), value.encode()) for name, value in refused.headers.items()]
    headers += [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
