"""Models that come in a pack: what is packed of one, and how one is put into the home."""

from __future__ import annotations

import shutil
from pathlib import Path

from bakeoff.errors import ModelError
from bakeoff.hub.download import is_commit, staging
from bakeoff.hub.locating import MODEL_RECORD, MODEL_VERSION, LocatedModel, locate_model
from bakeoff.hub.modelfiles import check_folder
from bakeoff.hub.naming import REF_VERSION, ref_path, repository_folder, wanted_model
from bakeoff.hub.pack import Item
from bakeoff.records.files import move_into_place, sha256_file, write_document
from bakeoff.records.paths import Home


def packed_model(home: Home, name: str, revision: str, found: LocatedModel) -> tuple[Item, dict[str, Path]] | None:
    """What a pack holds of a model: its files as if they had been fetched, wherever they lie here.

    Args:
        home: where models are kept.
        name: as the study names it.
        revision: likewise.
        found: the model.

    Returns:
        The item with its files; None for a user's own folder, which has no place in the home.
    """
    wanted = wanted_model(name, revision)
    commit = found.spec.revision or (wanted.revision if is_commit(wanted.revision) else "")
    if wanted.folder or not wanted.repository or not commit:
        return None
    folder = repository_folder(home, wanted.repository) / commit
    place = folder.relative_to(home.root)
    names = check_folder(found.folder, name).readable
    item = Item("model", name, wanted.revision, commit, found.spec.fingerprint, place.as_posix())
    return item, {f"{place.as_posix()}/{file}": found.folder / file for file in names}


def adopt_model(home: Home, staged: Path, item: Item) -> LocatedModel:
    """Put an unpacked model into its place; one that stands there and is whole stays.

    Args:
        home: where models are kept.
        staged: the folder that the pack was unpacked into.
        item: the model.

    Returns:
        The model, found as a study finds it.

    Raises:
        ModelError: if what was packed is not the model that it says.
    """
    wanted = wanted_model(item.name, item.revision)
    target = repository_folder(home, wanted.repository) / item.commit
    source = staged / item.folder
    if (
        wanted.folder
        or not is_commit(item.commit)
        or target.relative_to(home.root).as_posix() != item.folder
        or not source.is_dir()
    ):
        raise ModelError(f"the pack has no model {item.name} where it says", item.folder, "make the pack again")
    try:
        return locate_model(home, item.name, item.commit, verify=True)
    except ModelError:
        pass  # not here, or not whole: that is what the pack is for
    files = check_folder(source, item.name).readable
    entries = {file: {"bytes": (source / file).stat().st_size, "sha256": sha256_file(source / file)} for file in files}
    known = wanted.weights_sha256 if item.commit == wanted.revision else ""
    if known and entries.get("model.safetensors", {}).get("sha256") != known:
        raise ModelError("the pack's weights are not those of the catalog", item.folder, "make the pack again")
    record = {"repository": wanted.repository, "commit": item.commit, "files": entries, "converted": []}
    with staging(target) as place:
        for file in files:
            shutil.move(source / file, place / file)
        write_document(place / MODEL_RECORD, "model", MODEL_VERSION, record)
        move_into_place(place, target)
    if not is_commit(wanted.revision):
        write_document(ref_path(home, wanted), "model-ref", REF_VERSION, {"revision": wanted.revision, "commit": item.commit})
    return locate_model(home, item.name, item.revision, verify=True)
