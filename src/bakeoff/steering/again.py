"""After a search: the best settings once more with fresh seeds, and what goes on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from bakeoff.records.decisions import Decision
from bakeoff.records.paths import RunFolder
from bakeoff.records.results import read_complete
from bakeoff.records.specs import Plan
from bakeoff.running.keeping import validation_score
from bakeoff.steering.choosing import Field, Judged, choose, rule_in_words
from bakeoff.steering.deciding import results_hash, spent
from bakeoff.steering.sweeping import Outcome, Sweeper
from bakeoff.study.proposing import Pair, with_settings
from bakeoff.study.rounds import Phase

BEST, DECLARED = "-best", "-declared"


def again_plan(sweeper: Sweeper, best: Mapping[Pair, Outcome], seeds: Sequence[int], place: int) -> Plan:
    """The best and the declared settings of each search with fresh seeds. Test is opened for these in the end.

    Args:
        sweeper: the sweep.
        best: the best proposal by recipe and task.
        seeds: the fresh seeds.
        place: which phase of the run it is, from 1.

    Returns:
        The plan.
    """
    search = sweeper.search
    changed = with_settings(search.study, {pair: one.proposal.settings for pair, one in best.items()})
    trials = []
    for name, task in best:
        for ending, study in ((BEST, changed), (DECLARED, search.study)):
            recipe = study.recipes[name].for_task(task).model_copy(update={"on": {}, "tasks": [task]})
            alone = study.model_copy(update={"recipes": {name + ending: recipe}, "baseline": "", "seeds": list(seeds)})
            trials += search.facts.plan(alone).trials
    plan = search.facts.plan(search.study, f"{search.phase}-again", place, False)
    # where nothing better than the declared settings was found, the two are the same trials
    own = {trial.definition_hash: trial for trial in reversed(trials)}
    kept = [trial for trial in trials if own[trial.definition_hash] is trial]
    return plan.model_copy(update={"trials": kept, "tested": True, "baseline": ""})


def again_scores(run: RunFolder, plan: Plan) -> dict[Pair, float]:
    """Mean validation scores of the best settings with fresh seeds.

    Args:
        run: the run folder.
        plan: of `again_plan`.

    Returns:
        Means by recipe and task; nan where a trial has no score.
    """
    found: dict[Pair, list[float]] = {}
    for trial in plan.trials:
        if trial.recipe.name.endswith(BEST):
            result = read_complete(run.trial(trial.id), trial.definition_hash)
            score = validation_score(trial, result) if result else None
            pair = (trial.recipe.name.removesuffix(BEST), trial.task.name)
            found.setdefault(pair, []).append(math.nan if score is None else score)
    return {pair: sum(scores) / len(scores) for pair, scores in found.items()}


def decide_search(sweeper: Sweeper, phase: Phase, best: Mapping[Pair, Outcome]) -> Decision:
    """Say what goes on after a search, and write it down: each recipe with the best settings that were found for it.

    Args:
        sweeper: the sweep.
        phase: what the phase is.
        best: the best proposal by recipe and task.

    Returns:
        The decision.
    """
    search, plan = sweeper.search, sweeper.plan
    metrics = {task: search.study.tasks[task].metric for _, task in search.pairs}
    candidates = []
    for task, metric in metrics.items():
        names = [name for name, where in search.pairs if where == task]
        judged = [Judged(name, best[name, task].seeds if (name, task) in best else (math.nan,)) for name in names]
        field = Field(task, metric, search.is_lower(task), judged, search.study.baseline, names)
        candidates += choose(phase.choose, field)
    decision = Decision(
        phase=phase.name,
        place=search.place,
        rule=rule_in_words(phase.choose, metrics),
        metrics=metrics,
        results=results_hash(search.run, plan),
        candidates=candidates,
        spent=spent(search.run, plan),
    )
    decision.write(search.run.decision(phase.name))
    return decision
