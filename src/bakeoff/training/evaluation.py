"""Raw outputs of a model on a split."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from bakeoff.tasks.tokens import TokenStore
from bakeoff.training.batches import USUAL_TOKENS, evaluation_batches
from bakeoff.training.classifier import Classifier
from bakeoff.training.progress import Preempted, Progress
from bakeoff.training.ranks import Ranks


def shared_outputs(
    ranks: Ranks, outputs: Callable[[NDArray[np.int64]], NDArray[np.float32]], rows: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Outputs of many rows, of which each of a trial's processes computes a share.

    Args:
        ranks: the processes.
        outputs: gives the logits of some rows, [n, L].
        rows: row numbers, [N].

    Returns:
        Logits of all of them, in the order of `rows` and the same bits in every process, [N, L].

    Raises:
        Preempted: if any of the processes was asked to stop: all stop here.
    """
    if ranks.count == 1:
        return outputs(rows)
    own = None
    with contextlib.suppress(Preempted):
        own = outputs(rows[ranks.rank :: ranks.count])
    if ranks.agree(own is None) or own is None:
        raise Preempted
    logits = np.zeros((len(rows), *own.shape[1:]), dtype=np.float32)
    logits[ranks.rank :: ranks.count] = own
    return ranks.merge(logits)


def outputs_of(
    model: Classifier,
    autocast: object,
    store: TokenStore,
    split: str,
    rows: NDArray[np.int64],
    progress: Progress,
    budget: int = USUAL_TOKENS,
) -> NDArray[np.float32]:
    """Run the model in evaluation mode over rows of similar length at a time.

    Args:
        model: the classifier; its mode is restored.
        autocast: a callable that gives the precision's context.
        store: the token store.
        split: the split.
        rows: row numbers, [N].
        progress: asked between batches whether to stop.
        budget: rows times longest row of a pass at most; it changes outputs by rounding alone.

    Returns:
        Logits in the order of `rows`, [N, L] float32; of a model that points at tokens [N, 2, T], -inf behind a row's last.
    """
    was_training = model.training
    model.eval()
    place = np.empty(int(rows.max()) + 1 if len(rows) else 0, dtype=np.int64)
    place[rows] = np.arange(len(rows))
    # of the whole split, so that all processes that share the work agree
    longest = int(store.lengths(split, np.arange(store.sizes[split])).max(initial=0))
    logits = np.full((len(rows), *model.shape(longest)), -np.inf, dtype=np.float32)
    with torch.no_grad():
        for batch in evaluation_batches(store, split, rows, budget):
            progress.check()
            with autocast():  # type: ignore[operator]
                values = model(batch)
            logits[place[batch.rows], ..., : values.shape[-1]] = values.float().cpu().numpy()
    model.train(was_training)
    return logits
