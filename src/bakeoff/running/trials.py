"""One trial from its start to its end: attempt, watch, judge, record."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from bakeoff.errors import JobError
from bakeoff.records.environment import environment
from bakeoff.records.paths import AttemptFolder, TrialFolder
from bakeoff.records.results import Circumstances, Outcome, Result, State, TrialState, read_complete
from bakeoff.records.specs import JobSpec, TrialSpec
from bakeoff.running.console import last_lines
from bakeoff.running.ending import judge, read_outcome
from bakeoff.running.events import Progress, TrialBegan, TrialEnded
from bakeoff.running.interrupts import Interrupted
from bakeoff.running.keeping import validation_score
from bakeoff.running.landing import land
from bakeoff.running.plan_run import RunOrder, read_state
from bakeoff.running.preparing import places
from bakeoff.running.stage import Stage
from bakeoff.running.watching import Cause, Ending, watch


@dataclass(frozen=True)
class Turn:
    """A trial's place in the run.

    Attributes:
        trial: the trial.
        number: from 1.
        total: trials of this run.
        fault: why it cannot start; empty if it can.
    """

    trial: TrialSpec
    number: int
    total: int
    fault: str = ""


def run_trial(stage: Stage, turn: Turn) -> float | None:
    """Run one attempt of a trial, to whatever end.

    Args:
        stage: the run.
        turn: the trial.

    Returns:
        Its validation score; None if it did not complete.

    Raises:
        JobError: if no process can be started at all.
        Interrupted: if the runner was told to stop.
    """
    trial, folder = turn.trial, stage.order.run.trial(turn.trial.id)
    number = next(reversed(folder.attempt_numbers()), 0) + 1
    attempt = folder.attempt(number)
    attempt.root.mkdir(parents=True)
    stage.listener(TrialBegan(trial, turn.number, turn.total, number))
    started = datetime.now(UTC)
    if turn.fault:
        ending, outcome, result = Ending(Cause.ITSELF, None, 0.0), Outcome(state=State.FAILED, reason=turn.fault), None
    else:
        ending = _attempt(stage, trial, folder, number)
        _write_circumstances(stage, folder, started, ending)
        outcome, result = judge(trial, folder, attempt, ending, stage.order.limits)
    state = ended_state(stage.order, trial, outcome, number)
    state.write(folder.state)
    score = validation_score(trial, result) if result else None
    stage.listener(TrialEnded(trial, turn.number, turn.total, state.state, state.reason, score, ending.seconds, state.again))
    if ending.cause in (Cause.INTERRUPT, Cause.STUDY):
        raise Interrupted
    return score


def _attempt(stage: Stage, trial: TrialSpec, folder: TrialFolder, number: int) -> Ending:
    TrialState(state=State.RUNNING, attempt=number).write(folder.state)
    try:
        handle = stage.executor.start(folder.attempt(number), train_job(stage.order, trial))
    except BaseException:
        TrialState(state=State.PREEMPTED, attempt=number, reason="the runner stopped before its process began").write(
            folder.state
        )
        raise

    def pass_on(record: dict[str, object], seconds: float) -> None:
        stage.listener(Progress(trial.id, record, seconds))

    return watch(stage.executor, handle, stage.order.limits, stage.stop, pass_on)


def train_job(order: RunOrder, trial: TrialSpec) -> JobSpec:
    """The job that fills a trial's folder.

    Args:
        order: the run.
        trial: the trial.

    Returns:
        Its spec.
    """
    where = places(order, trial)
    return JobSpec(
        kind="train",
        id=trial.id,
        families=[trial.recipe.model.family] if trial.recipe.model else [],
        trial=trial,
        dataset=str(where.dataset),
        model=str(where.model or ""),
        tokens=str(where.tokens or ""),
        keep_model=order.keep != "none",
        dead_probes=order.limits.dead,
    )


def _write_circumstances(stage: Stage, folder: TrialFolder, started: datetime, ending: Ending) -> None:
    numbers = folder.attempt_numbers()
    outcome = read_outcome(folder.attempt(numbers[-1])) or Outcome(state=State.FAILED)
    Circumstances(
        started=started.isoformat(timespec="milliseconds"),
        ended=datetime.now(UTC).isoformat(timespec="milliseconds"),
        seconds=round(ending.seconds, 3),
        attempts=len(numbers),
        executor=stage.executor.name,
        exit=ending.exit,
        environment=environment(),
        machine=outcome.machine,
        peak_bytes=outcome.peak_bytes,
        imported=outcome.imported,
        deviations=outcome.deviations,
        facts=outcome.facts,
    ).write(folder.circumstances)


def ended_state(order: RunOrder, trial: TrialSpec, outcome: Outcome, number: int) -> TrialState:
    """The record of an attempt's end.

    Args:
        order: the run.
        trial: the trial.
        outcome: how the attempt ended.
        number: the attempt's number.

    Returns:
        The state; one that is not complete says why, shows the last lines, and how to run just this trial again.
    """
    if outcome.state is State.COMPLETE:
        return TrialState(state=State.COMPLETE, attempt=number)
    attempt: AttemptFolder = order.run.trial(trial.id).attempt(number)
    return TrialState(
        state=outcome.state,
        reason=outcome.reason,
        where=outcome.where,
        remedy=outcome.remedy,
        attempt=number,
        last_lines=last_lines(attempt.console),
        log=str(attempt.console.relative_to(order.run.root)),
        again=order.again(trial),
    )


def take_up(order: RunOrder, trial: TrialSpec) -> None:
    """Finish what a killed runner left half done: a whole product is put into place, a missing state is written.

    Args:
        order: the run.
        trial: a trial of its plan.
    """
    folder = order.run.trial(trial.id)
    state, numbers = read_state(order.run, trial), folder.attempt_numbers()
    if not numbers or state.state.ended:
        return
    outcome = read_outcome(folder.attempt(numbers[-1]))
    if outcome is None or outcome.state is not State.COMPLETE:
        return
    try:
        land(trial, folder, folder.attempt(numbers[-1]))
    except JobError:
        # nothing whole was left to put into place; if its result stands already, only the state is missing
        if not _stands(trial, folder):
            return
    TrialState(state=State.COMPLETE, attempt=numbers[-1]).write(folder.state)


def _stands(trial: TrialSpec, folder: TrialFolder) -> Result | None:
    return read_complete(folder, trial.definition_hash)
