"""Attention over packed tokens, hooked in by transformers' `AttentionInterface`.

The model is called with `[1, T]` tokens of many rows and a `packing` keyword, which its layers hand on to the attention
function. No mask is made by transformers: the groups of the packing carry it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface

from bakeoff.training.dropout import dropout as drop
from bakeoff.training.packing import Group, Packing

NAME = "bakeoff_packed"


class _Pad(torch.autograd.Function):
    """Copy tokens [t, w] into their slots of [n · l, w]; a pure copy both ways, so it is deterministic."""

    @staticmethod
    def forward(ctx: Any, tokens: Tensor, slots: Tensor, size: int) -> Tensor:
        ctx.save_for_backward(slots)
        padded = tokens.new_zeros((size, *tokens.shape[1:]))
        return padded.index_copy_(0, slots, tokens)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (slots,) = ctx.saved_tensors
        return gradients[0].index_select(0, slots), None, None


class _Unpad(torch.autograd.Function):
    """Copy the slots of [n · l, w] back into tokens [t, w]."""

    @staticmethod
    def forward(ctx: Any, padded: Tensor, slots: Tensor) -> Tensor:
        ctx.save_for_backward(slots)
        ctx.size = padded.shape[0]
        return padded.index_select(0, slots)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (slots,) = ctx.saved_tensors
        padded = gradients[0].new_zeros((ctx.size, *gradients[0].shape[1:]))
        return padded.index_copy_(0, slots, gradients[0]), None


def _to_rows(tokens: Tensor, group: Group) -> Tensor:
    """[t, H, D] to [n, H, l, D]."""
    if group.slots is not None:
        tokens = _Pad.apply(tokens, group.slots, group.rows * group.length)  # type: ignore[no-untyped-call]
    return tokens.view(group.rows, group.length, *tokens.shape[1:]).transpose(1, 2)


def _to_tokens(rows: Tensor, group: Group) -> Tensor:
    """[n, H, l, D] to [t, H, D]."""
    flat = rows.transpose(1, 2).reshape(group.rows * group.length, rows.shape[1], rows.shape[3])
    if group.slots is None:
        return flat
    tokens: Tensor = _Unpad.apply(flat, group.slots)  # type: ignore[no-untyped-call]
    return tokens


def _attend(query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None, scaling: float, dropout: float) -> Tensor:
    """Scaled dot-product attention on [n, H, l, D]; with dropout on a CPU the mask is the cheap one."""
    if bias is not None:
        bias = bias.to(query.dtype)
    if dropout == 0.0 or query.device.type != "cpu":
        return nn.functional.scaled_dot_product_attention(query, key, value, bias, dropout, scale=scaling)
    scores = torch.matmul(query * scaling, key.transpose(2, 3))
    if bias is not None:
        scores = scores.add_(bias)
    # softmax sums in float32 whatever it is given, and rounds once
    return torch.matmul(drop(torch.softmax(scores, dim=-1), dropout, True), value)


def packed_attention(
    module: nn.Module,  # noqa: ARG001
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,  # noqa: ARG001
    scaling: float | None = None,
    dropout: float = 0.0,
    packing: Packing | None = None,
    **unused: Any,  # noqa: ARG001
) -> tuple[Tensor, None]:
    """Attention for `AttentionInterface`: each token attends to the real tokens of its own row.

    Args:
        module: the attention layer (not used).
        query: [1, H, T, D].
        key: [1, H, T, D].
        value: [1, H, T, D].
        attention_mask: always None: the packing carries the mask.
        scaling: factor of the scores; None means 1 / √D.
        dropout: probability on the attention weights.
        packing: the batch's layout.
        **unused: what transformers hands on besides.

    Returns:
        [1, T, H, D], and None in the place of attention weights.

    Raises:
        ValueError: if no packing was handed down.
    """
    if packing is None:
        raise ValueError("packed attention needs a packing")
    factor = query.shape[-1] ** -0.5 if scaling is None else scaling
    flat = [part[0].transpose(0, 1) for part in (query, key, value)]
    parts = []
    for group in packing.groups:
        first, last = group.tokens
        queries, keys, values = (_to_rows(part[first:last], group) for part in flat)
        # what comes in has the precision of the recipe already; autocast would only convert there and back
        with torch.autocast(query.device.type, enabled=False):
            attended = _attend(queries, keys, values, group.bias, factor, dropout)
        parts.append(_to_tokens(attended, group))
    if packing.filling:
        parts.append(parts[0].new_zeros((packing.filling, *parts[0].shape[1:])))
    return torch.cat(parts).unsqueeze(0), None


AttentionInterface.register(NAME, packed_attention)
