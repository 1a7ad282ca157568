"""Cross-entropy against torch's own and SciPy's, and the contract with one label a row."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.special import log_softmax, softmax

from bakeoff.errors import CatalogError
from bakeoff.losses.base import LossFacts, make_loss
from bakeoff.testing.losses import LossCase, check_loss

FACTS = LossFacts(positives=(70, 20, 0, 10), examples=100)
Floats = NDArray[np.float64]
WEIGHTS = {"none": [1, 1, 1, 1], "balanced": [100 / 280, 100 / 80, 25, 2.5], "given": [1, 2, 3, 4]}


@pytest.mark.parametrize("weighting", list(WEIGHTS))
def test_contract(weighting: str) -> None:
    weights = np.array(WEIGHTS[weighting], dtype=np.float64)

    def values(x: Floats, y: Floats, progress: float) -> Floats:
        row = -(weights * y * log_softmax(x, axis=1)).sum(axis=1, keepdims=True)
        return np.broadcast_to(row, x.shape)

    def gradient(x: Floats, y: Floats, progress: float) -> Floats:
        weighted = weights * y  # of the sum over a row's L equal values
        return x.shape[1] * (softmax(x, axis=1) * weighted.sum(axis=1, keepdims=True) - weighted)

    settings = {"class_weights": [1.0, 2.0, 3.0, 4.0] if weighting == "given" else weighting}
    check_loss(LossCase("cross-entropy", settings, FACTS, values, gradient))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_its_mean_is_torchs(smoothing: float) -> None:
    generator = torch.Generator().manual_seed(0)
    logits, classes = torch.randn((16, 4), generator=generator), torch.arange(16) % 4
    loss = make_loss("cross-entropy", {"label_smoothing": smoothing}, FACTS)
    expected = torch.nn.functional.cross_entropy(logits, classes, label_smoothing=smoothing)
    torch.testing.assert_close(loss(logits, torch.eye(4)[classes], 0.0).mean(), expected, rtol=1e-6, atol=1e-7)


def test_a_list_needs_one_weight_a_label() -> None:
    with pytest.raises(CatalogError, match="2 weights for 4 labels"):
        make_loss("cross-entropy", {"class_weights": [1.0, 2.0]}, FACTS)
