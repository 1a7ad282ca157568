"""The job `serve`: a socket, the application behind its guard, and an end that lets requests at work finish."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from bakeoff.errors import RunError
from bakeoff.records.serving import ServeOrder
from bakeoff.serving.predictor import Predictor
from bakeoff.serving.rows import Encoder
from bakeoff.serving.shared import load_together
from bakeoff.serving.web.application import make_application
from bakeoff.serving.web.batching import Batcher
from bakeoff.serving.web.guards import Guard, Rules
from bakeoff.serving.web.metering import Meter
from bakeoff.tasks.tokenizer import load_tokenizer

TOKEN_VARIABLE = "BAKEOFF_SERVE_TOKEN"  # noqa: S105  (its name, not its value)
GRACE_SECONDS = 5
HEADER_BYTES = 16_384
BACKLOG = 1024
SLOW = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class PromptProtocol(H11Protocol):
    """HTTP/1.1 that does not wait for ever for the headers of a request."""

    header_seconds = 1.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is here: its first request has to come in time.

        Args:
            transport: the connection.
        """
        super().connection_made(transport)
        self.loop.call_later(self.header_seconds, self._lose_patience)

    def _lose_patience(self) -> None:
        if self.cycle is None and not self.transport.is_closing():
            self.transport.write(SLOW)
            self.transport.close()


def load_predictors(order: ServeOrder) -> list[Predictor]:
    """Load the models of an order.

    Args:
        order: the order.

    Returns:
        A predictor a model.
    """
    models = load_together(order.models, order.precision, order.threads)
    return [
        Predictor(served, Encoder.of(served.task, load_tokenizer(Path(served.folder))), model)
        for served, model in zip(order.models, models, strict=True)
    ]


def listen(order: ServeOrder) -> socket.socket:
    """Open the socket.

    Args:
        order: address and port.

    Returns:
        The socket, listening.

    Raises:
        RunError: if the address is taken or not ours.
    """
    family = socket.AF_INET6 if ":" in order.host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((order.host, order.port))
        made.listen(BACKLOG)
    except (OSError, UnicodeError) as error:
        made.close()
        problem = f"cannot listen on {order.host}:{order.port}: {getattr(error, 'strerror', None) or error}"
        raise RunError(problem, "--host, --port", "another port, or --port 0 for a free one") from error
    return made


def make_server(order: ServeOrder, batcher: Batcher, meter: Meter, token: str = "") -> uvicorn.Server:
    """The server, not yet running.

    Args:
        order: models and limits.
        batcher: what answers.
        meter: counts.
        token: what requests have to show; empty where none is needed.

    Returns:
        The server.
    """
    rules = Rules(
        hosts=frozenset(name.lower() for name in (*order.hosts, order.host)),
        token=token,
        body_bytes=order.body_bytes,
        body_seconds=order.body_seconds,
    )
    protocol = type("Prompt", (PromptProtocol,), {"header_seconds": order.body_seconds})
    config = uvicorn.Config(
        Guard(make_application(order, batcher, meter), rules, meter),
        http=protocol,
        loop="asyncio",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=order.connections,
        h11_max_incomplete_event_size=HEADER_BYTES,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    return uvicorn.Server(config)


def serve(order: ServeOrder, say: Callable[..., Any]) -> None:
    """Serve until told to stop.

    Args:
        order: models and limits.
        say: told `serving`, with `host` and `port`.

    Raises:
        RunError: if the address is taken, or a token is needed and none stands in the environment.
        BaseException: what kept the models from being loaded.
    """
    token = os.environ.get(TOKEN_VARIABLE, "") if order.needs_token else ""
    if order.needs_token and not token:
        raise RunError("a token is needed, and none is there", TOKEN_VARIABLE, "--token-file FILE, or set the variable")
    opened, meter = listen(order), Meter()
    batcher = Batcher(partial(load_predictors, order), order.batch_rows, order.queue_seconds, meter)
    server = make_server(order, batcher, meter, token)

    def stop() -> None:
        server.should_exit = True  # a server that cannot answer is none

    batcher.on_failure = stop
    host, port = opened.getsockname()[:2]
    say("serving", host=host, port=port)
    server.run(sockets=[opened])
    if batcher.failure is not None:
        raise batcher.failure
