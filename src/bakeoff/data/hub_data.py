"""A dataset of the hub that the catalog does not know: its files at one commit, verified, laid out a folder a split.

Which files are which split is what the repository's own page says (`configs` in the head of its README), else what the files
are called. Nothing of the repository is carried out: only files that `bakeoff data import` would read as well are fetched.
"""

from __future__ import annotations

import fnmatch
import os
import shutil
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from bakeoff.data.split_files import ALL, SPLIT_NAMES, split_of
from bakeoff.data.table import SUFFIXES
from bakeoff.errors import DataError, DownloadError, FormatError
from bakeoff.hub.download import Listing, Progress, Repository, fetch_files, list_files
from bakeoff.records.files import move_into_place, read_document, sha256_bytes, sha256_file, write_document
from bakeoff.records.hub_places import HubPlace
from bakeoff.records.locks import exclusive
from bakeoff.records.paths import Home

HUB_DATA_VERSION = 1
CARD = "snapshot.json"
README = "README.md"
MAIN, CONVERTED = "main", "refs/convert/parquet"
"""The second is the branch on which the hub itself keeps most datasets as Parquet."""
INFOS = ("dataset_info", "dataset_infos", "dataset_dict", "state")
Files = dict[str, list[str]]
"""Paths in the repository by split; all in `ALL` where nothing says which is which."""


def hub_copy(home: Home, place: HubPlace, fresh: bool, progress: Progress | None = None) -> Path:
    """Where a dataset of the hub can be read as files.

    Args:
        home: where they are kept.
        place: the dataset.
        fresh: whether the hub is asked what is there now; otherwise a copy that is whole is used: a study keeps its data.
        progress: told about the bytes that arrive.

    Returns:
        A file, or a folder with a folder a split.

    Raises:
        DataError: if the repository has no file that is read, or it is not clear which are meant.
        DownloadError: if it cannot be fetched whole.
    """
    folder = home.datasets / ".snapshots" / sha256_bytes(f"hub {place}".encode())[:16]
    with exclusive(folder.parent / f".{folder.name}.lock"):
        if not fresh and _stands(folder):
            return _entry(folder, place)
        repository = Repository(place.repository, "dataset", place.revision or MAIN)
        listing = list_files(repository)
        files = _choose(home, repository, listing, place)
        wanted = sorted({path for some in files.values() for path in some})
        raw = _raw(home, place, listing.commit, wanted)
        fetch_files(Repository(place.repository, "dataset", listing.commit), wanted, raw, progress)
        temporary = folder.with_name(f".{folder.name}.making")
        shutil.rmtree(temporary, ignore_errors=True)
        laid = dict(_lay_out(raw, files, temporary / place.name))
        body = {"address": str(place), "taken": datetime.now(UTC).isoformat(timespec="seconds"), "commit": listing.commit}
        write_document(temporary / CARD, "hub-data", HUB_DATA_VERSION, {**body, "files": laid})
        move_into_place(temporary, folder)
    return _entry(folder, place)


def _raw(home: Home, place: HubPlace, commit: str, files: list[str]) -> Path:
    owner = place.repository.replace("/", "--")
    return home.datasets / ".raw" / owner / f"{commit}-{sha256_bytes(chr(10).join(files).encode())[:8]}"


def _stands(folder: Path) -> bool:
    try:
        files = read_document(folder / CARD, "hub-data", HUB_DATA_VERSION)["files"]
        return bool(files) and all(sha256_file(folder / path) == digest for path, digest in files.items())
    except (FormatError, OSError, KeyError):
        return False


def _entry(folder: Path, place: HubPlace) -> Path:
    """The folder of the splits, or the only file where there are none."""
    found = folder / place.name
    whole = found / ALL
    return next(iter(whole.iterdir())) if whole.is_dir() else found


def _lay_out(raw: Path, files: Files, target: Path) -> Iterable[tuple[str, str]]:
    """Put fetched files into a folder a split; path beside the snapshot's card and hash of each."""
    for split, paths in files.items():
        (target / split).mkdir(parents=True)
        for number, path in enumerate(paths):
            name = PurePosixPath(path).name
            end = target / split / (f"{number:05}-{name}" if (target / split / name).exists() else name)
            try:
                os.link(raw / path, end)
            except OSError:  # of a file system without links
                shutil.copyfile(raw / path, end)
            yield end.relative_to(target.parent).as_posix(), sha256_file(end)


def _choose(home: Home, repository: Repository, listing: Listing, place: HubPlace) -> Files:
    """Which files of a repository are meant, by split."""
    readable = [path for path in sorted(listing.files) if _is_readable(path)]
    if place.part in listing.files:
        if place.part not in readable:
            raise DataError("this file is none that is read", str(place), f"files that end in {', '.join(SUFFIXES)}")
        return {ALL: [place.part]}
    configs = _configs(home, repository, listing) if README in listing.files else {}
    if configs and (not place.part or place.part in configs):
        return _of_config(configs, readable, place)
    folders = _by_folder(readable)
    if place.part:
        if place.part not in folders:
            known = ", ".join([*configs, *(one for one in folders if one)]) or "none"
            raise DataError("the repository has no such folder or configuration", str(place), f"those with data: {known}")
        return folders[place.part]
    if not folders:
        remedy = f"{place.repository}@{CONVERTED}, where the hub keeps most datasets as Parquet"
        raise DataError("the repository has no file that is read", str(place), remedy)
    for usual in ("", "data"):
        if usual in folders:
            return folders[usual]
    if len(folders) > 1:
        raise DataError(
            f"the repository has data in several folders: {', '.join(folders)}",
            str(place),
            f"say which: {HubPlace(place.repository, place.revision, next(iter(folders)))}",
        )
    return next(iter(folders.values()))


def _is_readable(path: str) -> bool:
    parts = PurePosixPath(path)
    hidden = any(part.startswith(".") for part in parts.parts)
    return parts.suffix.lower() in SUFFIXES and parts.suffix.lower() != ".txt" and parts.stem not in INFOS and not hidden


def _by_folder(readable: list[str]) -> dict[str, Files]:
    """Files by folder and split; a folder that is called like a split belongs to the one above."""
    found: dict[str, Files] = {}
    for path in readable:
        folder, stem = PurePosixPath(path).parent, PurePosixPath(path).stem
        split = split_of(folder.name) if folder.name in _SPLIT_WORDS else None
        where = folder.parent if split else folder
        key = "" if where == PurePosixPath(".") else where.as_posix()
        found.setdefault(key, {}).setdefault(split or split_of(stem) or ALL, []).append(path)
    return {folder: _told(files) for folder, files in found.items() if _told(files)}


_SPLIT_WORDS = frozenset(word for words in SPLIT_NAMES.values() for word in words)


def _told(files: Files) -> Files:
    """The splits of a folder; where none is told, its only file."""
    known = {split: files[split] for split in SPLIT_NAMES if split in files}
    return known or (files if len(files.get(ALL, ())) == 1 else {})


def _configs(home: Home, repository: Repository, listing: Listing) -> dict[str, Mapping[str, Any]]:
    """Configurations by name, as the head of the repository's README tells them; none where it tells none."""
    import yaml

    folder = home.datasets / ".raw" / repository.id.replace("/", "--") / f"{listing.commit}-readme"
    try:
        at_commit = Repository(repository.id, "dataset", listing.commit)
        text = (fetch_files(at_commit, [README], folder) / README).read_text("utf-8", "replace")
        head = text.split("---", 2)[1] if text.startswith("---") and text.count("---") > 1 else ""
        told = yaml.safe_load(head) or {}
    except (DownloadError, yaml.YAMLError):
        return {}
    entries = told.get("configs") if isinstance(told, dict) else None
    usable = [one for one in entries or () if isinstance(one, dict) and one.get("data_files")]
    return {str(one.get("config_name", "default")): one for one in usable}


def _of_config(configs: Mapping[str, Mapping[str, Any]], readable: list[str], place: HubPlace) -> Files:
    name = place.part or _default(configs)
    if not name:
        raise DataError(
            f"the repository has several configurations: {', '.join(configs)}",
            str(place),
            f"say which: {HubPlace(place.repository, place.revision, next(iter(configs)))}",
        )
    found: Files = {}
    base = str(configs[name].get("data_dir") or "").strip("/")
    for split, patterns in _patterns(configs[name]["data_files"]):
        wanted = [f"{base}/{pattern}" if base else pattern for pattern in patterns]
        paths = [path for path in readable if any(fnmatch.fnmatchcase(path, pattern) for pattern in wanted)]
        if paths:
            found.setdefault(split_of(split) or ALL, []).extend(paths)
    found = _told(found)
    if not found:
        raise DataError(
            f"the configuration {name} has no training file that is read", str(place), f"{place.repository}@{CONVERTED}"
        )
    return found


def _default(configs: Mapping[str, Mapping[str, Any]]) -> str:
    marked = [name for name, one in configs.items() if one.get("default") is True]
    usual = [*marked, *(name for name in configs if name == "default")]
    return usual[0] if usual else next(iter(configs)) if len(configs) == 1 else ""


def _patterns(said: Any) -> list[tuple[str, list[str]]]:
    """Patterns by split, however the README writes them."""
    if isinstance(said, Mapping):
        return [(str(split), _listed(paths)) for split, paths in said.items()]
    if isinstance(said, list) and all(isinstance(one, Mapping) for one in said):
        return [(str(one.get("split", "train")), _listed(one.get("path", []))) for one in said]
    return [("train", _listed(said))]


def _listed(paths: Any) -> list[str]:
    return [str(path).removeprefix("./") for path in (paths if isinstance(paths, list) else [paths])]
