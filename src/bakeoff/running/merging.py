"""Join run folders of one study that were filled on several machines."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from pydantic import Field

from bakeoff.errors import FormatError, RunError
from bakeoff.records.files import append_line, move_into_place, read_lines, sha256_file, write_bytes, write_document
from bakeoff.records.paths import RunFolder
from bakeoff.records.results import Circumstances, read_complete
from bakeoff.records.specs import Plan, Spec, TrialSpec
from bakeoff.running.lock import RunLock
from bakeoff.running.plan_run import read_state
from bakeoff.running.standing import read_phases, read_plan

MERGED_VERSION = 1


class Source(Spec):
    """A run that was joined.

    Attributes:
        run: name of its folder.
        trials: ids of the trials that were taken from it.
        machines: processors that they ran on.
    """

    run: str
    trials: list[str]
    machines: list[str] = Field(default_factory=list)


class Merged(Spec):
    """`merged.json`: where the trials of a joined run are from.

    Attributes:
        sources: the runs, in the order in which they were named.
        missing: ids of planned trials that none of them has ended.
    """

    sources: list[Source]
    missing: list[str]


def merge(runs: Sequence[RunFolder], target: RunFolder) -> Merged:
    """Join runs into a new folder. Nothing of theirs is changed.

    Args:
        runs: two or more runs of one study.
        target: a folder that does not exist yet, or is empty.

    Returns:
        Where each trial is from.

    Raises:
        RunError: if a run is of another study, plan or version of the data, if two results of one trial differ, or the target
            is taken.
        LockedError: if a runner is at work on one of them.
    """
    if len(runs) < 2 or len({run.root for run in runs}) < len(runs):
        raise RunError("a merge needs two runs or more, each once", "", "name the folders of all shards")
    if target.root.exists() and any(target.root.iterdir()):
        raise RunError("this folder is not empty", str(target.root), "name a new one with --into")
    plans = read_phases(runs[0])
    for run in runs[1:]:
        _see_that_it_belongs(runs[0], plans, run)
    trials = read_plan(runs[0]).trials
    with ExitStack() as locks:
        for run in runs:
            locks.enter_context(RunLock(run))
        owners = {trial.id: owner for trial in trials if (owner := _owner(trial, runs)) is not None}
        target.root.mkdir(parents=True, exist_ok=True)
        with RunLock(target):
            for trial_id, run in owners.items():
                _copy(run.trial(trial_id).root, target.trial(trial_id).root)
            _copy_looks(runs, target)
            write_bytes(target.study, runs[0].study.read_bytes())
            merged = Merged(
                sources=[_source(run, [one for one, owner in owners.items() if owner is run]) for run in runs],
                missing=[trial.id for trial in trials if trial.id not in owners],
            )
            write_document(target.merged, "merged", MERGED_VERSION, merged.model_dump())
            for plan in plans:  # last: with a plan it is a run
                plan.write(target.plan(plan.phase))
    return merged


def _see_that_it_belongs(first: RunFolder, plans: list[Plan], run: RunFolder) -> None:
    others = read_phases(run)
    if [plan.study for plan in plans[:1]] != [plan.study for plan in others[:1]]:
        raise RunError(f"it is a run of another study, {others[0].study}", str(run.root), f"runs of {plans[0].study} alone")
    here = {trial.id for plan in plans for trial in plan.trials}
    there = {trial.id for plan in others for trial in plan.trials}
    if here != there or [plan.phase for plan in plans] != [plan.phase for plan in others]:
        odd = sorted(here ^ there)
        what = f"{len(odd)} trials are not in both, the first: {odd[0]}" if odd else "their phases differ"
        raise RunError(
            f"its plan is not that of {first.root.name}: {what}",
            str(run.root),
            "shards of one study, profile, data and settings; `bakeoff shard` prints what `auto` means, so that all agree",
        )


def _owner(trial: TrialSpec, runs: Sequence[RunFolder]) -> RunFolder | None:
    """The run whose folder of a trial is taken: a complete one, else one that ended otherwise."""
    complete = [run for run in runs if read_complete(run.trial(trial.id), trial.definition_hash) is not None]
    if len({sha256_file(run.trial(trial.id).result) for run in complete}) > 1:
        names = " and ".join(run.root.name for run in complete)
        raise RunError(
            f"{names} have different results of one trial: they were not made by the same program on the same kind of machine",
            trial.id,
            "merge without one of them",
        )
    ended = [run for run in runs if read_state(run, trial).state.ended and not complete]
    return next(iter([*complete, *ended]), None)


def _copy(source: Path, target: Path) -> None:
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        shutil.copytree(source, temporary, symlinks=True)
        move_into_place(temporary, target)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _copy_looks(runs: Sequence[RunFolder], target: RunFolder) -> None:
    """A look at a shard's test scores stays a look."""
    records = {str(record.get("set")): record for run in runs for record in read_lines(run.looks)}
    for record in sorted(records.values(), key=lambda record: str(record.get("when"))):
        append_line(target.looks, record)


def _source(run: RunFolder, trials: list[str]) -> Source:
    machines = set()
    for trial in trials:
        try:
            cpu = Circumstances.read(run.trial(trial).circumstances).environment.get("cpu", {})
        except (FormatError, ValueError):
            continue
        machines.add(str(cpu.get("name", "")) if isinstance(cpu, dict) else str(cpu))
    return Source(run=run.root.name, trials=trials, machines=sorted(machines))
