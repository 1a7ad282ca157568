"""A pack: datasets and models in one file, carried to a machine without a network.

A plain zip file without compression. Its first entry, `pack.json`, is a document of ours that names every other entry with
its size and hash. Nothing is put into place that the manifest does not name, whose path is not one that the home folder uses,
or whose bytes are not those that were promised; and nothing is put into place before all of it has been looked at. No format
that can hold code is accepted.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import shutil
import stat
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bakeoff.errors import DownloadError, FormatError
from bakeoff.hub.download import Progress
from bakeoff.hub.modelfiles import choose_files
from bakeoff.records.files import CHUNK, move_into_place, read_document, sha256_file, write_document
from bakeoff.records.paths import Home

PACK_VERSION = 1
MANIFEST = "pack.json"
MODEL_RECORD = "model.json"
LARGEST_MANIFEST = 64 << 20
TOLD_BYTES = 1 << 20
"""Progress is told of files from this size on."""
REMEDY = "make the pack again with `bakeoff fetch STUDY --pack FILE`, and copy it whole"
DATASET_FILE = re.compile(
    r"datasets/[A-Za-z0-9][A-Za-z0-9_+.-]{0,80}/[0-9a-f]{64}/(?:dataset\.json|[a-z]+\.[a-z]+\.(?:utf8|i64|i32))", re.ASCII
)
MODEL_FILE = re.compile(r"models/[A-Za-z0-9][\w.-]*--[A-Za-z0-9][\w.-]*/[0-9a-f]{40}/([A-Za-z0-9][\w.-]*)", re.ASCII)


@dataclass(frozen=True)
class Item:
    """A dataset or a model in a pack.

    Attributes:
        kind: `dataset` or `model`.
        name: what a study writes.
        revision: for a model: branch, tag or commit that the study asks for; else empty.
        commit: for a model: the commit that it is; else empty.
        fingerprint: hash of its content.
        folder: where it belongs, relative to the home folder.
    """

    kind: str
    name: str
    revision: str
    commit: str
    fingerprint: str
    folder: str


def _refuse(path: Path, what: str) -> DownloadError:
    return DownloadError(f"this is no sound pack: {what}", str(path), REMEDY)


def write_pack(path: Path, items: Sequence[Item], files: Mapping[str, Path], progress: Progress | None = None) -> None:
    """Write a pack; half a pack is never seen under its name.

    Args:
        path: the file.
        items: what is in it.
        files: file by path in the pack, which is that below the home folder.
        progress: told (path, bytes done, bytes in all).

    Raises:
        DownloadError: if the file cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    manifest = temporary.with_suffix(".json")
    try:
        entries: dict[str, dict[str, Any]] = {
            name: {"bytes": file.stat().st_size, "sha256": sha256_file(file)} for name, file in sorted(files.items())
        }
        write_document(manifest, "pack", PACK_VERSION, {"items": [asdict(item) for item in items], "files": entries})
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
            for name, file in ((MANIFEST, manifest), *sorted(files.items())):
                _add(archive, name, file)
                if progress and file.stat().st_size >= TOLD_BYTES:
                    progress(name, file.stat().st_size, file.stat().st_size)
        move_into_place(temporary, path)
    except OSError as error:
        raise DownloadError(
            f"the pack cannot be written: {error.strerror}", str(path), "name a file on another disk"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
        manifest.unlink(missing_ok=True)


def _add(archive: zipfile.ZipFile, name: str, file: Path) -> None:
    info = zipfile.ZipInfo(name)  # with the fixed date of 1980: equal contents are equal packs
    info.external_attr = (stat.S_IFREG | 0o644) << 16
    with file.open("rb") as source, archive.open(info, "w", force_zip64=file.stat().st_size >= 1 << 31) as target:
        shutil.copyfileobj(source, target, CHUNK)


@contextmanager
def unpacked(home: Home, path: Path, progress: Progress | None = None) -> Iterator[tuple[Path, list[Item]]]:
    """A pack's files in a folder below the home, every byte checked; the folder is removed in the end.

    Args:
        home: where they will belong.
        path: the pack.
        progress: told (path, bytes done, bytes in all).

    Yields:
        The folder, and what is in it.

    Raises:
        DownloadError: if the pack is torn, or holds anything that a pack does not; nothing was put into place then.
    """
    folder = home.root / f".unpacking-{secrets.token_hex(4)}"
    try:
        folder.mkdir(parents=True)
        with zipfile.ZipFile(path) as archive:
            items, entries = _manifest(path, archive, folder)
            _check_space(home, sum(entry["bytes"] for entry in entries.values()))
            for name, entry in entries.items():
                _extract(path, archive, name, entry, folder)
                if progress and entry["bytes"] >= TOLD_BYTES:
                    progress(name, entry["bytes"], entry["bytes"])
        yield folder, items
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, NotImplementedError) as error:
        raise _refuse(path, str(error) or type(error).__name__) from error
    except OSError as error:
        raise DownloadError(
            f"the pack cannot be unpacked: {error.strerror or error}", error.filename or str(path), "check file and permissions"
        ) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _manifest(path: Path, archive: zipfile.ZipFile, folder: Path) -> tuple[list[Item], dict[str, dict[str, Any]]]:
    infos = archive.infolist()
    names = [info.filename for info in infos]
    if names[:1] != [MANIFEST] or len(set(names)) != len(names) or infos[0].file_size > LARGEST_MANIFEST:
        raise _refuse(path, "its first entry is not one pack.json" if names[:1] != [MANIFEST] else "an entry stands twice")
    _check_entry(path, infos[0], infos[0].file_size)
    (folder / MANIFEST).write_bytes(archive.read(infos[0]))
    try:
        body = read_document(folder / MANIFEST, "pack", PACK_VERSION)
        items = [Item(**{key: str(value) for key, value in item.items()}) for item in body["items"]]
        entries: dict[str, dict[str, Any]] = {
            str(name): {"bytes": int(entry["bytes"]), "sha256": str(entry["sha256"])} for name, entry in body["files"].items()
        }
    except (FormatError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise _refuse(path, getattr(error, "what", "its manifest is not one")) from error
    if strange := sorted(set(names[1:]) ^ set(entries)):
        known = strange[0] in entries
        raise _refuse(path, f"{strange[0]!r} is {'missing' if known else 'not in its manifest'}")
    for info in infos[1:]:
        if not _is_place(info.filename):
            raise _refuse(path, f"{info.filename!r} is no place for a dataset or a model")
        _check_entry(path, info, entries[info.filename]["bytes"])
    return items, entries


def _is_place(name: str) -> bool:
    """Whether a path is one that a dataset or a model has below the home; files that can hold code have none."""
    model = MODEL_FILE.fullmatch(name)
    allowed = model and (
        model[1] == MODEL_RECORD or model[1] in choose_files([model[1], "model.safetensors.index.json"]).readable
    )
    return bool(DATASET_FILE.fullmatch(name) or (allowed and ".." not in name))


def _check_entry(path: Path, info: zipfile.ZipInfo, size: int) -> None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if info.is_dir() or kind not in (0, stat.S_IFREG):
        raise _refuse(path, f"{info.filename!r} is no regular file")
    if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
        raise _refuse(path, f"{info.filename!r} is compressed or encrypted")
    if info.file_size != size or info.compress_size != size:
        raise _refuse(path, f"{info.filename!r} has {info.file_size:,} bytes, and its manifest says {size:,}")


def _check_space(home: Home, need: int) -> None:
    free = shutil.disk_usage(home.root).free
    if free < need:
        raise DownloadError(
            f"the pack needs {need / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free",
            str(home.root),
            "free some space, or set BAKEOFF_HOME to a folder on another disk",
        )


def _extract(path: Path, archive: zipfile.ZipFile, name: str, entry: dict[str, Any], folder: Path) -> None:
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, done = hashlib.sha256(), 0
    with archive.open(name) as source, target.open("xb") as sink:
        while block := source.read(CHUNK):
            done += len(block)
            if done > entry["bytes"]:
                raise _refuse(path, f"{name!r} is longer than it says")
            digest.update(block)
            sink.write(block)
    if digest.hexdigest() != entry["sha256"]:
        raise _refuse(path, f"the bytes of {name!r} are not those that were packed")
