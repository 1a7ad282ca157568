"""The order of data and every random stream of a trial, as pure functions of the seed and a place in training.

Nothing here keeps a state: whoever resumes at step 812 needs only the number 812.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray


def derive(seed: int, *place: int | str) -> int:
    """A seed for one purpose at one place.

    Args:
        seed: the trial's seed.
        *place: what it is for, such as "order", 3.

    Returns:
        A number in [0, 2^63).
    """
    text = "\x1f".join(str(part) for part in (seed, *place))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


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
        order: the epoch's order, [N].
        position: step within the epoch, from 0.
        batch_size: examples a step; the last batch of an epoch may be smaller.

    Returns:
        Example numbers, [B].
    """
    return order[position * batch_size : (position + 1) * batch_size]
