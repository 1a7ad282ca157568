"""Pairs of texts: both are tokenised, cut fairly, and told apart where the model can, packed as padded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from bakeoff.data.dataset import write_dataset
from bakeoff.data.rows import Import, Row
from bakeoff.records.paths import Home
from bakeoff.tasks.tokenizer import load_tokenizer
from bakeoff.tasks.tokens import TokenStore, build_store
from bakeoff.testing.models import Family
from bakeoff.training.backbone import Backbone
from bakeoff.training.batches import make_batch

PAIRS = [("a", "of the"), ("the other one", "b"), ("so", "so and so and so"), ("long " * 30, "short")]
LENGTH = 24


@pytest.fixture
def store_of(model_of: Callable[..., Path], tmp_path: Path) -> Callable[[Family], TokenStore]:
    def make(family: Family) -> TokenStore:
        rows = [Row(str(number), first, (0,), second=second) for number, (first, second) in enumerate(PAIRS)]
        splits = dict.fromkeys(("train", "validation", "test"), rows)
        dataset = write_dataset(Home(tmp_path), Import("pairs", ("x",), splits))
        facts = build_store(dataset, load_tokenizer(model_of(family)), LENGTH, tmp_path / f"store {family}")
        assert facts["truncated"] == 3
        return TokenStore.open(tmp_path / f"store {family}", dataset.fingerprint)

    return make


@pytest.mark.parametrize("packed", [True, False])
def test_bert_is_told_which_text_is_which(
    model_of: Callable[..., Path], store_of: Callable[[Family], TokenStore], packed: bool
) -> None:
    folder, store = model_of("bert"), store_of("bert")
    batch = make_batch(store, "train", np.arange(len(PAIRS)))
    tokenizer = load_tokenizer(folder)
    texts = [PAIRS[row][0] for row in batch.rows], [PAIRS[row][1] for row in batch.rows]
    given = tokenizer(*texts, padding=True, truncation=True, max_length=LENGTH, return_tensors="pt")
    library = transformers.AutoModel.from_pretrained(str(folder)).eval()
    ours = Backbone(folder, "first", packed=packed).eval()
    with torch.no_grad():
        expected = library(**given).last_hidden_state[:, 0]
        torch.testing.assert_close(ours(batch), expected, rtol=0, atol=1e-5)
        del given["token_type_ids"]
        assert (library(**given).last_hidden_state[:, 0] - expected).abs().max() > 1e-3  # it does matter


def test_the_longer_text_gives_way(store_of: Callable[[Family], TokenStore]) -> None:
    store = store_of("bert")
    rows = np.arange(len(PAIRS))
    assert store.lengths("train", rows).max() == LENGTH
    begun = store.second_segments("train", rows)
    assert (begun > 0).all()
    assert store.lengths("train", rows)[3] - begun[3] > len("short")  # all of the short text and a separator are left


def test_roberta_knows_no_segments(store_of: Callable[[Family], TokenStore], model_of: Callable[..., Path]) -> None:
    batch = make_batch(store_of("roberta"), "train", np.arange(len(PAIRS)))
    assert batch.segments is None
    packed, padded = (Backbone(model_of("roberta"), "mean", packed=which).eval() for which in (True, False))
    with torch.no_grad():
        torch.testing.assert_close(packed(batch), padded(batch), rtol=0, atol=1e-5)
