"""The learning rate as a pure function of the step."""

from __future__ import annotations

import math

from bakeoff.records.specs import Schedule


def rate_factor(step: int, total: int, warmup: float, schedule: Schedule) -> float:
    """Factor on the peak learning rate.

    Args:
        step: the step about to be made, from 0.
        total: number of steps of the training.
        warmup: share of the steps in which the factor rises linearly.
        schedule: `cosine` (half a wave down to 0), `linear` (down to 0), or `constant`.

    Returns:
        In [0, 1]; the first step has 1 / warm-up steps, not 0, so that no step is idle.
    """
    rising = math.ceil(warmup * total)
    if step < rising:
        return (step + 1) / rising
    if schedule == "constant":
        return 1.0
    progress = (step - rising) / max(1, total - rising)
    return 1.0 - progress if schedule == "linear" else 0.5 * (1.0 + math.cos(math.pi * progress))
