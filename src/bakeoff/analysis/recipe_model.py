"""What an analysis says of one recipe on one task: what it is, and its scores over seeds."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from bakeoff.analysis.trial_model import FindingKind, LabelScores, MaybeNumber, Number, StoredState
from bakeoff.records.specs import Spec

FlagKind = Literal[FindingKind, "incomplete", "unfinished", "below-simple", "deviating"]


class Summary(Spec):
    """A score over the seeds of a recipe that completed.

    Attributes:
        mean: the mean; nan without a score, or if one is nan.
        sd: standard deviation with n - 1 in the denominator; nan for fewer than two scores, and where seeds change nothing.
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
        unchanging: whether all of its seeds gave the same outputs, bit for bit: it has no deviation over seeds.
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
    unchanging: bool
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
        simple: whether its method is a baseline, which fine-tunes no model: others have to beat it.
        deterministic: whether chance has no part in its method, so that every seed gives the same model.
        proposals: settings that were tried to arrive at this recipe, this one included: as the study declares, else by
            its sweep, else 1.
        tuned: where and how, as the study declares; empty otherwise.
        settings: every setting as text by dotted key.
        differences: settings that differ from the reference recipe's.
        sources: of a task with several sources, those that it is trained on.
    """

    name: str
    simple: bool
    deterministic: bool = False
    proposals: int
    tuned: str
    settings: dict[str, str]
    differences: list[Difference]
    sources: list[str] = Field(default_factory=list)
