"""Data at an address (`s3://…`, `gs://…`, `hf://…`, `https://…`): taken over once, hashed, and read from there."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from bakeoff.data.hub_data import hub_copy
from bakeoff.data.table import SUFFIXES
from bakeoff.errors import DataError, FormatError, MissingPackageError
from bakeoff.hub.download import Progress
from bakeoff.records.files import move_into_place, read_document, sha256_bytes, sha256_file, write_document
from bakeoff.records.hub_places import hub_place
from bakeoff.records.locks import exclusive
from bakeoff.records.paths import Home

SNAPSHOT_VERSION = 1
CARD = "snapshot.json"
CHUNK = 1 << 20


def is_address(place: str) -> bool:
    """Whether data are beyond this machine's file system.

    Args:
        place: a path or an address.

    Returns:
        True for `s3://…` and its like.
    """
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", place) is not None


def shown(address: str) -> str:
    """An address without what may be secret.

    Args:
        address: the address.

    Returns:
        The same without user, password, query and fragment.
    """
    parts = urlsplit(address)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def local_copy(home: Home, place: str, fresh: bool = False, progress: Progress | None = None) -> Path:
    """Where data can be read as files.

    Args:
        home: where snapshots are kept.
        place: a path, an address that fsspec knows, or a dataset of the hub: `owner/name`.
        fresh: whether what is at an address is taken over again; otherwise a snapshot that is whole is used, so that a study
            keeps its data.
        progress: told about bytes that arrive from the hub.

    Returns:
        A path as it is; of an address the file, or the folder, in the home.

    Raises:
        DataError: if nothing is there, or it cannot be read.
        DownloadError: if the hub's files cannot be fetched whole.
        MissingPackageError: if fsspec, or what it needs for such addresses, is not installed.
    """
    on_hub = hub_place(place, Path())
    if on_hub is not None:
        return hub_copy(home, on_hub, fresh, progress)
    if not is_address(place):
        return Path(place)
    folder = home.datasets / ".snapshots" / sha256_bytes(place.encode())[:16]
    with exclusive(folder.parent / f".{folder.name}.lock"):
        if not fresh and _stands(folder):
            return _entry(folder)
        temporary = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
        temporary.mkdir(parents=True)
        files = dict(_take(place, temporary))
        body = {"address": shown(place), "taken": datetime.now(UTC).isoformat(timespec="seconds"), "files": files}
        write_document(temporary / CARD, "data-snapshot", SNAPSHOT_VERSION, body)
        move_into_place(temporary, folder)
    return _entry(folder)


def _stands(folder: Path) -> bool:
    try:
        files = read_document(folder / CARD, "data-snapshot", SNAPSHOT_VERSION)["files"]
        return bool(files) and all(sha256_file(folder / name) == digest for name, digest in files.items())
    except (FormatError, OSError, KeyError):
        return False


def _entry(folder: Path) -> Path:
    """The only file of a snapshot, or the folder that they lie in."""
    inner = [path for path in folder.iterdir() if path.name != CARD]
    return inner[0]


def _take(address: str, folder: Path) -> Iterator[tuple[str, str]]:
    """Copy what is at an address; path in the folder and hash of each file."""
    try:
        import fsspec
    except ImportError as error:
        raise MissingPackageError("fsspec", f"reading {shown(address)}", "data") from error
    try:
        system, path = fsspec.core.url_to_fs(address)
        name = PurePosixPath(path.rstrip("/")).name or "data"
        if not system.isdir(path):
            yield name, _copy(system, path, folder / name)
            return
        entries = [entry for entry in sorted(system.find(path)) if PurePosixPath(entry).suffix.lower() in SUFFIXES]
        for entry in entries:
            inner = f"{name}/{PurePosixPath(entry).name}"
            yield inner, _copy(system, entry, folder / inner)
    except ImportError as error:  # fsspec names the package, as in "Install s3fs to access S3"
        raise DataError(f"a package is missing: {error}", shown(address), "install the package that is named") from error
    except ValueError as error:
        raise DataError(
            "no such kind of address", shown(address), "one that fsspec knows: s3://, gs://, hf://, https://"
        ) from error
    except DataError:
        raise
    except Exception as error:  # each file system has exceptions of its own, whose text may hold a secret
        what = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
        raise DataError(
            f"the address cannot be read: {what}", shown(address), "see that it is there and that you may read it"
        ) from error
    if not entries:
        raise DataError("no file of the folder is one that is read", shown(address), f"files that end in {', '.join(SUFFIXES)}")


def _copy(system: Any, path: str, target: Path) -> str:
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with system.open(path, "rb") as source, target.open("xb") as file:
        while block := source.read(CHUNK):
            digest.update(block)
            file.write(block)
    return digest.hexdigest()
