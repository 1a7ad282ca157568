"""Fetch files of the hub: listed at one commit, resumed where a download was cut, verified, and only then seen by readers.

Files arrive in a staging folder beside their place (`.<name>.fetching`), each as `<file>.incomplete`; a file whose size or
hash is not the announced one is never renamed. The staging folder takes its place when all files stand in it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal
from urllib.parse import quote, urljoin

from bakeoff.errors import DownloadError, FormatError
from bakeoff.hub.session import CutError, endpoint, request, shown, stream, with_retries
from bakeoff.records.files import CHUNK, move_into_place, read_document, write_document
from bakeoff.records.locks import exclusive

Progress = Callable[[str, int, int], None]
"""Told (path of the file, bytes that are here, bytes that it has) while a file arrives."""

COMMIT_DIGITS = 40
RECORD_NAME = "fetched.json"
RECORD_VERSION = 1


@dataclass(frozen=True)
class Repository:
    """A repository of the hub at a revision.

    Attributes:
        id: `owner/name`.
        kind: what it holds.
        revision: commit, branch or tag.
    """

    id: str
    kind: Literal["model", "dataset"]
    revision: str = "main"

    def __str__(self) -> str:
        return f"{shown(endpoint())}/{'datasets/' if self.kind == 'dataset' else ''}{self.id}@{self.revision}"


@dataclass(frozen=True)
class RemoteFile:
    """A file as the hub announces it.

    Attributes:
        path: its path in the repository.
        size: in bytes.
        digest: hexadecimal; 64 digits are the SHA-256 of its bytes, 40 its git blob hash.
    """

    path: str
    size: int
    digest: str


@dataclass(frozen=True)
class Listing:
    """The files of a repository at one commit.

    Attributes:
        commit: the commit, 40 hexadecimal digits.
        files: size and digest of each file by path; None where the listing has no digest.
    """

    commit: str
    files: dict[str, RemoteFile | None]


def is_commit(revision: str) -> bool:
    """Whether a revision is a full commit, which always means the same files.

    Args:
        revision: any text.

    Returns:
        True for 40 lower-case hexadecimal digits.
    """
    return len(revision) == COMMIT_DIGITS and set(revision) <= set("0123456789abcdef")


def list_files(repository: Repository) -> Listing:
    """Ask the hub which files a repository has, and which commit its revision is.

    Args:
        repository: which.

    Returns:
        The listing.

    Raises:
        DownloadError: if the hub cannot be asked, or answers something else.
    """
    address = f"{endpoint()}/api/{repository.kind}s/{repository.id}/revision/{quote(repository.revision, safe='')}"
    answer = with_retries(lambda: request("GET", address, params={"blobs": True}), str(repository))
    try:
        body = answer.json()
        commit, siblings = str(body["sha"]), body["siblings"]
        files = {str(sibling["rfilename"]): _announced(sibling) for sibling in siblings}
    except (ValueError, KeyError, TypeError) as error:
        raise DownloadError(
            "the answer is not that of a hub",
            str(repository),
            "check HF_ENDPOINT and any proxy between: a login page is no hub",
        ) from error
    if not is_commit(commit) or (is_commit(repository.revision) and commit != repository.revision):
        raise DownloadError(
            f"the hub gives the commit {commit[:60]!r}", str(repository), "check HF_ENDPOINT: it serves another revision"
        )
    return Listing(commit, files)


def _announced(sibling: dict[str, Any]) -> RemoteFile | None:
    large = sibling.get("lfs")
    digest = str(large["sha256"] if large else sibling.get("blobId") or "")
    size = large["size"] if large else sibling.get("size")
    if _digest_kind(digest) and isinstance(size, int):
        return RemoteFile(str(sibling["rfilename"]), size, digest)
    return None


def _digest_kind(digest: str) -> str:
    return {64: "sha256", 40: "git"}.get(len(digest), "") if set(digest) <= set("0123456789abcdef") else ""


def announce(repository: Repository, listing: Listing, path: str) -> RemoteFile:
    """Size and digest of one file, asked for alone where the listing does not have them.

    Args:
        repository: which repository.
        listing: its files.
        path: the file.

    Returns:
        What the hub announces.

    Raises:
        DownloadError: if there is no such file, or no digest to verify it by.
    """
    if path not in listing.files:
        raise DownloadError(
            "the repository has no such file at this revision", f"{repository}: {path}", "check the name and the revision"
        )
    found = listing.files[path]
    if found:
        return found
    answer = with_retries(lambda: _head(_address(repository, listing.commit, path)), f"{repository}: {path}")
    tag = answer.headers.get("x-linked-etag") or answer.headers.get("etag") or ""
    digest = tag.removeprefix("W/").strip('"')
    size = answer.headers.get("x-linked-size") or answer.headers.get("content-length") or ""
    if not _digest_kind(digest) or not size.isdecimal():
        raise DownloadError(
            "the hub announces no hash for the file", f"{repository}: {path}", "check HF_ENDPOINT: use a whole mirror"
        )
    return RemoteFile(path, int(size), digest)


def _address(repository: Repository, commit: str, path: str) -> str:
    kind = "datasets/" if repository.kind == "dataset" else ""
    return f"{endpoint()}/{kind}{repository.id}/resolve/{commit}/{quote(path)}"


def _head(address: str) -> Any:
    for _ in range(5):
        answer = request("HEAD", address, follow=False)
        target = answer.headers.get("location", "")
        if not target.startswith("/"):  # a redirect to a store of large files carries the announcement itself
            return answer
        address = urljoin(address, target)  # the repository was renamed
    return answer


@contextmanager
def staging(target: Path) -> Iterator[Path]:
    """A folder beside a place, for one program at a time, kept when it is left unfinished.

    Args:
        target: the folder that shall stand at last.

    Yields:
        The staging folder; whoever finishes moves it to its place.
    """
    folder = target.with_name(f".{target.name}.fetching")
    with exclusive(target.with_name(f".{target.name}.lock")):
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def fetch_files(repository: Repository, paths: list[str], target: Path, progress: Progress | None = None) -> Path:
    """Fetch files of one commit into a folder that is there only when it is whole.

    Args:
        repository: which, at a commit.
        paths: paths in the repository, which are also those in the folder.
        target: the folder; if it stands and every file in it is what was fetched, nothing is fetched.
        progress: told about the bytes that arrive.

    Returns:
        `target`.

    Raises:
        DownloadError: if a file cannot be fetched whole.
    """
    if _stands(target, paths):
        return target
    try:
        with staging(target) as folder:
            if _stands(target, paths):  # another program has fetched it while this one waited
                return target
            listing = list_files(repository)
            files = [announce(repository, listing, path) for path in paths]
            for file in files:
                fetch_file(repository, listing.commit, file, folder, progress)
            record = {
                "repository": repository.id,
                "commit": listing.commit,
                "files": {file.path: asdict(file) for file in files},
            }
            write_document(folder / RECORD_NAME, "fetched", RECORD_VERSION, record)
            move_into_place(folder, target)
    except OSError as error:
        raise cannot_write(error, target) from error
    return target


def _stands(target: Path, paths: list[str]) -> bool:
    try:
        files = read_document(target / RECORD_NAME, "fetched", RECORD_VERSION)["files"]
    except FormatError:
        return False
    return all(path in files and _matches(target / path, RemoteFile(**files[path])) for path in paths)


def cannot_write(error: OSError, place: Path) -> DownloadError:
    """The error for a place that cannot be written.

    Args:
        error: the system's.
        place: where.

    Returns:
        Ours.
    """
    reason = error.strerror or type(error).__name__
    return DownloadError(
        f"what is fetched cannot be stored: {reason}", str(place), "free space there, or set BAKEOFF_HOME to another folder"
    )


def fetch_file(repository: Repository, commit: str, file: RemoteFile, folder: Path, progress: Progress | None = None) -> Path:
    """Fetch one file, resuming where an earlier download was cut, and verify it.

    Args:
        repository: which repository.
        commit: at which commit.
        file: what the hub announces of it.
        folder: where to; the file's path is kept below it.
        progress: told about the bytes that arrive.

    Returns:
        Path of the file, which has the announced size and hash.

    Raises:
        DownloadError: if it cannot be fetched whole; what has arrived is kept for the next time unless it is wrong.
    """
    where = f"{repository}: {file.path}"
    if not _is_safe(file.path):
        raise DownloadError("the file's path leads outside its folder", where, "do not use this repository")
    target = folder / file.path
    partial = target.with_name(target.name + ".incomplete")
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists() and _matches(target, file):
        return target
    resumed = _size(partial) > 0
    _receive(repository, commit, file, partial, progress)
    if not _matches(partial, file) and resumed:
        partial.unlink()  # what an earlier download left may be what is wrong
        _receive(repository, commit, file, partial, progress)
    if not _matches(partial, file):
        partial.unlink()
        raise DownloadError(
            "the file is not what the hub announced: its hash is another",
            where,
            "try again; if it happens again, something between here and the hub changes files: check HF_ENDPOINT and proxies",
        )
    move_into_place(partial, target)
    return target


def _is_safe(path: str) -> bool:
    parts = PurePosixPath(path)
    return bool(path) and not parts.is_absolute() and ".." not in parts.parts and "\\" not in path and "\0" not in path


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _receive(repository: Repository, commit: str, file: RemoteFile, partial: Path, progress: Progress | None) -> None:
    where = f"{repository}: {file.path}"
    free, needed = shutil.disk_usage(partial.parent).free, file.size - _size(partial)
    if free < needed:
        raise DownloadError(
            f"the file needs {needed:,} bytes more, and {free:,} are free",
            str(partial.parent),
            "free space, or set BAKEOFF_HOME",
        )
    address = _address(repository, commit, file.path)
    seen = _size(partial)

    def progressed() -> bool:
        nonlocal seen
        seen, before = _size(partial), seen
        return seen > before

    with_retries(lambda: _receive_once(address, file, partial, progress), where, progressed)


def _receive_once(address: str, file: RemoteFile, partial: Path, progress: Progress | None) -> None:
    start = _size(partial)
    if start > file.size:
        partial.unlink()
        start = 0
    if start == file.size and partial.exists():
        return
    with stream(address, start) as response, partial.open("ab") as sink:
        if start and not _continues(response, start):
            sink.truncate(0)  # the server sends the whole file again
        for block in response.iter_bytes():  # as they arrive: blocks of a fixed size would lose what is in the last one
            sink.write(block)
            if sink.tell() > file.size:
                break  # more than was announced: the hash will say that it is another file
            if progress:
                progress(file.path, sink.tell(), file.size)
        sink.flush()
        os.fsync(sink.fileno())
        if sink.tell() < file.size:
            raise CutError(f"{sink.tell():,} of {file.size:,} bytes")


def _continues(response: Any, start: int) -> bool:
    span = str(response.headers.get("content-range", ""))
    return response.status_code == 206 and span.startswith(f"bytes {start}-")


def _matches(path: Path, file: RemoteFile) -> bool:
    if _size(path) != file.size:
        return False
    git = _digest_kind(file.digest) == "git"
    # git's own hash of a file's content; SHA-1 because that is what the hub announces
    digest = hashlib.sha1(f"blob {file.size}\0".encode(), usedforsecurity=False) if git else hashlib.sha256()
    with path.open("rb") as content:
        while block := content.read(CHUNK):
            digest.update(block)
    return digest.hexdigest() == file.digest
