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


Key = Callable[[TrialSpec], tuple[object, ...]]


def deal(trials: Sequence[TrialSpec], seconds: Mapping[str, float], of: int, by: By = "cost") -> list[Shard]:
    """Deal trials out. Whatever is made of other trials stays with them: it is made where they are.

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
    keys: dict[By, Key] = {
        "cost": lambda trial: (trial.task.name, trial.seed),
        "task": lambda trial: (trial.task.name,),
        "recipe": lambda trial: (trial.recipe.name,),
    }
    order = {trial.id: place for place, trial in enumerate(trials)}
    shards = _deal(_blocks(trials, keys[by]), order, seconds, of)
    if by == "cost" and (len(shards) < of or imbalance(shards) > UNEQUAL):
        shards = _deal(_blocks(trials, lambda trial: (trial.id,)), order, seconds, of)
    if len(shards) < of:
        whole = "trials" if by == "cost" else f"{by}s"
        noun = f"groups of {whole} that are made of one another" if any(trial.made_of for trial in trials) else whole
        raise RunError(f"there are only {len(shards)} {noun} to deal out", f"--of {of}", f"--of {len(shards)}, or --by cost")
    return shards


def _blocks(trials: Sequence[TrialSpec], key: Key) -> list[list[TrialSpec]]:
    """What stays together: trials of one key, and whatever is made of them, or they of it."""
    block_of: dict[str, list[TrialSpec]] = {}
    first: dict[tuple[object, ...], str] = {}
    for trial in trials:  # whatever one is made of stands before it
        alike = first.setdefault(key(trial), trial.id)
        found = {id(block_of[one]): block_of[one] for one in (alike, *trial.made_of) if one in block_of}
        block, *others = [*found.values()] or [[]]
        for one in (*(one for other in others for one in other), trial):
            block.append(one)
            block_of[one.id] = block
    return list({id(block): block for block in block_of.values()}.values())


def _deal(
    blocks: Sequence[Sequence[TrialSpec]], order: Mapping[str, int], seconds: Mapping[str, float], of: int
) -> list[Shard]:
    """The dearest block first, each to the machine that has least."""
    costs = [sum(seconds[trial.id] for trial in block) for block in blocks]
    dealt: list[list[TrialSpec]] = [[] for _ in range(of)]
    sums = [0.0] * of
    for number in sorted(range(len(blocks)), key=lambda number: -costs[number]):
        place = min(range(of), key=lambda one: (sums[one], one))
        dealt[place] += blocks[number]
        sums[place] += costs[number]
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
