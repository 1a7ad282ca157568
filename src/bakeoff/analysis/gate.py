"""The gate before test: the only place of the product that opens test outputs.

It opens when the last phase is planned and every trial of every plan has ended, and never before: what a phase chooses, it
chooses without test. Of a study in phases only the trials that are to be tested are opened, not those that choices were made
from. Each opening is recorded in `looks.jsonl` before anything is read, so that no look goes uncounted. A look is a set of
trials with their results: analysing the same set again shows nothing new and is not a new look; a trial more, or another
result of a trial, is one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bakeoff.analysis.folder import TrialRecord, chosen_phase, read_plans
from bakeoff.errors import RunError, UnfinishedError
from bakeoff.records.files import append_line, canonical_json, read_lines, sha256_bytes, sha256_file
from bakeoff.records.paths import RunFolder
from bakeoff.records.results import Outputs
from bakeoff.records.specs import Plan


def unfinished(trials: Iterable[TrialRecord]) -> list[str]:
    """Trials that have not ended.

    Args:
        trials: trials of a run.

    Returns:
        Their ids.
    """
    return [trial.spec.id for trial in trials if not trial.state.state.ended]


def can_open(plans: Mapping[str, Plan], trials: Iterable[TrialRecord]) -> bool:
    """Whether the gate would open.

    Args:
        plans: every plan of a run, by phase.
        trials: every trial of those.

    Returns:
        True if the last phase is planned, and all trials have ended.
    """
    return any(plan.last for plan in plans.values()) and not unfinished(trials)


@dataclass(frozen=True)
class Opened:
    """How test was opened so far.

    Attributes:
        sets: how many different sets of trials had their test scores opened.
        declared_later: whether the looks that the study declares now were not what it declared when test was first opened.
    """

    sets: int
    declared_later: bool = False


def open_test(
    run: RunFolder, trials: Mapping[str, TrialRecord], declared: Mapping[str, Any] | None = None
) -> dict[str, Outputs]:
    """Open the test outputs of every complete trial of the plans that are to be tested, and record it.

    Args:
        run: the run folder.
        trials: every trial of every plan of the run, by id.
        declared: the looks that the study declares, as it writes them.

    Returns:
        Test outputs by id of the complete trials.

    Raises:
        UnfinishedError: if a planned trial has not ended, or a phase is still to come.
    """
    plans = read_plans(run)
    if not any(plan.last for plan in plans.values()):
        raise UnfinishedError(
            f"test scores stay closed: the phase {chosen_phase(plans)} is not the last one, and choices see validation alone",
            str(run.root),
            "`bakeoff run` goes on with the phases that follow; `decisions/` says where a gate has stopped the study",
        )
    planned = {spec.id for plan in plans.values() for spec in plan.trials}
    waiting = sorted((planned - set(trials)) | set(unfinished(trials.values())))
    if waiting:
        raise UnfinishedError(
            f"test scores stay closed: {len(waiting)} of {len(planned)} trials have not ended (the first: {waiting[0]})",
            str(run.root),
            "finish them with `bakeoff run`, or give them up with `bakeoff cancel`; validation scores can be read meanwhile",
        )
    tested = {spec.id for plan in plans.values() if plan.tested for spec in plan.trials}
    complete = [trial for trial in trials.values() if trial.result is not None and trial.spec.id in tested]
    _record_look(run, complete, declared)
    return {trial.spec.id: Outputs.read(trial.folder.test) for trial in complete}


def read_looks(run: RunFolder, declared: Mapping[str, Any] | None = None) -> Opened:
    """How test was opened so far.

    Args:
        run: the run folder.
        declared: the looks that the study declares now, as it writes them.

    Returns:
        What is on record.
    """
    records = list(read_lines(run.looks))
    later = bool(records) and declared is not None and records[0].get("declared") != declared
    return Opened(len({str(record.get("set", "")) for record in records}), later)


def _record_look(run: RunFolder, trials: list[TrialRecord], declared: Mapping[str, Any] | None) -> None:
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
        **({} if declared is None else {"declared": dict(declared)}),
    }
    try:
        append_line(run.looks, record)
    except OSError as error:
        raise RunError(
            f"the opening of test scores cannot be recorded, so they stay closed: {error.strerror}",
            str(run.looks),
            "make the run folder writable",
        ) from error
