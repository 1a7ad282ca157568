"""How fast are the statistics of a verdict, and how many times faster than scikit-learn called once a replicate?

    python benchmarks/verdict_speed.py [--pairs 5]

Ten recipes × five seeds × 5,427 examples × 28 labels, drawn at random. In each pair scikit-learn scores one recipe's 5 × 101
replicates, `f1_score` on the rows that are left, and we score those of all ten recipes; its time is taken ten times. Both
must give the same numbers. `whole` is everything that a verdict and its report say of such a study.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.metrics.scores import SCORES, f1_macro
from bakeoff.metrics.thresholds import best_threshold, decide, tune_threshold
from bakeoff.stats.corrections import holm
from bakeoff.stats.effects import hedges_g, probability_of_improvement
from bakeoff.stats.estimates import contrast, ratio_interval
from bakeoff.stats.grouping import Groups, draw_groups
from bakeoff.stats.margins import beats, within
from bakeoff.stats.pairs import all_pairs, not_shown_worse
from bakeoff.stats.power import Design, noise_of, what_decides
from bakeoff.stats.replicates import Replicates, decision_replicates, label_replicates
from bakeoff.stats.sensitivity import validation_part, validation_replicates
from bakeoff.stats.sides import all_of, answer, sided
from measuring import child, keep, median_with_interval

RECIPES, SEEDS, EXAMPLES, LABELS, THRESHOLD = 10, 5, 5427, 28, 0.3
NAMES = tuple(range(SEEDS))


def outputs(examples: int, seed: int) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Gold, [N, L], and probabilities, [recipes, S, N, L]."""
    generator = np.random.default_rng(seed)
    gold = generator.random((examples, LABELS)) < np.geomspace(0.3, 0.004, LABELS)
    noise = generator.standard_normal((RECIPES, SEEDS, examples, LABELS), dtype=np.float32)
    shift = np.linspace(0, 0.2, RECIPES, dtype=np.float32)[:, None, None, None]
    return gold, 1 / (1 + np.exp(3 - (4 + shift) * gold - noise))


def ours(gold: NDArray[np.bool_], decided: NDArray[np.bool_], groups: Groups) -> list[dict[str, Replicates]]:
    """Macro-F1 of every recipe and seed with each group left out."""
    return [decision_replicates(NAMES, gold, one, groups, ["f1_macro"]) for one in decided]


def peer(gold: NDArray[np.bool_], decided: NDArray[np.bool_], groups: Groups) -> list[list[float]]:
    """The same of one recipe by scikit-learn."""
    from sklearn.metrics import f1_score

    kept = [groups.of_example != group for group in range(groups.count)]
    return [[float(f1_score(gold[rows], one[rows], average="macro", zero_division=0)) for rows in kept] for one in decided]


def whole(validation: tuple[Any, Any], test: tuple[Any, Any]) -> dict[str, float]:
    """Seconds of each part of a verdict's statistics."""
    seconds, clock = {}, time.perf_counter

    def lap(name: str, began: float) -> float:
        seconds[name] = round(clock() - began, 3)
        return clock()

    now = clock()
    tuned = [[tune_threshold(validation[0], one)[0] for one in recipe] for recipe in validation[1]]
    now = lap("thresholds tuned on validation", now)
    groups = draw_groups(EXAMPLES)
    decided = [np.stack([decide(one, at) for one, at in zip(*pair, strict=True)]) for pair in zip(test[1], tuned, strict=True)]
    scored = [decision_replicates(NAMES, test[0], one, groups, list(SCORES)) for one in decided]
    now = lap("13 metrics without each of 100 groups", now)
    recipes = {f"r{index}": one["f1_macro"] for index, one in enumerate(scored)}
    pairs = all_pairs(recipes)
    leader = max(recipes, key=lambda name: recipes[name].mean)
    not_shown_worse(pairs, list(recipes), leader)
    now = lap("45 pairs", now)
    rivals = [name for name in recipes if name != leader]
    statements = [sided(beats(recipes[leader], recipes[name], 0.05, relative=True)) for name in rivals]
    statements += [
        all_of([sided(one) for one in within(recipes[leader], recipes[name], 0.03, relative=True)]) for name in rivals
    ]
    statements.append(all_of(statements[: len(rivals)]))
    corrected = holm([one.two_sided for one in statements])
    [answer(one, p) for one, p in zip(statements, corrected, strict=True)]
    for name in rivals:
        estimate = contrast(recipes[leader], recipes[name])
        ratio_interval(recipes[leader], recipes[name])
        what_decides(noise_of(estimate, EXAMPLES), Design(SEEDS, EXAMPLES), estimate.value)
        hedges_g(recipes[leader].whole, recipes[name].whole)
        probability_of_improvement(recipes[leader].whole, recipes[name].whole)
    now = lap("19 claims, ratios, effect sizes, what would decide", now)
    labels = [label_replicates(NAMES, test[0], one, groups) for one in decided]
    [contrast(one, base).interval() for recipe in labels[1:] for one, base in zip(recipe, labels[0], strict=True)]
    now = lap("252 differences label by label", now)
    tune = lambda kept: best_threshold(kept, "f1_macro")  # noqa: E731
    again = [
        validation_replicates(NAMES, tune, f1_macro, (validation[0], validation[1][index]), (test[0], test[1][index]))
        for index in range(RECIPES)
    ]
    [validation_part(again[0], one) for one in again[1:]]
    lap("thresholds tuned again without each tenth of validation", now)
    return {**seconds, "all": round(sum(seconds.values()), 3)}


def run_child(side: str) -> dict[str, Any]:
    """One side in this process."""
    gold, chances = outputs(EXAMPLES, 1)
    if side == "whole":
        seconds: dict[str, Any] = {"parts": whole(outputs(EXAMPLES, 2), (gold, chances))}
    else:
        decided = chances >= THRESHOLD
        groups = draw_groups(EXAMPLES)
        began = time.perf_counter()
        if side == "ours":
            found = [one["f1_macro"] for one in ours(gold, decided, groups)]
            seconds = {"seconds": time.perf_counter() - began, "scores": found[0].without.tolist()}
        else:
            scores = peer(gold, decided[0], groups)
            seconds = {"seconds": RECIPES * (time.perf_counter() - began), "scores": scores}
    return {**seconds, "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--child", type=json.loads)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(run_child(options.child["side"])))
        return
    pairs = []
    for _ in range(options.pairs):
        theirs, mine = (child(__file__, {"side": side}) for side in ("peer", "ours"))
        apart = float(np.max(np.abs(np.array(theirs.pop("scores")) - np.array(mine.pop("scores")))))
        if apart > 1e-12:
            raise SystemExit(f"scores differ by {apart}")
        pairs.append({"scikit-learn": theirs, "bakeoff": mine, "ratio": theirs["seconds"] / mine["seconds"], "apart": apart})
        print(f"{pairs[-1]['ratio']:.0f} times as fast")
    everything = [child(__file__, {"side": "whole"}) for _ in range(options.pairs)]
    body = {
        "study": {"recipes": RECIPES, "seeds": SEEDS, "examples": EXAMPLES, "labels": LABELS, "groups": 100},
        "times as fast": median_with_interval([pair["ratio"] for pair in pairs]),
        "pairs": pairs,
        "whole verdict": {
            "seconds": median_with_interval([one["parts"]["all"] for one in everything]),
            "peak_bytes": max(one["peak_bytes"] for one in everything),
            "runs": everything,
        },
    }
    place = keep("verdict_speed", f"python benchmarks/verdict_speed.py --pairs {options.pairs}", body)
    print(json.dumps({"times as fast": body["times as fast"], **{"whole": everything[-1]}}, indent=1), place, sep="\n")


if __name__ == "__main__":
    main()
