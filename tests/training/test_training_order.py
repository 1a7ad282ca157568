"""Order, rate and batches are pure functions of their arguments."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.records.seeds import derive
from bakeoff.records.specs import Schedule
from bakeoff.training.batches import evaluation_batches, make_batch, micro_batches, read_sequences
from bakeoff.training.order import batch_of, epoch_order
from bakeoff.training.packing import LENGTH_STEP, MAX_GROUPS, TOKEN_STEP, cut_groups, pack
from bakeoff.training.schedule import rate_factor
from tiny import random_store

CPU = torch.device("cpu")
Lengths = st.lists(st.integers(1, 80), min_size=1, max_size=40)


@given(st.integers(0, 2**31), st.integers(0, 20), st.integers(1, 300))
def test_an_epochs_order_is_a_permutation(seed: int, epoch: int, size: int) -> None:
    order = epoch_order(seed, epoch, size)
    assert sorted(order.tolist()) == list(range(size))
    assert np.array_equal(order, epoch_order(seed, epoch, size))


def test_an_order_is_another_in_each_epoch_and_for_each_seed() -> None:
    orders = {tuple(epoch_order(seed, epoch, 50).tolist()) for seed in range(5) for epoch in range(5)}
    assert len(orders) == 25


def test_an_order_is_the_same_on_every_machine() -> None:
    assert epoch_order(42, 3, 8).tolist() == [0, 1, 5, 6, 3, 4, 2, 7]
    assert derive(42, "head") == 5993546522729883203


def test_seeds_of_different_places_differ() -> None:
    places: list[tuple[int | str, ...]] = [(1, "a", 2), (1, "a", 3), (1, "b", 2), (2, "a", 2), (1, "a"), (1, "a2"), (12, "a")]
    seeds = {derive(int(seed), *place) for seed, *place in places}
    assert len(seeds) == len(places)
    assert all(0 <= seed < 2**63 for seed in seeds)


@given(st.integers(1, 100), st.integers(1, 20))
def test_an_epochs_batches_are_its_order(size: int, batch_size: int) -> None:
    order = epoch_order(1, 0, size)
    batches = [batch_of(order, position, batch_size) for position in range(math.ceil(size / batch_size))]
    assert np.concatenate(batches).tolist() == order.tolist()
    assert all(len(batch) == batch_size for batch in batches[:-1])


@pytest.mark.parametrize("total", [1, 7, 40])
@pytest.mark.parametrize("warmup", [0.0, 0.1, 0.25])
@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant"])
def test_rates_are_those_of_transformers_but_for_the_rise(schedule: Schedule, total: int, warmup: float) -> None:
    rising = math.ceil(warmup * total)
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    make = {
        "cosine": transformers.get_cosine_schedule_with_warmup,
        "linear": transformers.get_linear_schedule_with_warmup,
        "constant": lambda optimizer, rising, total: transformers.get_constant_schedule_with_warmup(optimizer, rising),
    }[schedule]
    factor = make(optimizer, rising, total).lr_lambdas[0]
    for step in range(total):
        # theirs begins the rise at 0, which makes the first step idle; ours is one step ahead while it rises
        expected = factor(step + 1) if step < rising else factor(step)
        if step + 1 == rising == total:
            expected = 1.0  # a rise to the very end: theirs would have begun to fall
        assert rate_factor(step, total, warmup, schedule) == pytest.approx(expected)
    assert all(0 <= rate_factor(step, total, warmup, schedule) <= 1 for step in range(total))
    assert rate_factor(0, total, warmup, schedule) > 0


@given(Lengths, st.integers(1, 400))
def test_evaluation_batches_hold_every_row_once_within_the_budget(lengths: list[int], budget: int) -> None:
    store = random_store(lengths, 50)
    rows = np.flatnonzero(np.arange(len(lengths)) % 3 != 1)
    if not len(rows):
        return
    batches = list(evaluation_batches(store, "train", rows, budget))
    assert sorted(np.concatenate([batch.rows for batch in batches]).tolist()) == rows.tolist()
    for batch in batches:
        assert len(batch.rows) == 1 or len(batch.rows) * batch.lengths[-1] <= budget
        assert batch.lengths.tolist() == [lengths[row] for row in batch.rows] == sorted(batch.lengths.tolist())
    longest = [batch.lengths[-1] for batch in batches]
    assert longest == sorted(longest, reverse=True)


@given(Lengths, st.integers(1, 12))
def test_micro_batches_part_the_step(lengths: list[int], size: int) -> None:
    store = random_store(lengths, 50)
    rows = np.random.default_rng(len(lengths)).permutation(len(lengths))
    parts = list(micro_batches(read_sequences(store, "train", rows), "train", rows, size))
    assert sorted(np.concatenate([part.rows for part in parts]).tolist()) == list(range(len(lengths)))
    assert [len(part.rows) for part in parts[:-1]] == [size] * (len(parts) - 1)
    assert np.all(np.diff(np.concatenate([part.lengths for part in parts])) >= 0)
    for part in parts:
        assert part.tokens.tolist() == [token for row in part.rows for token in store.gather("train", np.array([row])).tolist()]


@given(Lengths)
def test_padding_on_the_right(lengths: list[int]) -> None:
    batch = make_batch(random_store(lengths, 50), "train", np.arange(len(lengths)))
    ids, mask = batch.padded(3)
    assert ids.shape == mask.shape == (len(lengths), max(lengths))
    assert mask.sum(1).tolist() == batch.lengths.tolist()
    assert torch.equal(ids[mask.bool()], batch.tokens)
    assert bool((ids[mask == 0] == 3).all())
    assert bool((mask.diff(dim=1) <= 0).all())


@given(Lengths)
def test_a_packing_knows_where_each_token_is(lengths: list[int]) -> None:
    lengths = sorted(lengths)
    packing = pack(lengths, CPU)
    total = sum(lengths)
    assert (total + packing.filling) % TOKEN_STEP == 0
    assert packing.filling < TOKEN_STEP
    small = pack(lengths, CPU, LENGTH_STEP).filling
    assert small == (packing.filling if total >= TOKEN_STEP else -total % LENGTH_STEP)
    assert packing.rows.tolist() == [row for row, length in enumerate(lengths) for _ in range(length)] + [-1] * packing.filling
    assert packing.positions[:total].tolist() == [place for length in lengths for place in range(length)]
    assert packing.starts.tolist() == np.cumsum([0, *lengths])[:-1].tolist()
    assert packing.lengths.tolist() == lengths
    assert len(packing.groups) <= MAX_GROUPS
    assert [group.tokens[0] for group in packing.groups] == [0, *[group.tokens[1] for group in packing.groups][:-1]]
    assert packing.groups[-1].tokens[1] == total
    assert sum(group.rows for group in packing.groups) == len(lengths)
    for group in packing.groups:
        assert (group.slots is None) == (group.bias is None) == (group.tokens[1] - group.tokens[0] == group.rows * group.length)
        if group.slots is not None and group.bias is not None:
            assert (group.bias == 0).flatten().nonzero()[:, 0].tolist() == group.slots.tolist()


@given(Lengths)
def test_groups_are_ranges_of_rows(lengths: list[int]) -> None:
    ranges = cut_groups(np.sort(np.array(lengths)))
    assert [first for first, _ in ranges] == [0, *[last for _, last in ranges][:-1]]
    assert ranges[-1][1] == len(lengths)
    assert all(first < last for first, last in ranges)


def test_few_long_rows_get_a_group_of_their_own() -> None:
    assert cut_groups(np.array([8] * 28 + [128] * 4)) == [(0, 28), (28, 32)]
    assert cut_groups(np.array([8] * 32)) == [(0, 32)]


@pytest.mark.parametrize("lengths", [[], [0, 1], [3, 2]])
def test_rows_must_ascend_and_have_tokens(lengths: list[int]) -> None:
    with pytest.raises(ValueError, match="positive and ascending"):
        pack(lengths, CPU)
