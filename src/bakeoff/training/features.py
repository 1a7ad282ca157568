"""Features: what a frozen model makes of the rows that trials use, computed once and kept in memory-mapped files."""

from __future__ import annotations

import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bakeoff.errors import DataError, FormatError, ModelError
from bakeoff.records.files import move_into_place, read_document, sha256_file, write_document
from bakeoff.records.paths import FEATURES_VERSION
from bakeoff.records.specs import TrialSpec
from bakeoff.tasks.tokens import SPLITS, TokenStore
from bakeoff.training.adapting import frozen_hash
from bakeoff.training.arithmetic import accelerator_for
from bakeoff.training.backbone import Backbone
from bakeoff.training.batches import USUAL_TOKENS, Batch, evaluation_batches, make_batch
from bakeoff.training.body import Body
from bakeoff.training.checks import settle_packing
from bakeoff.training.classifier import Classifier
from bakeoff.training.full import CHECKED_ROWS, check_fit
from bakeoff.training.work import Work


@dataclass(frozen=True)
class FeatureStore:
    """An opened feature store.

    Attributes:
        vectors: by split, the vectors of its rows, [N, D] float32, memory-mapped.
        rows: by split, their row numbers, ascending, [N] int64.
        card: the content of `features.json`.
    """

    vectors: dict[str, NDArray[np.float32]]
    rows: dict[str, NDArray[np.int64]]
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
        if {key: card.get(key) for key in _asked(trial, tokens)} != _asked(trial, tokens):
            raise DataError("the feature store was made otherwise than the trial asks for", str(folder), remedy)
        for name, digest in card["files"].items():
            if not (folder / name).is_file() or sha256_file(folder / name) != digest:
                raise DataError(f"{name} of the feature store is not what was written", str(folder), remedy)
        vectors = {split: np.load(folder / f"{split}.npy", mmap_mode="r", allow_pickle=False) for split in SPLITS}
        rows = {split: np.load(folder / f"{split}-rows.npy", allow_pickle=False) for split in SPLITS}
        return FeatureStore(vectors, rows, card)

    def of(self, split: str, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Vectors of some rows.

        Args:
            split: the split.
            rows: row numbers in the split, any order, [B].

        Returns:
            [B, D] float32, in memory of their own.

        Raises:
            DataError: if the store has not all of them.
        """
        kept = self.rows[split]
        place = np.minimum(np.searchsorted(kept, rows), max(0, len(kept) - 1))
        if len(rows) and not (len(kept) and np.array_equal(kept[place], rows)):
            raise DataError(f"the feature store has not all rows of {split} that the trial uses", "features", "run it again")
        vectors: NDArray[np.float32] = self.vectors[split][place]
        return vectors


def _asked(trial: TrialSpec, tokens: str) -> dict[str, Any]:
    """What vectors hang on beside the rows."""
    training = trial.recipe.training
    return {"tokens": tokens, "pooling": trial.recipe.pooling, "precision": training.precision if training else "fp32"}


def features_of(work: Work) -> FeatureStore:
    """The features of a trial: from the store that its study shares, or, where none was given, made for it alone.

    Args:
        work: the trial.

    Returns:
        The store.
    """
    assert work.tokens is not None
    folder = work.features
    if folder is None:
        folder = work.attempt.root / "features"
        if not folder.is_dir():
            build_features(work, folder)
    return FeatureStore.open(folder, work.trial, work.tokens.name)


def build_features(work: Work, folder: Path) -> dict[str, Any]:
    """Run the model once, in evaluation mode, over the rows that a trial uses, and put the store into place in one rename.

    Args:
        work: the trial; all that share its tokens, pooling, precision and rows share the store.
        folder: where the store shall stand.

    Returns:
        Facts: `rows`, `width`.

    Raises:
        ModelError: if the model cannot hold the task's texts, overflows in the precision, or did not stay as it was.
    """
    assert work.tokens is not None
    training, recipe = work.trial.recipe.training, work.trial.recipe
    assert recipe.model is not None
    store = TokenStore.open(work.tokens, work.dataset.fingerprint)
    model = frozen_model(work)
    accelerator = accelerator_for(training.precision if training else "fp32", recipe.model.family)
    note = settle_packing(model, make_batch(store, "train", work.rows("train")[:CHECKED_ROWS]))
    model.to(accelerator.device)
    before = frozen_hash(model)
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.tmp")
    temporary.mkdir()
    try:
        for split in SPLITS:
            rows = work.rows(split)
            np.save(temporary / f"{split}.npy", vectors_of(work, model, accelerator.autocast, store, split))
            np.save(temporary / f"{split}-rows.npy", rows)
        if frozen_hash(model) != before:
            raise ModelError("the model changed while it was only read", "base", "please report this as a bug")
        body = {
            **_asked(work.trial, work.tokens.name),
            "width": model.backbone.width,
            "dropout": model.backbone.dropout,
            "base_sha256": before,
            "base_parameters": sum(parameter.numel() for parameter in model.backbone.parameters()),
            "packed": model.backbone.packed,
            "note": note,
            "splits": {split: len(work.rows(split)) for split in SPLITS},
            "files": {path.name: sha256_file(path) for path in sorted(temporary.iterdir())},
        }
        write_document(temporary / "features.json", "features", FEATURES_VERSION, body)
        move_into_place(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return {"rows": sum(body["splits"].values()), "width": body["width"]}


def frozen_model(work: Work) -> Classifier:
    """The trial's model with nothing to train, in evaluation mode, on the CPU; its head of one output is of no meaning.

    Args:
        work: the trial.

    Returns:
        The classifier, whose backbone gives the vectors.
    """
    assert work.model is not None
    assert work.trial.recipe.pooling is not None
    model = Classifier(Backbone(work.model, work.trial.recipe.pooling), 1, 0, 0.0)
    check_fit(model, work)
    return model.requires_grad_(False).eval()


def vectors_of(work: Work, model: Classifier, autocast: Any, store: TokenStore, split: str) -> NDArray[np.float32]:
    """Vectors of the rows of a split that a trial uses.

    Args:
        work: the trial.
        model: its backbone makes them, in evaluation mode.
        autocast: gives the precision's context.
        store: the token store.
        split: the split.

    Returns:
        In the order of the rows, [N, D] float32.
    """
    rows = work.rows(split)
    found = np.empty((len(rows), model.backbone.width), dtype=np.float32)
    done = 0
    with torch.no_grad(), work.in_phase("evaluation"):
        for batch in evaluation_batches(store, split, rows, work.evaluation_tokens or USUAL_TOKENS):
            work.progress.check()
            with autocast():
                vectors = model.backbone(batch)
            found[np.searchsorted(rows, batch.rows)] = vectors.float().cpu().numpy()
            done += len(batch.rows)
            if work.progress.due:
                work.progress.say("step", step=done)
    return found


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
        return {key: self.store.card[key] for key in ("base_sha256", "base_parameters", "packed")}

    def forward(self, batch: Batch) -> Tensor:
        """Look vectors up.

        Args:
            batch: its split and rows.

        Returns:
            One vector a row, in the batch's order, [B, D].
        """
        return torch.from_numpy(self.store.of(batch.split, batch.rows)).to(self.place.device)
