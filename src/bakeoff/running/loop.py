"""The event loop of a run: up to N attempts at a time, each under its own limits, until nothing is left or all is to stop."""

from __future__ import annotations

import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import chain, count, islice

from bakeoff.errors import RunError
from bakeoff.records.files import write_document
from bakeoff.records.results import Result, State, TrialState
from bakeoff.records.specs import TRIAL_VERSION, TrialSpec
from bakeoff.running.attempts import Attempt, Conclusion, conclude, new_attempt, start
from bakeoff.running.cancelling import mark_cancelled
from bakeoff.running.deciding import in_words
from bakeoff.running.disk import DiskGuard
from bakeoff.running.diskspace import free_bytes
from bakeoff.running.events import TrialBegan, TrialEnded, TrialGoesOn
from bakeoff.running.executors import Handle
from bakeoff.running.guiding import Guide
from bakeoff.running.history import Settings
from bakeoff.running.interrupts import Interrupted
from bakeoff.running.keeping import Keeper, drop_checkpoints
from bakeoff.running.lineage import lacking
from bakeoff.running.packing import Need, Place, find_place
from bakeoff.running.plan_run import read_state
from bakeoff.running.preparing import lacks_stores, prepare_stores
from bakeoff.running.ranks import rank_outcome, visible_devices
from bakeoff.running.requests import ALL, cancels, forget_cancels
from bakeoff.running.stage import Stage
from bakeoff.running.trials import Turn
from bakeoff.running.watching import TICK_SECONDS, Cause, Watch

LOOK_SECONDS = 0.1
REQUESTS_SECONDS = 0.5
LOOK_AHEAD = 200
"""Trials of the queue that are asked whether they fit, where those before them do not."""


@dataclass
class Loop:
    """Carries turns out.

    What happens in a trial does not depend on how many run beside it: each has processes, a folder, limits and a clock of its
    own, and nothing is passed from one to another but the size of the passes that fitted into memory.

    Attributes:
        stage: the run.
        queue: trials to begin, in order.
        keeper: which models stay.
        disk: what watches the disk.
        added: gets the trials that follow where a guide decides on that.
        running: attempts at work, by number.
        waiting: trials that are begun again after a pause.
        cause: why the whole run stops; None while it goes on.
    """

    stage: Stage
    queue: deque[Turn]
    keeper: Keeper
    disk: DiskGuard
    added: list[TrialSpec] = field(default_factory=list)
    running: dict[int, Attempt] = field(default_factory=dict)
    waiting: list[Turn] = field(default_factory=list)
    cause: Cause | None = None
    _given: int = 0
    _new: list[TrialSpec] = field(default_factory=list)
    _full: str = ""
    _looked: float = 0.0
    _asked: float = 0.0

    def run(self) -> None:
        """Work until every turn has ended.

        Raises:
            Interrupted: if the run was told to stop before.
            RunError: if a disk is full, or nearly.
            JobError: if no process can be started at all.
        """
        self._given = len(self.queue)
        try:
            while self.running or (self.cause is None and self._is_more()):
                self._see_to_the_whole()
                if self.cause is None:
                    self._fill()
                self._wait()
                self._look()
        except BaseException:
            self._abandon()
            raise
        if self._full:
            raise RunError(self._full, str(self.stage.order.run.root), "free some space, and the same command goes on")
        if self.cause is not None:
            raise Interrupted

    def _see_to_the_whole(self) -> None:
        """What ends all: a signal, the study's time, a full disk, a request."""
        if self.cause is None and (cause := self.stage.stop.cause) is not None:
            self._stop(cause)
        now = time.monotonic()
        if self.cause is None and now - self._asked >= REQUESTS_SECONDS:
            self._asked = now
            self._obey(cancels(self.stage.order.run))
            if self.cause is None and (full := self.disk.look(len(self.queue) + len(self.waiting) + len(self.running))):
                self._full = full
                self._stop(Cause.DISK)

    def _stop(self, cause: Cause) -> None:
        self.cause = cause
        for attempt in self.running.values():
            self._end(attempt, cause)

    @staticmethod
    def _end(attempt: Attempt, cause: Cause) -> None:
        assert attempt.watch is not None
        attempt.watch.end(cause)

    def _obey(self, names: set[str]) -> None:
        """Cancel what another process asks to."""
        if not names:
            return
        if ALL in names:
            self._stop(Cause.CANCEL)
        for attempt in self.running.values():
            if attempt.turn.id in names:
                self._end(attempt, Cause.CANCEL)
        for turn in [turn for turn in (*self.queue, *self.waiting) if ALL in names or turn.id in names]:
            self._cancel(turn)
        self._cancel_others(names)
        forget_cancels(self.stage.order.run, names)

    def _cancel_others(self, names: set[str]) -> None:
        """Cancel what is left for another start of the runner."""
        order, running = self.stage.order, {attempt.turn.id for attempt in self.running.values()}
        for trial in order.plan.trials:
            trial_id = trial.id
            asked = trial_id not in running and (ALL in names or trial_id in names)
            if asked and not read_state(order.run, trial).state.ended:
                mark_cancelled(order.run, trial_id)

    def _cancel(self, turn: Turn) -> None:
        self.queue = deque(other for other in self.queue if other.id != turn.id)
        self.waiting = [other for other in self.waiting if other.id != turn.id]
        state = mark_cancelled(self.stage.order.run, turn.id)
        self._tell(turn, state.state, None)
        self.stage.listener(TrialEnded(turn.trial, turn.number, turn.total, state.state, state.reason, None, 0.0, state.again))

    def _fill(self) -> None:
        """Begin trials while there are places."""
        while len(self.running) < self.stage.order.workers and self._is_more():
            if full := self.disk.shortage():
                self._full = full
                self._stop(Cause.DISK)
                return
            found = self._next()
            if found is None:
                return
            self._begin(*found)

    def _is_more(self) -> bool:
        """Whether anything waits to begin; where nothing does, the guide is asked what follows."""
        if not self.queue and not self.waiting and self.stage.order.guide is not None:
            self._follow(self.stage.order.guide)
        return bool(self.queue or self.waiting)

    def _follow(self, guide: Guide) -> None:
        order = self.stage.order
        if not self._new and (order.at_most is None or self._given < order.at_most):
            self._new = guide.follow()
            self.added.extend(self._new)
        if not self._new:
            return
        faults: dict[str, str] = {}
        if lacks_stores(order, self._new):
            if self.running:  # a store is made by a job that is waited for, so nothing else may run then
                return
            faults = prepare_stores(self.stage, self._new)
        for trial in self._new:
            self._given += 1
            fault = faults.get(trial.id, "")
            words = fault and f"its data could not be prepared: {fault}"
            self.queue.append(Turn(trial, trial.id, self._given, max(self._given, guide.total), words))
        self._new = []

    def _next(self) -> tuple[Turn, Place] | None:
        """The first trial that has a place now; one that is too large for what is left lets smaller ones pass."""
        now = time.monotonic()
        due = [turn for turn in self.waiting if turn.not_before <= now]
        refused: set[Need] = set()
        for turn in chain(due, islice((turn for turn in self.queue if not self._waits(turn)), LOOK_AHEAD)):
            need = self._need(turn)
            if need in refused:
                continue
            if (place := self._place(need)) is not None:
                (self.waiting if turn in due else self.queue).remove(turn)
                return turn, place
            refused.add(need)
        return None

    def _need(self, turn: Turn) -> Need:
        return self.stage.measured.need(turn.trial, turn.trial.recipe.name in self.stage.order.alone)

    def _place(self, need: Need) -> Place | None:
        running = [attempt.place for attempt in self.running.values()]
        devices = visible_devices() if self.stage.executor.on_this_machine else []
        return find_place(need, running, devices, self.stage.order.room)

    def _waits(self, turn: Turn) -> bool:
        """Whether a trial that it is made of is still to end."""
        if not turn.trial.made_of:
            return False
        others = (*self.queue, *self.waiting, *(attempt.turn for attempt in self.running.values()))
        return any(other.id in turn.trial.made_of for other in others)

    def _begin(self, turn: Turn, place: Place) -> None:
        if not turn.fault and (missing := lacking(self.stage.order.run, turn.trial)):
            turn = replace(turn, fault=missing)
        attempt = self._prepare(turn, place)
        self.stage.listener(TrialBegan(turn.trial, turn.number, turn.total, attempt.number))
        if turn.fault:
            self._finish(attempt)
            return
        start(self.stage, attempt)
        self._take_in(attempt)

    def _take_in(self, attempt: Attempt) -> None:
        self.running[next(number for number in count() if number not in self.running)] = attempt

    def _prepare(self, turn: Turn, place: Place) -> Attempt:
        folder = self.stage.order.run.trial(turn.id)
        if not folder.trial.exists():
            write_document(folder.trial, "trial", TRIAL_VERSION, {"id": turn.id, **turn.trial.model_dump()}, durable=False)
        return new_attempt(self.stage, turn, place)

    def _wait(self) -> None:
        """Wait for an end; a tenth of a second at most, so that signals and logs are seen to."""
        if not self.running:
            time.sleep(TICK_SECONDS if self.waiting and self.cause is None else 0.0)
            return
        for ended in self.stage.executor.poll(TICK_SECONDS):
            self._watch_of(ended.handle).take(ended)

    def _watch_of(self, handle: Handle) -> Watch:
        watches = [attempt.watch for attempt in self.running.values() if attempt.watch is not None]
        return next(watch for watch in watches if handle in watch.handles)

    def _look(self) -> None:
        """Read logs and see to limits, and conclude what is over."""
        over = [number for number, attempt in self.running.items() if attempt.watch is not None and attempt.watch.is_over]
        now = time.monotonic()
        if over or now - self._looked >= LOOK_SECONDS:
            self._looked = now
            for attempt in self.running.values():
                assert attempt.watch is not None
                attempt.watch.look()
        for number in over:
            self._hand_over(self.running.pop(number))

    def _hand_over(self, ended: Attempt) -> None:
        """Conclude an attempt, and if no more than records is left to be made, begin the next one before that.

        Syncing takes as long as starting a trial does; so the place does not stand empty meanwhile. What is told is told in
        the order in which it would have happened.
        """
        place = self._place(self._need(self.queue[0])) if self._only_records_are_left(ended) else None
        if place is None:
            self._finish(ended)
            return
        turn = self.queue.popleft()
        try:
            attempt = self._prepare(turn, place)
            start(self.stage, attempt)
            self._take_in(attempt)
        finally:
            self._finish(ended)
        self.stage.listener(TrialBegan(turn.trial, turn.number, turn.total, attempt.number))

    def _only_records_are_left(self, ended: Attempt) -> bool:
        """Whether a trial may begin, and the end of an attempt went so well that it cannot matter to that one."""
        if self.cause is not None or self.stage.stop.cause is not None or self.waiting or not self.queue:
            return False
        if self.queue[0].fault or self.queue[0].trial.made_of:
            return False
        if self.stage.order.room is not None:  # what this one took decides on the next
            return False
        assert ended.watch is not None
        said = rank_outcome(ended.folder, ended.ranks)
        well = ended.watch.ending.exit == 0 and said is not None and said.state is State.COMPLETE
        # what the machine forced is to be remembered for the next one, and a full disk to be said of the one that met it
        return well and ended.settings == Settings() and not self.disk.shortage()

    def _finish(self, attempt: Attempt) -> None:
        end = conclude(self.stage, attempt)
        if end.decision.goes_on and self.cause is None:
            self._again(attempt, end)
            return
        if end.decision.full_disk:
            free = free_bytes(self.stage.order.run.root)
            self._full = (
                f"the disk is full: {end.decision.outcome.reason} ({end.decision.outcome.where}; {free} bytes are free)"
            )
            self._stop(Cause.DISK)
        score = self._keep(attempt, end, end.result) if end.result is not None else None
        turn, state = attempt.turn, end.state
        if state.state is State.PRUNED:
            drop_checkpoints(self.stage.order.run.trial(turn.id))
        self._tell(turn, state.state, end.result)
        self.stage.listener(
            TrialEnded(turn.trial, turn.number, turn.total, state.state, state.reason, score, end.ending.seconds, state.again)
        )

    def _tell(self, turn: Turn, state: State, result: Result | None) -> None:
        if self.stage.order.guide is not None and state.ended:
            self.stage.order.guide.ended(turn.trial, state, result)

    def _again(self, attempt: Attempt, end: Conclusion) -> None:
        turn, decision = attempt.turn, end.decision
        self.waiting.append(replace(turn, not_before=time.monotonic() + decision.wait_seconds))
        self.stage.listener(
            TrialGoesOn(turn.trial, turn.number, turn.total, decision.outcome.reason, in_words(decision), end.ending.seconds)
        )

    def _keep(self, attempt: Attempt, end: Conclusion, result: Result) -> float | None:
        turn, outcome = attempt.turn, end.decision.outcome
        self.stage.measured.learn(turn.trial, outcome.peak_bytes, outcome.device_peak_bytes)
        self.stage.fitting.learn(turn.trial, attempt.settings)
        drop_checkpoints(self.stage.order.run.trial(turn.id))
        self.disk.learn(turn.id, attempt.watch.seconds if attempt.watch else 0.0)
        return self.keeper.take(turn.trial, turn.id, result)

    def _abandon(self) -> None:
        """The runner itself fails: what runs is killed with the executor, and goes on at the next start."""
        for attempt in self.running.values():
            # the disk may be the very reason
            with suppress(OSError):
                TrialState(state=State.PREEMPTED, attempt=attempt.number, reason="the runner stopped").write(
                    self.stage.order.run.trial(attempt.turn.id).state
                )
