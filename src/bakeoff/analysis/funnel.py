"""What phases chose and what that saved, from the decisions and the times of a run's trials."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bakeoff.analysis.folder import TrialRecord
from bakeoff.analysis.funnel_model import Funnel, Saved
from bakeoff.errors import FormatError
from bakeoff.records.decisions import Decision, Spent
from bakeoff.records.paths import RunFolder
from bakeoff.records.results import Circumstances
from bakeoff.records.specs import Plan

Pair = tuple[str, str]


def read_decisions(run: RunFolder, plans: Mapping[str, Plan], notes: list[str]) -> list[Decision]:
    """What the phases of a run decided.

    Args:
        run: the run folder.
        plans: its plans by phase.
        notes: gets a line for each decision that cannot be read.

    Returns:
        The decisions of the planned phases, in order.
    """
    found = []
    for phase in plans:
        path = run.decision(phase)
        if not path.is_file():
            continue
        try:
            found.append(Decision.read(path))
        except (FormatError, ValueError):
            notes.append(f"decisions/{path.name} cannot be read: `bakeoff run` makes it again")
    return sorted(found, key=lambda one: one.place)


@dataclass(frozen=True)
class _Cost:
    """What a trial of a recipe on a task costs in a phase, the mean over its trials."""

    seconds: float
    examples: float


def make_funnel(plans: Mapping[str, Plan], records: Mapping[str, TrialRecord], decisions: Sequence[Decision]) -> Funnel | None:
    """How a study was narrowed down, phase by phase, and what that saved.

    Args:
        plans: the plans of a run by phase, in order.
        records: its trials by id.
        decisions: what the phases decided.

    Returns:
        The funnel; None for a study without phases.
    """
    if not decisions:
        return None
    last = list(plans.values())[-1]
    costs = {phase: _costs(plan, records) for phase, plan in plans.items()}
    spent = {phase: _spent(plan, records) for phase, plan in plans.items()}
    entered = {phase: len({(trial.recipe.name, trial.task.name) for trial in plan.trials}) for phase, plan in plans.items()}
    return Funnel(
        phases=[one for one in decisions if one.phase in plans],
        entered=entered,
        spent=spent,
        saved=_saved(decisions, last, costs, spent) if last.last else None,
        stopped=next((one.phase for one in decisions if one.stops), ""),
    )


def trial_seconds(record: TrialRecord) -> float | None:
    """What a trial took, the attempts that it went on from included.

    Args:
        record: the trial.

    Returns:
        Seconds; None if that is not known.
    """
    try:
        found = Circumstances.read(record.folder.circumstances)
    except (FormatError, ValueError):
        return None
    return found.seconds + found.seconds_before


def _examples(record: TrialRecord) -> int:
    value = record.result.training.get("examples", 0) if record.result else 0
    return value if isinstance(value, int) else 0


def _costs(plan: Plan, records: Mapping[str, TrialRecord]) -> dict[Pair, _Cost]:
    found: dict[Pair, list[tuple[float, int]]] = {}
    for spec in plan.trials:
        record = records[spec.id]
        seconds = trial_seconds(record)
        if record.result is not None and seconds is not None:
            found.setdefault((spec.recipe.name, spec.task.name), []).append((seconds, _examples(record)))
    return {
        pair: _Cost(statistics.fmean(one for one, _ in known), statistics.fmean(two for _, two in known))
        for pair, known in found.items()
    }


def _spent(plan: Plan, records: Mapping[str, TrialRecord]) -> Spent:
    own = [records[spec.id] for spec in plan.trials]
    results = [record.result.training for record in own if record.result is not None]
    steps = [training.get("steps", 0) for training in results]
    return Spent(
        trials=sum(bool(record.folder.attempt_numbers()) for record in own),
        seconds=round(sum(trial_seconds(record) or 0.0 for record in own), 3),
        steps=sum(one for one in steps if isinstance(one, int)),
        examples=sum(map(_examples, own)),
    )


def _saved(
    decisions: Sequence[Decision], last: Plan, costs: Mapping[str, dict[Pair, _Cost]], spent: Mapping[str, Spent]
) -> Saved | None:
    """All recipes of the first phase in the last phase's form, beside what was spent."""
    seeds = len({trial.seed for trial in last.trials})
    whole, examples = 0.0, 0.0
    for one in decisions[0].candidates:
        cost = _in_full((one.recipe, one.task), decisions, last.phase, costs)
        if cost is None:
            return None
        whole, examples = whole + seeds * cost.seconds, examples + seeds * cost.examples
    return Saved(
        seconds=round(sum(one.seconds for one in spent.values()), 3),
        full_seconds=round(whole, 3),
        examples=sum(one.examples for one in spent.values()),
        full_examples=round(examples),
        seeds=seeds,
    )


def _in_full(pair: Pair, decisions: Sequence[Decision], last: str, costs: Mapping[str, dict[Pair, _Cost]]) -> _Cost | None:
    """What a trial in the last phase costs; of a recipe that fell, as much more than where it fell as of those that went on."""
    known = costs[last]
    if pair in known:
        return known[pair]
    fell = next((one.phase for one in decisions if pair in one.fallen), None)
    there = costs.get(fell or "", {})
    if pair not in there:
        return None
    trained = there[pair].examples > 0
    alike = [other for other in known if other[1] == pair[1] and other in there and (there[other].examples > 0) is trained] or [
        other for other in known if other in there
    ]
    ratios = [known[other].seconds / there[other].seconds for other in alike if there[other].seconds > 0]
    if not ratios:
        return None
    examples = statistics.fmean(known[other].examples for other in alike) if trained else 0.0
    return _Cost(there[pair].seconds * statistics.median(ratios), 0.0 if math.isnan(examples) else examples)
