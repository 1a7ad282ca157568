"""Limits: a part that looks like the whole, the same every time, with the rare labels in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bakeoff.data.limits import sample_rows, stratified_rows
from bakeoff.data.store import Dataset, Import, Row, write_dataset
from bakeoff.records.paths import Home


def long_tailed(rows: int, labels: int, seed: int) -> NDArray[np.uint8]:
    """Targets like GoEmotions': shares from 30 % down to 0.2 %, some rows with two or three labels."""
    draw = np.random.default_rng(seed)
    shares = np.geomspace(0.3, 0.002, labels)
    targets = np.zeros((rows, labels), np.uint8)
    targets[np.arange(rows), draw.choice(labels, rows, p=shares / shares.sum())] = 1
    for _ in range(2):
        more = np.flatnonzero(draw.random(rows) < 0.08)
        targets[more, draw.choice(labels, len(more), p=shares / shares.sum())] = 1
    return targets


TARGETS = long_tailed(20_000, 28, 0)


@pytest.mark.parametrize("limit", [200, 1000, 4000])
@pytest.mark.parametrize("seed", [0, 1, 12345])
def test_labels_keep_their_shares(limit: int, seed: int) -> None:
    rows = stratified_rows(TARGETS, limit, seed)
    assert len(np.unique(rows)) == limit and (np.diff(rows) > 0).all()
    whole, part = TARGETS.mean(axis=0), TARGETS[rows].mean(axis=0)
    assert np.abs(part - whole).max() < (0.01 if limit >= 1000 else 0.02)
    assert abs(TARGETS[rows].sum() / limit - TARGETS.sum() / len(TARGETS)) < 0.05
    assert (TARGETS[rows].sum(axis=0) > 0).all()


def test_rare_labels_get_their_share_up_to_one_row() -> None:
    rarest = int(np.argmin(TARGETS.sum(axis=0)))
    share = TARGETS[:, rarest].sum() * 4000 / len(TARGETS)
    for seed in range(20):
        drawn = TARGETS[stratified_rows(TARGETS, 4000, seed), rarest].sum()
        assert share - 1 < drawn < share + 1


def test_label_sets_keep_their_shares_up_to_one_row() -> None:
    sets, inverse = np.unique(TARGETS, axis=0, return_inverse=True)
    rows = stratified_rows(TARGETS, 3000, 5)
    expected = np.bincount(inverse.ravel(), minlength=len(sets)) * 3000 / len(TARGETS)
    drawn = np.bincount(inverse.ravel()[rows], minlength=len(sets))
    assert np.abs(drawn - expected).max() < 1 + 1e-9


def test_every_row_has_the_same_chance() -> None:
    targets = TARGETS[:60]
    drawn = np.zeros(60)
    for seed in range(3000):
        drawn[stratified_rows(targets[:, :2], 20, seed)] += 1
    # 1,000 expected of 3,000; five standard deviations of a binomial are 129
    assert np.abs(drawn - 1000).max() < 129


def test_it_is_a_pure_function_of_targets_limit_and_seed() -> None:
    first = stratified_rows(TARGETS, 500, 7)
    assert (stratified_rows(TARGETS.copy(), 500, 7) == first).all()
    assert (stratified_rows(TARGETS, 500, 8) != first).any()


def test_the_draw_stays_what_it_is() -> None:
    # written down when this was made: another draw would make every study with a limit another study
    targets = np.array([[n % 3 == 0, n % 5 == 0, n % 7 == 0] for n in range(40)], np.uint8)
    assert stratified_rows(targets, 8, 42).tolist() == [0, 3, 10, 16, 23, 28, 32, 36]


@given(st.integers(1, 60), st.integers(0, 12), st.integers(0, 2**32), st.data())
def test_any_targets(rows: int, labels: int, seed: int, data: st.DataObject) -> None:
    targets = (np.random.default_rng(seed).random((rows, labels)) < 0.2).astype(np.uint8)
    limit = data.draw(st.integers(1, rows))
    drawn = stratified_rows(targets, limit, seed)
    assert len(set(drawn.tolist())) == limit
    assert drawn.min() >= 0 and drawn.max() < rows
    if limit == rows:
        assert (drawn == np.arange(rows)).all()
    if limit >= labels * 2:
        # every exchange finds a row to give up: at most one row a label is the only one of its label
        assert ((targets[drawn].sum(axis=0) > 0) == (targets.sum(axis=0) > 0)).all()


def test_a_label_of_one_row_is_not_lost() -> None:
    targets = np.zeros((1000, 3), np.uint8)
    targets[:, 0] = 1
    targets[777, 1] = 1
    for seed in range(30):
        assert 777 in stratified_rows(targets, 5, seed)


@pytest.fixture
def dataset(home: Home) -> Dataset:
    rows = [Row(str(n), "t", (n % 2,)) for n in range(50)]
    return write_dataset(home, Import("goemotions", ("a", "b"), {"train": rows}))


def test_no_limit_and_a_large_one_mean_all(dataset: Dataset) -> None:
    for limit in (None, 50, 51):
        assert sample_rows(dataset, "train", limit, 3).tolist() == list(range(50))


def test_a_limit_of_a_dataset(dataset: Dataset) -> None:
    rows = sample_rows(dataset, "train", 10, 3)
    assert rows.dtype == np.int64
    assert dataset.targets("train", rows).sum(axis=0).tolist() == [5, 5]
    for wrong in (0, -1):
        with pytest.raises(ValueError, match="cannot be drawn"):
            sample_rows(dataset, "train", wrong, 3)


def test_the_place_of_the_dataset_does_not_matter(dataset: Dataset, tmp_path: Path) -> None:
    rows = [Row(str(n), "another text", (n % 2,)) for n in range(50)]
    other = write_dataset(Home(tmp_path / "other"), Import("goemotions", ("a", "b"), {"train": rows}))
    assert (sample_rows(other, "train", 10, 3) == sample_rows(dataset, "train", 10, 3)).all()


def test_every_stratum_and_every_label_set_in_it_keeps_its_share() -> None:
    strata = np.random.default_rng(1).choice(4, len(TARGETS), p=[0.6, 0.25, 0.1, 0.05]).astype(np.int32)
    rows = stratified_rows(TARGETS, 2000, 7, strata)
    expected = np.bincount(strata) * 2000 / len(TARGETS)
    assert np.abs(np.bincount(strata[rows]) - expected).max() < 2  # a label without a row may take one more
    sets = np.unique(np.concatenate([strata[:, None], TARGETS], axis=1), axis=0, return_inverse=True)[1].ravel()
    wanted = np.bincount(sets) * 2000 / len(TARGETS)
    assert np.abs(np.bincount(sets[rows], minlength=len(wanted)) - wanted).max() < 1 + 1e-9
