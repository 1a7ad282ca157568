"""The one loop: exact accumulation, validations where they belong, and what happens to steps that are not finite."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from parts import comparable, make_trainer, random_data, weights
from torch import Tensor

from bakeoff.losses.base import Loss
from bakeoff.testing.models import Family
from bakeoff.training.batches import make_batch
from bakeoff.training.health import Diverged
from bakeoff.training.loop import Trainer
from bakeoff.training.order import epoch_order
from bakeoff.training.progress import Preempted, Progress

ModelOf = Callable[..., Path]


class Scripted(Loss):
    """Cross-entropy that is nan in some steps; the steps are counted by the micro-batches, one a step."""

    def __init__(self, bad: set[int]) -> None:
        super().__init__()
        self.bad, self.calls, self.rows = bad, 0, list[int]()

    def forward(self, logits: Tensor, targets: Tensor, progress: float) -> Tensor:
        self.calls += 1
        self.rows.append(len(logits))
        values = torch.nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
        return values * float("nan") if self.calls - 1 in self.bad else values


def never(step: int, loss: float) -> bool:
    return False


def run_noting(trainer: Trainer, end_at: int | None = None) -> tuple[int, list[tuple[int, float]]]:
    calls: list[tuple[int, float]] = []

    def validate(step: int, loss: float) -> bool:
        calls.append((step, loss))
        return step == end_at

    return trainer.run(validate), calls


def read_log(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("family", ["bert", "deberta-v2"])
def test_micro_batches_of_any_size_make_the_same_steps(model_of: ModelOf, family: Family, progress: Progress) -> None:
    data = random_data(75)  # two whole batches and one of 11
    found = {}
    for size in (4, 8, 32):
        changes = {"batch_size": 32, "micro_batch_size": size, "epochs": 2, "learning_rate": 2e-4, "head_learning_rate": 2e-3}
        trainer = make_trainer(model_of(family), data, progress, **changes)
        start = weights(trainer.model)
        steps, losses = run_noting(trainer)
        assert steps == 6
        found[size] = comparable(weights(trainer.model)), losses
    expected, expected_losses = found[32]
    assert max(float((expected[name] - start[name]).abs().max()) for name in expected) > 1e-3
    for size in (4, 8):
        assert np.array(found[size][1]) == pytest.approx(np.array(expected_losses), abs=1e-6)
        for name in expected:
            torch.testing.assert_close(
                found[size][0][name], expected[name], rtol=0, atol=1e-5, msg=lambda text, at=name: f"{at}: {text}"
            )


def test_the_smaller_last_batch_counts_by_its_own_rows(model_of: ModelOf, progress: Progress) -> None:
    data = random_data(11)
    loss = Scripted(set())
    trainer = make_trainer(model_of("bert"), data, progress, loss, batch_size=8, micro_batch_size=8)
    order = data.rows[epoch_order(trainer.seed, 0, 11)]
    trainer.model.train()
    trainer.step(0, order[:8])
    trainer.mean_loss()
    batch = make_batch(data.store, "train", order[8:])
    with torch.no_grad():
        targets = torch.from_numpy(data.targets[batch.rows])
        expected = torch.nn.functional.binary_cross_entropy_with_logits(trainer.model(batch), targets)
    trainer.step(1, order[8:])
    assert loss.rows == [8, 3]
    assert trainer.mean_loss() == pytest.approx(float(expected), rel=1e-5)
    assert trainer.examples == 11
    assert trainer.tokens == int(data.store.offsets[-1])


def test_each_epoch_sees_every_row_once_with_its_own_targets(model_of: ModelOf, progress: Progress) -> None:
    data = random_data(21)
    seen: list[int] = []

    class Watching(Scripted):
        def forward(self, logits: Tensor, targets: Tensor, progress: float) -> Tensor:
            assert torch.equal(targets, torch.from_numpy(data.targets[batches[-1]]))
            return super().forward(logits, targets, progress)

    batches: list[np.ndarray[tuple[int], np.dtype[np.int64]]] = []
    trainer = make_trainer(model_of("bert"), data, progress, Watching(set()), epochs=2)
    trainer.model.register_forward_pre_hook(lambda _, given: batches.append(given[0].rows))
    trainer.run(never)
    seen = np.concatenate(batches).tolist()
    assert sorted(seen[:21]) == sorted(seen[21:]) == list(range(21))
    assert seen[:21] != seen[21:]


@pytest.mark.parametrize(
    ("rows", "per_epoch", "epochs", "expected"),
    [
        (80, 1, 2, {10, 20}),
        (80, 2, 2, {5, 10, 15, 20}),
        (81, 3, 1, {4, 8, 11}),
        (17, 100, 1, {1, 2, 3}),
        (3, 4, 3, {1, 2, 3}),
    ],
)
def test_validations_are_spread_and_end_each_epoch(
    model_of: ModelOf, progress: Progress, rows: int, per_epoch: int, epochs: int, expected: set[int]
) -> None:
    trainer = make_trainer(model_of("bert"), random_data(rows), progress, evaluations_per_epoch=per_epoch, epochs=epochs)
    assert trainer.evaluation_steps() == expected
    assert max(expected) == trainer.total_steps


def test_validation_is_told_the_mean_loss_since_the_last_one(model_of: ModelOf, progress: Progress) -> None:
    trainer = make_trainer(model_of("bert"), random_data(32), progress, evaluations_per_epoch=2, epochs=2)
    steps, calls = run_noting(trainer)
    assert steps == 8
    assert [step for step, _ in calls] == [2, 4, 6, 8]
    assert all(0.1 < loss < 2 for _, loss in calls)
    assert calls[-1][1] < calls[0][1]
    assert math.isnan(trainer.mean_loss())


def test_validation_may_end_the_training(model_of: ModelOf, progress: Progress) -> None:
    trainer = make_trainer(model_of("bert"), random_data(32), progress, evaluations_per_epoch=2, epochs=2)
    assert run_noting(trainer, end_at=4)[0] == 4
    assert trainer.examples == 32


def test_bad_steps_are_skipped_counted_and_told(model_of: ModelOf, progress: Progress, tmp_path: Path) -> None:
    data = random_data(64)
    trainer = make_trainer(model_of("bert"), data, progress, Scripted({1, 2, 4, 5}), micro_batch_size=8, max_skipped=3)
    trainer.run(never)
    assert trainer.health.skipped == 4
    assert trainer.health.in_a_row == 0
    assert len(trainer.health.norms) == 4
    assert all(math.isfinite(float(parameter.detach().sum())) for parameter in trainer.model.parameters())
    assert [record["step"] for record in read_log(tmp_path / "log.jsonl") if record["event"] == "skipped"] == [
        2,
        3,
        5,
        6,
    ]


def test_too_many_bad_steps_in_a_row_are_a_divergence_that_names_step_rows_and_norms(
    model_of: ModelOf, progress: Progress
) -> None:
    data = random_data(400)
    bad = {4, *range(14, 17)}
    trainer = make_trainer(model_of("bert"), data, progress, Scripted(bad), micro_batch_size=8, max_skipped=3)
    norms: list[float] = []
    original = trainer.optimizer.step
    trainer.optimizer.step = lambda step: norms.append(float(norm := original(step))) or norm  # type: ignore[func-returns-value,method-assign]
    with pytest.raises(Diverged, match="not finite from step 15 on") as caught:
        trainer.run(never)
    order = epoch_order(trainer.seed, 0, 400)
    assert caught.value.step == 14
    assert caught.value.rows == order[14 * 8 : 15 * 8].tolist()
    assert caught.value.healthy_norms == pytest.approx([norm for norm in norms[:14] if math.isfinite(norm)][-10:])
    assert len(caught.value.healthy_norms) == 10


def test_a_divergence_shows_at_the_next_validation_at_the_latest(model_of: ModelOf, progress: Progress) -> None:
    trainer = make_trainer(model_of("bert"), random_data(24), progress, Scripted({0, 1, 2}), micro_batch_size=8, max_skipped=3)
    with pytest.raises(Diverged) as caught:
        run_noting(trainer)
    assert caught.value.step == 0
    assert caught.value.healthy_norms == []


def test_a_wish_to_stop_is_met_before_the_next_step(model_of: ModelOf, progress: Progress) -> None:
    trainer = make_trainer(model_of("bert"), random_data(32), progress)

    def validate(step: int, loss: float) -> bool:
        raise AssertionError("it went on")

    trainer.model.head.register_forward_hook(lambda *_: setattr(progress, "stop_asked", True))
    with pytest.raises(Preempted):
        trainer.run(validate)
    assert trainer.examples == 8


def test_a_training_is_a_pure_function_of_its_seed(model_of: ModelOf, progress: Progress) -> None:
    folder = model_of("bert", 0.1)
    found = []
    for seed in (7, 7, 8):
        trainer = make_trainer(folder, random_data(40), progress)
        trainer.seed = seed
        torch.rand(seed)  # what else was drawn does not matter
        trainer.run(never)
        found.append(weights(trainer.model))
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])
    assert any(not torch.equal(found[0][name], found[2][name]) for name in found[0])


def test_every_part_of_every_step_has_draws_of_its_own(
    model_of: ModelOf, progress: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    places: list[tuple[int, int, int]] = []
    monkeypatch.setattr("bakeoff.training.loop.seed_draws", lambda *place: places.append(place))
    trainer = make_trainer(model_of("bert"), random_data(20), progress, epochs=2)
    trainer.seed = 12
    trainer.run(never)
    # batches of 8, 8 and 4 rows in parts of 4
    epoch = [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0)]
    assert places == [(12, step + start, part) for start in (0, 3) for step, part in epoch]
