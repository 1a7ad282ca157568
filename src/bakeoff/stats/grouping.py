"""Groups of examples: what the jackknife leaves out, one at a time.

The unit of a test set is the cluster where there is one (dialogue, article, near-duplicates): its examples go together.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.errors import DataError

GROUPS = 100
"""Groups of a test set that has at least as many clusters. Fewer make the interval wider (t with 19 instead of 99 degrees of
freedom: 5 %), more cost time and bring next to nothing (199: 0.6 %). `make calibration` measures 20, 50, 100 and 200."""
GROUP_SEED = 20_240_301
FEW_CLUSTERS = 20
"""With fewer clusters the noise of the test set is itself poorly known."""


@dataclass(frozen=True)
class Groups:
    """A partition of the test set, the same for all recipes that are compared.

    Attributes:
        of_example: the group of each example, from 0, [N].
        sizes: examples in each group, [G].
        clusters: clusters in the test set; N where every example stands alone.
    """

    of_example: NDArray[np.intp]
    sizes: NDArray[np.int64]
    clusters: int

    @property
    def count(self) -> int:
        """Number of groups, G."""
        return len(self.sizes)

    @property
    def few_clusters(self) -> bool:
        """Whether the test set has so few clusters that intervals deserve a warning."""
        return self.clusters < FEW_CLUSTERS

    def sum_rows(self, rows: NDArray[Any]) -> NDArray[np.float64]:
        """Add rows up by group.

        Args:
            rows: numbers or flags, [..., N, K].

        Returns:
            Sums, [..., G, K].
        """
        order = np.argsort(self.of_example, kind="stable")
        starts = np.concatenate([[0], np.cumsum(self.sizes)[:-1]])
        # whole numbers are added as such: exact in any order, and flags need an eighth of the memory of floats
        dtype = np.float64 if rows.dtype.kind == "f" else np.int64
        return np.add.reduceat(rows[..., order, :], starts, axis=-2, dtype=dtype).astype(np.float64)


def draw_groups(
    examples: int, clusters: Sequence[Any] | NDArray[Any] | None = None, count: int = GROUPS, seed: int = GROUP_SEED
) -> Groups:
    """Share a test set out to groups, at random and as evenly as clusters allow.

    Args:
        examples: N.
        clusters: what examples belong together by, a value an example, [N]; None where each stands alone.
        count: groups wanted; at most one a cluster is made.
        seed: governs which cluster goes where.

    Returns:
        The groups. A cluster is never divided. Large ones are placed first, each into the smallest group so far.

    Raises:
        DataError: if there are fewer than two clusters: the noise of such a test set cannot be known.
        ValueError: if `clusters` has another length.
    """
    if clusters is not None and len(clusters) != examples:
        raise ValueError(f"{len(clusters)} clusters for {examples} examples")
    codes = np.arange(examples) if clusters is None else np.unique(np.asarray(clusters), return_inverse=True)[1].ravel()
    sizes = np.bincount(codes, minlength=1)
    if len(sizes) < 2:
        raise DataError(
            f"the test set has {len(sizes)} cluster of examples, and from one nothing can be said of another",
            remedy="give a test set of at least two independent examples, better of hundreds",
        )
    group_of_cluster = _share_out(sizes, min(count, len(sizes)), np.random.default_rng(seed))
    of_example = group_of_cluster[codes]
    return Groups(of_example=of_example, sizes=np.bincount(of_example).astype(np.int64), clusters=len(sizes))


def _share_out(sizes: NDArray[np.int64], count: int, generator: np.random.Generator) -> NDArray[np.intp]:
    """Group of each cluster; ties of size are broken at random."""
    order = generator.permutation(len(sizes))
    order = order[np.argsort(-sizes[order], kind="stable")]
    names = generator.permutation(count)
    groups = np.empty(len(sizes), dtype=np.intp)
    if sizes.max() == 1:
        groups[order] = names[np.arange(len(sizes)) % count]
        return groups
    heap = [(0, int(name)) for name in names]
    heapq.heapify(heap)
    for cluster in order:
        filled, name = heapq.heappop(heap)
        groups[cluster] = name
        heapq.heappush(heap, (filled + int(sizes[cluster]), name))
    return groups
