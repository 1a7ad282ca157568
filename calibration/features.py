"""Features of GoEmotions by the packaged MiniLM, computed once and kept in the home folder, never in the repository.

python features.py
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_LENGTH, BATCH = 128, 128
TRAIN = 8000
CHOICE_SEED = 20_240_310


@dataclass(frozen=True)
class Features:
    """What heads are trained on, and the population that they are judged by.

    Attributes:
        train: mean-pooled features of training examples, [T, D].
        train_gold: their labels, [T, L].
        pool: features of held-out examples (validation and test of the dataset), [P, D].
        pool_gold: their labels, [P, L].
    """

    train: NDArray[np.float32]
    train_gold: NDArray[np.bool_]
    pool: NDArray[np.float32]
    pool_gold: NDArray[np.bool_]


def load_features() -> Features:
    """Features of 8,000 training examples and of all held-out ones.

    Returns:
        The features, standardised by the training examples; computed on the first call (a minute or two).
    """
    from bakeoff.data.store import find_dataset
    from bakeoff.hub.models import locate_model
    from bakeoff.records.paths import Home

    home = Home.default()
    dataset, model = find_dataset(home, "goemotions"), locate_model(home, "minilm-l6")
    place = home.datasets.parent / "calibration" / f"features-{dataset.fingerprint[:12]}-{model.spec.fingerprint[:12]}.npz"
    if not place.exists():
        _compute(dataset, model.folder, place)
    with np.load(place) as arrays:
        parts = {name: arrays[name] for name in arrays.files}
    mean, deviation = parts["train"].mean(axis=0), np.maximum(parts["train"].std(axis=0), 1e-6)
    return Features(
        train=(parts["train"] - mean) / deviation,
        train_gold=parts["train_gold"],
        pool=(parts["pool"] - mean) / deviation,
        pool_gold=parts["pool_gold"],
    )


def _compute(dataset: Any, folder: Path, place: Path) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    body = AutoModel.from_pretrained(folder, trust_remote_code=False).eval()
    rows = np.sort(np.random.default_rng(CHOICE_SEED).permutation(dataset.size("train"))[:TRAIN])

    def embed(texts: list[str]) -> NDArray[np.float32]:
        tokens = tokenizer(texts, truncation=True, max_length=MAX_LENGTH)["input_ids"]
        order = np.argsort([len(ids) for ids in tokens], kind="stable")
        found = np.empty((len(texts), body.config.hidden_size), dtype=np.float32)
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            batch = tokenizer.pad({"input_ids": [tokens[index] for index in chosen]}, return_tensors="pt")
            with torch.inference_mode():
                hidden = body(**batch).last_hidden_state
            mask = batch["attention_mask"][..., None]
            found[chosen] = ((hidden * mask).sum(dim=1) / mask.sum(dim=1)).numpy()
        return found

    held_out = [split for split in ("validation", "test") if split in dataset.splits]
    arrays = {
        "train": embed(dataset.texts("train", rows)),
        "train_gold": dataset.targets("train", rows).astype(bool),
        "pool": np.concatenate([embed(dataset.texts(split)) for split in held_out]),
        "pool_gold": np.concatenate([dataset.targets(split) for split in held_out]).astype(bool),
    }
    place.parent.mkdir(parents=True, exist_ok=True)
    partial = place.with_suffix(".partial.npz")
    np.savez(partial, **arrays)
    partial.rename(place)


if __name__ == "__main__":
    features = load_features()
    print(f"train {features.train.shape}, pool {features.pool.shape}")
