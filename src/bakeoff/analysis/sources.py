"""A task's test set source by source: the statistics of the verdict on each, corrected for all of them together."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from bakeoff.analysis.measuring import FEWEST_EXAMPLES, Evidence, clusters_of
from bakeoff.analysis.recipe_model import RecipeFacts
from bakeoff.analysis.source_model import SourceContrast, SourceScore, TaskSources
from bakeoff.stats.corrections import holm
from bakeoff.stats.estimates import Estimate
from bakeoff.stats.grouping import draw_groups
from bakeoff.stats.margins import beats

LEVEL = 0.95
MIX = "treatment.mix"
Pair = tuple[str, str]


def compare_sources(evidence: Evidence, alpha: float) -> TaskSources | None:
    """Score and compare the recipes of a task on each of its sources.

    Args:
        evidence: its test outputs.
        alpha: what this look at test may spend.

    Returns:
        Scores and contrasts; None for a task with one source.
    """
    names = evidence.task.data.sources
    numbers = next(iter(evidence.tests.values())).sources
    if not names or numbers is None:
        return None
    parts = {name: _part(evidence, number) for number, name in enumerate(names)}
    known = {name: part for name, part in parts.items() if part is not None}
    recipes = {facts.name: facts for facts in evidence.task.recipes}
    pairs = _pairs(list(recipes.values()), evidence.task.reference)
    lower = not evidence.measure.higher_is_better
    compared = [
        (pair, name, added, beats(part.telling(pair[0]), part.telling(pair[1]), lower=lower))
        for name, part in known.items()
        for pair, added in pairs.items()
    ]
    corrected = holm([estimate.p_two_sided() for *_, estimate in compared]).tolist() if compared else []
    judged = [parts[name].gold if parts[name] is not None else None for name in names]  # type: ignore[union-attr]
    return TaskSources(
        task=evidence.task.name,
        metric=evidence.task.metric,
        names=names,
        examples=[int(np.count_nonzero(numbers == number)) for number in range(len(names))],
        labels=[0 if gold is None else int((gold >= 0).any(axis=0).sum()) for gold in judged],
        scores=[_score(facts, name, part) for facts in recipes.values() for name, part in known.items()],
        contrasts=[_contrast(*one, p, alpha) for one, p in zip(compared, corrected, strict=True)],
        warnings=_warnings(parts, evidence),
    )


def _part(evidence: Evidence, number: int) -> Evidence | None:
    """The evidence of one source's test examples; None where there are fewer than two."""
    tests = {}
    for trial, outputs in evidence.tests.items():
        assert outputs.sources is not None
        tests[trial] = outputs.of(outputs.sources == number)
    examples = len(next(iter(tests.values())).ids)
    if examples < FEWEST_EXAMPLES:
        return None
    groups = draw_groups(examples, clusters_of(tests))
    return replace(evidence, tests=tests, groups=groups, known={}, tables={})


def _pairs(recipes: Sequence[RecipeFacts], reference: str) -> dict[Pair, str]:
    """What is compared, and the source that alone is added, where there is one."""
    found = {(facts.name, reference): "" for facts in recipes if reference and facts.name != reference}
    for one, other in itertools.permutations(recipes, 2):
        added = set(one.sources) - set(other.sources)
        if len(added) == 1 and set(other.sources) < set(one.sources) and _rest(one) == _rest(other):
            found.pop((other.name, one.name), None)  # the same contrast the other way round
            found[one.name, other.name] = added.pop()
    return found


def _rest(facts: RecipeFacts) -> Mapping[str, str]:
    """A recipe without its mix."""
    return {key: value for key, value in facts.settings.items() if key != MIX and not key.startswith(f"{MIX}.")}


def _score(facts: RecipeFacts, name: str, part: Evidence) -> SourceScore:
    found = part.replicates(facts.name)
    return SourceScore(
        recipe=facts.name, source=name, trained=name in facts.sources, each=found.whole.tolist(), mean=found.mean
    )


def _contrast(pair: Pair, source: str, added: str, estimate: Estimate, corrected: float, alpha: float) -> SourceContrast:
    interval = estimate.interval(LEVEL)
    shown = corrected <= alpha and math.isfinite(estimate.value)
    return SourceContrast(
        recipe=pair[0],
        rival=pair[1],
        source=source,
        added=added,
        value=estimate.value,
        low=interval.low,
        high=interval.high,
        p=estimate.p_two_sided(),
        corrected=corrected,
        direction="undecided" if not shown else "better" if estimate.value > 0 else "worse",
    )


def _warnings(parts: Mapping[str, Evidence | None], evidence: Evidence) -> list[str]:
    missing = [name for name, part in parts.items() if part is None]
    found = [f"no scores on {', '.join(missing)}: fewer than two test examples"] if missing else []
    few = [name for name, part in parts.items() if part is not None and part.groups is not None and part.groups.few_clusters]
    if few:
        found.append(f"fewer than 20 independent test examples in {', '.join(few)}: their noise is poorly known")
    seeds = min((len(evidence.of(recipe)) for recipe in evidence.recipes), default=0)
    if seeds < 5:
        found.append(f"{seeds} seed{'s' * (seeds != 1)}: with so many comparisons only large differences can be shown")
    return found
