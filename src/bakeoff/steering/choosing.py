"""Which recipes go on, by scores on validation. What a phase chooses by is never a test score: it is not given any."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from bakeoff.records.decisions import Candidate
from bakeoff.study.rounds import Choice


@dataclass(frozen=True)
class Judged:
    """A recipe on a task, with its validation scores.

    Attributes:
        recipe: its name.
        seeds: the score of each seed, in the order of the plan; nan for one that did not complete.
        failed: what its trials came to that did not complete, in words.
    """

    recipe: str
    seeds: tuple[float, ...]
    failed: tuple[str, ...] = ()

    @property
    def mean(self) -> float:
        """The mean over seeds; nan if any of them has no score: a mean over what survived is not comparable."""
        return sum(self.seeds) / len(self.seeds) if self.seeds else math.nan


@dataclass(frozen=True)
class Field:
    """The recipes of a task among which a phase chooses.

    Attributes:
        task: its name.
        metric: what is scored.
        lower: whether less is better.
        judged: the recipes that were in the phase, in the order of the plan.
        baseline: a recipe that goes on in any case, or empty.
        not_shown_worse: recipes not shown to be worse than the best; needed where the rule asks for them.
        error_rate: the rate of wrongly calling one of them worse.
    """

    task: str
    metric: str
    lower: bool
    judged: Sequence[Judged]
    baseline: str = ""
    not_shown_worse: Collection[str] = ()
    error_rate: float = 0.05

    @property
    def ranked(self) -> list[Judged]:
        """Those with a mean, the best first; of equals the first in the plan."""
        known = [one for one in self.judged if math.isfinite(one.mean)]
        return sorted(known, key=lambda one: one.mean if self.lower else -one.mean)


def rule_in_words(choice: Choice | None, metrics: Mapping[str, str]) -> str:
    """A rule of choice in words.

    Args:
        choice: the rule; None means that all go on.
        metrics: the metric that chooses, by task.

    Returns:
        One clause; empty if all go on.
    """
    if choice is None:
        return ""
    names = ", ".join(dict.fromkeys(metrics.values()))
    if choice.not_worse:
        most = f", at most {choice.top}" if choice.top else ""
        return f"all that are not shown to be worse than the best{most}, by {names} on validation"
    return f"the best {choice.top} by {names} on validation"


def choose(choice: Choice | None, field: Field) -> list[Candidate]:
    """Say of each recipe on a task whether it goes on, and why.

    A recipe of which a trial did not complete falls: its mean would be over what survived. The baseline goes on whatever its
    place, since the verdict compares with it, and is not counted among the chosen.

    Args:
        choice: the rule; None means that all go on.
        field: the recipes of the task.

    Returns:
        A candidate a recipe: the ranked ones in order, then the others in the order of the plan.
    """
    ranked = field.ranked
    places = {one.recipe: place for place, one in enumerate(ranked, 1)}
    rivals = [one.recipe for one in ranked if one.recipe != field.baseline]
    allowed = [recipe for recipe in rivals if not (choice and choice.not_worse) or recipe in field.not_shown_worse]
    chosen = allowed if choice is None or choice.top is None else allowed[: choice.top]
    rest = [one for one in field.judged if one.recipe not in places]
    return [
        Candidate(
            task=field.task,
            recipe=one.recipe,
            score=one.mean,
            seeds=list(one.seeds),
            goes_on=choice is None or one.recipe == field.baseline or one.recipe in chosen,
            reason=_reason(choice, field, one, places.get(one.recipe, 0), one.recipe in chosen),
        )
        for one in (*ranked, *rest)
    ]


def _reason(choice: Choice | None, field: Field, one: Judged, place: int, chosen: bool) -> str:
    where = f"place {place} of {len(field.ranked)} by {field.metric}" if place else "no score"
    if one.failed:
        where = f"{len(one.failed)} of {len(one.seeds)} trials did not complete ({'; '.join(dict.fromkeys(one.failed))})"
    if choice is None:
        return f"all go on; {where}"
    if one.recipe == field.baseline:
        return f"the baseline always goes on; {where}"
    if not place:
        return where
    if choice.not_worse and one.recipe not in field.not_shown_worse:
        return f"{where}; shown to be worse than {field.ranked[0].recipe} (error rate {field.error_rate:.3g})"
    if choice.not_worse and chosen:
        return f"{where}; not shown to be worse than {field.ranked[0].recipe} (error rate {field.error_rate:.3g})"
    return f"{where}; {choice.top} go on"
