"""What a run is asked to do, and which trials of the plan that means now."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bakeoff.errors import FormatError, RunError
from bakeoff.records.audits import Audit
from bakeoff.records.data_cards import DataCard
from bakeoff.records.paths import Home, RunFolder
from bakeoff.records.results import State, TrialState, read_complete
from bakeoff.records.specs import Plan, TrialSpec
from bakeoff.running.guiding import Guide
from bakeoff.running.packing import Room
from bakeoff.running.warm import WORKER_COMMAND
from bakeoff.running.watching import Limits
from bakeoff.study.shape import Limits as StudyLimits

ONLY_KEYS = ("recipe", "task", "seed", "id")


@dataclass(frozen=True)
class Materials:
    """Where on this machine the things lie that the plan names by content.

    Attributes:
        datasets: folder by the dataset's fingerprint.
        models: folder by the model's fingerprint.
    """

    datasets: dict[str, Path]
    models: dict[str, Path]


@dataclass(frozen=True)
class RunOrder:
    """All that `run_study` needs.

    Attributes:
        run: the run folder.
        home: where token stores are shared.
        plan: the trials.
        study_yaml: the resolved study, kept in the run folder.
        materials: where datasets and models lie.
        limits: time limits.
        keep: which models stay after completion: none, best, winner or all.
        lower_is_better: metrics of which the lower score is the better one, by bare name.
        executor: local, inline or ray.
        workers: trials that run at a time, at most.
        room: what the machine has, where trials are packed by what they take; None where `workers` run whatever they take.
        alone: recipes beside whose trials none may run, because their speed is measured.
        only: conditions on the trials that are begun, such as `recipe=bce,seed=42`.
        at_most: trials begun at most; None means all.
        again_failed: whether trials that failed before are begun again.
        stub: for trying runners: what jobs do in place of training, by recipe name, or by an empty name for all others.
        worker: how the worker is started.
        guide: what decides, as the run goes on, which trials follow and which stop early; None where the plan says all.
        audits: what is known to be wrong with data, by their fingerprint; the run folder keeps those of its tasks.
        cards: what the data are, likewise.
    """

    run: RunFolder
    home: Home
    plan: Plan
    study_yaml: str
    materials: Materials
    limits: Limits
    keep: str = "best"
    lower_is_better: frozenset[str] = frozenset()
    executor: str = "local"
    workers: int = 1
    room: Room | None = None
    alone: frozenset[str] = frozenset()
    only: tuple[str, ...] = ()
    at_most: int | None = None
    again_failed: bool = False
    stub: Mapping[str, Mapping[str, Any]] | None = None
    worker: tuple[str, ...] = WORKER_COMMAND
    guide: Guide | None = None
    audits: Mapping[str, Audit] = field(default_factory=dict)
    cards: Mapping[str, DataCard] = field(default_factory=dict)


def limits_of(limits: StudyLimits) -> Limits:
    """The limits that a study declares, as the runner takes them.

    Args:
        limits: those of the study.

    Returns:
        The same in seconds and bytes.
    """
    return Limits(
        trial=limits.trial,
        stall=limits.stall,
        study=limits.study,
        disk_reserve=limits.disk_reserve,
        dead=limits.dead,
        checkpoint=limits.checkpoint,
        checkpoint_steps=limits.checkpoint_steps,
        collective=limits.collective,
        retries=limits.retries,
    )


def again(run: RunFolder, trial_id: str) -> str:
    """The command that runs just one trial again.

    Args:
        run: the run folder.
        trial_id: which.

    Returns:
        A line for a shell.
    """
    return shlex.join(["bakeoff", "retry", str(run.root), trial_id])


@dataclass
class Selection:
    """The trials of a plan, by what is to happen with them now.

    Attributes:
        complete: results stand and verify.
        todo: are begun now, in the plan's order.
        passed_over: failed before, and are not begun again unless asked for.
        later: neither, because the user chose others.
    """

    complete: list[TrialSpec] = field(default_factory=list)
    todo: list[TrialSpec] = field(default_factory=list)
    passed_over: list[TrialSpec] = field(default_factory=list)
    later: list[TrialSpec] = field(default_factory=list)


def read_state(run: RunFolder, trial: TrialSpec) -> TrialState:
    """How a trial stands by its own record.

    Args:
        run: the run folder.
        trial: which.

    Returns:
        Its state; pending if the record is missing or torn.
    """
    try:
        return TrialState.read(run.trial(trial.id).state)
    except (FormatError, ValueError, KeyError, TypeError):
        return TrialState(state=State.PENDING)


def find_trial(trials: list[TrialSpec], part: str) -> TrialSpec:
    """The trial that a part of its id means.

    Args:
        trials: where to look.
        part: an id, or a part of it.

    Returns:
        The trial.

    Raises:
        RunError: if none has it in its id, or several have and none is it.
    """
    exact = [trial for trial in trials if trial.id == part]
    found = exact or [trial for trial in trials if part in trial.id]
    if len(found) == 1:
        return found[0]
    problem = "no trial has this in its id" if not found else f"{len(found)} trials have this in their id"
    raise RunError(problem, part, f"trials: {', '.join(trial.id for trial in (found or trials)[:8])}")


def select(order: RunOrder) -> Selection:
    """Sort the plan's trials by what is to happen with them.

    Args:
        order: the order.

    Returns:
        Every trial of the plan in one of four lists.
    """
    wanted = wanted_trials(order.plan, order.only)
    selection = Selection()
    for trial in order.plan.trials:
        if read_complete(order.run.trial(trial.id), trial.definition_hash) is not None:
            selection.complete.append(trial)
        elif trial.id not in wanted or (order.at_most is not None and len(selection.todo) >= order.at_most):
            selection.later.append(trial)
        elif _failed_before(order.run, trial) and not order.again_failed:
            selection.passed_over.append(trial)
        else:
            selection.todo.append(trial)
    _leave_for_later(selection)
    return selection


def _leave_for_later(selection: Selection) -> None:
    """A trial made of others is not begun where these are neither there nor begun now; of failed ones it fails itself."""
    there = {trial.id for trial in (*selection.complete, *selection.passed_over)}
    for trial in list(selection.todo):
        begun = {one.id for one in selection.todo}
        if not set(trial.made_of) <= there | begun:
            selection.todo.remove(trial)
            selection.later.append(trial)


def _failed_before(run: RunFolder, trial: TrialSpec) -> bool:
    state = read_state(run, trial).state
    # one that says complete and does not verify has been torn since, and is made again
    return state.ended and state is not State.COMPLETE


def wanted_trials(plan: Plan, only: tuple[str, ...]) -> set[str]:
    """Ids of the trials that conditions choose.

    Args:
        plan: the plan.
        only: conditions, each `key=value` or several joined by commas; keys are recipe, task, seed and id, or the ten digits
            in which it ends. Values of one key are alternatives; different keys must all hold.

    Returns:
        Ids; those of all trials without a condition.

    Raises:
        RunError: if a condition cannot be read, or names what the plan does not have.
    """
    values: dict[str, set[str]] = {}
    for part in (part for text in only for part in text.split(",")):
        key, equals, value = part.strip().partition("=")
        if not equals or key not in ONLY_KEYS:
            raise RunError(f"{part!r} is no condition", f"--only {part}", f"write key=value; keys: {', '.join(ONLY_KEYS)}")
        values.setdefault(key, set()).add(value)
    facts = {trial.id: _facts(trial) for trial in plan.trials}
    values["id"] = {_whole_id(part, facts) for part in values["id"]} if "id" in values else set()
    values = {key: allowed for key, allowed in values.items() if allowed}
    for key, allowed in values.items():
        known = {fact[key] for fact in facts.values()}
        if unknown := sorted(allowed - known):
            remedy = f"known: {', '.join(sorted(known))}"
            raise RunError(f"no trial of the plan has the {key} {unknown[0]!r}", f"--only {key}={unknown[0]}", remedy)
    return {trial for trial, fact in facts.items() if all(fact[key] in allowed for key, allowed in values.items())}


def _whole_id(part: str, known: Iterable[str]) -> str:
    """The id that ends in some digits, where there is just one; else what was written."""
    ending = [trial for trial in known if trial.endswith(f"-{part}")]
    return ending[0] if len(ending) == 1 else part


def _facts(trial: TrialSpec) -> dict[str, str]:
    return {"recipe": trial.recipe.name, "task": trial.task.name, "seed": str(trial.seed), "id": trial.id}
