"""What an analysis says of a task with several sources: each recipe on each source, and what a source gives and takes."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from bakeoff.analysis.trial_model import Number
from bakeoff.records.specs import Spec


class SourceScore(Spec):
    """One recipe on one source: a cell of the cross-domain matrix.

    Attributes:
        recipe: the recipe.
        source: the source that it is tested on.
        trained: whether the recipe is trained on that source.
        each: the score at each seed.
        mean: their mean; nan if a trial has no score.
    """

    recipe: str
    source: str
    trained: bool
    each: list[Number]
    mean: Number


class SourceContrast(Spec):
    """How far two recipes lie apart on one source.

    Attributes:
        recipe: one of them.
        rival: the other.
        source: the source that they are tested on.
        added: the one source that the recipe is trained on and the rival is not, where that is all in which they differ; else
            empty.
        value: by how much the recipe is better.
        low: lower end of the 95 % interval.
        high: upper end.
        p: two-sided p-value.
        corrected: the same after Holm over all contrasts of the task's sources.
        direction: better, worse, or undecided.
    """

    recipe: str
    rival: str
    source: str
    added: str
    value: Number
    low: Number
    high: Number
    p: Number
    corrected: Number
    direction: Literal["better", "worse", "undecided"]


class TaskSources(Spec):
    """A task whose test set has several sources. Exploratory: no claim rests on it.

    Attributes:
        task: its name.
        metric: in which metric, at the thresholds that the trials tuned on validation; over the labels that a source annotates.
        names: the sources.
        examples: test examples of each, [S].
        labels: labels that each annotates, [S].
        scores: every recipe on every source.
        contrasts: every recipe with the reference, and each two recipes that differ in one source, on every source.
        warnings: what a reader must know.
    """

    task: str
    metric: str
    names: list[str]
    examples: list[int]
    labels: list[int]
    scores: list[SourceScore]
    contrasts: list[SourceContrast]
    warnings: list[str] = Field(default_factory=list)
