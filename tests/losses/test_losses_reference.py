"""Losses against formulas in float64 (`loss_references`), value and gradient, and the contract for every card."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from loss_references import CASES, FACTS, Case, Floats, asymmetric_sides

from bakeoff.catalog import registry
from bakeoff.losses.base import Loss, make_loss
from bakeoff.testing.losses import LossCase, check_loss

EXTREMES = [0.0, 1e-6, 1e-3, 0.5, 1, 3, 8, 15, 17, 20, 40, 80, 88, 89, 100, 104, 700, 746, 1e3, 1e4]
"""Among them where float32's and float64's exponentials underflow."""
TOLERANCE = 1e-6
UNSMOOTHED = [case for case in CASES if "label_smoothing" not in case.settings]
"""Smoothed targets lie between 0 and 1: past them the gradient turns, as it should."""


def points(seed: int) -> tuple[Floats, Floats]:
    """Logits [B, 5], random and extreme, that float32 holds exactly, and targets with empty, full and mixed rows."""
    generator = np.random.default_rng(seed)
    random = generator.normal(0, 4, (300, 5))
    signs = generator.choice([-1.0, 1.0], (200, 5))
    extreme = signs * generator.choice(EXTREMES, (200, 5))
    every = np.repeat(np.array([*EXTREMES, *(-x for x in EXTREMES)])[:, None], 5, axis=1)
    logits = np.concatenate([random, extreme, every, every]).astype(np.float32).astype(np.float64)
    targets = (generator.random(logits.shape) < 0.4).astype(np.float64)
    targets[-2 * len(every) : -len(every)], targets[-len(every) :] = 1, 0
    return logits, targets


def evaluate(loss: Loss, x: Floats, y: Floats, progress: float, kind: torch.dtype = torch.float32) -> tuple[Floats, Floats]:
    logits = torch.tensor(x, dtype=kind, requires_grad=True)
    values = loss(logits, torch.tensor(y, dtype=torch.float32), progress)
    (gradient,) = torch.autograd.grad(values.sum(), logits)
    return values.detach().double().numpy(), gradient.double().numpy()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
@pytest.mark.parametrize("progress", [0.0, 0.25, 1.0])
def test_value_and_gradient_equal_the_reference(case: Case, progress: float) -> None:
    x, y = points(seed=len(case.title))
    loss = make_loss(case.name, case.settings, FACTS)
    found, expected = evaluate(loss, x, y, progress), case.both(x, y, progress)
    for what, ours, theirs in zip(("value", "gradient"), found, expected, strict=True):
        error = np.abs(ours - theirs) / np.maximum(1, np.abs(theirs))
        worst = np.unravel_index(np.argmax(error), error.shape)
        assert error.max() <= TOLERANCE, f"{what} {ours[worst]} for {theirs[worst]} at x = {x[worst]}, y = {y[worst]}"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_the_references_gradient_is_the_derivative_of_its_value(case: Case) -> None:
    x, y = points(seed=0)
    x, y = x[:300], y[:300]  # the extremes have no useful differences
    if case.settings.get("gamma_neg") == 0:
        x = x[(np.abs(1 / (1 + np.exp(-x)) - case.settings["clip"]) > 1e-3).all(axis=1)]  # where it has a kink
        y = y[: len(x)]
    step = 1e-5
    difference = (case.both(x + step, y, 0.25)[0] - case.both(x - step, y, 0.25)[0]) / (2 * step)
    gradient = case.both(x, y, 0.25)[1]
    np.testing.assert_allclose(difference, gradient, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16], ids=["fp32", "bf16"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_finite_for_every_logit_up_to_10_000(case: Case, kind: torch.dtype) -> None:
    loss = make_loss(case.name, case.settings, FACTS)
    sizes = np.concatenate([[0.0], np.geomspace(1e-30, 1e4, 400)])
    x = np.repeat(np.concatenate([sizes, -sizes])[:, None], 5, axis=1)
    for y in (np.zeros_like(x), np.ones_like(x), np.full_like(x, 0.5)):
        for values in evaluate(loss, x, y, 0.5, kind):
            assert np.isfinite(values).all()


@pytest.mark.parametrize("case", UNSMOOTHED, ids=lambda case: case.title)
def test_gradient_has_the_right_sign_for_positives_and_negatives(case: Case) -> None:
    loss = make_loss(case.name, case.settings, FACTS)
    x = np.repeat(np.linspace(-12, 12, 241)[:, None], 5, axis=1)
    assert (evaluate(loss, x, np.ones_like(x), 0.5)[1] <= 0).all()
    assert (evaluate(loss, x, np.zeros_like(x), 0.5)[1] >= 0).all()


@pytest.mark.parametrize("case", UNSMOOTHED, ids=lambda case: case.title)
def test_contract(case: Case) -> None:
    check_loss(
        LossCase(
            case.name,
            case.settings,
            FACTS,
            reference=lambda x, y, progress: case.both(x, y, progress)[0],
            gradient=lambda x, y, progress: case.both(x, y, progress)[1],
        )
    )


def test_every_card_has_a_case() -> None:
    # cross-entropy, whose labels exclude one another, has a file of its own
    assert {case.name for case in CASES} == set(registry.cards("loss")) - {"cross-entropy"}


def test_the_papers_gradients_of_a_negative_at_zero() -> None:
    zero, negative = np.zeros((1, 5)), np.zeros((1, 5))
    for gamma, expected in ((4.0, 0.073), (2.0, 0.23)):
        loss = make_loss("asymmetric", {"gamma_neg": gamma, "clip": 0.05}, FACTS)
        assert evaluate(loss, zero, negative, 0.0)[1][0, 0] == pytest.approx(expected, abs=0.005 if gamma == 2 else 0.0005)
        assert asymmetric_sides(zero, gamma, 0.0, 0.05)[3][0, 0] == pytest.approx(expected, abs=0.005)


def test_float64_logits_are_computed_in_float64() -> None:
    x, y = points(seed=3)
    case = next(case for case in CASES if case.name == "asymmetric")
    value, gradient = evaluate(make_loss(case.name, case.settings, FACTS), x, y, 0.0, torch.float64)
    expected = case.both(x, y, 0.0)
    np.testing.assert_allclose(value, expected[0], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(gradient, expected[1], rtol=1e-12, atol=1e-12)
