"""Atomic, checksummed, versioned files: the only place that writes what must survive a crash.

A file is written under a temporary name in its own folder, flushed, fsynced, renamed into place, and the folder fsynced:
a reader sees the old file or the new one, never half of one.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import secrets
import shutil
from pathlib import Path
from typing import Any, BinaryIO

from bakeoff.errors import FormatError, VersionError

CHUNK = 1 << 20


def sha256_bytes(data: bytes) -> str:
    """Hash of bytes.

    Args:
        data: what to hash.

    Returns:
        64 hexadecimal digits.
    """
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """Hash of a file's bytes, read in chunks of 1 MiB.

    Args:
        path: the file.

    Returns:
        64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(CHUNK):
            digest.update(block)
    return digest.hexdigest()


def plain(value: Any) -> Any:
    """Make a value fit for strict JSON: what is not finite becomes the string "nan", "inf" or "-inf".

    Args:
        value: dictionaries, lists, tuples, text, numbers, booleans and None, in any nesting; numpy scalars too.

    Returns:
        The same in plain Python types.
    """
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):  # numpy scalars and arrays
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    return value


def number(value: Any) -> float:
    """Read back a number that may have been written as "nan", "inf" or "-inf".

    Args:
        value: a JSON number, or one of the three words.

    Returns:
        The number.

    Raises:
        FormatError: if it is neither.
    """
    if value in ("nan", "inf", "-inf") or (isinstance(value, int | float) and not isinstance(value, bool)):
        found = float(value)
        # one object for every nan, so that what was written equals what is read back
        return math.nan if math.isnan(found) else found
    raise FormatError(f"{value!r} stands where a number should")


def canonical_json(value: Any) -> str:
    """One text for one value: keys sorted, no spaces, ASCII, strict.

    Args:
        value: as for `plain`.

    Returns:
        The JSON text that hashes are taken of.
    """
    return json.dumps(plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def fsync_folder(folder: Path) -> None:
    """Make the names in a folder durable: files that were made, renamed or removed.

    Args:
        folder: the folder.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    """Make a file that somebody else wrote durable; the folder is not.

    Args:
        path: the file.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(path: Path) -> None:
    """Make files that somebody else wrote durable, and the names in folders below the given one; its own name is not.

    Args:
        path: a file, or a folder with all that is in it; one that is missing is passed over.
    """
    if path.is_file():
        sync_file(path)
    elif path.is_dir():
        for entry in path.iterdir():
            sync_tree(entry)
            if entry.is_dir():
                fsync_folder(entry)


def write_bytes(path: Path, data: bytes, durable: bool = True) -> None:
    """Write a file atomically and durably.

    Args:
        path: where it shall stand; its folder is made if missing.
        data: its bytes.
        durable: whether it must survive that the machine loses its power; else only that a process is killed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("wb") as stream:
            stream.write(data)
            stream.flush()
            if durable:
                os.fsync(stream.fileno())
        temporary.rename(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if durable:
        fsync_folder(path.parent)


def move_into_place(source: Path, target: Path, durable: bool = True) -> None:
    """Rename a finished file or folder onto its place and make the rename durable.

    Args:
        source: a complete file or folder on the same file system.
        target: its final path; a file there is replaced, a folder there is removed first.
        durable: whether the folder is synced now; else the caller does that.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir() and target.exists():
        old = target.with_name(f".{target.name}.{secrets.token_hex(4)}.old")
        target.rename(old)
        source.rename(target)
        shutil.rmtree(old)
    else:
        source.replace(target)
    if durable:
        fsync_folder(target.parent)


def set_aside(path: Path) -> Path:
    """Rename a damaged file or folder, so that it can be made again and still be looked at.

    Args:
        path: the file or folder.

    Returns:
        Its new path, `<name>.damaged-<n>` with the first number that is free.
    """
    number = 1
    while (target := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    path.rename(target)
    fsync_folder(path.parent)
    return target


def document_checksum(body: dict[str, Any]) -> str:
    """The checksum that a document carries: the hash of its canonical JSON without the key `checksum`.

    Args:
        body: the document.

    Returns:
        64 hexadecimal digits.
    """
    return sha256_bytes(canonical_json({k: v for k, v in body.items() if k != "checksum"}).encode())


def write_document(path: Path, kind: str, version: int, body: dict[str, Any], durable: bool = True) -> None:
    """Write a JSON document with its format line and checksum.

    Args:
        path: where it shall stand.
        kind: the format's name, such as `result`.
        version: the format's version.
        body: the rest of the document.
        durable: as for `write_bytes`.
    """
    document = plain({"format": f"bakeoff/{kind}@{version}", **body})
    document["checksum"] = document_checksum(document)
    write_bytes(path, (json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode(), durable)


def read_json(path: Path) -> Any:
    """Read strict JSON.

    Args:
        path: the file.

    Returns:
        Its value.

    Raises:
        FormatError: if the file is missing, not UTF-8, or not strict JSON.
    """

    def refuse(word: str) -> Any:
        raise ValueError(f"{word} is not strict JSON")

    try:
        return json.loads(path.read_bytes().decode("utf-8"), parse_constant=refuse)
    except OSError as error:
        raise FormatError(f"cannot read it: {error.strerror}", str(path)) from error
    except (ValueError, RecursionError) as error:
        raise FormatError(f"not valid JSON: {error}", str(path), "remove the file; it is made again") from error


def read_document(path: Path, kind: str, version: int) -> dict[str, Any]:
    """Read a JSON document of ours and verify format, version and checksum.

    Args:
        path: the file.
        kind: the format's name.
        version: the version that this program reads.

    Returns:
        The document, `format` and `checksum` removed.

    Raises:
        FormatError: if it is missing, torn, changed, of another kind or version; the message names the way out.
    """
    document = read_json(path)
    if not isinstance(document, dict):
        raise FormatError("not a document of Bakeoff", str(path))
    found = document.get("format")
    if found != f"bakeoff/{kind}@{version}":
        # a document of another version is whole: its checksum says so
        other = str(found).startswith(f"bakeoff/{kind}@") and document.get("checksum") == document_checksum(document)
        raise (VersionError if other else FormatError)(
            f"its format is {found!r}, and this program reads 'bakeoff/{kind}@{version}'",
            str(path),
            "read it with the version of Bakeoff that wrote it, or run the study again in a new folder (--new)",
        )
    if document.get("checksum") != document_checksum(document):
        raise FormatError(
            "its checksum does not match: it is torn or was changed", str(path), "remove the file; it is made again"
        )
    return {k: v for k, v in document.items() if k not in ("format", "checksum")}


def append_line(path: Path, record: dict[str, Any]) -> None:
    """Append one record to a JSON-lines log, durably.

    A torn last record, left by a crash, is moved to `<name>.damaged-<n>` first: what came after it would be torn as well.

    Args:
        path: the log.
        record: the record.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as stream:
        _cut_torn_end(path, stream)
        stream.write((canonical_json(record) + "\n").encode())
        stream.flush()
        os.fsync(stream.fileno())


def _cut_torn_end(path: Path, stream: BinaryIO) -> None:
    size = stream.seek(0, os.SEEK_END)
    if not size:
        return
    stream.seek(size - 1)
    if stream.read(1) == b"\n":
        return
    stream.seek(0)
    torn = stream.read().rpartition(b"\n")[2]
    try:
        json.loads(torn)
    except ValueError:
        number = 1
    else:  # nothing but the line's end is missing
        stream.write(b"\n")
        return
    while (target := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    write_bytes(target, torn)
    stream.truncate(size - len(torn))
    stream.seek(0, os.SEEK_END)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Read a JSON-lines log; a torn last record (a crash while it was written) is left out.

    Args:
        path: the log; a missing one is empty.

    Returns:
        The records in order.

    Raises:
        FormatError: if a record other than the last is torn.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    records = []
    for index, line in enumerate(lines):
        if not line:
            continue
        try:
            records.append(json.loads(line))
        except ValueError as error:
            if index < len(lines) - 1:
                raise FormatError(f"record {index + 1} is torn", str(path), "remove that line") from error
    return records
