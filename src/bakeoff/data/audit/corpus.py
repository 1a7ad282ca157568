"""All rows of a dataset at once, as an audit looks at them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from bakeoff.data.dataset import Dataset
from bakeoff.records.audits import AuditRow


@dataclass(frozen=True)
class Corpus:
    """All rows of a dataset, split after split.

    Attributes:
        dataset: the dataset.
    """

    dataset: Dataset

    @cached_property
    def offsets(self) -> dict[str, int]:
        """First row of each split."""
        sizes = [self.dataset.size(split) for split in self.dataset.splits]
        return dict(zip(self.dataset.splits, np.cumsum([0, *sizes])[:-1].tolist(), strict=True))

    @cached_property
    def split(self) -> NDArray[np.int8]:
        """Number of each row's split among those of the dataset, [N]."""
        sizes = [self.dataset.size(split) for split in self.dataset.splits]
        return np.repeat(np.arange(len(sizes), dtype=np.int8), sizes)

    @cached_property
    def texts(self) -> list[str]:
        """Texts, N of them."""
        return [text for split in self.dataset.splits for text in self.dataset.texts(split)]

    @cached_property
    def seconds(self) -> list[str] | None:
        """The other texts of pairs; None where the dataset has none."""
        if not self.dataset.has("seconds"):
            return None
        return [text for split in self.dataset.splits for text in self.dataset.seconds(split)]

    @cached_property
    def groups(self) -> list[str] | None:
        """The group of each row; None where the dataset has none."""
        if not self.dataset.has("groups"):
            return None
        return [group for split in self.dataset.splits for group in self.dataset.groups(split)]

    @cached_property
    def labels(self) -> list[tuple[int, ...]]:
        """Positions of each row's labels."""
        return [row for split in self.dataset.splits for row in self.dataset.positions(split)]

    @cached_property
    def targets(self) -> csr_array:
        """Targets, [N, L], sparse."""
        starts = np.cumsum([0, *map(len, self.labels)])
        places = np.fromiter((label for row in self.labels for label in row), dtype=np.int32, count=int(starts[-1]))
        shape = (len(self.labels), len(self.dataset.labels))
        return csr_array((np.ones(len(places), dtype=np.float32), places, starts), shape=shape)

    def annotated(self, rows: NDArray[np.int64]) -> NDArray[np.bool_] | None:
        """Which labels somebody decided on.

        Args:
            rows: numbers of rows, [R].

        Returns:
            [R, L]; None where every row is decided on all.
        """
        parts = [self.dataset.annotated(self.split_of(row), np.array([self.place_of(row)])) for row in rows.tolist()]
        if not parts or any(part is None for part in parts):
            return None
        return np.concatenate([part for part in parts if part is not None])

    @property
    def rows(self) -> int:
        """Number of rows N."""
        return len(self.split)

    @cached_property
    def exclusive(self) -> bool:
        """Whether every row has just one label."""
        return all(len(row) == 1 for row in self.labels)

    def members(self, split: str) -> slice:
        """The rows of a split.

        Args:
            split: which.

        Returns:
            A slice of all rows.
        """
        first = self.offsets[split]
        return slice(first, first + self.dataset.size(split))

    def split_of(self, row: int) -> str:
        """The split of a row.

        Args:
            row: its number.

        Returns:
            The split's name.
        """
        return self.dataset.splits[int(self.split[row])]

    def place_of(self, row: int) -> int:
        """The number of a row in its split.

        Args:
            row: its number among all.

        Returns:
            Its number, from 0.
        """
        return row - self.offsets[self.split_of(row)]

    def names(self, row: int) -> list[str]:
        """Label names of a row.

        Args:
            row: its number.

        Returns:
            Names.
        """
        return [self.dataset.labels[label] for label in self.labels[row]]

    def shown(self, rows: Iterable[int]) -> list[AuditRow]:
        """Rows as a finding names them.

        Args:
            rows: their numbers.

        Returns:
            Split, id and labels of each.
        """
        return [
            AuditRow(
                split=self.split_of(row),
                id=self.dataset.ids(self.split_of(row), np.array([self.place_of(row)]))[0],
                labels=self.names(row),
            )
            for row in rows
        ]
