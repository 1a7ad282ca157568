"""The contract of losses sees each way to break it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from bakeoff.losses.base import Loss, LossFacts
from bakeoff.testing import losses as contract

FACTS = LossFacts(positives=(5, 1, 9), examples=20)
Formula = Callable[[Tensor, Tensor], Tensor]


def bce(x: Tensor, y: Tensor) -> Tensor:
    return -y * logsigmoid(x) - (1 - y) * logsigmoid(-x)


def in_place(x: Tensor, y: Tensor) -> Tensor:
    y += 0.1
    return bce(x, y)


BROKEN: dict[str, tuple[Formula, str]] = {
    "reduced": (lambda x, y: bce(x.float(), y).mean(), "reduced"),
    "of another type": (lambda x, y: bce(x.double(), y.double()), "gave torch.float64 values"),
    "in place": (lambda x, y: in_place(x.float(), y), "targets were changed"),
    "overflowing": (lambda x, y: torch.log1p(torch.exp(x.float())) - y * x.float(), "is not finite"),
    "with a gradient of nan": (
        lambda x, y: bce(x.float(), y) + 0 * torch.sqrt(x.float().abs()),
        "gradient of .* is not finite",
    ),
    "upside down": (lambda x, y: bce(-x.float(), y), "rises with its logit"),
    "blind to negatives": (lambda x, y: -y * logsigmoid(x.float()), "no negative pulls"),
    "blind to positives": (lambda x, y: -(1 - y) * logsigmoid(-x.float()), "no positive pulls"),
    "normalised over the batch": (lambda x, y: bce(x.float(), y) / (0.1 + y.mean()), "depend on the batch"),
    "dependent on order": (lambda x, y: bce(x.float(), y) * torch.arange(1, len(x) + 1)[:, None], "depend on the batch"),
    "of another value": (lambda x, y: bce(x.float(), y) + 0.01, "values"),
    "of another gradient": (
        lambda x, y: bce(x.float(), y).detach() + 0.9 * (bce(x.float(), y) - bce(x.float(), y).detach()),
        "gradients",
    ),
}


class Formulated(Loss):
    def __init__(self, formula: Formula) -> None:
        super().__init__()
        self.formula = formula

    def forward(self, logits: Tensor, targets: Tensor, progress: float) -> Tensor:
        return self.formula(logits, targets)


def check(formula: Formula, monkeypatch: pytest.MonkeyPatch) -> None:
    def reference(x: contract.Floats, y: contract.Floats, progress: float) -> contract.Floats:
        return np.asarray(np.logaddexp(0, x) - y * x)

    monkeypatch.setattr(contract, "make_loss", lambda *_: Formulated(formula))
    contract.check_loss(contract.LossCase("made up", {}, FACTS, reference))


def test_a_sound_loss_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    check(lambda x, y: bce(x.float(), y), monkeypatch)


@pytest.mark.parametrize("fault", BROKEN)
def test_each_fault_is_seen(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    formula, message = BROKEN[fault]
    with pytest.raises(AssertionError, match=message):
        check(formula, monkeypatch)


def test_a_gradient_that_is_given_stands_for_the_derivative(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contract, "make_loss", lambda *_: Formulated(lambda x, y: bce(x.float(), y)))
    case = contract.LossCase(
        "made up",
        {},
        FACTS,
        lambda x, y, _: np.asarray(np.logaddexp(0, x) - y * x),
        lambda x, y, _: np.asarray(2 / (1 + np.exp(-x)) - y),
    )
    with pytest.raises(AssertionError, match="gradients"):
        contract.check_loss(case)
