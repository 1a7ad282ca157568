"""Attention over packed tokens, hooked in by transformers' `AttentionInterface`.

The model is called with `[1, T]` tokens of many rows and a `packing` keyword, which its layers hand on to the attention
function. No mask is made by transformers: it follows from the groups of the packing, and from what the layer says of itself.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface

from bakeoff.training.dropout import dropout as drop
from bakeoff.training.packing import Group, Packing

NAME = "bakeoff_packed"
FAR = -1e9
"""Added to a score that does not count: finite, so that a row of nothing else has a softmax."""


class _Pad(torch.autograd.Function):
    """Copy tokens [t, w] into [n · l, w]: both ways only what is read is chosen, never where to write.

    Behind a row stands its last token again: no score of it counts, so what comes back for it is 0 and is left out. Writing to
    places instead, which `index_copy_` does, sorts them first where a GPU has to be deterministic.
    """

    @staticmethod
    def forward(ctx: Any, tokens: Tensor, slots: Tensor, sources: Tensor) -> Tensor:
        ctx.save_for_backward(slots)
        return tokens.index_select(0, sources)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (slots,) = ctx.saved_tensors
        return gradients[0].index_select(0, slots), None, None


class _Unpad(torch.autograd.Function):
    """Copy the slots of [n · l, w] back into tokens [t, w]; going backward, places behind a row get 0."""

    @staticmethod
    def forward(ctx: Any, padded: Tensor, slots: Tensor, sources: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(sources, bias)
        return padded.index_select(0, slots)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        sources, bias = ctx.saved_tensors
        padded = gradients[0].index_select(0, sources)
        return padded.masked_fill_(bias.view(-1, 1, 1) != 0, 0.0), None, None, None


def rows_of(tokens: Tensor, group: Group) -> Tensor:
    """The tokens of a group as padded rows.

    Args:
        tokens: [t, H, D].
        group: where they belong.

    Returns:
        [n, H, l, D]; where a row is padded, its last token.
    """
    if group.slots is not None:
        tokens = _Pad.apply(tokens, group.slots, group.sources)  # type: ignore[no-untyped-call]
    return tokens.view(group.rows, group.length, *tokens.shape[1:]).transpose(1, 2)


def tokens_of(rows: Tensor, group: Group) -> Tensor:
    """The tokens of padded rows, one after another.

    Args:
        rows: [n, H, l, D].
        group: where they belong.

    Returns:
        [t, H, D].
    """
    flat = rows.transpose(1, 2).reshape(group.rows * group.length, rows.shape[1], rows.shape[3])
    if group.slots is None:
        return flat
    tokens: Tensor = _Unpad.apply(flat, group.slots, group.sources, group.bias)  # type: ignore[no-untyped-call]
    return tokens


def mask_of(group: Group, causal: bool, window: int | None, device: torch.device) -> Tensor | None:
    """What a token of a group may not look at.

    Args:
        group: the group.
        causal: whether it may not look at tokens behind it.
        window: a token at that distance, or farther, is too far; None for none.
        device: where the mask shall be.

    Returns:
        To be added to scores, [n or 1, 1, l or 1, l] float32; None if nothing is hidden. Where all is hidden from a padded
        token, all is evenly far: its vector is of no use, but a number.
    """
    narrow = window is not None and window < group.length
    if not causal and not narrow:
        return group.bias
    place = torch.arange(group.length, device=device)
    before = place[:, None] - place[None, :]
    allowed = before >= 0 if causal else torch.ones_like(before, dtype=torch.bool)
    if window is not None and narrow:
        allowed = allowed & (before.abs() < window)
    # a padded key stands behind all real ones, where a causal mask hides it already
    real = group.bias == 0 if group.bias is not None and not causal else torch.ones(1, 1, 1, 1, dtype=torch.bool, device=device)
    return torch.where(allowed & real, 0.0, FAR)


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
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,  # noqa: ARG001
    scaling: float | None = None,
    dropout: float = 0.0,
    packing: Packing | None = None,
    sliding_window: int | None = None,
    **unused: Any,  # noqa: ARG001
) -> tuple[Tensor, None]:
    """Attention for `AttentionInterface`: each token attends to the real tokens of its own row.

    Args:
        module: the attention layer; `is_causal` says whether tokens look back alone.
        query: [1, H, T, D].
        key: [1, H or a divisor of it, T, D]: several heads of queries may share one of keys.
        value: as the key.
        attention_mask: always None: the packing carries the mask.
        scaling: factor of the scores; None means 1 / √D.
        dropout: probability on the attention weights.
        packing: the batch's layout.
        sliding_window: the distance from which on a token is too far to be seen; None for none.
        **unused: what transformers hands on besides.

    Returns:
        [1, T, H, D], and None in the place of attention weights.

    Raises:
        ValueError: if no packing was handed down.
    """
    if packing is None:
        raise ValueError("packed attention needs a packing")
    factor = query.shape[-1] ** -0.5 if scaling is None else scaling
    shared = query.shape[1] // key.shape[1]
    if shared > 1:
        key, value = key.repeat_interleave(shared, dim=1), value.repeat_interleave(shared, dim=1)
    # rotating positions are float32, and so are queries and keys that they turned: autocast would convert these as well
    query, key = query.to(value.dtype), key.to(value.dtype)
    causal = bool(getattr(module, "is_causal", False))
    flat = [part[0].transpose(0, 1) for part in (query, key, value)]
    parts = []
    for group in packing.groups:
        first, last = group.tokens
        queries, keys, values = (rows_of(part[first:last], group) for part in flat)
        mask = mask_of(group, causal, sliding_window, query.device)
        # what comes in has the precision of the recipe already; autocast would only convert there and back
        with torch.autocast(query.device.type, enabled=False):
            attended = _attend(queries, keys, values, mask, factor, dropout)
        parts.append(tokens_of(attended, group))
    if packing.filling:
        parts.append(parts[0].new_zeros((packing.filling, *parts[0].shape[1:])))
    return torch.cat(parts).unsqueeze(0), None


AttentionInterface.register(NAME, packed_attention)
