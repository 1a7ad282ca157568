"""A backbone that points into its text: two logits a token, for the start and the end of an answer."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import log_softmax

from bakeoff.catalog.loss_settings import CrossEntropySettings
from bakeoff.errors import ModelError
from bakeoff.losses.base import Loss, widen
from bakeoff.records.specs import Component
from bakeoff.training.batches import Batch
from bakeoff.training.body import Body
from bakeoff.training.classifier import Classifier

ENDS = 2


class SpanFinder(Classifier):
    """One linear layer on the vector of each token, as the library's models for questions have it.

    Args:
        backbone: the pretrained model, or the features of tokens that one left; pooling is not used.
        seed: the trial's seed; it governs the head's start.
    """

    def __init__(self, backbone: Body, seed: int) -> None:
        super().__init__(backbone, ENDS, seed, dropout=0.0)

    def shape(self, longest: int) -> tuple[int, ...]:
        """Shape of a row's logits.

        Args:
            longest: tokens of the longest row.

        Returns:
            Start and end, and a place for each token.
        """
        return (ENDS, longest)

    def forward(self, batch: Batch) -> Tensor:
        """Logits of a batch.

        Args:
            batch: rows in ascending order of length.

        Returns:
            [B, 2, T] float32, in the batch's order; -inf behind a row's last token.
        """
        tokens = self.backbone.tokens(batch).float()
        # in float32 under any precision, as a classifier's
        with torch.autocast(tokens.device.type, enabled=False):
            values = self.head(tokens)
        lengths = torch.from_numpy(batch.lengths).to(tokens.device)
        real = torch.arange(int(batch.lengths[-1]), device=tokens.device) < lengths[:, None]
        logits: Tensor = values.new_full((*real.shape, ENDS), -torch.inf)
        return logits.masked_scatter(real[:, :, None], values).transpose(1, 2)


class SpanLoss(Loss):
    """Cross-entropy over the tokens of a window, for the start and for the end of an answer.

    Args:
        settings: smoothing; weights of labels have no meaning here.

    Raises:
        ModelError: if labels are weighted.
    """

    def __init__(self, settings: CrossEntropySettings) -> None:
        super().__init__()
        if settings.class_weights != "none":
            raise ModelError("tokens have no class weights", "loss.class_weights", "class_weights: none")
        self.label_smoothing = settings.label_smoothing

    def forward(self, logits: Tensor, targets: Tensor, progress: float) -> Tensor:  # noqa: ARG002  (the same at all times)
        """Value of each start and each end.

        Args:
            logits: [B, 2, T], -inf behind a window's last token.
            targets: first and last token of the answer, [B, 2] int64.
            progress: not used.

        Returns:
            [B, 2].
        """
        given = log_softmax(widen(logits), dim=2)
        values = -given.gather(2, targets[:, :, None])[:, :, 0]
        if not self.label_smoothing:
            return values
        real = ~torch.isneginf(logits)
        spread = -given.masked_fill(~real, 0.0).sum(dim=2) / real.sum(dim=2)
        return (1 - self.label_smoothing) * values + self.label_smoothing * spread


def span_loss(component: Component) -> SpanLoss:
    """The loss of a recipe for questions.

    Args:
        component: its name and settings.

    Returns:
        (logits [B, 2, T], targets [B, 2], progress) to values [B, 2].
    """
    return SpanLoss(CrossEntropySettings.model_validate(component.settings))
