"""What tests of downloads share: a hub on this machine, a proxy in front of it, and an environment without the user's."""

from __future__ import annotations

import http.client
import json
import struct
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from bakeoff.hub import session
from bakeoff.records.paths import Home
from fake_hub import FakeHub, forget_the_user


class Proxy:
    """A web proxy that sends every request to one server, whatever host was meant."""

    def __init__(self, port: int) -> None:
        self.asked: list[tuple[str, str]] = []
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *args: Any) -> None:
                pass

            def do_GET(self) -> None:
                proxy.asked.append((self.path, self.headers.get("Proxy-Authorization", "")))
                parts = urlsplit(self.path)
                beyond = http.client.HTTPConnection("127.0.0.1", port)
                passed = {name: value for name, value in self.headers.items() if not name.lower().startswith("proxy-")}
                beyond.request("GET", f"{parts.path}?{parts.query}", headers=passed)
                answer = beyond.getresponse()
                body = answer.read()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)
                beyond.close()

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = False
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    @property
    def address(self) -> str:
        return f"http://someone:proxypass@127.0.0.1:{self.server.server_address[1]}"

    def close(self) -> None:
        from huggingface_hub.utils import close_session

        close_session()  # or the server waits for connections that are kept open
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def home(hostile_path: Path) -> Home:
    """A home folder with a hostile name."""
    return Home(hostile_path / "home")


@pytest.fixture(autouse=True)
def own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """No token, no proxy, no cache of the user's; waits are noted, not waited."""
    from huggingface_hub.utils import close_session

    forget_the_user(tmp_path, monkeypatch)
    waits: list[float] = []
    monkeypatch.setattr(session.time, "sleep", waits.append)
    close_session()
    yield waits
    close_session()


@pytest.fixture
def waits(own_environment: list[float]) -> list[float]:
    """Seconds that were to be waited, in order."""
    return own_environment


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """A hub to which HF_ENDPOINT points."""
    fake = FakeHub()
    monkeypatch.setenv("HF_ENDPOINT", fake.address)
    yield fake
    fake.close()


@pytest.fixture
def proxy(hub: FakeHub) -> Iterator[Proxy]:
    """A proxy in front of that hub."""
    fake = Proxy(hub.port)
    yield fake
    fake.close()


def safetensors_bytes(tensors: dict[str, tuple[int, ...]], fill: int = 1) -> bytes:
    """A safetensors file of float32 tensors with the given shapes."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, shape in tensors.items():
        size = 4
        for length in shape:
            size *= length
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [end, end + size]}
        end += size
    head = json.dumps(header).encode()
    return struct.pack("<Q", len(head)) + head + bytes([fill]) * end


@pytest.fixture
def model_files() -> dict[str, bytes]:
    """The files of a tiny model, with others beside that nobody needs."""
    return {
        "config.json": b'{"model_type": "bert", "hidden_size": 4}',
        "model.safetensors": safetensors_bytes({"a": (64, 4), "b": (4,)}),
        "tokenizer.json": b'{"version": "1.0"}',
        "vocab.txt": b"[PAD]\n[UNK]\n",
        "tokenizer_config.json": b"{}",
        "README.md": b"# a model",
        "modeling_bert.py": b"raise SystemExit('code of a stranger')",
        "pytorch_model.bin": b"PK\x03\x04 not read by anyone",
        "onnx/model.onnx": b"onnx",
        "model.fp16.safetensors": b"a variant",
    }


NEEDED = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "vocab.txt"]
"""Those of them that are fetched."""


@pytest.fixture
def needed() -> list[str]:
    """Names of the files that are fetched of `model_files`."""
    return list(NEEDED)


@pytest.fixture
def make_safetensors() -> Any:
    """`safetensors_bytes`."""
    return safetensors_bytes
