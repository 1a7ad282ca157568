"""What a display knows of a run: events go in, the figures that are shown come out."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from bakeoff.records.results import State
from bakeoff.records.specs import Plan, TrialSpec
from bakeoff.running.estimate import Estimate, left_of_trial
from bakeoff.running.events import Event, Progress, RunBegan, TrialBegan, TrialEnded


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
        current: the trial that runs; None between trials.
        began: start of the run on the monotonic clock.
        estimate: what is known of durations.
        ended: ids of the trials that ended.
    """

    plan: Plan
    todo: list[TrialSpec] = field(default_factory=list)
    done: int = 0
    first_score: tuple[TrialSpec, float, float] | None = None
    current: Current | None = None
    began: float = field(default_factory=time.monotonic)
    estimate: Estimate = field(default_factory=Estimate)
    ended: set[str] = field(default_factory=set)

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
            case RunBegan():
                self.todo = event.todo
            case TrialBegan():
                self.current = Current(event.trial, event.number, time.monotonic())
            case Progress() if self.current is not None:
                self.current.take(event.record)
                if self.first_score is None and self.current.score is not None:
                    self.first_score = (self.current.trial, self.current.score, time.monotonic() - self.began)
            case TrialEnded():
                self._end(event)

    def _end(self, event: TrialEnded) -> None:
        self.current = None
        self.done += 1
        self.ended.add(event.trial.id)
        if event.state is State.COMPLETE:
            self.estimate.learn(event.trial, event.seconds)
        if self.first_score is None and event.score is not None:
            self.first_score = (event.trial, event.score, time.monotonic() - self.began)

    @property
    def left_seconds(self) -> float | None:
        """What is left of this run, in seconds; None while unknown."""
        running = self.current.trial.id if self.current else ""
        rest = [trial for trial in self.todo if trial.id not in self.ended and trial.id != running]
        if self.current is None:
            return self.estimate.left(rest, 0.0)
        current, elapsed = self.current.left_seconds, time.monotonic() - self.current.began
        if current is None:
            expected = self.estimate.of(self.current.trial)
            return None if expected is None else self.estimate.left(rest, max(0.0, expected - elapsed))
        # before any trial has ended, the others are taken to be like this one
        return self.estimate.left(rest, current, guess=elapsed + current)
