"""Whether a difference in a macro average hangs on one label.

A label with a handful of positives counts as much in a macro average as one with thousands. Where the whole difference
comes from such a label, intervals are too narrow: in up to a tenth of all cases at ten seeds (docs/statistics.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.stats.replicates import Replicates

FEW_POSITIVES = 10
LARGE_SHARE = 0.5


@dataclass(frozen=True)
class Concentration:
    """How much of a difference lies in one label.

    Attributes:
        label: index of the label with the largest difference.
        share: its part of the sum of all labels' absolute differences, 0 to 1; 0 without any difference.
        positives: test examples that bear it.
    """

    label: int
    share: float
    positives: int

    @property
    def is_doubtful(self) -> bool:
        """Whether the difference hangs on a label with few positives: its interval is not to be trusted."""
        return self.share >= LARGE_SHARE and self.positives < FEW_POSITIVES


def concentration(a: Sequence[Replicates], b: Sequence[Replicates], positives: NDArray[Any]) -> Concentration:
    """Find the label that most of a difference comes from.

    Args:
        a: of `label_replicates`, for one recipe.
        b: the same for another.
        positives: test examples that bear each label, [L].

    Returns:
        The label. Worked number: differences of 0.06, −0.01 and 0.01 in three labels: the first, with share 0.75.
    """
    gaps = np.abs([one.mean - other.mean for one, other in zip(a, b, strict=True)])
    total = float(gaps.sum())
    label = int(np.argmax(gaps))
    return Concentration(label, float(gaps[label] / total) if total > 0 else 0.0, int(positives[label]))
