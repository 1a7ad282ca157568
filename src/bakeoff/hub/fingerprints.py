"""Hashes of model files, remembered in the home so that a model of gigabytes is hashed once."""

from __future__ import annotations

import contextlib
from pathlib import Path

from bakeoff.errors import FormatError, ModelError
from bakeoff.records.files import canonical_json, read_document, sha256_bytes, sha256_file, write_document
from bakeoff.records.paths import Home

HASH_VERSION = 1
SMALL = 1 << 20


def file_hash(home: Home, path: Path, fresh: bool = False) -> str:
    """Hash of a file, from memory if the file is unchanged: same path, size, and times to the nanosecond.

    Args:
        home: where hashes are remembered.
        path: the file.
        fresh: hash it whatever is remembered.

    Returns:
        64 hexadecimal digits.

    Raises:
        ModelError: if the file cannot be read.
    """
    try:
        state = path.stat()
        if state.st_size <= SMALL:
            return sha256_file(path)
        known: dict[str, str | int] = {
            "path": str(path),
            "bytes": state.st_size,
            "modified": state.st_mtime_ns,
            "changed": state.st_ctime_ns,
        }
        note = home.models / ".hashes" / f"{sha256_bytes(str(path).encode('utf-8', 'surrogateescape'))}.json"
        if not fresh and (remembered := _remembered(note, known)):
            return remembered
        found = sha256_file(path)
    except OSError as error:
        raise ModelError(f"cannot read it: {error.strerror}", str(path), "check the file and its permissions") from error
    # a home that cannot be written, or a path that is no text, costs another hashing the next time and nothing else
    with contextlib.suppress(OSError, UnicodeEncodeError):
        write_document(note, "file-hash", HASH_VERSION, {**known, "sha256": found})
    return found


def _remembered(note: Path, known: dict[str, str | int]) -> str:
    try:
        document = read_document(note, "file-hash", HASH_VERSION)
    except FormatError:
        return ""
    return str(document["sha256"]) if {key: document.get(key) for key in known} == known else ""


def model_fingerprint(hashes: dict[str, str]) -> str:
    """The fingerprint of a model: what it is, not where it lies.

    Args:
        hashes: hash of its configuration, weights and tokenizer files by name.

    Returns:
        64 hexadecimal digits.
    """
    return sha256_bytes(canonical_json(hashes).encode())
