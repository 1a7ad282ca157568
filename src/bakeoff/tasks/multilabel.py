"""Multi-label classification: any number of labels for a text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.metrics.multilabel import validation_scores


@dataclass(frozen=True)
class Multilabel:
    """The task kind's part in training.

    Attributes:
        labels: label names, L of them.
        metric: the metric that chooses the checkpoint, `@threshold` included if one is fixed.
    """

    labels: tuple[str, ...]
    metric: str

    @property
    def outputs(self) -> int:
        """Width of the head: one logit a label."""
        return len(self.labels)

    def targets(self, gold: NDArray[Any]) -> NDArray[np.float32]:
        """What the loss compares with.

        Args:
            gold: [N, L] 0 or 1, -1 where nobody decided.

        Returns:
            [N, L] float32.
        """
        return gold.astype(np.float32)

    def score(self, logits: NDArray[np.float32], gold: NDArray[Any]) -> dict[str, float]:
        """Scores on validation examples; the threshold is tuned on these very examples.

        Args:
            logits: [N, L].
            gold: [N, L], -1 where nobody decided.

        Returns:
            The task's metric and its like, with `threshold`.
        """
        return validation_scores(gold, logits, self.metric)
