"""Carry out a plan in a run folder: prepare, then the trials. The same call again goes on where it stopped."""

from __future__ import annotations

from collections import Counter, deque
from contextlib import suppress
from dataclasses import dataclass

from bakeoff.records.files import write_bytes
from bakeoff.records.paths import RunFolder
from bakeoff.records.results import Result, State
from bakeoff.running.disk import DiskGuard
from bakeoff.running.diskspace import disk_error
from bakeoff.running.events import Listener, RunBegan, nobody
from bakeoff.running.interrupts import Interrupted, Interrupts
from bakeoff.running.keeping import Keeper, drop_checkpoints
from bakeoff.running.lock import RunLock
from bakeoff.running.loop import Loop
from bakeoff.running.memory import OomKills, read_fitting
from bakeoff.running.mending import take_up
from bakeoff.running.monitoring import Sampler
from bakeoff.running.plan_run import RunOrder, Selection, read_state, select
from bakeoff.running.preparing import prepare_stores
from bakeoff.running.requests import cancels, forget_cancels
from bakeoff.running.stage import Stage, make_executor
from bakeoff.running.trials import Turn
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
        RunError: if the run folder cannot be used, its disk is full or nearly, or the order names what the plan does not have.
        VersionError: if a file of the run is of another version of its format.
    """
    try:
        return _run_study(order, listener)
    except OSError as error:
        known = disk_error(order.run.root, error)
        if known is None:
            raise
        raise known from error


def _run_study(order: RunOrder, listener: Listener) -> RunSummary:
    clock = Clock(order.limits.study)
    with RunLock(order.run), Interrupts() as interrupts:
        damaged = [(trial.id, text) for trial in order.plan.trials for text in take_up(order, trial)]
        write_bytes(order.run.study, order.study_yaml.encode())
        order.plan.write(order.run.plan(order.plan.phase))
        selection = select(order)
        listener(_began(order, selection))
        fitting = read_fitting(order.run, selection.complete)
        with make_executor(order, selection.todo, interrupts) as executor, Sampler(order.run.root) as sampler:
            stage = Stage(order, executor, Stop(interrupts, clock), listener, sampler, OomKills(), fitting)
            for trial_id, text in damaged:
                stage.warn("damaged", text, trial_id)
            with suppress(Interrupted):
                _work(stage, selection)
        return RunSummary(order.run, _states(order, selection), interrupts.signal, clock.seconds)


def _began(order: RunOrder, selection: Selection) -> RunBegan:
    return RunBegan(
        run=order.run.root,
        trials=len(order.plan.trials),
        complete=len(selection.complete),
        todo=selection.todo,
        passed_over=len(selection.passed_over),
        workers=order.workers,
    )


def _work(stage: Stage, selection: Selection) -> None:
    # a request from before this start is obeyed by whoever made it; cancelled trials are no longer among these
    forget_cancels(stage.order.run, cancels(stage.order.run))
    keeper = Keeper(stage.order)
    for trial in selection.complete:
        folder = stage.order.run.trial(trial.id)
        keeper.take(trial, trial.id, Result.read(folder.result))
        drop_checkpoints(folder)
    faults = prepare_stores(stage, selection.todo)
    total, queue = len(selection.todo), deque[Turn]()
    for number, trial in enumerate(selection.todo, 1):
        fault = faults.get(trial.id, "")
        queue.append(Turn(trial, trial.id, number, total, fault and f"its data could not be prepared: {fault}"))
    Loop(stage, queue, keeper, DiskGuard(stage)).run()


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
