"""Cards of the losses."""

from __future__ import annotations

from bakeoff.catalog.cards import LossCard

LOSSES = (
    LossCard(
        name="bce",
        summary="binary cross-entropy on each label",
        source="the mean of -y log p - (1 - y) log(1 - p), in the stable log-sigmoid form",
        path="bakeoff.losses.bce:bce",
    ),
)
