"""Splits made here: shares of labels, whole groups, the same for a seed; as good as the reference implementation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.data import splitting
from bakeoff.data.splitting import _exchange, group_numbers, linked_groups, stratified_split

SHARES = (0.8, 0.1, 0.1)


def long_tailed(rows: int, labels: int, seed: int) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    generator = np.random.default_rng(seed)
    rates = 0.5 * 0.8 ** np.arange(labels)
    return (generator.random((rows, labels)) < rates).astype(np.uint8)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 60), st.integers(1, 6), st.integers(0, 5), st.integers(1, 20))
def test_every_row_is_in_one_part(rows: int, labels: int, seed: int, groups: int) -> None:
    targets = long_tailed(rows, labels, seed)
    names = [f"g{number % groups}" if number % 3 else "" for number in range(rows)]
    parts = stratified_split(targets, SHARES, seed, names)
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(rows))
    for group in {name for name in names if name}:
        rows_of = {number for number, name in enumerate(names) if name == group}
        assert sum(bool(rows_of & set(part.tolist())) for part in parts) == 1


def test_labels_keep_their_shares() -> None:
    targets = long_tailed(4_000, 12, 1)
    whole = targets.mean(axis=0)
    common = targets.sum(axis=0) >= 50
    for part, share in zip(stratified_split(targets, SHARES, 0), SHARES, strict=True):
        assert abs(len(part) / len(targets) - share) < 0.002
        assert np.abs(targets[part].mean(axis=0) - whole)[common].max() < 0.01


def test_the_seed_alone_decides() -> None:
    targets = long_tailed(300, 5, 2)
    first, again, other = (stratified_split(targets, (0.5, 0.5), seed) for seed in (3, 3, 4))
    assert np.array_equal(first[0], again[0])
    assert not np.array_equal(first[0], other[0])


def test_shares_must_be_positive() -> None:
    with pytest.raises(ValueError, match="above 0"):
        stratified_split(np.zeros((2, 1), np.uint8), (1.0, 0.0), 0)


def test_pairs_that_share_a_sentence_are_linked() -> None:
    assert len(set(linked_groups([("a", "b"), ("b", "c"), ("d", "e"), ("c", "f")]))) == 2


def test_a_row_without_group_stands_alone() -> None:
    assert group_numbers(["", "x", "", "x"]).tolist() == [0, 1, 2, 1]


def test_groups_stay_whole_and_labels_keep_their_shares() -> None:
    """Dialogues of up to 24 turns whose turns are alike in their labels, as in MELD."""
    generator = np.random.default_rng(5)
    sizes = generator.integers(1, 25, 400)
    number = np.repeat(np.arange(400), sizes)
    rates = np.clip(0.35 * 0.75 ** np.arange(7) * generator.uniform(0.3, 1.7, (400, 7)), 0, 1)
    targets = (generator.random((len(number), 7)) < rates[number]).astype(np.uint8)
    parts = stratified_split(targets, SHARES, 1, [f"dialogue {each}" for each in number])
    assert sum(len(np.unique(number[part])) for part in parts) == 400
    common = targets.sum(axis=0) >= 50
    for part, share in zip(parts, SHARES, strict=True):
        assert abs(len(part) / len(targets) - share) < 0.002
        assert np.abs(targets[part].mean(axis=0) - targets.mean(axis=0))[common].max() < 0.01


def test_exchanges_only_ever_bring_counts_nearer() -> None:
    targets = long_tailed(500, 9, 3)
    units = np.concatenate([targets, np.ones((500, 1), np.uint8)], axis=1).astype(np.int32)
    part = np.zeros(500, dtype=np.int64)
    part[::7] = 1

    def distance() -> float:
        return float(sum(((units[part == which].sum(axis=0) - units.sum(axis=0) / 2) ** 2).sum() for which in (0, 1)))

    before = distance()
    _exchange(units, part, (0.5, 0.5))
    assert distance() < before / 1_000
    assert distance() <= 10 / 2 + 1e-9  # each count at most half a row off


def test_what_is_too_large_to_exchange_is_dealt_out_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splitting, "MOST_WORK", 10)
    targets = long_tailed(2_000, 6, 4)
    parts = stratified_split(targets, SHARES, 0)
    assert sum(map(len, parts)) == 2_000
    assert np.abs(targets[parts[0]].mean(axis=0) - targets.mean(axis=0)).max() < 0.01


def test_any_layout_in_memory_is_split_alike() -> None:
    targets = long_tailed(90, 7, 6)
    rows = stratified_split(targets, SHARES, 0)
    columns = stratified_split(np.asfortranarray(targets), SHARES, 0)
    assert [part.tolist() for part in rows] == [part.tolist() for part in columns]


def test_very_many_rows_are_dealt_out_by_label_set_as_they_are_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    targets = (np.random.default_rng(5).random((600, 6)) < [0.5, 0.2, 0.1, 0.05, 0.02, 0.01]).astype(np.uint8)
    monkeypatch.setattr(splitting, "MOST_ROUNDS", 0)  # exchanges are for fewer rows
    singly = stratified_split(targets, SHARES, 3)
    monkeypatch.setattr(splitting, "MOST_DEALT", 0)
    by_set = stratified_split(targets, SHARES, 3)
    assert all(np.array_equal(one, other) for one, other in zip(singly, by_set, strict=True))
