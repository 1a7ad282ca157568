"""The sum of gradients over the processes that share a trial."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bakeoff.errors import CollectiveError
from bakeoff.training.embedding import TokenTable
from bakeoff.training.ranks import Ranks


class GradientSum:
    """Adds up the gradients of one step over the processes; afterwards all hold the same bits.

    It runs after the backward passes and not in hooks within them: the token table collects its gradient outside autograd,
    where no hook would see it. Of that table only the rows travel that the step reads, which every process knows by itself.

    Args:
        ranks: the processes.
        parameters: all that are trained, in the same order in every process.
        table: the token table; its weight may be one of them. None where no tokens are read.
        padding: the id that fills batches; its row is summed as well.
    """

    def __init__(self, ranks: Ranks, parameters: list[nn.Parameter], table: TokenTable | None, padding: int) -> None:
        self._ranks, self._padding = ranks, padding
        weight = None if table is None else table.weight
        self._parameters = [parameter for parameter in parameters if parameter is not weight]
        self._table = table if len(self._parameters) < len(parameters) else None
        self._used: list[bool] = []

    def reduce(self, value: Tensor, tokens: list[Tensor]) -> Tensor:
        """Sum all gradients in place.

        Args:
            value: this process's share of the step's loss, [].
            tokens: token ids of all micro-batches of the step, those of other processes included, on the CPU.

        Returns:
            The whole step's loss, [].
        """
        if self._ranks.count == 1:
            return value
        loss = value.reshape(1).to(torch.float32)
        gradients = self._gradients()
        if self._table is None:
            self._ranks.sum_([loss, *gradients])
            return loss[0]
        weight = self._table.weight
        if weight.grad is None:
            weight.grad = torch.zeros_like(weight)
        rows = self._rows(tokens).to(weight.device)
        read = weight.grad.index_select(0, rows)
        self._ranks.sum_([loss, *gradients, read])
        weight.grad.index_copy_(0, rows, read)
        self._table.touched = [rows]
        return loss[0]

    def _rows(self, tokens: list[Tensor]) -> Tensor:
        ids: NDArray[np.int64] = np.unique(np.concatenate([[self._padding], *(part.numpy() for part in tokens)]))
        return torch.from_numpy(ids)

    def _gradients(self) -> list[Tensor]:
        """The gradients that any process has; zeros where this one has none, as when it had no part of the step."""
        if not self._used:
            self._used = self._agree_on_used()
        gradients = []
        for parameter, used in zip(self._parameters, self._used, strict=True):
            if not used:
                if parameter.grad is not None:
                    raise CollectiveError("a weight that had no gradient in the first step has one now", "sum of gradients")
                continue
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            gradients.append(parameter.grad)
        return gradients

    def _agree_on_used(self) -> list[bool]:
        """Which parameters have a gradient in any process; a model's graph is the same in every step."""
        device = self._parameters[0].device
        found = torch.tensor([float(parameter.grad is not None) for parameter in self._parameters], device=device)
        self._ranks.sum_([found])
        return [count > 0 for count in found.tolist()]
