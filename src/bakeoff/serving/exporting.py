"""The job `export`: one trained model in several forms, each loaded again and asked the same validation examples."""

from __future__ import annotations

import re
import shutil
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import peft
import torch
from safetensors.torch import load_file, save_file

from bakeoff.catalog import registry
from bakeoff.catalog.cards import ModelCard
from bakeoff.catalog.methods import LoraSettings
from bakeoff.errors import ModelError
from bakeoff.records.results import Outputs
from bakeoff.records.serving import ExportOrder, Form, Served
from bakeoff.serving.graphs import export_graph, quantise
from bakeoff.serving.loading import ADAPTER_FILE, CLASSIFIER, PEFT_PREFIX, Model, TorchModel, load_classifier
from bakeoff.serving.padded import GRAPH, OnnxModel, PaddedModel
from bakeoff.serving.predictor import Predictor
from bakeoff.serving.rows import Encoded, Encoder, Texts, read_answers_of
from bakeoff.serving.stock import CLASSES, Pooled, Stock, make_stock, merge_adapters, stock_of
from bakeoff.tasks.tokenizer import load_tokenizer
from bakeoff.training.adapting import ADAPTER
from bakeoff.training.anatomy import adapted
from bakeoff.training.backbone import Backbone, load_config
from bakeoff.training.classifier import Classifier

ORIGINAL = "original"
TOKENIZER = re.compile(r"(tokenizer|special_tokens_map|added_tokens|vocab|merges|tekken|spm|spiece|sentencepiece|bpe)[\w.-]*")
"""Files of a tokenizer, by their names: nothing else of a pretrained model's folder is true of what is exported."""
TASK_TYPES = {"sequence": "SEQ_CLS", "token": "TOKEN_CLS", "question": None}
"""Of questions none: PEFT's class for them (0.21) takes `token_type_ids` and does not hand them on; its plain class does."""

Told = Callable[[str], None]


@dataclass
class Exporter:
    """One model on its way out.

    Attributes:
        served: the model, as its trial keeps it.
        classifier: the same, loaded; adapters are merged once they are not needed apart.
        folder: where a folder a form is made, and its outputs beside it.
        encoded: the validation examples.
        template: their stored outputs: ids, gold, accepted answers.
        threads: CPU threads.
        told: told what is being done.
    """

    served: Served
    classifier: Classifier
    folder: Path
    encoded: Encoded
    template: Outputs
    threads: int
    told: Told

    def run(self, forms: list[Form]) -> None:
        """Export.

        Args:
            forms: which; an adapter comes first, since merging is for good.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self.told("the model as its trial left it")
        self._answer(ORIGINAL, TorchModel(self.classifier, torch.no_grad))
        if "adapter" in forms:
            self.told("adapter")
            self._answer("adapter", self.adapter(self._begin("adapter")))
        merge_adapters(self.classifier)
        if "merged" in forms:
            self.told("merged")
            self._answer("merged", self.merged(self._begin("merged")))
        if {"onnx", "onnx-int8"} & set(forms):
            self.told("onnx")
            self._onnx(forms)

    def _begin(self, form: Form) -> Path:
        """A folder with the tokenizer."""
        folder = self.folder / form
        folder.mkdir()
        for path in sorted(Path(self.served.folder).iterdir()):
            if TOKENIZER.fullmatch(path.name) and path.is_file():
                shutil.copyfile(path, folder / path.name)
        return folder

    def _stock(self) -> Stock:
        return stock_of(self.served, Path(self.served.folder))

    def merged(self, folder: Path) -> PaddedModel:
        """A whole model of transformers' own, adapters merged.

        Args:
            folder: with the tokenizer; the rest is written.

        Returns:
            What transformers loads from there.
        """
        stock = self._stock()
        make_stock(stock, self.classifier).save_pretrained(str(folder))
        loaded = CLASSES[stock.purpose].from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
        return self._padded(loaded, stock)

    def adapter(self, folder: Path) -> PaddedModel:
        """An adapter in PEFT's format, the head in it.

        Args:
            folder: with the tokenizer; the rest is written.

        Returns:
            What PEFT loads from there onto the pretrained model.

        Raises:
            ModelError: if the model was trained without an adapter.
        """
        served, stock = self.served, self._stock()
        if served.recipe.method.name != "lora":
            problem = f"{served.recipe.name} was trained without an adapter ({served.recipe.method.name})"
            raise ModelError(problem, served.name, "export it as merged")
        settings = LoraSettings.model_validate(served.recipe.method.settings)
        assert isinstance(self.classifier.backbone, Backbone)
        assert served.recipe.model is not None
        config = peft.LoraConfig(
            task_type=TASK_TYPES[stock.purpose],
            base_model_name_or_path=hub_name(served.recipe.model.name),
            revision=served.recipe.model.revision or None,
            inference_mode=True,
            r=settings.rank,
            lora_alpha=settings.alpha,
            lora_dropout=settings.dropout,
            target_modules=sorted({name.rpartition(".")[2] for name in adapted(self.classifier.backbone)}),
            modules_to_save=[stock.head],
            use_rslora=settings.rslora,
            use_dora=settings.dora,
            fan_in_fan_out=self.classifier.backbone.family == "gpt2",
            bias="none",
        )
        config.save_pretrained(str(folder))
        trained = load_file(Path(served.folder) / CLASSIFIER)
        tensors = {_peft_name(stock.rename(name)): tensor for name, tensor in trained.items()}
        save_file(tensors, folder / ADAPTER_FILE, metadata={"format": "pt"})
        base = CLASSES[stock.purpose].from_pretrained(
            served.base, config=stock.config, local_files_only=True, trust_remote_code=False
        )
        with warnings.catch_warnings():
            # PEFT 0.21 asks transformers 5.10 and later by a name that these call old
            warnings.filterwarnings("ignore", ".*is_gradient_checkpointing", FutureWarning)
            adapted_model = peft.PeftModel.from_pretrained(base, str(folder), local_files_only=True)
        return self._padded(adapted_model, stock)

    def _onnx(self, forms: list[Form]) -> None:
        """Graphs; the one in 8 bits is made of the other."""
        plain = self._begin("onnx")
        self._config(plain)
        export_graph(self.classifier, self._segments, plain / GRAPH)
        if "onnx" in forms:
            self._answer("onnx", OnnxModel.open(plain / GRAPH, self.classifier.backbone.padding, self.threads))
        if "onnx-int8" in forms:
            self.told("onnx-int8")
            small = self._begin("onnx-int8")
            self._config(small)
            quantise(plain / GRAPH, small / GRAPH)
            self._answer("onnx-int8", OnnxModel.open(small / GRAPH, self.classifier.backbone.padding, self.threads))
        if "onnx" not in forms:
            shutil.rmtree(plain)

    def _config(self, folder: Path) -> None:
        config: Any = load_config(Path(self.served.folder))
        config.id2label = dict(enumerate(self.served.decision.labels))
        config.label2id = {label: place for place, label in config.id2label.items()}
        config.save_pretrained(str(folder))

    @property
    def _segments(self) -> bool:
        """Whether the model is told segments apart: it knows more than one kind, and rows have two texts."""
        assert isinstance(self.classifier.backbone, Backbone)
        kinds = getattr(self.classifier.backbone.model.config, "type_vocab_size", 0) or 0
        return kinds > 1 and self.served.pairs

    def _padded(self, model: Any, stock: Stock) -> PaddedModel:
        pooled = Pooled(model.eval(), stock.purpose, self.served.recipe.pooling or "mean")
        return PaddedModel(pooled, self.classifier.backbone.padding, self._segments)

    def _answer(self, name: str, model: Model) -> None:
        """Ask a model the validation examples, and keep its outputs as a trial's are kept."""
        predictor = Predictor(self.served, Encoder(self.served.task, None), model)
        answered(predictor, self.encoded, self.template).write(self.folder / f"{name}.npz")


def hub_name(name: str) -> str:
    """What the hub calls a model.

    Args:
        name: a name of the catalog, or the hub's own.

    Returns:
        The hub's name where the catalog knows one, else the name as it is.
    """
    card = registry.cards("model").get(name)
    return card.repository if isinstance(card, ModelCard) and card.repository else name


def _peft_name(name: str) -> str:
    """What PEFT calls a weight in its files: without the adapter's name, and DoRA's magnitudes without their last word."""
    return PEFT_PREFIX + name.replace(f".{ADAPTER}", "").replace("lora_magnitude_vector.weight", "lora_magnitude_vector")


def export(order: ExportOrder, texts: Texts, template: Outputs, folder: Path, told: Told) -> None:
    """Export a model in several forms, with the outputs of each and of the original on validation.

    Args:
        order: the model and the forms.
        texts: of the validation examples.
        template: their stored outputs.
        folder: where a folder a form is made.
        told: told what is being done.

    Raises:
        ModelError: if a form is impossible for the model.
        MissingPackageError: if a package that a form needs is not installed.
    """
    (served,) = order.models
    encoder = Encoder.of(served.task, load_tokenizer(Path(served.folder)))
    exporter = Exporter(
        served=served,
        classifier=load_classifier(served),
        folder=folder,
        encoded=encoder.encode(texts),
        template=template,
        threads=order.threads,
        told=told,
    )
    exporter.run(order.forms)


def answered(predictor: Predictor, encoded: Encoded, template: Outputs) -> Outputs:
    """What a model says of examples whose outputs a trial has stored.

    Args:
        predictor: the model.
        encoded: the examples.
        template: their stored outputs: ids, gold, accepted answers, what each belongs to.

    Returns:
        The same with this model's outputs.
    """
    outputs, found = predictor.outputs(encoded), None
    if template.answers is not None:
        assert predictor.served.task.max_answer is not None
        outputs, found = read_answers_of(encoded, outputs, predictor.served.task.max_answer, template.answers.accepted)
    return replace(template, outputs=outputs, answers=found)


def rows_of(ids: list[str], known: list[str]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Where examples stand in a split.

    Args:
        ids: the examples, [N].
        known: ids of the whole split.

    Returns:
        Row numbers, [N].

    Raises:
        ModelError: if one is not there.
    """
    places = {identifier: place for place, identifier in enumerate(known)}
    missing = next((identifier for identifier in ids if identifier not in places), None)
    if missing is not None:
        raise ModelError(f"the dataset has no validation example {missing!r}", "export", "import the very data of the run")
    return np.array([places[identifier] for identifier in ids], dtype=np.int64)
