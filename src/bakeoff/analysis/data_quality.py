"""What an analysis says of a task's data: the card and the audit that the run kept, treatments, and what samplings drew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import TypeVar

from bakeoff.analysis.folder import TrialRecord
from bakeoff.analysis.trial_model import Number
from bakeoff.errors import FormatError
from bakeoff.records.audits import Audit
from bakeoff.records.data_cards import DataCard, treatment_words
from bakeoff.records.paths import RunFolder
from bakeoff.records.specs import Spec, TaskSpec

AnyRecord = TypeVar("AnyRecord", Audit, DataCard)


class DrawnLabels(Spec):
    """How often the sampling of a recipe drew each label.

    Attributes:
        recipe: the recipe.
        sampling: the sampling's name.
        examples: examples that an epoch draws, repeats counted.
        counts: training examples that bear each label, [L].
        aims: how often an epoch is meant to draw it, [L].
        realised: how often epochs did, the mean over epochs and seeds, [L].
    """

    recipe: str
    sampling: str
    examples: int
    counts: list[int]
    aims: list[int]
    realised: list[Number]


def read_audit(run: RunFolder, task: TaskSpec) -> Audit | None:
    """The audit of a task's data.

    Args:
        run: the run folder.
        task: the task.

    Returns:
        The audit; None where the run has none that can be read, or has that of other data.
    """
    return _of_the_same_data(Audit, run.audit(task.name), task)


def read_card(run: RunFolder, task: TaskSpec) -> DataCard | None:
    """The card of a task's data.

    Args:
        run: the run folder.
        task: the task.

    Returns:
        The card; None where the run has none that can be read, or has that of other data.
    """
    return _of_the_same_data(DataCard, run.card(task.name), task)


def _of_the_same_data(kind: type[AnyRecord], path: Path, task: TaskSpec) -> AnyRecord | None:
    try:
        found = kind.read(path)
    except (FormatError, ValueError):
        return None
    return found if found.fingerprint == task.fingerprint else None


def treatments_of(records: Sequence[TrialRecord]) -> dict[str, str]:
    """What each recipe does to the training examples, in words.

    Args:
        records: of the trials of a task, in the order of the plan.

    Returns:
        Words by recipe.
    """
    specs = [record.spec for record in records]
    return {spec.recipe.name: treatment_words(spec.recipe.treatment, spec.task.train_limit) for spec in specs}


def drawn_labels(records: Sequence[TrialRecord]) -> list[DrawnLabels]:
    """What samplings drew.

    Args:
        records: of the trials of a task, in the order of the plan.

    Returns:
        A line a recipe with a sampling of which a trial completed.
    """
    found: dict[str, list[Mapping[str, list[int] | int]]] = {}
    names = {}
    for record in records:
        treatment = record.spec.recipe.treatment
        if record.result is None or treatment is None or treatment.sampling is None or "drawn" not in record.result.training:
            continue
        names[record.spec.recipe.name] = treatment.sampling.name
        found.setdefault(record.spec.recipe.name, []).append(record.result.training["drawn"])
    return [
        DrawnLabels.model_validate(
            {
                "recipe": recipe,
                "sampling": names[recipe],
                **{key: drawn[0][key] for key in ("examples", "counts", "aims")},
                "realised": [fmean(values) for values in zip(*(one["realised"] for one in drawn), strict=True)],
            }
        )
        for recipe, drawn in found.items()
    ]
