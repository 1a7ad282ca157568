"""Groups of examples that the jackknife leaves out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.errors import DataError
from bakeoff.stats.grouping import GROUPS, draw_groups


@given(examples=st.integers(2, 400), clusters=st.integers(2, 60), count=st.integers(2, 120), seed=st.integers(0, 9))
def test_groups_are_a_partition_that_divides_no_cluster(examples: int, clusters: int, count: int, seed: int) -> None:
    names = np.random.default_rng(seed).integers(0, clusters, examples)
    if len(np.unique(names)) < 2:
        return
    groups = draw_groups(examples, names, count)
    assert groups.count == min(count, len(np.unique(names)))
    assert (np.bincount(groups.of_example, minlength=groups.count) == groups.sizes).all()
    assert groups.sizes.min() > 0
    for name in np.unique(names):
        assert len(np.unique(groups.of_example[names == name])) == 1


def test_examples_that_stand_alone_fill_groups_evenly() -> None:
    groups = draw_groups(5427)
    assert groups.count == GROUPS
    assert set(groups.sizes) == {54, 55}
    assert groups.clusters == 5427
    assert not groups.few_clusters


def test_groups_are_the_same_every_time_and_drawn_at_random() -> None:
    first = draw_groups(300)
    assert (first.of_example == draw_groups(300).of_example).all()
    assert (first.of_example != draw_groups(300, seed=1).of_example).any()
    assert len(np.unique(first.of_example[:100])) > 50


def test_large_clusters_are_spread_over_groups() -> None:
    names = np.repeat(np.arange(40), [50] * 10 + [5] * 30)
    groups = draw_groups(650, [str(name) for name in names], count=10)
    assert groups.sizes.tolist() == [65] * 10


def test_few_clusters_are_told() -> None:
    assert draw_groups(100, np.arange(100) % 19).few_clusters
    assert not draw_groups(100, np.arange(100) % 20).few_clusters


def test_one_cluster_is_an_error_with_a_remedy() -> None:
    with pytest.raises(DataError, match="1 cluster") as caught:
        draw_groups(50, ["all"] * 50)
    assert "independent examples" in caught.value.remedy
    with pytest.raises(DataError):
        draw_groups(0)


def test_clusters_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="3 clusters for 4 examples"):
        draw_groups(4, [1, 2, 3])


def test_rows_are_added_up_by_group() -> None:
    generator = np.random.default_rng(0)
    groups = draw_groups(57, count=7)
    rows = generator.random((2, 57, 3))
    expected = np.stack([rows[:, groups.of_example == group].sum(axis=1) for group in range(7)], axis=1)
    np.testing.assert_allclose(groups.sum_rows(rows), expected, atol=1e-12)
    np.testing.assert_array_equal(groups.sum_rows(rows > 0.5).sum(axis=1), (rows > 0.5).sum(axis=1))
