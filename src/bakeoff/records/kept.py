"""`model/files.json`: of which files a kept model is made, so that one that was damaged since is found."""

from __future__ import annotations

from pathlib import Path

from bakeoff.errors import FormatError, VersionError
from bakeoff.records.files import read_document, write_document
from bakeoff.records.results import FileEntry, file_entry, verify_manifest

KEPT_VERSION = 1
KEPT_NAME = "files.json"


def write_kept(folder: Path) -> None:
    """List the files of a model, with the hash of each; landing makes them durable.

    Args:
        folder: the model; everything else of it stands.
    """
    files = {path.name: file_entry(path).model_dump() for path in sorted(folder.iterdir()) if path.is_file()}
    write_document(folder / KEPT_NAME, "model-files", KEPT_VERSION, {"files": files}, durable=False)


def kept_files(folder: Path) -> dict[str, FileEntry]:
    """Read of which files a model is made.

    Args:
        folder: the model.

    Returns:
        By name; empty where no list stands, as in runs of before there was one.

    Raises:
        FormatError: if the list is torn.
        VersionError: if it is of another version.
    """
    path = folder / KEPT_NAME
    if not path.exists():
        return {}
    body = read_document(path, "model-files", KEPT_VERSION)
    return {name: FileEntry.model_validate(entry) for name, entry in body["files"].items()}


def kept_faults(folder: Path) -> list[str]:
    """What is wrong with a kept model.

    Args:
        folder: the model.

    Returns:
        A line a fault; empty if it is whole, or nothing says how it should be.

    Raises:
        VersionError: if its list is of another version.
    """
    try:
        return verify_manifest(folder, kept_files(folder))
    except VersionError:
        raise
    except (FormatError, ValueError, KeyError, TypeError, AttributeError) as error:
        return [f"{KEPT_NAME}: {error.what if isinstance(error, FormatError) else type(error).__name__}"]
