"""One vector a row from the vectors of its tokens."""

from __future__ import annotations

import torch
from torch import Tensor

from bakeoff.records.specs import Pooling


def pool_packed(hidden: Tensor, starts: Tensor, lengths: Tensor, rows: Tensor, pooling: Pooling) -> Tensor:
    """Pool packed tokens.

    Args:
        hidden: [T, D].
        starts: first token of each row, [B].
        lengths: tokens of each row, [B].
        rows: row of each token, [T].
        pooling: first token (the pooler takes it from there), mean over the row's tokens, or last token.

    Returns:
        [B, D], float32 for the mean.
    """
    if pooling in ("first", "pooler"):
        return hidden.index_select(0, starts)
    if pooling == "last":
        return hidden.index_select(0, starts + lengths - 1)
    # a [B, T] matrix of 0 and 1: its product is deterministic, unlike an atomic scatter on a GPU
    members = (rows[None, :] == torch.arange(len(lengths), device=rows.device)[:, None]).to(torch.float32)
    with torch.autocast(hidden.device.type, enabled=False):
        return torch.matmul(members, hidden.float()) / lengths[:, None]


def pool_padded(hidden: Tensor, mask: Tensor, pooling: Pooling) -> Tensor:
    """Pool right-padded rows.

    Args:
        hidden: [B, T, D].
        mask: 1 for a real token, [B, T].
        pooling: as for `pool_packed`.

    Returns:
        [B, D], float32 for the mean.
    """
    if pooling in ("first", "pooler"):
        return hidden[:, 0]
    lengths = mask.sum(dim=1)
    if pooling == "last":
        return hidden[torch.arange(len(hidden), device=hidden.device), lengths - 1]
    return (hidden.float() * mask[:, :, None]).sum(dim=1) / lengths[:, None]
