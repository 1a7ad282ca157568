"""Multi-label classification: any number of labels for a text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.catalog import registry
from bakeoff.metrics.multilabel import OwnMetric, split_metric, validation_scores
from bakeoff.metrics.ranking import RANKED
from bakeoff.metrics.scores import SCORES


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
        return validation_scores(gold, logits, self.metric, self._own)

    @property
    def _own(self) -> OwnMetric | None:
        """The metric's code, if another package brings it."""
        card = registry.metric(split_metric(self.metric)[0])
        if card.name in SCORES or card.name in RANKED:
            return None
        return OwnMetric(card.load(), card.higher_is_better, card.thresholded)
