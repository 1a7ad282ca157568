"""A token table whose gradient is touched only where tokens are.

A batch of some hundred tokens reads some hundred of 30,000 rows, yet autograd makes, zeroes and adds a dense gradient of the
whole table in every pass. Here the backward pass adds into one standing gradient buffer, and clearing, norm and clipping visit
only the rows that were read. The numbers are the same.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class _Look(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, ids: Tensor, weight: Tensor, table: TokenTable) -> Tensor:
        ctx.save_for_backward(ids)
        ctx.table = table
        return weight.index_select(0, ids.reshape(-1)).view(*ids.shape, weight.shape[1])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, None, None]:
        (ids,) = ctx.saved_tensors
        ctx.table.collect(ids.reshape(-1), gradients[0].reshape(-1, gradients[0].shape[-1]))
        return None, None, None


class TokenTable(nn.Embedding):
    """`torch.nn.Embedding` with a standing gradient.

    Attributes:
        touched: ids read since the gradient was last cleared, one tensor a backward pass.
    """

    touched: list[Tensor]

    @staticmethod
    def adopt(embedding: nn.Embedding) -> TokenTable:
        """Turn an embedding into a token table; its weight stays the same tensor.

        Args:
            embedding: the embedding, changed in place.

        Returns:
            The same object.
        """
        embedding.__class__ = TokenTable
        assert isinstance(embedding, TokenTable)
        embedding.touched = []
        return embedding

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  (torch's own name)
        """Look tokens up.

        Args:
            input: ids, any shape, int64.

        Returns:
            The shape with the table's width appended.
        """
        if not (torch.is_grad_enabled() and self.weight.requires_grad):
            return super().forward(input)
        found: Tensor = _Look.apply(input, self.weight, self)  # type: ignore[no-untyped-call]
        return found

    def collect(self, ids: Tensor, gradient: Tensor) -> None:
        """Add the gradient of one backward pass.

        Args:
            ids: tokens, [T]; the padding token's row gets no gradient, as in torch.
            gradient: of their vectors, [T, D].
        """
        if self.weight.grad is None:
            self.weight.grad = torch.zeros_like(self.weight)
        if self.padding_idx is not None:
            gradient = gradient * (ids != self.padding_idx)[:, None]
        self.weight.grad.index_add_(0, ids, gradient.to(self.weight.dtype))
        self.touched.append(ids)

    def rows(self) -> Tensor:
        """Which rows may have a gradient.

        Returns:
            Distinct ids, ascending.
        """
        if not self.touched:
            return torch.zeros(0, dtype=torch.int64, device=self.weight.device)
        distinct: Tensor = torch.unique(torch.cat(self.touched))
        return distinct

    def clear(self) -> None:
        """Zero the gradient where it was touched."""
        if self.weight.grad is not None:
            for ids in self.touched:
                self.weight.grad.index_fill_(0, ids, 0.0)
        self.touched = []
