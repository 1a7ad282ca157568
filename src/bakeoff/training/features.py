"""Features: what a frozen model made of the rows that trials use, kept in memory-mapped files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bakeoff.errors import DataError, FormatError
from bakeoff.records.files import read_document, sha256_file
from bakeoff.records.paths import FEATURES_VERSION
from bakeoff.records.specs import TrialSpec
from bakeoff.tasks.tokens import SPLITS
from bakeoff.training.batches import Batch
from bakeoff.training.body import Body

Unit = Literal["row", "token"]
"""What has a vector: a row as a whole, or each token of it, for heads that point at tokens."""


@dataclass(frozen=True)
class FeatureStore:
    """An opened feature store.

    Attributes:
        vectors: by split, the vectors of its rows, one after another, [V, D] float32, memory-mapped; V is N where a row has
            one vector.
        rows: by split, their row numbers, ascending, [N] int64.
        starts: by split, the first vector of each row, [N + 1] int64.
        card: the content of `features.json`.
    """

    vectors: dict[str, NDArray[np.float32]]
    rows: dict[str, NDArray[np.int64]]
    starts: dict[str, NDArray[np.int64]]
    card: dict[str, Any]

    @staticmethod
    def open(folder: Path, trial: TrialSpec, tokens: str) -> FeatureStore:
        """Open a store and verify every hash.

        Args:
            folder: the store.
            trial: what it is read for.
            tokens: key of the trial's token store.

        Returns:
            The store.

        Raises:
            DataError: if it is missing, made otherwise than the trial asks for, or its hashes do not hold.
        """
        remedy = f"remove the folder {folder}; it is made again"
        try:
            card = read_document(folder / "features.json", "features", FEATURES_VERSION)
        except FormatError as error:
            raise DataError(f"the feature store cannot be read: {error.what}", str(folder), remedy) from error
        if {key: card.get(key) for key in asked_of(trial, tokens)} != asked_of(trial, tokens):
            raise DataError("the feature store was made otherwise than the trial asks for", str(folder), remedy)
        for name, digest in card["files"].items():
            if not (folder / name).is_file() or sha256_file(folder / name) != digest:
                raise DataError(f"{name} of the feature store is not what was written", str(folder), remedy)
        vectors = {split: np.load(folder / f"{split}.npy", mmap_mode="r", allow_pickle=False) for split in SPLITS}
        rows, starts = (
            {split: np.load(folder / f"{split}-{part}.npy", allow_pickle=False) for split in SPLITS}
            for part in ("rows", "starts")
        )
        return FeatureStore(vectors, rows, starts, card)

    def base(self) -> dict[str, str]:
        """Hash of the model that left the vectors, before and after it read the texts.

        Returns:
            `base_sha256` and `base_sha256_after`, which are equal: no store is made where they are not.
        """
        before = self.card["base_sha256"]
        return {"base_sha256": before, "base_sha256_after": self.card.get("base_sha256_after", before)}

    def of(self, split: str, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Vectors of some rows, one after another.

        Args:
            split: the split.
            rows: row numbers in the split, any order, [B].

        Returns:
            [V, D] float32, in memory of their own.

        Raises:
            DataError: if the store has not all of them.
        """
        kept = self.rows[split]
        place = np.minimum(np.searchsorted(kept, rows), max(0, len(kept) - 1))
        if len(rows) and not (len(kept) and np.array_equal(kept[place], rows)):
            raise DataError(f"the feature store has not all rows of {split} that the trial uses", "features", "run it again")
        if self.card["unit"] == "token":
            place = within(self.starts[split], place)
        vectors: NDArray[np.float32] = self.vectors[split][place]
        return vectors


def within(starts: NDArray[np.int64], places: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where the parts of some rows stand, if the parts of all rows stand one after another.

    Args:
        starts: the first part of each row, [N + 1].
        places: which rows, in any order, [B].

    Returns:
        Places of their parts, row after row.
    """
    lengths = starts[places + 1] - starts[places]
    before = np.cumsum(lengths) - lengths
    found: NDArray[np.int64] = np.arange(int(lengths.sum())) + np.repeat(starts[places] - before, lengths)
    return found


def asked_of(trial: TrialSpec, tokens: str) -> dict[str, Any]:
    """What vectors hang on beside the rows.

    Args:
        trial: what they are for.
        tokens: key of its token store.

    Returns:
        As it stands in `features.json`.
    """
    training = trial.recipe.training
    unit: Unit = "token" if trial.task.finds_spans else "row"
    return {
        "tokens": tokens,
        "unit": unit,
        "pooling": trial.recipe.pooling,
        "precision": training.precision if training else "fp32",
    }


class FeatureTable(Body):
    """Stands for a frozen backbone: gives the vectors that it left.

    Args:
        store: the features.
    """

    def __init__(self, store: FeatureStore) -> None:
        super().__init__()
        self.store = store
        self.place: Tensor
        # it goes where the classifier goes, and says where that is
        self.register_buffer("place", torch.zeros(0), persistent=False)

    @property
    def width(self) -> int:
        """Width D of its vectors."""
        return int(self.store.card["width"])

    @property
    def dropout(self) -> float:
        """Dropout probability that the model's family uses before a classification head."""
        return float(self.store.card["dropout"])

    def facts(self) -> dict[str, Any]:
        """What the model was that left the vectors.

        Returns:
            Hash of its weights before and after, their number, and how it ran.
        """
        return {**self.store.base(), **{key: self.store.card[key] for key in ("base_parameters", "packed")}}

    def forward(self, batch: Batch) -> Tensor:
        """Look vectors up.

        Args:
            batch: its split and rows.

        Returns:
            One vector a row, in the batch's order, [B, D].
        """
        return torch.from_numpy(self.store.of(batch.split, batch.rows)).to(self.place.device)

    def tokens(self, batch: Batch) -> Tensor:
        """Look vectors of tokens up.

        Args:
            batch: its split and rows.

        Returns:
            One vector a token, row after row, [T, D].
        """
        return self.forward(batch)
