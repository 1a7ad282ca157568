"""Runs: make one, go on with it, find it, see how it stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bakeoff.api.studies import PlannedStudy, plan, stored_study
from bakeoff.errors import RunError

if TYPE_CHECKING:
    from bakeoff.records.audits import Audit
    from bakeoff.records.data_cards import DataCard
    from bakeoff.records.paths import RunFolder
    from bakeoff.records.results import State
    from bakeoff.records.specs import Plan, TrialSpec
    from bakeoff.running.cleaning import Removed
    from bakeoff.running.events import Listener
    from bakeoff.running.packing import Room
    from bakeoff.running.plan_run import RunOrder
    from bakeoff.running.runner import RunSummary
    from bakeoff.running.standing import Standing


@dataclass(frozen=True)
class RunOptions:
    """How a study is run.

    Attributes:
        run_dir: the run folder; None means `runs/<name>-<profile>` beside the study.
        new: whether a new run folder is begun where one stands.
        executor: `local`, `inline` for debugging, or `ray` for a cluster.
        only: conditions on the trials that are begun, such as `recipe=bce,seed=42`.
        again_failed: whether trials that failed before are begun again.
        at_most: trials begun at most; None means all.
        workers: trials that run at a time; 0 means as many as the machine has room for, by what they were seen to take.
    """

    run_dir: Path | None = None
    new: bool = False
    executor: str = "local"
    only: tuple[str, ...] = ()
    again_failed: bool = False
    at_most: int | None = None
    workers: int = 1


def run(
    study: str | Path | PlannedStudy,
    *,
    profile: str | None = None,
    overrides: Sequence[str] = (),
    options: RunOptions | None = None,
    listener: Listener | None = None,
) -> RunSummary:
    """Run a study, or go on with it where an earlier run stopped.

    Args:
        study: path of a study file, the name of a built-in study, or what `plan` returned for one.
        profile: the profile laid over it.
        overrides: values laid over both, each `path.to.key=value`.
        options: how it is run.
        listener: told what happens, event by event.

    Returns:
        How every trial stands.

    Raises:
        BakeoffError: see `plan` and `bakeoff.running.runner.run_study`.
    """
    from bakeoff.records.environment import available_cores
    from bakeoff.records.paths import Home
    from bakeoff.running import warm
    from bakeoff.running.events import nobody
    from bakeoff.running.plan_run import RunOrder, limits_of
    from bakeoff.running.runner import run_study
    from bakeoff.study.timed import timed_recipes

    chosen = options or RunOptions()
    planned = study if isinstance(study, PlannedStudy) else plan(study, profile, overrides)
    folder = choose_folder(planned, chosen)
    order = RunOrder(
        run=folder,
        home=Home.default(),
        plan=planned.plan,
        study_yaml=planned.study.resolved_yaml(),
        materials=planned.materials,
        limits=limits_of(planned.study.limits),
        keep=planned.study.keep,
        lower_is_better=_lower_is_better(planned.plan),
        executor=chosen.executor,
        workers=chosen.workers or (1 if chosen.executor == "inline" else available_cores()),
        room=None if chosen.workers else _room(),
        alone=timed_recipes(planned.study),
        only=chosen.only,
        at_most=chosen.at_most,
        again_failed=chosen.again_failed,
        worker=warm.WORKER_COMMAND,
        audits=_audits(planned),
        cards=_cards(planned),
    )
    before = _ended(folder)
    if planned.study.phases:
        from bakeoff.steering.phases import Course, carry_out

        summary = carry_out(Course(planned.study, planned.facts, order, planned.stored), listener or nobody)
    else:
        summary = run_study(order, listener or nobody)
    if chosen.workers == 1:  # trials that share the machine say little of what one costs
        _learn_costs(order, _ended(folder) - before)
    return summary


def _room() -> Room:
    """What this machine has for trials, now."""
    from bakeoff.preflight.gpus import read_gpus
    from bakeoff.preflight.machine import memory
    from bakeoff.records.environment import available_cores
    from bakeoff.running.packing import Room
    from bakeoff.running.ranks import visible_devices

    free = [gpu.free for gpu in read_gpus().found]
    return Room(available_cores(), memory()[1], dict(zip(visible_devices(), free, strict=False)))


def _ended(run_: RunFolder) -> set[str]:
    """Ids of the trials of a run that have ended; none before it began."""
    from bakeoff.running.plan_run import read_state
    from bakeoff.running.standing import is_run, read_plan

    if not is_run(run_.root):
        return set()
    return {trial.id for trial in read_plan(run_).trials if read_state(run_, trial).state.ended}


def _learn_costs(order: RunOrder, ended: set[str]) -> None:
    """Let later forecasts know what trials took that ended now."""
    from bakeoff.preflight.learning import learn_from_run
    from bakeoff.running.standing import read_plan

    trials = [trial for trial in read_plan(order.run).trials if trial.id in ended] if ended else []
    if trials:
        learn_from_run(order.home, order.run, trials, order.materials)


def _lower_is_better(plan_: Plan) -> frozenset[str]:
    from bakeoff.catalog import registry

    names = {trial.task.metric.partition("@")[0] for trial in plan_.trials}
    return frozenset(name for name in names if not registry.metric(name).higher_is_better)


def retry(
    run_: str | Path | None = None,
    trial: str = "",
    *,
    options: RunOptions | None = None,
    listener: Listener | None = None,
) -> RunSummary:
    """Run trials of a run again that ended otherwise than complete.

    Args:
        run_: as for `find_run`.
        trial: a trial's id, or a part of it that no other has; empty means all that failed or were cancelled.
        options: how they are run; where, and which, is settled here.
        listener: told what happens, event by event.

    Returns:
        How every trial stands.

    Raises:
        RunError: if there is nothing to run again, or no such trial.
    """
    from bakeoff.records.results import State
    from bakeoff.running.plan_run import find_trial, read_state

    folder = find_run(run_)
    planned = stored_study(folder)
    states = {one.id: read_state(folder, one).state for one in planned.plan.trials}
    ended = [one for one in planned.plan.trials if states[one.id].ended and states[one.id] is not State.COMPLETE]
    wanted = [find_trial(planned.plan.trials, trial)] if trial else ended
    if not wanted:
        raise RunError("no trial of this run has failed or was cancelled", str(folder.root), "`bakeoff status` shows them all")
    chosen = replace(
        options or RunOptions(), run_dir=folder.root, only=tuple(f"id={one.id}" for one in wanted), again_failed=True
    )
    return run(planned, options=chosen, listener=listener)


def cancel(run_: str | Path | None = None, trial: str = "") -> list[tuple[TrialSpec, State]]:
    """Cancel trials; a runner at work ends them first. A cancelled trial stays so until `retry`.

    Args:
        run_: as for `find_run`.
        trial: a trial's id, or a part of it that no other has; empty means all that have not ended, and the runner itself.

    Returns:
        How each of them stands.
    """
    from bakeoff.running import cancelling
    from bakeoff.running.plan_run import find_trial
    from bakeoff.running.standing import read_plan

    folder = find_run(run_)
    trials = read_plan(folder).trials
    wanted = [find_trial(trials, trial)] if trial else trials
    return list(zip(wanted, cancelling.cancel(folder, wanted, everything=not trial), strict=True))


def clean(run_: str | Path | None = None, *, dry_run: bool = False) -> list[Removed]:
    """Remove what a run needs no more: checkpoints of trials that ended, earlier attempts, what was set aside as damaged.

    Args:
        run_: as for `find_run`.
        dry_run: whether only to say what would go.

    Returns:
        What was removed, with its size.
    """
    from bakeoff.running import cleaning
    from bakeoff.running.standing import read_plan

    folder = find_run(run_)
    return cleaning.clean(folder, read_plan(folder).trials, dry_run)


def choose_folder(planned: PlannedStudy, options: RunOptions) -> RunFolder:
    """The run folder of a study.

    Args:
        planned: the study.
        options: how it is run.

    Returns:
        The folder, which may not exist yet.

    Raises:
        RunError: if a folder was named that holds something else.
    """
    from bakeoff.records.paths import RunFolder, run_folder

    if options.run_dir is not None:
        named = RunFolder(options.run_dir.absolute())
        if named.root.is_dir() and any(named.root.iterdir()) and not named.plans.is_dir() and not named.lock.exists():
            raise RunError("this folder is not empty, and no run", str(named.root), "name a new folder, or none")
        return named
    number, plan_ = 1, planned.plan
    while options.new and run_folder(planned.beside, plan_.study, plan_.profile, number).root.exists():
        number += 1
    return run_folder(planned.beside, plan_.study, plan_.profile, number)


def _audits(planned: PlannedStudy) -> dict[str, Audit]:
    """What is known to be wrong with the data that tasks of any phase may have, by fingerprint."""
    from bakeoff.data.audit.auditing import ready_audit
    from bakeoff.data.dataset import open_dataset
    from bakeoff.records.paths import Home

    found = {
        fingerprint: ready_audit(Home.default(), open_dataset(folder))
        for fingerprint, folder in planned.materials.datasets.items()
    }
    return {fingerprint: audit for fingerprint, audit in found.items() if audit is not None}


def _cards(planned: PlannedStudy) -> dict[str, DataCard]:
    """What these data are, by fingerprint."""
    from bakeoff.data.dataset import open_dataset
    from bakeoff.records.data_cards import DataCard

    folders = planned.materials.datasets
    return {fingerprint: DataCard.of(open_dataset(folder).card) for fingerprint, folder in folders.items()}


def run_command(planned: PlannedStudy, overrides: Sequence[str], folder: RunFolder) -> tuple[str, ...]:
    """The command that goes on with a run.

    Args:
        planned: the study.
        overrides: the `--set` arguments.
        folder: its run folder.

    Returns:
        The command's words.
    """
    from bakeoff.records.paths import run_folder

    words = ["bakeoff", "run", planned.argument]
    if planned.plan.profile:
        words += ["--profile", planned.plan.profile]
    for override in overrides:
        words += ["--set", override]
    if folder != run_folder(planned.beside, planned.plan.study, planned.plan.profile):
        words += ["--run-dir", str(folder.root)]
    return tuple(words)


def runs(beside: Path | None = None) -> list[RunFolder]:
    """The runs near a folder, the one that was begun or continued last first.

    Args:
        beside: the folder; None means the current one.

    Returns:
        Runs in its `runs/`, in those of the folders in it, and directly in it; the folder itself if it is a run.
    """
    from bakeoff.records.paths import runs_folder
    from bakeoff.running.standing import is_run, known_runs

    here = (beside or Path.cwd()).absolute()
    folders = [runs_folder(here), here, *(runs_folder(entry) for entry in sorted(here.iterdir()) if entry.is_dir())]
    itself = [here.parent] if is_run(here) else []
    found = known_runs([*folders, *itself])
    return [run for run in found if run.root == here] if itself else found


def find_run(argument: str | Path | None = None) -> RunFolder:
    """The run that a command's argument means.

    Args:
        argument: path of a run folder, or the name of one in `runs/`; None means the newest.

    Returns:
        The run folder.

    Raises:
        RunError: if there is none.
    """
    from bakeoff.records.paths import RunFolder
    from bakeoff.running.standing import is_run

    near = runs()
    if argument is None:
        if not near:
            raise RunError("there is no run here", str(Path.cwd()), "begin one with `bakeoff run STUDY`, or name its folder")
        return near[0]
    named = [run for run in near if run.root.name == str(argument)]
    if is_run(Path(argument)):
        return RunFolder(Path(argument).absolute())
    if named:
        return named[0]
    known = ", ".join(run.root.name for run in near[:5])
    raise RunError(
        "this is no run folder", str(argument), f"runs near here: {known}" if near else "begin one with `bakeoff run`"
    )


def status(run: str | Path | None = None) -> Standing:
    """How a run stands.

    Args:
        run: as for `find_run`.

    Returns:
        The standing.
    """
    from bakeoff.running.standing import read_standing

    return read_standing(find_run(run))
