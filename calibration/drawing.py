"""Repetitions of a study: fresh seeds and a fresh test set from a pool each, scored whole and with each group left out.

Counts are made on packed bits: eight labels at a time are spread over the bytes of one number and added up. What is counted
is then scored by `bakeoff.stats.counting`, the code that verdicts run.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bakeoff.stats.counting import score_counts
from worlds import Pool

_SPREAD = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1, bitorder="little").view(np.uint64)[:, 0]
"""For each byte a number whose eight bytes are its eight bits."""
CHUNK = 16


@dataclass(frozen=True)
class Setting:
    """How repetitions are drawn.

    Attributes:
        seeds: S.
        examples: n, a multiple of the groups.
        groups: G.
        repetitions: R.
        swaps: random swaps of the randomisation test; 0 for none.
        swapped: repetitions that get one.
        shared: whether both recipes get the same seeds.
        respect: whether groups keep clusters together, as they should.
        metric: one of `counting.COUNTED`.
    """

    seeds: int
    examples: int
    groups: int
    repetitions: int
    swaps: int = 0
    swapped: int = 0
    shared: bool = True
    respect: bool = True
    metric: str = "f1_macro"


@dataclass(frozen=True)
class Drawn:
    """Repetitions.

    Attributes:
        whole: scores on the whole test set, [R, 2, S].
        deviations: of each group, as `Replicates.deviations`, [R, 2, S, G].
        without: scores with each group left out, of the first repetitions, for checking, [r, 2, S, G].
        randomised: p-values of the paired randomisation test with 2, 3, ... seeds held fixed, by number of seeds, [r].
    """

    whole: NDArray[np.float64]
    deviations: NDArray[np.float32]
    without: NDArray[np.float64]
    randomised: dict[int, NDArray[np.float64]]


def group_counts(bits: NDArray[np.uint32], groups: int, labels: int) -> NDArray[np.uint8]:
    """How often each label is set in each group.

    Args:
        bits: [..., n], groups one after another.
        groups: G, with n / G at most 255.
        labels: L.

    Returns:
        Counts, [..., G, L].
    """
    size = bits.shape[-1] // groups
    if size > 255:
        raise ValueError(f"a group of {size} examples does not fit a byte")
    spread = _SPREAD[np.ascontiguousarray(bits).view(np.uint8)].reshape(*bits.shape[:-1], groups, size, 4)
    return spread.sum(axis=-2).view(np.uint8)[..., :labels]


def _seeds(pool: Pool, setting: Setting, generator: np.random.Generator) -> NDArray[np.intp]:
    """Seeds of both recipes, [2, S]: drawn with replacement, or all from one study where seeds hang together."""
    count, own = pool.decided.shape[1], pool.identical or not setting.shared
    if pool.studies > 1:
        studies = generator.integers(0, count // pool.studies, 2)
        rows = np.stack([study * pool.studies + generator.permutation(pool.studies)[: setting.seeds] for study in studies])
    else:
        rows = generator.integers(0, count, (2, setting.seeds))
    return rows if own else np.stack([rows[0], rows[0]])


def _examples(pool: Pool, setting: Setting, generator: np.random.Generator) -> NDArray[np.intp]:
    clusters = generator.integers(0, len(pool.gold) // pool.cluster, setting.examples // pool.cluster)
    rows = (clusters[:, None] * pool.cluster + np.arange(pool.cluster)).ravel()
    return rows if setting.respect else generator.permutation(rows)


def draw(
    pool: Pool,
    setting: Setting,
    generator: np.random.Generator,
    checked: int = 3,
    chosen: NDArray[np.intp] | None = None,
) -> Drawn:
    """Repeat a study.

    Args:
        pool: the population.
        setting: how often and how large.
        generator: random numbers.
        checked: repetitions whose scores without each group are kept.
        chosen: seeds of each repetition and recipe, [R, 2, S]; None draws them.

    Returns:
        The repetitions.
    """
    whole = np.empty((setting.repetitions, 2, setting.seeds))
    deviations = np.empty((setting.repetitions, 2, setting.seeds, setting.groups), dtype=np.float32)
    kept, randomised = [], []
    for start in range(0, setting.repetitions, CHUNK):
        stop = min(start + CHUNK, setting.repetitions)
        seeds_of = [_seeds(pool, setting, generator) if chosen is None else chosen[row] for row in range(start, stop)]
        counts = [_count(pool, setting, seeds, generator) for seeds in seeds_of]
        sums = tuple(np.stack([one[part] for one in counts]).astype(np.float32) for part in range(3))
        totals = tuple(part.sum(axis=-2) for part in sums)
        whole[start:stop] = score_counts(setting.metric, *totals)
        left = (total[..., None, :] - part for total, part in zip(totals, sums, strict=True))
        without = score_counts(setting.metric, *left)
        apart = without - without.mean(axis=-1, keepdims=True)
        # of groups of equal size, up to a sign that nothing depends on
        deviations[start:stop] = apart * np.sqrt((setting.groups - 1) / setting.groups)
        if start < checked:
            kept.append(without[: checked - start])
        randomised += [
            _randomise(tuple(part[row] for part in sums), setting, generator)
            for row in range(max(0, min(stop, setting.swapped) - start))
        ]
    seeds = randomised[0].keys() if randomised else ()
    return Drawn(
        whole, deviations, np.concatenate(kept), {count: np.array([one[count] for one in randomised]) for count in seeds}
    )


def _count(
    pool: Pool, setting: Setting, seeds: NDArray[np.intp], generator: np.random.Generator
) -> tuple[NDArray[np.uint8], ...]:
    """Hits, predictions and positives of one repetition, [2, S, G, L] each (positives [1, 1, G, L])."""
    rows = _examples(pool, setting, generator)
    gold = pool.gold[rows]
    decided = np.stack([[pool.decided[recipe, seed].take(rows) for seed in seeds[recipe]] for recipe in (0, 1)])
    hits = group_counts(decided & gold, setting.groups, pool.labels)
    positives = group_counts(gold[None, None], setting.groups, pool.labels)
    return hits, group_counts(decided, setting.groups, pool.labels), positives


def _randomise(
    sums: tuple[NDArray[np.float32], ...], setting: Setting, generator: np.random.Generator
) -> dict[int, NDArray[np.float64]]:
    """Two-sided p of swapping the recipes' predictions group by group, the trained models held fixed."""
    hits, given, positives = sums
    swaps = (generator.random((setting.swaps, setting.groups)) < 0.5).astype(np.float32)
    scores = []
    for side, sign in ((0, 1.0), (1, -1.0)):
        moved = [
            part[side].sum(axis=1)[None] + sign * np.einsum("rg,sgl->rsl", swaps, part[1] - part[0], optimize=True)
            for part in (hits, given)
        ]
        scores.append(score_counts(setting.metric, *moved, positives[0, 0].sum(axis=0)))
    swapped = scores[0] - scores[1]
    totals = [
        score_counts(setting.metric, *(part[side].sum(axis=1) for part in (hits, given)), positives[0].sum(axis=1))
        for side in (0, 1)
    ]
    observed = totals[0] - totals[1]
    return {
        count: (1 + np.sum(np.abs(swapped[:, :count].mean(axis=1)) >= abs(observed[:count].mean()) - 1e-9))
        / (1 + setting.swaps)
        for count in range(1, setting.seeds + 1)
    }
