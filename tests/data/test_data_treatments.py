"""Which examples an epoch draws, and what is done to their tokens: pure functions, with the counts that were declared."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bakeoff.catalog.treatments import OversampleSettings, RepeatFactorSettings, TokenNoiseSettings, UndersampleSettings
from bakeoff.data.treatments.augmentation import Chance, Sequences, make_augmentation
from bakeoff.data.treatments.draws import Draws, Pool, label_counts, make_draws, once, repeats
from bakeoff.data.treatments.oversample import oversample
from bakeoff.data.treatments.repeat_factor import repeat_factor
from bakeoff.data.treatments.token_noise import TokenNoise
from bakeoff.data.treatments.undersample import undersample
from bakeoff.records.specs import Component

Targets = st.integers(0, 2**32 - 1).map(
    lambda seed: (
        np.random.default_rng(seed).random((40 + seed % 200, 5)) < np.array([0.02, 0.05, 0.2, 0.5, 0.8]) * (1 + seed % 3) / 3
    ).astype(np.uint8)
)
SPECIAL = (101, 102)


def test_the_aims_are_those_of_goemotions() -> None:
    """Counts of GoEmotions' rare labels, each row with one label: ⌊count / 2⌋ more of each, 10.1 % more in all."""
    rare = [77, 111, 153, 164, 303, 545, 596, 641, 793, 853, 1060, 1087, 1110, 1269]
    frequent = [1326, 1368, 1452, 1567, 1581, 2022, 2086, 2191, 2328, 2470, 2662, 2939, 4130, 43410]
    targets = np.zeros((43410, 28), np.uint8)
    first = 0
    for label, count in enumerate([*rare, *frequent]):
        place = first if first + count <= len(targets) else 0
        targets[place : place + count, label] = 1
        first = place + count
    draws = oversample(OversampleSettings(below=1326, by=0.5), targets)
    assert draws.aims[:4].tolist() == [115, 166, 229, 246]
    assert draws.aims[14:].tolist() == frequent
    assert draws.size == 47786
    assert f"{draws.size / 43410 - 1:.1%}" == "10.1%"


@given(Targets, st.integers(1, 300), st.integers(0, 9))
def test_oversampling_draws_what_it_says(targets: NDArray[np.uint8], per_cent: int, epoch: int) -> None:
    draws = oversample(OversampleSettings(by=per_cent / 100), targets)
    counts = label_counts(targets)
    rare = (counts < np.median(counts)) & (counts > 0)
    more = per_cent * counts // 100 * rare
    assert draws.size == len(targets) + more.sum()
    assert draws.aims.tolist() == (counts + more).tolist()
    examples = draws.examples(7, epoch)
    assert len(examples) == draws.size
    assert set(examples.tolist()) == set(range(len(targets)))
    realised = draws.realised(targets, 7, 3)
    assert (realised >= draws.aims - 1e-9).all()


def test_growth_is_exact_where_floating_point_is_not() -> None:
    targets = np.zeros((300, 2), np.uint8)
    targets[:100, 0] = targets[100:, 1] = 1
    assert oversample(OversampleSettings(below=101, by=0.29), targets).aims.tolist() == [129, 200]


@given(Targets, st.integers(1, 150), st.integers(0, 5))
def test_undersampling_shrinks_frequent_labels_and_no_other(targets: NDArray[np.uint8], above: int, epoch: int) -> None:
    draws = undersample(UndersampleSettings(above=above), targets)
    counts = label_counts(targets)
    examples = draws.examples(3, epoch)
    assert len(examples) == draws.size
    assert len(np.unique(examples)) == len(examples)
    realised = label_counts(targets[examples])
    rarer = counts <= above
    assert (realised[rarer] == counts[rarer]).all()
    assert (realised[~rarer] >= above).all()
    assert (realised <= counts).all()
    kept = (targets[:, rarer] != 0).any(axis=1) | ~(targets != 0).any(axis=1)
    assert set(np.flatnonzero(kept)) <= set(examples.tolist())


def test_undersampling_one_label_a_row_is_exact() -> None:
    targets = np.eye(3, dtype=np.uint8)[[0] * 50 + [1] * 20 + [2] * 5]
    draws = undersample(UndersampleSettings(above=12), targets)
    assert label_counts(targets[draws.examples(1, 0)]).tolist() == draws.aims.tolist() == [12, 12, 5]
    assert draws.examples(1, 0).tolist() != draws.examples(1, 1).tolist()


@given(Targets)
def test_repeat_factors_are_those_of_the_paper(targets: NDArray[np.uint8]) -> None:
    draws = repeat_factor(RepeatFactorSettings(threshold=0.3), targets)
    shares = label_counts(targets) / len(targets)
    factor = [
        max([1.0, *(math.sqrt(0.3 / shares[label]) for label in np.flatnonzero(row) if shares[label] < 0.3)]) for row in targets
    ]
    expected = draws.expected()
    groups = np.unique(np.round(factor, 9), return_inverse=True)[1]
    for group in range(groups.max() + 1):
        rows = groups == group
        assert expected[rows].sum() == pytest.approx(np.array(factor)[rows].sum(), abs=0.5 + 1e-9)
    assert draws.size == len(draws.examples(1, 4)) == pytest.approx(expected.sum())


def test_a_pool_gives_every_example_its_turn() -> None:
    pool = Pool(np.arange(10, 20), 3)
    turns = [pool.drawn(5, epoch, 0) for epoch in range(3)]
    assert len(np.unique(np.concatenate(turns))) == 9
    assert np.array_equal(turns[1], pool.drawn(5, 1, 0))
    assert not np.array_equal(np.sort(turns[0]), np.sort(pool.drawn(6, 0, 0)))
    assert len(Pool(np.arange(4), 0).drawn(1, 0, 0)) == 0


def test_repeats_are_numbered() -> None:
    assert repeats(np.array([0, 0, 0, 2, 3, 3])).tolist() == [0, 1, 2, 0, 0, 1]
    assert repeats(np.zeros(0, np.int64)).tolist() == []


def test_without_a_sampling_every_example_is_drawn_once() -> None:
    targets = np.eye(3, dtype=np.uint8)
    draws = make_draws(None, targets)
    assert draws.examples(1, 5).tolist() == once(3).examples(2, 0).tolist() == [0, 1, 2]
    assert draws.aims.tolist() == [1, 1, 1]


def test_a_sampling_that_draws_nothing_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    empty = Draws(np.zeros(3, np.int64), (), np.zeros(3, np.int64))
    monkeypatch.setattr("bakeoff.data.treatments.oversample.oversample", lambda *_: empty)
    with pytest.raises(ValueError, match="draws no example"):
        make_draws(Component(name="oversample", version=1, settings={"by": 0.5}), np.eye(3, dtype=np.uint8))


def sequences(lengths: list[int], pairs: bool = False) -> Sequences:
    """Texts of distinct tokens between a first and a last special token; of a pair, with one between the halves."""
    rows, seconds = [], []
    for number, length in enumerate(lengths):
        own = [1000 * (number + 1) + place for place in range(length)]
        half = length // 2
        middle = [*own[:half], 102, *own[half:]] if pairs else own
        rows.append([101, *middle, 102])
        seconds.append(half + 2 if pairs else 0)
    tokens = np.array([token for row in rows for token in row], dtype=np.int64)
    return Sequences(tokens, np.array([len(row) for row in rows], dtype=np.int64), np.array(seconds, dtype=np.int32))


def treat(
    given: Sequences, settings: TokenNoiseSettings, epoch: int = 0, again: int = 0, rows: NDArray[np.int64] | None = None
):
    """What the noise makes of sequences."""
    rows = np.arange(len(given.lengths)) if rows is None else rows
    free = ~np.isin(given.tokens, SPECIAL)
    return TokenNoise(settings)(given, free, Chance.of(9, epoch, rows, np.full(len(rows), again)))


def split(found: Sequences) -> list[list[int]]:
    """Tokens of each sequence."""
    ends = np.cumsum(found.lengths)
    return [found.tokens[end - length : end].tolist() for end, length in zip(ends, found.lengths, strict=True)]


Lengths = st.lists(st.integers(2, 40), min_size=1, max_size=8)
Noise = st.builds(
    TokenNoiseSettings, delete=st.floats(0.01, 0.95), swap=st.floats(0.01, 0.95), share=st.sampled_from([0.5, 1.0])
)


@given(Lengths, Noise, st.booleans(), st.integers(0, 3))
def test_noise_keeps_special_tokens_and_texts_apart(
    lengths: list[int], settings: TokenNoiseSettings, pairs: bool, epoch: int
) -> None:
    given_, found = sequences(lengths, pairs), treat(sequences(lengths, pairs), settings, epoch)
    for number, (before, after) in enumerate(zip(split(given_), split(found), strict=True)):
        assert [token for token in after if token in SPECIAL] == [token for token in before if token in SPECIAL]
        assert set(after) <= set(before)
        assert len(set(after) - set(SPECIAL)) == sum(token not in SPECIAL for token in after)  # none stands twice
        assert after[0] == 101
        assert after[-1] == 102
        if pairs:
            old, new = int(given_.seconds[number]), int(found.seconds[number])
            assert after[new - 1] == 102
            assert set(after[1 : new - 1]) <= set(before[1 : old - 1])
            assert set(after[new:-1]) <= set(before[old:-1])
            assert len(after[1 : new - 1]) >= 1
        assert len(after) > 2


@given(Lengths, Noise, st.integers(0, 3))
def test_noise_is_a_pure_function_of_example_and_epoch(lengths: list[int], settings: TokenNoiseSettings, epoch: int) -> None:
    whole = split(treat(sequences(lengths), settings, epoch))
    rows = np.arange(len(lengths))[::-1].copy()
    turned = split(treat(sequences(lengths).take(rows), settings, epoch, rows=rows))
    assert turned == whole[::-1]
    for row in rows.tolist():
        alone = np.array([row])
        assert split(treat(sequences(lengths).take(alone), settings, epoch, rows=alone)) == [whole[row]]


def test_noise_has_the_rates_that_it_says() -> None:
    given_ = sequences([40] * 500)
    deleted = treat(given_, TokenNoiseSettings(delete=0.2, swap=0.0, share=1.0))
    assert 1 - (len(deleted.tokens) - 1000) / 20000 == pytest.approx(0.2, abs=0.01)
    assert all(row[1:-1] == sorted(row[1:-1]) for row in split(deleted))
    swapped = treat(given_, TokenNoiseSettings(delete=0.0, swap=0.3, share=1.0))
    assert sorted(swapped.tokens.tolist()) == sorted(given_.tokens.tolist())
    moved = float((swapped.tokens != given_.tokens).mean() * 42 / 40)
    assert moved == pytest.approx(0.3 * (1 - 1 / 12), abs=0.015)  # of k that are dealt out anew, one stays in the mean
    half = treat(given_, TokenNoiseSettings(delete=0.5, swap=0.0, share=0.5))
    assert float((half.lengths < 42).mean()) == pytest.approx(0.5, abs=0.06)


def test_epochs_and_repeats_differ() -> None:
    given_, settings = sequences([30] * 20), TokenNoiseSettings(share=1.0)
    found = [split(treat(given_, settings, epoch, again)) for epoch, again in ((0, 0), (1, 0), (0, 1))]
    assert found[0] != found[1] != found[2] != found[0]


def test_only_repeats_are_treated_where_it_says_so() -> None:
    given_, settings = sequences([30] * 20), TokenNoiseSettings(share=1.0, examples="repeats")
    assert split(treat(given_, settings)) == split(given_)
    assert split(treat(given_, settings, again=1)) != split(given_)


def test_augmentations_are_made_by_name() -> None:
    assert make_augmentation(None) is None
    made = make_augmentation(Component(name="token-noise", version=1, settings={"delete": 0.3}))
    assert isinstance(made, TokenNoise)
    assert made.settings == TokenNoiseSettings(delete=0.3)
