"""A classifier starts as its seed says, from a folder that holds what it must."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from parts import random_data
from safetensors.torch import load_file, save_file

from bakeoff.errors import ModelError
from bakeoff.testing.models import CONTEXT, FAMILIES, Family
from bakeoff.training import arithmetic
from bakeoff.training.arithmetic import make_accelerator, seed_draws, settle
from bakeoff.training.backbone import Backbone
from bakeoff.training.batches import make_batch
from bakeoff.training.classifier import HEAD_SD, Classifier
from bakeoff.training.dropout import MASKS, Dropout
from tiny import training

ModelOf = Callable[..., Path]


@pytest.fixture
def folder(model_of: ModelOf, hostile_path: Path) -> Path:
    """A copy of a model that a test may damage."""
    return Path(shutil.copytree(model_of("bert"), hostile_path / "m"))


def head(folder: Path, seed: int) -> torch.Tensor:
    return Classifier(Backbone(folder, "mean"), 40, seed).head.weight.detach()


def test_the_head_is_a_pure_function_of_the_seed(model_of: ModelOf) -> None:
    first = head(model_of("bert"), 1)
    torch.rand(3)
    assert torch.equal(first, head(model_of("bert"), 1))
    assert torch.equal(first, head(model_of("roberta"), 1))
    assert not torch.equal(first, head(model_of("bert"), 2))
    assert float(first.std()) == pytest.approx(HEAD_SD, rel=0.1)
    assert not Classifier(Backbone(model_of("bert"), "mean"), 3, 1).head.bias.any()


@pytest.mark.parametrize("family", FAMILIES)
def test_every_weight_of_the_file_is_in_the_model(model_of: ModelOf, family: Family) -> None:
    backbone = Backbone(model_of(family), "mean")
    stored = load_file(model_of(family) / "model.safetensors")
    found = {
        name: value for name, value in backbone.model.state_dict().items() if not name.endswith(("position_ids", "inv_freq"))
    }
    assert {name for name in stored if "pooler" not in name} == found.keys()
    for name, value in found.items():
        assert torch.equal(value, stored[name]), name
        assert value.dtype == torch.float32
    assert backbone.width == 32


@pytest.mark.parametrize("family", FAMILIES)
def test_the_context_is_what_a_row_may_have(model_of: ModelOf, family: Family) -> None:
    assert Backbone(model_of(family), "mean").context == CONTEXT


def test_weights_of_half_precision_become_float32(folder: Path) -> None:
    stored = load_file(folder / "model.safetensors")
    save_file(
        {name: value.to(torch.bfloat16) for name, value in stored.items()}, folder / "model.safetensors", {"format": "pt"}
    )
    assert all(parameter.dtype == torch.float32 for parameter in Backbone(folder, "mean").parameters())


def test_missing_weights_are_named(folder: Path) -> None:
    stored = load_file(folder / "model.safetensors")
    del stored["encoder.layer.1.output.dense.weight"], stored["encoder.layer.1.output.dense.bias"]
    save_file(stored, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match=r"2 weights are missing, such as encoder\.layer\.1\.output\.dense\.bias") as caught:
        Backbone(folder, "mean")
    assert caught.value.where == str(folder)


def test_pickled_weights_are_never_loaded(folder: Path) -> None:
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="the model cannot be loaded"):
        Backbone(folder, "mean")


def test_torn_weights_are_an_error(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelError, match="the model cannot be loaded"):
        Backbone(folder, "mean")


def change_config(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_weights_of_other_shapes_are_an_error(folder: Path) -> None:
    change_config(folder, intermediate_size=48)
    with pytest.raises(ModelError, match="the model cannot be loaded"):
        Backbone(folder, "mean")


@pytest.mark.parametrize("content", [None, "{", '{"model_type": "no-such-model"}', "{}"])
def test_a_configuration_that_says_nothing_is_an_error(folder: Path, content: str | None) -> None:
    (folder / "config.json").unlink()
    if content is not None:
        (folder / "config.json").write_text(content)
    with pytest.raises(ModelError, match=r"config\.json cannot be used"):
        Backbone(folder, "mean")


def test_code_in_the_folder_is_not_run(folder: Path, tmp_path: Path) -> None:
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    change_config(folder, auto_map={"AutoConfig": "evil.Config", "AutoModel": "evil.Model"}, model_type="evil")
    with pytest.raises(ModelError, match="needs code of its own"):
        Backbone(folder, "mean")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_recipes_dropout_overrides_every_one_of_the_model(model_of: ModelOf, family: Family) -> None:
    backbone = Backbone(model_of(family, 0.1), "mean", dropout=0.3)
    modules = list(backbone.modules())
    assert {module.p for module in modules if isinstance(module, torch.nn.Dropout)} <= {0.3}
    assert all(type(module) is Dropout for module in modules if isinstance(module, torch.nn.Dropout))
    assert {module.attention_dropout for module in modules if hasattr(module, "attention_dropout")} <= {0.3}
    assert family != "llama" or any(hasattr(module, "attention_dropout") for module in modules)
    assert Classifier(backbone, 3, 1, 0.3).dropout.p == 0.3


@pytest.mark.parametrize("family", FAMILIES)
def test_without_a_recipes_dropout_the_models_own_holds(model_of: ModelOf, family: Family) -> None:
    backbone = Backbone(model_of(family, 0.2), "mean")
    assert {module.p for module in backbone.modules() if isinstance(module, torch.nn.Dropout)} <= {0.2}
    assert Classifier(backbone, 3, 1).dropout.p == 0.2


def test_a_classifiers_own_dropout_comes_first(folder: Path) -> None:
    change_config(folder, classifier_dropout=0.4, hidden_dropout_prob=0.1)
    assert Classifier(Backbone(folder, "mean"), 3, 1).dropout.p == 0.4


def test_attention_in_training_drops_its_weights(model_of: ModelOf) -> None:
    model = Classifier(Backbone(model_of("bert", 0.0), "mean"), 3, 1).train()
    for module in model.modules():
        if type(module).__name__ == "BertSelfAttention":
            module.dropout.p = 0.5
    data = random_data(6)
    batch = make_batch(data.store, "train", data.rows)
    found = []
    for key in (1, 1, 2):
        MASKS.reseed(key)
        found.append(model(batch).detach())
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])
    assert not torch.allclose(found[0], model.eval()(batch), atol=1e-4)


@pytest.mark.parametrize("family", ["deberta", "deberta-v2"])
def test_deberta_is_refused_in_fp16(family: str) -> None:
    with pytest.raises(ModelError, match=f"{family} overflows in fp16") as caught:
        make_accelerator(training(precision="fp16"), family)
    assert "bf16" in caught.value.remedy


def test_fp16_needs_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arithmetic.torch.cuda, "is_available", lambda: False)
    with pytest.raises(ModelError, match="fp16 needs a GPU"):
        make_accelerator(training(precision="fp16"), "bert")


@pytest.mark.parametrize(("precision", "kind"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_autocast_is_the_precision(precision: str, kind: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arithmetic.torch.cuda, "is_available", lambda: False)
    accelerator = make_accelerator(training(precision=precision), "bert")
    assert accelerator.device.type == "cpu"
    with accelerator.autocast():
        assert torch.mm(torch.ones(2, 2), torch.ones(2, 2)).dtype == kind


def test_every_generator_is_seeded_for_a_place() -> None:
    def draw(*place: int) -> tuple[object, ...]:
        seed_draws(*place)
        return (
            random.random(),
            float(np.random.rand()),
            float(torch.rand(())),
            tuple(MASKS.keep(torch.Size([64]), 0.5).tolist()),
        )

    assert draw(1, 2, 3) == draw(1, 2, 3)
    for place in ((2, 2, 3), (1, 3, 3), (1, 2, 4)):
        assert all(one != other for one, other in zip(draw(1, 2, 3), draw(*place), strict=True))


def test_settling_fixes_threads_and_kernels() -> None:
    before = torch.are_deterministic_algorithms_enabled()
    try:
        settle(1, True)
        assert torch.get_num_threads() == 1
        assert torch.are_deterministic_algorithms_enabled()
        assert float(torch.tensor([1e-30]) * torch.tensor([1e-10])) == 0.0  # a denormal number
        settle(1, False)
        assert not torch.are_deterministic_algorithms_enabled()
    finally:
        torch.use_deterministic_algorithms(before)
        torch.set_flush_denormal(False)
