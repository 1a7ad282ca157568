"""What losses over positives and negatives share: class weights and label smoothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from bakeoff.catalog.loss_settings import ClassWeights, LabelWeights, WeightedSettings
from bakeoff.errors import CatalogError
from bakeoff.losses.base import Loss, LossFacts, widen


def effective_weights(counts: NDArray[np.float64], beta: float) -> NDArray[np.float64]:
    """Inverse effective numbers, (1 - beta) / (1 - beta^n): Cui et al. 2019, eq. 2.

    Args:
        counts: examples of each class, at least 1.
        beta: in [0, 1).

    Returns:
        Weights in the shape of `counts`, not normalised; all 1 for beta = 0.
    """
    if beta == 0:
        return np.ones_like(counts)
    # 1 - beta^n without cancellation for beta near 1
    return np.asarray((1 - beta) / -np.expm1(counts * np.log(beta)))


def class_weights(choice: ClassWeights, beta: float, facts: LossFacts) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights of the two classes, positive and negative, of each label.

    Args:
        choice: `none`; `balanced`, n / (2 · count) as scikit-learn's; `effective`, by effective number, the two of a label
            summing to 2; or the weights of positives, [L].
        beta: of the effective number.
        facts: counts by label.

    Returns:
        Weights of positives [L] and of negatives [L].

    Raises:
        CatalogError: if a list has another length than there are labels.
    """
    positive, negative = facts.counts, facts.negative_counts
    if choice == "none":
        return np.ones_like(positive), np.ones_like(negative)
    if choice == "balanced":
        return facts.decided / (2 * positive), facts.decided / (2 * negative)
    if choice == "effective":
        of_positives, of_negatives = effective_weights(positive, beta), effective_weights(negative, beta)
        half = (of_positives + of_negatives) / 2
        return of_positives / half, of_negatives / half
    return _given(choice, len(positive)), np.ones_like(negative)


def label_weights(choice: LabelWeights, facts: LossFacts) -> NDArray[np.float64]:
    """One weight a label, where each example has one label.

    Args:
        choice: `none`; `balanced`, n / (L · count) as scikit-learn's; or the weights, [L].
        facts: counts by label.

    Returns:
        Weights, [L].

    Raises:
        CatalogError: if a list has another length than there are labels.
    """
    counts = facts.counts
    if choice == "none":
        return np.ones_like(counts)
    if choice == "balanced":
        return np.asarray(facts.examples / (len(counts) * counts))
    return _given(choice, len(counts))


def _given(choice: Sequence[float], labels: int) -> NDArray[np.float64]:
    if len(choice) != labels:
        problem = f"class_weights has {len(choice)} weights for {labels} labels"
        raise CatalogError(problem, "settings of the loss", "give one weight a label, in the order of the labels")
    return np.asarray(choice, dtype=np.float64)


def smooth(targets: Tensor, share: float) -> Tensor:
    """Targets drawn towards one half.

    Args:
        targets: [B, L] in [0, 1].
        share: how far, in [0, 1).

    Returns:
        [B, L].
    """
    return targets * (1 - share) + share / 2 if share else targets


class TwoSided(Loss):
    """A loss y · w₊ · positive side + (1 - y) · w₋ · negative side, with class weights w and smoothed targets y.

    Args:
        settings: class weights and smoothing.
        facts: counts by label.
    """

    positive_weights: Tensor
    negative_weights: Tensor

    def __init__(self, settings: WeightedSettings, facts: LossFacts) -> None:
        super().__init__()
        self.label_smoothing = settings.label_smoothing
        positive, negative = class_weights(settings.class_weights, settings.class_weights_beta, facts)
        self.keep("positive_weights", positive)
        self.keep("negative_weights", negative)

    def sides(self, x: Tensor, progress: float) -> tuple[Tensor, Tensor]:
        """The loss of each decision if its target were 1, and if it were 0.

        Args:
            x: logits, [B, L] float32 or float64.
            progress: share of the training that is done.

        Returns:
            Two of [B, L].

        Raises:
            NotImplementedError: always: a loss defines its own.
        """
        raise NotImplementedError

    def forward(self, logits: Tensor, targets: Tensor, progress: float) -> Tensor:
        """See `Loss.forward`.

        Args:
            logits: [B, L].
            targets: [B, L] in [0, 1].
            progress: share of the training that is done.

        Returns:
            [B, L].
        """
        x = widen(logits)
        y = smooth(targets.to(x.dtype), self.label_smoothing)
        positive, negative = self.sides(x, progress)
        return y * self.positive_weights * positive + (1 - y) * self.negative_weights * negative
