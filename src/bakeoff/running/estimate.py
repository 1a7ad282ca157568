"""How long it will still take, from how long things took so far."""

from __future__ import annotations

from collections import defaultdict

from bakeoff.records.specs import TrialSpec

Group = tuple[str, str]
SURPRISING = 0.5
"""Share of what was foretold by which a trial must differ for it to be said."""


class Estimate:
    """Learns the duration of trials by task and recipe, and adds up what is left."""

    def __init__(self) -> None:
        self._seen: dict[Group, list[float]] = defaultdict(list)
        self._foretold: dict[Group, float] = {}
        self._guessed: dict[Group, float] = {}
        self._surprising: set[Group] = set()

    def foretell(self, trial: TrialSpec, seconds: float) -> None:
        """Take note of what a trial is expected to take, before any like it was seen.

        Args:
            trial: the trial.
            seconds: how long it is expected to take.
        """
        self._foretold[_group(trial)] = seconds

    def guess(self, trial: TrialSpec, seconds: float) -> None:
        """Take note of what a trial may take where nothing like it was measured: only how it compares with others is used.

        Args:
            trial: the trial.
            seconds: a rough guess.
        """
        self._guessed[_group(trial)] = seconds

    def surprise(self, trial: TrialSpec, seconds: float) -> float | None:
        """What was foretold for a trial, if it took longer or shorter by more than half of that; once a recipe on a task.

        Args:
            trial: the trial, which has ended.
            seconds: how long it took.

        Returns:
            The foretold seconds; None if they were about right, were not told, or this was said before.
        """
        group = _group(trial)
        foretold = self._foretold.get(group)
        if foretold is None or group in self._surprising or abs(seconds - foretold) <= SURPRISING * foretold:
            return None
        self._surprising.add(group)
        return foretold

    def learn(self, trial: TrialSpec, seconds: float) -> None:
        """Take note of a completed trial.

        Args:
            trial: the trial.
            seconds: how long it took.
        """
        self._seen[_group(trial)].append(seconds)

    def of(self, trial: TrialSpec, guess: float | None = None) -> float | None:
        """What a trial will take.

        Args:
            trial: the trial.
            guess: what to say before anything was seen.

        Returns:
            Seconds: the mean of its recipe on its task; else what was foretold, mended by how the foretold ones seen so far
            came out; else a rough guess, mended likewise, where any guessed one was seen; else the mean of everything seen;
            else the guess.
        """
        group = _group(trial)
        if group not in self._seen and group in self._foretold:
            return self._foretold[group] * (self._ratio(self._foretold) or 1.0)
        if group not in self._seen and group in self._guessed and (ratio := self._ratio(self._guessed)) is not None:
            return self._guessed[group] * ratio
        seen = self._seen.get(_group(trial)) or [seconds for group in self._seen.values() for seconds in group]
        return sum(seen) / len(seen) if seen else guess

    def _ratio(self, told: dict[Group, float]) -> float | None:
        """Time of the trials seen so far over what was told of them; None if none of those was seen."""
        pairs = [(sum(seen) / len(seen), told[group]) for group, seen in self._seen.items() if told.get(group)]
        return sum(seen for seen, _ in pairs) / sum(said for _, said in pairs) if pairs else None

    def left(self, trials: list[TrialSpec], current: float | None = None, guess: float | None = None) -> float | None:
        """What is left.

        Args:
            trials: those that are not begun.
            current: what is left of the one that runs; None if unknown.
            guess: what one takes, before anything was seen.

        Returns:
            Seconds; None before anything is known.
        """
        each = [self.of(trial, guess) for trial in trials]
        known = [seconds for seconds in each if seconds is not None]
        if len(known) < len(each):
            return None
        if current is None:
            return sum(known) if known else None
        return sum(known) + current


def left_of_trial(step: int, steps: int, seconds: float) -> float | None:
    """What is left of a trial that runs, from its rate so far.

    Args:
        step: steps made.
        steps: steps in all.
        seconds: since the first step.

    Returns:
        Seconds; None before the first step.
    """
    return seconds / step * (steps - step) if step > 0 and steps else None


def _group(trial: TrialSpec) -> Group:
    return trial.task.name, trial.recipe.name
