"""How alike two representations of the same examples are: debiased linear CKA, cosine, Procrustes.

A representation is one vector an example, [N, D]. Its cloud is what is compared: rotations, reflections and shifts of it change
neither CKA nor Procrustes, and its size does not either; cosine compares each vector with its own counterpart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.metrics.counts import Floats

LEAST_EXAMPLES = 4
"""Debiased HSIC divides by N − 3."""
CHUNK = 256
"""Rows that are multiplied at a time."""
MOST_KERNELS = 1500
"""Examples up to which the kernel matrices of all layers fit into some hundred megabytes."""


@dataclass(frozen=True)
class Cloud:
    """The vectors of some examples, centred, with what every comparison of them needs.

    Attributes:
        rows: float64, centred, [N, D]: what is debiased does not change by a shift, and small numbers are more exact.
        group: the group of each example, from 0, [N].
        groups: number of groups G; each is left out once.
    """

    rows: Floats
    group: NDArray[np.intp]
    groups: int

    @staticmethod
    def of(vectors: NDArray[Any], group: NDArray[np.intp] | None = None) -> Cloud:
        """Centre vectors.

        Args:
            vectors: one an example, [N, D].
            group: the group of each example, from 0, [N]; None leaves nothing out.

        Returns:
            The cloud.

        Raises:
            ValueError: if there are fewer than four examples, or a number is not finite.
        """
        rows = np.asarray(vectors, dtype=np.float64)
        if rows.ndim != 2 or len(rows) < LEAST_EXAMPLES:
            raise ValueError(f"at least {LEAST_EXAMPLES} vectors are needed; found the shape {rows.shape}")
        if not np.isfinite(rows).all():
            raise ValueError("a vector is not finite")
        labels = np.zeros(len(rows), dtype=np.intp) if group is None else np.asarray(group, dtype=np.intp)
        count = 0 if group is None else int(labels.max()) + 1
        return Cloud(rows - rows.mean(axis=0), labels, count)

    @cached_property
    def squares(self) -> Floats:
        """Squared length of each vector, [N]."""
        return np.asarray(np.einsum("nd,nd->n", self.rows, self.rows))

    @cached_property
    def member(self) -> Floats:
        """Whether an example belongs to a group, as 0 and 1, [N, G]."""
        return np.asarray(self.group[:, None] == np.arange(self.groups), dtype=np.float64)

    @cached_property
    def sums(self) -> Floats:
        """Sum of the vectors that stay when each group is left out, and of all, [G + 1, D]."""
        total = self.rows.sum(axis=0)
        return np.vstack([total - self.member.T @ self.rows, total])

    @cached_property
    def pulls(self) -> Floats:
        """Σ_j ⟨x_i, x_j⟩ over j ≠ i that stay, when each group is left out, and for all, [N, G + 1]."""
        return np.asarray(self.rows @ self.sums.T - self.squares[:, None])

    @cached_property
    def own(self) -> Floats:
        """Debiased HSIC with itself: without each group, and of all, [G + 1]."""
        return _hsic(self, self)


def _hsic(x: Cloud, y: Cloud) -> Floats:
    """Debiased HSIC of two clouds, without each group and of all, [G + 1].

    With K̃ = XXᵀ and L̃ = YYᵀ without their diagonals it is [tr K̃L̃ + 1ᵀK̃1·1ᵀL̃1/((n−1)(n−2)) − 2·1ᵀK̃L̃1/(n−2)]/(n(n−3)) (Song et
    al., Feature Selection via Dependence Maximization, JMLR 2012, eq. 5). tr K̃L̃ = ‖XᵀY‖² − Σ‖x_i‖²‖y_i‖², so that nothing of
    the size N × N is made (Nguyen, Raghu and Kornblith, Do Wide and Deep Networks Learn the Same Things?, ICLR 2021).
    """
    product = _product(x.rows, y.rows)
    whole = float(np.einsum("de,de->", product, product))
    both = x.squares * y.squares
    stays = np.hstack([1.0 - x.member, np.ones((len(x.rows), 1))])
    left = stays.sum(axis=0)
    traces = np.full(x.groups + 1, whole)
    if x.groups:
        # ‖P − P_g‖² = ‖P‖² − 2⟨P, P_g⟩ + ‖P_g‖², where P_g = X_gᵀY_g
        inner = np.einsum("nd,nd->n", x.rows @ product, y.rows)
        traces[:-1] += -2 * (x.member.T @ inner) + _within(x, y)
    traces -= both @ stays
    kernel_x, kernel_y = (np.einsum("gd,gd->g", cloud.sums, cloud.sums) - cloud.squares @ stays for cloud in (x, y))
    crossed = np.einsum("ng,ng,ng->g", x.pulls, y.pulls, stays)
    inner_sum = traces + kernel_x * kernel_y / ((left - 1) * (left - 2)) - 2 * crossed / (left - 2)
    return np.asarray(inner_sum / (left * (left - 3)))


def _product(x: Floats, y: Floats) -> Floats:
    """XᵀY, some rows at a time."""
    total = np.zeros((x.shape[1], y.shape[1]))
    for start in range(0, len(x), CHUNK):
        total += x[start : start + CHUNK].T @ y[start : start + CHUNK]
    return total


def _within(x: Cloud, y: Cloud) -> Floats:
    """‖X_gᵀY_g‖² of each group, [G]: by the few products of its own examples."""
    found = np.zeros(x.groups)
    for group in range(x.groups):
        rows = x.group == group
        found[group] = np.sum((x.rows[rows] @ x.rows[rows].T) * (y.rows[rows] @ y.rows[rows].T))
    return found


def debiased_cka(x: Cloud, y: Cloud) -> tuple[float, Floats]:
    """Debiased linear CKA: 1 for clouds that are alike up to rotation, shift and size, about 0 for unrelated ones.

    Args:
        x: one representation.
        y: another of the same examples in the same groups; its width may differ.

    Returns:
        CKA of all examples, and without each group, [G]; nan where one cloud is a point. Source: Kornblith et al., Similarity
        of Neural Network Representations Revisited, ICML 2019, with the unbiased HSIC of Song et al. 2012. Checked against
        `pytorch-cka` and a float64 reference on kernel matrices. It misleads with duplicates among the examples, so never
        resample with replacement; biased CKA is far above 0 for unrelated clouds where N is not much larger than D.
    """
    cross = _hsic(x, y)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = cross / np.sqrt(np.where(x.own > 0, x.own, np.nan) * np.where(y.own > 0, y.own, np.nan))
    return float(found[-1]), found[:-1]


def cka_matrix(xs: Sequence[Cloud], ys: Sequence[Cloud]) -> Floats:
    """Debiased CKA of each of some representations with each of others.

    Args:
        xs: A representations.
        ys: B representations of the same examples.

    Returns:
        [A, B]; as `debiased_cka`. Few examples are compared by their kernel matrices, which are made once for each
        representation in place of a product for each pair.
    """
    if len(xs[0].rows) > MOST_KERNELS:
        return np.array([[debiased_cka(x, y)[0] for y in ys] for x in xs])
    first = _Kernels.of(xs)
    second = first if xs is ys else _Kernels.of(ys)
    own = np.outer(first.own, second.own)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(first.hsic(second) / np.sqrt(np.where(own > 0, own, np.nan)))


@dataclass(frozen=True)
class _Kernels:
    """Kernel matrices without their diagonals, for A representations of N examples.

    Attributes:
        flat: [A, N · N].
        columns: sums of their columns, [A, N].
        sums: sums of them, [A].
    """

    flat: Floats
    columns: Floats
    sums: Floats

    @staticmethod
    def of(clouds: Sequence[Cloud]) -> _Kernels:
        examples = len(clouds[0].rows)
        flat = np.empty((len(clouds), examples * examples))
        for place, cloud in enumerate(clouds):
            kernel = cloud.rows @ cloud.rows.T
            np.fill_diagonal(kernel, 0.0)
            flat[place] = kernel.ravel()
        columns = flat.reshape(len(clouds), examples, examples).sum(axis=1)
        return _Kernels(flat, columns, columns.sum(axis=1))

    def hsic(self, other: _Kernels) -> Floats:
        """Debiased HSIC with each of others, [A, B]."""
        return self._scaled(self.flat @ other.flat.T, np.outer(self.sums, other.sums), self.columns @ other.columns.T)

    @property
    def own(self) -> Floats:
        """Debiased HSIC of each with itself, [A]."""
        traces, crossed = (np.einsum("an,an->a", part, part) for part in (self.flat, self.columns))
        return self._scaled(traces, self.sums**2, crossed)

    def _scaled(self, traces: Floats, sums: Floats, crossed: Floats) -> Floats:
        n = self.columns.shape[1]
        return np.asarray((traces + sums / ((n - 1) * (n - 2)) - 2 * crossed / (n - 2)) / (n * (n - 3)))


def cosines(x: NDArray[Any], y: NDArray[Any]) -> Floats:
    """Cosine of each example's two vectors.

    Args:
        x: [N, D].
        y: [N, D].

    Returns:
        [N]; nan where a vector is zero.
    """
    first, second = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.einsum("nd,nd->n", first, second) / lengths)


def procrustes(x: Cloud, y: Cloud) -> float:
    """How well one cloud, turned and scaled as well as can be, lies on the other.

    Args:
        x: one representation.
        y: another of the same examples.

    Returns:
        ‖XᵀY‖_* / (‖X‖·‖Y‖), from 0 to 1; 1 for a rotation. Source: Williams et al., Generalized Shape Metrics on Neural
        Representations, NeurIPS 2021, as a similarity. Biased upwards where N is not much larger than D.
    """
    scale = float(np.sqrt(x.squares.sum() * y.squares.sum()))
    if not scale:
        return float("nan")
    return float(np.linalg.svd(_product(x.rows, y.rows), compute_uv=False).sum() / scale)
