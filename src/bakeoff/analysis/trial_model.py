"""What an analysis says of one trial: scores by split and threshold, what was fitted and recognised, how training went."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from bakeoff.records.files import number
from bakeoff.records.results import State
from bakeoff.records.specs import Spec


def _number_or_none(value: Any) -> float | None:
    return None if value is None else number(value)


def _state(value: Any) -> State:
    # not the class itself: from Python 3.12 on its signature tells pydantic nothing
    return State(value)


Number = Annotated[float, BeforeValidator(number)]
"""A number that may be "nan", "inf" or "-inf" in the file."""
MaybeNumber = Annotated[float | None, BeforeValidator(_number_or_none)]
"""The same, or None where there is none to tell."""
StoredState = Annotated[State, BeforeValidator(_state)]
Split = Literal["validation", "test"]
FindingKind = Literal["not-finite", "collapsed", "no-skill", "probabilities-off", "unsure"]


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


class GradientHealth(Spec):
    """How a trial's gradients and weights moved in training.

    Attributes:
        skipped_steps: steps whose loss or gradient was not finite.
        dead_share: share of steps with next to no gradient.
        exploding_share: share of steps with a gradient far above those before.
        norm_median: median of the gradient's norm before clipping.
        norm_p95: its 95th percentile.
        norm_max: its largest value.
        head_update: size of a step's change beside that of the head's weights, the median over what was logged; None if
            nothing was.
        body_update: the same of the model's body.
        constant_since: step since which outputs were the same for every example, to the end; None if they were not.
        flat_since: step since which the loss was that of a constant answer, to the end; None if it was not.
    """

    skipped_steps: int
    dead_share: Number
    exploding_share: Number
    norm_median: Number
    norm_p95: Number
    norm_max: Number
    head_update: MaybeNumber = None
    body_update: MaybeNumber = None
    constant_since: int | None = None
    flat_since: int | None = None


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
        health: how gradients and weights moved; None if it trained no network, or did not complete.
        warnings: what was said of its training while it ran.
        history: validations during training.
        curve_steps: optimizer steps at which the training loss was logged (at most 200 points).
        curve_loss: the loss there.
        seconds: duration of the last attempt, or None if unknown.
        peak_bytes: most memory held on its GPU, or largest resident memory without one; None if unknown.
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
    health: GradientHealth | None = None
    warnings: list[str] = Field(default_factory=list)
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
