"""The order of data and every random stream of a trial, as pure functions of the seed and a place in training.

Nothing here keeps a state: whoever resumes at step 812 needs only the number 812.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bakeoff.records.seeds import derive


def epoch_order(seed: int, epoch: int, size: int) -> NDArray[np.int64]:
    """The order of the training examples in one epoch.

    Args:
        seed: the trial's seed.
        epoch: from 0.
        size: number of training examples N.

    Returns:
        A permutation of 0 … N - 1, [N].
    """
    return np.random.Generator(np.random.Philox(derive(seed, "order", epoch))).permutation(size)


def batch_of(order: NDArray[np.int64], position: int, batch_size: int) -> NDArray[np.int64]:
    """The examples of one step.

    Args:
        order: the epoch's order, [..., N].
        position: step within the epoch, from 0.
        batch_size: examples a step; the last batch of an epoch may be smaller.

    Returns:
        What stands at the step's places, [..., B].
    """
    return order[..., position * batch_size : (position + 1) * batch_size]
