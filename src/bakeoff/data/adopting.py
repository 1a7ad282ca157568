"""Datasets that come in a pack: what is packed of one, and how one is put into the home."""

from __future__ import annotations

import re
from pathlib import Path

from bakeoff.data.dataset import CARD_NAME, CURRENT_NAME, CURRENT_VERSION, Dataset, open_dataset
from bakeoff.errors import DataError
from bakeoff.hub.pack import Item
from bakeoff.records.files import move_into_place, write_document
from bakeoff.records.locks import exclusive
from bakeoff.records.paths import Home

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+.-]{0,80}", re.ASCII)


def packed_dataset(dataset: Dataset) -> tuple[Item, dict[str, Path]]:
    """What a pack holds of a dataset: the stored arrays and their card.

    Args:
        dataset: the dataset.

    Returns:
        The item with its files.
    """
    place = f"datasets/{dataset.name}/{dataset.fingerprint}"
    names = [f"{split}.{part}" for split, body in dataset.card["splits"].items() for part in body["files"]]
    item = Item("dataset", dataset.name, "", "", dataset.fingerprint, place)
    return item, {f"{place}/{name}": dataset.folder / name for name in (CARD_NAME, *names)}


def adopt_dataset(home: Home, staged: Path, item: Item) -> Dataset:
    """Put an unpacked dataset into its place; one that stands there and is whole stays.

    Args:
        home: where datasets are kept.
        staged: the folder that the pack was unpacked into.
        item: the dataset.

    Returns:
        The dataset, which is the one that its bare name means from now on.

    Raises:
        DataError: if what was packed is not the dataset that it says.
    """
    if not NAME.fullmatch(item.name):
        raise DataError(f"{item.name!r} is no dataset's name", item.folder, "make the pack again")
    place, source = home.datasets / item.name, staged / item.folder
    target = place / item.fingerprint
    try:
        found = open_dataset(source, verify=True)
        right = (found.name, found.fingerprint, item.folder) == (
            item.name,
            item.fingerprint,
            target.relative_to(home.root).as_posix(),
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise DataError("the pack's dataset has no sound card", item.folder, "make the pack again") from error
    if not right:
        raise DataError(f"the pack has no dataset {item.name} where it says", item.folder, "make the pack again")
    with exclusive(place / ".lock"):
        if not _stands(target):
            move_into_place(source, target)
        write_document(place / CURRENT_NAME, "current-dataset", CURRENT_VERSION, {"fingerprint": item.fingerprint})
    return open_dataset(target)


def _stands(folder: Path) -> bool:
    try:
        open_dataset(folder, verify=True)
    except DataError:
        return False
    return True
