"""What is told of an adapter is so: its size, its layers' changes, that it merges, and that the base is left as it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import peft
import pytest
import torch

from bakeoff.data.dataset import Dataset
from bakeoff.errors import ModelError
from bakeoff.records.results import Result
from bakeoff.records.specs import Component
from bakeoff.training import full
from bakeoff.training.adapting import ADAPTER, adapt, frozen_hash
from bakeoff.training.anatomy import adapted, change, effective_rank, examine, merged, merged_difference
from bakeoff.training.backbone import Backbone
from bakeoff.training.batches import Batch
from bakeoff.training.work import Work
from tiny import full_trial, make_dataset

FAMILIES = ("bert", "roberta", "deberta-v2", "llama")
BATCH = Batch(np.arange(3), torch.arange(5, 5 + 12), np.array([3, 4, 5]))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return make_dataset(tmp_path_factory.mktemp("home"))


def body_of(folder: Path, seed: int = 1, **settings: Any) -> Backbone:
    """A backbone with an adapter that has been trained, as far as one can see."""
    backbone = Backbone(folder, "mean")
    adapt(backbone, Component(name="lora", version=1, settings={"rank": 4, **settings}), seed)
    generator = torch.Generator().manual_seed(seed)
    for layer in adapted(backbone).values():
        with torch.no_grad():
            layer.lora_B[ADAPTER].weight.normal_(0.0, 0.3, generator=generator)
    return backbone.eval()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("settings", [{}, {"rslora": True, "targets": "all-linear"}, {"dora": True}])
def test_merged_and_unmerged_give_the_same_and_the_base_stays(
    model_of: Callable[..., Path], family: str, settings: dict[str, Any]
) -> None:
    body = body_of(model_of(family), **settings)
    before = frozen_hash(body)
    with torch.no_grad():
        apart = body(BATCH)
        with merged(adapted(body)):
            assert frozen_hash(body) != before
        plain = Backbone(model_of(family), "mean").eval()(BATCH)
    assert frozen_hash(body) == before
    assert float((apart - plain).abs().max()) > 1e-3
    told = examine(body, BATCH, {"rank": 4, **settings})
    assert told["merged_difference"] <= 1e-5
    assert told["mergeable"]
    assert torch.equal(body(BATCH), apart)
    assert told["adapter_parameters"] == told["declared_parameters"]


def test_an_adapter_that_merges_wrongly_is_told(model_of: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    body = body_of(model_of("bert"))
    layer = next(iter(adapted(body).values()))
    monkeypatch.setattr(type(layer), "get_delta_weight", lambda self, name: torch.zeros_like(self.get_base_layer().weight))
    assert merged_difference(body, BATCH) > 1e-3
    assert not examine(body, BATCH, {"rank": 4})["mergeable"]


def test_changes_of_layers_are_those_of_the_product(model_of: Callable[..., Path]) -> None:
    body = body_of(model_of("bert"), alpha=6.0)
    for layer in adapted(body).values():
        product = 1.5 * layer.lora_B[ADAPTER].weight.double() @ layer.lora_A[ADAPTER].weight.double()
        whole = torch.linalg.svdvals(product.detach())
        torch.testing.assert_close(change(layer), whole[:4])
        assert float(whole[4:].max()) < 1e-12
    told = examine(body, BATCH, {"rank": 4, "alpha": 6.0})
    assert len(told["layers"]) == 4
    assert {entry["name"].rpartition(".")[2] for entry in told["layers"]} == {"query", "value"}
    assert all(1 < entry["effective_rank"] <= 4 and entry["norm"] > 0 for entry in told["layers"])


def test_effective_rank() -> None:
    assert effective_rank(torch.tensor([2.0, 2.0, 2.0])) == pytest.approx(3.0)
    assert effective_rank(torch.tensor([5.0, 0.0, 0.0])) == pytest.approx(1.0)
    assert effective_rank(torch.zeros(4)) == 0.0


def test_an_adapter_of_another_size_is_an_error(model_of: Callable[..., Path]) -> None:
    body = body_of(model_of("bert"))
    with pytest.raises(ModelError, match="has 1,024 parameters, and its recipe declares 2,048"):
        examine(body, BATCH, {"rank": 8})


@pytest.mark.filterwarnings("ignore:Already found a `peft_config`:UserWarning")
@pytest.mark.parametrize("family", ["bert", "llama"])
def test_several_adapters_on_one_base_give_what_each_gives_alone(model_of: Callable[..., Path], family: str) -> None:
    alone = [body_of(model_of(family), seed) for seed in (1, 2)]
    with torch.no_grad():
        expected = [body(BATCH) for body in alone]
    assert not torch.allclose(*expected)
    both = body_of(model_of(family), 1)
    config = peft.LoraConfig(r=4, lora_alpha=16.0, target_modules=sorted({n.rpartition(".")[2] for n in adapted(both)}))
    peft.inject_adapter_in_model(config, both.model, adapter_name="other")
    other = adapted(alone[1])
    for name, layer in adapted(both).items():
        for part in ("lora_A", "lora_B"):
            getattr(layer, part)["other"].load_state_dict(getattr(other[name], part)[ADAPTER].state_dict())
    both.eval()
    for name, wanted in ((ADAPTER, expected[0]), ("other", expected[1]), (ADAPTER, expected[0])):
        for layer in adapted(both).values():
            layer.set_adapter(name)
        with torch.no_grad():
            assert torch.equal(both(BATCH), wanted)


@pytest.mark.parametrize("family", ["bert", "deberta-v2"])
def test_it_stands_in_the_result(work_of: Callable[..., Work], dataset: Dataset, family: str) -> None:
    trial = full_trial(dataset, family)
    method = Component(name="lora", version=1, settings={"rank": 4, "dropout": 0.1})
    trial = trial.model_copy(update={"recipe": trial.recipe.model_copy(update={"method": method})})
    work = work_of(dataset, trial, family)
    full.run(work)
    facts = Result.read(work.attempt.product / "result.json").training
    anatomy = facts["anatomy"]
    head = 3 * 33
    assert anatomy["declared_parameters"] == 4 * (32 + 32) * 4 == facts["trainable_parameters"] - head
    assert anatomy["share"] == pytest.approx(1024 / (facts["parameters"] - head))
    assert anatomy["mergeable"]
    assert all(entry["norm"] > 0 for entry in anatomy["layers"])
