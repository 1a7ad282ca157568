"""Fetch a model from the hub, or turn a folder's pickled weights into safetensors: once, then it is located."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

from bakeoff.errors import ModelError
from bakeoff.hub.conversion import Convert, convert_weights
from bakeoff.hub.download import (
    Listing,
    Progress,
    Repository,
    announce,
    cannot_write,
    fetch_file,
    is_commit,
    list_files,
    staging,
)
from bakeoff.hub.locating import MODEL_RECORD, MODEL_VERSION, LocatedModel, converted_place, locate_model
from bakeoff.hub.modelfiles import CONFIG, VOCABULARIES, WEIGHTS, ModelFiles, check_folder, choose_files, folder_files
from bakeoff.hub.naming import REF_VERSION, Wanted, recorded_commit, ref_path, repository_folder, wanted_model
from bakeoff.records.files import move_into_place, sha256_file, write_document
from bakeoff.records.paths import Home


def fetch_model(
    home: Home, name: str, revision: str = "", convert: Convert | None = None, progress: Progress | None = None
) -> LocatedModel:
    """Have a model on this machine: found if it is here and whole, fetched and verified otherwise.

    Only configuration, safetensors and tokenizer files are fetched; where a repository has no safetensors, its `.bin`
    files are fetched, converted once by `convert`, and removed. A branch or tag is resolved to a commit the first time and
    stays that commit; a later one is had by naming its commit.

    Args:
        home: where models are kept.
        name: a catalog name, a hub id `owner/name`, or the absolute path of a folder.
        revision: commit, branch or tag; empty means the card's, or `main`.
        convert: converts one file of pickled weights to safetensors; None refuses such models.
        progress: told about the bytes that arrive.

    Returns:
        The model.

    Raises:
        ModelError: if the name means nothing, or the model is not whole, or has only pickled weights and `convert` is None.
        DownloadError: if a file cannot be fetched whole.
    """
    wanted = wanted_model(name, revision)
    try:
        return locate_model(home, name, revision, verify=True)
    except ModelError:
        if wanted.folder is None and not wanted.repository:
            raise
        if wanted.folder and not _is_pickled(wanted.folder):
            raise
    try:
        if wanted.folder:
            _convert_folder(home, wanted, wanted.folder, convert)
        else:
            _fetch(home, wanted, convert, progress)
    except OSError as error:
        raise cannot_write(error, home.models) from error
    return locate_model(home, name, revision)


def _is_pickled(folder: Path) -> bool:
    return folder.is_dir() and folder_files(folder).only_pickled


def _fetch(home: Home, wanted: Wanted, convert: Convert | None, progress: Progress | None) -> None:
    repository = Repository(wanted.repository, "model", recorded_commit(home, wanted) or wanted.revision)
    listing = list_files(repository)
    files = choose_files(listing.files)
    _check_listing(repository, files, convert)
    target = repository_folder(home, wanted.repository) / listing.commit
    with staging(target) as folder:
        if _is_here(home, wanted.name, listing.commit):  # another program has fetched it while this one waited
            _record_ref(home, wanted, listing)
            return
        for path in (*files.readable, *files.pickles):
            fetch_file(repository, listing.commit, announce(repository, listing, path), folder, progress)
        converted = convert_weights(folder, files.pickles, folder, convert) if files.pickles and convert else []
        for pickle in files.pickles:
            (folder / pickle).unlink()
        _finish(wanted, listing.commit, folder, target, converted)
    _record_ref(home, wanted, listing)


def _is_here(home: Home, name: str, revision: str) -> bool:
    try:
        locate_model(home, name, revision, verify=True)
    except ModelError:
        return False
    return True


def _record_ref(home: Home, wanted: Wanted, listing: Listing) -> None:
    if not is_commit(wanted.revision):
        body = {"revision": wanted.revision, "commit": listing.commit}
        write_document(ref_path(home, wanted), "model-ref", REF_VERSION, body)


def _check_listing(repository: Repository, files: ModelFiles, convert: Convert | None) -> None:
    """Say before anything is fetched that the repository is no model that can be used."""
    lacks = ""
    if not files.config:
        lacks = CONFIG
    elif not files.weights and not files.pickles:
        lacks = WEIGHTS
    elif not set(files.tokenizer) & set(VOCABULARIES):
        lacks = "tokenizer"
    if lacks:
        raise ModelError(f"the repository has no {lacks}", str(repository), "name a repository with a whole transformers model")
    if files.pickles and convert is None:
        raise _refuse_pickles(str(repository), repository.id)


def _refuse_pickles(where: str, name: str) -> ModelError:
    return ModelError(
        "the model has only pickled weights, which can run code when they are loaded",
        where,
        f"bakeoff model fetch {shlex.quote(name)} turns them into safetensors once, in a process without network",
    )


def _convert_folder(home: Home, wanted: Wanted, source: Path, convert: Convert | None) -> None:
    if convert is None:
        raise _refuse_pickles(str(source), str(source))
    files = folder_files(source)
    target = converted_place(home, source, files)
    with staging(target) as folder:
        for name in files.readable:
            shutil.copyfile(source / name, folder / name)
        converted = convert_weights(source, files.pickles, folder, convert)
        _finish(wanted, "", folder, target, converted)


def _finish(wanted: Wanted, commit: str, folder: Path, target: Path, converted: list[dict[str, str]]) -> None:
    """Check the whole, write its record, and let readers see it."""
    files = check_folder(folder, wanted.name)
    entries = {name: {"bytes": (folder / name).stat().st_size, "sha256": sha256_file(folder / name)} for name in files.readable}
    known = wanted.weights_sha256
    if known and entries.get(WEIGHTS, {}).get("sha256") != known:
        raise ModelError(
            "the hub's weights are not those of the catalog", str(wanted), "check HF_ENDPOINT; it serves another model"
        )
    record = {"repository": wanted.repository, "commit": commit, "files": entries, "converted": converted}
    write_document(folder / MODEL_RECORD, "model", MODEL_VERSION, record)
    move_into_place(folder, target)
