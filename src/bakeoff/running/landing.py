"""What a child leaves is validated, synced and renamed into the trial's folder, `result.json` last: then the trial is complete.

The child syncs nothing of it: a product that loses its power with the machine is one of an attempt that is made again.
"""

from __future__ import annotations

from pathlib import Path

from bakeoff.errors import FormatError, JobError
from bakeoff.records.files import fsync_folder, move_into_place, sync_tree
from bakeoff.records.paths import AttemptFolder, TrialFolder
from bakeoff.records.results import FileEntry, Result, verify_manifest
from bakeoff.records.specs import TrialSpec


def land(trial: TrialSpec, folder: TrialFolder, attempt: AttemptFolder) -> Result:
    """Put a trial's product into place.

    A crash between two renames harms nothing: called again, it takes up what is already in place.

    Args:
        trial: what was asked for.
        folder: the trial's folder.
        attempt: the attempt whose product it is.

    Returns:
        The result, which now stands in the trial's folder with every file of its manifest.

    Raises:
        JobError: if the product is not whole, or not of this trial.
    """
    source = attempt.product / folder.result.name
    result = _read_result(source)
    if (result.trial, result.definition) != (trial.id, trial.definition_hash):
        raise JobError(f"the child left the result of another trial: {result.trial}", str(source))
    _check_files(result.manifest, attempt.product, folder)
    for written in (folder.trial, folder.circumstances, attempt.product):
        sync_tree(written)
    for entry in sorted(attempt.product.iterdir()):
        if entry != source:
            move_into_place(entry, folder.root / entry.name, durable=False)
    fsync_folder(folder.root)  # all that the result names stands before the result does
    move_into_place(source, folder.result)
    return result


def _read_result(path: Path) -> Result:
    if not path.is_file():
        raise JobError("the child said that it completed, and left no result", str(path))
    try:
        return Result.read(path)
    except (FormatError, ValueError) as error:
        raise JobError(f"the child's result cannot be read: {error}", str(path)) from error


def _check_files(manifest: dict[str, FileEntry], product: Path, folder: TrialFolder) -> None:
    for name in manifest:
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise JobError(f"the child's result names a file outside its folder: {name}", str(product))
    landed = {name for name in manifest if not (product / name).exists()}
    faults = verify_manifest(product, {name: entry for name, entry in manifest.items() if name not in landed})
    faults += verify_manifest(folder.root, {name: manifest[name] for name in landed})
    ours = {folder.trial.name, folder.state.name, folder.circumstances.name, folder.attempts.name}
    faults += [f"{entry.name} is not the child's to write" for entry in product.iterdir() if entry.name in ours]
    if faults:
        raise JobError(f"the child's product is not whole: {'; '.join(faults)}", str(product))
