"""Compare prediction files, or recipes of two runs, with the statistics of the verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from bakeoff.analysis.analyse import analyse, check_same_examples
from bakeoff.analysis.comparisons import Compared, compare_pairs, not_shown_worse, smallest
from bakeoff.analysis.facts import read_study
from bakeoff.analysis.folder import TrialRecord, chosen_phase, read_plans, read_trials
from bakeoff.analysis.gate import open_test
from bakeoff.analysis.measuring import Evidence, gather
from bakeoff.analysis.model import Analysis
from bakeoff.analysis.recipe_model import Difference, RecipeFacts
from bakeoff.analysis.scoring import SINGLE_LABEL, yardstick
from bakeoff.analysis.skill import without_skill
from bakeoff.analysis.trial_model import Number
from bakeoff.analysis.verdict_model import Contrast, Smallest
from bakeoff.errors import DataError, RunError
from bakeoff.records.paths import RunFolder
from bakeoff.records.predictions import Predictions
from bakeoff.records.specs import Spec
from bakeoff.stats.grouping import draw_groups
from bakeoff.stats.replicates import replicates
from bakeoff.stats.trained import randomisation

DRAWS = 1999


class Scored(Spec):
    """One side of a comparison.

    Attributes:
        name: its name.
        seeds: its seeds.
        scores: the score of each.
        mean: their mean.
    """

    name: str
    seeds: list[int]
    scores: list[Number]
    mean: Number


class TrainedDifference(Spec):
    """Whether two trained models differ: another question than whether their recipes do.

    Attributes:
        recipe: one.
        rival: the other.
        question: what is asked.
        test: the test.
        p: its two-sided p-value, uncorrected.
    """

    recipe: str
    rival: str
    question: str
    test: str
    p: Number


class Comparison(Spec):
    """Several sets of predictions on one test set.

    Attributes:
        task: what it is on; empty for files.
        metric: in which metric.
        higher_is_better: its direction.
        examples: of the test set.
        clusters: independent examples, or clusters of them.
        sides: what is compared.
        leader: the one with the best mean.
        not_shown_worse: those that may be as good, the leader first.
        pairs: every pair.
        smallest: what this design can see; None with one seed.
        trained: for sides of one seed: whether these models differ.
        changed: what else differs between two runs: data, code, machine.
        warnings: what a reader must know.
    """

    task: str
    metric: str
    higher_is_better: bool
    examples: int
    clusters: int
    sides: list[Scored]
    leader: str
    not_shown_worse: list[str]
    pairs: list[Contrast]
    smallest: Smallest | None
    trained: list[TrainedDifference] = Field(default_factory=list)
    changed: list[Difference] = Field(default_factory=list)
    warnings: list[str] = Field(default_factory=list)


def compare_predictions(sides: Sequence[Predictions], metric: str = "", reference: str = "") -> Comparison:
    """Compare prediction files.

    Args:
        sides: what each recipe said, on the same examples.
        metric: a metric of decisions; by default accuracy where each example has one label, else macro-F1.
        reference: the side that others are compared with; the first by default.

    Returns:
        The comparison.

    Raises:
        DataError: if the sides have other examples or another gold, share a name, or the metric does not fit.
    """
    first = sides[0]
    names = [side.name for side in sides]
    if len(set(names)) < len(names):
        raise DataError("two prediction files have one name", str(sides[-1].path), "name them: a=FILE b=FILE")
    places = {example: place for place, example in enumerate(first.ids)}
    for side in sides[1:]:
        _check_same(first, side, places)
    single = all(side.single for side in sides)
    measure = yardstick(SINGLE_LABEL if single else "multilabel", metric or ("accuracy" if single else "f1_macro"))
    if measure.metric not in measure.metrics:
        raise DataError(f"{measure.metric} needs probabilities, and prediction files hold decisions", metric, "another metric")
    function = measure.metrics[measure.metric]
    labels = sorted({label for side in sides for part in (side.gold, *side.said.values()) for one in part for label in one})
    groups = draw_groups(len(first.ids), first.clusters or None)
    gold = _flags(first.gold, labels)
    given = {side.name: _given(side, labels, places) for side in sides}
    scores = {side.name: replicates(list(side.said), function, gold, given[side.name], groups) for side in sides}
    # whether chance has a part in what made a file, the file does not say
    same = [name for name, found in scores.items() if found.shows_no_spread]
    compared = Compared(
        scores={name: found.as_one_seed() if name in same else found for name, found in scores.items()},
        lower=not measure.higher_is_better,
        reference=reference or first.name,
        examples=len(first.ids),
    )
    trained = _trained(function, gold, given, first.clusters)
    found = _comparison("", measure.metric, compared, groups.clusters, trained)
    warned = [f"all {len(scores[name].seeds)} seeds of {name} give one and the same result: they count as one" for name in same]
    return found.model_copy(update={"warnings": [*warned, *found.warnings]})


def _check_same(first: Predictions, side: Predictions, places: Mapping[str, int]) -> None:
    if set(side.ids) != set(first.ids):
        odd = sorted(set(side.ids) ^ set(first.ids))[0]
        raise DataError(
            f"not the same examples as in {first.path.name}: {odd!r} is in one alone", str(side.path), "align them by id"
        )
    for example, gold in zip(side.ids, side.gold, strict=True):
        if gold != first.gold[places[example]]:
            raise DataError(
                f"another gold than in {first.path.name} for {example!r}", str(side.path), "one truth for all files"
            )


def _flags(rows: Sequence[frozenset[str]], labels: Sequence[str]) -> NDArray[np.bool_]:
    columns = {label: place for place, label in enumerate(labels)}
    flags = np.zeros((len(rows), max(1, len(labels))), dtype=np.bool_)
    for row, found in enumerate(rows):
        flags[row, [columns[label] for label in found]] = True
    return flags


def _given(side: Predictions, labels: Sequence[str], places: Mapping[str, int]) -> list[NDArray[np.bool_]]:
    """Decisions of each seed, in the order of the first file's examples."""
    order = np.argsort([places[example] for example in side.ids])
    return [_flags(said, labels)[order] for said in side.said.values()]


def _trained(
    function: Callable[[Any, Any], float],
    gold: NDArray[np.bool_],
    given: Mapping[str, list[NDArray[np.bool_]]],
    clusters: Sequence[str],
) -> list[TrainedDifference]:
    """For sides of one seed each: whether these very models differ."""
    alone = [name for name, decided in given.items() if len(decided) == 1]
    found = []
    for place, rival in enumerate(alone):
        for recipe in alone[place + 1 :]:
            models = (given[recipe][0], given[rival][0])
            test = randomisation(function, gold, models, clusters or None, draws=DRAWS)
            found.append(TrainedDifference(recipe=recipe, rival=rival, question=test.question, test=test.name, p=test.p))
    return found


def _comparison(
    task: str, metric: str, compared: Compared, clusters: int, trained: Sequence[TrainedDifference] = ()
) -> Comparison:
    pairs = compare_pairs(compared)
    warned = []
    seeds = min(len(one.seeds) for one in compared.scores.values())
    if seeds == 1:
        warned.append("one seed: what another training run would give is not known, and so nothing is called better or worse")
    elif seeds < 5:
        warned.append(f"{seeds} seeds decide little: comparisons made to decide use at least 5")
    if clusters < 20:
        warned.append("the test set has fewer than 20 independent examples: its own noise is poorly known")
    return Comparison(
        task=task,
        metric=metric,
        higher_is_better=not compared.lower,
        examples=compared.examples,
        clusters=clusters,
        sides=[
            Scored(name=name, seeds=list(one.seeds), scores=one.whole.tolist(), mean=one.mean)
            for name, one in compared.scores.items()
        ],
        leader=compared.leader,
        not_shown_worse=not_shown_worse(pairs, list(compared.scores), compared.leader),
        pairs=pairs,
        smallest=smallest(compared),
        trained=list(trained),
        warnings=warned,
    )


def compare_runs(runs: Sequence[RunFolder]) -> list[Comparison]:
    """Compare every recipe that two runs share, on every task that they share.

    Args:
        runs: two finished runs. Opening their test scores is recorded as a look where it is a new one.

    Returns:
        A comparison for each shared task and recipe.

    Raises:
        RunError: if they share nothing, or were scored on other examples.
        UnfinishedError: if a planned trial has not ended.
    """
    before, after = (_Opened(run) for run in runs)
    found = []
    for task, evidence in before.evidence.items():
        other = after.evidence.get(task)
        for recipe in evidence.recipes if other is not None else ():
            if other is not None and recipe in other.recipes:
                found.append(_across(recipe, (before, after), (evidence, other)))
    if not found:
        raise RunError("the two runs share no recipe on a task", f"{runs[0].root} and {runs[1].root}", "compare others")
    return found


class _Opened:
    """A run whose test scores are open."""

    def __init__(self, run: RunFolder) -> None:
        plans = read_plans(run)
        self.run = run
        self.records: dict[str, TrialRecord] = read_trials(run, plans)
        self.analysis: Analysis = analyse(run)
        tests = open_test(run, self.records, read_study(run, []).get("looks"))
        own = {spec.id for spec in plans[chosen_phase(plans)].trials}
        usable = {trial: outputs for trial, outputs in tests.items() if trial in own}
        gathered = ((task.name, gather(task, self.analysis.trials, usable)) for task in self.analysis.tasks)
        self.evidence: dict[str, Evidence] = {name: found for name, found in gathered if found is not None}


def _across(recipe: str, opened: tuple[_Opened, _Opened], evidence: tuple[Evidence, Evidence]) -> Comparison:
    before, after = evidence
    first, second = next(iter(before.tests.values())), next(iter(after.tests.values()))
    folder = opened[1].run.trial(next(iter(after.tests)))
    check_same_examples({"test": first}, {"test": second}, folder)
    names = [f"{recipe} ({one.run.root.name})" for one in opened]
    if names[0] == names[1]:
        names = [f"{recipe} (first)", f"{recipe} (second)"]
    facts = [next(one for one in side.task.recipes if one.name == recipe) for side in evidence]
    compared = Compared(
        scores={name: side.telling(recipe) for name, side in zip(names, evidence, strict=True)},
        lower=not before.measure.higher_is_better,
        reference=names[0],
        examples=len(before.gold),
        recipes=[
            RecipeFacts.model_validate({**one.model_dump(), "name": name}) for one, name in zip(facts, names, strict=True)
        ],
        idle=frozenset(name for name, side in zip(names, evidence, strict=True) if recipe in without_skill(side)),
    )
    clusters = before.groups.clusters if before.groups else len(before.gold)
    found = _comparison(before.task.name, before.task.metric, compared, clusters)
    return found.model_copy(update={"changed": _changed(opened, evidence)})


def _changed(opened: tuple[_Opened, _Opened], evidence: tuple[Evidence, Evidence]) -> list[Difference]:
    """Data, code and machines that differ between two runs."""
    there, here = ({**_data(side), **_machines(one.analysis)} for one, side in zip(opened, evidence, strict=True))
    keys = dict.fromkeys([*there, *here])
    return [
        Difference(key=key, here=here.get(key, ""), there=there.get(key, "")) for key in keys if here.get(key) != there.get(key)
    ]


def _data(evidence: Evidence) -> dict[str, str]:
    data = evidence.task.data
    limits = {f"data.{split} limit": str(limit) for split, limit in data.limits.items() if limit is not None}
    known = {"data": f"{data.dataset} {data.fingerprint[:12]}", "data.seed": str(data.data_seed)}
    return {**known, "metric": evidence.task.metric, "data.max_length": str(data.max_length), **limits}


def _machines(analysis: Analysis) -> dict[str, str]:
    keys = dict.fromkeys(key for environment in analysis.environments for key in environment.facts)
    return {key: ", ".join(sorted({environment.facts.get(key, "") for environment in analysis.environments})) for key in keys}
