"""Reliability, temperature and entropy against plain sums and SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import expit
from scipy.stats import entropy

from bakeoff.metrics.calibration import BINS, fit_temperature, mean_entropy, reliability
from bakeoff.metrics.multilabel import log_loss


def made(scale: float = 1.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are right at scale 1, too sure above."""
    random = np.random.default_rng(seed)
    logits = random.normal(-1.5, 2.0, size=(3000, 5))
    return random.random(logits.shape) < expit(logits), logits * scale


def test_bins_and_error_are_the_plain_sums() -> None:
    gold, logits = made(2.0)
    chances = expit(logits).ravel()
    found = reliability(gold, expit(logits))
    assert len(found.counts) == BINS == 15
    total = 0.0
    for index in range(BINS):
        last = index == BINS - 1
        inside = (chances >= index / BINS) & ((chances < (index + 1) / BINS) | last)
        assert found.counts[index] == inside.sum()
        assert found.said[index] == pytest.approx(chances[inside].mean())
        assert found.true[index] == pytest.approx(gold.ravel()[inside].mean())
        total += inside.sum() * abs(chances[inside].mean() - gold.ravel()[inside].mean())
    assert found.error == pytest.approx(total / chances.size, abs=1e-12)


def test_the_error_is_small_where_probabilities_are_right() -> None:
    gold, logits = made()
    assert reliability(gold, expit(logits)).error < 0.01
    assert reliability(gold, expit(logits + 3)).error > 0.2
    edges = reliability(np.array([[1, 0]]), np.array([[1.0, 0.0]]))
    assert edges.counts[[0, -1]].tolist() == [1, 1]
    assert edges.error == 0.0
    assert np.isnan(reliability(np.zeros((0, 2)), np.zeros((0, 2))).error)


@pytest.mark.parametrize("scale", [0.05, 0.3, 1.0, 4.0, 30.0])
def test_the_temperature_is_scipys(scale: float) -> None:
    gold, logits = made(scale)
    found = fit_temperature(gold, logits)
    best = minimize_scalar(
        lambda power: log_loss(gold, logits / np.exp(power)), bounds=(-4, 5), method="bounded", options={"xatol": 1e-10}
    )
    assert found == pytest.approx(np.exp(best.x), rel=1e-5)
    assert found == pytest.approx(scale, rel=0.1)


def test_the_temperature_has_bounds() -> None:
    gold = np.array([[True, False], [False, True]])
    apart = np.where(gold, 0.5, -0.5)
    assert fit_temperature(gold, apart) == pytest.approx(0.01)  # without an error, never sharp enough
    assert fit_temperature(~gold, apart) == pytest.approx(100.0)  # always wrong, never flat enough
    assert fit_temperature(gold, np.zeros((2, 2))) > 0
    assert np.isfinite(fit_temperature(gold, apart * 1e4))
    assert np.isnan(fit_temperature(gold[:0], apart[:0]))


def test_entropy_is_scipys_in_bits() -> None:
    chances = np.random.default_rng(3).random((50, 4))
    expected = entropy(np.stack([chances, 1 - chances]), base=2, axis=0).mean()
    assert mean_entropy(chances) == pytest.approx(expected, abs=1e-12)
    assert mean_entropy(np.array([[0.0, 1.0]])) == pytest.approx(0.0, abs=1e-15)
    assert mean_entropy(np.array([[0.5]])) == 1.0
    assert np.isnan(mean_entropy(chances[:0]))
