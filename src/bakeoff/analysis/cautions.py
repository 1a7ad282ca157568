"""What a reader must know before believing differences: few seeds or examples, failures, tuning, hardware, lone labels."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from bakeoff.analysis.measuring import Evidence
from bakeoff.analysis.skill import without_skill, without_spread
from bakeoff.analysis.trial_model import TrialAnalysis
from bakeoff.analysis.verdict_model import Contrast
from bakeoff.stats.concentration import concentration

FEW_SEEDS = 5


def warnings(evidence: Evidence, leader: str) -> list[str]:
    """What a reader must know before believing differences.

    Args:
        evidence: of the task.
        leader: the recipe that leads.

    Returns:
        Sentences.
    """
    found = []
    counts = {recipe: len(evidence.of(recipe)) for recipe in evidence.recipes}
    made = [recipe for recipe in of_seeds(evidence) if max(counts.values()) > 1]
    seeds = min((count for recipe, count in counts.items() if recipe not in made), default=0)
    if seeds == 1:
        found.append("one seed: what another training run would give is not known, and so no recipe is called better or worse")
    elif seeds < FEW_SEEDS:
        found.append(f"{seeds} seeds decide little: studies made to decide use at least {FEW_SEEDS}")
    found += [
        f"{recipe} is made of all seeds of another recipe, and so is one replicate: what another one would give is not known, "
        "and it is called neither better nor worse"
        for recipe in made
    ]
    if evidence.groups is None or evidence.groups.few_clusters:
        found.append("the test set has fewer than 20 independent examples: its own noise is poorly known")
    failed = [recipe for recipe in evidence.recipes if not math.isfinite(evidence.replicates(recipe).mean)]
    if failed:
        found.append(f"no mean, and no comparison: a trial of {', '.join(failed)} has no score")
    found += [f"{words}: no claim about it is answered" for words in without_skill(evidence).values()]
    same = (without_spread(evidence, recipe, evidence.telling(recipe)) for recipe in evidence.recipes)
    found += [f"{words}: what another seed would give is not known, and they count as one" for words in same if words]
    return [*found, *_tuning_warning(evidence, leader), *hardware_warnings(evidence)]


def of_seeds(evidence: Evidence) -> list[str]:
    """The recipes that are one trial made of all seeds of another.

    Args:
        evidence: of the task.

    Returns:
        Their names.
    """
    named = {facts.name: facts.settings.get("method.of", "") for facts in evidence.task.recipes}
    return [name for name, of in named.items() if of and ", " not in of]


def concentrated(evidence: Evidence, pairs: Sequence[Contrast]) -> list[str]:
    """Differences in a macro average that hang on one label with few positives: their intervals are too narrow.

    Args:
        evidence: of the task.
        pairs: the comparisons.

    Returns:
        A sentence a pair; none for metrics that are no mean over labels.
    """
    if not evidence.measure.metric.endswith("_macro"):
        return []
    labels = {recipe: evidence.label_replicates(recipe) for recipe in evidence.recipes}
    found = []
    for pair in pairs:
        first, second = labels[pair.recipe], labels[pair.rival]
        if first is None or second is None:
            continue
        part = concentration(first, second, (evidence.gold > 0).sum(axis=0))
        if part.is_doubtful:
            label = evidence.task.data.labels[part.label]
            found.append(
                f"{pair.recipe} − {pair.rival}: {100 * part.share:.0f} % of the difference lies in {label}, which "
                f"{part.positives} test examples bear: its interval is not to be trusted"
            )
    return found


def _tuning_warning(evidence: Evidence, leader: str) -> list[str]:
    tried = {facts.name: facts.proposals for facts in evidence.task.recipes if not facts.simple}
    if len(set(tried.values())) < 2:
        return []
    words = ", ".join(f"{name} {count}" for name, count in tried.items())
    lead = f"; {leader} leads at these settings" if leader in tried else ""
    return [f"recipes were not tuned alike (settings tried: {words}){lead}"]


def hardware(trial: TrialAnalysis) -> str:
    """What a trial ran on, in words.

    Args:
        trial: the trial.

    Returns:
        Device and processor; empty where nothing is known.
    """
    facts = {**trial.environment, **trial.machine}
    keys = ("device", "cpu.name", "cores")
    return ", ".join(facts[key] for key in (*keys, *(key for key in facts if key.startswith("gpu"))) if facts.get(key))


def hardware_warnings(evidence: Evidence) -> list[str]:
    """Whether hardware and recipe coincide, so that a difference may be either's.

    Args:
        evidence: of the task.

    Returns:
        A sentence, or none.
    """
    machines = {recipe: {hardware(trial) for trial in evidence.of(recipe) if hardware(trial)} for recipe in evidence.recipes}
    pairs = [
        (a, b) for a, b in itertools.combinations(machines, 2) if machines[a] and machines[b] and not machines[a] & machines[b]
    ]
    if not pairs:
        return []
    words = "; ".join(f"{a} and {b}" for a, b in pairs[:5])
    return [f"hardware and recipe coincide: these share no machine, so that a difference may be either's: {words}"]
