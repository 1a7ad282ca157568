"""What the page shows of a task, arranged for the template. Everything stands in the analysis; here nothing is computed."""

from __future__ import annotations

import math
from typing import Any

from bakeoff.analysis.model import Analysis, TaskAnalysis
from bakeoff.analysis.recipe_model import Standing, Summary
from bakeoff.analysis.trial_model import TrialAnalysis
from bakeoff.report import words
from bakeoff.report.task_figures import fixed_rules, split_scores

SHOWN_RULES = ("0.2", "0.3", "0.5", "tuned", "per-label")
TUNED_RULES = ("tuned", "per-label")
NO_THRESHOLD = "none"
HIGHEST = "highest"
"""The rule of labels that exclude one another: there are no thresholds to show."""
QUESTIONS = "qa"
"""The kind of task whose answers are scored by their texts: there is a threshold for "no answer", and none for labels."""
IN_FULL = tuple(f"{part}_{average}" for part in ("f1", "precision", "recall") for average in ("macro", "micro", "weighted"))
LABELS_THAT_DIFFER = 8


def task_view(analysis: Analysis, task: TaskAnalysis, trials: list[TrialAnalysis]) -> dict[str, Any]:
    """Everything that the template needs of a task.

    Args:
        analysis: the analysis.
        task: the task.
        trials: its trials.

    Returns:
        Tables and sentences by name.
    """
    metric = task.bare_metric if task.rule != NO_THRESHOLD else "f1_macro"
    questions = task.kind == QUESTIONS
    thresholds = task.rule != HIGHEST and not questions
    rules = sorted(
        {*SHOWN_RULES, task.rule} - {NO_THRESHOLD}, key=lambda rule: (rule in TUNED_RULES, rule == "per-label", rule)
    )
    splits = ["test", "validation"] if analysis.opened else ["validation"]
    decided = "tuned" if task.rule == NO_THRESHOLD else task.rule
    return {
        "headline": words.headline(task),
        "caveats": words.caveats(analysis, task),
        "metric": words.metric(task),
        "threshold_metric": metric,
        "decided": decided,
        "decided_words": words.decided_at(decided),
        "thresholds": thresholds,
        "questions": questions,
        "rules": rules,
        "tables": [rule_table(task, split, metric, rules) for split in splits],
        "metrics": [metric_table(task, split, decided) for split in splits],
        "in_full": in_full(task) if thresholds else [],
        "tuning": [] if questions else tuning_table(task, trials),
        "no_answer": tuning_table(task, trials) if questions else [],
        "folds": max((trial.tuning.folds for trial in trials if trial.tuning is not None), default=0),
        "bins": max((len(entry.calibration.counts) for entry in task.standings if entry.calibration), default=0),
        "unequal": words.unequal_tuning(task),
        "settings": list(dict.fromkeys(key for recipe in task.recipes for key in recipe.settings)),
        "differing": {recipe.name: {difference.key for difference in recipe.differences} for recipe in task.recipes},
        "ranges": task.label_ranges[:LABELS_THAT_DIFFER],
        "labels": label_tables(task),
    }


def _scores(standing: Standing, split: str) -> dict[str, dict[str, Summary]]:
    return standing.test if split == "test" else standing.validation


def rule_table(task: TaskAnalysis, split: str, metric: str, rules: list[str]) -> dict[str, Any]:
    """One metric at several thresholds.

    Args:
        task: the task.
        split: the split.
        metric: the metric.
        rules: the threshold rules.

    Returns:
        The split, and a row a recipe.
    """
    rows = [
        (standing.recipe, [_scores(standing, split).get(rule, {}).get(metric) for rule in rules]) for standing in task.standings
    ]
    return {"split": split, "rows": rows}


def metric_table(task: TaskAnalysis, split: str, rule: str) -> dict[str, Any]:
    """Every metric: at one threshold, and those that need none.

    Args:
        task: the task.
        split: the split.
        rule: the threshold rule.

    Returns:
        The split, the recipes, and a row a metric.
    """
    both = {
        standing.recipe: {**found.get(rule, {}), **found.get(NO_THRESHOLD, {})}
        for standing in task.standings
        for found in [_scores(standing, split)]
    }
    names = list(dict.fromkeys(name for found in both.values() for name in found))
    rows = [(name, [found.get(name) for found in both.values()]) for name in names]
    return {"split": split, "recipes": list(both), "rows": rows}


def in_full(task: TaskAnalysis) -> list[dict[str, Any]]:
    """Every recipe at every threshold rule.

    Args:
        task: the task.

    Returns:
        For each recipe with a finite score: its name, and a row a rule with labels per example and scores.
    """
    tables = []
    for standing in task.standings:
        if not math.isfinite(standing.score.mean):
            continue
        scores = split_scores(task, standing)
        predicted = standing.predicted.get(task.split, {})
        rules = (*fixed_rules(scores), *TUNED_RULES)
        rows = [(rule, predicted[rule], [scores[rule].get(name) for name in IN_FULL]) for rule in rules]
        tables.append({"recipe": standing.recipe, "rows": rows})
    return tables


def tuning_table(task: TaskAnalysis, trials: list[TrialAnalysis]) -> list[dict[str, Any]]:
    """What was fitted on validation, and by how much that flatters.

    Args:
        task: the task.
        trials: its trials.

    Returns:
        A row a recipe that completed.
    """
    rows = []
    for standing in task.standings:
        fitted = [trial.tuning for trial in trials if trial.recipe == standing.recipe and trial.tuning is not None]
        if fitted:
            rows.append(
                {
                    "recipe": standing.recipe,
                    "thresholds": [tuning.threshold for tuning in fitted],
                    "kappas": [tuning.kappa for tuning in fitted],
                    "metric": fitted[0].metric,
                    "answered": standing.predicted.get(task.split, {}).get("tuned"),
                    "optimism": standing.optimism,
                    "gap": standing.gap,
                }
            )
    return rows


def label_tables(task: TaskAnalysis) -> list[dict[str, Any]]:
    """Label by label, a table a recipe.

    Args:
        task: the task.

    Returns:
        For each recipe with a finite score: its name, and a row a label, the most frequent first.
    """
    positives, rare = task.data.positives.get(task.split, []), task.data.rare.get(task.split, [])
    total = task.data.sizes.get(task.split, 0)
    order = sorted(range(len(positives)), key=lambda place: -positives[place])
    tables = []
    for standing in task.standings:
        found = standing.labels
        if found is None or not math.isfinite(standing.score.mean):
            continue
        rows = [
            {
                "label": task.data.labels[place],
                "rare": rare[place],
                "positives": positives[place],
                "prevalence": positives[place] / total if total else None,
                "f1": found.f1[place],
                "precision": found.precision[place],
                "recall": found.recall[place],
                "average_precision": found.average_precision[place],
                "threshold": standing.label_thresholds[place] if standing.label_thresholds else None,
                "own_f1": found.own_f1[place],
            }
            for place in order
        ]
        tables.append({"recipe": standing.recipe, "rows": rows})
    return tables
