"""One trial: its place in the run, the job that fills its folder, and the records of its end."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bakeoff.records.environment import environment
from bakeoff.records.paths import AttemptFolder, TrialFolder
from bakeoff.records.results import Circumstances, Outcome, State, TrialState
from bakeoff.records.specs import JobSpec, TrialSpec
from bakeoff.running.console import last_lines
from bakeoff.running.ending import read_outcome
from bakeoff.running.history import UNREADABLE, History, Settings, read_history
from bakeoff.running.lineage import models_read
from bakeoff.running.plan_run import RunOrder, again
from bakeoff.running.preparing import places
from bakeoff.running.watching import Cause, Ending


@dataclass(frozen=True)
class Turn:
    """A trial's place in the run.

    Attributes:
        trial: the trial.
        id: its id.
        number: from 1.
        total: trials of this run.
        fault: why it cannot start; empty if it can.
        not_before: when it may begin, on the monotonic clock.
    """

    trial: TrialSpec
    id: str
    number: int
    total: int
    fault: str = ""
    not_before: float = 0.0


@dataclass(frozen=True)
class Lived:
    """How an attempt was lived through, for `circumstances.json`.

    Attributes:
        started: wall-clock time of its start.
        ended: wall-clock time of its end.
        ending: how its process ended.
        executor: what started it.
        history: the attempts before it.
        peaks: largest figures that the runner saw.
    """

    started: datetime
    ended: datetime
    ending: Ending
    executor: str
    history: History
    peaks: dict[str, Any]


def train_job(order: RunOrder, trial: TrialSpec, settings: Settings | None = None, resume: list[str] | None = None) -> JobSpec:
    """The job that fills a trial's folder.

    Args:
        order: the run.
        trial: the trial.
        settings: what the machine forced so far.
        resume: folders of earlier attempts, newest first.

    Returns:
        Its spec.
    """
    where, limits, forced = places(order, trial), order.limits, settings or Settings()
    return JobSpec(
        kind="train" if order.stub is None else "stub",
        id=trial.id,
        families=[trial.recipe.model.family] if trial.recipe.model else [],
        trial=trial,
        dataset=str(where.dataset),
        model=str(where.model or ""),
        tokens=str(where.tokens or ""),
        features=str(where.features or ""),
        keep_model=order.keep != "none" or trial.id in models_read(order.plan.trials),
        dead_probes=limits.dead,
        resume=resume or [],
        checkpoint_seconds=limits.checkpoint,
        checkpoint_steps=limits.checkpoint_steps,
        micro_batch_size=forced.micro_batch_size,
        evaluation_tokens=forced.evaluation_tokens,
        collective_seconds=limits.collective,
        deviations=forced.deviations,
        asks=order.guide is not None and order.guide.judges(trial),
        made_of={one: str(order.run.trial(one).root) for one in trial.made_of},
        stub=_stub(order, trial),
    )


def _stub(order: RunOrder, trial: TrialSpec) -> dict[str, Any]:
    if order.stub is None:
        return {}
    return dict(order.stub.get(trial.recipe.name, order.stub.get("", {})))


def write_circumstances(folder: TrialFolder, attempt: AttemptFolder, lived: Lived) -> None:
    """Write what may differ between two equal trials.

    Args:
        folder: the trial.
        attempt: its last attempt.
        lived: how that was lived through.
    """
    outcome = read_outcome(attempt) or Outcome(state=State.FAILED)
    Circumstances(
        started=lived.started.isoformat(timespec="milliseconds"),
        ended=lived.ended.isoformat(timespec="milliseconds"),
        seconds=round(lived.ending.seconds, 3),
        seconds_before=round(lived.history.spent, 3),
        attempts=len(folder.attempt_numbers()),
        retries=lived.history.retries,
        executor=lived.executor,
        exit=lived.ending.exit,
        environment=environment(),
        machine=outcome.machine,
        peak_bytes=outcome.peak_bytes,
        device_peak_bytes=outcome.device_peak_bytes,
        peaks=lived.peaks,
        imported=outcome.imported,
        deviations=outcome.deviations,
        facts=outcome.facts,
    ).write(folder.circumstances)


def recover_circumstances(folder: TrialFolder, number: int) -> None:
    """Write the circumstances of an attempt that completed while its runner was dead: what the machine forced must not be lost.

    Nothing happens where they stand already.

    Args:
        folder: the trial.
        number: its last attempt, which left an outcome.
    """
    attempt = folder.attempt(number)
    with suppress(*UNREADABLE):
        if Circumstances.read(folder.circumstances).attempts == len(folder.attempt_numbers()):
            return
    outcome = read_outcome(attempt)
    ending = Ending(Cause.ITSELF, None, outcome.seconds if outcome else 0.0)
    started, ended = (datetime.fromtimestamp(path.stat().st_mtime, UTC) for path in (attempt.job, attempt.outcome))
    write_circumstances(folder, attempt, Lived(started, ended, ending, "", read_history(folder, number), {}))


def ended_state(order: RunOrder, turn: Turn, outcome: Outcome, number: int) -> TrialState:
    """The record of an attempt's end.

    Args:
        order: the run.
        turn: the trial.
        outcome: how the attempt ended.
        number: the attempt's number.

    Returns:
        The state; one that is not complete says why, shows the last lines, and how to run just this trial again.
    """
    if outcome.state is State.COMPLETE:
        return TrialState(state=State.COMPLETE, attempt=number)
    attempt: AttemptFolder = order.run.trial(turn.id).attempt(number)
    return TrialState(
        state=outcome.state,
        reason=outcome.reason,
        where=outcome.where,
        remedy=outcome.remedy,
        attempt=number,
        last_lines=last_lines(attempt.console),
        log=str(attempt.console.relative_to(order.run.root)),
        again=again(order.run, turn.id),
    )
