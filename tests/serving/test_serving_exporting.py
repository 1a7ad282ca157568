"""Exports say what the trial's model says: loaded by the library itself, and loaded again by us."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import peft
import pytest
import torch
import transformers

from bakeoff.api.served import Choice, find_served
from bakeoff.errors import ModelError
from bakeoff.records.files import sha256_file
from bakeoff.records.results import Outputs
from bakeoff.records.serving import ExportOrder, Form, Served
from bakeoff.serving.exporting import export, rows_of
from bakeoff.serving.loading import load_classifier
from bakeoff.serving.predictor import Predictor
from bakeoff.serving.rows import Texts
from bakeoff.serving.stock import stock_of
from bakeoff.testing.models import Family
from kept import Kept, make_run

FAMILIES: tuple[Family, ...] = ("roberta", "deberta-v2", "llama")
CLOSE = 1e-4


def exported(kept: Kept, task: str, recipe: str, forms: list[Form], folder: Path) -> tuple[Served, dict[str, Outputs]]:
    """Export, and the outputs of each form."""
    served = find_served(kept.run.root, Choice(recipe, task, 1))
    validation = kept.run.trial(served.trial).validation
    template, data = Outputs.read(validation), kept.datasets[task]
    rows = rows_of(template.ids, data.ids("validation"))
    texts = Texts(data.texts("validation", rows), data.seconds("validation", rows) if data.has("seconds") else None)
    order = ExportOrder(models=[served], forms=forms, dataset="", validation=str(validation))
    export(order, texts, template, folder, lambda _: None)
    return served, {name: Outputs.read(folder / f"{name}.npz") for name in ("original", *forms)}


def difference(one: Outputs, other: Outputs) -> float:
    return float(np.abs(one.outputs - other.outputs).max())


def as_export(served: Served, form: Form, folder: Path) -> Served:
    """What a reader of the folder makes of it."""
    hashes = {path.name: sha256_file(path) for path in folder.iterdir()}
    base = served.base if form == "adapter" else ""
    return served.model_copy(update={"form": form, "folder": str(folder), "base": base, "sha256": hashes})


def check_reload(kept: Kept, served: Served, task: str, form: Form, folder: Path) -> None:
    data = kept.datasets[task]
    texts = Texts(data.texts("test"), data.seconds("test") if data.has("seconds") else None)
    again, original = Predictor.load(as_export(served, form, folder), "fp32"), Predictor.load(served, "fp32")
    encoded = original.encoder.encode(texts)
    found, expected = again.outputs(again.encoder.encode(texts)), original.outputs(encoded)
    real = np.isfinite(expected)
    np.testing.assert_allclose(found[real], expected[real], atol=CLOSE)


@pytest.mark.parametrize("task", ["tiny", "pairs", "questions"])
@pytest.mark.parametrize("recipe", ["full", "lora"])
def test_the_library_loads_the_same_model(kept: Kept, tmp_path: Path, task: str, recipe: str) -> None:
    forms: list[Form] = ["merged", "adapter"] if recipe == "lora" else ["merged"]
    served, outputs = exported(kept, task, recipe, forms, tmp_path)
    for form in forms:
        assert difference(outputs[form], outputs["original"]) < CLOSE
        assert outputs[form].ids == outputs["original"].ids
        check_reload(kept, served, task, form, tmp_path / form)
    if task == "questions":
        assert outputs["merged"].answers is not None
        assert outputs["merged"].answers.best == outputs["original"].answers.best  # type: ignore[union-attr]
    stored = Outputs.read(kept.run.trial(served.trial).validation)
    assert difference(stored, outputs["original"]) < CLOSE


def test_a_head_on_a_frozen_model_becomes_whole(kept: Kept, tmp_path: Path) -> None:
    _, outputs = exported(kept, "tiny", "probe", ["merged"], tmp_path)
    assert difference(outputs["merged"], outputs["original"]) < CLOSE


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family(tmp_path: Path, family: Family) -> None:
    kept = make_run(tmp_path / "run", family, ("tiny",), ("full", "lora"))
    for recipe in ("full", "lora"):
        forms: list[Form] = ["merged", "adapter"] if recipe == "lora" else ["merged"]
        served, outputs = exported(kept, "tiny", recipe, forms, tmp_path / recipe)
        for form in forms:
            assert difference(outputs[form], outputs["original"]) < CLOSE
            check_reload(kept, served, "tiny", form, tmp_path / recipe / form)


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")  # PEFT's own, of transformers
def test_what_stands_in_a_folder_is_the_librarys(kept: Kept, tmp_path: Path) -> None:
    """The snippet of the model card, with nothing of ours."""
    served, outputs = exported(kept, "tiny", "lora", ["merged", "adapter"], tmp_path)
    texts = kept.datasets["tiny"].texts("validation")
    assert served.base
    base = transformers.AutoModelForTokenClassification.from_pretrained(served.base, num_labels=3)
    models: dict[str, Any] = {
        "merged": transformers.AutoModelForTokenClassification.from_pretrained(str(tmp_path / "merged")),
        "adapter": peft.PeftModel.from_pretrained(base, str(tmp_path / "adapter")),
    }
    assert models["merged"].config.id2label == {0: "joy", 1: "anger", 2: "calm"}
    for form, model in models.items():
        tokenizer = transformers.AutoTokenizer.from_pretrained(str(tmp_path / form))
        given = tokenizer(texts, return_tensors="pt", padding=True, truncation=True, max_length=32)
        with torch.no_grad():
            token_logits, mask = model.eval()(**given).logits, given.attention_mask
            logits = (token_logits * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)
        np.testing.assert_allclose(logits.numpy(), outputs["original"].outputs, atol=CLOSE)


def test_a_graph_takes_any_batch_and_length(kept: Kept, tmp_path: Path) -> None:
    served, outputs = exported(kept, "pairs", "lora", ["onnx", "onnx-int8"], tmp_path)
    assert difference(outputs["onnx"], outputs["original"]) < CLOSE
    assert 0 < difference(outputs["onnx-int8"], outputs["original"]) < 0.5
    check_reload(kept, served, "pairs", "onnx", tmp_path / "onnx")
    assert json.loads((tmp_path / "onnx" / "config.json").read_text())["id2label"]["0"] == "same"
    assert (tmp_path / "onnx-int8" / "model.onnx").stat().st_size < (tmp_path / "onnx" / "model.onnx").stat().st_size
    with pytest.raises(ModelError, match="precision"):
        Predictor.load(as_export(served, "onnx", tmp_path / "onnx"), "bf16")


def test_only_an_adapter_can_be_exported_as_one(kept: Kept, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="without an adapter"):
        exported(kept, "tiny", "full", ["adapter"], tmp_path)


def test_a_pooler_needs_a_class_that_has_it(kept: Kept) -> None:
    served = find_served(kept.run.root, Choice("full", "tiny", 1))
    recipe = served.recipe.model_copy(update={"pooling": "pooler"})
    assert stock_of(served.model_copy(update={"recipe": recipe}), kept.model).purpose == "sequence"
    assert stock_of(served, kept.model).purpose == "token"
    assert load_classifier(served).head.out_features == 3


def test_rows_are_found_by_their_ids() -> None:
    assert rows_of(["b", "a"], ["a", "b", "c"]).tolist() == [1, 0]
    with pytest.raises(ModelError, match="no validation example"):
        rows_of(["d"], ["a"])
