"""Real trials on a grid of settings, recorded once, so that hundreds of searches cost nothing: what `search.py` searches.

    python benchmarks/surrogate.py [--train 500]

Every point of the grid is a whole trial of the product: a head on MiniLM's features of MRPC or SST-2, eight epochs, the score
on validation after each. Between points of rate, decay and dropout the curves are interpolated, the first two by their
logarithm; a batch size is one of the grid's. Some points are trained with further seeds: their spread is the noise of a score.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.interpolate import RegularGridInterpolator

from bakeoff.study.rounds import Distribution, Scalar
from measuring import RESULTS, keep

NAME = "search_surrogate"
EPOCHS, TESTED = 8, 16
"""Trials hand in outputs on test; nobody looks at these, so they are few."""
RATE, DECAY, DROPOUT, BATCH = (f"training.{key}" for key in ("head_learning_rate", "weight_decay", "dropout", "batch_size"))
GRID: dict[str, list[float]] = {
    RATE: np.geomspace(1e-4, 1.0, 9).round(8).tolist(),
    DECAY: np.geomspace(1e-3, 3.0, 4).round(6).tolist(),
    DROPOUT: [0.0, 0.5],
    BATCH: [16, 64],
}
SPACE = {
    RATE: Distribution(log_uniform=[GRID[RATE][0], GRID[RATE][-1]]),
    DECAY: Distribution(log_uniform=[GRID[DECAY][0], GRID[DECAY][-1]]),
    DROPOUT: Distribution(uniform=[GRID[DROPOUT][0], GRID[DROPOUT][-1]]),
    BATCH: Distribution(choices=[int(size) for size in GRID[BATCH]]),
}
LOGARITHMIC = (RATE, DECAY)
TASKS = ("mrpc", "sst2")
NOISE_POINTS, NOISE_SEEDS = 12, (1, 2, 3, 4)


@dataclass(frozen=True)
class Surrogate:
    """What a search sees in place of trials.

    Attributes:
        task: the task's name.
        curves: score on validation [rates, decays, dropouts, batch sizes, epochs].
        steps: optimizer steps of an epoch, by batch size.
        noise: standard deviation over seeds of a trial's score.
    """

    task: str
    curves: np.ndarray[Any, Any]
    steps: Mapping[int, int]
    noise: float

    @property
    def best(self) -> float:
        """The best score on the grid."""
        return float(self.curves.max())

    def curve(self, settings: Mapping[str, Scalar]) -> np.ndarray[Any, Any]:
        """What a trial would show.

        Args:
            settings: value by setting.

        Returns:
            Its score on validation after each epoch; a trial's own score is the largest, since the best checkpoint is kept.
        """
        names = (RATE, DECAY, DROPOUT)
        axes = [_axis(name, GRID[name]) for name in names]
        point = [_axis(name, [float(settings[name])])[0] for name in names]
        values = self.curves[:, :, :, GRID[BATCH].index(float(settings[BATCH])), :]
        return np.asarray(RegularGridInterpolator(axes, values)([point])[0])


def _axis(name: str, values: Sequence[float]) -> np.ndarray[Any, Any]:
    return np.log(values) if name in LOGARITHMIC else np.asarray(values)


def read_surrogates() -> list[Surrogate]:
    """The surrogates that were recorded.

    Returns:
        One a task.
    """
    body = json.loads((RESULTS / f"{NAME}.json").read_text(encoding="utf-8"))
    if body["grid"] != GRID:
        raise SystemExit(f"{NAME}.json was recorded on another grid: python benchmarks/surrogate.py")
    shape = [len(values) for values in GRID.values()]
    return [
        Surrogate(
            name,
            np.asarray(one["curves"]).reshape(*shape, EPOCHS),
            {int(size): steps for size, steps in one["steps"].items()},
            one["noise"],
        )
        for name, one in body["tasks"].items()
    ]


def points() -> Iterator[dict[str, float]]:
    """Every point of the grid.

    Yields:
        Value by setting.
    """
    for values in itertools.product(*GRID.values()):
        yield dict(zip(GRID, values, strict=True))


class Recorder:
    """Trains points of the grid on one task.

    Args:
        task: its name.
        train: how many examples trials train on.
    """

    def __init__(self, task: str, train: int) -> None:
        import linear_probe
        from bakeoff.training.extracting import build_features

        linear_probe.EPOCHS = EPOCHS
        work = linear_probe.load(task, train)
        own = work.trial.task.model_copy(update={"test_limit": TESTED})
        self.work = replace(work, trial=work.trial.model_copy(update={"task": own}))
        self.features = self.work.attempt.root / "features"
        build_features(self.work, self.features)
        self._made = 0

    def curve(self, point: Mapping[str, float], seed: int) -> list[float]:
        """Carry a trial out.

        Args:
            point: value by setting.
            seed: its seed.

        Returns:
            Its accuracy on validation after each epoch.
        """
        from bakeoff.records.paths import AttemptFolder
        from bakeoff.training import probe
        from bakeoff.training.progress import Progress

        self._made += 1
        attempt = AttemptFolder(self.work.attempt.root / f"trial {self._made}")
        attempt.root.mkdir()
        size = int(point[BATCH])
        changed = {
            "head_learning_rate": point[RATE],
            "weight_decay": point[DECAY],
            "dropout": point[DROPOUT],
            "batch_size": size,
            "micro_batch_size": size,
        }
        recipe = self.work.trial.recipe
        recipe = recipe.model_copy(update={"training": recipe.training.model_copy(update=changed)})
        trial = self.work.trial.model_copy(update={"recipe": recipe, "seed": seed})
        log = attempt.root / "log.jsonl"
        probe.run(replace(self.work, trial=trial, attempt=attempt, features=self.features, progress=Progress(log)))
        told = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
        return [one["scores"]["accuracy"] for one in told if one["event"] == "validation"]


def record(task: str, train: int) -> dict[str, Any]:
    """Record a task.

    Args:
        task: its name.
        train: how many examples trials train on.

    Returns:
        Curves in the order of `points`, steps of an epoch by batch size, noise.
    """
    recorder, began = Recorder(task, train), time.monotonic()
    curves = []
    for point in points():
        curves.append(recorder.curve(point, 42))
        if len(curves) % 50 == 0:
            print(f"{task}: {len(curves)} trials in {time.monotonic() - began:.0f} s", flush=True)
    ranked = sorted(range(len(curves)), key=lambda place: -max(curves[place]))
    every, chosen = list(points()), ranked[: len(ranked) // 2 : len(ranked) // 2 // NOISE_POINTS][:NOISE_POINTS]
    scores = [[max(recorder.curve(every[place], seed)) for seed in NOISE_SEEDS] for place in chosen]
    return {
        "train": len(recorder.work.rows("train")),
        "validation": len(recorder.work.rows("validation")),
        "steps": {int(size): -(-len(recorder.work.rows("train")) // int(size)) for size in GRID[BATCH]},
        "noise": round(float(np.sqrt(np.var(scores, axis=1, ddof=1).mean())), 5),
        "seconds": round(time.monotonic() - began, 1),
        "curves": curves,
    }


def main() -> None:
    """Record both tasks, and keep them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train", type=int, default=500)
    asked = parser.parse_args()
    from bakeoff.training.arithmetic import settle

    settle(1, True)
    tasks = {task: record(task, asked.train) for task in TASKS}
    body = {"model": "minilm-l6", "method": "linear-probe", "metric": "accuracy", "grid": GRID, "tasks": tasks}
    path: Path = keep(NAME, f"python benchmarks/surrogate.py --train {asked.train}", body)
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8"))) + "\n", encoding="utf-8")  # thousands of numbers
    print(path, {task: (one["noise"], one["seconds"]) for task, one in tasks.items()})


if __name__ == "__main__":
    main()
