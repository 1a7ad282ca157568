"""The Analysis: everything that a report says, as strict data. `analysis.json` is this and nothing else.

Analysing adds no wall-clock time and no path to what the run folder tells, so that one run folder gives the same bytes
whenever and wherever it is analysed.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from bakeoff.records.files import number
from bakeoff.records.results import State
from bakeoff.records.specs import Spec

ANALYSIS_VERSION = 1


def _number_or_none(value: Any) -> float | None:
    return None if value is None else number(value)


Number = Annotated[float, BeforeValidator(number)]
"""A number that may be "nan", "inf" or "-inf" in the file."""
MaybeNumber = Annotated[float | None, BeforeValidator(_number_or_none)]
"""The same, or None where there is none to tell."""
StoredState = Annotated[State, BeforeValidator(State)]
Split = Literal["validation", "test"]
FlagKind = Literal["incomplete", "unfinished", "collapsed", "not-finite", "below-simple"]


class SplitScores(Spec):
    """Scores of one trial on one split.

    Attributes:
        examples: N.
        labels_per_example: labels that an example bears, the mean.
        finite: whether every output is a finite number; if not, every score is nan.
        constant: whether the outputs are the same for every example (the model has collapsed).
        predicted_per_example: labels that an example is given, the mean, by threshold rule.
        scores: score by threshold rule (`0.1` … `0.9`, `tuned`, `per-label`) and metric.
        label_f1: F1 of each label at the rule of the task's metric, [L].
    """

    examples: int
    labels_per_example: Number
    finite: bool
    constant: bool
    predicted_per_example: dict[str, Number]
    scores: dict[str, dict[str, Number]]
    label_f1: list[Number]


class Validated(Spec):
    """One validation during training.

    Attributes:
        step: optimizer steps made.
        epoch: passes over the training examples made.
        loss: mean training loss since the validation before.
        scores: what was found, by metric.
    """

    step: int
    epoch: MaybeNumber
    loss: MaybeNumber
    scores: dict[str, Number]


class TrialAnalysis(Spec):
    """One trial.

    Attributes:
        id: its id.
        task: the task's name.
        recipe: the recipe's name.
        seed: its seed.
        state: how it stands; `complete` only if its result verifies.
        reason: why it failed, or empty.
        where: what the reason is about.
        remedy: what to do next.
        attempt: number of the last attempt.
        last_lines: end of the console log of a trial that failed.
        log: its console log, relative to the run folder.
        again: command that runs this trial again.
        validation: scores on validation; None if it is not complete.
        test: scores on test; None if it is not complete, or test stays closed.
        threshold: the threshold for all labels, tuned on this trial's validation outputs.
        label_thresholds: one threshold a label, tuned likewise, [L].
        history: validations during training.
        curve_steps: optimizer steps at which the training loss was logged (at most 200 points).
        curve_loss: the loss there.
        seconds: duration of the last attempt, or None if unknown.
        peak_bytes: largest resident memory, or None if unknown.
        attempts: attempts made, or None if unknown.
        machine: what it ran on, in words by key.
        environment: versions and hardware, in words by key.
        deviations: what the machine forced.
        notes: files of the trial that could not be read.
    """

    id: str
    task: str
    recipe: str
    seed: int
    state: StoredState
    reason: str = ""
    where: str = ""
    remedy: str = ""
    attempt: int = 0
    last_lines: list[str] = Field(default_factory=list)
    log: str = ""
    again: str = ""
    validation: SplitScores | None = None
    test: SplitScores | None = None
    threshold: MaybeNumber = None
    label_thresholds: list[Number] = Field(default_factory=list)
    history: list[Validated] = Field(default_factory=list)
    curve_steps: list[int] = Field(default_factory=list)
    curve_loss: list[Number] = Field(default_factory=list)
    seconds: MaybeNumber = None
    peak_bytes: int | None = None
    attempts: int | None = None
    machine: dict[str, str] = Field(default_factory=dict)
    environment: dict[str, str] = Field(default_factory=dict)
    deviations: list[str] = Field(default_factory=list)
    notes: list[str] = Field(default_factory=list)


class Summary(Spec):
    """A score over the seeds of a recipe that completed.

    Attributes:
        mean: the mean; nan without a score, or if one is nan.
        sd: standard deviation with n - 1 in the denominator; nan for fewer than two scores.
        n: scores that it is made of.
    """

    mean: Number
    sd: Number
    n: int


class SeedScore(Spec):
    """The score that ranks, for one seed.

    Attributes:
        seed: the seed.
        trial: the trial's id.
        state: how that trial stands.
        score: its score, or None if it has none.
    """

    seed: int
    trial: str
    state: StoredState
    score: MaybeNumber


class Flag(Spec):
    """Something that a reader of a recipe's score must know.

    Attributes:
        kind: what sort of thing.
        text: the sentence.
    """

    kind: FlagKind
    text: str


class Standing(Spec):
    """One recipe on one task.

    Attributes:
        recipe: its name.
        rank: place by the task's metric, from 1; 0 if it has no score or if trials of it failed.
        planned: trials in the plan.
        complete: trials that completed.
        failed: trials that ended without completing.
        seeds: the score of each seed.
        score: the score that ranks, over seeds.
        difference: its mean minus that of the reference recipe; None without one.
        validation: scores on validation over seeds, by threshold rule and metric.
        test: the same on test; empty while test stays closed.
        label_f1: F1 of each label over seeds, the mean, [L], on the split that ranks.
        flags: what a reader must know.
    """

    recipe: str
    rank: int
    planned: int
    complete: int
    failed: int
    seeds: list[SeedScore]
    score: Summary
    difference: MaybeNumber
    validation: dict[str, dict[str, Summary]]
    test: dict[str, dict[str, Summary]]
    label_f1: list[Number]
    flags: list[Flag]


class Difference(Spec):
    """A setting in which a recipe differs from the reference recipe.

    Attributes:
        key: dotted key.
        here: its value in the recipe; empty if it has no such setting.
        there: its value in the reference recipe; empty if it has no such setting.
    """

    key: str
    here: str
    there: str


class RecipeFacts(Spec):
    """What a recipe is on one task.

    Attributes:
        name: its name.
        simple: whether it uses no pretrained model: a baseline that models have to beat.
        settings: every setting as text by dotted key.
        differences: settings that differ from the reference recipe's.
    """

    name: str
    simple: bool
    settings: dict[str, str]
    differences: list[Difference]


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


class TaskAnalysis(Spec):
    """One task.

    Attributes:
        name: its name.
        kind: the kind of task.
        metric: the metric as the study declares it.
        bare_metric: the metric without a threshold.
        rule: the threshold rule of the metric: `tuned`, or a fixed threshold.
        higher_is_better: the metric's direction.
        split: what the ranking is made on: test, or validation while trials are still to run.
        data: the data.
        reference: the recipe that others are compared with: the declared baseline, else the best simple recipe.
        reference_is_declared: whether the study declared it.
        simple: the best recipe without a pretrained model, or empty.
        leader: the recipe that leads; empty if none has a score.
        standings: recipes in order of their score, those without a rank last.
        recipes: what each recipe is, in the order of the plan.
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
    standings: list[Standing]
    recipes: list[RecipeFacts]


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
        status: what this version says of it.
    """

    text: str
    status: Literal["not yet judged by this version"] = "not yet judged by this version"


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
