"""The end of a phase: what its trials came to on validation, what goes on, and whether the study does."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bakeoff.analysis.analyse import Rehearsal, rehearse
from bakeoff.analysis.comparisons import Compared, compare_pairs
from bakeoff.analysis.measuring import Evidence, gather
from bakeoff.analysis.scoring import yardstick
from bakeoff.errors import FormatError
from bakeoff.records.decisions import Candidate, Decision, GateFound, Spent
from bakeoff.records.files import canonical_json, sha256_bytes, sha256_file
from bakeoff.records.paths import RunFolder
from bakeoff.records.results import Circumstances, State, read_complete
from bakeoff.records.specs import Plan
from bakeoff.running.plan_run import read_state
from bakeoff.steering.choosing import Field, Judged, choose, rule_in_words
from bakeoff.study.rounds import Choice, Phase

ERROR_RATE = 0.05
"""Of wrongly calling a recipe worse, over all phases of a study that ask for it together."""
COLOURS = ("red", "yellow", "green")


@dataclass(frozen=True)
class Ended:
    """A phase whose trials have all ended.

    Attributes:
        run: the run folder.
        phase: what it is.
        plan: its plan.
        error_rate: of wrongly calling a recipe worse in this phase.
    """

    run: RunFolder
    phase: Phase
    plan: Plan
    error_rate: float = ERROR_RATE


def decide(ended: Ended) -> tuple[Decision, bool]:
    """Say what goes on, and write it down. The same results give the same decision, whenever it is asked for.

    Args:
        ended: the phase.

    Returns:
        The decision, as it stands in `decisions/<phase>.json` now, and whether it is another than the one that stood there.
    """
    run, phase, plan = ended.run, ended.phase, ended.plan
    rehearsal = rehearse(run, plan.phase)
    fields = [field_of(ended, rehearsal, task.name) for task in rehearsal.analysis.tasks]
    metrics = {field.task: field.metric for field in fields}
    decision = Decision(
        phase=phase.name,
        place=plan.place,
        rule=rule_in_words(phase.choose, metrics),
        metrics=metrics,
        results=results_hash(run, plan),
        candidates=[candidate for field in fields for candidate in choose(phase.choose, field)],
        gate=_gate(phase, rehearsal),
        spent=spent(run, plan),
    )
    stood = _stored(run, phase.name)
    if stood != decision:
        decision.write(run.decision(phase.name))
    return decision, stood is not None and stood.candidates != decision.candidates


def _stored(run: RunFolder, phase: str) -> Decision | None:
    try:
        return Decision.read(run.decision(phase))
    except (FormatError, ValueError):
        return None


def results_hash(run: RunFolder, plan: Plan) -> str:
    """One hash over the trials of a plan and what they came to.

    Args:
        run: the run folder.
        plan: the plan.

    Returns:
        64 hexadecimal digits.
    """
    found = {}
    for trial in plan.trials:
        result = run.trial(trial.id).result
        found[trial.id] = sha256_file(result) if result.is_file() else read_state(run, trial).state.value
    return sha256_bytes(canonical_json(found).encode())


def field_of(ended: Ended, rehearsal: Rehearsal, task: str) -> Field:
    """The recipes of a task with their validation scores.

    Args:
        ended: the phase.
        rehearsal: its analysis.
        task: the task's name.

    Returns:
        What a rule of choice looks at.
    """
    analysis = rehearsal.analysis
    part = next(one for one in analysis.tasks if one.name == task)
    choice = ended.phase.choose or Choice(top=1)
    metric = choice.by or part.metric
    measure = yardstick(part.kind, metric)
    evidence = gather(part, analysis.trials, rehearsal.outputs)
    # a metric without a threshold of its own has the task's, tuned on validation
    bare, _, threshold = metric.partition("@")
    scores = _scores(evidence, bare, threshold, [recipe.name for recipe in part.recipes])
    states = {recipe.name: [t for t in analysis.trials if (t.task, t.recipe) == (task, recipe.name)] for recipe in part.recipes}
    judged = [
        Judged(
            recipe=name,
            seeds=scores.get(name, tuple(math.nan for _ in trials)),
            failed=tuple(
                f"seed {trial.seed} {trial.state.value}" + (f": {trial.reason}" if trial.reason else "")
                for trial in trials
                if trial.state is not State.COMPLETE
            ),
        )
        for name, trials in states.items()
    ]
    lower = not measure.higher_is_better
    equals = _not_shown_worse(ended, evidence, (bare, threshold), lower) if choice.not_worse and evidence else ()
    return Field(task, metric, lower, judged, ended.plan.baseline, equals, ended.error_rate)


def _scores(evidence: Evidence | None, metric: str, threshold: str, recipes: Sequence[str]) -> dict[str, tuple[float, ...]]:
    if evidence is None:
        return {}
    return {name: tuple(map(float, evidence.replicates(name, metric, threshold).whole)) for name in recipes}


def _not_shown_worse(ended: Ended, evidence: Evidence, metric: tuple[str, str], lower: bool) -> list[str]:
    """Recipes that may be as good as the best for all that is known: every pair is compared, corrected for all."""
    scores = {name: evidence.replicates(name, *metric) for name in evidence.recipes}
    compared = Compared(scores, lower, "", len(evidence.gold))
    leader = compared.leader
    worse = set()
    for pair in compare_pairs(compared):
        if leader in (pair.recipe, pair.rival) and pair.corrected <= ended.error_rate:
            worse.add(pair.rival if pair.recipe == leader else pair.recipe)
    return [name for name in scores if name not in worse]


def _gate(phase: Phase, rehearsal: Rehearsal) -> GateFound | None:
    conclusions = rehearsal.analysis.conclusions
    if phase.gate is None or conclusions is None:
        return None
    verdict = conclusions.verdict
    passed = COLOURS.index(verdict.colour) >= COLOURS.index(phase.gate)
    return GateFound(wanted=phase.gate, colour=verdict.colour, paragraph=verdict.paragraph.replace("\n", " "), passed=passed)


def spent(run: RunFolder, plan: Plan) -> Spent:
    """What the trials of a plan took.

    Args:
        run: the run folder.
        plan: the plan.

    Returns:
        Their number, time, steps and examples; of trials that were never begun, nothing.
    """
    seconds, steps, examples, begun = 0.0, 0, 0, 0
    for trial in plan.trials:
        folder = run.trial(trial.id)
        begun += bool(folder.attempt_numbers())
        seconds += _seconds(run, trial.id)
        result = read_complete(folder, trial.definition_hash)
        facts: Mapping[str, object] = result.training if result else {}
        steps += _whole(facts.get("steps"))
        examples += _whole(facts.get("examples"))
    return Spent(trials=begun, seconds=round(seconds, 3), steps=steps, examples=examples)


def _seconds(run: RunFolder, trial: str) -> float:
    try:
        lived = Circumstances.read(run.trial(trial).circumstances)
    except (FormatError, ValueError):
        return 0.0
    return lived.seconds + lived.seconds_before


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


def by_task(candidates: Sequence[Candidate]) -> dict[str, list[Candidate]]:
    """Candidates by task.

    Args:
        candidates: of one phase.

    Returns:
        Those of each task, in their order.
    """
    found: dict[str, list[Candidate]] = {}
    for one in candidates:
        found.setdefault(one.task, []).append(one)
    return found
