"""What every task kind brings to training, and how one is made of its card."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bakeoff.catalog import registry


class TaskKind(Protocol):
    """The task kind's part in training."""

    @property
    def outputs(self) -> int:
        """Width of the head."""

    def targets(self, gold: NDArray[Any]) -> NDArray[np.float32]:
        """What the loss compares with, [N, L], of the gold [N, L]; negative where nobody decided."""

    def score(self, logits: NDArray[np.float32], gold: NDArray[Any]) -> dict[str, float]:
        """Scores of the outputs [N, L] on validation examples; the task's metric is among them."""


def make_task(kind: str, labels: tuple[str, ...], metric: str) -> TaskKind:
    """The part of a task's kind.

    Args:
        kind: name of the kind in the catalog.
        labels: label names, L of them.
        metric: the metric that chooses the checkpoint.

    Returns:
        The kind's part.
    """
    made: TaskKind = registry.task(kind).load()(labels, metric)
    return made
