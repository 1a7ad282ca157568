"""A hub on this machine: it answers what huggingface_hub's endpoints answer, and fails as it is told to."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

COMMIT = "a" * 40
LARGE = (".safetensors", ".bin", ".parquet")
"""Endings of files that the hub keeps in its store of large files."""


@dataclass(frozen=True)
class Asked:
    """One request that arrived."""

    method: str
    path: str
    headers: dict[str, str]


@dataclass
class Failure:
    """What goes wrong for requests whose path fits, so many times."""

    pattern: str
    status: int
    times: int = 10**9
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"{}"


class FakeHub:
    """Repositories by (kind, id) and commit; branches by name; failures, cuts and lies as a test sets them."""

    def __init__(self) -> None:
        self.files: dict[tuple[str, str, str], dict[str, bytes]] = {}
        self.branches: dict[tuple[str, str, str], str] = {}
        self.asked: list[Asked] = []
        self.failures: list[Failure] = []
        self.cuts: dict[str, list[int]] = {}
        """How many bytes of a file are sent before the connection is closed, one number a request."""
        self.lies: dict[str, bytes] = {}
        """What is sent in place of a file's bytes."""
        self.ignores_range = False
        self.lists_hashes = True
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = False
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def add(self, kind: str, repository: str, files: dict[str, bytes], commit: str = COMMIT, branch: str = "main") -> None:
        self.files[kind, repository, commit] = files
        self.branches[kind, repository, branch] = commit

    def fetched(self) -> list[str]:
        """Paths of the files whose bytes were asked for, in order."""
        found = [re.search(r"/resolve/[0-9a-f]{40}/(.*)", asked.path) for asked in self.asked if asked.method == "GET"]
        return [match.group(1) for match in found if match]

    def fails(self, pattern: str, status: int, **how: Any) -> None:
        """Let requests whose path fits fail."""
        self.failures.append(Failure(pattern, status, **how))

    def close(self) -> None:
        from huggingface_hub.utils import close_session

        close_session()  # or the server waits for connections that are kept open
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def failure(self, path: str) -> Failure | None:
        for failure in self.failures:
            if failure.times > 0 and re.search(failure.pattern, path):
                failure.times -= 1
                return failure
        return None

    def _handler(hub) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 5

            def log_message(self, *args: Any) -> None:
                pass

            def answer(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(body))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def do_HEAD(self) -> None:
                self.do_GET()

            def do_GET(self) -> None:
                path = unquote(urlsplit(self.path).path)
                hub.asked.append(Asked(self.command, path, {k.lower(): v for k, v in self.headers.items()}))
                failure = hub.failure(path)
                if failure:
                    self.answer(failure.status, failure.headers, failure.body)
                elif match := re.fullmatch(r"/api/(model|dataset)s/([^/]+/[^/]+)/revision/(.+)", path):
                    self.listing(*match.groups())
                elif match := re.fullmatch(r"/(?:(dataset)s/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
                    self.resolve(match.group(1) or "model", *match.groups()[1:])
                elif match := re.fullmatch(r"/store/(.+)", path):
                    self.content(match.group(1), {"ETag": '"store"'})
                else:
                    self.answer(404, {"X-Error-Code": "RepoNotFound"})

            def listing(self, kind: str, repository: str, revision: str) -> None:
                commit = hub.branches.get((kind, repository, revision), revision)
                if not any(key[:2] == (kind, repository) for key in hub.files):
                    self.answer(401, {"X-Error-Message": "Invalid username or password."})
                elif (kind, repository, commit) not in hub.files:
                    self.answer(404, {"X-Error-Code": "RevisionNotFound"})
                else:
                    files = hub.files[kind, repository, commit]
                    siblings = [sibling(name, content, hub.lists_hashes) for name, content in files.items()]
                    self.answer(200, {}, json.dumps({"id": repository, "sha": commit, "siblings": siblings}).encode())

            def resolve(self, kind: str, repository: str, revision: str, name: str) -> None:
                commit = hub.branches.get((kind, repository, revision), revision)
                content = hub.files.get((kind, repository, commit), {}).get(name)
                if content is None:
                    self.answer(404, {"X-Error-Code": "EntryNotFound"})
                    return
                headers = {"X-Repo-Commit": commit, "ETag": f'"{git_hash(content)}"'}
                if name.endswith(LARGE):
                    # the same server under another name is another host: the token must not go there
                    headers |= {
                        "X-Linked-Etag": f'"{hashlib.sha256(content).hexdigest()}"',
                        "X-Linked-Size": str(len(content)),
                        "Location": f"http://localhost:{hub.port}/store/{kind}/{repository}/{commit}/{name}?signature=hidden",
                    }
                    self.answer(302, headers)
                else:
                    self.content(f"{kind}/{repository}/{commit}/{name}", headers)

            def content(self, place: str, headers: dict[str, str]) -> None:
                kind, owner, repository, commit, name = place.split("/", 4)
                content = hub.lies.get(name, hub.files[kind, f"{owner}/{repository}", commit][name])
                wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
                start = int(wanted.group(1)) if wanted and not hub.ignores_range else 0
                if start:
                    headers = headers | {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
                cuts = hub.cuts.get(name, []) if self.command == "GET" else []
                if not cuts:
                    self.answer(206 if start else 200, headers, content[start:])
                    return
                self.send_response(206 if start else 200)
                for key, value in (headers | {"Content-Length": str(len(content) - start)}).items():
                    self.send_header(key, value)
                self.end_headers()
                self.wfile.write(content[start : start + cuts.pop(0)])
                self.close_connection = True

        return Handler


def git_hash(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def sibling(name: str, content: bytes, hashes: bool) -> dict[str, Any]:
    entry: dict[str, Any] = {"rfilename": name}
    if hashes:
        entry |= {"blobId": git_hash(content), "size": len(content)}
        if name.endswith(LARGE):
            entry["lfs"] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}
    return entry


def forget_the_user(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No token, no proxy, no cache of the user's, and downloads allowed."""
    from huggingface_hub import constants

    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("HF_HUB_CACHE", str(folder / "the hub's own cache"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(folder / "no token"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
