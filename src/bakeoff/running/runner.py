"""Carry out a plan in a run folder: prepare, then trial by trial. The same call again goes on where it stopped."""

from __future__ import annotations

import shutil
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass

from bakeoff.errors import RunError
from bakeoff.records.files import write_bytes, write_document
from bakeoff.records.paths import RunFolder
from bakeoff.records.results import State, read_complete
from bakeoff.records.specs import TRIAL_VERSION, TrialSpec
from bakeoff.running.events import Listener, RunBegan, nobody
from bakeoff.running.interrupts import Interrupted, Interrupts
from bakeoff.running.keeping import drop_models, validation_score
from bakeoff.running.lock import RunLock
from bakeoff.running.plan_run import RunOrder, Selection, read_state, select
from bakeoff.running.preparing import places, prepare_tokens
from bakeoff.running.stage import Stage, make_executor
from bakeoff.running.trials import Turn, run_trial, take_up
from bakeoff.running.watching import Clock, Stop

FAILED_EXIT = 4


@dataclass(frozen=True)
class RunSummary:
    """How a run stands when the runner is done with it.

    Attributes:
        run: the run folder.
        states: state of each trial of the plan by id.
        signal: number of the signal that stopped the runner; 0 if none did.
        seconds: how long it ran.
    """

    run: RunFolder
    states: dict[str, State]
    signal: int
    seconds: float

    @property
    def counts(self) -> dict[State, int]:
        """Number of trials in each state that occurs."""
        return dict(Counter(self.states.values()))

    @property
    def finished(self) -> bool:
        """Whether every trial of the plan has ended."""
        return all(state.ended for state in self.states.values())

    @property
    def exit_code(self) -> int:
        """0; 4 if trials ended otherwise than complete; 128 and the signal's number if one stopped the runner."""
        if self.signal:
            return 128 + self.signal
        failed = any(state.ended and state is not State.COMPLETE for state in self.states.values())
        return FAILED_EXIT if failed else 0


def run_study(order: RunOrder, listener: Listener = nobody) -> RunSummary:
    """Make or continue a run.

    Trials whose result stands and verifies are not run again, whatever plan they came from: a trial's id is the hash of
    all that defines it. Trials that failed are left alone unless `again_failed`. A failing trial harms no other.

    Args:
        order: what is asked for.
        listener: told what happens.

    Returns:
        How every trial of the plan stands.

    Raises:
        LockedError: if another runner holds the run folder.
        JobError: if no job can be started at all.
        RunError: if the run folder cannot be used, its disk is nearly full, or the order names what the plan does not have.
    """
    clock = Clock(order.limits.study)
    with RunLock(order.run), Interrupts() as interrupts:
        write_bytes(order.run.study, order.study_yaml.encode())
        order.plan.write(order.run.plan(order.plan.phase))
        for trial in order.plan.trials:
            take_up(order, trial)
        selection = select(order)
        listener(_began(order, selection))
        with make_executor(order, selection.todo, interrupts) as executor, suppress(Interrupted):
            _run(Stage(order, executor, Stop(interrupts, clock), listener), selection)
        return RunSummary(order.run, _states(order, selection), interrupts.signal, clock.seconds)


def _began(order: RunOrder, selection: Selection) -> RunBegan:
    return RunBegan(
        run=order.run.root,
        trials=len(order.plan.trials),
        complete=len(selection.complete),
        todo=selection.todo,
        passed_over=len(selection.passed_over),
    )


def _run(stage: Stage, selection: Selection) -> None:
    faults = prepare_tokens(stage, selection.todo)
    scores = _known_scores(stage.order, selection.complete)
    for number, trial in enumerate(selection.todo, 1):
        if stage.stop.cause:
            raise Interrupted
        check_disk(stage.order)
        folder = stage.order.run.trial(trial.id)
        write_document(folder.trial, "trial", TRIAL_VERSION, {"id": trial.id, **trial.model_dump()})
        store = places(stage.order, trial).tokens
        fault = faults.get(store, "") if store else ""
        fault = fault and f"its data could not be prepared: {fault}"
        score = run_trial(stage, Turn(trial, number, len(selection.todo), fault))
        if score is not None:
            scores[trial.id] = score
            drop_models(stage.order, scores)


def check_disk(order: RunOrder) -> None:
    """See that a trial can begin without filling the disk.

    Args:
        order: the run.

    Raises:
        RunError: if less is free than the study keeps in reserve.
    """
    free = shutil.disk_usage(order.run.root).free
    if free < order.limits.disk_reserve:
        raise RunError(
            f"only {free / 1e9:.1f} GB are free, and the study keeps {order.limits.disk_reserve / 1e9:.1f} GB in reserve",
            str(order.run.root),
            "free some space and run the same command again, or lower limits.disk_reserve",
        )


def _known_scores(order: RunOrder, complete: list[TrialSpec]) -> dict[str, float]:
    scores = {}
    for trial in complete:
        result = read_complete(order.run.trial(trial.id), trial.definition_hash)
        score = validation_score(trial, result) if result else None
        if score is not None:
            scores[trial.id] = score
    return scores


def _states(order: RunOrder, selection: Selection) -> dict[str, State]:
    complete = {trial.id for trial in selection.complete}
    begun = {trial.id for trial in selection.todo}
    states = {}
    for trial in order.plan.trials:
        state = State.COMPLETE if trial.id in complete else read_state(order.run, trial).state
        # a record that says complete of a trial that does not verify, and was not begun now, is out of date
        torn = state is State.COMPLETE and trial.id not in complete | begun
        states[trial.id] = State.PENDING if torn else state
    return states
