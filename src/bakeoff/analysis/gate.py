"""The gate before test: the only place of the product that opens test outputs.

It opens when every trial of every plan has ended, and never before; each opening is recorded in `looks.jsonl` before
anything is read, so that no look goes uncounted. A look is a set of trials with their results: analysing the same set
again shows nothing new and is not a new look; a trial more, or another result of a trial, is one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from bakeoff.analysis.folder import TrialRecord, read_plans
from bakeoff.errors import RunError, UnfinishedError
from bakeoff.records.files import append_line, canonical_json, read_lines, sha256_bytes, sha256_file
from bakeoff.records.paths import RunFolder
from bakeoff.records.results import Outputs


def unfinished(trials: Iterable[TrialRecord]) -> list[str]:
    """Trials that have not ended.

    Args:
        trials: trials of a run.

    Returns:
        Their ids.
    """
    return [trial.spec.id for trial in trials if not trial.state.state.ended]


def open_test(run: RunFolder, trials: Mapping[str, TrialRecord]) -> dict[str, Outputs]:
    """Open the test outputs of every complete trial, and record it.

    Args:
        run: the run folder.
        trials: every trial of every plan of the run, by id.

    Returns:
        Test outputs by id of the complete trials.

    Raises:
        UnfinishedError: if a planned trial has not ended.
    """
    planned = {spec.id for plan in read_plans(run).values() for spec in plan.trials}
    waiting = sorted((planned - set(trials)) | set(unfinished(trials.values())))
    if waiting:
        raise UnfinishedError(
            f"test scores stay closed: {len(waiting)} of {len(planned)} trials have not ended (the first: {waiting[0]})",
            str(run.root),
            "finish them with `bakeoff run`, or give them up with `bakeoff cancel`; validation scores can be read meanwhile",
        )
    complete = [trial for trial in trials.values() if trial.result is not None]
    _record_look(run, complete)
    return {trial.spec.id: Outputs.read(trial.folder.test) for trial in complete}


def count_looks(run: RunFolder) -> int:
    """How many different sets of trials had their test scores opened.

    Args:
        run: the run folder.

    Returns:
        The number.
    """
    return len({str(record.get("set", "")) for record in read_lines(run.looks)})


def _record_look(run: RunFolder, trials: list[TrialRecord]) -> None:
    if not trials:
        return
    seen = {trial.spec.id: sha256_file(trial.folder.result) for trial in trials}
    identity = sha256_bytes(canonical_json(seen).encode())
    if any(record.get("set") == identity for record in read_lines(run.looks)):
        return
    record = {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "set": identity,
        "trials": sorted(seen),
        "recipes": sorted({trial.spec.recipe.name for trial in trials}),
    }
    try:
        append_line(run.looks, record)
    except OSError as error:
        raise RunError(
            f"the opening of test scores cannot be recorded, so they stay closed: {error.strerror}",
            str(run.looks),
            "make the run folder writable",
        ) from error
