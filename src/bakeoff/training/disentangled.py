"""DeBERTa-v2's attention over packed or padded rows, with the table of relative positions cut to those that rows can have.

The library's layer projects every row of the table, 512 of them, and repeats them over the batch, although a row of l tokens
has but 2l - 1 relative positions. Here the table is cut first, and what is gathered there is read by a view. Each row's result
is the same up to the rounding of floating-point sums.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers.models.deberta_v2.modeling_deberta_v2 import (
    DebertaV2Encoder,
    DisentangledSelfAttention,
    make_log_bucket_position,
)

from bakeoff.training.attention import rows_of, tokens_of
from bakeoff.training.packing import Group, Packing


@dataclass
class Layout:
    """Where the rows of the batch are that the layers run on: the library hands them no word of ours.

    Attributes:
        packing: of a packed batch; None for a padded one.
    """

    packing: Packing | None = None


@functools.lru_cache(maxsize=1024)
def positions_read(length: int, span: int, buckets: int, most: int) -> tuple[int, int, Tensor | None]:
    """Which rows of the table of relative positions a row of tokens reads.

    Args:
        length: tokens of the row, l.
        span: half of the table's rows.
        buckets: how many positions are told apart, farther ones by the logarithm of their distance; 0 or less for all.
        most: the largest distance that is told apart.

    Returns:
        The first and behind the last row; and, where the distances from 1 - l to l - 1 are not just these rows in their order,
        which of them each distance reads, [2l - 1] int64.
    """
    distances = torch.arange(1 - length, length)
    told = make_log_bucket_position(distances, buckets, most) if buckets > 0 and most > 0 else distances
    index = torch.clamp(told.to(torch.int64) + span, 0, 2 * span - 1)
    first, last = int(index[0]), int(index[-1]) + 1
    return first, last, None if last - first == len(index) else index - first


def skewed(scores: Tensor) -> Tensor:
    """Of scores by distance, those of each pair of places.

    Args:
        scores: of each place i with each distance m - (l - 1), [..., l, 2l - 1].

    Returns:
        At i, j the score of i with the distance j - i, [..., l, l]; a view.
    """
    length = scores.shape[-2]
    if length == 1:
        return scores
    # behind one another, the score that belongs to (i, j) stands at i · (2l - 2) + j + l - 1
    flat = scores.reshape(*scores.shape[:-2], -1).narrow(-1, length - 1, length * (2 * length - 2))
    return flat.view(*scores.shape[:-2], length, 2 * length - 2)[..., :length]


class Disentangled(DisentangledSelfAttention):  # type: ignore[misc]
    """The library's attention layer with a forward pass of its own; the weights are the same.

    Attributes:
        layout: what is told of the batch beside tensors.
    """

    layout: Layout

    def forward(
        self,
        hidden_states: Tensor,
        attention_mask: Tensor,
        output_attentions: bool = False,  # noqa: ARG002  (the library's signature)
        query_states: Tensor | None = None,
        relative_pos: Tensor | None = None,  # noqa: ARG002
        rel_embeddings: Tensor | None = None,
    ) -> tuple[Tensor, None]:
        """Attend.

        Args:
            hidden_states: [1, T, D] packed, or [B, L, D] padded on the right.
            attention_mask: of a padded batch: 1 for a real token, [B, L]; of a packed one not looked at.
            output_attentions: not given.
            query_states: where queries come from; None means from the same.
            relative_pos: not looked at: it follows from the rows' lengths.
            rel_embeddings: the table of relative positions, [2 · span, D].

        Returns:
            Vectors of the same shape, and None in the place of attention weights.
        """
        asking = hidden_states if query_states is None else query_states
        parts = [
            projection(states).unflatten(-1, (self.num_attention_heads, -1))
            for projection, states in (
                (self.query_proj, asking),
                (self.key_proj, hidden_states),
                (self.value_proj, hidden_states),
            )
        ]
        packing = self.layout.packing
        longest = hidden_states.shape[1] if packing is None else max(group.length for group in packing.groups)
        relative = self._relative(rel_embeddings, longest)
        if packing is None:
            bias = torch.where(attention_mask.bool(), 0.0, -math.inf)[:, None, None, :]
            query, key, value = (part.transpose(1, 2) for part in parts)
            rows = self._attend(query, key, value, bias, relative)
            return rows.transpose(1, 2).flatten(-2), None
        found = [self._group(group, [part[0] for part in parts], relative) for group in packing.groups]
        if packing.filling:
            found.append(found[0].new_zeros((packing.filling, *found[0].shape[1:])))
        return torch.cat(found).flatten(-2).unsqueeze(0), None

    def _group(self, group: Group, parts: list[Tensor], relative: list[Tensor | None]) -> Tensor:
        first, last = group.tokens
        query, key, value = (rows_of(part[first:last], group) for part in parts)
        return tokens_of(self._attend(query, key, value, group.bias, relative), group)

    def _relative(self, table: Tensor | None, longest: int) -> list[Tensor | None]:
        """Keys and queries of the distances from 1 - l to l - 1, each [H, d, 2l - 1] or None."""
        if table is None or not self.relative_attention:
            return [None, None]
        span = int(self.pos_ebd_size)
        first, last, index = positions_read(longest, span, int(self.position_buckets), int(self.max_relative_positions))
        read = self.pos_dropout(table[first:last])
        keys, queries = (
            (self.key_proj, self.query_proj)
            if self.share_att_key
            else (getattr(self, "pos_key_proj", None), getattr(self, "pos_query_proj", None))
        )
        found: list[Tensor | None] = []
        for kind, projection in (("c2p", keys), ("p2c", queries)):
            if kind not in self.pos_att_type or projection is None:
                found.append(None)
                continue
            vectors = projection(read)
            if index is not None:
                vectors = vectors.index_select(0, index.to(vectors.device))
            found.append(vectors.unflatten(-1, (self.num_attention_heads, -1)).permute(1, 2, 0))
        return found

    def _attend(self, query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None, relative: list[Tensor | None]) -> Tensor:
        """Vectors [n, H, l, d] of rows of up to l tokens."""
        length = query.shape[-2]
        # a shorter group reads the middle of the table that the longest one reads
        keys, queries = (
            None if part is None else part[..., (part.shape[-1] + 1) // 2 - length :][..., : 2 * length - 1]
            for part in relative
        )
        scores = torch.matmul(query, key.transpose(-1, -2))
        if keys is not None:  # a query at i and the distance i - j
            scores = scores + skewed(torch.matmul(query, keys.flip(-1)))
        if queries is not None:  # a key at j and the distance i - j
            scores = scores + skewed(torch.matmul(key, queries)).transpose(-1, -2)
        scores = scores / math.sqrt(query.shape[-1] * (1 + len({"c2p", "p2c"} & set(self.pos_att_type))))
        if bias is not None:
            scores = scores + bias.to(scores.dtype)
        vectors: Tensor = torch.matmul(self.dropout(torch.softmax(scores, dim=-1)), value)
        return vectors


class PlainEncoder(DebertaV2Encoder):  # type: ignore[misc]
    """The library's encoder, without masks and positions [L, L] that `Disentangled` does not need."""

    def get_attention_mask(self, attention_mask: Tensor) -> Tensor:
        """The mask as it is.

        Args:
            attention_mask: [B, L].

        Returns:
            The same.
        """
        return attention_mask

    def get_rel_pos(
        self, hidden_states: Tensor, query_states: Tensor | None = None, relative_pos: Tensor | None = None
    ) -> None:
        """Nothing: relative positions follow from the rows' lengths.

        Args:
            hidden_states: not looked at.
            query_states: not looked at.
            relative_pos: not looked at.
        """


def adopt(model: Any) -> Layout:
    """Let the layers of a DeBERTa-v2 run packed and on cut tables; their weights stay the same tensors.

    Args:
        model: a `DebertaV2Model`, changed in place.

    Returns:
        What tells its layers of a batch.
    """
    layout = Layout()
    model.encoder.__class__ = PlainEncoder
    for module in model.encoder.modules():
        if type(module) is DisentangledSelfAttention:
            module.__class__ = Disentangled
            assert isinstance(module, Disentangled)
            module.layout = layout
    return layout
