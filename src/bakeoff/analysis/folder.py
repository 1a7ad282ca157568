"""Read a run folder: its plans, how each trial stands, and which files an analysis is made from."""

from __future__ import annotations

from dataclasses import dataclass

import bakeoff
from bakeoff.errors import FormatError, RunError
from bakeoff.records.environment import source_hash
from bakeoff.records.files import sha256_file
from bakeoff.records.paths import RunFolder, TrialFolder
from bakeoff.records.results import Result, State, TrialState, read_complete
from bakeoff.records.specs import Plan, TrialSpec


@dataclass(frozen=True)
class TrialRecord:
    """A planned trial and what its folder holds.

    Attributes:
        spec: what was asked for.
        folder: where it is.
        state: how it stands; `complete` if and only if there is a result.
        result: its verified result, or None.
    """

    spec: TrialSpec
    folder: TrialFolder
    state: TrialState
    result: Result | None


def read_plans(run: RunFolder) -> dict[str, Plan]:
    """Every plan of a run.

    Args:
        run: the run folder.

    Returns:
        Plans by phase, in the order of the phases.

    Raises:
        RunError: if there is none.
    """
    paths = sorted(run.plans.glob("*.json")) if run.plans.is_dir() else []
    if not paths:
        raise RunError("this folder holds no plan: it is not a run, or it never began", str(run.root), "bakeoff runs")
    return {plan.phase: plan for plan in sorted(map(Plan.read, paths), key=lambda plan: plan.place)}


def chosen_phase(plans: dict[str, Plan]) -> str:
    """The phase that an analysis is about.

    Args:
        plans: plans by phase.

    Returns:
        The last that is planned.
    """
    return max(plans, key=lambda phase: plans[phase].place)


def read_trial(run: RunFolder, spec: TrialSpec) -> TrialRecord:
    """How one trial stands. The result decides, not what the state file says.

    Args:
        run: the run folder.
        spec: the trial.

    Returns:
        Its record.
    """
    folder = run.trial(spec.id)
    result = read_complete(folder, spec.definition_hash)
    state = _stored_state(folder)
    if result is not None and state.state is not State.COMPLETE:
        # a crash between the result and the state: the result verifies, so the trial is complete
        state = TrialState(state=State.COMPLETE, attempt=state.attempt, log=state.log)
    if result is None and state.state is State.COMPLETE:
        state = state.model_copy(
            update={"state": State.PENDING, "reason": "its result is missing, torn or changed; it runs again"}
        )
    return TrialRecord(spec, folder, state, result)


def _stored_state(folder: TrialFolder) -> TrialState:
    if not folder.state.exists():
        return TrialState(state=State.PENDING)
    try:
        return TrialState.read(folder.state)
    except (FormatError, ValueError):
        return TrialState(state=State.PENDING, reason="its state file is torn; the next run makes it again")


def read_trials(run: RunFolder, plans: dict[str, Plan]) -> dict[str, TrialRecord]:
    """How every trial of every plan stands.

    Args:
        run: the run folder.
        plans: its plans.

    Returns:
        Records by trial id, in the order of the plans.
    """
    specs = {spec.id: spec for plan in plans.values() for spec in plan.trials}
    return {trial_id: read_trial(run, spec) for trial_id, spec in specs.items()}


def read_inputs(run: RunFolder) -> dict[str, str]:
    """Hash every file that decides what an analysis says; outputs are covered by the results' manifests.

    Args:
        run: the run folder.

    Returns:
        Hash by path in the run folder; a file that does not exist is left out. `bakeoff` is the program: its
        version and the beginning of the hash of its code.
    """
    plans = read_plans(run)
    paths = [
        run.study,
        run.drift,
        *(run.plan(phase) for phase in plans),
        *(run.decision(phase) for phase in plans),
        *(run.proposals(phase) for phase in plans),
    ]
    tasks = dict.fromkeys(spec.task.name for plan in plans.values() for spec in plan.trials)
    paths += [place(task) for task in tasks for place in (run.audit, run.card)]
    for spec in (spec for plan in plans.values() for spec in plan.trials):
        folder = run.trial(spec.id)
        paths += [folder.result, folder.state, folder.circumstances]
    found = {str(path.relative_to(run.root)): sha256_file(path) for path in paths if path.is_file()}
    return {"bakeoff": f"{bakeoff.__version__}+{source_hash()[:12]}", **dict(sorted(found.items()))}
