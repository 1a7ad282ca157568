"""Stopped anywhere and taken up again, a trial leaves the same bytes."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from bakeoff.data.dataset import Dataset
from bakeoff.records.paths import AttemptFolder
from bakeoff.records.results import Outputs, Result
from bakeoff.records.specs import Component, TrialSpec
from bakeoff.tasks.tokenizer import load_tokenizer
from bakeoff.tasks.tokens import build_store
from bakeoff.training import course, full
from bakeoff.training.batches import Batch
from bakeoff.training.checkpoints import MANIFEST, Checkpoints, newest, read_manifest
from bakeoff.training.classifier import Classifier
from bakeoff.training.course import read_state
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

    def step(self: Trainer, number: int, *drawn: NDArray[np.int64]) -> None:
        original(self, number, *drawn)
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
def test_stopped_after_any_step_and_in_any_evaluation(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, stop: Callable[[pytest.MonkeyPatch, int], None]
) -> None:
    monkeypatch.setattr("bakeoff.training.loop.READ_EVERY", 3)  # also sizes of updates and judged norms are in it then
    monkeypatch.setattr("bakeoff.training.health.NO_GAIN", 2.0)  # and so is a suspicion, from the first look on
    trial = reference(bench.dataset)
    whole = bench.work(trial)
    full.run(whole)
    facts = Result.read(whole.attempt.product / "result.json").training
    assert (facts["steps"], len(facts["history"])) == (STEPS, 4)
    assert len(facts["health"]["update_ratio"]) == 3
    assert facts["health"]["flat"] <= 2
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


class Killed(BaseException):
    """The process is gone: nothing of ours runs any more."""


def kill_at_step(monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    original = Trainer.step

    def step(self: Trainer, number: int, *drawn: NDArray[np.int64]) -> None:
        if number + 1 == at:
            raise Killed
        original(self, number, *drawn)

    monkeypatch.setattr(Trainer, "step", step)


def killed(bench: Bench, trial: TrialSpec, at: int, resume: list[Work] | None = None, **more: Any) -> Work:
    """An attempt that was killed while it made a step."""
    work = bench.work(trial, resume, **more)
    with pytest.MonkeyPatch.context() as patch:
        kill_at_step(patch, at)
        with pytest.raises(Killed):
            full.run(work)
    return work


def checkpoints(work: Work) -> list[str]:
    return sorted(path.name for path in work.attempt.checkpoints.glob("step-*"))


@pytest.fixture
def trial(bench: Bench) -> TrialSpec:
    return reference(bench.dataset)


@pytest.fixture
def expected(bench: Bench, trial: TrialSpec) -> list[bytes]:
    """What the undisturbed trial leaves."""
    whole = bench.work(trial)
    full.run(whole)
    return product(whole)


def test_two_checkpoints_stay_and_no_more_than_the_interval_is_made_again(
    bench: Bench, trial: TrialSpec, expected: list[bytes]
) -> None:
    first = killed(bench, trial, 8, checkpoint_steps=2)
    assert checkpoints(first) == ["step-00000004", "step-00000006"]
    second = killed(bench, trial, 8, [first], checkpoint_steps=2)
    assert log(second, "resume")[0]["step"] == 6
    assert checkpoints(second) == []  # it made one step
    third = bench.work(trial, [second, first], checkpoint_steps=2)
    full.run(third)
    assert log(third, "resume")[0] | {"seconds": 0} == {
        "event": "resume", "step": 6, "attempt": first.attempt.root.name, "trained": False, "seconds": 0
    }  # fmt: skip
    assert checkpoints(third) == ["step-00000008", "step-00000010-trained"]
    assert product(third) == expected


def test_time_makes_a_checkpoint_due_as_well(bench: Bench, trial: TrialSpec) -> None:
    assert checkpoints(killed(bench, trial, 4, checkpoint_seconds=0.0)) == ["step-00000002", "step-00000003"]
    assert checkpoints(killed(bench, trial, 4, checkpoint_seconds=3600.0)) == []
    assert checkpoints(killed(bench, trial, 4)) == []


def test_a_checkpoint_holds_safetensors_and_json_alone(bench: Bench, trial: TrialSpec) -> None:
    folder = killed(bench, trial, 6, checkpoint_steps=5).attempt.checkpoints / "step-00000005"
    manifest = read_manifest(folder)
    assert (manifest.trial, manifest.definition, manifest.step) == (trial.id, trial.definition_hash, 5)
    names = {"best.safetensors", "best-loss.safetensors", "loss.safetensors", "model.safetensors", "optimizer.safetensors"}
    assert manifest.files.keys() == names | {"state.json"}
    assert {path.name for path in folder.iterdir()} == manifest.files.keys() | {MANIFEST}


@pytest.mark.parametrize("name", [MANIFEST, "state.json", "model.safetensors", "optimizer.safetensors", "loss.safetensors"])
@pytest.mark.parametrize("harm", ["flip", "cut", "remove"])
def test_a_damaged_checkpoint_is_passed_over_and_named(bench: Bench, trial: TrialSpec, name: str, harm: str) -> None:
    first = killed(bench, trial, 8, checkpoint_steps=2)
    path = first.attempt.checkpoints / "step-00000006" / name
    data = bytearray(path.read_bytes())
    if harm == "remove":
        path.unlink()
    else:
        data[len(data) // 2] ^= 1
        path.write_bytes(data if harm == "flip" else data[: len(data) // 2])
    found, passed = newest([first.attempt.root], trial.definition_hash, read_state)
    assert found
    assert found.step == 4
    (line,) = passed
    assert str(path.parent) in line


def test_what_is_passed_over_is_said_and_the_older_one_leads_to_the_same_bytes(
    bench: Bench, trial: TrialSpec, expected: list[bytes]
) -> None:
    first = killed(bench, trial, 8, checkpoint_steps=2)
    flipped = first.attempt.checkpoints / "step-00000006" / "optimizer.safetensors"
    data = bytearray(flipped.read_bytes())
    data[-1] ^= 1
    flipped.write_bytes(data)
    (first.attempt.checkpoints / ".step-00000007.abcd.tmp").mkdir()
    before = sorted((path, path.stat().st_mtime_ns) for path in first.attempt.root.rglob("*"))
    second = bench.work(trial, [first])
    full.run(second)
    assert log(second, "resume")[0]["step"] == 4
    unfinished, damaged = (record["text"] for record in log(second, "note"))
    assert "it was never finished" in unfinished
    assert "optimizer.safetensors" in damaged
    assert product(second) == expected
    # nothing was written into the other's folder
    assert sorted((path, path.stat().st_mtime_ns) for path in first.attempt.root.rglob("*")) == before


def test_a_checkpoint_of_another_definition_is_refused(bench: Bench, trial: TrialSpec) -> None:
    first = killed(bench, trial, 3, checkpoint_steps=1)
    other = reference(bench.dataset, learning_rate=2e-3)
    second = bench.work(other, [first])
    full.run(second)
    assert log(second, "resume") == []
    assert all("another definition" in record["text"] for record in log(second, "note"))
    assert Result.read(second.attempt.product / "result.json").training["steps"] == STEPS


def test_the_newest_of_all_attempts_is_the_furthest(bench: Bench, trial: TrialSpec) -> None:
    far = killed(bench, trial, 7, checkpoint_steps=1)
    near = killed(bench, trial, 3, checkpoint_steps=1)
    found, _ = newest([near.attempt.root, far.attempt.root], trial.definition_hash, read_state)
    assert found
    assert (found.step, found.attempt) == (6, far.attempt.root.name)


def test_after_the_training_nothing_is_trained_again(
    bench: Bench, trial: TrialSpec, expected: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = bench.work(trial, checkpoint_seconds=3600.0)

    def die(*_: object) -> None:
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Work, "hand_in", die)
        with pytest.raises(Killed):
            full.run(first)
    assert checkpoints(first) == ["step-00000010-trained"]
    monkeypatch.setattr(Trainer, "step", die)
    second = bench.work(trial, [first])
    full.run(second)
    assert product(second) == expected


def test_a_kept_model_is_the_same_after_a_resume(bench: Bench, trial: TrialSpec) -> None:
    works = [bench.work(trial, keep_model=True)]
    works.append(bench.work(trial, [killed(bench, trial, 9, checkpoint_steps=1)], keep_model=True))
    one, other = works
    for work in works:
        full.run(work)
    name = "model/classifier.safetensors"
    assert (one.attempt.product / name).read_bytes() == (other.attempt.product / name).read_bytes()


def test_a_full_disk_costs_a_checkpoint_and_nothing_else(bench: Bench, trial: TrialSpec, expected: list[bytes]) -> None:
    original = course.save_tensors
    full_at = iter([False, True, True, False, False])

    def save(tensors: dict[str, Tensor], path: Path) -> None:
        original(tensors, path)
        if next(full_at):
            raise OSError(errno.ENOSPC, "No space left on device", str(path))

    work = bench.work(trial, checkpoint_steps=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(course, "save_tensors", save)
        full.run(work)
    warnings = [record for record in log(work, "warning") if record["kind"] == "checkpoint"]
    assert [record["step"] for record in warnings] == [4, 6]
    assert str(work.attempt.checkpoints) in warnings[0]["text"]
    assert "bytes were written" in warnings[0]["text"]
    assert not list(work.attempt.checkpoints.glob(".*"))
    assert product(work) == expected


def test_a_crash_at_any_call_of_the_system_leaves_a_checkpoint_to_go_on_from(bench: Bench, trial: TrialSpec) -> None:
    """Each fsync and rename of a checkpoint's writing in turn is the last thing that the process does."""
    ends = 0
    for at in range(1, 100):
        calls = iter(range(1, 1000))

        def die(function: Callable[..., Any], calls: Iterator[int] = calls, at: int = at) -> Callable[..., Any]:
            def wrapped(*given: Any, **more: Any) -> Any:
                if next(calls) == at:
                    raise Killed
                return function(*given, **more)

            return wrapped

        folder = Checkpoints(bench.root / f"crash {at}" / "checkpoints", trial.id, trial.definition_hash, None, 1)
        fill = partial(write_bytes_into, b"1")
        folder.write(1, fill)
        with pytest.MonkeyPatch.context() as patch:
            for owner, name in ((os, "fsync"), (Path, "rename"), (Path, "replace"), (os, "replace"), (shutil, "rmtree")):
                patch.setattr(owner, name, die(getattr(owner, name)))
            try:
                folder.write(2, partial(write_bytes_into, b"2"))
                folder.write(3, partial(write_bytes_into, b"3"))
            except Killed:
                ends += 1
            else:
                break
        found, _ = newest([folder.folder.parent], trial.definition_hash, lambda path: (path / "data").read_bytes())
        assert found
        assert found.state == str(found.step).encode()
    assert ends > 10


def write_bytes_into(data: bytes, folder: Path) -> None:
    (folder / "data").write_bytes(data)


def bad_from(first: int, monkeypatch: pytest.MonkeyPatch, after: Callable[[Trainer, int], None] = lambda *_: None) -> None:
    """Weights that are not finite from a step on; what they were is put back, so that the optimizer skips every such step."""
    original = Trainer.step

    def step(self: Trainer, number: int, *drawn: NDArray[np.int64]) -> None:
        before = {name: value.clone() for name, value in self.model.state_dict().items()}
        if number + 1 >= first:
            self.model.head.bias.data.fill_(float("nan"))
        original(self, number, *drawn)
        if number + 1 >= first:
            self.model.load_state_dict(before)
        after(self, number + 1)

    monkeypatch.setattr(Trainer, "step", step)


def test_a_row_of_bad_steps_goes_on_after_a_resume(bench: Bench) -> None:
    trial = reference(bench.dataset, epochs=4, max_skipped=6)

    def diverge(work: Work, after: Callable[[Trainer, int], None] = lambda *_: None) -> Diverged:
        with pytest.MonkeyPatch.context() as patch:
            bad_from(4, patch, after)
            with pytest.raises(Diverged) as caught:
                full.run(work)
        return caught.value

    expected = diverge(bench.work(trial))
    assert (expected.step, len(expected.healthy_norms)) == (3, 3)
    for at in range(4, 9):
        first = bench.work(trial)

        def stop(trainer: Trainer, done: int, at: int = at) -> None:
            trainer.progress.stop_asked = done == at

        with pytest.MonkeyPatch.context() as patch:
            bad_from(4, patch, stop)
            with pytest.raises(Preempted):
                full.run(first)
        found = diverge(bench.work(trial, [first]))
        assert (found.step, found.rows, found.healthy_norms) == (expected.step, expected.rows, expected.healthy_norms)


def outputs(work: Work) -> NDArray[np.float32]:
    return Outputs.read(work.attempt.product / "test.npz").outputs


def test_a_lack_of_memory_leaves_a_checkpoint_and_smaller_passes_give_the_same(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    rising = count()  # the last weights are the best
    monkeypatch.setattr("bakeoff.tasks.multilabel.validation_scores", lambda *_: {"f1_macro": next(rising), "threshold": 0.5})
    trial = full_trial(bench.dataset, epochs=3, batch_size=16, micro_batch_size=16, dropout=0.0)
    whole = bench.work(trial)
    full.run(whole)
    original, passes = Classifier.forward, iter(range(100))

    def forward(self: Classifier, batch: Batch) -> Tensor:
        if self.training and next(passes) == 4:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return original(self, batch)

    first = bench.work(trial)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Classifier, "forward", forward)
        with pytest.raises(torch.OutOfMemoryError):
            full.run(first)
    assert first.passes() == {"phase": "training", "micro_batch_size": 16}
    assert checkpoints(first) == ["step-00000004"]
    for size in (8, 1):
        second = bench.work(trial, [first], micro_batch_size=size)
        full.run(second)
        assert second.deviations == [f"micro-batch {size} in place of 16: memory"]
        assert log(second, "resume")[0]["step"] == 4
        assert outputs(second) == pytest.approx(outputs(whole), abs=1e-5)
        assert outputs(second).tolist() != outputs(whole).tolist()


def test_other_dropout_draws_are_a_deviation_and_no_smaller_pass_is_none(bench: Bench, trial: TrialSpec) -> None:
    work = bench.work(trial, micro_batch_size=1)
    full.run(work)
    assert work.deviations == ["micro-batch 1 in place of 2: memory; other dropout draws"]
    same = bench.work(trial, micro_batch_size=2)
    full.run(same)
    assert same.deviations == []


def test_an_evaluation_that_does_not_fit_says_so_and_nothing_is_trained_again(
    bench: Bench, trial: TrialSpec, expected: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Classifier.forward

    def forward(self: Classifier, batch: Batch) -> Tensor:
        if not self.training and len(batch.rows) > 1 and small[0] == 0:
            raise torch.OutOfMemoryError("CUDA out of memory")
        small[0] -= not self.training
        return original(self, batch)

    small = [14]  # ten probes and four validations, of one pass each
    monkeypatch.setattr("bakeoff.training.full.settle_packing", lambda *_: "")
    first = bench.work(trial)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Classifier, "forward", forward)
        with pytest.raises(torch.OutOfMemoryError):
            full.run(first)
    assert first.passes() == {"phase": "evaluation", "micro_batch_size": 2}
    assert checkpoints(first) == ["step-00000010-trained"]
    second = bench.work(trial, [first], evaluation_tokens=1)
    full.run(second)
    assert log(second, "resume")[0]["trained"]
    assert outputs(second) == pytest.approx(outputs(bench.made[0]), abs=1e-6)
