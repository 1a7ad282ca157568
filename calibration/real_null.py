"""Trained models in place of simulated ones: are false decisions as rare, and real differences found as often, as we say?

    python calibration/real_null.py [--seeds 4000] [--keep]

Heads on cached features of GoEmotions (`features.py`): one linear layer, trained for some epochs with its own start and its
own order of data by seed, thousands of seeds at once. The population is every head, judged by every held-out example.

- **Null**: one recipe against itself. Its seeds are dealt into disjoint groups of 2·S; each comparison gets a fresh sample
  of the held-out examples. Every difference that is shown is a false one.
- **Planted**: two recipes that differ in the learning rate, paired by seed, each seed used once. Their true difference is
  known from the population; how often it is found is held against the power that was forecast.

Needs GoEmotions (`bakeoff data import goemotions FOLDER`, or `bakeoff fetch`) and MiniLM (`pip install -e '.[demo]'`).
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import stats

from bakeoff.records.environment import environment
from bakeoff.stats.power import Design, Noise, power
from drawing import Drawn, Setting, draw
from features import Features, load_features
from procedures import PEERS, Parts, check_against_the_package, parts
from tables import write_docs
from worlds import Pool, pack, stream

RESULT = Path(__file__).parent / "results" / "real_null.json"
RECIPES = {"bce": 1e-2, "bce-slow": 6e-3}
"""Learning rate of Adam by recipe; all else is equal."""
STEPS, BATCH, THRESHOLD, AT_ONCE = 150, 64, 0.2, 50
EXAMPLES, GROUPS, ALPHA = (1000, 5000), 100, 0.05
SEEDS = (2, 3, 5, 10)
DRAWS = 2000


def train(features: Features, seeds: range, rate: float) -> NDArray[np.float32]:
    """Train heads of several seeds at once.

    Args:
        features: what they see.
        seeds: one a head; it governs the start and the order of data, the same for every recipe.
        rate: learning rate of Adam.

    Returns:
        Weights with the bias as last row, [K, D + 1, L].
    """
    inputs = torch.from_numpy(np.hstack([features.train, np.ones((len(features.train), 1), dtype=np.float32)]))
    gold = torch.from_numpy(features.train_gold.astype(np.float32))
    generators = [np.random.default_rng([seed, 7]) for seed in seeds]
    width, labels = inputs.shape[1], gold.shape[1]
    weights = torch.from_numpy(np.stack([g.normal(0, 0.02, (width, labels)) for g in generators]).astype(np.float32))
    weights[:, -1] += torch.logit(gold.mean(dim=0).clamp(1e-4, 1 - 1e-4))
    epochs = -(-STEPS * BATCH // len(inputs))
    orders = torch.from_numpy(
        np.stack([np.concatenate([g.permutation(len(inputs)) for _ in range(epochs)]) for g in generators])
    )
    first, second = torch.zeros_like(weights), torch.zeros_like(weights)
    for step in range(1, STEPS + 1):
        rows = orders[:, (step - 1) * BATCH : step * BATCH]
        batch = inputs[rows]
        error = torch.sigmoid(torch.bmm(batch, weights)) - gold[rows]
        gradient = torch.bmm(batch.transpose(1, 2), error) / BATCH
        first.lerp_(gradient, 0.1)
        second.mul_(0.999).addcmul_(gradient, gradient, value=0.001)
        now = rate * (1 - step / (STEPS + 1)) / (1 - 0.9**step)
        weights.addcdiv_(first, (second / (1 - 0.999**step)).sqrt_().add_(1e-8), value=-now)
    return weights.numpy()


def population(features: Features, count: int) -> Pool:
    """Every recipe at every seed, judged on every held-out example.

    Args:
        features: what heads see.
        count: seeds.

    Returns:
        The pool; recipes in the order of `RECIPES`.
    """
    inputs = np.hstack([features.pool, np.ones((len(features.pool), 1), dtype=np.float32)])
    decided = np.empty((2, count, len(inputs)), dtype=np.uint32)
    cut = np.log(THRESHOLD / (1 - THRESHOLD))
    for recipe, rate in enumerate(RECIPES.values()):
        for start in range(0, count, AT_ONCE):
            seeds = range(start, min(start + AT_ONCE, count))
            for seed, weights in zip(seeds, train(features, seeds, rate), strict=True):
                decided[recipe, seed] = pack(inputs @ weights >= cut)
        print(f"{count} heads of recipe {recipe}", file=sys.stderr, flush=True)
    return Pool(pack(features.pool_gold), decided, features.pool_gold.shape[1])


def deal(count: int, seeds: int, sides: int) -> NDArray[np.intp]:
    """Seeds of disjoint comparisons.

    Args:
        count: seeds that there are.
        seeds: S.
        sides: 2 where each recipe gets seeds of its own, 1 where they share them.

    Returns:
        Seeds, [comparisons, 2, S]; none is used twice.
    """
    dealt = stream("deal", count, seeds, sides).permutation(count)
    usable = count // (seeds * sides)
    groups = dealt[: usable * seeds * sides].reshape(usable, sides, seeds)
    return groups if sides == 2 else np.repeat(groups, 2, axis=1)


def _rate(flags: NDArray[np.bool_]) -> dict[str, Any]:
    """A share with its exact interval."""
    hits, total = int(flags.sum()), len(flags)
    low, high = stats.binomtest(hits, total).proportion_ci(method="exact")
    return {"share": hits / total, "low": float(low), "high": float(high), "comparisons": total}


def null(pool: Pool, examples: int, seeds: int) -> dict[str, Any]:
    """One recipe against itself, seeds dealt into disjoint groups.

    Args:
        pool: the population.
        examples: n.
        seeds: S.

    Returns:
        Rate of false decisions: ours, and peers'.
    """
    models = pool.decided[:1]
    same = Pool(pool.gold, np.broadcast_to(models, (2, *models.shape[1:])), pool.labels, identical=True)
    chosen = deal(pool.decided.shape[1], seeds, 2)
    setting = Setting(seeds, examples, GROUPS, len(chosen), shared=False)
    drawn = draw(same, setting, stream("null", examples, seeds), chosen=chosen)
    found = _judged(drawn, seeds, 0.0, shared=False)
    # the same with seeds drawn again and again from all heads: more comparisons, no longer disjoint
    many = draw(same, Setting(seeds, examples, GROUPS, DRAWS, shared=False), stream("null many", examples, seeds))
    return {"examples": examples, "seeds": seeds, "disjoint": found, "redrawn": _judged(many, seeds, 0.0, shared=False)}


def planted(pool: Pool, examples: int, seeds: int, truth: float) -> dict[str, Any]:
    """Two recipes, paired by seed.

    Args:
        pool: the population.
        examples: n.
        seeds: S.
        truth: expected difference on a test set of that size.

    Returns:
        Rate of intervals that miss the truth, power found and forecast.
    """
    chosen = deal(pool.decided.shape[1], seeds, 1)
    setting = Setting(seeds, examples, GROUPS, len(chosen))
    drawn = draw(pool, setting, stream("planted", examples, seeds), chosen=chosen)
    ours = parts(drawn, seeds)
    shown = np.abs(ours.value) > ours.half()
    design = Design(seeds, examples, GROUPS)
    many = draw(pool, Setting(seeds, examples, GROUPS, DRAWS), stream("planted many", examples, seeds))
    single = [power(_noise(ours, slice(row, row + 1), setting), design, truth) for row in range(min(200, len(chosen)))]
    return {
        "examples": examples,
        "seeds": seeds,
        "truth": truth,
        "missed": {
            "disjoint": _judged(drawn, seeds, truth, shared=True),
            "redrawn": _judged(many, seeds, truth, shared=True),
        },
        "found": _rate(shown & (np.sign(ours.value) == np.sign(truth))),
        "wrong way": _rate(shown & (np.sign(ours.value) == -np.sign(truth))),
        "predicted": power(_noise(ours, slice(None), setting), design, abs(truth)),
        "predicted from one study": dict(
            zip(("10 %", "median", "90 %"), np.percentile(single, [10, 50, 90]).tolist(), strict=True)
        ),
    }


def _judged(drawn: Drawn, seeds: int, truth: float, shared: bool) -> dict[str, Any]:
    if check_against_the_package(drawn, shared) > 1e-6:
        raise RuntimeError("the arrays of the calibration and bakeoff.stats differ")
    ours = parts(drawn, seeds, shared=shared)
    peers = {name: float(np.mean(test(drawn, seeds)(truth) <= ALPHA)) for name, test in PEERS.items()}
    below = float(np.mean(ours.value + ours.half() < truth))
    return {"two-part t": {**_rate(np.abs(ours.value - truth) > ours.half()), "below": below}, **peers}


def _noise(ours: Parts, rows: slice, setting: Setting) -> Noise:
    spread, tested, both = (float(np.mean(part[0][rows])) for part in (ours.seeds, ours.examples, ours.twice))
    n = setting.examples
    return Noise(max(0.0, spread - both) * setting.seeds, max(0.0, tested - both) * n, both * setting.seeds * n)


def true_difference(pool: Pool, examples: int) -> float:
    """Expected difference on test sets of a size, by 4,000 draws of ten paired seeds.

    Args:
        pool: the population.
        examples: n.

    Returns:
        The difference.
    """
    drawn = draw(pool, Setting(10, examples, GROUPS, 2 * DRAWS), stream("truth", examples))
    return float(np.mean(drawn.whole[:, 0] - drawn.whole[:, 1]))


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=4000)
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    began = time.perf_counter()
    features = load_features()
    pool = population(features, options.seeds)
    trained = time.perf_counter() - began
    truths = {n: true_difference(pool, n) for n in EXAMPLES}
    document = {
        "command": f"python calibration/real_null.py --seeds {options.seeds} --keep",
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "environment": environment(),
        "heads": {"recipes": RECIPES, "seeds": options.seeds, "steps": STEPS, "batch": BATCH, "threshold": THRESHOLD},
        "population": {"examples": len(pool.gold), "training examples": len(features.train)},
        "null": [null(pool, n, seeds) for n in EXAMPLES for seeds in SEEDS],
        "planted": [planted(pool, n, seeds, truths[n]) for n in EXAMPLES for seeds in SEEDS],
        "seconds": {"training": round(trained), "all": round(time.perf_counter() - began)},
    }
    if options.keep:
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        write_docs()
    print(json.dumps({name: document[name] for name in ("null", "planted", "seconds")}, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
