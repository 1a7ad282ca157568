"""Stopped anywhere and taken up again, a trial leaves the same bytes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from bakeoff.data.dataset import Dataset
from bakeoff.records.paths import AttemptFolder
from bakeoff.records.results import Outputs, Result
from bakeoff.records.specs import Component, TrialSpec
from bakeoff.tasks.tokenizer import load_tokenizer
from bakeoff.tasks.tokens import build_store
from bakeoff.training import full
from bakeoff.training.checkpoints import MANIFEST, read_manifest
from bakeoff.training.health import Diverged
from bakeoff.training.loop import Trainer
from bakeoff.training.progress import Preempted, Progress
from bakeoff.training.work import Work
from tiny import full_trial, make_dataset

ModelOf = Callable[..., Path]
PRODUCT = ("result.json", "validation.npz", "test.npz")
STEPS = 10
LEARNED = {"asymmetric": 0.5, "focal": 0.3, "bce": 0.2, "weighting": "uncertainty"}


class Bench:
    """Attempts at trials, in this process."""

    def __init__(self, root: Path, dataset: Dataset, model: Path) -> None:
        self.root, self.dataset, self.model = root, dataset, model
        self.tokens = root / "tokens"
        build_store(dataset, load_tokenizer(model), 32, self.tokens)
        self.made: list[Work] = []

    def work(self, trial: TrialSpec, resume: list[Work] | None = None, **more: Any) -> Work:
        """The next attempt, which may go on from others, newest first."""
        attempt = AttemptFolder(self.root / "attempts" / str(len(self.made) + 1))
        attempt.root.mkdir(parents=True)
        earlier = [one.attempt.root for one in resume or []]
        made = Work(trial, self.dataset, self.model, self.tokens, attempt, Progress(attempt.log), resume=earlier, **more)
        self.made.append(made)
        return made

    def close(self) -> None:
        for work in self.made:
            work.progress.close()


@pytest.fixture
def bench(tmp_path_factory: pytest.TempPathFactory, hostile_path: Path, model_of: ModelOf) -> Iterator[Bench]:
    made = Bench(
        hostile_path,
        make_dataset(tmp_path_factory.mktemp("home"), {"train": 20, "validation": 8, "test": 6}),
        model_of("bert", 0.1),
    )
    yield made
    made.close()


def reference(dataset: Dataset, **changes: Any) -> TrialSpec:
    """Ten steps in two epochs with two validations each, dropout, early stopping, and a loss that learns."""
    settings = {
        "epochs": 2, "batch_size": 4, "micro_batch_size": 2, "evaluations_per_epoch": 2, "dropout": 0.2, "early_stopping": 4,
    }  # fmt: skip
    trial = full_trial(dataset, **{**settings, **changes})
    loss = Component(name="combined", version=1, settings=LEARNED)
    return trial.model_copy(update={"recipe": trial.recipe.model_copy(update={"loss": loss})})


def product(work: Work) -> list[bytes]:
    return [(work.attempt.product / name).read_bytes() for name in PRODUCT]


def log(work: Work, event: str) -> list[dict[str, Any]]:
    records = [json.loads(line) for line in work.attempt.log.read_text().splitlines()]
    return [record for record in records if record["event"] == event]


def stop_at_step(monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """A stop is asked for while the step is made; the count is of this process."""
    original = Trainer.step

    def step(self: Trainer, number: int, rows: NDArray[np.int64]) -> None:
        original(self, number, rows)
        if number + 1 == at:
            self.progress.stop_asked = True

    monkeypatch.setattr(Trainer, "step", step)


def stop_at_outputs(monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """A stop is asked for at the beginning of the so-manieth evaluation: probes, validations, the two at the end."""
    original, calls = full.outputs_of, iter(range(1, 1000))

    def outputs(model: Any, autocast: Any, store: Any, split: str, rows: Any, progress: Progress, *more: Any) -> Any:
        if next(calls) == at:
            progress.stop_asked = True
        return original(model, autocast, store, split, rows, progress, *more)

    monkeypatch.setattr(full, "outputs_of", outputs)


@pytest.mark.parametrize("stop", [stop_at_step, stop_at_outputs])
def test_stopped_after_any_step_and_in_any_evaluation(bench: Bench, stop: Callable[[pytest.MonkeyPatch, int], None]) -> None:
    trial = reference(bench.dataset)
    whole = bench.work(trial)
    full.run(whole)
    facts = Result.read(whole.attempt.product / "result.json").training
    assert (facts["steps"], len(facts["history"])) == (STEPS, 4)
    assert facts["loss_weights"].keys() == {"asymmetric", "focal", "bce"}
    stopped = 0
    for at in range(1, 100):
        first = bench.work(trial)
        with pytest.MonkeyPatch.context() as patch:
            stop(patch, at)
            try:
                full.run(first)
            except Preempted:
                stopped += 1
            else:
                break
        second = bench.work(trial, [first])
        full.run(second)
        (resumed,) = log(second, "resume")
        assert resumed["attempt"] == first.attempt.root.name
        if stop is stop_at_step:
            assert resumed["step"] == at
        assert product(second) == product(whole), f"stopped at {at}"
        assert not first.attempt.product.exists()
    # every step, at the last of which nothing but the evaluation is left; ten probes, four validations, two splits
    assert stopped == (STEPS if stop is stop_at_step else 16)
