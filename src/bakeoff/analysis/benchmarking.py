"""What using a model costs: launches in, latencies, ratios and agreement out.

The unit is the launch: processes of one program differ from one another (where memory lies, what the machine did), while
requests within one are alike, so a thousand of them say little more than ten. Two ways are compared by the ratios of their
launches of the same round, on a logarithmic scale.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bakeoff.analysis.bench_model import Agreement, Contrast, Variant
from bakeoff.analysis.drift_model import Spread
from bakeoff.analysis.verifying import Allowed, verify_export
from bakeoff.records.benchmarks import Launch, Way
from bakeoff.records.results import Outputs
from bakeoff.records.serving import Decision
from bakeoff.records.specs import TaskSpec
from bakeoff.stats.estimates import contrast
from bakeoff.stats.replicates import plain_replicates

LEAST_BYTES = 1_000_000
ANYTHING = Allowed(None, math.inf)
"""Of a benchmark nothing is refused: differences are told."""
COMPARED: tuple[tuple[Way, Way], ...] = (
    ("adapter", "whole"),
    ("adapters-2", "adapter"),
    ("adapters-3", "adapter"),
    ("whole-bf16", "whole"),
    ("onnx", "whole"),
    ("onnx-int8", "onnx"),
    ("onnx-int8", "whole"),
)
"""Which ways of one recipe are compared."""


@dataclass(frozen=True)
class Measured:
    """One way with all that was measured of it.

    Attributes:
        name: the recipe and the way.
        recipe: the recipe.
        way: how its model is put to use.
        seed: seed of the trial.
        trials: ids of the trials whose models were loaded.
        sizes: bytes on disk of its own, and of the pretrained model that it needs beside.
        decision: how outputs become answers.
        launches: those that were timed.
        answers: to validation examples.
    """

    name: str
    recipe: str
    way: Way
    seed: int
    trials: list[str]
    sizes: tuple[int, int]
    decision: Decision
    launches: list[Launch]
    answers: Outputs


def variants_of(task: TaskSpec, ways: Sequence[Measured], higher_is_better: bool) -> list[Variant]:
    """Sum up each way.

    Args:
        task: what the models solve.
        ways: what was measured; the first of a recipe is its reference.
        higher_is_better: direction of the task's metric.

    Returns:
        The ways, in their order.
    """
    references = {one.recipe: one for one in reversed(ways)}
    found = [_variant(task, one, references[one.recipe]) for one in ways]
    return [one.model_copy(update={"on_front": _on_front(one, found, higher_is_better)}) for one in found]


def _variant(task: TaskSpec, one: Measured, reference: Measured) -> Variant:
    sides = verify_export(task, one.decision, (reference.answers, one.answers), ANYTHING)
    return Variant(
        name=one.name,
        recipe=one.recipe,
        way=one.way,
        seed=one.seed,
        trials=one.trials,
        reference=one is reference,
        own_bytes=one.sizes[0],
        base_bytes=one.sizes[1],
        launches=len(one.launches),
        p50=_over(one, _percentile(50)),
        p95=_over(one, _percentile(95)),
        p99=_over(one, _percentile(99)),
        rows_per_second={size: _over(one, _rate(size)) for size in _batch_sizes([one])},
        load=_over(one, _load),
        start=_over(one, lambda launch: launch.start_seconds),
        memory=_over(one, _memory),
        peak=_over(one, lambda launch: float(launch.peak_bytes)),
        agreement=Agreement(
            examples=sides.examples,
            changed=sides.changed,
            largest_difference=sides.largest_difference,
            score=sides.score,
            low=sides.low,
            high=sides.high,
            same_in_every_launch=len({launch.said for launch in one.launches}) == 1,
        ),
    )


Number = Callable[[Launch], float]


def _percentile(share: float) -> Number:
    return lambda launch: float(np.percentile(launch.latencies, share))


def _rate(size: str) -> Number:
    return lambda launch: launch.rows_per_second[size]


def _is_seen(one: Measured) -> bool:
    """Whether a model is so large that the memory it takes stands out from what libraries take and give back."""
    return min(launch.memory_bytes for launch in one.launches) >= LEAST_BYTES


def _load(launch: Launch) -> float:
    return launch.load_seconds


def _memory(launch: Launch) -> float:
    # a small model may find room in what the libraries had taken already
    return float(max(launch.memory_bytes, 0))


def _batch_sizes(ways: Sequence[Measured]) -> list[str]:
    """Sizes that every launch of all of them measured, ascending."""
    measured = [set(launch.rows_per_second) for one in ways for launch in one.launches]
    return sorted(set.intersection(*measured), key=int)


def _over(one: Measured, number: Number) -> Spread:
    """A number of each launch, its mean, and where the mean of more launches would lie."""
    values = [number(launch) for launch in one.launches]
    interval = contrast(plain_replicates(range(len(values)), values)).interval()
    return Spread(values=values, mean=float(np.mean(values)), low=interval.low, high=interval.high)


def _on_front(one: Variant, ways: Sequence[Variant], higher_is_better: bool) -> bool:
    """Whether no way is at least as quick and as good, and better in one of the two."""
    sign = 1.0 if higher_is_better else -1.0

    def better(other: Variant) -> bool:
        quicker, gain = one.p50.mean - other.p50.mean, sign * (other.agreement.score - one.agreement.score)
        return quicker >= 0 and gain >= 0 and (quicker > 0 or gain > 0)

    return not any(better(other) for other in ways if other is not one)


def contrasts_of(task: TaskSpec, ways: Sequence[Measured]) -> list[Contrast]:
    """Compare ways of one recipe, and the whole models of recipes with one another.

    Args:
        task: what the models solve.
        ways: what was measured.

    Returns:
        The comparisons: within each recipe, then between recipes.
    """
    by_recipe: dict[str, dict[Way, Measured]] = {}
    for one in ways:
        by_recipe.setdefault(one.recipe, {})[one.way] = one
    found = [
        _contrast(task, own[a], own[b], same=True) for own in by_recipe.values() for a, b in COMPARED if a in own and b in own
    ]
    whole = [own["whole"] for own in by_recipe.values() if "whole" in own]
    return found + [_contrast(task, b, a, same=False) for a, b in itertools.combinations(whole, 2)]


def _contrast(task: TaskSpec, a: Measured, b: Measured, same: bool) -> Contrast:
    sides = verify_export(task, a.decision, (b.answers, a.answers), ANYTHING) if same else None
    return Contrast(
        a=a.name,
        b=b.name,
        latency=_ratio(a, b, _percentile(50)),
        throughput={size: _ratio(a, b, _rate(size)) for size in _batch_sizes([a, b])},
        memory=_ratio(a, b, _memory) if _is_seen(a) and _is_seen(b) else Spread(values=[], mean=math.nan),
        load=_ratio(a, b, _load),
        changed=sides.changed if sides else None,
        largest_difference=sides.largest_difference if sides else math.nan,
    )


def _ratio(a: Measured, b: Measured, number: Number) -> Spread:
    """Geometric mean of the ratios of launches of the same round."""
    first, second = (_by_round(one, number) for one in (a, b))
    rounds = sorted(set(first) & set(second))
    logs = [math.log(first[place] / second[place]) for place in rounds]
    if not logs:
        return Spread(values=[], mean=math.nan)
    interval = contrast(plain_replicates(rounds, logs)).interval()
    low, high = (math.exp(end) if end < math.inf else math.inf for end in (interval.low, interval.high))
    return Spread(values=[math.exp(log) for log in logs], mean=math.exp(float(np.mean(logs))), low=low, high=high)


def _by_round(one: Measured, number: Number) -> Mapping[int, float]:
    return {launch.number: number(launch) for launch in one.launches}
