"""How many times faster are 100 linear-probe settings on cached features than 100 separate forward passes and fits?

    python benchmarks/linear_probe.py [--pairs 5] [--train 1000] [--dataset mrpc]

The settings are 10 rates × 5 weight decays × 2 dropouts of a head on MiniLM. Ours: one forward pass, then 100 whole trials
(fit, validations, outputs, result). In each pair one of these settings is also done by itself: the model is loaded and runs
over the same rows, then the same trial; its time is taken 100 times. Both must give the same scores. All of it is one process,
so neither pays for a start.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from measuring import keep, median_with_interval

THREADS, MAX_LENGTH, SEED, EPOCHS = 1, 128, 42, 5
RATES = np.geomspace(1e-3, 1e-1, 10).round(6).tolist()
DECAYS, DROPOUTS = (0.0, 0.001, 0.01, 0.1, 1.0), (0.0, 0.1)
SETTINGS = list(itertools.product(RATES, DECAYS, DROPOUTS))


def load(name: str, train: int) -> Any:
    """A trial without settings, as the method sees it."""
    from bakeoff.data.store import find_dataset
    from bakeoff.hub.models import locate_model
    from bakeoff.records.paths import AttemptFolder, Home
    from bakeoff.records.specs import Component, RecipeSpec, TaskSpec, TrainingSpec, TrialSpec
    from bakeoff.tasks.tokenizer import load_tokenizer
    from bakeoff.tasks.tokens import build_store
    from bakeoff.training.progress import Progress
    from bakeoff.training.work import Work

    home = Home.default()
    dataset, model = find_dataset(home, name), locate_model(home, "minilm-l6")
    tokens = home.token_store(dataset.fingerprint, model.spec.fingerprint, MAX_LENGTH)
    if not tokens.exists():
        build_store(dataset, load_tokenizer(model.folder), MAX_LENGTH, tokens)
    training = TrainingSpec(
        epochs=EPOCHS,
        batch_size=32,
        micro_batch_size=32,
        learning_rate=1e-3,
        head_learning_rate=1e-3,
        schedule="cosine",
        warmup=0.1,
        weight_decay=0.0,
        clip_norm=1.0,
        precision="fp32",
        gradient_checkpointing=False,
        evaluations_per_epoch=1,
        threads=THREADS,
        max_skipped=20,
    )
    recipe = RecipeSpec(
        name="probe",
        method=Component(name="linear-probe", version=1),
        model=model.spec,
        loss=Component(name="cross-entropy", version=1),
        pooling="mean",
        training=training,
    )
    task = TaskSpec(
        name=name,
        dataset=name,
        fingerprint=dataset.fingerprint,
        kind="single-label",
        metric="accuracy",
        max_length=MAX_LENGTH,
        train_limit=train,
        validation_limit=400,
        test_limit=400,
    )
    root = Path(tempfile.mkdtemp())
    trial = TrialSpec(task=task, recipe=recipe, seed=SEED)
    return Work(trial, dataset, model.folder, tokens, AttemptFolder(root), Progress(root / "log.jsonl"))


def fit(work: Any, setting: tuple[float, float, float], features: Path, place: str) -> Any:
    """One whole trial; its validation scores and test outputs."""
    from bakeoff.records.paths import AttemptFolder
    from bakeoff.records.results import Outputs, Result
    from bakeoff.training import probe

    rate, decay, dropout = setting
    chosen = {"head_learning_rate": rate, "weight_decay": decay, "dropout": dropout}
    recipe = work.trial.recipe
    recipe = recipe.model_copy(update={"training": recipe.training.model_copy(update=chosen)})
    attempt = AttemptFolder(work.attempt.root / place)
    attempt.root.mkdir()
    trial = work.trial.model_copy(update={"recipe": recipe})
    probe.run(replace(work, trial=trial, attempt=attempt, features=features))
    return Result.read(attempt.product / "result.json").validation, Outputs.read(attempt.product / "test.npz").outputs


def alone(work: Any, number: int) -> tuple[float, Any]:
    """One setting by itself: model, forward pass, fit. Seconds and what came."""
    from bakeoff.training.extracting import build_features

    began = time.perf_counter()
    features = work.attempt.root / f"features alone {number}"
    build_features(work, features)
    found = fit(work, SETTINGS[number], features, f"alone {number}")
    return time.perf_counter() - began, found


def main() -> None:
    """Run, compare, and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--train", type=int, default=1000)
    parser.add_argument("--dataset", default="mrpc")
    asked = parser.parse_args()
    from bakeoff.training.arithmetic import settle
    from bakeoff.training.extracting import build_features

    settle(THREADS, True)
    work = load(asked.dataset, asked.train)
    alone(work, len(SETTINGS) - 1)  # what libraries import at first use counts for nobody
    features = work.attempt.root / "features"
    began = time.perf_counter()
    build_features(work, features)
    forward = time.perf_counter() - began
    compared = [round(place) for place in np.linspace(0, len(SETTINGS) - 2, asked.pairs)]
    fits, separate, apart = [], [], 0.0
    for number, setting in enumerate(SETTINGS):
        began = time.perf_counter()
        ours = fit(work, setting, features, f"ours {number}")
        fits.append(time.perf_counter() - began)
        if number in compared:
            seconds, theirs = alone(work, number)
            separate.append(seconds)
            apart = max(apart, float(np.abs(ours[1] - theirs[1]).max()))
            if ours[0]["accuracy"] != theirs[0]["accuracy"] or apart > 1e-5:
                raise SystemExit(f"setting {number} gives other scores: {ours[0]} and {theirs[0]}")
    whole = forward + sum(fits)
    body = {
        "rows": {split: len(work.rows(split)) for split in ("train", "validation", "test")},
        "dataset": asked.dataset,
        "settings": len(SETTINGS),
        "epochs": EPOCHS,
        "threads": THREADS,
        "forward_seconds": round(forward, 3),
        "fit_seconds": median_with_interval([round(seconds, 4) for seconds in fits]),
        "ours_seconds": round(whole, 2),
        "separate_seconds_each": [round(seconds, 2) for seconds in separate],
        "ratio": median_with_interval([len(SETTINGS) * seconds / whole for seconds in separate]),
        "largest_difference": apart,
    }
    print(body)
    command = f"python benchmarks/linear_probe.py --pairs {asked.pairs} --train {asked.train} --dataset {asked.dataset}"
    print(keep("linear_probe", command, body))


if __name__ == "__main__":
    main()
