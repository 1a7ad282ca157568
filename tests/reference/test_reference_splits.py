"""Splits beside those of iterative-stratification 0.1.9 (the reference implementation of Sechidis et al., 2011), and beside
what a random split would give.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from iterstrat.ml_stratifiers import MultilabelStratifiedKFold
from numpy.typing import NDArray

from bakeoff.data.splitting import stratified_split

FOLDS = 5


def random_targets(seed: int) -> NDArray[np.uint8]:
    """Between 100 and 2,000 rows, between 3 and 29 labels that 1 to 60 % of the rows bear."""
    generator = np.random.default_rng(seed)
    rows, labels = int(generator.integers(100, 2_000)), int(generator.integers(3, 30))
    rates = np.exp(generator.uniform(np.log(0.01), np.log(0.6), labels))
    return (generator.random((rows, labels)) < rates).astype(np.uint8)


def distances(targets: NDArray[np.uint8], folds: list[NDArray[np.int64]]) -> tuple[float, float]:
    """By how many rows a label's count in a fold, and a fold's size, are off their aims, in the mean."""
    labels = [np.abs(targets[fold].sum(axis=0) - targets.sum(axis=0) / FOLDS).mean() for fold in folds]
    sizes = [abs(len(fold) - len(targets) / FOLDS) for fold in folds]
    return float(np.mean(labels)), float(np.mean(sizes))


@pytest.mark.parametrize("seed", range(20))
def test_folds_are_as_good_as_the_reference_s(seed: int) -> None:
    targets = random_targets(seed)
    ours = stratified_split(targets, [1 / FOLDS] * FOLDS, seed)
    reference = MultilabelStratifiedKFold(n_splits=FOLDS, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # labels with fewer rows than folds
        theirs = [fold for _, fold in reference.split(np.zeros(len(targets)), targets)]
    (labels, sizes), (their_labels, their_sizes) = distances(targets, ours), distances(targets, theirs)
    assert labels <= their_labels + 0.02
    assert sizes <= their_sizes + 0.2


@pytest.mark.parametrize("seed", range(20))
def test_folds_are_much_better_than_by_lot(seed: int) -> None:
    targets = random_targets(seed)
    lot = np.array_split(np.random.default_rng(seed).permutation(len(targets)), FOLDS)
    assert distances(targets, stratified_split(targets, [1 / FOLDS] * FOLDS, seed))[0] < distances(targets, lot)[0] / 4
