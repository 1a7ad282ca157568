"""What an analysis concludes: comparisons of recipes, answers to claims, the verdict. Strict data, part of the Analysis.

All of it follows from the run folder by arithmetic that draws nothing at random but groups of examples, by a fixed seed.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from bakeoff.analysis.length_model import TaskLengths
from bakeoff.analysis.recipe_model import Difference
from bakeoff.analysis.source_model import TaskSources
from bakeoff.analysis.trial_model import MaybeNumber, Number
from bakeoff.records.specs import Spec

Answer = Literal["supported", "refuted", "undecided"]
Direction = Literal["better", "worse", "undecided"]
Relevance = Literal["relevant", "negligible", "undecided"]
Colour = Literal["green", "yellow", "red"]


class EffectSize(Spec):
    """An effect size with its interval.

    Attributes:
        value: the estimate.
        low: lower end, 95 %.
        high: upper end.
    """

    value: Number
    low: Number
    high: Number


class Contrast(Spec):
    """How far one recipe is better than another on the test set, in the task's metric.

    Differences are turned so that above 0 is better, whatever the metric's direction.

    Attributes:
        recipe: one recipe.
        rival: the other: the reference recipe where it is one of the two, else the one whose score came out worse.
        claimed: whether a claim of the study compares the two in this metric; if not, the pair is exploratory.
        value: the difference; nan if a trial of either has no score.
        low: lower end of the 95 % interval; infinite with one seed.
        high: upper end.
        wide_low: the same for all pairs together (Bonferroni).
        wide_high: its upper end.
        p: two-sided p-value; 1 where nothing can be decided.
        corrected: the same after Holm over all pairs of the task.
        direction: better, worse or undecided, by the corrected p-value.
        relevance: whether the interval for all pairs together lies inside the region of practical equivalence, outside it,
            or neither.
        ratio: score of the recipe over that of the rival.
        ratio_low: lower end of its 95 % interval.
        ratio_high: upper end.
        seeds: number of seeds of each.
        each: the difference at each seed, where seeds pair the two.
        form: how seeds went in: paired, welch or one-seed.
        pairing: correlation of their scores over seeds; nan where it cannot be computed.
        seed_variance: variance of the difference by seeds.
        example_variance: the same by examples of the test set.
        sensitive_low: lower end of the 95 % interval if the choice of validation examples counts as chance, too; None where
            no threshold is tuned.
        sensitive_high: its upper end.
        hedges: the difference in standard deviations of a seed; None below five seeds.
        improvement: the probability that a seed of the recipe beats a seed of the rival; None below five seeds.
        needed_seeds: seeds that would likely decide it, if the difference is what was seen; None if it is decided, or no
            number would.
        needed_examples: test examples that would.
        differing: settings in which the two differ.
    """

    recipe: str
    rival: str
    claimed: bool
    value: Number
    low: Number
    high: Number
    wide_low: Number
    wide_high: Number
    p: Number
    corrected: Number
    direction: Direction
    relevance: Relevance
    ratio: Number
    ratio_low: Number
    ratio_high: Number
    seeds: list[int]
    each: list[Number]
    form: Literal["paired", "welch", "one-seed"]
    pairing: Number
    seed_variance: Number
    example_variance: Number
    sensitive_low: MaybeNumber = None
    sensitive_high: MaybeNumber = None
    hedges: EffectSize | None = None
    improvement: EffectSize | None = None
    needed_seeds: int | None = None
    needed_examples: int | None = None
    differing: list[Difference] = Field(default_factory=list)


class LabelContrast(Spec):
    """How far two recipes lie apart on one label. Exploratory: no claim rests on it.

    Attributes:
        label: its name.
        value: difference of F1.
        low: lower end of the 95 % interval.
        high: upper end.
        corrected: two-sided p-value after Holm over the labels.
    """

    label: str
    value: Number
    low: Number
    high: Number
    corrected: Number


class OwnScore(Spec):
    """What a recipe is expected to score.

    Attributes:
        recipe: its name.
        mean: over its seeds; nan if a trial has no score.
        low: lower end of the 95 % interval over seeds and test examples, no less than the metric can be; infinite where
            nothing is known.
        high: upper end, no more than the metric can be.
        of: whose score that is: the recipe's, or with one seed that of the one trained model on a fresh test set.
    """

    recipe: str
    mean: Number
    low: Number
    high: Number
    of: Literal["recipe", "model"]


class Smallest(Spec):
    """What this design can see.

    Attributes:
        recipe: one recipe of the pair that it is computed from: the leader's closest comparison with the reference.
        rival: the other.
        difference: the smallest true difference that four of five such studies would show; infinite with one seed.
        comparisons: how many share the error rate.
    """

    recipe: str
    rival: str
    difference: Number
    comparisons: int


class TaskComparison(Spec):
    """All comparisons on one task.

    Attributes:
        task: its name.
        metric: in which metric, at the task's own threshold rule.
        examples: of the test set.
        groups: groups that the jackknife leaves out.
        clusters: independent examples, or clusters of them.
        few_clusters: whether there are so few that intervals deserve a warning.
        scores: what each recipe is expected to score.
        leader: the recipe with the best score among those whose trials all have one; empty if none.
        not_shown_worse: recipes that may be as good as the leader for all that is known, the leader first.
        pairs: every pair.
        label_pair: which two recipes labels are compared for: leader and reference; empty if there are not two.
        labels: their differences label by label, the largest first.
        smallest: what this design can see; None without a pair.
        warnings: what a reader must know before believing differences.
    """

    task: str
    metric: str
    examples: int
    groups: int
    clusters: int
    few_clusters: bool
    scores: list[OwnScore]
    leader: str
    not_shown_worse: list[str]
    pairs: list[Contrast]
    label_pair: list[str] = Field(default_factory=list)
    labels: list[LabelContrast] = Field(default_factory=list)
    smallest: Smallest | None = None
    warnings: list[str] = Field(default_factory=list)


class ClaimPart(Spec):
    """One contrast that a claim rests on: above 0 exactly when its statement holds.

    Attributes:
        says: the statement in words.
        contrast: what is estimated, in words.
        value: the contrast; nan without a score.
        low: lower end of the 95 % interval.
        high: upper end.
        support: one-sided p-value of the statement.
        refute: one-sided p-value of its opposite.
        score: mean score of the recipe over its seeds.
        rival_score: that of the rival, or the reference number.
        wide_low: lower end of the interval that holds together with those of all contrasts of all claims (Bonferroni).
        wide_high: upper end.
        ratio: score over that of a rival that is a recipe.
        ratio_low: lower end of its 95 % interval.
        ratio_high: upper end.
        seeds: seeds of the recipe, and of the rival (0 for a number).
        needed_seeds: seeds that would likely decide it, if the contrast is what was seen; None if none would.
        needed_examples: test examples that would.
        doubt: why its numbers are no evidence, in words: a recipe learned nothing, all its seeds give one result, or it is not
            shown that the comparison could have found a difference; p-values that do not count are then 1. Empty otherwise.
    """

    says: str
    contrast: str
    value: Number
    low: Number
    high: Number
    wide_low: Number
    wide_high: Number
    support: Number
    refute: Number
    score: Number
    rival_score: Number
    ratio: Number
    ratio_low: Number
    ratio_high: Number
    seeds: list[int]
    needed_seeds: int | None = None
    needed_examples: int | None = None
    doubt: str = ""


class ClaimAnswer(Spec):
    """A claim and its answer.

    Attributes:
        text: as the study says it.
        source: `claims`, or the colour of the verdict's rule that it stands in.
        main: whether it is the study's main claim.
        inferential: whether it is about what is expected of recipes; if not, it is an observation and has no p-value.
        answer: supported, refuted or undecided.
        decided_at: seeds at the declared look that gave the answer; None without declared looks, and where it is undecided.
        p: its two-sided p-value; None for an observation.
        corrected: the same after Holm over all inferential claims of the study, its verdict's included.
        reason: why, in words.
        next: what would likely decide it; empty unless undecided.
        parts: the contrasts that it rests on.
    """

    text: str
    source: Literal["claims", "green", "yellow"]
    main: bool
    inferential: bool
    answer: Answer
    decided_at: int | None = None
    p: MaybeNumber
    corrected: MaybeNumber
    reason: str
    next: str = ""
    parts: list[ClaimPart] = Field(default_factory=list)


class Expectation(Spec):
    """A range that was fixed before the run, and what came.

    Attributes:
        recipe: the recipe.
        task: the task.
        metric: the metric.
        low: lowest expected value.
        high: highest expected value.
        score: mean over seeds; nan without one.
        came: where it lies.
    """

    recipe: str
    task: str
    metric: str
    low: Number
    high: Number
    score: Number
    came: Literal["inside", "below", "above", "no score"]


class ConditionFound(Spec):
    """A condition of the verdict's rules.

    Attributes:
        colour: of which rule.
        way: which alternative of the rule it belongs to, from 1: a rule holds if all conditions of one do.
        text: as written.
        holds: whether it holds.
        found: what was found, in words.
    """

    colour: Literal["green", "yellow"]
    way: int
    text: str
    holds: bool
    found: str


class Verdict(Spec):
    """The verdict on a study.

    Attributes:
        colour: green, yellow or red.
        green: the rule of green.
        yellow: the rule of yellow.
        declared: whether the study declares rules, or these are the defaults.
        conditions: their conditions.
        capped: why it is not green although the rule of green holds; empty if it is, or the rule does not.
        headline: the colour and the answer to the main claim.
        paragraph: the verdict in plain words, a line a thought; the first line is the headline.
    """

    colour: Colour
    green: str
    yellow: str
    declared: bool
    conditions: list[ConditionFound]
    capped: str
    headline: str
    paragraph: str


class DeclaredLook(Spec):
    """A look at test that the study declares in advance.

    Attributes:
        seeds: seeds of each recipe.
        alpha: what it spends of the error rate.
    """

    seeds: int
    alpha: Number


class Conclusions(Spec):
    """What follows from the test scores of a run.

    Attributes:
        alpha: error rate of a wrong answer in this look, over all inferential claims together; 0 if looks were declared and
            this is none of them.
        declared: the declared looks; empty where one look spends everything.
        changed_looks: whether the looks were declared, or declared otherwise, after test had been opened.
        seeds: seeds of each recipe.
        inferential: how many statements share it.
        looks: different sets of trials whose test scores were opened so far.
        negligible: half the width of the region of practical equivalence.
        planned: trials in the plan.
        failed: trials that ended without completing.
        deviating: trials in which the machine forced something.
        verdict: the verdict.
        claims: the study's claims, then those of the verdict's rules.
        expectations: expected ranges and what came.
        tasks: comparisons by task.
        sources: of each task with several sources, its test set source by source.
        lengths: of each task of texts that are classified, its test set by their length; empty unless some task of the run says
            what is done with long texts.
    """

    alpha: Number
    declared: list[DeclaredLook]
    changed_looks: bool
    seeds: int
    inferential: int
    looks: int
    negligible: Number
    planned: int
    failed: int
    deviating: int
    verdict: Verdict
    claims: list[ClaimAnswer]
    expectations: list[Expectation]
    tasks: list[TaskComparison]
    sources: list[TaskSources] = Field(default_factory=list)
    lengths: list[TaskLengths] = Field(default_factory=list)
