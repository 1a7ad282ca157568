"""Carry out a plan in a run folder: prepare, then the trials. The same call again goes on where it stopped."""

from __future__ import annotations

from collections import Counter, deque
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from types import TracebackType

from bakeoff.records.files import write_bytes
from bakeoff.records.paths import RunFolder
from bakeoff.records.results import Result, State
from bakeoff.records.specs import TrialSpec, preloaded
from bakeoff.running.disk import DiskGuard
from bakeoff.running.diskspace import disk_error
from bakeoff.running.events import Listener, RunBegan, nobody
from bakeoff.running.executors import Executor
from bakeoff.running.interrupts import Interrupted, Interrupts
from bakeoff.running.keeping import Keeper, drop_checkpoints
from bakeoff.running.lock import RunLock
from bakeoff.running.loop import Loop
from bakeoff.running.memory import OomKills, read_fitting
from bakeoff.running.mending import take_up
from bakeoff.running.monitoring import Sampler
from bakeoff.running.packing import read_measured
from bakeoff.running.plan_run import RunOrder, Selection, read_state, select, wanted_trials
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
        # one that a sweep stopped early did what it was to do
        failed = any(state.ended and state not in (State.COMPLETE, State.PRUNED) for state in self.states.values())
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
    wanted_trials(order.plan, order.only)  # a word mistyped must not leave a run that holds nothing, and is the newest
    with Session(order.run, order.limits.study) as session:
        return session.carry_out(order, listener)


class Session:
    """A run folder that is ours while the context lasts, for one plan or several, one after another.

    Its lock is held and signals are caught all the time, one clock counts, and the processes that are kept warm stay so.

    Args:
        run: the run folder.
        limit: seconds that all of it may take; None means no limit.

    Raises:
        LockedError: if another runner holds the run folder.
        RunError: if the run folder cannot be used.
    """

    def __init__(self, run: RunFolder, limit: float | None = None) -> None:
        self._run = run
        self._clock = Clock(limit)
        self._interrupts = Interrupts()
        self._open = ExitStack()
        self._warm: tuple[set[str], Executor] | None = None

    def __enter__(self) -> Session:
        with ExitStack() as opening:
            opening.enter_context(RunLock(self._run))
            opening.enter_context(self._interrupts)
            self._open = opening.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._open.callback(self._cool)
        self._open.__exit__(kind, error, traceback)

    @property
    def stopped(self) -> bool:
        """Whether the runner is to begin nothing more."""
        return Stop(self._interrupts, self._clock).cause is not None

    def carry_out(self, order: RunOrder, listener: Listener = nobody) -> RunSummary:
        """Carry out a plan.

        Args:
            order: what is asked for, in this session's run folder.
            listener: told what happens.

        Returns:
            How every trial of the plan stands.

        Raises:
            JobError: if no job can be started at all.
            RunError: if the run folder cannot be used, its disk is full or nearly, or the order names what the plan does not
                have.
            VersionError: if a file of the run is of another version of its format.
        """
        try:
            return self._carry_out(order, listener)
        except OSError as error:
            known = disk_error(order.run.root, error)
            if known is None:
                raise
            raise known from error

    def _carry_out(self, order: RunOrder, listener: Listener) -> RunSummary:
        damaged = [(trial.id, text) for trial in order.plan.trials for text in take_up(order, trial)]
        write_bytes(order.run.study, order.study_yaml.encode())
        order.plan.write(order.run.plan(order.plan.phase))
        _keep_data_facts(order)
        selection = select(order)
        listener(_began(order, selection))
        fitting = read_fitting(order.run, selection.complete)
        alike = order.guide.alike if order.guide is not None else []
        executor = self._executor(order, [*(selection.todo or order.plan.trials), *alike])
        with Sampler(order.run.root) as sampler:
            stop = Stop(self._interrupts, self._clock)
            stage = Stage(
                order, executor, stop, listener, sampler, OomKills(), fitting, read_measured(order.run, selection.complete)
            )
            for trial_id, text in damaged:
                stage.warn("damaged", text, trial_id)
            added: list[TrialSpec] = []
            with suppress(Interrupted):
                _work(stage, selection, added)
        return RunSummary(order.run, _states(order, selection, added), self._interrupts.signal, self._clock.seconds)

    def _executor(self, order: RunOrder, trials: list[TrialSpec]) -> Executor:
        """The executor: that of the plan before, where it has imported all that these trials need."""
        needed = set(preloaded(trials))
        if self._warm is not None and needed <= self._warm[0]:
            return self._warm[1]
        self._cool()
        self._warm = (needed, make_executor(order, trials, self._interrupts))
        return self._warm[1]

    def _cool(self) -> None:
        if self._warm is not None:
            self._warm[1].close()
        self._warm = None


def _keep_data_facts(order: RunOrder) -> None:
    """Keep what is known of the data of the plan's tasks beside their trials: a report is made of the folder alone."""
    for name, fingerprint in {trial.task.name: trial.task.fingerprint for trial in order.plan.trials}.items():
        for facts, place in ((order.audits, order.run.audit(name)), (order.cards, order.run.card(name))):
            if fingerprint in facts:
                place.parent.mkdir(exist_ok=True)
                facts[fingerprint].write(place)


def _began(order: RunOrder, selection: Selection) -> RunBegan:
    return RunBegan(
        run=order.run.root,
        trials=len(order.plan.trials),
        complete=len(selection.complete),
        todo=selection.todo,
        passed_over=len(selection.passed_over),
        workers=order.workers,
    )


def _work(stage: Stage, selection: Selection, added: list[TrialSpec]) -> None:
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
    Loop(stage, queue, keeper, DiskGuard(stage), added).run()


def _states(order: RunOrder, selection: Selection, added: list[TrialSpec]) -> dict[str, State]:
    complete = {trial.id for trial in selection.complete}
    begun = {trial.id for trial in (*selection.todo, *added)}
    states = {}
    for trial in {trial.id: trial for trial in (*order.plan.trials, *added)}.values():
        state = State.COMPLETE if trial.id in complete else read_state(order.run, trial).state
        # a record that says complete of a trial that does not verify, and was not begun now, is out of date
        torn = state is State.COMPLETE and trial.id not in complete | begun
        states[trial.id] = State.PENDING if torn else state
    return states
