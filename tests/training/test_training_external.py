"""Predictions from elsewhere as a recipe: the same decisions at every threshold, known by content, refused where unfit."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bakeoff.data.dataset import Dataset
from bakeoff.errors import DataError
from bakeoff.records.files import sha256_file
from bakeoff.records.results import Outputs, Result
from bakeoff.records.specs import Component, TrialSpec
from bakeoff.training import external
from bakeoff.training.work import Work
from tiny import LABELS, full_trial, make_dataset

WorkOf = Callable[..., Work]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return make_dataset(tmp_path_factory.mktemp("home of predictions"))


def write(path: Path, dataset: Dataset, seeds: tuple[int, ...] = (1, 2), change: Callable[[dict[str, Any]], Any] = id) -> Path:
    """A file whose predictions are right, but for an example that seed 2 gets wrong."""
    lines = []
    for seed in seeds:
        for split in ("validation", "test"):
            for number, (identity, row) in enumerate(zip(dataset.ids(split), dataset.targets(split), strict=True)):
                gold = [LABELS[place] for place in np.flatnonzero(row)]
                said = ["calm"] if seed == 2 and number == 0 else gold
                record = {"id": identity, "gold": gold, "prediction": said, "seed": seed}
                change(record)
                lines.append(json.dumps(record))
    path.write_text("\n".join(lines), encoding="utf8")
    return path


def trial_of(dataset: Dataset, file: Path, seed: int = 1, **settings: Any) -> TrialSpec:
    trial = full_trial(dataset, seed=seed)
    stated = {"file": str(file), "sha256": sha256_file(file), "deterministic": False, **settings}
    method = Component(name="external", version=1, settings=stated)
    gone = dict.fromkeys(("model", "loss", "pooling", "training"))
    return trial.model_copy(update={"recipe": trial.recipe.model_copy(update={"method": method, **gone})})


def test_each_seed_hands_in_its_own_decisions(work_of: WorkOf, dataset: Dataset, tmp_path: Path) -> None:
    file = write(tmp_path / "theirs.jsonl", dataset)
    for seed, wrong in ((1, 0), (2, 1)):
        work = work_of(dataset, trial_of(dataset, file, seed), "bert")
        external.run(work)
        for split in ("validation", "test"):
            outputs = Outputs.read(work.attempt.product / f"{split}.npz")
            for threshold in (-2.2, 0.0, 2.2):  # 0.1, 0.5 and 0.9
                decided = outputs.outputs > threshold
                assert int((decided != outputs.gold).any(axis=1).sum()) == wrong
        result = Result.read(work.attempt.product / "result.json")
        assert result.training["predictions_sha256"] == sha256_file(file)


def test_what_counts_is_the_content_not_the_place(dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    here, there = write(tmp_path / "a.jsonl", dataset), write(tmp_path / "elsewhere" / "b.jsonl", dataset)
    assert trial_of(dataset, here).id == trial_of(dataset, there).id
    other = write(tmp_path / "c.jsonl", dataset, seeds=(1, 3))
    assert trial_of(dataset, here).id != trial_of(dataset, other).id


@pytest.mark.parametrize(
    ("seeds", "change", "message"),
    [
        ((7,), id, "no predictions for seed 1, only for 7"),
        ((1,), lambda record: record.update(id=f"x{record['id']}"), "have no prediction, such as validation-0"),
        ((1,), lambda record: record.update(prediction=["glee"]), "has no label 'glee'"),
        ((1,), lambda record: record.update(gold=["anger"]), "another gold than the dataset tiny"),
    ],
)
def test_files_that_do_not_fit_are_refused(
    work_of: WorkOf, dataset: Dataset, tmp_path: Path, seeds: tuple[int, ...], change: Callable[..., Any], message: str
) -> None:
    file = write(tmp_path / "theirs.jsonl", dataset, seeds, change)
    with pytest.raises(DataError, match=message):
        external.run(work_of(dataset, trial_of(dataset, file), "bert"))


def test_one_run_counts_for_every_seed_only_where_it_is_said(work_of: WorkOf, dataset: Dataset, tmp_path: Path) -> None:
    file = write(tmp_path / "rules.jsonl", dataset, seeds=(7,))
    external.run(work_of(dataset, trial_of(dataset, file, deterministic=True), "bert"))
    with pytest.raises(DataError, match="no predictions for seed 1"):
        external.run(work_of(dataset, trial_of(dataset, file), "bert"))


def test_a_file_that_was_changed_since_is_refused(work_of: WorkOf, dataset: Dataset, tmp_path: Path) -> None:
    trial = trial_of(dataset, write(tmp_path / "theirs.jsonl", dataset))
    write(tmp_path / "theirs.jsonl", dataset, seeds=(1,))
    with pytest.raises(DataError, match="not those that the study was planned with"):
        external.run(work_of(dataset, trial, "bert"))
