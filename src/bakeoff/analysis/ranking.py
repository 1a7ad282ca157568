"""Means over seeds, the ranking, and what a reader must know beside a number."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import groupby

from bakeoff.analysis.calibrating import pool
from bakeoff.analysis.model import LabelRange
from bakeoff.analysis.recipe_model import Flag, RecipeCalibration, SeedScore, Standing, Summary
from bakeoff.analysis.recognising import flag_findings
from bakeoff.analysis.scoring import PER_LABEL, TUNED, Yardstick
from bakeoff.analysis.summarising import mean_labels, mean_thresholds, predicted_table, score_table, summarise
from bakeoff.analysis.trial_model import Split, SplitScores, TrialAnalysis


@dataclass(frozen=True)
class Field:
    """The trials of one task and what they are ranked by.

    Attributes:
        trials: every trial of the task.
        recipes: recipe names in the order of the plan, each with whether its method is a baseline.
        measure: the yardstick.
        split: the split that ranks.
        baseline: the recipe that the study declares as baseline, or empty.
        unchanging: recipes whose outputs are the same at every seed.
    """

    trials: list[TrialAnalysis]
    recipes: dict[str, bool]
    measure: Yardstick
    split: Split
    baseline: str
    unchanging: frozenset[str] = frozenset()

    def scores(self, trial: TrialAnalysis) -> SplitScores | None:
        """A trial's scores on the split that ranks.

        Args:
            trial: the trial.

        Returns:
            Its scores, or None if it has none there.
        """
        return trial.test if self.split == "test" else trial.validation

    def score(self, trial: TrialAnalysis) -> float | None:
        """The score of a trial that ranks.

        Args:
            trial: the trial.

        Returns:
            The score, or None if it has none.
        """
        found = self.scores(trial)
        return None if found is None else found.scores[self.measure.rule][self.measure.metric]

    def of(self, recipe: str) -> list[TrialAnalysis]:
        """The trials of a recipe.

        Args:
            recipe: its name.

        Returns:
            Its trials in the order of the plan.
        """
        return [trial for trial in self.trials if trial.recipe == recipe]

    def mean(self, recipe: str) -> float:
        """The mean over a recipe's scores that ranks.

        Args:
            recipe: its name.

        Returns:
            The mean; nan without a score.
        """
        return summarise([score for trial in self.of(recipe) if (score := self.score(trial)) is not None]).mean

    def gain(self, value: float, over: float) -> float:
        """By how much one score is better than another, whatever the metric's direction.

        Args:
            value: the score.
            over: the other.

        Returns:
            Positive if it is better; nan if either is.
        """
        return value - over if self.measure.higher_is_better else over - value


def best_simple(field: Field) -> str:
    """The best recipe that fine-tunes no model: what all others have to beat.

    Args:
        field: the trials of a task.

    Returns:
        Its name, the first in the plan of equal ones; empty if none has a score.
    """
    scored = [name for name, simple in field.recipes.items() if simple and not math.isnan(field.mean(name))]
    return max(scored, key=lambda name: field.gain(field.mean(name), 0.0), default="")


def rank(field: Field) -> list[Standing]:
    """Order the recipes of a task.

    Recipes of which a trial failed keep their place by score but bear no rank: a mean over what survived is not
    comparable. Equal means share a rank and stand in the order of the plan.

    Args:
        field: the trials of a task.

    Returns:
        A standing for each recipe, best first, those without a score last.
    """
    simple = best_simple(field)
    reference = field.baseline if field.baseline in field.recipes else simple
    standings = [_standing(field, recipe, simple, reference) for recipe in field.recipes]
    scored = [standing for standing in standings if not math.isnan(standing.score.mean)]
    scored.sort(key=lambda standing: -field.gain(standing.score.mean, 0.0))
    ranked, place = {}, 1
    for _, equals in groupby([s for s in scored if not s.failed], key=lambda standing: standing.score.mean):
        names = [standing.recipe for standing in equals]
        ranked.update(dict.fromkeys(names, place))
        place += len(names)
    unscored = [standing for standing in standings if math.isnan(standing.score.mean)]
    return [standing.model_copy(update={"rank": ranked.get(standing.recipe, 0)}) for standing in (*scored, *unscored)]


def _standing(field: Field, recipe: str, simple: str, reference: str) -> Standing:
    trials = field.of(recipe)
    seeds = [SeedScore(seed=trial.seed, trial=trial.id, state=trial.state, score=field.score(trial)) for trial in trials]
    splits = {
        "validation": [trial.validation for trial in trials if trial.validation is not None],
        "test": [trial.test for trial in trials if trial.test is not None],
    }
    fitted = [trial.tuning for trial in trials if trial.tuning is not None]
    spread = recipe not in field.unchanging
    score = summarise([seed.score for seed in seeds if seed.score is not None], spread=spread)
    return Standing(
        recipe=recipe,
        rank=0,
        planned=len(trials),
        complete=len(splits["validation"]),
        failed=sum(trial.state.ended for trial in trials) - len(splits["validation"]),
        seeds=seeds,
        unchanging=not spread,
        score=score,
        difference=score.mean - field.mean(reference) if reference and reference != recipe else None,
        validation=score_table(splits["validation"], spread=spread),
        test=score_table(splits["test"], spread=spread),
        predicted={split: predicted_table(scores, spread=spread) for split, scores in splits.items() if scores},
        labels=mean_labels([scores.labels for scores in splits[field.split]]),
        label_thresholds=mean_thresholds([tuning.label_thresholds for tuning in fitted]),
        calibration=_calibration(field, trials),
        optimism=_rules([tuning.optimism for tuning in fitted], spread),
        gap=_rules([tuning.gap for tuning in fitted if tuning.gap], spread),
        flags=_flags(field, recipe, trials, simple),
    )


def _rules(seeds: list[dict[str, float]], spread: bool) -> dict[str, Summary]:
    rules = [rule for rule in (TUNED, PER_LABEL) if rule in seeds[0]] if seeds else []
    return {rule: summarise([seed[rule] for seed in seeds], spread=spread) for rule in rules}


def _calibration(field: Field, trials: list[TrialAnalysis]) -> RecipeCalibration | None:
    found = [
        (scores.calibration, trial.tuning.temperature if trial.tuning is not None else math.nan)
        for trial in trials
        if (scores := field.scores(trial)) is not None and scores.calibration is not None
    ]
    spread = all(trial.recipe not in field.unchanging for trial in trials)
    return pool([calibration for calibration, _ in found], [temperature for _, temperature in found], spread=spread)


def label_ranges(standings: list[Standing], labels: list[str]) -> list[LabelRange]:
    """Order labels by how far recipes lie apart on them.

    With many labels some differ by chance: this is for looking, not for proving. Recipes that have no skill are left out,
    as they would be the worst of all on every label.

    Args:
        standings: the recipes of a task.
        labels: label names, L of them.

    Returns:
        The labels, the farthest first, equal ones in their order; empty for fewer than two such recipes.
    """
    found = {
        entry.recipe: entry.labels.f1
        for entry in standings
        if entry.labels
        and not math.isnan(entry.score.mean)
        and not any(flag.kind in ("collapsed", "no-skill") for flag in entry.flags)
    }
    if len(found) < 2:
        return []
    ranges = []
    for place, label in enumerate(labels):
        best = max(found, key=lambda recipe: found[recipe][place])
        worst = min(found, key=lambda recipe: found[recipe][place])
        high, low = found[best][place], found[worst][place]
        ranges.append(
            LabelRange(label=label, place=place, range=high - low, best=best, best_f1=high, worst=worst, worst_f1=low)
        )
    return sorted(ranges, key=lambda entry: -entry.range)


def _flags(field: Field, recipe: str, trials: list[TrialAnalysis], simple: str) -> list[Flag]:
    flags = []
    failed = [trial for trial in trials if trial.state.ended and trial.validation is None]
    waiting = [trial for trial in trials if not trial.state.ended]
    if failed:
        words = ", ".join(f"seed {trial.seed} {trial.state.value}" for trial in failed)
        rest = "the mean is over the rest" if len(failed) < len(trials) else "there is no mean"
        text = f"{len(failed)} of {len(trials)} trials did not complete ({words}): {rest}"
        flags.append(Flag(kind="incomplete", text=text))
    if waiting:
        flags.append(Flag(kind="unfinished", text=f"{len(waiting)} of {len(trials)} trials are still to run"))
    flags += flag_findings(trials)
    deviating = [trial for trial in trials if trial.deviations]
    if deviating:
        named = f"seed {', '.join(str(trial.seed) for trial in deviating)}"
        forced = "; ".join(dict.fromkeys(deviation for trial in deviating for deviation in trial.deviations))
        flags.append(Flag(kind="deviating", text=f"not run to the recipe's letter: {named}", evidence=forced))
    if simple and not field.recipes[recipe] and field.gain(field.mean(recipe), field.mean(simple)) < 0:
        flags.append(Flag(kind="below-simple", text=f"below {simple}, which fine-tunes no model"))
    return flags
