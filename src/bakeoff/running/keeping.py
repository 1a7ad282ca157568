"""Which trained models stay: models are large, and a study says which it wants (`keep`). Checkpoints never outlive a result."""

from __future__ import annotations

import math
import shutil

from bakeoff.records.files import number
from bakeoff.records.paths import TrialFolder
from bakeoff.records.results import Result
from bakeoff.records.specs import TrialSpec
from bakeoff.running.lineage import readers
from bakeoff.running.plan_run import RunOrder

Group = tuple[str, str]


def validation_score(trial: TrialSpec, result: Result) -> float | None:
    """The task's metric on validation.

    Args:
        trial: the trial.
        result: its result.

    Returns:
        The score; None if the result does not hold that metric.
    """
    value = result.validation.get(trial.task.metric)
    return None if value is None else number(value)


def drop_checkpoints(folder: TrialFolder) -> None:
    """Remove the checkpoints of a trial that is complete: nobody goes on from them.

    Args:
        folder: the trial's folder.
    """
    for attempt in folder.attempt_numbers():
        checkpoints = folder.attempt(attempt).checkpoints
        if checkpoints.is_dir():
            shutil.rmtree(checkpoints)


class Keeper:
    """Removes the models that the study does not want to keep, as trials complete.

    `best` keeps the best seed of each recipe on each task, `winner` the best trial of each task, by the task's metric on
    validation and its direction; of equals the first that completed. A model that a result's manifest names is never removed,
    and one that other trials read only once these are complete.

    Args:
        order: the run.
    """

    def __init__(self, order: RunOrder) -> None:
        self._order = order
        self._best: dict[Group, tuple[float, str]] = {}
        self._readers = readers(order.run, order.plan.trials)
        self._unwanted: set[str] = set()

    def take(self, trial: TrialSpec, trial_id: str, result: Result) -> float | None:
        """Take note of a complete trial, and remove the model that is wanted no more.

        Args:
            trial: the trial.
            trial_id: its id.
            result: its result.

        Returns:
            Its validation score; None if it has none (its model then stays).
        """
        for source in trial.made_of:
            self._readers.get(source, set()).discard(trial_id)
            if source in self._unwanted:
                self._drop(source)
        score = validation_score(trial, result)
        if score is None or self._order.keep == "all":
            return score
        loser = trial_id if self._order.keep == "none" else self._loser(trial, trial_id, score)
        if loser:
            self._drop(loser)
        return score

    def _loser(self, trial: TrialSpec, trial_id: str, score: float) -> str:
        lower = trial.task.metric.partition("@")[0] in self._order.lower_is_better
        # what is not a number is worse than everything
        value = float("-inf") if math.isnan(score) else -score if lower else score
        group = (trial.task.name, trial.recipe.name if self._order.keep == "best" else "")
        before = self._best.get(group)
        if before is not None and value <= before[0]:
            return trial_id
        self._best[group] = (value, trial_id)
        return before[1] if before else ""

    def _drop(self, trial_id: str) -> None:
        self._unwanted.add(trial_id)
        if self._readers.get(trial_id):
            return  # once those that are made of it are complete
        folder = self._order.run.trial(trial_id)
        if folder.model.is_dir() and not _belongs(Result.read(folder.result)):
            shutil.rmtree(folder.model)


def _belongs(result: Result) -> bool:
    return any(name.startswith("model/") for name in result.manifest)
