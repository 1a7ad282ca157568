"""How a run is shown while it goes on: a live line at a terminal, plain lines elsewhere. All on standard error."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bakeoff.cli.shown import console, duration, pace, safe, score, shown_path
from bakeoff.cli.tracking import Current, Tracker, title
from bakeoff.records.decisions import Decision
from bakeoff.records.results import State
from bakeoff.records.specs import Plan
from bakeoff.running.events import (
    Decided,
    Event,
    JobBegan,
    JobEnded,
    Listener,
    PhaseBegan,
    Progress,
    RunBegan,
    TrialBegan,
    TrialEnded,
    TrialGoesOn,
    Warned,
)

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

END_SHARE = 0.02


class Lines:
    """Tells a run line by line: a line for the start, each validation and the end of a trial.

    Args:
        tracker: what is known of the run.
        out: where to.
    """

    def __init__(self, tracker: Tracker, out: Console) -> None:
        self.tracker = tracker
        self.out = out

    def __call__(self, event: Event) -> None:
        """Take up an event and tell it.

        Args:
            event: what happened.
        """
        first_known = self.tracker.first_score is not None
        self.tracker.take(event)
        self.tell(event)
        if not first_known and self.tracker.first_score is not None:
            self._tell_first_score()

    def tell(self, event: Event) -> None:
        """Print what an event means.

        Args:
            event: what happened.
        """
        match event:
            case PhaseBegan():
                self._say(f"phase {event.plan.phase} ({event.plan.place} of {event.phases})")
            case Decided():
                for line in decided(event.decision):
                    self._say(line)
            case RunBegan():
                self._say(began(event, self.tracker.plan))
            case JobBegan():
                self._say(f"{event.purpose} …")
            case JobEnded():
                self._say(f"  failed: {event.fault}" if event.fault else f"  done in {duration(event.seconds)}")
            case TrialBegan():
                attempt = f" (attempt {event.attempt})" if event.attempt > 1 else ""
                self._say(f"[{event.number}/{event.total}] {title(event.trial, self.tracker.tasks)}{attempt} …")
            case Progress() if event.record.get("event") == "validation":
                self._tell_validation(event.trial)
            case Progress() if event.record.get("event") == "warning":
                self._say(f"        {self._whose(event.trial)}warning: {event.record['text']}")
            case Warned():
                self._say(f"        {self._whose(event.trial)}warning: {event.text}")
            case TrialGoesOn():
                name = title(event.trial, self.tracker.tasks)
                ended = f"ended after {duration(event.seconds)}: {event.reason}"
                self._say(f"[{event.number}/{event.total}] {name}: {ended}; {event.remedy}")
            case TrialEnded():
                self._tell_end(event)

    def _say(self, text: str) -> None:
        self.out.print(safe(text), soft_wrap=True)  # a command that is broken into lines cannot be copied

    def _whose(self, trial: str) -> str:
        """Which of several running trials is meant; empty where there is one alone."""
        current = self.tracker.running.get(trial)
        return f"{title(current.trial, self.tracker.tasks)}: " if current and self.tracker.workers > 1 else ""

    def _tell_validation(self, trial: str) -> None:
        current = self.tracker.running.get(trial)
        if current is not None and current.score is not None:
            rate = f", {pace(current.rate)}" if current.rate else ""
            words = f"step {current.step}/{current.steps}{rate}, validation {current.trial.task.metric} {score(current.score)}"
            self._say(f"        {self._whose(trial)}{words}")

    def _tell_end(self, event: TrialEnded) -> None:
        name = title(event.trial, self.tracker.tasks)
        if event.state is State.COMPLETE:
            left = self.tracker.left_seconds
            rest = f"; about {duration(left)} left" if left else ""
            found = f"validation {event.trial.task.metric} {score(event.score)}"
            self._say(f"[{event.number}/{event.total}] {name}: {found} in {duration(event.seconds)}{rest}")
            foretold = self.tracker.estimate.surprise(event.trial, event.seconds)
            if foretold is not None and self.tracker.workers == 1:
                self._say(f"        {duration(foretold)} were foretold for it; what is left is reckoned by what trials take")
        else:
            self._say(f"[{event.number}/{event.total}] {name}: {event.state} after {duration(event.seconds)}: {event.reason}")
            if event.state.ended:
                self._say(f"        to run just this one again: {event.again}")

    def _tell_first_score(self) -> None:
        assert self.tracker.first_score is not None
        trial, value, seconds = self.tracker.first_score
        name = title(trial, self.tracker.tasks)
        self._say(f"first score after {duration(seconds)}: {name}, validation {trial.task.metric} {score(value)}")


def began(event: RunBegan, plan: Plan) -> str:
    """The first line of a run.

    Args:
        event: its start.
        plan: its plan.

    Returns:
        What is to be done, and where.
    """
    parts = [f"{event.trials} trials"]
    if event.complete:
        parts.append(f"{event.complete} complete already")
    if event.passed_over:
        parts.append(f"{event.passed_over} ended otherwise (`bakeoff retry` runs them again)")
    parts.append(f"{len(event.todo)} to run" + (f", {event.workers} at a time" if event.workers > 1 else ""))
    profile = f" ({plan.profile})" if plan.profile else ""
    return f"study {plan.study}{profile}: {', '.join(parts)}; run folder {shown_path(Path(event.run))}"


def decided(decision: Decision) -> list[str]:
    """What a phase decided, line by line.

    Args:
        decision: the decision.

    Returns:
        A line a recipe and task, and one for the gate.
    """
    several = len(decision.metrics) > 1
    lines = [
        f"  {one.task + ' ' if several else ''}{one.recipe}: {'goes on' if one.goes_on else 'falls'} ({one.reason})"
        for one in decision.candidates
    ]
    if decision.gate is not None:
        what = "passed" if decision.gate.passed else "the study ends here"
        lines.append(f"  gate {decision.gate.wanted}: {what}; on validation: {decision.gate.paragraph}")
    return lines if decision.rule or decision.gate else []


class Live(Lines):
    """Tells the ends of trials line by line, and shows those that run below them, a bar each.

    Args:
        tracker: what is known of the run.
        bars: where to.
    """

    def __init__(self, tracker: Tracker, bars: Bars) -> None:
        super().__init__(tracker, bars.console)
        self._bars = bars
        self._all = bars.add_task("starting", total=None, facts="")
        self._job = bars.add_task("", total=None, visible=False, facts="")
        self._each: dict[str, TaskID] = {}

    def tell(self, event: Event) -> None:
        """Bring the display up to date.

        Args:
            event: what happened.
        """
        match event:
            case JobBegan():
                self._bars.update(self._job, description=safe(event.purpose), total=None, visible=True, facts="")
            case JobEnded() if not event.fault:
                self._bars.update(self._job, visible=False)
            case TrialBegan():
                name = safe(title(event.trial, self.tracker.tasks))
                self._each[self.tracker.id_of(event.trial)] = self._bars.add_task(name, total=None, facts="starting")
            case TrialGoesOn() | TrialEnded():
                bar = self._each.pop(self.tracker.id_of(event.trial), None)
                if bar is not None:
                    self._bars.remove_task(bar)
                super().tell(event)
            case Progress() if event.record.get("event") != "warning":
                pass
            case _:
                super().tell(event)
        self._refresh()

    def _refresh(self) -> None:
        tracker = self.tracker
        left = tracker.left_seconds
        facts = f"about {duration(left)} left" if left else ""
        at_work = range(tracker.done + 1, tracker.done + len(tracker.running) + 1)
        numbers = f"{at_work[0]} to {at_work[-1]}" if len(at_work) > 1 else str(min(tracker.done + 1, len(tracker.todo)))
        words = f"trial{'s' if len(at_work) > 1 else ''} {numbers} of {len(tracker.todo)}" if tracker.todo else "study"
        done = tracker.done + sum(one.step / one.steps for one in tracker.running.values() if one.steps)
        self._bars.update(self._all, description=words, total=len(tracker.todo) or None, completed=done, facts=facts)
        for trial, bar in self._each.items():
            self._refresh_one(bar, tracker.running[trial])

    def _refresh_one(self, bar: TaskID, current: Current) -> None:
        if not current.steps:
            return
        parts = [f"step {current.step}/{current.steps}"]
        parts += [pace(current.rate)] if current.rate else []
        parts += [f"{current.trial.task.metric} {score(current.score)}"] if current.score is not None else []
        # the last step is not the end: outputs are still to be computed, and the clock is to go on
        total = current.steps * (1 + END_SHARE)
        self._bars.update(bar, total=total, completed=current.step, facts=", ".join(parts))


@contextmanager
def display(
    plan: Plan, foretold: Mapping[str, float] | None = None, guessed: Mapping[str, float] | None = None
) -> Iterator[Listener]:
    """A listener that shows a run while the context lasts.

    Args:
        plan: the plan.
        foretold: seconds that trials are expected to take, by id.
        guessed: the same where it is a rough guess, of which only how trials compare is used.

    Yields:
        The listener.
    """
    out = console(stderr=True)
    tracker = Tracker(plan)
    ids = {trial.id: trial for trial in plan.trials} if foretold or guessed else {}
    for trial_id, seconds in (foretold or {}).items():
        tracker.estimate.foretell(ids[trial_id], seconds)
    for trial_id, seconds in (guessed or {}).items():
        tracker.estimate.guess(ids[trial_id], seconds)
    if not out.is_terminal:
        yield Lines(tracker, out)
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
        TextColumn("{task.fields[facts]}", markup=False),
    )
    with Progress(*columns, console=out, transient=True, refresh_per_second=4) as bars:
        yield Live(tracker, bars)
