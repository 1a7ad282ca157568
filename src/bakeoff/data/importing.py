"""From raw files to the store: from a folder, from the hub, or from the package itself."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from bakeoff.catalog import registry
from bakeoff.catalog.cards import DatasetCard
from bakeoff.data.dataset import Dataset, write_dataset
from bakeoff.data.rows import Import
from bakeoff.errors import DataError
from bakeoff.hub.download import Progress, Repository, fetch_files
from bakeoff.records.files import sha256_file
from bakeoff.records.paths import Home

PACKAGED = Path(__file__).parent / "corpora"


def import_dataset(home: Home, name: str, folder: Path) -> Dataset:
    """Read a dataset's raw files and store it. The same files always give the same stored dataset.

    Args:
        home: where datasets are kept.
        name: the dataset's name in the catalog.
        folder: where its raw files lie.

    Returns:
        The stored dataset.

    Raises:
        CatalogError: if no dataset bears the name.
        DataError: if files are missing or malformed, or do not have the rows that the dataset is known to have.
    """
    card = registry.dataset(name)
    imported: Import = card.load()(folder)
    imported = dataclasses.replace(imported, name=card.name, terms=card.terms)
    _check_expected(card, imported, folder)
    return write_dataset(home, imported)


def _check_expected(card: DatasetCard, imported: Import, folder: Path) -> None:
    wrong = [
        f"{split} has {len(imported.splits.get(split, [])):,} rows, not {rows:,}"
        for split, rows in card.expected.items()
        if len(imported.splits.get(split, [])) != rows
    ]
    if wrong:
        raise DataError(
            f"this is not {card.name} as published: {'; '.join(wrong)}",
            str(folder),
            "fetch the files again from their owner; a copy may be cut or filtered",
        )


def fetch_dataset(home: Home, name: str, progress: Progress | None = None) -> Dataset:
    """Fetch a dataset's raw files from the hub, verified and at their pinned revision, and store it.

    Files that are already there are not fetched again.

    Args:
        home: where datasets are kept.
        name: the dataset's name in the catalog.
        progress: told about the bytes that arrive.

    Returns:
        The stored dataset.

    Raises:
        CatalogError: if no dataset bears the name.
        DataError: if the dataset is not on the hub, or what was fetched is not it.
        DownloadError: if a file cannot be fetched whole.
    """
    card = registry.dataset(name)
    if card.packaged:
        return import_packaged(home, card)
    if card.hub is None:
        raise DataError(f"{name} is not on the hub", "", f"bakeoff data import {name} FOLDER, with the folder of its raw files")
    raw = home.datasets / ".raw" / name / card.hub.revision
    repository = Repository(card.hub.repository, "dataset", card.hub.revision)
    fetch_files(repository, sorted(card.hub.files.values()), raw, progress)
    dataset = import_dataset(home, name, raw)
    _check_published(card, dataset, raw)
    return dataset


def _check_published(card: DatasetCard, dataset: Dataset, folder: Path) -> None:
    """The hub's files hold all rows of the splits that they are, however these are divided here."""
    assert card.hub is not None
    known = {split: rows for split, rows in card.published.items() if split in card.hub.files}
    found = sum(dataset.size(split) for split in dataset.splits)
    if known and found != sum(known.values()):
        said = " and ".join(f"{rows:,} of {split}" for split, rows in known.items())
        raise DataError(
            f"this is not {card.name} as published: {found:,} rows in all, not {said}",
            str(folder),
            "check HF_ENDPOINT; it serves another dataset",
        )


def packaged_folder(name: str) -> Path:
    """Where a packaged dataset's raw files lie.

    Args:
        name: the dataset's name.

    Returns:
        Its folder inside the package.
    """
    return PACKAGED / name


def packaged_sources(name: str) -> dict[str, str]:
    """Hashes of a packaged dataset's raw files, to see whether the stored one is made of them.

    Args:
        name: the dataset's name.

    Returns:
        Hash by file name.
    """
    return {path.name: sha256_file(path) for path in sorted(packaged_folder(name).glob("*.jsonl"))}


def import_packaged(home: Home, card: DatasetCard) -> Dataset:
    """Store a dataset that ships with Bakeoff.

    Args:
        home: where datasets are kept.
        card: its card.

    Returns:
        The stored dataset.
    """
    return import_dataset(home, card.name, packaged_folder(card.name))
