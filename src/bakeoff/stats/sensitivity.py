"""How much of a score hangs on which validation examples the thresholds were tuned on.

The thresholds are part of a trial: its statement is "given this validation data". As a sensitivity, a tenth of the
validation examples is left out ten times, the thresholds are tuned again each time, and the test set is scored with them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.metrics.sorting import Sorted, sort
from bakeoff.metrics.thresholds import decide
from bakeoff.stats.estimates import Part, contrast
from bakeoff.stats.grouping import draw_groups
from bakeoff.stats.replicates import Metric, Replicates

VALIDATION_GROUPS = 10
Outputs = tuple[NDArray[Any], NDArray[Any]]
"""Gold, [N, L], and probabilities of each seed's trial, [S, N, L]."""


def validation_replicates(
    seeds: Sequence[int],
    tune: Callable[[Sorted], float],
    metric: Metric,
    validation: Outputs,
    test: Outputs,
    groups: int = VALIDATION_GROUPS,
) -> Replicates:
    """The test score of each seed's trial when part of the validation examples had not been there.

    Args:
        seeds: the seeds.
        tune: sorted outputs -> the threshold for all labels.
        metric: (gold, decisions) -> score.
        validation: what thresholds are tuned on.
        test: what is scored, whole.
        groups: parts that are left out in turn.

    Returns:
        Replicates whose groups are of validation examples, not of test examples.
    """
    shared = draw_groups(len(validation[0]), count=groups)

    def scores(seed: int) -> list[float]:
        everything = sort(validation[0], validation[1][seed])  # once: a part needs no sorting again
        parts = [everything, *(everything.part(shared.of_example != group) for group in range(shared.count))]
        return [float(metric(test[0], decide(test[1][seed], tune(part)))) for part in parts]

    found = np.array([scores(seed) for seed in range(len(seeds))])
    return Replicates(tuple(seeds), found[:, 0], found[:, 1:], shared.sizes)


def validation_part(a: Replicates, b: Replicates | None = None, weights: tuple[float, float] = (1.0, -1.0)) -> Part:
    """The variance of a contrast that comes from the choice of validation examples.

    **When it misleads**: a tuned threshold jumps rather than drifts, and a jackknife of few groups is rough about jumps; read
    it as an order of magnitude.

    Args:
        a: of `validation_replicates`.
        b: of another recipe on the same validation examples; None for a contrast of one recipe.
        weights: as for `contrast`.

    Returns:
        A part for `Estimate.with_part`, with one degree of freedom fewer than groups.
    """
    examples = contrast(a, b, weights).part("examples")
    if examples is None:
        raise ValueError("the replicates have no groups of validation examples")
    return Part("validation", examples.variance, examples.df)
