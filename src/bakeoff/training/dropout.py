"""Dropout whose mask is cheap on a CPU.

On a CPU torch draws a Bernoulli mask one number after another, which costs a small model more than its matrix products. Here
a mask comes from 16 random bits an element of a generator that is keyed anew for each micro-batch: the drop probability is
met to within 2^-17, draws are a pure function of the key, and on a GPU torch's own kernel is used.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

LEVELS = 1 << 16


class MaskSource:
    """Draws dropout masks for the CPU; its key is set before each micro-batch.

    Attributes:
        generator: the numpy generator in use.
    """

    def __init__(self) -> None:
        self.generator = np.random.Generator(np.random.SFC64(0))

    def reseed(self, *key: int) -> None:
        """Start a new stream: equal keys give equal masks.

        Args:
            *key: non-negative integers, such as seed, step and micro-batch.
        """
        self.generator = np.random.Generator(np.random.SFC64(list(key)))

    def keep(self, shape: torch.Size, probability: float) -> Tensor:
        """Draw a mask.

        Args:
            shape: its shape.
            probability: of dropping an element.

        Returns:
            1 where an element is kept and 0 elsewhere, uint8 of the shape.
        """
        count = shape.numel()
        words = self.generator.bit_generator.random_raw((count + 3) // 4).view(np.int16)[:count]
        # NumPy compares faster than torch here, and uint8 converts where bool is looked at one by one
        kept = np.greater_equal(words, round(probability * LEVELS) - LEVELS // 2)
        return torch.from_numpy(kept.view(np.uint8)).view(shape)

    @contextlib.contextmanager
    def remembering(self, states: list[Mapping[str, Any]]) -> Iterator[None]:
        """Note where the stream stands before what is drawn inside.

        Args:
            states: the state is appended to it.
        """
        states.append(self.generator.bit_generator.state)
        yield

    @contextlib.contextmanager
    def replaying(self, states: list[Mapping[str, Any]]) -> Iterator[None]:
        """Draw inside what was drawn when the state was noted; afterwards the stream goes on from where it is now.

        Args:
            states: what `remembering` was given.
        """
        now = self.generator.bit_generator.state
        self.generator.bit_generator.state = states[0]
        try:
            yield
        finally:  # torch leaves a recomputation by an exception when it has what it needs
            self.generator.bit_generator.state = now


MASKS = MaskSource()


def checkpoint_contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    """For `torch.utils.checkpoint`, which keeps torch's random state alone: the recomputation draws the same masks.

    Returns:
        Contexts of the forward pass and of its recomputation.
    """
    states: list[Mapping[str, Any]] = []
    return MASKS.remembering(states), MASKS.replaying(states)


class _Dropped(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, probability: float) -> Tensor:
        factor = MASKS.keep(values.shape, probability).to(values.dtype).mul_(1.0 / (1.0 - probability))
        ctx.save_for_backward(factor)
        return values * factor

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (factor,) = ctx.saved_tensors
        return gradients[0] * factor, None


def dropout(values: Tensor, probability: float, training: bool) -> Tensor:
    """Drop elements with a probability and scale the rest by 1 / (1 - probability).

    Args:
        values: any shape.
        probability: of dropping, in [0, 1).
        training: if False the values are returned as they are.

    Returns:
        The same shape.
    """
    if not training or probability == 0.0:
        return values
    if values.device.type != "cpu":
        return nn.functional.dropout(values, probability, True)
    result: Tensor = _Dropped.apply(values, probability)  # type: ignore[no-untyped-call]
    return result


class Dropout(nn.Dropout):
    """`torch.nn.Dropout` with the cheap mask."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  (torch's own name)
        """Apply dropout in training mode.

        Args:
            input: any shape.

        Returns:
            The same shape.
        """
        return dropout(input, self.p, self.training)


def replace_dropout(module: nn.Module, probability: float | None = None) -> int:
    """Put the cheap dropout in the place of every `torch.nn.Dropout` below a module.

    Args:
        module: changed in place.
        probability: a probability that overrides the modules' own; None keeps them.

    Returns:
        How many were replaced.
    """
    replaced = 0
    for name, child in module.named_children():
        if type(child) is nn.Dropout:
            setattr(module, name, Dropout(child.p if probability is None else probability))
            replaced += 1
        else:
            replaced += replace_dropout(child, probability)
    return replaced
