"""The attack: worlds and habits chosen to break the procedure, by somebody who wants it to fail.

Reported, not gated: what breaks it is stated in docs/statistics.md with its remedy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import stats

from bakeoff.stats.corrections import holm
from bakeoff.stats.effects import hedges_g, probability_of_improvement
from bakeoff.stats.looks import Looks
from drawing import Drawn, Setting, draw
from grid import ALPHA, Size
from procedures import parts
from worlds import World, make_pool, stream

SEEDS = (3, 5, 10)
FUTILE = 0.5


def _drawn(world: World, size: Size, **changes: Any) -> Drawn:
    setting = replace(Setting(10, 1000, 100, size.attacks), **changes)
    return draw(make_pool(world, *size.pool), setting, stream("attack", world.name, sorted(changes.items())))


def _missed(drawn: Drawn, world: World, shared: bool = True, seeds_of: tuple[int, ...] = SEEDS) -> dict[str, float]:
    truth = 0.0 if world.kind == "identical" else float(np.mean(drawn.whole[:, 0] - drawn.whole[:, 1]))
    found = {}
    for seeds in seeds_of:
        ours = parts(drawn, seeds, shared=shared)
        found[str(seeds)] = float(np.mean(np.abs(ours.value - truth) > ours.half()))
    return found


def heavy_tails(size: Size) -> dict[str, Any]:
    """Scores over seeds with heavy tails, and recipes that collapse."""
    worlds = {
        "shifts from a t with 2 degrees of freedom": World("heavy", seed=0.25, tails=2.0),
        "shifts from a Cauchy": World("cauchy", seed=0.1, tails=1.0),
        "collapse at 1 seed in 10": World("collapse", collapse=0.1),
        "collapse at 1 seed in 10, different recipes": World("collapse, equal", kind="equal", collapse=0.1),
    }
    return {name: _missed(_drawn(world, size), world) for name, world in worlds.items()}


def one_label(size: Size) -> dict[str, Any]:
    """The whole difference lies in one label with few positives."""
    found = {}
    for positives in (1, 3, 10, 30):
        rates = (*np.geomspace(0.3, 0.02, 9), positives / 1000)
        world = World(f"one label with {positives}", kind="planted", recipe=0.3, rates=rates, gain=1.0, lone=True)
        found[f"about {positives} positives of one label of ten at n = 1,000"] = _missed(_drawn(world, size), world)
    return found


def correlated_seeds(size: Size) -> dict[str, Any]:
    """Seeds of a study that have something in common, and pairing that is not what it is taken for."""
    common = {
        f"{share:.0%} of the seeds' variance common to a study": World(f"common {share}", seed=0.3, both=0.3, common=share)
        for share in (0.1, 0.3, 0.6)
    }
    found = {name: _missed(_drawn(world, size), world) for name, world in common.items()}
    paired = World("paired 0.8", kind="equal", seed=0.3, both=0.3, pairing=0.8)
    drawn = _drawn(paired, size)
    found["pairing correlation 0.8, paired"] = _missed(drawn, paired)
    found["pairing correlation 0.8, taken as unshared"] = _missed(drawn, paired, shared=False)
    free = World("paired 0", kind="equal", seed=0.3, both=0.3)
    drawn = _drawn(free, size)
    found["pairing correlation 0, paired"] = _missed(drawn, free)
    found["pairing correlation 0, taken as unshared"] = _missed(drawn, free, shared=False)
    return found


def tiny_test_sets(size: Size) -> dict[str, Any]:
    """Very few examples, usual and rare labels."""
    rates = tuple(np.geomspace(0.3, 0.02, 10))
    found = {}
    for examples in (10, 20, 50, 100):
        for kind in ("identical", "equal"):
            world = World(f"tiny {kind}", kind=kind, rates=rates)  # type: ignore[arg-type]
            drawn = _drawn(world, size, examples=examples, groups=min(100, examples))
            found[f"n = {examples}, {kind}"] = _missed(drawn, world)
    return found


def no_spread(size: Size) -> dict[str, Any]:
    """A recipe without chance beside one that has it, and scores so coarse that seeds tie."""
    found = {}
    for examples in (200, 1000):
        world = World(f"one is still {examples}", kind="equal")
        pool = make_pool(world, *size.pool)
        still = np.broadcast_to(pool.decided[1, :1], pool.decided[1].shape)
        setting = Setting(10, examples, 100, size.attacks)
        drawn = draw(replace(pool, decided=np.stack([pool.decided[0], still])), setting, stream("still", examples))
        found[f"the rival is the same at every seed, n = {examples:,}"] = _missed(drawn, world, seeds_of=(2, *SEEDS))
    for examples in (20, 50, 200):
        world = World(f"coarse {examples}", rates=(0.3,))
        drawn = _drawn(world, size, examples=examples, groups=min(100, examples))
        found[f"one label, n = {examples}"] = _missed(drawn, world, seeds_of=(2, *SEEDS))
        gap = drawn.whole[:, 0, :2] - drawn.whole[:, 1, :2]
        found[f"one label, n = {examples}: two seeds tie"] = float(np.mean(gap[:, 0] == gap[:, 1]))
    return found


def clusters(size: Size) -> dict[str, Any]:
    """Examples that come in clusters, respected and ignored."""
    found = {}
    for cluster in (5, 20, 100):
        world = World(f"clusters of {cluster}", kind="equal", recipe=1.0, both=0.2, seed=0.02, cluster=cluster)
        groups = min(100, 1000 // cluster)
        found[f"{1000 // cluster} clusters of {cluster}, respected"] = _missed(_drawn(world, size, groups=groups), world)
        found[f"{1000 // cluster} clusters of {cluster}, ignored"] = _missed(_drawn(world, size, respect=False), world)
    return found


def habits(size: Size) -> dict[str, Any]:
    """What people do: look after every seed, pick the best of many, and declared looks beside it."""
    world = World("habits", recipe=0.4)
    drawn = _drawn(world, size)
    rejected = np.stack([parts(drawn, seeds).p() <= ALPHA for seeds in range(2, 11)])
    found: dict[str, Any] = {"undeclared looks after each seed from 2 to 10, 5 % each": float(np.mean(rejected.any(axis=0)))}
    found |= {f"declared looks: {name}": value for name, value in _looks(drawn, world).items()}
    better = World("habits, planted", kind="planted", recipe=0.4, gain=0.25)
    found |= {
        f"declared looks, a difference to be found: {name}": value
        for name, value in _looks(_drawn(better, size), better).items()
    }
    drawn_rivals = [_drawn(replace(world, name=f"rival {one}"), size) for one in range(5)]
    rivals = np.stack([parts(one, 5).p() for one in drawn_rivals])
    found["any of 5 identical rivals at S = 5, uncorrected"] = float(np.mean((rivals <= ALPHA).any(axis=0)))
    corrected = np.apply_along_axis(holm, 0, rivals)
    found["any of 5 identical rivals at S = 5, Holm"] = float(np.mean((corrected <= ALPHA).any(axis=0)))
    found |= {f"racing 5 identical rivals: {name}": value for name, value in _race(drawn_rivals).items()}
    strong = World("strong", kind="planted", recipe=0.4, gain=0.6)
    rivals_shown = [_drawn(replace(strong, name=f"strong {one}"), size) for one in range(5)]
    found |= {f"racing 5 rivals that differ greatly: {name}": value for name, value in _race(rivals_shown).items()}
    return found


def _race(rivals: list[Drawn]) -> dict[str, float]:
    """Declared looks at several rivals: Holm at each look, over all that began; p above one half drops a rival for good."""
    looks = Looks()
    p_values = np.stack([[parts(one, seeds).p() for one in rivals] for seeds in looks.seeds])
    alive = np.ones(p_values.shape[1:], dtype=bool)
    shown, used = np.zeros_like(alive), np.zeros(alive.shape)
    for seeds, alpha, p in zip(looks.seeds, looks.alphas, p_values, strict=True):
        used[alive] = seeds
        corrected = np.apply_along_axis(holm, 0, np.where(alive, p, 1.0))
        shown |= alive & (corrected <= alpha)
        alive &= ~shown & (p <= FUTILE)
    return {
        "any shown": float(np.mean(shown.any(axis=0))),
        "each shown": float(np.mean(shown)),
        "share of the seeds used": float(np.mean(used) / looks.seeds[-1]),
    }


def _looks(drawn: Drawn, world: World) -> dict[str, float]:
    """Rejections, and seeds used by who stops at the first."""
    looks = Looks()
    shown = np.stack([parts(drawn, seeds).p() <= looks.alpha_at(seeds) for seeds in looks.seeds])
    first = np.where(shown.any(axis=0), np.array(looks.seeds)[shown.argmax(axis=0)], looks.seeds[-1])
    fixed = parts(drawn, looks.seeds[-1])
    return {
        "rejected": float(np.mean(shown.any(axis=0))),
        "rejected by one look at 10": float(np.mean(fixed.p() <= ALPHA)),
        "share of the seeds used": float(np.mean(first) / looks.seeds[-1]),
    }


def effect_sizes(size: Size) -> dict[str, Any]:
    """Coverage of the intervals of Hedges' g and of the probability of improvement, from normal scores."""
    found = {}
    for shift in (0.0, 1.0, 2.5):
        for seeds in (5, 10):
            generator = stream("effects", shift, seeds)
            held = np.zeros(2)
            for _ in range(size.attacks):
                a, b = generator.normal(shift, 1, seeds), generator.normal(0, 1, seeds)
                truths = shift, float(stats.norm.cdf(shift / np.sqrt(2)))
                effects = hedges_g(a, b), probability_of_improvement(a, b)
                held += [
                    effect is not None and effect.low <= truth <= effect.high
                    for effect, truth in zip(effects, truths, strict=True)
                ]
            found[f"true shift {shift}, S = {seeds}"] = dict(
                zip(("g", "improvement"), (held / size.attacks).tolist(), strict=True)
            )
    return found


ATTACKS: dict[str, Callable[[Size], dict[str, Any]]] = {
    attack.__name__: attack
    for attack in (heavy_tails, one_label, correlated_seeds, tiny_test_sets, no_spread, clusters, habits, effect_sizes)
}
