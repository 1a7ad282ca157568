"""The contract of losses: what every loss keeps to, ours and those of plug-ins, as one call in a test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bakeoff.catalog import registry
from bakeoff.catalog.cards import LossCard
from bakeoff.losses.base import Loss, LossFacts, make_loss
from bakeoff.losses.known import UNKNOWN, KnownOnly

Floats = NDArray[np.float64]
Reference = Callable[[Floats, Floats, float], Floats]
"""(logits [B, L], targets [B, L], progress) to values [B, L], in float64 and written down independently."""

BATCH = 48
LARGEST = 1e4
PROGRESS = (0.0, 0.37, 1.0)
DIFFERENCE = 1e-5
"""Step of the central differences that give the reference's gradient: their own error is about 1e-9."""
RTOL, ATOL = 2e-5, 2e-6
"""float32 against float64; differences of logits' sigmoids lose a digit."""


@dataclass(frozen=True)
class LossCase:
    """A loss with settings, and what it must be equal to.

    Attributes:
        name: name of its card.
        settings: its settings, as a study gives them.
        facts: of the made-up training data; their number of labels is L.
        reference: its values.
        gradient: its gradient by the logits; None takes the derivative of `reference` (a loss may hold its weights fixed).
    """

    name: str
    settings: dict[str, object]
    facts: LossFacts
    reference: Reference
    gradient: Reference | None = None


def check_loss(case: LossCase, seed: int = 0) -> None:
    """Check every point of the contract (see `bakeoff.losses.base.Loss`).

    Args:
        case: the loss.
        seed: of the logits and targets that it is tried on.

    Raises:
        AssertionError: with the point that does not hold.
    """
    loss = make_loss(case.name, case.settings, case.facts)
    generator = np.random.default_rng(seed)
    shape = (BATCH, len(case.facts.positives))
    logits, targets = generator.uniform(-4, 4, shape), (generator.random(shape) < 0.4).astype(np.float64)
    card = registry.cards("loss").get(case.name)
    if isinstance(card, LossCard) and "multilabel" not in card.tasks:  # labels that exclude one another: one a row
        targets = np.eye(shape[1])[generator.integers(shape[1], size=BATCH)]
    check_form(loss, logits, targets)
    check_finite(loss, targets)
    check_signs(loss, logits, targets)
    check_rows_alone(loss, logits, targets)
    check_unknown(loss, logits, targets)
    check_reference(loss, case, logits, targets)


def _evaluate(loss: Loss, logits: Tensor, targets: Floats, progress: float) -> tuple[Tensor, Tensor]:
    """Values, and the gradient of their sum by the logits."""
    leaf = logits.clone().requires_grad_()
    values = loss(leaf, torch.from_numpy(targets.astype(np.float32)), progress)
    (gradient,) = torch.autograd.grad(values.sum(), leaf)
    return values.detach(), gradient


def check_form(loss: Loss, logits: Floats, targets: Floats) -> None:
    """One float32 value a decision, whatever the type of the logits; the arguments stay as they are.

    Args:
        loss: the loss.
        logits: [B, L].
        targets: [B, L], 0 or 1.

    Raises:
        AssertionError: if shape or type are others, or an argument was changed.
    """
    for kind in (torch.float32, torch.bfloat16, torch.float16):
        given, wanted = torch.from_numpy(logits).to(kind), torch.from_numpy(targets.astype(np.float32))
        values = loss(given, wanted, 0.5)
        assert values.shape == given.shape, f"{tuple(given.shape)} logits gave {tuple(values.shape)} values: reduced?"
        assert values.dtype == torch.float32, f"{kind} logits gave {values.dtype} values"
        assert torch.equal(given, torch.from_numpy(logits).to(kind)), "the logits were changed in place"
        assert torch.equal(wanted, torch.from_numpy(targets.astype(np.float32))), "the targets were changed in place"


def check_finite(loss: Loss, targets: Floats) -> None:
    """Values and gradients are finite for every |logit| ≤ 1e4.

    Args:
        loss: the loss.
        targets: [B, L], 0 or 1.

    Raises:
        AssertionError: if one is not.
    """
    sizes = np.concatenate(([0.0], np.geomspace(1e-6, LARGEST, (len(targets) - 1) // 2)))
    column = np.resize(np.concatenate((sizes, -sizes)), len(targets))
    logits = torch.from_numpy(np.repeat(column[:, None], targets.shape[1], axis=1))
    for kind in (torch.float32, torch.bfloat16):
        for wanted in (targets, 1 - targets):
            for progress in PROGRESS:
                values, gradient = _evaluate(loss, logits.to(kind), wanted, progress)
                assert torch.isfinite(values).all(), f"a value of {kind} logits at progress {progress} is not finite"
                assert torch.isfinite(gradient).all(), f"a gradient of {kind} logits at progress {progress} is not finite"


def check_signs(loss: Loss, logits: Floats, targets: Floats) -> None:
    """The loss of a positive falls with its logit, that of a negative rises, over logits in [-4, 4].

    Args:
        loss: the loss.
        logits: [B, L].
        targets: [B, L], 0 or 1.

    Raises:
        AssertionError: if a gradient pulls the wrong way, or all of one kind are zero.
    """
    for progress in PROGRESS:
        gradient = _evaluate(loss, torch.from_numpy(logits.astype(np.float32)), targets, progress)[1].numpy()
        of_positives, of_negatives = gradient[targets == 1], gradient[targets == 0]
        assert (of_positives <= 0).all(), "the loss of a positive rises with its logit"
        assert (of_positives < 0).any(), "no positive pulls"
        assert (of_negatives >= 0).all(), "the loss of a negative falls with its logit"
        assert (of_negatives > 0).any(), "no negative pulls"


def check_rows_alone(loss: Loss, logits: Floats, targets: Floats) -> None:
    """An example's values do not depend on the others of its batch: not on their order, and not on their presence.

    Args:
        loss: the loss.
        logits: [B, L].
        targets: [B, L], 0 or 1.

    Raises:
        AssertionError: if they do.
    """
    given = torch.from_numpy(logits.astype(np.float32))
    values, gradient = _evaluate(loss, given, targets, 0.5)
    # several parts: one alone may happen to have the whole batch's mean
    for rows in (np.arange(len(logits))[::-1].copy(), np.array([3]), np.arange(5), np.arange(1, len(logits), 2)):
        again, its_gradient = _evaluate(loss, given[rows], targets[rows], 0.5)
        torch.testing.assert_close(again, values[rows], rtol=1e-6, atol=1e-7, msg="values depend on the batch")
        torch.testing.assert_close(its_gradient, gradient[rows], rtol=1e-6, atol=1e-7, msg="gradients depend on the batch")


def check_unknown(loss: Loss, logits: Floats, targets: Floats) -> None:
    """A label that nobody decided on contributes nothing: no value, no gradient, and no other value hangs on its logit.

    Args:
        loss: the loss.
        logits: [B, L].
        targets: [B, L], 0 or 1.

    Raises:
        AssertionError: if it does.
    """
    generator = np.random.default_rng(1)
    unknown = generator.random(targets.shape) < 0.4
    unknown[0] = True
    if (targets.sum(axis=1) == 1).all():  # where labels exclude one another, the one that holds is known
        unknown &= targets == 0
    wanted = np.where(unknown, UNKNOWN, targets)
    known = KnownOnly(loss)
    values, gradient = _evaluate(known, torch.from_numpy(logits.astype(np.float32)), wanted, 0.5)
    assert (values.numpy()[unknown] == 0).all(), "a label that nobody decided on has a value"
    assert (gradient.numpy()[unknown] == 0).all(), "a label that nobody decided on has a gradient"
    for difference in (-3.0, 1e-2, 40.0):  # finite differences, of every unknown logit at once
        moved = torch.from_numpy(np.where(unknown, logits + difference, logits).astype(np.float32))
        again, its_gradient = _evaluate(known, moved, wanted, 0.5)
        assert torch.equal(again, values), "values hang on the logit of a label that nobody decided on"
        assert torch.equal(its_gradient, gradient), "gradients hang on the logit of a label that nobody decided on"
    assert torch.isfinite(values).all(), "a value is not finite beside a label that nobody decided on"
    assert values.abs().max() <= 10 * loss(torch.from_numpy(logits), torch.from_numpy(targets), 0.5).abs().max(), (
        "a label that nobody decided on swells the value of others"
    )
    whole, whole_gradient = _evaluate(known, torch.from_numpy(logits.astype(np.float32)), targets, 0.5)
    plain, plain_gradient = _evaluate(loss, torch.from_numpy(logits.astype(np.float32)), targets, 0.5)
    assert torch.equal(whole, plain), "values differ though everything is known"
    assert torch.equal(whole_gradient, plain_gradient), "gradients differ though everything is known"


def check_reference(loss: Loss, case: LossCase, logits: Floats, targets: Floats) -> None:
    """Values and gradients are those of the reference.

    Args:
        loss: the loss.
        case: has the reference.
        logits: [B, L].
        targets: [B, L], 0 or 1.

    Raises:
        AssertionError: if they differ.
    """
    for progress in PROGRESS:
        values, gradient = _evaluate(loss, torch.from_numpy(logits.astype(np.float32)), targets, progress)
        exact = logits.astype(np.float32).astype(np.float64)
        np.testing.assert_allclose(
            values.numpy(), case.reference(exact, targets, progress), rtol=RTOL, atol=ATOL, err_msg="values"
        )
        if case.gradient is None:
            above, below = (case.reference(exact + step, targets, progress) for step in (DIFFERENCE, -DIFFERENCE))
            expected = (above - below) / (2 * DIFFERENCE)
        else:
            expected = case.gradient(exact, targets, progress)
        np.testing.assert_allclose(gradient.numpy(), expected, rtol=RTOL, atol=ATOL, err_msg="gradients")
