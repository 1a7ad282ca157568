"""One attempt at a trial, from the start of its processes to the records of its end. It owns all of its processes."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bakeoff.records.paths import AttemptFolder
from bakeoff.records.results import Outcome, Result, State, TrialState
from bakeoff.running.deciding import SIGKILL, Decision, Ended, decide
from bakeoff.running.diskspace import free_bytes
from bakeoff.running.ending import Judged, judge
from bakeoff.running.events import Progress
from bakeoff.running.executors import Handle
from bakeoff.running.foresight import Pace
from bakeoff.running.guiding import answer, read_rung
from bakeoff.running.history import AttemptRecord, History, Settings, read_history
from bakeoff.running.packing import Need, Place
from bakeoff.running.ranks import (
    VISIBLE,
    collective_fault,
    fewer_devices,
    rank_environment,
    rank_jobs,
    rank_outcome,
)
from bakeoff.running.stage import Stage
from bakeoff.running.trials import Lived, Turn, ended_state, train_job, write_circumstances
from bakeoff.running.watching import Cause, Ending, OnRecord, Watch

RESUMABLE = 3
"""Attempts whose checkpoints are kept while a trial goes on: the newest that validates may not be the newest."""


LEAST_DISK_BYTES = 1_000_000
"""Free bytes below which a child could not even leave a word."""


@dataclass
class Attempt:
    """One attempt at a trial.

    Attributes:
        turn: the trial.
        number: the attempt's number, from 1.
        folder: its folder.
        settings: what the machine forced so far.
        history: the attempts before it.
        place: where it runs.
        started: wall-clock time of its start.
        watch: its processes; None if none were started.
        oom_kills: the kernel's count when it began.
    """

    turn: Turn
    number: int
    folder: AttemptFolder
    settings: Settings
    history: History
    place: Place = field(default_factory=lambda: Place(Need()))
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    watch: Watch | None = None
    oom_kills: int = 0

    @property
    def ranks(self) -> int:
        """How many processes share the trial."""
        return self.settings.devices or self.turn.trial.recipe.devices


def new_attempt(stage: Stage, turn: Turn, place: Place) -> Attempt:
    """Make the folder of the next attempt at a trial.

    Args:
        stage: the run.
        turn: the trial.
        place: where it runs.

    Returns:
        The attempt; no process runs yet.
    """
    folder = stage.order.run.trial(turn.id)
    history = read_history(folder)
    number = next(reversed(folder.attempt_numbers()), 0) + 1
    attempt = folder.attempt(number)
    attempt.root.mkdir(parents=True)
    for old in history.resume[RESUMABLE:]:
        shutil.rmtree(Path(old) / attempt.checkpoints.name, ignore_errors=True)
    history = replace(history, resume=history.resume[:RESUMABLE])
    settings = history.settings if history.begun else stage.fitting.of(turn.trial)
    return Attempt(turn, number, attempt, settings, history, place)


def start(stage: Stage, attempt: Attempt) -> None:
    """Start an attempt's processes.

    Args:
        stage: the run.
        attempt: the attempt.

    Raises:
        JobError: if no process can be started at all; those of this attempt that were are killed.
        Interrupted: if the runner was told to stop meanwhile.
    """
    turn, state = attempt.turn, stage.order.run.trial(attempt.turn.id).state
    TrialState(state=State.RUNNING, attempt=attempt.number).write(state)
    attempt.oom_kills = stage.oom_kills.count
    job = train_job(stage.order, turn.trial, attempt.settings, attempt.history.resume)
    handles: list[Handle] = []
    try:
        for rank, (folder, one) in enumerate(rank_jobs(job, attempt.folder, attempt.ranks, stage.order.limits.collective)):
            handles.append(stage.executor.start(folder, one, _environment(stage, attempt, rank)))
    except BaseException:
        for handle in handles:
            stage.executor.kill(handle)
        reason = "the runner stopped before its process began"
        TrialState(state=State.PREEMPTED, attempt=attempt.number, reason=reason).write(state)
        raise
    attempt.watch = Watch(stage.executor, handles, stage.order.limits, _listen(stage, attempt), attempt.history.spent)
    stage.sampler.follow(attempt.folder, [handle.pid for handle in handles if not handle.host])


def _environment(stage: Stage, attempt: Attempt, rank: int) -> dict[str, str]:
    """Trials that run side by side take devices of their own, as far as there are."""
    devices = attempt.place.devices
    if not devices:
        return {}
    if attempt.ranks == 1:
        return {VISIBLE: devices[0]} if stage.order.workers > 1 else {}
    return rank_environment(rank, attempt.ranks, devices)


def _listen(stage: Stage, attempt: Attempt) -> OnRecord:
    """Passes on what the trial logs, and warns early of a limit that it will not keep."""
    turn, pace = attempt.turn, Pace(stage.order.limits.trial, attempt.history.spent)

    def pass_on(record: dict[str, Any], seconds: float) -> None:
        stage.listener(Progress(turn.id, record, seconds))
        guide = stage.order.guide
        if guide is not None and (rung := read_rung(turn.trial, record)) is not None:
            answer(attempt.folder, rung, guide.stops(rung))
        if text := pace.take(record, seconds):
            stage.warn("time", text, turn.id)

    return pass_on


@dataclass(frozen=True)
class Conclusion:
    """What an attempt came to.

    Attributes:
        decision: what follows.
        ending: how its processes ended.
        result: the result of a complete trial.
        state: the trial's record.
    """

    decision: Decision
    ending: Ending
    result: Result | None
    state: TrialState


def conclude(stage: Stage, attempt: Attempt) -> Conclusion:
    """Judge an attempt whose processes have all ended, put its product into place, and write all records of its end.

    Args:
        stage: the run.
        attempt: the attempt.

    Returns:
        What it came to.
    """
    turn, order = attempt.turn, stage.order
    peaks = stage.sampler.leave(attempt.folder)
    ending = attempt.watch.ending if attempt.watch else Ending(Cause.ITSELF, None, 0.0)
    if attempt.watch:  # before the product is put into place: no result stands without what the machine forced
        lived = Lived(attempt.started, datetime.now(UTC), ending, stage.executor.name, attempt.history, peaks)
        write_circumstances(order.run.trial(turn.id), attempt.folder, lived)
    decision, result = _decide(stage, attempt, ending)
    record = AttemptRecord(
        state=decision.outcome.state.value,
        reason=decision.outcome.reason,
        cause=ending.cause.value,
        exit=ending.exit,
        seconds=round(ending.seconds, 3),
        then=decision.then,
        settings=decision.settings,
        peaks=peaks,
    )
    record.write(attempt.folder.ending)
    shown = decision.outcome
    if decision.goes_on:
        shown = shown.model_copy(update={"state": State.PREEMPTED})
    state = ended_state(order, turn, shown, attempt.number)
    state.write(order.run.trial(turn.id).state)
    return Conclusion(decision, ending, result, state)


def _decide(stage: Stage, attempt: Attempt, ending: Ending) -> tuple[Decision, Result | None]:
    turn, limits = attempt.turn, stage.order.limits
    if attempt.watch is None:
        judged = Judged(Outcome(state=State.FAILED, reason=turn.fault))
        return decide(Ended(turn.trial, ending, judged, attempt.settings, attempt.history)), None
    said = rank_outcome(attempt.folder, attempt.ranks)
    judged = judge(turn.trial, stage.order.run.trial(turn.id), attempt.folder, ending, limits, said)
    handles = attempt.watch.handles
    exits = [attempt.watch.exits[handle] for handle in handles]
    left_behind = [rank for rank, handle in enumerate(handles) if handle in attempt.watch.left_behind]
    lost = collective_fault(attempt.folder, exits, ending.cause, left_behind)
    # of several, the others say that one has gone, and only the kernel knows why
    killed = (judged.lost or bool(lost)) and SIGKILL in exits and ending.cause is Cause.ITSELF
    ended = Ended(
        turn.trial,
        ending,
        judged,
        attempt.settings,
        attempt.history,
        limits.retries,
        short_of_memory=killed and stage.oom_kills.claim(attempt.oom_kills),
        full_disk=free_bytes(attempt.folder.root) < LEAST_DISK_BYTES,
        collective=lost and fewer_devices(turn.trial.recipe.devices, lost),
    )
    return decide(ended), judged.result
