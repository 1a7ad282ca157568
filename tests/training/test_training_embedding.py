"""The token table is `torch.nn.Embedding`, only that its gradient stands."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from bakeoff.training.embedding import TokenTable

ROWS, WIDTH, PADDING = 20, 6, 3


def pair(padding: int | None = PADDING) -> tuple[TokenTable, nn.Embedding]:
    torch.manual_seed(0)
    plain = nn.Embedding(ROWS, WIDTH, padding_idx=padding)
    adopted = nn.Embedding(ROWS, WIDTH, padding_idx=padding)
    adopted.load_state_dict(plain.state_dict())
    return TokenTable.adopt(adopted), plain


def pull(table: nn.Embedding, ids: Tensor, seed: int = 1) -> None:
    found = table(ids)
    factors = torch.randn(found.shape, generator=torch.Generator().manual_seed(seed))
    torch.autograd.backward((found * factors).sum())


@pytest.mark.parametrize("padding", [PADDING, None])
@pytest.mark.parametrize("shape", [(30,), (5, 6), (1, 30)])
def test_vectors_and_gradients_are_those_of_an_embedding(padding: int | None, shape: tuple[int, ...]) -> None:
    table, plain = pair(padding)
    ids = torch.randint(0, 10, shape, generator=torch.Generator().manual_seed(2))  # repeated, and PADDING among them
    assert (ids == PADDING).any()
    assert torch.equal(table(ids), plain(ids))
    pull(table, ids)
    pull(plain, ids)
    assert table.weight.grad is not None
    assert plain.weight.grad is not None
    torch.testing.assert_close(table.weight.grad, plain.weight.grad, rtol=0, atol=1e-6)
    assert bool(table.weight.grad[PADDING].any()) == (padding is None)
    assert not table.weight.grad[10:].any()


def test_passes_add_up_and_a_repeated_token_is_summed() -> None:
    table, plain = pair()
    for number, ids in enumerate((torch.tensor([[7, 7, 7]]), torch.tensor([[7, 9]]))):
        pull(table, ids, number)
        pull(plain, ids, number)
    assert plain.weight.grad is not None
    torch.testing.assert_close(table.weight.grad, plain.weight.grad, rtol=0, atol=1e-6)
    assert table.rows().tolist() == [7, 9]


def test_clearing_zeroes_the_same_buffer_even_of_nan() -> None:
    table, _ = pair()
    pull(table, torch.tensor([1, 5, 5]))
    buffer = table.weight.grad
    assert buffer is not None
    buffer[5] = float("nan")
    table.clear()
    assert table.weight.grad is buffer
    assert not buffer.any()
    assert table.rows().tolist() == []
    table.clear()


def test_without_gradients_it_only_looks_up() -> None:
    table, plain = pair()
    with torch.no_grad():
        assert torch.equal(table(torch.tensor([4])), plain(torch.tensor([4])))
    table.weight.requires_grad_(False)
    assert torch.equal(table(torch.tensor([4])), plain(torch.tensor([4])))
    assert table.touched == []


def test_a_gradient_of_lower_precision_is_added_in_float32() -> None:
    table, plain = pair()
    ids = torch.tensor([[8, 9, 8]])
    for each in (table, plain):
        torch.autograd.backward(each(ids).to(torch.bfloat16).square().sum())
    assert plain.weight.grad is not None
    torch.testing.assert_close(table.weight.grad, plain.weight.grad, rtol=0, atol=1e-6)
