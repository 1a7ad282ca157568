"""Compare the recipes of a task: what each should score, every pair, the set not shown worse than the leader, labels."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from bakeoff.analysis.cautions import concentrated, warnings
from bakeoff.analysis.measuring import Evidence
from bakeoff.analysis.recipe_model import Difference, RecipeFacts
from bakeoff.analysis.scoring import TUNED
from bakeoff.analysis.skill import without_skill
from bakeoff.analysis.spending import ALPHA, Spending
from bakeoff.analysis.trial_model import TrialAnalysis
from bakeoff.analysis.verdict_model import (
    Contrast,
    Direction,
    EffectSize,
    LabelContrast,
    OwnScore,
    Relevance,
    Smallest,
    TaskComparison,
)
from bakeoff.catalog import registry
from bakeoff.metrics.scores import SCORES
from bakeoff.metrics.thresholds import best_threshold
from bakeoff.records.results import Outputs
from bakeoff.stats.corrections import bonferroni_level, holm
from bakeoff.stats.effects import Effect, hedges_g, probability_of_improvement
from bakeoff.stats.estimates import Estimate, Interval, contrast, ratio_interval
from bakeoff.stats.margins import PRACTICALLY_EQUAL, beats, inside
from bakeoff.stats.power import Deciding, Design, noise_of, smallest_visible, what_decides
from bakeoff.stats.replicates import Replicates
from bakeoff.stats.sensitivity import validation_part, validation_replicates

LEVEL = 0.95
Pair = tuple[str, str]
Validation = Callable[[TrialAnalysis], Outputs]
"""Gives a complete trial's outputs on validation."""


@dataclass(frozen=True)
class Compared:
    """Recipes that are compared on one test set.

    Attributes:
        scores: replicates by recipe, on the same groups.
        lower: whether less is better.
        reference: the recipe that others are compared with, or empty.
        examples: of the test set.
        recipes: what the recipes are, where that is known.
        sensitive: replicates over validation examples by recipe, where thresholds are tuned.
        claimed: pairs that a claim compares.
        idle: recipes that learned nothing: two of them are neither told apart nor called equal.
        alpha: error rate of a wrong direction, over all pairs together; 0 decides nothing.
        bounds: least and greatest value of the metric.
    """

    scores: Mapping[str, Replicates]
    lower: bool
    reference: str
    examples: int
    recipes: Sequence[RecipeFacts] = ()
    sensitive: Mapping[str, Replicates] = field(default_factory=dict)
    claimed: frozenset[frozenset[str]] = frozenset()
    idle: frozenset[str] = frozenset()
    alpha: float = ALPHA
    bounds: tuple[float, float] = (-math.inf, math.inf)

    @property
    def names(self) -> list[Pair]:
        """Every pair: the reference stands as the rival, else the better one first."""
        return [_oriented(pair, self.scores, self.reference, self.lower) for pair in itertools.combinations(self.scores, 2)]

    @property
    def leader(self) -> str:
        """The recipe with the best mean; empty if none has one."""
        return _leader(self.scores, self.lower)


def compare_pairs(compared: Compared) -> list[Contrast]:
    """Compare every recipe with every other.

    Args:
        compared: the recipes.

    Returns:
        A contrast a pair; p-values corrected for all of them.
    """
    named = compared.names
    estimates = [beats(compared.scores[a], compared.scores[b], lower=compared.lower) for a, b in named]
    p_values = [
        1.0 if compared.idle.issuperset(pair) else one.p_two_sided() for pair, one in zip(named, estimates, strict=True)
    ]
    corrected = holm(p_values).tolist() if named else []
    return [_contrast(compared, pair, one, p) for pair, one, *p in zip(named, estimates, p_values, corrected, strict=True)]


def compare(
    evidence: Evidence, claimed: frozenset[frozenset[str]], spending: Spending, validation: Validation | None = None
) -> TaskComparison:
    """Compare the recipes of a task on test.

    Args:
        evidence: its test outputs.
        claimed: pairs of recipes that a claim compares in the task's metric.
        spending: how the error rate is spent.
        validation: how a trial's validation outputs are read, for the sensitivity; None leaves that out.

    Returns:
        The comparisons.
    """
    compared = Compared(
        scores={recipe: evidence.telling(recipe) for recipe in evidence.recipes},
        lower=not evidence.measure.higher_is_better,
        reference=evidence.task.reference,
        examples=len(evidence.gold),
        recipes=evidence.task.recipes,
        sensitive=_validation_scores(evidence, validation) if validation is not None else {},
        claimed=claimed,
        idle=frozenset(without_skill(evidence)),
        alpha=spending.alpha,
        bounds=registry.metric(evidence.measure.metric).bounds,
    )
    pairs, leader, reference = compare_pairs(compared), compared.leader, compared.reference
    groups = evidence.groups
    label_pair, labels = _labels(evidence, _label_pair(leader, reference, pairs))
    return TaskComparison(
        task=evidence.task.name,
        metric=evidence.task.metric,
        examples=len(evidence.gold),
        groups=groups.count if groups else 0,
        clusters=groups.clusters if groups else len(evidence.gold),
        few_clusters=groups.few_clusters if groups else True,
        scores=own_scores(compared),
        leader=leader,
        not_shown_worse=not_shown_worse(pairs, list(compared.scores), leader),
        pairs=pairs,
        label_pair=label_pair,
        labels=labels,
        smallest=smallest(compared),
        warnings=[*warnings(evidence, leader), *concentrated(evidence, pairs)],
    )


def own_scores(compared: Compared) -> list[OwnScore]:
    """What each recipe is expected to score on a fresh test set, and how sure that is.

    Args:
        compared: the recipes.

    Returns:
        A score a recipe; of one seed the interval is that of the one trained model. It ends where the metric does: a t interval
        of few seeds would go on beyond an accuracy of 1, and its coverage is the same without that part.
    """
    found = []
    for recipe, scores in compared.scores.items():
        estimate = contrast(scores, weights=(1.0, 0.0))
        alone = len(scores.seeds) == 1
        interval = _inside(estimate.given_models(LEVEL) if alone else estimate.interval(LEVEL), compared.bounds)
        found.append(
            OwnScore(recipe=recipe, mean=scores.mean, low=interval.low, high=interval.high, of="model" if alone else "recipe")
        )
    return found


def _inside(interval: Interval, bounds: tuple[float, float]) -> Interval:
    if not (math.isfinite(interval.low) and math.isfinite(interval.high)):
        return interval  # nothing is known, and that must not look like "between 0 and 1"
    return Interval(max(interval.low, bounds[0]), min(interval.high, bounds[1]))


def _leader(scores: Mapping[str, Replicates], lower: bool) -> str:
    known = {recipe: one.mean for recipe, one in scores.items() if math.isfinite(one.mean)}
    return max(known, key=lambda recipe: -known[recipe] if lower else known[recipe], default="")


def _oriented(pair: Pair, scores: Mapping[str, Replicates], reference: str, lower: bool) -> Pair:
    """The reference stands as the rival; else the better one stands first."""
    first, second = pair
    if reference in pair:
        return (second, first) if first == reference else pair
    gain = scores[second].mean - scores[first].mean
    return (second, first) if (-gain if lower else gain) > 0 else pair


def _contrast(compared: Compared, pair: Pair, estimate: Estimate, p_values: Sequence[float]) -> Contrast:
    (recipe, rival), (p, corrected) = pair, p_values
    a, b = compared.scores[recipe], compared.scores[rival]
    pairs = math.comb(len(compared.scores), 2)
    interval, wide = estimate.interval(LEVEL), estimate.interval(bonferroni_level(1 - (compared.alpha or ALPHA), pairs))
    ratio = ratio_interval(a, b, LEVEL)
    direction = _direction(estimate.value, corrected, compared.alpha)
    sensitive = _sensitive(compared, pair, estimate)
    deciding = decides(estimate, compared.examples, pairs, compared.alpha) if direction == "undecided" else Deciding(None, None)
    parts = {part.name: part.variance for part in estimate.parts}
    sign = -1.0 if compared.lower else 1.0
    return Contrast(
        recipe=recipe,
        rival=rival,
        claimed=frozenset(pair) in compared.claimed,
        value=estimate.value,
        low=interval.low,
        high=interval.high,
        wide_low=wide.low,
        wide_high=wide.high,
        p=p,
        corrected=corrected,
        direction=direction,
        # sameness is worth something only between recipes of which one at least has learned something
        relevance="undecided" if not compared.alpha or compared.idle.issuperset(pair) else _relevance(wide),
        ratio=a.mean / b.mean if b.mean else math.nan,
        ratio_low=ratio.low,
        ratio_high=ratio.high,
        seeds=list(estimate.seeds),
        each=_each(a, b, sign),
        form=estimate.form if estimate.form != "one-sample" else "one-seed",
        pairing=estimate.pairing,
        seed_variance=parts.get("seeds", math.nan),
        example_variance=parts.get("examples", math.nan),
        sensitive_low=sensitive.low if sensitive else None,
        sensitive_high=sensitive.high if sensitive else None,
        hedges=_effect(hedges_g(sign * a.whole, sign * b.whole)),
        improvement=_effect(probability_of_improvement(sign * a.whole, sign * b.whole)),
        needed_seeds=deciding.seeds,
        needed_examples=deciding.examples,
        differing=differing(compared.recipes, recipe, rival),
    )


def _direction(value: float, corrected: float, alpha: float) -> Direction:
    if not corrected <= alpha:
        return "undecided"
    return "better" if value > 0 else "worse"


def _relevance(wide: Interval) -> Relevance:
    if inside(wide):
        return "negligible"
    return "relevant" if wide.low > PRACTICALLY_EQUAL or wide.high < -PRACTICALLY_EQUAL else "undecided"


def _effect(found: Effect | None) -> EffectSize | None:
    return None if found is None else EffectSize(value=found.value, low=found.low, high=found.high)


def _each(a: Replicates, b: Replicates, sign: float) -> list[float]:
    if set(a.seeds) != set(b.seeds):
        return []
    return [float(sign * (score - b.whole[b.seeds.index(seed)])) for seed, score in zip(a.seeds, a.whole, strict=True)]


def decides(estimate: Estimate, examples: int, comparisons: int, alpha: float = ALPHA) -> Deciding:
    """What would likely decide a contrast, if it is what was seen.

    Args:
        estimate: of the contrast.
        examples: of the test set.
        comparisons: how many share the error rate.
        alpha: that rate; 0 counts as the usual one.

    Returns:
        Seeds alone and examples alone; None where no number would, or the noise is not known.
    """
    if not estimate.decidable or not estimate.value:
        return Deciding(None, None)
    fewest = min(count for count in estimate.seeds if count)
    design = Design(fewest, examples, comparisons=max(1, comparisons), alpha=alpha or ALPHA)
    found = what_decides(noise_of(estimate, examples), design, estimate.value)
    examples_help = found.examples is not None and estimate.part("examples") is not None
    return Deciding(found.seeds, found.examples if examples_help else None)


def differing(recipes: Sequence[RecipeFacts], recipe: str, rival: str) -> list[Difference]:
    """Every setting in which two recipes differ.

    Args:
        recipes: what the recipes are.
        recipe: one of them.
        rival: another.

    Returns:
        The settings; empty texts where one has no such setting.
    """
    known = {facts.name: facts.settings for facts in recipes}
    here, there = known.get(recipe, {}), known.get(rival, {})
    keys = dict.fromkeys([*here, *there])
    return [
        Difference(key=key, here=here.get(key, ""), there=there.get(key, "")) for key in keys if here.get(key) != there.get(key)
    ]


def _validation_scores(evidence: Evidence, validation: Validation) -> dict[str, Replicates]:
    """Test scores had a tenth of the validation examples not been there; none where no threshold is tuned for the metric."""
    name = evidence.measure.metric
    if evidence.measure.rule != TUNED or name not in SCORES:
        return {}
    found = {}
    for recipe in evidence.recipes:
        trials = evidence.of(recipe)
        if any(evidence.decide(trial, TUNED) is None for trial in trials):
            continue
        read = [validation(trial) for trial in trials]
        probabilities = np.stack([evidence.measure.read(outputs) for outputs in read])
        tested = np.stack([evidence.measure.read(evidence.tests[trial.id]) for trial in trials])
        found[recipe] = validation_replicates(
            [trial.seed for trial in trials],
            lambda kept: best_threshold(kept, name),
            SCORES[name],
            (read[0].judged, probabilities),
            (evidence.gold, tested),
        )
    return found


def _sensitive(compared: Compared, pair: Pair, estimate: Estimate) -> Interval | None:
    a, b = (compared.sensitive.get(recipe) for recipe in pair)
    if a is None or b is None or not estimate.decidable:
        return None
    return estimate.with_part(validation_part(a, b)).interval(LEVEL)


def not_shown_worse(pairs: Sequence[Contrast], recipes: list[str], leader: str) -> list[str]:
    """The recipes that may be as good as the leader, for all that is known.

    Args:
        pairs: of `compare_pairs`.
        recipes: all recipes.
        leader: the one with the best mean; empty if there is none.

    Returns:
        The leader first; a recipe without a score is not shown worse either.
    """
    if not leader:
        return []
    shown = {pair.rival for pair in pairs if pair.recipe == leader and pair.direction == "better"}
    shown |= {pair.recipe for pair in pairs if pair.rival == leader and pair.direction == "worse"}
    return [leader, *(recipe for recipe in recipes if recipe != leader and recipe not in shown)]


def _label_pair(leader: str, reference: str, pairs: Sequence[Contrast]) -> Pair | None:
    """Leader and reference; where they are one, the closest rival and it."""
    if leader and reference and leader != reference:
        return leader, reference
    rivals = [pair for pair in pairs if leader in (pair.recipe, pair.rival) and math.isfinite(pair.value)]
    if not rivals:
        return None
    closest = min(rivals, key=lambda pair: abs(pair.value))
    return leader, closest.rival if closest.recipe == leader else closest.recipe


def _labels(evidence: Evidence, pair: Pair | None) -> tuple[list[str], list[LabelContrast]]:
    if pair is None:
        return [], []
    first, second = (evidence.label_replicates(recipe) for recipe in pair)
    if first is None or second is None:
        return [], []
    estimates = [beats(a, b) for a, b in zip(first, second, strict=True)]
    corrected = holm([estimate.p_two_sided() for estimate in estimates]).tolist()
    found = [
        LabelContrast(label=label, value=one.value, low=interval.low, high=interval.high, corrected=p)
        for label, one, p in zip(evidence.task.data.labels, estimates, corrected, strict=True)
        for interval in [one.interval(LEVEL)]
    ]
    return list(pair), sorted(found, key=lambda entry: -abs(entry.value))


def smallest(compared: Compared) -> Smallest | None:
    """What the design can see, from the leader's comparison with the reference, else from the first that has noise to tell.

    Args:
        compared: the recipes.

    Returns:
        The smallest visible difference; None without a pair of two seeds each.
    """
    named, leader = compared.names, compared.leader
    for recipe, rival in sorted(named, key=lambda pair: (leader not in pair) + (compared.reference not in pair)):
        estimate = beats(compared.scores[recipe], compared.scores[rival], lower=compared.lower)
        if estimate.decidable:
            design = Design(min(estimate.seeds), compared.examples, comparisons=len(named), alpha=compared.alpha or ALPHA)
            visible = smallest_visible(noise_of(estimate, compared.examples), design)
            return Smallest(recipe=recipe, rival=rival, difference=visible, comparisons=len(named))
    return None
