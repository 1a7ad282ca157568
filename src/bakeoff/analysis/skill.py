"""Recipes that have shown nothing, and what that leaves of a claim about them.

A recipe that is no better than the best constant answer failed in silence, and one that gives the same result at every seed,
though chance has a part in it, hides its spread. The arithmetic of either is in order and tiny p-values come of it; evidence
is neither.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

from bakeoff.analysis.measuring import Evidence
from bakeoff.analysis.model import TaskAnalysis
from bakeoff.stats.replicates import Replicates
from bakeoff.stats.sides import Sided
from bakeoff.study.claims import NoWorse, Single, Within

SPLIT = "test"
NO_SKILL = ("collapsed", "no-skill")


@dataclass(frozen=True)
class Doubt:
    """Why the numbers of a contrast are no evidence.

    Attributes:
        words: the reason.
        one_way: whether it is only what would support the claim that does not count.
    """

    words: str
    one_way: bool = False

    def left_of(self, sides: Sided) -> Sided:
        """What of both p-values counts.

        Args:
            sides: by the numbers alone.

        Returns:
            The same with 1 for what does not count.
        """
        return Sided(1.0, sides.refute if self.one_way else 1.0)


def without_skill(evidence: Evidence) -> dict[str, str]:
    """Recipes that learned nothing: on average, or at every single seed, at or below the best constant answer.

    Baselines are not asked: they are what others have to beat.

    Args:
        evidence: of a task.

    Returns:
        What is to be said, by recipe.
    """
    task, found = evidence.task, {}
    constant = task.no_skill.get(SPLIT, math.nan)
    for facts in task.recipes:
        mean, trials = evidence.replicates(facts.name).mean, evidence.of(facts.name)
        fallen = [trial for trial in trials if any(finding.kind in NO_SKILL for finding in trial.findings)]
        if not facts.simple and (_gain(task, mean, constant) <= 0 or (trials and len(fallen) == len(trials))):
            level = f"{task.metric} {mean:.4f}, the best constant answer {constant:.4f}"
            found[facts.name] = f"{facts.name} has learned nothing ({level})"
    return found


def below_simple(evidence: Evidence) -> dict[str, str]:
    """Recipes that are worse on average than the best recipe that fine-tunes no model.

    Args:
        evidence: of a task.

    Returns:
        What is to be said, by recipe.
    """
    task = evidence.task
    means = {facts.name: evidence.replicates(facts.name).mean for facts in task.recipes}
    simple = means.get(task.simple, math.nan)
    return {
        facts.name: f"{facts.name} is below {task.simple}, which fine-tunes no model ({means[facts.name]:.4f}, {simple:.4f})"
        for facts in task.recipes
        if not facts.simple and _gain(task, means[facts.name], simple) < 0
    }


def without_spread(evidence: Evidence, recipe: str, found: Replicates) -> str:
    """Whether all seeds of a recipe gave one and the same result, though chance has a part in it.

    Args:
        evidence: of a task.
        recipe: its name.
        found: its seeds that tell something, in the metric that is asked about.

    Returns:
        What is to be said; empty if not.
    """
    seeds = len(evidence.of(recipe))
    return "" if len(found.seeds) == seeds else f"all {seeds} seeds of {recipe} give one and the same result"


def doubt(statement: Single, names: Collection[str], replicates: Collection[Replicates], evidence: Evidence) -> Doubt | None:
    """Why the numbers of a contrast are no evidence for or against a statement.

    Args:
        statement: the statement.
        names: the recipes of the contrast.
        replicates: theirs, in the metric of the statement.
        evidence: of the task.

    Returns:
        The doubt; None where they are evidence.
    """
    unskilled = without_skill(evidence)
    same = (without_spread(evidence, name, found) for name, found in zip(names, replicates, strict=True))
    idle, hidden = [unskilled[name] for name in names if name in unskilled], [words for words in same if words]
    if idle or hidden:
        # a fixed number may be missed by a recipe that learned nothing; beside another recipe it says nothing of the two
        return Doubt("; ".join([*idle, *hidden]), one_way=len(names) == 1 and not hidden)
    # a difference shows itself at any level; sameness is worth something only where a difference could have shown itself
    lower = below_simple(evidence) if isinstance(statement, Within | NoWorse) else {}
    beaten = [lower[name] for name in names if name in lower]
    return Doubt("; ".join(beaten), one_way=True) if beaten else None


def partly_fallen(evidence: Evidence, recipe: str) -> str:
    """Seeds at which a recipe learned nothing, where it did at others: its mean is over both.

    Args:
        evidence: of a task.
        recipe: its name.

    Returns:
        What is to be said; empty if there are none.
    """
    trials = evidence.of(recipe)
    seeds = [str(trial.seed) for trial in trials if any(finding.kind in NO_SKILL for finding in trial.findings)]
    return f"{recipe} learned nothing at seed {', '.join(seeds)}" if 0 < len(seeds) < len(trials) else ""


def _gain(task: TaskAnalysis, score: float, other: float) -> float:
    """How much better a score is; nan if either is unknown."""
    return score - other if task.higher_is_better else other - score
