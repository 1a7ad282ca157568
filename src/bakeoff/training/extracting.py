"""Run a frozen model once over the rows that trials use, and keep what it makes of them."""

from __future__ import annotations

import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bakeoff.errors import ModelError
from bakeoff.records.files import move_into_place, sha256_file, write_document
from bakeoff.records.paths import FEATURES_VERSION
from bakeoff.tasks.tokens import SPLITS, TokenStore
from bakeoff.training.adapting import frozen_hash
from bakeoff.training.arithmetic import accelerator_for
from bakeoff.training.backbone import Backbone
from bakeoff.training.batches import USUAL_TOKENS, evaluation_batches, make_batch
from bakeoff.training.checks import settle_packing
from bakeoff.training.classifier import Classifier
from bakeoff.training.features import FeatureStore, Unit, asked_of, within
from bakeoff.training.full import CHECKED_ROWS, check_fit
from bakeoff.training.material import Material, open_material
from bakeoff.training.work import Work


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
    material = open_material(work)
    store, asked = material.store, asked_of(work.trial, work.tokens.name)
    model = frozen_model(work)
    accelerator = accelerator_for(training.precision if training else "fp32", recipe.model.family)
    note = settle_packing(model, make_batch(store, "train", material.rows("train")[:CHECKED_ROWS]))
    model.to(accelerator.device)
    before = frozen_hash(model.backbone)
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.tmp")
    temporary.mkdir()
    try:
        for split in SPLITS:
            rows = material.rows(split)
            sizes = store.lengths(split, rows) if asked["unit"] == "token" else np.ones(len(rows), dtype=np.int64)
            starts = np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
            # of tokens there may be more than memory holds
            found = np.lib.format.open_memmap(
                temporary / f"{split}.npy", "w+", np.float32, (int(starts[-1]), model.backbone.width)
            )
            extract(work, model, accelerator.autocast, store, split, Target(rows, starts, found))
            found.flush()
            del found
            np.save(temporary / f"{split}-rows.npy", rows)
            np.save(temporary / f"{split}-starts.npy", starts)
        after = frozen_hash(model.backbone)
        if after != before:
            raise ModelError("the model changed while it was only read", "base", "please report this as a bug")
        body = {
            **asked,
            "width": model.backbone.width,
            "dropout": model.backbone.dropout,
            "base_sha256": before,
            "base_sha256_after": after,
            "base_parameters": sum(parameter.numel() for parameter in model.backbone.parameters()),
            "packed": model.backbone.packed,
            "note": note,
            "splits": {split: len(material.rows(split)) for split in SPLITS},
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
    # what points at tokens pools nothing
    pooling = "first" if work.trial.task.finds_spans else work.trial.recipe.pooling
    model = Classifier(Backbone(work.model, pooling), 1, 0, 0.0)
    check_fit(model, work)
    return model.requires_grad_(False).eval()


@dataclass(frozen=True)
class Target:
    """Where vectors go.

    Attributes:
        rows: row numbers in the token store, ascending, [N].
        starts: the first vector of each row, [N + 1]; N vectors mean one a row, more one a token.
        vectors: takes them, [V, D] float32.
    """

    rows: NDArray[np.int64]
    starts: NDArray[np.int64]
    vectors: NDArray[np.float32]


def extract(work: Work, model: Classifier, autocast: Any, store: TokenStore, split: str, target: Target) -> None:
    """Compute the vectors of some rows, or of each of their tokens.

    Args:
        work: the trial.
        model: its backbone makes them, in evaluation mode.
        autocast: gives the precision's context.
        store: the token store.
        split: the split.
        target: which rows, and where their vectors go.
    """
    unit: Unit = asked_of(work.trial, "")["unit"]
    run = model.backbone.tokens if unit == "token" else model.backbone
    done = 0
    with torch.no_grad(), work.in_phase("evaluation"):
        for batch in evaluation_batches(store, split, target.rows, work.evaluation_tokens or USUAL_TOKENS):
            work.progress.check()
            with autocast():
                vectors = run(batch)
            places = within(target.starts, np.searchsorted(target.rows, batch.rows))
            target.vectors[places] = vectors.float().cpu().numpy()
            done += len(batch.rows)
            if work.progress.due:
                work.progress.say("step", step=done)


def vectors_of(material: Material, model: Classifier, autocast: Any, split: str) -> NDArray[np.float32]:
    """Vectors of the rows of a split that a model reads for a trial.

    Args:
        material: the trial's examples.
        model: its backbone makes them, in evaluation mode.
        autocast: gives the precision's context.
        split: the split.

    Returns:
        In the order of the rows, [R, D] float32.
    """
    rows = material.rows(split)
    found = np.empty((len(rows), model.backbone.width), dtype=np.float32)
    extract(material.work, model, autocast, material.store, split, Target(rows, np.arange(len(rows) + 1), found))
    return found
