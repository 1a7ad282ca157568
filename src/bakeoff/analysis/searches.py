"""What sweeps tried and found, and how much of the gain is luck."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence

from bakeoff.analysis.folder import TrialRecord
from bakeoff.analysis.funnel import trial_seconds
from bakeoff.analysis.searches_model import Gain, SearchFacts, Tried
from bakeoff.catalog import registry
from bakeoff.errors import FormatError
from bakeoff.records.decisions import Proposal
from bakeoff.records.files import number, read_lines
from bakeoff.records.paths import RunFolder
from bakeoff.records.specs import Plan, TrialSpec

LEAST_SCORED = 6
PARTS = 3
AGAIN = "-again"
"""What the name of the phase ends in that runs the best and the declared settings of a search once more."""
OnTest = Callable[[TrialSpec], float | None]
"""What scores a trial on test: None for one without outputs there, and for all while test stays closed."""


def read_proposals_of(run: RunFolder, phase: str, notes: list[str]) -> list[Proposal]:
    """What a phase proposed.

    Args:
        run: the run folder.
        phase: the phase.
        notes: gets a line if that cannot be read.

    Returns:
        Its proposals in order; none for a phase that searches nothing.
    """
    try:
        bodies = [body for body in read_lines(run.proposals(phase)) if body.get("kind") == "proposal"]
        keys = Proposal.model_fields
        return [Proposal.model_validate({key: body[key] for key in keys}) for body in bodies]
    except (FormatError, ValueError, KeyError):
        notes.append(f"decisions/{phase}.proposals.jsonl cannot be read: what the sweep tried is not shown")
        return []


def describe_searches(
    run: RunFolder, plans: Mapping[str, Plan], records: Mapping[str, TrialRecord], on_test: OnTest, notes: list[str]
) -> list[SearchFacts]:
    """What every search of a run tried and found.

    Args:
        run: the run folder.
        plans: its plans by phase.
        records: its trials by id.
        on_test: scores a trial on test.
        notes: gets a line for what cannot be read.

    Returns:
        A search a recipe and task, in the order of their first proposals.
    """
    found = []
    for phase in plans:
        proposals = read_proposals_of(run, phase, notes)
        pairs = dict.fromkeys((one.recipe, one.task) for one in proposals)
        again = plans.get(phase + AGAIN)
        for recipe, task in pairs:
            own = [one for one in proposals if (one.recipe, one.task) == (recipe, task)]
            specs = {trial.id: trial for trial in plans[phase].trials}
            if all(trial in records for one in own for trial in one.trials) and own[0].trials[0] in specs:
                measured = _again(again, recipe, task)
                found.append(_search(own, specs[own[0].trials[0]], records, measured, on_test))
    return found


def _again(plan: Plan | None, recipe: str, task: str) -> dict[str, list[TrialSpec]]:
    trials = [trial for trial in plan.trials if trial.task.name == task] if plan else []
    return {kind: [t for t in trials if t.recipe.name == f"{recipe}-{kind}"] for kind in ("best", "declared")}


def _search(
    own: Sequence[Proposal],
    first: TrialSpec,
    records: Mapping[str, TrialRecord],
    again: Mapping[str, list[TrialSpec]],
    on_test: OnTest,
) -> SearchFacts:
    metric = first.task.metric
    lower = not registry.metric(metric.partition("@")[0]).higher_is_better
    scores: dict[int, float] = {}
    tried, best = [], 0
    for one in own:
        scores[one.number] = scores[one.repeats] if one.repeats is not None else _mean(one.trials, records, metric)
        if math.isfinite(scores[one.number]) and (not best or _gain(scores[one.number], scores[best], lower) > 0):
            best = one.number
        states = [records[trial].state.state.value for trial in one.trials]
        state = next((state for state in states if state != "complete"), "complete")
        settings = {name: str(value) for name, value in one.settings.items()}
        shown = scores[best] if best else math.nan
        tried.append(
            Tried(number=one.number, settings=settings, state=state, score=scores[one.number], best=shown, repeats=one.repeats)
        )
    promised = _gained("the sweep: seeds and examples that chose", scores[own[0].number], scores.get(best, math.nan), lower, 1)
    gains = [promised, *_measured_again(again, records, on_test, metric, lower)]
    return SearchFacts(
        recipe=own[0].recipe,
        task=own[0].task,
        metric=metric,
        tried=tried,
        best=best,
        seconds=round(sum(trial_seconds(records[trial]) or 0.0 for one in own for trial in one.trials), 3),
        gains=gains,
        importance=_importance(own, scores),
    )


def _mean(trials: Sequence[str], records: Mapping[str, TrialRecord], metric: str) -> float:
    found = [records[trial].result for trial in trials]
    values = [number(one.validation[metric]) if one is not None and metric in one.validation else math.nan for one in found]
    return statistics.fmean(values) if values else math.nan


def _gain(value: float, over: float, lower: bool) -> float:
    return over - value if lower else value - over


def _gained(where: str, declared: float, best: float, lower: bool, seeds: int) -> Gain:
    return Gain(where=where, declared=declared, best=best, gain=_gain(best, declared, lower), seeds=seeds)


def _measured_again(
    again: Mapping[str, list[TrialSpec]], records: Mapping[str, TrialRecord], on_test: OnTest, metric: str, lower: bool
) -> list[Gain]:
    best, declared = again["best"], again["declared"] or again["best"]
    if not best:
        return []
    ids = [[trial.id for trial in trials] for trials in (declared, best)]
    before, after = (_mean(one, records, metric) for one in ids)
    gains = [_gained("validation, fresh seeds", before, after, lower, len(best))]
    known, found = (_mean_on_test(one, on_test) for one in (declared, best))
    if known is not None and found is not None:
        gains.append(_gained("test, fresh seeds: examples that chose nothing", known, found, lower, len(best)))
    return gains


def _mean_on_test(trials: Sequence[TrialSpec], on_test: OnTest) -> float | None:
    scores = [on_test(trial) for trial in trials]
    known = [score for score in scores if score is not None]
    return statistics.fmean(known) if len(known) == len(scores) else None


def _importance(own: Sequence[Proposal], scores: Mapping[int, float]) -> dict[str, float]:
    """Between-group share of variance, each setting by itself, its numbers cut into thirds by rank."""
    scored = [one for one in own if one.repeats is None and math.isfinite(scores[one.number]) and one.settings]
    if len(scored) < LEAST_SCORED or statistics.pvariance([scores[one.number] for one in scored]) == 0:
        return {}
    names = [name for name in scored[0].settings if all(name in one.settings for one in scored)]
    return {name: _between([(one.settings[name], scores[one.number]) for one in scored]) for name in names}


def _between(points: Sequence[tuple[bool | int | float | str, float]]) -> float:
    values = [value for value, _ in points]
    numeric = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    if numeric and len(set(values)) > PARTS:
        order = sorted(range(len(points)), key=lambda place: float(values[place]))
        group = {place: PARTS * rank // len(points) for rank, place in enumerate(order)}
        keys: list[object] = [group[place] for place in range(len(points))]
    else:
        keys = list(values)
    scores = [score for _, score in points]
    whole = statistics.fmean(scores)
    groups = [[score for key, score in zip(keys, scores, strict=True) if key == one] for one in dict.fromkeys(keys)]
    between = sum(len(one) * (statistics.fmean(one) - whole) ** 2 for one in groups)
    return between / sum((score - whole) ** 2 for score in scores)
