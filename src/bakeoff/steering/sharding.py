"""A study's trials dealt out to machines that know nothing of each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bakeoff.errors import RunError
from bakeoff.records.specs import TrialSpec

By = Literal["cost", "task", "recipe"]
UNEQUAL = 0.15
"""By how much the dearest shard may lie above an equal share before blocks of a seed are broken up."""


@dataclass(frozen=True)
class Shard:
    """What one machine is to do.

    Attributes:
        trials: its trials, in the order of the plan.
        seconds: what they are expected to take.
    """

    trials: list[TrialSpec]
    seconds: float


def deal(trials: Sequence[TrialSpec], seconds: Mapping[str, float], of: int, by: By = "cost") -> list[Shard]:
    """Deal trials out.

    By cost, all recipes of a task and seed stay together as far as that is balanced: what hardware does to scores then meets
    every recipe alike. By recipe, hardware and recipe coincide, and the report will say so.

    Args:
        trials: in the order of the plan.
        seconds: what each is expected to take, by id.
        of: how many machines.
        by: what is kept together.

    Returns:
        A shard a machine.

    Raises:
        RunError: if there is less to deal than there are machines.
    """
    keys: dict[By, Callable[[TrialSpec], tuple[object, ...]]] = {
        "cost": lambda trial: (trial.task.name, trial.seed),
        "task": lambda trial: (trial.task.name,),
        "recipe": lambda trial: (trial.recipe.name,),
    }
    shards = _deal(trials, seconds, of, keys[by])
    if by == "cost" and (len(shards) < of or imbalance(shards) > UNEQUAL):
        shards = _deal(trials, seconds, of, lambda trial: (trial.id,))
    if len(shards) < of:
        noun = "trials" if by == "cost" else f"{by}s"
        raise RunError(f"there are only {len(shards)} {noun} to deal out", f"--of {of}", f"--of {len(shards)}, or --by cost")
    return shards


def _deal(
    trials: Sequence[TrialSpec], seconds: Mapping[str, float], of: int, key: Callable[[TrialSpec], tuple[object, ...]]
) -> list[Shard]:
    """The dearest block first, each to the machine that has least."""
    blocks: dict[tuple[object, ...], list[TrialSpec]] = {}
    for trial in trials:
        blocks.setdefault(key(trial), []).append(trial)
    costs = {name: sum(seconds[trial.id] for trial in block) for name, block in blocks.items()}
    dealt: list[list[TrialSpec]] = [[] for _ in range(of)]
    sums = [0.0] * of
    for name in sorted(blocks, key=lambda name: -costs[name]):
        place = min(range(of), key=lambda one: (sums[one], one))
        dealt[place] += blocks[name]
        sums[place] += costs[name]
    order = {trial.id: place for place, trial in enumerate(trials)}
    return [Shard(sorted(own, key=lambda trial: order[trial.id]), total) for own, total in zip(dealt, sums, strict=True) if own]


def imbalance(shards: Sequence[Shard]) -> float:
    """How far the dearest shard lies above an equal share.

    Args:
        shards: the shards.

    Returns:
        0 for equal ones; 0.15 if the dearest costs 15 % more than the mean.
    """
    mean = sum(one.seconds for one in shards) / len(shards)
    return max(one.seconds for one in shards) / mean - 1 if mean else 0.0
