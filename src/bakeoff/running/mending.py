"""What a crash, a full disk or a flipped bit left in a run folder: taken up where it is whole, set aside where it is not."""

from __future__ import annotations

import shutil

from bakeoff.errors import FormatError, JobError, VersionError
from bakeoff.records.files import read_document, set_aside
from bakeoff.records.kept import kept_faults
from bakeoff.records.paths import TrialFolder
from bakeoff.records.results import (
    RESULT_VERSION,
    STATE_VERSION,
    Result,
    State,
    TrialState,
    read_complete,
    verify_manifest,
)
from bakeoff.records.specs import TrialSpec
from bakeoff.running.ending import read_outcome
from bakeoff.running.history import UNREADABLE
from bakeoff.running.landing import land
from bakeoff.running.lineage import came_apart
from bakeoff.running.plan_run import RunOrder, read_state
from bakeoff.running.trials import recover_circumstances


def take_up(order: RunOrder, trial: TrialSpec) -> list[str]:
    """Finish what a killed runner left half done: a whole product is put into place, a torn file set aside, a state written.

    Whatever a crash can leave, this does not raise.

    Args:
        order: the run.
        trial: a trial of its plan.

    Returns:
        What was set aside, a line a file.

    Raises:
        VersionError: if a file is of another version of its format: that is no damage, and nothing is overwritten.
    """
    folder = order.run.trial(trial.id)
    if not folder.root.is_dir():
        return []
    _sweep(folder)
    warnings = _mend_state(folder)
    state, numbers = read_state(order.run, trial), folder.attempt_numbers()
    if numbers and not state.state.ended:
        _finish_landing(folder, trial, numbers[-1])
    return warnings + _mend_result(folder, trial) + _mend_lineage(order, trial)


def _sweep(folder: TrialFolder) -> None:
    """Remove temporary files, and what a crash left of a folder that was being replaced."""
    for entry in folder.root.iterdir():
        if entry.name.startswith(".") and entry.suffix in (".tmp", ".old"):
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink(missing_ok=True)


def _mend_state(folder: TrialFolder) -> list[str]:
    if not folder.state.exists():
        return []
    try:
        read_document(folder.state, "state", STATE_VERSION)
        TrialState.read(folder.state)
    except VersionError:
        raise
    except UNREADABLE as error:
        kept = set_aside(folder.state)
        return [f"{folder.state} is damaged ({_what(error)}); it was set aside as {kept.name}"]
    return []


def _finish_landing(folder: TrialFolder, trial: TrialSpec, number: int) -> None:
    attempt = folder.attempt(number)
    outcome = read_outcome(attempt)
    if outcome is None or outcome.state is not State.COMPLETE:
        return
    try:
        recover_circumstances(folder, number)
        land(trial, folder, attempt)
    except (JobError, OSError):
        # nothing whole was left to put into place; if its result stands already, only the state is missing
        if read_complete(folder, trial.definition_hash) is None:
            return
    TrialState(state=State.COMPLETE, attempt=number).write(folder.state)


def _mend_result(folder: TrialFolder, trial: TrialSpec) -> list[str]:
    """Set aside a result that does not hold, and each file of its manifest that does not: the trial is made again."""
    if not folder.result.exists():
        return []
    try:
        read_document(folder.result, "result", RESULT_VERSION)
        result = Result.read(folder.result)
    except VersionError:
        raise
    except UNREADABLE as error:
        kept = set_aside(folder.result)
        return [f"{folder.result} is damaged ({_what(error)}); it was set aside as {kept.name}, and the trial is run again"]
    if result.definition != trial.definition_hash:
        kept = set_aside(folder.result)
        return [f"{folder.result} is of another trial; it was set aside as {kept.name}, and the trial is run again"]
    lines = []
    for name, entry in result.manifest.items():
        path = folder.root / name
        if path.is_file() and verify_manifest(folder.root, {name: entry}):
            kept = set_aside(path)
            lines.append(f"{path} is damaged; it was set aside as {kept.name}, and the trial is run again")
    return lines + _mend_model(folder)


def _mend_lineage(order: RunOrder, trial: TrialSpec) -> list[str]:
    """Set aside a result that was made of another one than stands there now."""
    folder = order.run.trial(trial.id)
    if not trial.made_of or (result := read_complete(folder, trial.definition_hash)) is None:
        return []
    if not (source := came_apart(order.run, trial, result)):
        return []
    kept = set_aside(folder.result)
    return [f"{folder.result} was made of another result of {source}; it was set aside as {kept.name}, and is made again"]


def _mend_model(folder: TrialFolder) -> list[str]:
    """Set aside a kept model that does not hold, and the result with it: both are made again, the result to the same bytes."""
    if not folder.model.is_dir() or not (faults := kept_faults(folder.model)):
        return []
    kept = set_aside(folder.model)
    set_aside(folder.result)
    return [f"{folder.model} is damaged ({'; '.join(faults)}); it was set aside as {kept.name}, and made again"]


def _what(error: Exception) -> str:
    return error.what if isinstance(error, FormatError) else type(error).__name__
