"""Packed batches give what padded ones give: against the library's own model, which knows nothing of packing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from torch import Tensor

from bakeoff.records.specs import Pooling
from bakeoff.testing.models import CONTEXT, FAMILIES, Family
from bakeoff.training.arithmetic import seed_draws
from bakeoff.training.backbone import Backbone
from bakeoff.training.batches import Batch, make_batch
from bakeoff.training.checks import packed_difference, settle_packing
from bakeoff.training.classifier import Classifier
from bakeoff.training.dropout import MASKS
from tiny import random_store

ModelOf = Callable[..., Path]
MIXES = {("bert", "mean"): 200, ("deberta-v2", "last"): 60}
"""Random mixes of lengths that a family is tried on, where not twelve."""
WITH_POOLER = ("bert", "roberta", "xlm-roberta")
TOKEN_TABLES = {
    "distilbert": "embeddings.word_embeddings.weight",
    "modernbert": "embeddings.tok_embeddings.weight",
    "gpt2": "wte.weight",
    **dict.fromkeys(("llama", "qwen2", "qwen3"), "embed_tokens.weight"),
}
POOLINGS: tuple[Pooling, ...] = ("first", "mean", "last")
CLOSE = {"rtol": 0.0, "atol": 1e-5}


class Reference(torch.nn.Module):
    """The library's model on padded rows, with pooling and head written out."""

    def __init__(self, folder: Path, classifier: Classifier) -> None:
        super().__init__()
        extra = {"add_pooling_layer": False} if classifier.backbone.family in WITH_POOLER else {}
        self.model: Any = transformers.AutoModel.from_pretrained(str(folder), attn_implementation="eager", **extra)
        self.model.config.use_cache = False
        self.head = torch.nn.Linear(classifier.head.in_features, classifier.head.out_features)
        self.head.load_state_dict(classifier.head.state_dict())
        self.train()

    def forward(self, batch: Batch, pooling: Pooling, pad: int) -> Tensor:
        rows = torch.split(batch.tokens, batch.lengths.tolist())
        ids = torch.nn.utils.rnn.pad_sequence(list(rows), batch_first=True, padding_value=pad)
        mask = torch.stack([torch.arange(ids.shape[1]) < length for length in batch.lengths.tolist()]).long()
        hidden = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
        pool = {"first": lambda row: row[0], "mean": lambda row: row.mean(0), "last": lambda row: row[-1]}[pooling]
        vectors = [pool(row[:length]) for row, length in zip(hidden, batch.lengths.tolist(), strict=True)]
        logits: Tensor = self.head(torch.stack(vectors))
        return logits


def gradients(model: torch.nn.Module, prefix: str) -> dict[str, Tensor]:
    """Gradients by the name of the parameter in the library's model, and of the head."""
    named = {name.removeprefix(prefix): parameter.grad for name, parameter in model.named_parameters()}
    return {name: gradient.clone() for name, gradient in named.items() if gradient is not None}


def lengths_of(number: int) -> list[int]:
    """A random mix of lengths; every fourth has rows of one token, every third rows of full length."""
    generator = np.random.default_rng(number)
    lengths = generator.integers(1, generator.integers(2, CONTEXT + 1), generator.integers(1, 21)).tolist()
    return [*lengths, *[1] * (number % 4 == 0), *[CONTEXT] * (number % 3 == 0)]


@pytest.mark.parametrize(
    ("family", "pooling"),
    [*(("bert", pooling) for pooling in POOLINGS), *((family, "last") for family in FAMILIES if family != "bert")],
)
def test_packed_batches_give_logits_and_gradients_of_padded_ones(model_of: ModelOf, family: Family, pooling: Pooling) -> None:
    folder = model_of(family)
    model = Classifier(Backbone(folder, pooling), 3, seed=1)
    assert model.backbone.packed
    reference = Reference(folder, model)
    pad = model.backbone.padding
    table = TOKEN_TABLES.get(family, "embeddings.word_embeddings.weight")
    for number in range(MIXES.get((family, pooling), 12)):
        lengths = lengths_of(number)
        batch = make_batch(random_store(lengths, 50, number), "train", np.arange(len(lengths)))
        weights = torch.from_numpy(np.random.default_rng(number).normal(size=(len(lengths), 3)).astype(np.float32))
        found, expected = model(batch), reference(batch, pooling, pad)
        torch.testing.assert_close(found, expected, **CLOSE, msg=lambda text, mix=lengths: f"{mix}: {text}")
        model.zero_grad()
        model.backbone.token_table.clear()
        reference.zero_grad()
        torch.autograd.backward([(found * weights).mean(), (expected * weights).mean()])
        ours, theirs = gradients(model, "backbone.model."), gradients(reference, "model.")
        assert ours.keys() == theirs.keys()
        assert {table, "head.weight"} <= ours.keys()
        for name, gradient in theirs.items():
            torch.testing.assert_close(ours[name], gradient, **CLOSE, msg=lambda text, at=name: f"{at}: {text}")
    assert theirs[table].abs().max() > 1e-3  # the tolerance is far below what is compared


@pytest.mark.parametrize("family", FAMILIES)
def test_half_precision_trains_packed_rows_of_every_family(model_of: ModelOf, family: Family) -> None:
    """Rotating positions make float32 of queries and keys, beside values in bfloat16."""
    model = Classifier(Backbone(model_of(family), "last"), 3, seed=1)
    lengths = lengths_of(5)
    batch = make_batch(random_store(lengths, 50, 5), "train", np.arange(len(lengths)))
    exact = model(batch)
    with torch.autocast("cpu", torch.bfloat16):
        rough = model(batch)
    rough.float().sum().backward()
    torch.testing.assert_close(rough.float(), exact, rtol=0.1, atol=0.1)
    assert all(torch.isfinite(parameter.grad).all() for parameter in model.parameters() if parameter.grad is not None)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("packed", [None, False])
def test_a_row_does_not_depend_on_its_batch(model_of: ModelOf, family: Family, pooling: Pooling, packed: bool | None) -> None:
    model = Classifier(Backbone(model_of(family), pooling, packed=packed), 3, seed=1).eval()
    assert model.backbone.packed == (packed is None)
    lengths = [7, 1, CONTEXT, 3, 3, 20]
    store = random_store(lengths, 50)
    with torch.no_grad():
        batch = make_batch(store, "train", np.arange(len(lengths)))
        together = dict(zip(batch.rows.tolist(), model(batch), strict=True))
        for row in range(len(lengths)):
            alone = model(make_batch(store, "train", np.array([row])))[0]
            torch.testing.assert_close(together[row], alone, **CLOSE)


@pytest.mark.parametrize("family", ["deberta-v2", "llama"])
def test_padded_batches_are_the_library_on_single_rows(model_of: ModelOf, family: Family) -> None:
    folder = model_of(family)
    model = Classifier(Backbone(folder, "mean", packed=False), 3, seed=1).eval()
    reference = Reference(folder, model).eval()
    store = random_store([5, 9, 2], 50)
    batch = make_batch(store, "train", np.arange(3))
    with torch.no_grad():
        for row, found in zip(batch.rows, model(batch), strict=True):
            torch.testing.assert_close(found, reference(make_batch(store, "train", np.array([row])), "mean", 0)[0], **CLOSE)


@pytest.mark.parametrize("family", FAMILIES)
def test_checkpointing_changes_no_gradient_even_with_dropout(model_of: ModelOf, family: Family) -> None:
    store = random_store([4, 9, 30], 50)
    batch = make_batch(store, "train", np.arange(3))
    found = []
    for checkpointing in (False, True):
        model = Classifier(Backbone(model_of(family, 0.1), "mean"), 3, seed=1).train()
        if checkpointing:
            model.backbone.checkpoint_activations()
        seed_draws(5, 0, 0)
        torch.autograd.backward(model(batch).square().sum())
        found.append({**gradients(model, ""), "next draw": MASKS.keep(torch.Size([64]), 0.5)})
    assert found[0].keys() == found[1].keys()
    for name, gradient in found[0].items():
        torch.testing.assert_close(found[1][name], gradient, **CLOSE)


def test_a_family_that_the_interface_does_not_reach_runs_padded_and_says_so(tmp_path: Path) -> None:
    shape = {"vocab_size": 60, "n_embd": 32, "n_layer": 1, "n_head": 4, "n_positions": 64}
    transformers.CodeGenModel(transformers.CodeGenConfig(**shape, rotary_dim=4)).save_pretrained(str(tmp_path / "model"))
    model = Classifier(Backbone(tmp_path / "model", "last"), 3, seed=1)
    batch = make_batch(random_store([4, 9], 50), "train", np.arange(2))
    assert settle_packing(model, batch) == "the library's interface does not reach codegen: padded batches are used"
    assert model(batch).shape == (2, 3)


def test_a_model_that_does_not_take_the_layout_runs_padded_and_says_so(
    model_of: ModelOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Classifier(Backbone(model_of("bert"), "mean"), 3, seed=1)
    batch = make_batch(random_store([4, 9], 50), "train", np.arange(2))
    monkeypatch.setattr(model.backbone, "_run_packed", lambda _: model.backbone.model(packing=None))
    assert settle_packing(model, batch).startswith("the model does not run packed (ValueError: ")
    assert not model.backbone.packed


def test_the_check_at_the_start_keeps_a_sound_packing_and_restores_the_model(model_of: ModelOf) -> None:
    model = Classifier(Backbone(model_of("roberta", 0.5), "mean"), 3, seed=1).train()
    batch = make_batch(random_store([3, 8, 8, 30], 50), "train", np.arange(4))
    assert settle_packing(model, batch) == ""
    assert model.training
    assert model.backbone.packed
    assert packed_difference(model, batch) < 1e-5


def test_the_check_at_the_start_leaves_a_packing_that_differs(model_of: ModelOf, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Classifier(Backbone(model_of("roberta"), "mean"), 3, seed=1)
    monkeypatch.setattr(type(model.backbone), "_first_position", 0)
    batch = make_batch(random_store([3, 8, 8, 30], 50), "train", np.arange(4))
    note = settle_packing(model, batch)
    assert note.startswith("packed and padded logits differ by")
    assert not model.backbone.packed
    assert settle_packing(model, batch) == ""


def test_packed_attention_without_a_packing_is_refused(model_of: ModelOf) -> None:
    backbone = Backbone(model_of("bert"), "mean")
    with pytest.raises(ValueError, match="needs a packing"):
        backbone.model(input_ids=torch.tensor([[5, 6]]))
