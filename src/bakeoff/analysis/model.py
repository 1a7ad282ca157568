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

ANALYSIS_VERSION = 2


def _number_or_none(value: Any) -> float | None:
    return None if value is None else number(value)


Number = Annotated[float, BeforeValidator(number)]
"""A number that may be "nan", "inf" or "-inf" in the file."""
MaybeNumber = Annotated[float | None, BeforeValidator(_number_or_none)]
"""The same, or None where there is none to tell."""
StoredState = Annotated[State, BeforeValidator(State)]
Split = Literal["validation", "test"]
FindingKind = Literal["not-finite", "collapsed", "no-skill", "probabilities-off", "unsure"]
FlagKind = Literal[FindingKind, "incomplete", "unfinished", "below-simple"]


class Calibration(Spec):
    """Whether probabilities mean what they say; all N · L decisions of a split together.

    Attributes:
        counts: decisions by bin of probability, bins of equal width from 0 to 1, [B].
        said: their mean probability, 0 for an empty bin, [B].
        true: share of them that hold, 0 for an empty bin, [B].
        error: expected calibration error: mean distance of `said` from `true`, over decisions.
        scaled_error: the same after the logits were divided by the temperature.
        mean_probability: mean of all probabilities.
        prevalence: share of all decisions that hold.
        entropy: how unsure the model is: entropy of yes against no, bits, the mean over decisions.
    """

    counts: list[int]
    said: list[Number]
    true: list[Number]
    error: Number
    scaled_error: Number
    mean_probability: Number
    prevalence: Number
    entropy: Number


class LabelScores(Spec):
    """Scores of each label.

    Attributes:
        f1: F1 at the rule of the task's metric (at the tuned threshold, if that metric needs none), [L].
        precision: precision there, [L].
        recall: recall there, [L].
        own_f1: F1 at the label's own threshold, [L].
        average_precision: average precision, which needs no threshold, [L].
    """

    f1: list[Number]
    precision: list[Number]
    recall: list[Number]
    own_f1: list[Number]
    average_precision: list[Number]


class SplitScores(Spec):
    """Scores of one trial on one split.

    Attributes:
        examples: N.
        labels_per_example: labels that an example bears, the mean.
        finite: whether every output is a finite number; if not, every score is nan.
        not_finite: outputs that are not.
        constant: whether no label's probability varies by 0.001 over the examples.
        spread: widest range of a label's probability over examples; nan if outputs are not finite.
        predicted_per_example: labels that an example is given, the mean, by threshold rule.
        scores: score by threshold rule (`0.1` … `0.9`, `tuned`, `per-label`; `none` for metrics that need no threshold)
            and metric.
        labels: scores of each label.
        calibration: whether probabilities mean what they say; None if outputs are not finite.
    """

    examples: int
    labels_per_example: Number
    finite: bool
    not_finite: int
    constant: bool
    spread: Number
    predicted_per_example: dict[str, Number]
    scores: dict[str, dict[str, Number]]
    labels: LabelScores
    calibration: Calibration | None


class Tuning(Spec):
    """What was fitted on a trial's validation outputs, and by how much that flatters.

    Attributes:
        metric: the metric that thresholds were tuned for.
        threshold: the one for all labels.
        label_thresholds: one a label, shrunk towards it, [L].
        unshrunk: the best of each label on validation, [L].
        kappa: how strongly they were shrunk: weight P / (P + kappa) for P positives; "inf" is the one for all.
        folds: folds of the cross-validation within validation; 0 if there were too few examples.
        optimism: by how much the metric is better on validation than cross-validated within it, by rule (`tuned`,
            `per-label`); nan without a cross-validation.
        gap: by how much the metric is better on validation than on test, by rule; empty while test stays closed.
        temperature: what logits are divided by so that validation's log loss is least.
    """

    metric: str
    threshold: Number
    label_thresholds: list[Number]
    unshrunk: list[Number]
    kappa: Number
    folds: int
    optimism: dict[str, Number]
    gap: dict[str, Number]
    temperature: Number


class Finding(Spec):
    """Something that was recognised in a trial's outputs.

    Attributes:
        kind: what sort of thing: outputs that are not finite; collapsed into a constant; no better than the best constant
            answer; probabilities that are off; or calibrated, but never sure.
        text: what it is, in words.
        evidence: the numbers that it was recognised by, in words.
    """

    kind: FindingKind
    text: str
    evidence: str


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
        tuning: what was fitted on its validation outputs; None if it is not complete.
        findings: what was recognised in its outputs on the split that ranks.
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
    tuning: Tuning | None = None
    findings: list[Finding] = Field(default_factory=list)
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
        text: what it is, in words.
        evidence: the numbers that it was recognised by, in words; empty where the text says it all.
    """

    kind: FlagKind
    text: str
    evidence: str = ""


class RecipeCalibration(Spec):
    """Whether a recipe's probabilities mean what they say, on the split that ranks, over seeds with finite outputs.

    Attributes:
        counts: decisions by bin of probability, all seeds together, [B].
        said: their mean probability, [B].
        true: share of them that hold, [B].
        error: expected calibration error.
        scaled_error: the same after the logits were divided by the trial's temperature.
        temperature: fitted on validation.
        mean_probability: mean of all probabilities.
        prevalence: share of all decisions that hold.
        entropy: how unsure the model is, bits.
    """

    counts: list[int]
    said: list[Number]
    true: list[Number]
    error: Summary
    scaled_error: Summary
    temperature: Summary
    mean_probability: Summary
    prevalence: Number
    entropy: Summary


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
        predicted: labels that an example is given, the mean over seeds, by split and threshold rule.
        labels: scores of each label, the mean over seeds, on the split that ranks; None without a score.
        label_thresholds: each label's own threshold, the mean over seeds on the logit scale, [L].
        calibration: whether probabilities mean what they say; None without finite outputs.
        optimism: by how much tuned thresholds flatter on validation, cross-validated within it, over seeds, by rule.
        gap: by how much scores on validation are better than on test, by rule; empty while test stays closed.
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
    predicted: dict[str, dict[str, Summary]]
    labels: LabelScores | None
    label_thresholds: list[Number]
    calibration: RecipeCalibration | None
    optimism: dict[str, Summary]
    gap: dict[str, Summary]
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
        proposals: settings that were tried to arrive at this recipe, this one included: as the study declares, else by
            its sweep, else 1.
        tuned: where and how, as the study declares; empty otherwise.
        settings: every setting as text by dotted key.
        differences: settings that differ from the reference recipe's.
    """

    name: str
    simple: bool
    proposals: int
    tuned: str
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
        rare: whether a label has too few positives for a score of its own to mean much, by split, [L].
        rare_below: positives below which a label is rare.
        imbalance: positives of the most frequent label over those of the rarest that has any, by split.
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
        simple: the best recipe without a pretrained model, or empty.
        leader: the recipe that leads; empty if none has a score.
        no_skill: what the best constant answer scores in the task's metric, by split.
        label_ranges: labels by how far recipes lie apart on them, the farthest first; empty for fewer than two recipes.
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
    no_skill: dict[str, Number]
    label_ranges: list[LabelRange]
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
