"""The grid that the gates hold for: worlds × test set sizes × numbers of seeds, and what peers do on the same data."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import stats

from bakeoff.stats.corrections import holm
from bakeoff.stats.power import Design, Noise, power
from drawing import Drawn, Setting, draw
from procedures import PEERS, Parts, check_against_the_package, parts
from worlds import RARE_RATES, Pool, World, make_pool, stream

ALPHA, LEAST_COVERAGE = 0.05, 0.93
WIDEST = {3: 2.5, 5: 1.8, 10: 1.5}
"""Mean width of our interval over that of one that knows the true variance, at most, by seeds."""
CLOSE_ENOUGH = 1e-6


@dataclass(frozen=True)
class Size:
    """How much is computed.

    Attributes:
        name: of the size.
        repetitions: of each cell.
        swapped: repetitions that get a randomisation test.
        pool: examples and seeds of a population.
        examples: test set sizes.
        worlds: names of the worlds.
        attacks: repetitions of each attack; 0 for none.
    """

    name: str
    repetitions: int
    swapped: int
    pool: tuple[int, int]
    examples: tuple[int, ...]
    worlds: tuple[str, ...]
    attacks: int


SEEDS = (2, 3, 5, 10)
GROUPS = 100
SWAPS = 199
_BASE = (
    World("usual"),
    World("seeds lead", recipe=0.4, both=0.3, seed=0.35),
    World("examples lead", recipe=1.0, both=0.15, seed=0.01),
    World("seed × example leads", recipe=0.1, both=1.2, seed=0.01),
    World("rare labels", rates=tuple(RARE_RATES)),
)
WORLDS = {
    f"{world.name}, {kind}": replace(world, name=f"{world.name}, {kind}", kind=kind)
    for world in _BASE
    for kind in ("identical", "equal")
}
WORLDS |= {
    world.name: world
    for world in (
        World("usual, planted", kind="planted", gain=0.15),
        World("examples lead, planted", kind="planted", recipe=1.0, both=0.15, seed=0.01, gain=0.10),
        World("paired seeds, equal", kind="equal", seed=0.25, pairing=0.5),
        World("unshared seeds, equal", kind="equal"),
        World("clusters of 5, equal", kind="equal", recipe=1.0, cluster=5),
    )
}
SIZES = {
    "test": Size("test", 150, 30, (3000, 40), (200,), ("usual, equal", "unshared seeds, equal"), 40),
    "small": Size(
        "small", 500, 100, (5000, 60), (200, 1000), ("usual, identical", "usual, planted", "rare labels, equal"), 200
    ),
    "full": Size("full", 4000, 500, (20000, 200), (200, 1000, 5000), tuple(WORLDS), 2000),
}


def cells_of(name: str, examples: int, size: Size) -> list[dict[str, Any]]:
    """All numbers of seeds of one world at one test set size; fewer seeds are the first of more.

    Args:
        name: of the world.
        examples: n.
        size: how much is computed.

    Returns:
        The cells.

    Raises:
        RuntimeError: if the arrays here are not what the package computes.
    """
    began, world = time.perf_counter(), WORLDS[name]
    shared = not name.startswith("unshared")
    setting = Setting(
        max(SEEDS), examples, min(GROUPS, examples // world.cluster), size.repetitions, SWAPS, size.swapped, shared
    )
    # the same pool at every n, so that its size is the only difference
    pool = make_pool(world, *size.pool)
    drawn = draw(pool, setting, stream("grid", name, examples, size.name))
    apart = check_against_the_package(drawn, shared)
    if apart > CLOSE_ENOUGH:
        raise RuntimeError(f"{name}: the arrays of the calibration and bakeoff.stats differ by {apart}")
    # what is estimated: the expected contrast at this n, by all repetitions and seeds; between identical recipes it is 0
    truth = 0.0 if world.kind == "identical" else float(np.mean(drawn.whole[:, 0] - drawn.whole[:, 1]))
    cells = [_cell(drawn, world, setting, seeds, truth) for seeds in SEEDS]
    seconds = time.perf_counter() - began
    return [{**cell, "seconds": round(seconds / len(SEEDS), 2)} for cell in cells]


def _cell(drawn: Drawn, world: World, setting: Setting, seeds: int, truth: float) -> dict[str, Any]:
    ours = parts(drawn, seeds, shared=setting.shared)
    half, repetitions = ours.half(), len(drawn.whole)
    missed = int(np.sum(np.abs(ours.value - truth) > half))
    deviation = float(np.std(ours.value))
    cell = {
        "world": world.name,
        "kind": world.kind,
        "seeds": seeds,
        "examples": setting.examples,
        "groups": setting.groups,
        "repetitions": repetitions,
        "score": float(drawn.whole[:, 1].mean()),
        "truth": truth,
        "missed": missed / repetitions,
        "below": float(np.mean(ours.value + half < truth)),
        "p": float(stats.binom.sf(missed - 1, repetitions, ALPHA)),
        "width": float(np.mean(half) / (stats.norm.isf(ALPHA / 2) * deviation)),
        "without taking off": _plain_sum(ours, truth, deviation),
        "peers": {name: float(np.mean(test(drawn, seeds)(truth) <= ALPHA)) for name, test in PEERS.items()},
    }
    # its null hypothesis is that models do not differ at all, so it can be asked about identical or equal recipes only
    if seeds in drawn.randomised and world.kind != "planted":
        cell["peers"]["randomisation, seeds fixed"] = float(np.mean(drawn.randomised[seeds] <= ALPHA))
    if world.kind == "planted":
        shown = np.sign(ours.value) * (np.abs(ours.value) > half)
        cell["power"] = {
            "found": float(np.mean(shown == np.sign(truth))),
            "wrong way": float(np.mean(shown == -np.sign(truth))),
            "predicted": power(_noise(ours, setting, seeds), Design(seeds, setting.examples, setting.groups), abs(truth)),
        }
    return cell


def _plain_sum(ours: Parts, truth: float, deviation: float) -> dict[str, float]:
    """The same interval when seed × example stays counted twice."""
    squared = ours.half() ** 2
    smallest = np.minimum(np.minimum(ours.seeds[0], ours.examples[0]), ours.twice[0])
    half = np.sqrt(squared + stats.t.isf(ALPHA / 2, ours.twice[1]) ** 2 * smallest)
    return {
        "missed": float(np.mean(np.abs(ours.value - truth) > half)),
        "width": float(np.mean(half) / (stats.norm.isf(ALPHA / 2) * deviation)),
    }


def _noise(ours: Parts, setting: Setting, seeds: int) -> Noise:
    """The noise as repetitions show it on average: what a forecast would say that knew it."""
    both = float(np.mean(ours.twice[0]))
    return Noise(
        seed=max(0.0, float(np.mean(ours.seeds[0])) - both) * seeds,
        example=max(0.0, float(np.mean(ours.examples[0])) - both) * setting.examples,
        both=both * seeds * setting.examples,
    )


def judge(cells: list[dict[str, Any]]) -> dict[str, Any]:
    """Hold the cells against the gates.

    Args:
        cells: all of them.

    Returns:
        Each gate: whether it holds, and its worst cell.
    """
    corrected = holm([cell["p"] for cell in cells])
    worst = int(np.argmin(corrected))
    lowest = max(cells, key=lambda cell: float(cell["missed"]))
    gates: dict[str, Any] = {
        "no cell significantly above 5 % (exact binomial, Holm)": {
            "holds": bool(corrected.min() > ALPHA),
            "worst": f"{_named(cells[worst])}: {100 * cells[worst]['missed']:.1f} %, corrected p {corrected.min():.2g}",
        },
        "observed coverage of every cell at least 93 %": {
            "holds": bool(1 - lowest["missed"] >= LEAST_COVERAGE),
            "worst": f"{_named(lowest)}: {100 * (1 - lowest['missed']):.1f} %",
        },
    }
    for seeds, bound in WIDEST.items():
        widest = max((cell for cell in cells if cell["seeds"] == seeds), key=lambda cell: float(cell["width"]))
        gates[f"mean width at S = {seeds} at most {bound} times that of the known-variance interval"] = {
            "holds": bool(widest["width"] <= bound),
            "worst": f"{_named(widest)}: {widest['width']:.2f}",
        }
    return gates


def _named(cell: dict[str, Any]) -> str:
    return f"{cell['world']}, S = {cell['seeds']}, n = {cell['examples']}"


def choose_groups(size: Size, counts: tuple[int, ...] = (20, 50, 100, 200)) -> list[dict[str, Any]]:
    """What the number of groups changes, on one world at n = 1,000.

    Args:
        size: how much is computed.
        counts: numbers of groups.

    Returns:
        Miss rate and width by number of groups and seeds.
    """
    world = WORLDS["rare labels, equal"]
    pool: Pool = make_pool(world, *size.pool)
    found = []
    for groups in counts:
        drawn = draw(pool, Setting(10, 1000, groups, size.attacks), stream("groups", size.name))
        truth = float(np.mean(drawn.whole[:, 0] - drawn.whole[:, 1]))
        for seeds in (3, 10):
            ours = parts(drawn, seeds)
            half = ours.half()
            width = float(np.mean(half) / (stats.norm.isf(ALPHA / 2) * np.std(ours.value)))
            missed = float(np.mean(np.abs(ours.value - truth) > half))
            found.append({"groups": groups, "seeds": seeds, "missed": missed, "width": width})
    return found
