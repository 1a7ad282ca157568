"""DeBERTa's attention on cut tables of relative positions gives what the library's gives, in every form that models have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from bakeoff.training.backbone import Backbone
from bakeoff.training.batches import make_batch
from bakeoff.training.checks import settle_packing
from bakeoff.training.classifier import Classifier
from bakeoff.training.disentangled import Disentangled, positions_read, skewed
from tiny import random_store

FORMS: dict[str, dict[str, Any]] = {
    "v3": {"share_att_key": True, "pos_att_type": ["p2c", "c2p"], "position_buckets": 8, "norm_rel_ebd": "layer_norm"},
    "projections of its own": {"share_att_key": False, "pos_att_type": ["p2c", "c2p"], "position_buckets": 8},
    "c2p alone": {"share_att_key": False, "pos_att_type": ["c2p"], "position_buckets": 8},
    "no buckets": {"share_att_key": True, "pos_att_type": ["c2p", "p2c"], "position_buckets": -1},
    "few positions": {"share_att_key": True, "pos_att_type": ["p2c"], "position_buckets": -1, "max_relative_positions": 5},
    "places as well": {"share_att_key": True, "pos_att_type": ["c2p"], "position_buckets": 8, "position_biased_input": True},
    "nothing relative": {"relative_attention": False, "pos_att_type": [], "position_biased_input": True},
}


def make(folder: Path, **form: Any) -> Path:
    shape = {"vocab_size": 60, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    plain = {"type_vocab_size": 0, "max_position_embeddings": 64, "initializer_range": 0.3, "pad_token_id": 0}
    usual = {"relative_attention": True, "position_biased_input": False, **plain, **form}
    torch.manual_seed(3)
    transformers.DebertaV2Model(transformers.DebertaV2Config(**shape, **usual)).save_pretrained(str(folder))
    return folder


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("packed", [True, False])
def test_it_is_the_librarys(tmp_path: Path, form: str, packed: bool) -> None:
    folder = make(tmp_path / "model", **FORMS[form])
    ours = Backbone(folder, "first", packed=packed, dropout=0.0)
    library: Any = transformers.AutoModel.from_pretrained(str(folder)).eval()
    assert sum(isinstance(module, Disentangled) for module in ours.model.modules()) == 2
    # eight buckets tell distances up to four apart: longer rows share some
    batch = make_batch(random_store([1, 3, 8, 9, 31, 64], 50), "train", np.arange(6))
    ids, mask = batch.padded(0)
    expected = library(input_ids=ids, attention_mask=mask).last_hidden_state[mask.bool()]
    found = ours.tokens(batch)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
    weights = torch.randn(found.shape, generator=torch.Generator().manual_seed(1))
    torch.autograd.backward([(found * weights).sum(), (expected * weights).sum()])
    theirs = dict(library.named_parameters())
    compared = 0
    for name, parameter in ours.model.named_parameters():
        wanted = theirs[name].grad
        if wanted is not None:
            assert parameter.grad is not None, name
            torch.testing.assert_close(parameter.grad, wanted, rtol=1e-4, atol=1e-4, msg=lambda text, at=name: f"{at}: {text}")
            compared += 1
    assert compared > 30


def test_only_the_rows_of_the_table_that_are_read_are_projected() -> None:
    assert positions_read(20, 256, 256, 512) == (237, 276, None)
    first, last, index = positions_read(400, 256, 256, 512)
    assert index is not None
    assert len(index) == 799
    assert 0 < first < last < 512


def test_scores_by_distance_become_scores_by_place() -> None:
    for length in (1, 2, 5):
        scores = torch.arange(3 * length * (2 * length - 1)).view(3, length, -1).float()
        found = skewed(scores)
        assert found.shape == (3, length, length)
        for i in range(length):
            for j in range(length):
                assert torch.equal(found[:, i, j], scores[:, i, j - i + length - 1])


def test_a_convolution_over_neighbours_keeps_rows_apart(tmp_path: Path) -> None:
    folder = make(tmp_path / "model", **FORMS["v3"], conv_kernel_size=3, conv_act="gelu")
    model = Classifier(Backbone(folder, "mean"), 3, seed=1)
    assert not model.backbone.packed
    batch = make_batch(random_store([4, 9], 50), "train", np.arange(2))
    assert settle_packing(model, batch) == "layers of this deberta-v2 look at neighbouring places: padded batches are used"
