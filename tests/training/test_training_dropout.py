"""The cheap dropout drops what it should, and nothing in evaluation."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from bakeoff.training.dropout import LEVELS, MASKS, Dropout, dropout, replace_dropout

COUNT = 200_000


@pytest.mark.parametrize("probability", [0.01, 0.1, 0.5, 0.9])
def test_the_share_that_is_kept_and_the_mean(probability: float) -> None:
    MASKS.reseed(3)
    found = dropout(torch.ones(COUNT), probability, True)
    kept = float((found != 0).float().mean())
    sigma = math.sqrt(probability * (1 - probability) / COUNT)
    assert abs(kept - (1 - probability)) < 4 * sigma + 1 / LEVELS
    assert float(found.mean()) == pytest.approx(1.0, abs=(4 * sigma + 1 / LEVELS) / (1 - probability))
    assert found.unique().tolist() == pytest.approx([0.0, 1 / (1 - probability)])


@given(st.lists(st.integers(1, 7), min_size=1, max_size=4), st.integers(0, 2**63 - 1))
def test_equal_keys_give_equal_masks_and_calls_go_on(shape: list[int], key: int) -> None:
    size = torch.Size(shape)
    MASKS.reseed(key)
    first, second = MASKS.keep(size, 0.5), MASKS.keep(torch.Size([64]), 0.5)
    MASKS.reseed(key)
    assert torch.equal(MASKS.keep(size, 0.5), first)
    assert first.shape == size
    assert torch.equal(MASKS.keep(torch.Size([64]), 0.5), second)
    assert not torch.equal(MASKS.keep(torch.Size([64]), 0.5), second)
    MASKS.reseed(key, 1)
    assert not torch.equal(MASKS.keep(torch.Size([64]), 0.5), second)


def test_neighbours_are_dropped_independently() -> None:
    MASKS.reseed(5)
    kept = MASKS.keep(torch.Size([COUNT]), 0.5).float() - 0.5
    for lag in (1, 2, 3, 4, 8):
        correlation = float((kept[lag:] * kept[:-lag]).mean()) / 0.25
        assert abs(correlation) < 5 / math.sqrt(COUNT), lag


def test_gradients_pass_where_values_passed() -> None:
    values = torch.randn(40, 30, requires_grad=True)
    MASKS.reseed(1)
    found = dropout(values, 0.3, True)
    torch.autograd.backward(found.sum())
    assert values.grad is not None
    expected = torch.where(found != 0, 1 / 0.7, 0.0)
    torch.testing.assert_close(values.grad, expected)


def test_evaluation_and_probability_zero_are_the_identity() -> None:
    values = torch.randn(5)
    assert dropout(values, 0.5, False) is values
    assert dropout(values, 0.0, True) is values
    assert Dropout(0.5).eval()(values) is values
    assert not torch.equal(Dropout(0.99)(torch.ones(100)), torch.ones(100))


def test_an_empty_tensor_stays_empty() -> None:
    assert dropout(torch.ones(0, 3), 0.5, True).shape == (0, 3)


def test_bfloat16_stays_bfloat16() -> None:
    assert dropout(torch.ones(64, dtype=torch.bfloat16), 0.5, True).dtype == torch.bfloat16


def test_every_dropout_of_a_model_is_replaced_once() -> None:
    def make() -> nn.Module:
        inner = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.1))
        return nn.Sequential(inner, nn.Dropout(0.2), nn.ModuleList([nn.Dropout(0.3)]), nn.Dropout2d(0.4))

    model = make()
    assert replace_dropout(model) == 3
    assert [module.p for module in model.modules() if type(module) is Dropout] == [0.1, 0.2, 0.3]
    assert replace_dropout(model) == 0
    model = make()
    assert replace_dropout(model, 0.7) == 3
    assert [module.p for module in model.modules() if type(module) is Dropout] == [0.7, 0.7, 0.7]
    assert [module.p for module in model.modules() if type(module) is nn.Dropout2d] == [0.4]
