"""The store of datasets: find one by name, and all that a caller needs to write or read one."""

from __future__ import annotations

from bakeoff.catalog import registry
from bakeoff.catalog.cards import DatasetCard
from bakeoff.data.dataset import CURRENT_NAME, CURRENT_VERSION, Dataset, open_dataset, write_dataset
from bakeoff.data.importing import import_packaged, packaged_sources
from bakeoff.data.rows import Import, Row
from bakeoff.errors import DataError, FormatError
from bakeoff.records.files import read_document
from bakeoff.records.paths import Home

__all__ = ["Dataset", "Import", "Row", "find_dataset", "open_dataset", "stored_fingerprints", "write_dataset"]


def card_of(home: Home, name: str) -> DatasetCard:
    """The card of a dataset of the catalog, or of one that the user imported under a name of their own.

    Args:
        home: where datasets are kept.
        name: the dataset's name.

    Returns:
        The card; one without code for the user's own.

    Raises:
        CatalogError: if neither bears the name.
    """
    if name in registry.cards("dataset") or not stored_fingerprints(home, name):
        return registry.dataset(name)
    return DatasetCard(name=name, summary="your own data", terms="the user's own data", task="")


def stored_fingerprints(home: Home, name: str) -> list[str]:
    """Fingerprints under which a dataset is stored.

    Args:
        home: where datasets are kept.
        name: the dataset's name.

    Returns:
        Fingerprints, in alphabetical order.
    """
    place = home.datasets / name
    if not place.is_dir():
        return []
    return sorted(entry.name for entry in place.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def find_dataset(home: Home, name: str, fingerprint: str | None = None) -> Dataset:
    """Find a stored dataset; one that ships with Bakeoff is stored when it is first asked for.

    Args:
        home: where datasets are kept.
        name: the dataset's name in the catalog.
        fingerprint: which content; None means the one that was imported last.

    Returns:
        The dataset; the hash of each of its files is checked.

    Raises:
        CatalogError: if no dataset bears the name.
        DataError: if it is not stored, or torn; the remedy imports or fetches it.
    """
    card = card_of(home, name)
    stored = stored_fingerprints(home, name)
    chosen = fingerprint or _current(home, name, stored)
    if card.packaged and chosen not in stored:
        found = import_packaged(home, card)
        if fingerprint in (None, found.fingerprint):
            return found
    if chosen in stored:
        return _open(home, name, chosen, fresh=fingerprint is None)
    if not stored:
        raise DataError(f"the dataset {name} is not here", str(home.datasets / name), _remedy(name))
    if fingerprint is None:
        raise DataError(
            f"{name} is stored {len(stored)} times, and none is marked as the last imported",
            str(home.datasets / name),
            _remedy(name),
        )
    raise DataError(
        f"the dataset {name} is here, but not with the content asked for ({fingerprint[:12]}…)",
        str(home.datasets / name),
        f"{_remedy(name)}; if the data have changed, run the study in a new folder (--new)",
    )


def _current(home: Home, name: str, stored: list[str]) -> str:
    try:
        current = read_document(home.datasets / name / CURRENT_NAME, "current-dataset", CURRENT_VERSION)["fingerprint"]
    except FormatError:
        return stored[0] if len(stored) == 1 else ""
    return str(current)


def _open(home: Home, name: str, fingerprint: str, fresh: bool) -> Dataset:
    card = card_of(home, name)
    try:
        # every byte: a label that has changed on the disk would make other numbers, and nobody would know
        found = open_dataset(home.datasets / name / fingerprint, verify=True)
    except DataError:
        if not card.packaged:
            raise
        again = import_packaged(home, card)  # a damaged copy of what the package has is simply made again
        if again.fingerprint != fingerprint and not fresh:
            raise
        return again
    if card.packaged and fresh and found.card["sources"] != packaged_sources(name):
        return import_packaged(home, card)  # the package was updated since
    return found


def _remedy(name: str) -> str:
    card = registry.cards("dataset").get(name)
    if not isinstance(card, DatasetCard):
        return f"bakeoff data import {name} FILE, with the file that it is in"
    by_hand = f"bakeoff data import {name} FOLDER, with the folder of its raw files"
    return f"bakeoff fetch STUDY downloads it, or {by_hand}" if card.hub else by_hand
