"""Is TPE better than chance, and what does stopping early save? Searches over real trials that were recorded once.

    python benchmarks/search.py [--seeds 5] [--proposals 15] [--more 40]

The product's own sampler and rules of stopping are asked, proposal by proposal, as a sweep asks them; `surrogate.py` recorded
what the trials show. Each search is done with each sampler, or rule, from the same seed, so that seeds pair them; `--more`
seeds give the same figures with narrower intervals. A difference of scores counts as noise if it is below the standard
deviation of a trial over its seeds, divided by the root of the number of searches.
"""

from __future__ import annotations

import argparse
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from scipy.stats import t as student

from bakeoff.steering.pruning import Reached, why_stop
from bakeoff.steering.sampling import Known, Question, Told, suggest
from bakeoff.study.rounds import Pruning, PruningName, Sampler, SamplerName
from measuring import keep
from surrogate import BATCH, EPOCHS, SPACE, Surrogate, read_surrogates

SAMPLERS: tuple[SamplerName, ...] = ("tpe", "random", "qmc")
RULES: tuple[PruningName, ...] = ("none", "median", "hyperband")
LONG = 4
"""How many times as many proposals chance is given, to see when it has caught up."""


@dataclass(frozen=True)
class Searched:
    """What a search came to.

    Attributes:
        scores: score of each proposal; nan for one that was stopped early.
        steps: optimizer steps of all.
        examples: training examples of all, in epochs.
        stopped: proposals that were stopped.
    """

    scores: list[float]
    steps: int
    epochs: int
    stopped: int

    def best(self, proposals: int) -> float:
        """The best score among the first proposals.

        Args:
            proposals: how many.

        Returns:
            The score.
        """
        return max(score for score in self.scores[:proposals] if not math.isnan(score))


def search(surrogate: Surrogate, sampler: Sampler, pruning: Pruning, proposals: int) -> Searched:
    """Search as a sweep does.

    Args:
        surrogate: stands for the trials.
        sampler: what makes proposals.
        pruning: what stops them.
        proposals: how many.

    Returns:
        What it came to.
    """
    known: list[Known] = []
    reached: dict[int, list[tuple[int, float]]] = {}
    scores, steps, epochs, stopped = [], 0, 0, 0
    for number in range(1, proposals + 1):
        settings = suggest(Question(SPACE, sampler, surrogate.task, number, known))
        assert settings is not None
        shown: dict[int, float] = {}
        end = ""
        for rung, score in enumerate(map(float, surrogate.curve(settings)), 1):
            steps, epochs = steps + surrogate.steps[int(settings[BATCH])], epochs + 1
            shown[rung] = score
            if rung < EPOCHS:
                end = why_stop(pruning, Reached(score, rung, EPOCHS, number, list(reached.get(rung, []))))
                reached.setdefault(rung, []).append((number, score))
            if end:
                break
        stopped += bool(end)
        scores.append(math.nan if end else max(shown.values()))
        known.append(Known(settings, Told.BAD, rungs=shown) if end else Known(settings, Told.SCORED, scores[-1]))
    return Searched(scores, steps, epochs, stopped)


def interval(values: Sequence[float]) -> dict[str, float]:
    """A mean with its 95 % interval by Student's t.

    Args:
        values: one a search.

    Returns:
        `mean`, `low`, `high`, `searches`.
    """
    mean = statistics.fmean(values)
    half = float(student.ppf(0.975, len(values) - 1)) * statistics.stdev(values) / math.sqrt(len(values))
    return {"mean": round(mean, 5), "low": round(mean - half, 5), "high": round(mean + half, 5), "searches": len(values)}


def compare_samplers(surrogates: Sequence[Surrogate], seeds: range, proposals: int) -> dict[str, Any]:
    """Search with every sampler.

    Args:
        surrogates: one a task.
        seeds: of the samplers.
        proposals: how many.

    Returns:
        The distance from the grid's best, and how far TPE is ahead of chance, on each task and on all.
    """
    found: dict[str, dict[str, list[Searched]]] = {}
    for one in surrogates:
        for name in SAMPLERS:
            count = proposals * (LONG if name == "random" else 1)
            searches = [search(one, Sampler(name=name, seed=seed), Pruning(), count) for seed in seeds]
            found.setdefault(one.task, {})[name] = searches
    ahead = {
        task: [tpe.best(proposals) - chance.best(proposals) for tpe, chance in zip(of["tpe"], of["random"], strict=True)]
        for task, of in found.items()
    }
    best = {one.task: one.best for one in surrogates}
    return {
        "below_the_best_of_the_grid": {
            task: {name: interval([best[task] - one.best(proposals) for one in of[name]]) for name in SAMPLERS}
            for task, of in found.items()
        },
        "tpe_minus_random": {task: interval(values) for task, values in ahead.items()},
        "tpe_minus_random_all": interval([value for values in ahead.values() for value in values]),
        "tpe_better_equal_worse": [
            sum(sign(value) for values in ahead.values() for value in values)
            for sign in (lambda value: value > 0, lambda value: value == 0, lambda value: value < 0)
        ],
        "proposals_that_chance_needs_for_the_score_of_tpe": {
            task: _needed(of["tpe"], of["random"], proposals) for task, of in found.items()
        },
    }


def _needed(tpe: Sequence[Searched], chance: Sequence[Searched], proposals: int) -> int | str:
    """How many proposals chance needs, on average over seeds, for the mean best score of TPE."""
    wanted = statistics.fmean(one.best(proposals) for one in tpe)
    for count in range(1, LONG * proposals + 1):
        if statistics.fmean(one.best(count) for one in chance) >= wanted:
            return count
    return f"more than {LONG * proposals}"


def compare_rules(surrogates: Sequence[Surrogate], seeds: range, proposals: int) -> dict[str, Any]:
    """Search with TPE under every rule of stopping.

    Args:
        surrogates: one a task.
        seeds: of the sampler.
        proposals: how many.

    Returns:
        By rule: the share of steps and epochs saved, the loss of the best score, and whether that is noise.
    """
    found = {
        rule: [(one, search(one, Sampler(seed=seed), Pruning(name=rule), proposals)) for one in surrogates for seed in seeds]
        for rule in RULES
    }
    noise = math.sqrt(statistics.fmean(one.noise**2 for one in surrogates) / len(found["none"]))
    told = {}
    for rule in RULES[1:]:
        pairs = [(whole, cut) for (_, whole), (_, cut) in zip(found["none"], found[rule], strict=True)]
        lost = [whole.best(proposals) - cut.best(proposals) for whole, cut in pairs]
        told[rule] = {
            "steps_saved": interval([1 - cut.steps / whole.steps for whole, cut in pairs]),
            "epochs_saved": interval([1 - cut.epochs / whole.epochs for whole, cut in pairs]),
            "stopped": statistics.fmean(cut.stopped for _, cut in pairs),
            "best_score_lost": interval(lost),
            "noise_of_that": round(noise, 5),
            "within_noise": bool(abs(statistics.fmean(lost)) <= noise),
        }
    return told


def main() -> None:
    """Search, and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--proposals", type=int, default=15)
    parser.add_argument("--more", type=int, default=40)
    asked = parser.parse_args()
    surrogates = read_surrogates()
    body: dict[str, Any] = {
        "proposals": asked.proposals,
        "noise_of_a_trial": {one.task: one.noise for one in surrogates},
        "best_of_the_grid": {one.task: one.best for one in surrogates},
    }
    for name, seeds in (("", range(asked.seeds)), ("_more_seeds", range(100, 100 + asked.more))):
        if len(seeds):
            body[f"samplers{name}"] = compare_samplers(surrogates, seeds, asked.proposals)
            body[f"pruning{name}"] = compare_rules(surrogates, seeds, asked.proposals)
    command = f"python benchmarks/search.py --seeds {asked.seeds} --proposals {asked.proposals} --more {asked.more}"
    print(body)
    print(keep("search", command, body))


if __name__ == "__main__":
    main()
