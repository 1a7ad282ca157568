"""What a display knows of a run: events go in, the figures that are shown come out."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from bakeoff.records.results import State
from bakeoff.records.specs import Plan, TrialSpec
from bakeoff.running.estimate import Estimate, left_of_trial
from bakeoff.running.events import Event, PhaseBegan, Progress, RunBegan, TrialBegan, TrialEnded, TrialGoesOn


def title(trial: TrialSpec, tasks: int) -> str:
    """A trial in words.

    Args:
        trial: the trial.
        tasks: tasks of the study; the only one is not named.

    Returns:
        Such as "bce seed 42".
    """
    words = f"{trial.recipe.name} seed {trial.seed}"
    return words if tasks == 1 else f"{trial.task.name} {words}"


@dataclass
class Current:
    """The trial that runs.

    Attributes:
        trial: which.
        number: its place in this run, from 1.
        began: when, on the monotonic clock.
        step: steps made.
        steps: steps in all; 0 while unknown.
        rate: examples a second between the last two records; None before.
        score: of its last validation; None before.
        logged: seconds of its log at the last step.
        examples: examples seen at the last step.
    """

    trial: TrialSpec
    number: int
    began: float
    step: int = 0
    steps: int = 0
    rate: float | None = None
    score: float | None = None
    logged: float = 0.0
    examples: int = 0

    def take(self, record: dict[str, Any]) -> None:
        """Take up a record of its log.

        Args:
            record: the record.
        """
        self.steps = int(record.get("steps", self.steps))
        self.step = int(record.get("step", self.step))
        if record.get("event") == "step" and "examples" in record:
            seconds, examples = float(record.get("seconds", 0.0)), int(record["examples"])
            if seconds > self.logged and examples > self.examples:
                self.rate = (examples - self.examples) / (seconds - self.logged)
            self.logged, self.examples = seconds, examples
        if record.get("event") == "validation":
            self.score = record.get("scores", {}).get(self.trial.task.metric, self.score)

    @property
    def left_seconds(self) -> float | None:
        """What is left of it; None while unknown."""
        return left_of_trial(self.step, self.steps, self.logged)


@dataclass
class Tracker:
    """The state of a run as its events tell it.

    Attributes:
        plan: the plan, for what is still to come.
        todo: trials of this run.
        done: trials of this run that ended.
        first_score: the first validation score that came, as (trial, score, seconds since the start); None before.
        running: the trials that run, by id, in the order in which they began.
        workers: trials that run at a time.
        began: start of the run on the monotonic clock.
        estimate: what is known of durations.
        ended: ids of the trials that ended.
    """

    plan: Plan
    todo: list[TrialSpec] = field(default_factory=list)
    done: int = 0
    first_score: tuple[TrialSpec, float, float] | None = None
    running: dict[str, Current] = field(default_factory=dict)
    workers: int = 1
    began: float = field(default_factory=time.monotonic)
    estimate: Estimate = field(default_factory=Estimate)
    ended: set[str] = field(default_factory=set)
    _ids: dict[int, str] = field(default_factory=dict)

    @property
    def tasks(self) -> int:
        """Number of tasks."""
        return len({trial.task.name for trial in self.plan.trials})

    def take(self, event: Event) -> None:
        """Take up an event.

        Args:
            event: what happened.
        """
        match event:
            case PhaseBegan():
                self.plan = event.plan
            case RunBegan():
                self.todo, self.done = list(event.todo), 0
                self.workers = event.workers
                self._ids = {id(trial): trial.id for trial in event.todo}
            case TrialBegan():
                if self.id_of(event.trial) not in {self.id_of(trial) for trial in self.todo}:
                    self.todo.append(event.trial)  # a sweep has proposed it since
                self.running[self.id_of(event.trial)] = Current(event.trial, event.number, time.monotonic())
            case Progress() if event.trial in self.running:
                current = self.running[event.trial]
                current.take(event.record)
                if self.first_score is None and current.score is not None:
                    self.first_score = (current.trial, current.score, time.monotonic() - self.began)
            case TrialGoesOn():
                self.running.pop(self.id_of(event.trial), None)
            case TrialEnded():
                self._end(event)

    def id_of(self, trial: TrialSpec) -> str:
        """A trial's id, reckoned once: it is a hash of all that defines the trial.

        Args:
            trial: the trial.

        Returns:
            Its id.
        """
        if id(trial) not in self._ids:
            self._ids[id(trial)] = trial.id
        return self._ids[id(trial)]

    def _end(self, event: TrialEnded) -> None:
        trial_id = self.id_of(event.trial)
        self.running.pop(trial_id, None)
        self.done += 1
        self.ended.add(trial_id)
        if event.state is State.COMPLETE:
            self.estimate.learn(event.trial, event.seconds)
        if self.first_score is None and event.score is not None:
            self.first_score = (event.trial, event.score, time.monotonic() - self.began)

    @property
    def left_seconds(self) -> float | None:
        """What is left of this run, in seconds; None while unknown."""
        known = {*self.ended, *self.running}
        rest = [trial for trial in self.todo if self.id_of(trial) not in known]
        lefts, guess = [], None
        for current in self.running.values():
            elapsed, left = time.monotonic() - current.began, current.left_seconds
            if left is None:
                expected = self.estimate.of(current.trial)
                left = None if expected is None else max(0.0, expected - elapsed)
            elif guess is None:
                # before any trial has ended, the others are taken to be like this one
                guess = elapsed + left
            if left is None:
                return None
            lefts.append(left)
        total = self.estimate.left(rest, sum(lefts), guess=guess)
        return None if total is None else max([total / self.workers, *lefts])
