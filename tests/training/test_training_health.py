"""A training that is dead, exploding or saying nothing is named, and ended only where the study says so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from bakeoff.training.health import PATIENCE, Diverged, Health, Probe, UpdateRatio
from bakeoff.training.progress import Progress


@pytest.fixture
def progress(tmp_path: Path) -> Iterator[Progress]:
    log = Progress(tmp_path / "log.jsonl")
    yield log
    log.close()


def warnings(tmp_path: Path) -> list[dict[str, object]]:
    records = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    return [record for record in records if record["event"] == "warning"]


def read(health: Health, progress: Progress, norms: list[float]) -> None:
    for step, norm in enumerate(norms):
        health.note(step, np.array([step]), torch.tensor(norm))
    health.read(progress)


def test_dead_and_exploding_steps_are_counted_apart(progress: Progress) -> None:
    health = Health(limit=5)
    read(health, progress, [1.0] * 30 + [9.9, 10.1, 1e-7])
    facts = health.facts()
    assert facts["exploding_share"] == pytest.approx(1 / 33)
    assert facts["dead_share"] == pytest.approx(1 / 33)
    assert facts["norm_median"] == 1.0
    assert facts["norm_max"] == pytest.approx(10.1)


def test_a_large_norm_among_the_first_steps_is_no_explosion(progress: Progress) -> None:
    health = Health(limit=5)
    read(health, progress, [1.0, 100.0])
    assert health.facts()["exploding_share"] == 0


def test_the_update_ratio_is_the_change_beside_the_weights() -> None:
    weight = torch.nn.Parameter(torch.full((4,), 2.0))
    ratio = UpdateRatio({"head": weight})
    ratio.before()
    with torch.no_grad():
        weight += 0.01
    ratio.after(20)
    assert ratio.history == [{"step": 20, "head": pytest.approx(0.005)}]


def gold() -> NDArray[np.float32]:
    return (np.random.default_rng(0).random((64, 3)) < 0.3).astype(np.float32)


def bce(logits: NDArray[np.float32]) -> float:
    return float(np.mean(np.logaddexp(0, logits.astype(np.float64)) - gold() * logits))


def probe(logits: NDArray[np.float32], limit: int | None = None) -> Probe:
    return Probe(lambda: logits, bce, begin=10, limit=limit)


CONSTANT = np.full((64, 3), -0.85, dtype=np.float32)
NOISE = CONSTANT + np.random.default_rng(1).normal(scale=0.02, size=CONSTANT.shape).astype(np.float32)
GOOD = np.where(gold() > 0, 2.0, -2.0).astype(np.float32)


def test_constant_outputs_are_named_once_after_three_looks(progress: Progress, tmp_path: Path) -> None:
    looked = probe(CONSTANT)
    for step in (20, 40, 60, 80):
        looked.look(step, progress)
    said = warnings(tmp_path)
    assert {record["kind"] for record in said} == {"constant", "flat"}
    assert len(said) == 2
    assert all(record["since"] == 20 and record["step"] == 20 * PATIENCE for record in said)
    assert looked.suspicions == {"constant": 20, "flat": 20}


def test_outputs_that_say_no_more_than_frequencies_are_flat_not_constant(progress: Progress, tmp_path: Path) -> None:
    looked = probe(NOISE)
    for step in (20, 40, 60):
        looked.look(step, progress)
    assert [record["kind"] for record in warnings(tmp_path)] == ["flat"]


def test_a_model_that_learns_is_not_suspected_and_recovery_clears_a_suspicion(progress: Progress, tmp_path: Path) -> None:
    shown = [CONSTANT, CONSTANT, CONSTANT, GOOD, GOOD]
    looked = Probe(lambda: shown.pop(0), bce, begin=10)
    for step in (20, 40, 60):
        looked.look(step, progress)
    assert looked.suspicions
    looked.look(80, progress)
    assert not looked.suspicions
    assert len(warnings(tmp_path)) == 2


def test_nothing_is_suspected_during_the_warm_up(progress: Progress, tmp_path: Path) -> None:
    looked = probe(CONSTANT)
    for step in (2, 4, 6, 8):
        looked.look(step, progress)
    assert not warnings(tmp_path)


def test_the_limit_ends_a_dead_training_and_only_a_dead_one(progress: Progress) -> None:
    dead, flat = probe(CONSTANT, limit=4), probe(NOISE, limit=4)
    for step in (20, 40, 60):
        dead.look(step, progress)
    with pytest.raises(Diverged, match="same for every example since step 20"):
        dead.look(80, progress)
    for step in range(20, 400, 20):
        flat.look(step, progress)
