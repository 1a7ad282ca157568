"""Similarity of representations: kernel matrices in float64, values of pytorch-cka, and what holds by definition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial import procrustes as scipy_procrustes
from scipy.stats import ortho_group

from bakeoff.metrics import similarity
from bakeoff.metrics.similarity import Cloud, cka_matrix, cosines, debiased_cka, procrustes

Floats = NDArray[np.float64]


def clouds(seed: int, examples: int, widths: tuple[int, int], share: float = 0.5) -> tuple[Floats, Floats]:
    """Two clouds that have something in common, far from the origin as models' vectors are."""
    generator = np.random.default_rng(seed)
    common = generator.normal(size=(examples, min(widths)))
    made = []
    for width in widths:
        own = generator.normal(size=(examples, width))
        own[:, : common.shape[1]] += share * common
        made.append(own + generator.normal(size=width) * 3)
    return made[0], made[1]


def reference_hsic(kernel: Floats, other: Floats) -> float:
    """Debiased HSIC by its definition on kernel matrices (Song et al. 2012, equation 5)."""
    n = len(kernel)
    k, m = kernel - np.diag(np.diag(kernel)), other - np.diag(np.diag(other))
    total = np.trace(k @ m) + k.sum() * m.sum() / ((n - 1) * (n - 2)) - 2 / (n - 2) * (k @ m).sum()
    return float(total / (n * (n - 3)))


def reference_cka(x: Floats, y: Floats) -> float:
    k, m = x @ x.T, y @ y.T
    return reference_hsic(k, m) / float(np.sqrt(reference_hsic(k, k) * reference_hsic(m, m)))


@given(st.integers(0, 10**6), st.integers(4, 60), st.integers(1, 30), st.integers(1, 30))
@settings(max_examples=60, deadline=None)
def test_it_is_what_kernel_matrices_give(seed: int, examples: int, width: int, other: int) -> None:
    x, y = clouds(seed, examples, (width, other))
    found, _ = debiased_cka(Cloud.of(x), Cloud.of(y))
    with np.errstate(invalid="ignore"):
        expected = reference_cka(x, y)
    assert np.isnan(found) or found == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_values_of_pytorch_cka() -> None:
    """pytorch-cka 1.1.3, `cka.hsic.hsic` on float64 Gram matrices of these clouds, on torch 2.13."""
    for (seed, examples, widths), value in PYTORCH_CKA.items():
        x, y = clouds(seed, examples, widths)
        assert debiased_cka(Cloud.of(x), Cloud.of(y))[0] == pytest.approx(value, abs=1e-9)


PYTORCH_CKA = {
    (1, 50, (8, 8)): 0.015958680008678037,
    (2, 200, (384, 384)): 0.04479754478321943,
    (3, 750, (768, 512)): 0.03505755290379322,
}


def test_what_is_left_out_is_left_out() -> None:
    x, y = clouds(5, 60, (12, 7))
    group = np.random.default_rng(0).integers(0, 9, 60)
    whole, without = debiased_cka(Cloud.of(x, group), Cloud.of(y, group))
    assert whole == pytest.approx(reference_cka(x, y), abs=1e-9)
    assert without == pytest.approx([reference_cka(x[group != g], y[group != g]) for g in range(9)], abs=1e-9)


@pytest.mark.parametrize(("size", "shift"), [(1.0, 0.0), (7.5, 0.0), (0.01, 100.0)])
def test_a_rotation_a_shift_and_a_size_change_nothing(size: float, shift: float) -> None:
    x, _ = clouds(3, 120, (24, 24))
    turned = size * x @ ortho_group.rvs(24, random_state=1) + shift
    assert debiased_cka(Cloud.of(x), Cloud.of(turned))[0] == pytest.approx(1.0, abs=1e-9)
    assert procrustes(Cloud.of(x), Cloud.of(turned)) == pytest.approx(1.0, abs=1e-9)


def test_unrelated_clouds_are_about_0_where_the_biased_form_is_not() -> None:
    generator = np.random.default_rng(0)
    found = []
    for _ in range(20):
        x, y = generator.normal(size=(2, 200, 384))
        found.append(debiased_cka(Cloud.of(x), Cloud.of(y))[0])
        centred = [one - one.mean(axis=0) for one in (x, y)]
        k, m = (one @ one.T for one in centred)
        assert np.sum(k * m) / np.sqrt(np.sum(k * k) * np.sum(m * m)) > 0.5
    assert np.abs(found).max() < 0.02


def test_a_matrix_of_layers_has_1_on_its_diagonal_and_is_symmetric() -> None:
    generator = np.random.default_rng(1)
    layers = [Cloud.of(generator.normal(size=(40, 6))) for _ in range(4)]
    matrix = cka_matrix(layers, layers)
    assert np.diag(matrix) == pytest.approx(1.0)
    assert matrix == pytest.approx(matrix.T)
    by_features = [[debiased_cka(x, y)[0] for y in layers[:3]] for x in layers]
    assert cka_matrix(layers, layers[:3]) == pytest.approx(np.array(by_features))


def test_many_examples_are_compared_without_kernel_matrices(monkeypatch: pytest.MonkeyPatch) -> None:
    layers = [Cloud.of(one) for one in clouds(2, 50, (6, 9))]
    expected = cka_matrix(layers, layers)
    monkeypatch.setattr(similarity, "MOST_KERNELS", 10)
    assert cka_matrix(layers, layers) == pytest.approx(expected)


def test_procrustes_is_scipys() -> None:
    x, y = clouds(9, 30, (6, 6))
    # SciPy's disparity is that of clouds of length 1: 1 minus the squared similarity
    assert procrustes(Cloud.of(x), Cloud.of(y)) ** 2 == pytest.approx(1 - scipy_procrustes(x, y)[2], abs=1e-9)


def test_cosines_are_those_of_each_example() -> None:
    x, y = clouds(4, 10, (5, 5))
    expected = [a @ b / np.sqrt(a @ a * (b @ b)) for a, b in zip(x, y, strict=True)]
    assert cosines(x, y) == pytest.approx(expected)
    assert np.isnan(cosines(np.zeros((1, 3)), np.ones((1, 3))))


@pytest.mark.parametrize("vectors", [np.zeros((3, 4)), np.zeros(9), np.full((9, 2), np.nan)])
def test_what_nothing_can_be_said_of_is_refused(vectors: NDArray[Any]) -> None:
    with pytest.raises(ValueError, match=r"vectors are needed|not finite"):
        Cloud.of(vectors)


def test_a_point_is_like_nothing() -> None:
    x, _ = clouds(4, 10, (5, 5))
    with np.errstate(invalid="ignore"):
        assert np.isnan(debiased_cka(Cloud.of(x), Cloud.of(np.ones((10, 3))))[0])
        assert np.isnan(procrustes(Cloud.of(x), Cloud.of(np.ones((10, 3)))))
