"""Single-label classification: one of several labels for a text, or for a pair of texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.catalog import registry
from bakeoff.metrics.counts import evaluate
from bakeoff.metrics.single import choose, cross_entropy, only_known


@dataclass(frozen=True)
class SingleLabel:
    """The task kind's part in training.

    Attributes:
        labels: label names, L of them.
        metric: the metric that chooses the checkpoint.
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
            gold: [N, L], one 1 a row, -1 where nobody decided.

        Returns:
            [N, L] float32.
        """
        return gold.astype(np.float32)

    def score(self, logits: NDArray[np.float32], gold: NDArray[Any]) -> dict[str, float]:
        """Scores on validation examples; each gets the label with the highest output.

        Args:
            logits: [N, L].
            gold: [N, L], one 1 a row, -1 where nobody decided.

        Returns:
            Every metric that fits the kind, and `loss` (cross-entropy); all nan if an output is not finite.
        """
        names = dict.fromkeys((self.metric, *registry.metrics_of("single-label")))
        if not np.isfinite(logits).all():
            return {**dict.fromkeys(names, float("nan")), "loss": float("nan")}
        decided = choose(only_known(gold, logits))
        return {
            **{name: evaluate(registry.metric(name).load(), gold, decided) for name in names},
            "loss": cross_entropy(gold, logits),
        }
