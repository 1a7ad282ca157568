"""Test outputs of a task as replicates: a metric of each recipe at each seed, whole and with groups of examples left out."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.analysis.model import TaskAnalysis
from bakeoff.analysis.scoring import NO_THRESHOLD, PER_LABEL, TUNED, Yardstick, yardstick
from bakeoff.analysis.trial_model import TrialAnalysis
from bakeoff.metrics.counts import Floats
from bakeoff.records.results import Outputs
from bakeoff.stats.grouping import Groups, draw_groups
from bakeoff.stats.replicates import Replicates, label_replicates, replicates

FEWEST_EXAMPLES = 2


@dataclass(frozen=True)
class Evidence:
    """The test outputs of one task, and what was tuned on validation.

    Attributes:
        task: the task's part of the analysis.
        trials: its trials, in the order of the plan.
        tests: test outputs by trial id.
        groups: groups of test examples, the same for all recipes; None if there are fewer than two examples.
        measure: the task's yardstick.
        known: replicates by recipe, metric and rule, once computed.
        tables: what decisions follow from, by trial id, once read.
    """

    task: TaskAnalysis
    trials: Sequence[TrialAnalysis]
    tests: Mapping[str, Outputs]
    groups: Groups | None
    measure: Yardstick
    known: dict[tuple[str, str, str], Replicates] = field(default_factory=dict, compare=False)
    tables: dict[str, Floats] = field(default_factory=dict, compare=False)

    @functools.cached_property
    def gold(self) -> NDArray[Any]:
        """Whether each example bears each label, [N, L]; -1 where nobody decided."""
        judged = next(iter(self.tests.values())).judged
        return judged if judged.dtype.kind == "i" else judged.astype(bool)

    @property
    def recipes(self) -> list[str]:
        """Names of the recipes, in the order of the plan."""
        return [recipe.name for recipe in self.task.recipes]

    @functools.cached_property
    def _deterministic(self) -> frozenset[str]:
        return frozenset(recipe.name for recipe in self.task.recipes if recipe.deterministic)

    def of(self, recipe: str) -> list[TrialAnalysis]:
        """The trials of a recipe.

        Args:
            recipe: its name.

        Returns:
            Its trials in the order of the plan.
        """
        return [trial for trial in self.trials if trial.recipe == recipe]

    def first(self, seeds: int) -> Evidence:
        """The evidence as it was when each recipe had fewer seeds.

        Args:
            seeds: how many; those that come first in the plan.

        Returns:
            The same test set with fewer trials.
        """
        kept = [trial for recipe in self.recipes for trial in self.of(recipe)[:seeds]]
        return replace(self, trials=kept, known={})

    def read(self, trial: TrialAnalysis) -> Floats:
        """What a trial's decisions on test follow from.

        Args:
            trial: a trial with test outputs.

        Returns:
            See `Yardstick.read`.
        """
        if trial.id not in self.tables:
            self.tables[trial.id] = self.measure.read(self.tests[trial.id])
        return self.tables[trial.id]

    def decide(self, trial: TrialAnalysis, rule: str) -> NDArray[Any] | None:
        """Which labels a trial gives each test example, or what its answers are worth.

        Args:
            trial: the trial.
            rule: a fixed threshold as text, `tuned`, `per-label`, or `highest`.

        Returns:
            Decisions, [N, L], or worth, [N, 2]; None if the trial has no finite outputs, or nothing could be tuned on them.
        """
        if trial.test is None or not trial.test.finite:
            return None
        table = self.read(trial)
        threshold = self._threshold(trial, rule)
        if not self.measure.exclusive and np.isnan(threshold).any():
            return None
        return self.measure.decide(table, threshold)

    def _threshold(self, trial: TrialAnalysis, rule: str) -> float | Floats:
        if self.measure.exclusive:
            return math.nan
        if rule not in (TUNED, PER_LABEL):
            return float(rule)
        if trial.tuning is None:
            return math.nan
        return trial.tuning.threshold if rule == TUNED else np.asarray(trial.tuning.label_thresholds, dtype=np.float64)

    def replicates(self, recipe: str, metric: str = "", rule: str = "") -> Replicates:
        """A metric of a recipe at each of its planned seeds.

        Args:
            recipe: its name.
            metric: bare name; the task's own without it.
            rule: a fixed threshold, or `per-label`; without it the task's rule: the threshold that was tuned for its metric.

        Returns:
            Replicates; nan at seeds whose trial failed or gave no finite outputs, which leaves every contrast undecided.
        """
        key = (recipe, metric, rule)
        if key not in self.known:
            self.known[key] = self._replicates(*key)
        return self.known[key]

    def telling(self, recipe: str, metric: str = "", rule: str = "") -> Replicates:
        """A metric of a recipe at each seed that tells something: what contrasts of recipes are made of.

        Args:
            recipe: its name.
            metric: as for `replicates`.
            rule: as for `replicates`.

        Returns:
            Replicates; of seeds that all give one and the same result, where chance has a part in the method, the first alone:
            their spread is not known, only not seen.
        """
        found = self.replicates(recipe, metric, rule)
        return found.as_one_seed() if found.shows_no_spread and recipe not in self._deterministic else found

    def _replicates(self, recipe: str, metric: str, rule: str) -> Replicates:
        wanted = yardstick(self.task.kind, metric or self.measure.metric)
        decided = rule or (self.measure.decided_rule if wanted.rule != NO_THRESHOLD else NO_THRESHOLD)
        trials = self.of(recipe)
        seeds = tuple(trial.seed for trial in trials)
        outputs = [self._predicted(trial, decided) for trial in trials]
        function = wanted.ranked[wanted.metric] if decided == NO_THRESHOLD else wanted.metrics[wanted.metric]
        usable = [place for place, found in enumerate(outputs) if found is not None]
        count = self.groups.count if self.groups is not None else 0
        sizes = self.groups.sizes if self.groups is not None else np.zeros(0, dtype=np.int64)
        whole, without = np.full(len(seeds), math.nan), np.full((len(seeds), count), math.nan)
        if usable and self.groups is not None:
            found = replicates(
                [seeds[place] for place in usable],
                function,
                self.gold,
                [output for output in outputs if output is not None],
                self.groups,
            )
            whole[usable], without[usable] = found.whole, found.without
        return Replicates(seeds, whole, without, sizes)

    def _predicted(self, trial: TrialAnalysis, rule: str) -> NDArray[Any] | None:
        if rule != NO_THRESHOLD:
            return self.decide(trial, rule)
        if trial.test is None or not trial.test.finite:
            return None
        return self.read(trial)

    def label_replicates(self, recipe: str) -> list[Replicates] | None:
        """F1 of each label at each seed, at the rule of the task.

        Args:
            recipe: its name.

        Returns:
            Replicates, one a label; None if there are no labels, or a trial has no decisions.
        """
        if self.measure.answers:
            return None
        trials = self.of(recipe)
        decided = [self.decide(trial, self.measure.decided_rule) for trial in trials]
        given = [one for one in decided if one is not None]
        if self.groups is None or not given or len(given) < len(trials):
            return None
        seeds = [trial.seed for trial in trials]
        return label_replicates(seeds, self.gold, np.stack(given), self.groups)


def gather(task: TaskAnalysis, trials: Sequence[TrialAnalysis], tests: Mapping[str, Outputs]) -> Evidence | None:
    """Gather the evidence of a task.

    Args:
        task: its part of the analysis.
        trials: every trial of the run.
        tests: test outputs by trial id.

    Returns:
        The evidence; None if no trial of the task has test outputs.
    """
    own = [trial for trial in trials if trial.task == task.name]
    outputs = {trial.id: tests[trial.id] for trial in own if trial.id in tests}
    if not outputs:
        return None
    examples = len(next(iter(outputs.values())).ids)
    groups = draw_groups(examples, clusters_of(outputs)) if examples >= FEWEST_EXAMPLES else None
    return Evidence(task, own, outputs, groups, yardstick(task.kind, task.metric))


def clusters_of(outputs: Mapping[str, Outputs]) -> NDArray[np.int32] | None:
    """What examples belong to: a dialogue, an article, else a context that several questions are on; None if to nothing."""
    first = next(iter(outputs.values()))
    clusters = first.clusters if first.clusters is not None or first.answers is None else first.answers.contexts
    return None if clusters is None or len(np.unique(clusters)) < FEWEST_EXAMPLES else clusters
