"""The Analysis: everything that a report says, as strict data. `analysis.json` is this and nothing else.

Analysing adds no wall-clock time and no path to what the run folder tells, so that one run folder gives the same bytes
whenever and wherever it is analysed.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from bakeoff.analysis.data_quality import DrawnLabels
from bakeoff.analysis.funnel_model import Funnel
from bakeoff.analysis.recipe_model import RecipeFacts, Standing
from bakeoff.analysis.searches_model import SearchFacts
from bakeoff.analysis.trial_model import Number, Split, TrialAnalysis
from bakeoff.analysis.verdict_model import Conclusions
from bakeoff.records.audits import Audit
from bakeoff.records.data_cards import DataCard
from bakeoff.records.specs import Spec

ANALYSIS_VERSION = 3


class DataFacts(Spec):
    """The data of a task.

    Attributes:
        dataset: name of the dataset.
        fingerprint: hash of its content.
        summary: what it is; empty if no card is known.
        source: where it is from.
        terms: licence and owner.
        data_seed: governs which examples the limits draw.
        max_length: tokens kept of a text.
        limits: examples drawn by split; None means all.
        sizes: examples used by split, where a trial tells.
        labels: label names, L of them.
        positives: examples that bear each label, by split, [L].
        rare: whether a label has too few positives for a score of its own to mean much, by split, [L].
        rare_below: positives below which a label is rare.
        imbalance: positives of the most frequent label over those of the rarest that has any, by split.
        sources: the sources that the data are put together of; empty where there is one.
        long_text: what is done with texts of more than `max_length` tokens: `truncate`, `head-tail` or `windows`.
    """

    dataset: str
    fingerprint: str
    summary: str
    source: str
    terms: str
    data_seed: int
    max_length: int
    limits: dict[str, int | None]
    sizes: dict[str, int]
    labels: list[str]
    positives: dict[str, list[int]]
    rare: dict[str, list[bool]]
    rare_below: int
    imbalance: dict[str, Number]
    sources: list[str] = Field(default_factory=list)
    long_text: Literal["truncate", "head-tail", "windows"] = "truncate"


class LabelRange(Spec):
    """How far recipes lie apart on one label, on the split that ranks.

    Attributes:
        label: its name.
        place: its place among the labels, from 0.
        range: F1 of the best recipe minus that of the worst, means over seeds.
        best: the best recipe.
        best_f1: its F1.
        worst: the worst recipe.
        worst_f1: its F1.
    """

    label: str
    place: int
    range: Number
    best: str
    best_f1: Number
    worst: str
    worst_f1: Number


class MissedExample(Spec):
    """An example of a rare label that recipes miss, on the split that ranks. Its text is not here: see `report --texts`.

    Attributes:
        id: the example's id.
        label: the label that it bears and is not given.
        kind: `missed` if of all that bear the label most trials miss this one; `disputed` if recipes disagree most on it.
        missed: share of trials that miss the label, the mean over recipes.
        by_recipe: share of a recipe's seeds that miss it.
        labels: every label that it bears.
    """

    id: str
    label: str
    kind: Literal["missed", "disputed"]
    missed: Number
    by_recipe: dict[str, Number]
    labels: list[str]


class TaskAnalysis(Spec):
    """One task.

    Attributes:
        name: its name.
        kind: the kind of task.
        metric: the metric as the study declares it.
        bare_metric: the metric without a threshold.
        rule: the threshold rule of the metric: `tuned`, a fixed threshold, or `none` if it needs none.
        higher_is_better: the metric's direction.
        split: what the ranking is made on: test, or validation while trials are still to run.
        data: the data.
        reference: the recipe that others are compared with: the declared baseline, else the best simple recipe.
        reference_is_declared: whether the study declared it.
        simple: the best of the simple recipes, or empty.
        leader: the recipe that leads; empty if none has a score.
        no_skill: what the best constant answer scores in the task's metric, by split.
        label_ranges: labels by how far recipes lie apart on them, the farthest first; empty for fewer than two recipes.
        standings: recipes in order of their score, those without a rank last.
        recipes: what each recipe is, in the order of the plan.
        missed: examples of the rarest labels that recipes miss or disagree on, the rarest label first.
        audit: what is known to be wrong with the data; None if they were not audited.
        card: what the data are; None where the run has not kept it.
        treatments: what each recipe does to the training examples, in words, by recipe.
        drawn: how often samplings drew each label, a line a recipe that has one.
    """

    name: str
    kind: str
    metric: str
    bare_metric: str
    rule: str
    higher_is_better: bool
    split: Split
    data: DataFacts
    reference: str
    reference_is_declared: bool
    simple: str
    leader: str
    no_skill: dict[str, Number]
    label_ranges: list[LabelRange]
    standings: list[Standing]
    recipes: list[RecipeFacts]
    missed: list[MissedExample] = Field(default_factory=list)
    audit: Audit | None = None
    card: DataCard | None = None
    treatments: dict[str, str] = Field(default_factory=dict)
    drawn: list[DrawnLabels] = Field(default_factory=list)


class Environment(Spec):
    """A machine with its versions.

    Attributes:
        facts: words by key.
        trials: trials that ran there.
    """

    facts: dict[str, str]
    trials: list[str]


class Claim(Spec):
    """A claim of the study.

    Attributes:
        text: as the study says it.
        status: its answer; not answered while test stays closed.
    """

    text: str
    status: Literal["supported", "refuted", "undecided", "not answered"] = "not answered"


class Command(Spec):
    """A command line.

    Attributes:
        purpose: what it is for.
        line: to be typed in the run folder.
    """

    purpose: str
    line: str


class Analysis(Spec):
    """One analysis of one run.

    Attributes:
        study: the study's name.
        profile: the chosen profile, or empty.
        phase: the phase that is analysed.
        finished: whether every planned trial has ended.
        opened: whether test was opened.
        looks: different sets of trials whose test scores were opened so far, this one included.
        counts: trials by state, states without a trial left out.
        tasks: a part for each task.
        trials: every planned trial, in the order of the plan.
        environments: machines and versions.
        claims: the study's claims.
        conclusions: what follows from the test scores, or from a gate that stopped the study; null while test stays closed.
        searches: what sweeps tried and found, a search a recipe and task.
        funnel: how the study was narrowed down; null for one without phases, and before its first has ended.
        commands: how to do it again, to be typed in the run folder.
        notes: what of the run folder could not be read.
        inputs: hash of each file that this was made from, by path in the run folder.
    """

    study: str
    profile: str
    phase: str
    finished: bool
    opened: bool
    looks: int
    counts: dict[str, int]
    tasks: list[TaskAnalysis]
    trials: list[TrialAnalysis]
    environments: list[Environment]
    claims: list[Claim]
    commands: list[Command]
    notes: list[str]
    inputs: dict[str, str]
    conclusions: Conclusions | None = None
    searches: list[SearchFacts] = Field(default_factory=list)
    funnel: Funnel | None = None
