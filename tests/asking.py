"""The server on a real socket in this process, and a client that asks it."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from bakeoff.api.served import Choice, find_served
from bakeoff.records.serving import ServeOrder
from bakeoff.serving.predictor import Predictor
from bakeoff.serving.web.batching import Batcher
from bakeoff.serving.web.metering import Meter
from bakeoff.serving.web.server import listen, load_predictors, make_server
from kept import Kept


class Client:
    """Asks the server, each time on a connection of its own."""

    def __init__(self, port: int) -> None:
        self.port = port

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        sent = {"content-type": "application/json"} if content is not None else {}
        connection.request(method, path, content, {**sent, **{key.replace("_", "-"): value for key, value in headers.items()}})
        answer = connection.getresponse()
        found = answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read()
        connection.close()
        return found

    def predict(self, body: Any, **headers: str) -> tuple[int, Any]:
        status, _, content = self.ask("POST", "/predict", body, **headers)
        return status, json.loads(content)

    def raw(self, content: bytes) -> bytes:
        """What comes back until the server closes, for what no client library would send."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            connection.sendall(content)
            parts = []
            while part := connection.recv(65536):
                parts.append(part)
            return b"".join(parts)


@contextmanager
def running(order: ServeOrder, load: Callable[[], list[Predictor]] | None = None, token: str = "") -> Iterator[Client]:
    """A server of these models, on a free port; with models of its own if a way to load them is given."""
    meter, opened = Meter(), listen(order.model_copy(update={"port": 0}))
    batcher = Batcher(load or (lambda: load_predictors(order)), order.batch_rows, order.queue_seconds, meter)
    server = make_server(order, batcher, meter, token)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [opened]})
    thread.start()
    client = Client(opened.getsockname()[1])
    try:
        wait_for(lambda: server.started)
        if load is None:
            batcher.ready.wait()
            assert batcher.failure is None, batcher.failure
        yield client
    finally:
        server.should_exit = True
        thread.join()
        opened.close()


def every_kind(kept: Kept) -> ServeOrder:
    """Texts, pairs and questions, two adapters on one base, and limits that a test reaches."""
    chosen = [("full", "tiny"), ("lora", "tiny"), ("lora", "pairs"), ("full", "questions")]
    models = [
        find_served(kept.run.root, Choice(recipe, task, 1)).model_copy(update={"name": f"{task}-{recipe}"})
        for recipe, task in chosen
    ]
    return ServeOrder(models=models, body_bytes=100_000, rows=50, body_seconds=5.0)


def wait_for(what: Callable[[], bool]) -> None:
    """Wait until something holds."""
    while not what():
        time.sleep(0.005)
