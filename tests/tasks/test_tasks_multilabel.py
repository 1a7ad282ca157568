"""The task kind hands the loop what it needs."""

from __future__ import annotations

import numpy as np
import pytest

from bakeoff.tasks.multilabel import Multilabel


def test_targets_and_scores() -> None:
    task = Multilabel(("a", "b"), "f1_macro@0.25")
    gold = np.array([[1, 0], [0, 1], [1, 1], [0, 0]], dtype=np.uint8)
    targets = task.targets(gold)
    assert task.outputs == 2
    assert targets.dtype == np.float32
    assert targets.tolist() == gold.tolist()
    scores = task.score(np.where(gold == 1, 3.0, -3.0).astype(np.float32), gold)
    assert scores["f1_macro@0.25"] == scores["f1_macro"] == 1.0
    assert 0 < scores["threshold"] < 1
    assert scores["loss"] == pytest.approx(np.log1p(np.exp(-3.0)))
