"""Pooling through the checkpoint's own pooler: the library's `pooler_output`, packed or padded; refused where there is none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from bakeoff.errors import ModelError
from bakeoff.testing.models import Family
from bakeoff.training.backbone import Backbone
from bakeoff.training.batches import make_batch
from tiny import random_store

LENGTHS = [1, 5, 5, 17]


@pytest.mark.parametrize("family", ["bert", "roberta"])
@pytest.mark.parametrize("packed", [True, False])
def test_it_is_the_librarys_pooler(model_of: Callable[..., Path], family: Family, packed: bool) -> None:
    folder = model_of(family)
    backbone = Backbone(folder, "pooler", packed=packed).eval()
    batch = make_batch(random_store(LENGTHS, 50), "train", np.arange(len(LENGTHS)))
    ids, mask = batch.padded(backbone.model.config.pad_token_id)
    reference = transformers.AutoModel.from_pretrained(str(folder)).eval()
    with torch.no_grad():
        expected = reference(input_ids=ids, attention_mask=mask).pooler_output
        torch.testing.assert_close(backbone(batch), expected, rtol=0, atol=1e-5)
        assert (Backbone(folder, "first", packed=packed).eval()(batch) - expected).abs().max() > 1e-3


def test_its_weights_are_trained(model_of: Callable[..., Path]) -> None:
    backbone = Backbone(model_of("bert"), "pooler")
    backbone(make_batch(random_store(LENGTHS, 50), "train", np.arange(4))).sum().backward()
    assert backbone.model.pooler.dense.weight.grad.abs().max() > 0


def test_a_family_without_pooler_is_refused(model_of: Callable[..., Path]) -> None:
    with pytest.raises(ModelError, match="llama have no pooler"):
        Backbone(model_of("llama"), "pooler")
