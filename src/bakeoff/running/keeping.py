"""Which trained models stay: models are large, and a study says which it wants (`keep`)."""

from __future__ import annotations

import shutil

from bakeoff.records.files import number
from bakeoff.records.results import Result
from bakeoff.records.specs import TrialSpec
from bakeoff.running.plan_run import RunOrder


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


def drop_models(order: RunOrder, scores: dict[str, float]) -> list[str]:
    """Remove the models that the study does not want to keep.

    `best` keeps the best seed of each recipe on each task, `winner` the best trial of each task, by the task's metric on
    validation (higher is better). What a result's manifest names is never removed.

    Args:
        order: the run.
        scores: validation score of each complete trial by id.

    Returns:
        Ids of the trials whose model was removed.
    """
    if order.keep == "all":
        return []
    kept = set() if order.keep == "none" else _best(order, scores)
    dropped = []
    for trial in order.plan.trials:
        folder = order.run.trial(trial.id)
        if trial.id in scores and trial.id not in kept and folder.model.is_dir() and not _belongs(Result.read(folder.result)):
            shutil.rmtree(folder.model)
            dropped.append(trial.id)
    return dropped


def _best(order: RunOrder, scores: dict[str, float]) -> set[str]:
    best: dict[tuple[str, str], str] = {}
    for trial in order.plan.trials:
        if trial.id not in scores:
            continue
        group = (trial.task.name, trial.recipe.name if order.keep == "best" else "")
        if group not in best or scores[trial.id] > scores[best[group]]:
            best[group] = trial.id
    return set(best.values())


def _belongs(result: Result) -> bool:
    return any(name.startswith("model/") for name in result.manifest)
