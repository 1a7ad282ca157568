"""Trials that are made of others: which wait for which, whose models are still needed, and whose results have come apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bakeoff.records.files import sha256_file
from bakeoff.records.paths import RunFolder
from bakeoff.records.results import Result, read_complete
from bakeoff.records.specs import TrialSpec
from bakeoff.study.lineage import reads_models

MADE_FROM = "made_from"
"""Where a result says which results it was made from: their hashes, by trial id."""


def models_read(trials: Iterable[TrialSpec]) -> set[str]:
    """Trials whose models others of the plan read.

    Args:
        trials: of the plan.

    Returns:
        Their ids.
    """
    return {source for trial in trials if trial.made_of and reads_models(trial.recipe.method) for source in trial.made_of}


def readers(run: RunFolder, trials: Sequence[TrialSpec]) -> dict[str, set[str]]:
    """Who still has to read the model of a trial.

    Args:
        run: the run folder.
        trials: of the plan.

    Returns:
        Ids of trials that are not complete, by the id of the trial whose model they read.
    """
    found: dict[str, set[str]] = {}
    for trial in trials:
        if not trial.made_of or not reads_models(trial.recipe.method):
            continue
        if read_complete(run.trial(trial.id), trial.definition_hash) is None:
            for source in trial.made_of:
                found.setdefault(source, set()).add(trial.id)
    return found


def lacking(run: RunFolder, trial: TrialSpec) -> str:
    """Why a trial cannot be made of what is there.

    Args:
        run: the run folder.
        trial: the trial.

    Returns:
        The reason; empty if every trial that it is made of is complete, with its model where that is read.
    """
    for source, definition in trial.made_of.items():
        folder = run.trial(source)
        if read_complete(folder, definition) is None:
            return f"it is made of {source}, which is not complete"
        if reads_models(trial.recipe.method) and not folder.model.is_dir():
            return f"it reads the model of {source}, which was not kept: `keep: all`, and a new run"
    return ""


def came_apart(run: RunFolder, trial: TrialSpec, result: Result) -> str:
    """Whether a trial was made of results that are others by now.

    Args:
        run: the run folder.
        trial: the trial.
        result: its result.

    Returns:
        The trial whose result has changed since; empty if none has.
    """
    made_from: Mapping[str, str] = result.training.get(MADE_FROM, {})
    for source in trial.made_of:
        path = run.trial(source).result
        if path.is_file() and made_from.get(source) != sha256_file(path):
            return source
    return ""
