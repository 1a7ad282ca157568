"""What a study needs from outside: fetched, packed into one file, unpacked from one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bakeoff.data.adopting import adopt_dataset, packed_dataset
from bakeoff.data.dataset import open_dataset
from bakeoff.data.importing import fetch_dataset
from bakeoff.data.own import import_files
from bakeoff.data.store import find_dataset
from bakeoff.errors import DataError
from bakeoff.hub.adopting import adopt_model, packed_model
from bakeoff.hub.download import Progress
from bakeoff.hub.models import LocatedModel, locate_model
from bakeoff.hub.pack import Item, unpacked, write_pack
from bakeoff.records.paths import Home
from bakeoff.study.model import Study
from bakeoff.study.planning import needed_datasets, needed_files, needed_models

FetchModel = Callable[[Home, str, str, Progress | None], LocatedModel]


@dataclass(frozen=True)
class Provision:
    """A dataset or a model that is here now, verified.

    Attributes:
        kind: `dataset` or `model`.
        name: what a study writes.
        fingerprint: hash of its content.
        folder: where it lies.
        note: what is to be known of it; mostly empty.
    """

    kind: str
    name: str
    fingerprint: str
    folder: Path
    note: str = ""


def fetch(home: Home, study: Study, fetch_model: FetchModel, progress: Progress | None = None) -> list[Provision]:
    """Have all data and models that a study needs, every byte verified.

    Args:
        home: where they are kept.
        study: the study.
        fetch_model: fetches a model.
        progress: told (file, bytes here, bytes in all).

    Returns:
        What is here.

    Raises:
        DataError: if a dataset is neither here nor on the hub, or not what it says.
        ModelError: if a model is not whole.
        DownloadError: if something cannot be fetched whole.
    """
    found = []
    import_files(home, needed_files(study), progress)
    for name in needed_datasets(study):
        try:
            dataset = open_dataset(find_dataset(home, name).folder, verify=True)
        except DataError:
            dataset = fetch_dataset(home, name, progress)
        found.append(Provision("dataset", name, dataset.fingerprint, dataset.folder))
    for request in needed_models(study):
        model = fetch_model(home, request.name, request.revision, progress)
        found.append(Provision("model", request.key, model.spec.fingerprint, model.folder))
    return found


def pack(home: Home, study: Study, path: Path, progress: Progress | None = None) -> list[Provision]:
    """Write all data and models that a study needs into one file; they must be here.

    Args:
        home: where they are kept.
        study: the study.
        path: the file.
        progress: told (path in the pack, bytes done, bytes in all).

    Returns:
        What was packed, and, with a note, what was not: models that are the user's own folders.
    """
    own = needed_files(study)
    items: list[Item] = []
    files: dict[str, Path] = {}
    rows = []
    for name in needed_datasets(study):
        dataset = find_dataset(home, name)
        item, some = packed_dataset(dataset)
        items, files = [*items, item], files | some
        note = f"copy {Path(own[name][0]).name} yourself as well, to the same place beside the study" if name in own else ""
        rows.append(Provision("dataset", name, dataset.fingerprint, dataset.folder, note))
    for request in needed_models(study):
        model = locate_model(home, request.name, request.revision)
        packed = packed_model(home, request.name, request.revision, model)
        note = "" if packed else "not packed: copy this folder yourself, to the same place beside the study"
        if packed:
            items, files = [*items, packed[0]], files | packed[1]
        rows.append(Provision("model", request.key, model.spec.fingerprint, model.folder, note))
    write_pack(path, items, files, progress)
    return rows


def unpack(home: Home, path: Path, progress: Progress | None = None) -> list[Provision]:
    """Put what a pack holds into the home, verified.

    Args:
        home: where it is kept.
        path: the pack.
        progress: told (path in the pack, bytes done, bytes in all).

    Returns:
        What is here now.

    Raises:
        DownloadError: if the pack is torn or holds what it should not; the home is as it was then.
        DataError: if a dataset in it is not what it says.
        ModelError: if a model in it is not what it says.
    """
    found = []
    with unpacked(home, path, progress) as (staged, items):
        for item in items:
            if item.kind == "dataset":
                dataset = adopt_dataset(home, staged, item)
                found.append(Provision("dataset", item.name, dataset.fingerprint, dataset.folder))
            else:
                model = adopt_model(home, staged, item)
                found.append(Provision("model", item.name, model.spec.fingerprint, model.folder))
    return found
