"""A label that a source does not annotate pulls at nothing: not through a step, not through counts, not through a baseline."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from parts import comparable, make_trainer, random_data, weights

from bakeoff.catalog import registry
from bakeoff.data.dataset import Dataset, write_dataset
from bakeoff.data.rows import SPLITS, Import, Row
from bakeoff.losses.known import KnownOnly
from bakeoff.records.paths import Home
from bakeoff.records.results import Outputs
from bakeoff.records.specs import Component
from bakeoff.training.full import load_loss
from bakeoff.training.loop import TrainingData
from bakeoff.training.progress import Progress
from bakeoff.training.tfidf import fit_label
from tiny import PHRASES

ModelOf = Callable[..., Path]
ROWS = np.arange(8)


def masked(label: int = 2, rows: int = 16) -> TrainingData:
    """Targets of which one label is unknown in every other row."""
    data = random_data(rows)
    data.targets[::2, label] = -1
    return data


def component(name: str) -> Component:
    card = registry.loss(name)
    settings = card.settings.model_validate(getattr(card, "example", {})).model_dump(mode="json")
    return Component(name=name, version=card.version, settings=settings)


@pytest.mark.parametrize("name", [name for name, card in registry.cards("loss").items() if "multilabel" in card.tasks])  # type: ignore[attr-defined]
def test_a_step_does_not_see_an_unknown_label(model_of: ModelOf, progress: Progress, name: str) -> None:
    data = masked(rows=8)
    data.targets[:, 2] = -1
    trainer = make_trainer(model_of("bert"), data, progress, load_loss(component(name), data.targets), weight_decay=0.0)
    before = trainer.model.head.weight.detach().clone()
    trainer.step(0, ROWS)
    changed = (trainer.model.head.weight.detach() != before).any(dim=1).tolist()
    assert changed == [True, True, False], "the head of a label that nobody decided on stays as it is"


def test_the_loss_is_the_mean_over_known_decisions(model_of: ModelOf, progress: Progress) -> None:
    data = masked()
    assert data.decisions(ROWS) == int((data.targets[ROWS] >= 0).sum()) == 20
    assert data.decisions(ROWS, by_row=True) == 24
    trainer = make_trainer(model_of("bert"), data, progress, dropout=0.0, micro_batch_size=8)
    trainer.model.eval()
    with torch.no_grad():
        found = {}
        from bakeoff.training.batches import make_batch

        batch = make_batch(data.store, "train", ROWS)
        for row, logits in zip(batch.rows, trainer.model(batch), strict=True):
            target = torch.from_numpy(data.targets[row])
            known = target >= 0
            losses = torch.nn.functional.binary_cross_entropy_with_logits(logits[known], target[known], reduction="none")
            found[int(row)] = losses
    trainer.step(0, ROWS)
    expected = torch.cat(list(found.values())).mean()
    assert trainer.mean_loss() == pytest.approx(float(expected), rel=1e-4)


def test_micro_batches_share_the_known_decisions_of_the_whole_step(model_of: ModelOf, progress: Progress) -> None:
    data = masked()
    data.targets[:4] = -1  # one part of the step has hardly anything to say
    made = []
    for size in (8, 4, 1):
        trainer = make_trainer(model_of("bert"), data, progress, dropout=0.0, micro_batch_size=size)
        trainer.step(0, ROWS)
        made.append(comparable(weights(trainer.model)))
    for other in made[1:]:
        for name, value in made[0].items():
            torch.testing.assert_close(other[name], value, rtol=2e-3, atol=2e-5, msg=name)


def test_a_step_in_which_nobody_decided_anything_moves_nothing(model_of: ModelOf, progress: Progress) -> None:
    data = masked()
    data.targets[:8] = -1
    trainer = make_trainer(model_of("bert"), data, progress, weight_decay=0.0)
    before = weights(trainer.model)
    trainer.step(0, ROWS)
    assert all(torch.equal(value, before[name]) for name, value in weights(trainer.model).items())
    assert trainer.mean_loss() == 0.0


def test_losses_weigh_by_what_was_decided() -> None:
    targets = np.array([[1, 1], [0, -1], [0, -1], [1, 0]], dtype=np.float32)
    weighed = Component(name="bce", version=1, settings={"class_weights": "balanced"})
    loss = load_loss(weighed, targets)
    assert isinstance(loss, KnownOnly)
    assert loss.loss.positive_weights.tolist() == [1.0, 1.0], "label 1 was decided on twice, and holds once"
    assert load_loss(weighed, np.abs(targets)).positive_weights.tolist() != [1.0, 1.0]


def test_tfidf_learns_a_label_from_rows_where_it_was_decided() -> None:
    from scipy import sparse

    from bakeoff.catalog.methods import TfidfSettings

    features = sparse.random(30, 6, density=0.5, random_state=0, format="csr")
    target = (np.arange(30) % 2).astype(np.int8)
    target[20:] = -1
    settings = TfidfSettings()
    found, alone = fit_label(features, target, settings, 1), fit_label(features[:20], target[:20], settings, 1)
    assert not isinstance(found, float)
    assert not isinstance(alone, float)
    np.testing.assert_array_equal(found.coef_, alone.coef_)
    assert fit_label(features, np.full(30, -1, dtype=np.int8), settings, 1) == -30.0


@pytest.fixture
def two(tmp_path: Path) -> Dataset:
    """Two sources: in the second nobody decided on the last label."""
    splits = {
        split: [
            Row(
                f"{n}",
                f"{PHRASES[n % 3]} {n}",
                (n % 3,) if n % 2 == 0 or n % 3 < 2 else (),
                source=n % 2,
                annotated=None if n % 2 == 0 else (0, 1),
            )
            for n in range(size)
        ]
        for split, size in (("train", 24), ("validation", 12), ("test", 12))
    }
    return write_dataset(Home(tmp_path), Import("two", ("joy", "anger", "calm"), splits, source_names=("a", "b")))


def test_outputs_say_source_and_what_is_annotated(two: Dataset, tmp_path: Path) -> None:
    annotated = two.annotated("test")
    gold = two.targets("test")
    logits: np.ndarray[Any, Any] = np.zeros(gold.shape, np.float32)
    made = Outputs(two.ids("test"), logits, gold, sources=two.source_numbers("test"), annotated=annotated)
    made.write(tmp_path / "o.npz")
    again = Outputs.read(tmp_path / "o.npz")
    assert again.sources is not None
    assert again.annotated is not None
    assert again.sources.tolist() == [n % 2 for n in range(12)]
    np.testing.assert_array_equal(again.annotated, annotated)
    assert (again.judged[:, 2] == -1).tolist() == [n % 2 == 1 for n in range(12)]
    second = again.of(again.sources == 1)
    assert second.ids == [str(n) for n in range(1, 12, 2)]
    assert (second.judged[:, 2] == -1).all()
    assert set(SPLITS) == set(two.splits)
