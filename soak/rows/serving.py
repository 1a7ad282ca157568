"""Row 27: a server under what nobody should send it, and under far more than it can answer."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from soak.context import Context, RowResult
from soak.processes import wait_until
from soak.reference import materials

TOKEN = "0123456789abcdef-canary"
MOST_SECONDS = 1.0
PATIENCE_SECONDS = 60.0
ROWS = 100
"""Texts of each request of the flood."""
START = b"POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
GOOD = json.dumps({"texts": ["what a happy day"]}).encode()


@dataclass(frozen=True)
class Answer:
    """What came back.

    Attributes:
        status: of the answer; 0 where the connection was closed without one.
        seconds: until it was there.
        again: whether the client was told when to come again.
    """

    status: int
    seconds: float
    again: bool = False


def request(body: bytes, token: str = TOKEN, start: bytes = START) -> bytes:
    """A request as it goes over the wire."""
    shown = f"authorization: Bearer {token}\r\n".encode() if token else b""
    return start + shown + f"content-length: {len(body)}\r\n\r\n".encode() + body


async def send(port: int, *parts: bytes, pause: float = 0.0) -> Answer:
    """Send a request, in parts with a pause after each, and read the answer.

    Args:
        port: of the server.
        *parts: the request.
        pause: seconds after each part but the last.

    Returns:
        The answer; time counts from the first part.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    began, told = time.monotonic(), asyncio.create_task(reader.readuntil(b"\r\n\r\n"))
    try:
        for number, part in enumerate(parts):
            writer.write(part)
            if number + 1 < len(parts):
                await asyncio.wait({told}, timeout=pause)
            if told.done():
                break
        head = await asyncio.wait_for(told, PATIENCE_SECONDS)
        return Answer(int(head[9:12]), time.monotonic() - began, b"retry-after" in head.lower())
    except (asyncio.IncompleteReadError, ConnectionError):
        return Answer(0, time.monotonic() - began)
    finally:
        writer.close()


def faults(full: bool) -> dict[str, tuple[tuple[bytes, ...], tuple[int, ...], float]]:
    """What is sent, which answers are right, and the pause between its parts."""
    many = json.dumps({"texts": ["a"] * 100_000}).encode()
    slow = tuple(bytes([letter]) for letter in GOOD)
    deep = 100_000 if full else 10_000
    broken = (b"{", b"\xff", b"[" * deep, b'{"texts": ["a"]', b"nan", b'{"texts": 1e999}')
    return {
        "10 MB that are announced": ((request(b"")[: -len(b"0\r\n\r\n")] + b"10000000\r\n\r\n",), (413,), 0),
        "100,000 rows": ((request(many),), (413, 422), 0),
        "a body that comes letter by letter": ((request(GOOD)[: -len(GOOD)], *slow), (408,), 0.25),
        "headers that come letter by letter": (tuple(bytes([letter]) for letter in START), (408,), 0.25),
        **{f"bad JSON, number {number}": ((request(body),), (400, 422), 0) for number, body in enumerate(broken)},
        "another kind": ((request(GOOD, start=START.replace(b"application/json", b"text/plain")),), (415,), 0),
        "a wrong host": ((request(GOOD, start=START.replace(b"localhost", b"evil.example")),), (400,), 0),
        "no token": ((request(GOOD, token=""),), (401,), 0),
        "a wrong token": ((request(GOOD, token=TOKEN[:-1]),), (401,), 0),
        "no HTTP": ((b"nonsense\r\n\r\n",), (400,), 0),
    }


@contextmanager
def server(context: Context) -> Iterator[int]:
    """A server of a tiny trained model, by the command; its port."""
    study = materials().study(context.place("study"), True, {"keep": "all"})
    ended = study.go()
    if ended.exit:
        raise RuntimeError(f"the study ended with {ended.exit}: {ended.err[-500:]}")
    words = ("serve", f"{study.run}:bce-full", "--port", "0", "--threads", "1")
    process = study.command(*words, extra={"BAKEOFF_SERVE_TOKEN": TOKEN})
    try:
        found = wait_until(lambda: _port(process.said) > 0, PATIENCE_SECONDS)
        port = _port(process.said)
        if not found or not wait_until(lambda: _is_ready(port), PATIENCE_SECONDS, 0.1):
            raise RuntimeError(f"the server did not start: {process.said[-500:]}")
        yield port
    finally:
        process.kill(2)
        process.wait()


def _port(said: str) -> int:
    found = re.search(r"http://127\.0\.0\.1:(\d+)/", said)
    return int(found.group(1)) if found else 0


def _is_ready(port: int) -> bool:
    return asyncio.run(send(port, b"GET /ready HTTP/1.1\r\nhost: localhost\r\n\r\n")).status == 200


@dataclass
class Crowd:
    """Good traffic that goes on for as long as it is let.

    Attributes:
        port: of the server.
        answers: what it got.
        ended: set when it shall end.
    """

    port: int
    answers: list[Answer] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def go(self) -> None:
        """Ask one text after another."""
        while not self.ended.is_set():
            self.answers.append(await send(self.port, request(GOOD)))


def overload(context: Context) -> RowResult:
    """Send a server what it must refuse, while good traffic goes on; then a flood of a hundred times what it can answer.

    Args:
        context: what the row is given.

    Returns:
        What came of it.
    """
    result = RowResult()
    with server(context) as port:
        asyncio.run(_refused(context, result, port))
        asyncio.run(_flood(context, result, port))
    return result


async def _refused(context: Context, result: RowResult, port: int) -> None:
    crowd = Crowd(port)
    going = asyncio.create_task(crowd.go())
    slowest = 0.0
    for _ in range(context.pick(1, 20)):
        for name, (parts, right, pause) in faults(context.full).items():
            answer = await send(port, *parts, pause=pause)
            slowest, result.tried = max(slowest, answer.seconds), result.tried + 1
            result.expect(answer.status in right, f"{name}: {answer.status}")
            in_time = not context.full or answer.seconds < MOST_SECONDS
            result.expect(in_time, f"{name}: refused after {answer.seconds:.2f} s")
    crowd.ended.set()
    await going
    wrong = [answer.status for answer in crowd.answers if answer.status != 200]
    result.expect(not wrong, f"good traffic got {wrong[:5]}")
    result.notes.append(f"refused within {slowest:.2f} s; {len(crowd.answers)} good requests beside, all answered")


async def _flood(context: Context, result: RowResult, port: int) -> None:
    """As many clients at once as offer a hundred times what one after another is answered in a second."""
    body = request(json.dumps({"texts": ["what a happy day and night"] * ROWS}).encode())
    began = time.monotonic()
    for _ in range(context.pick(3, 20)):
        await send(port, body)
    a_second = context.pick(3, 20) / (time.monotonic() - began)
    clients = max(100, int(100 * a_second)) if context.full else 60
    crowd = Crowd(port)
    going = asyncio.create_task(crowd.go())
    answers: list[Answer] = []
    for start in range(0, clients, 400):  # so many connections are let in at a time
        answers += await asyncio.gather(*(send(port, body) for _ in range(min(400, clients - start))))
    crowd.ended.set()
    await going
    result.tried += 1
    told = {status: sum(answer.status == status for answer in answers) for status in {answer.status for answer in answers}}
    # a quick machine answers the small flood whole
    result.expect(set(told) <= {200, 503} and (503 in told or not context.full), f"the flood got {told}")
    refused = [answer for answer in answers if answer.status == 503]
    slowest = max((answer.seconds for answer in refused), default=0.0)
    result.expect(not context.full or slowest < MOST_SECONDS, f"the flood was refused after {slowest:.2f} s")
    good = [answer.status for answer in crowd.answers]
    result.expect(set(good) <= {200, 503}, f"good traffic in the flood got {set(good)}")
    after = await send(port, request(GOOD))
    result.expect(after.status == 200, f"after the flood a good request got {after.status}")
    answered = f"{told.get(200, 0)} answered, {len(refused)} refused within {slowest:.2f} s"
    result.notes.append(
        f"flood: {len(answers)} requests of {ROWS} texts at once, of which it answers {a_second:.0f} a second: {answered}; "
        f"{good.count(200)} of {len(good)} good requests beside answered"
    )
