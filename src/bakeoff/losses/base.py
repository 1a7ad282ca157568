"""What a loss is: made of settings and facts of the training data, called with logits, targets and progress, never reduced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bakeoff.catalog import registry
from bakeoff.errors import CatalogError


@dataclass(frozen=True)
class LossFacts:
    """What a loss may know of the training examples.

    Attributes:
        positives: examples with each label, [L].
        examples: examples in all, N.
        annotated: examples in which each label was decided on, [L]; None if every label is in every example.
    """

    positives: Sequence[int]
    examples: int
    annotated: Sequence[int] | None = None

    @property
    def decided(self) -> NDArray[np.float64]:
        """Examples in which each label was decided on, [L], at least 1."""
        counts = [self.examples] * len(self.positives) if self.annotated is None else self.annotated
        return np.maximum(np.asarray(counts, dtype=np.float64), 1.0)

    @property
    def counts(self) -> NDArray[np.float64]:
        """Positives by label, [L], at least 1, so that a label that training never shows has a finite weight."""
        return np.maximum(np.asarray(self.positives, dtype=np.float64), 1.0)

    @property
    def negative_counts(self) -> NDArray[np.float64]:
        """Negatives by label, [L], at least 1."""
        return np.maximum(self.decided - np.asarray(self.positives, dtype=np.float64), 1.0)


class Loss(nn.Module):
    """A loss. The loop takes the mean over examples and labels, for every loss alike.

    A loss keeps to this: an example's values do not depend on the others of its batch; the gradient falls with the logit of a
    positive and rises with that of a negative; values and gradients are finite for every |logit| ≤ 1e4. Parameters that it
    registers are trained with the head's rate. What it derives from settings and facts it keeps in buffers that are not
    persistent.

    Attributes:
        by_row: whether a row's value is one for all its labels, so that each row counts alike however many of them are known.
    """

    by_row: bool = False

    if TYPE_CHECKING:

        def __call__(self, logits: Tensor, targets: Tensor, progress: float) -> Tensor: ...

    def forward(self, logits: Tensor, targets: Tensor, progress: float) -> Tensor:
        """Value of each decision.

        Args:
            logits: [B, L], any floating type.
            targets: [B, L] in [0, 1].
            progress: share of the training that is done, from 0 at the first step to 1 at the last.

        Returns:
            [B, L] float32 (float64 for float64 logits), not reduced.

        Raises:
            NotImplementedError: always: a loss defines its own.
        """
        raise NotImplementedError

    def of_known(self, logits: Tensor, targets: Tensor, known: Tensor, progress: float) -> Tensor:
        """Value of each decision where not every label was decided on; one that weighs labels against one another overrides it.

        Args:
            logits: [B, L]; far below all others where nobody decided.
            targets: [B, L] in [0, 1]; 0 where nobody decided.
            known: whether somebody decided, [B, L] bool.
            progress: share of the training that is done.

        Returns:
            [B, L]; what stands where nobody decided is not looked at.
        """
        del known
        return self(logits, targets, progress)

    def learned(self) -> dict[str, float]:
        """What training has made of the loss's own parameters.

        Returns:
            Numbers by name, for the result; empty for a loss that learns nothing.
        """
        return {}

    def keep(self, name: str, values: NDArray[np.float64]) -> None:
        """Keep constants where the module is moved to.

        Args:
            name: attribute under which they are found.
            values: the constants.
        """
        self.register_buffer(name, torch.from_numpy(values.astype(np.float32)), persistent=False)


def widen(logits: Tensor) -> Tensor:
    """Logits in the type that losses are computed in.

    Args:
        logits: any floating type.

    Returns:
        float32, or float64 as they are.
    """
    return logits if logits.dtype == torch.float64 else logits.float()


def make_loss(name: str, settings: dict[str, Any], facts: LossFacts) -> Loss:
    """The loss of a card, ready to be called.

    Args:
        name: name of the card.
        settings: its settings, as plain data.
        facts: of the training data.

    Returns:
        The loss on the CPU.

    Raises:
        CatalogError: if the card's code gives no loss.
    """
    card = registry.loss(name)
    made = card.load()(card.settings.model_validate(settings), facts)
    if not isinstance(made, Loss):
        where = f"the loss {name}, {card.path}"
        raise CatalogError("this makes no loss", where, "its function must return a bakeoff.losses.base.Loss")
    return made
