"""Checks of pretrained models: here, whole, of a known architecture, and fit for the tasks."""

from __future__ import annotations

import importlib.util
import shlex
from collections.abc import Iterator
from pathlib import Path

from bakeoff.errors import ModelError
from bakeoff.hub.modelfiles import CONFIG
from bakeoff.hub.models import LocatedModel
from bakeoff.preflight.findings import Check, Finding, Severity, error_finding
from bakeoff.preflight.shapes import POOLER, SIZES, ModelShape, read_shape
from bakeoff.preflight.subject import Subject, whole_shapes
from bakeoff.study.planning import FAMILIES_WITHOUT_FP16

DECODERS = (
    "llama",
    "mistral",
    "qwen2",
    "qwen3",
    "gemma",
    "gemma2",
    "gemma3_text",
    "phi",
    "phi3",
    "gpt2",
    "gpt_neox",
    "opt",
    "bloom",
)
FETCH_AGAIN = "fetch or export the model again"


def look_at_presence(subject: Subject) -> Iterator[Finding]:
    """Whether each model is here, with configuration, sound safetensors and a tokenizer.

    Args:
        subject: what is looked at.

    Yields:
        An error for each that is not.
    """
    for request, found in subject.models.items():
        if isinstance(found, LocatedModel):
            continue
        remedy = found.remedy
        if not request.is_folder and "bakeoff" not in remedy:
            remedy = shlex.join(subject.asked.words("fetch"))
        finding = error_finding(found, "config.json, whole safetensors and a tokenizer", remedy)
        yield Finding(
            finding.severity,
            f"{request.key}: {found.what}",
            finding.found,
            finding.needed,
            finding.remedy,
            found.where or request.name,
        )


def look_at_weights(subject: Subject) -> Iterator[Finding]:
    """Whether weights and configuration speak of the same model.

    Args:
        subject: what is looked at.

    Yields:
        An error for each difference in vocabulary, width or number of layers.
    """
    for request, found in subject.whole_models.items():
        try:
            shape = read_shape(found.folder)
        except ModelError as error:
            yield error_finding(error, "a configuration and weights that can be read", FETCH_AGAIN)
            continue
        for key in SIZES:
            value = shape.config.get(key)
            if value is not None and type(value) is not int:
                yield Finding(
                    Severity.ERROR,
                    f"the configuration of {request.key} has no whole number for {key}",
                    repr(value)[:100],
                    "a whole number",
                    FETCH_AGAIN,
                    str(found.folder / CONFIG),
                )
        for what, weights, config in _differences(shape):
            yield Finding(
                Severity.ERROR,
                f"the weights of {request.key} have {weights:,} {what}, and config.json says {config:,}",
                f"{weights:,} {what}",
                f"{config:,} {what}",
                FETCH_AGAIN,
                str(found.folder),
            )


def _differences(shape: ModelShape) -> Iterator[tuple[str, int, int]]:
    if shape.embedded and shape.vocabulary and shape.embedded[0] != shape.vocabulary:
        yield "rows of token vectors", shape.embedded[0], shape.vocabulary
    if shape.blocks and shape.layers and shape.blocks != shape.layers:
        yield "layers", shape.blocks, shape.layers


def look_at_architecture(subject: Subject) -> Iterator[Finding]:
    """Whether the installed transformers knows the architecture, and a classification head fits it.

    Args:
        subject: what is looked at.

    Yields:
        An error for an unknown architecture, for remote code, and for models of an encoder and a decoder.
    """
    known = known_families()
    for request, found, shape in whole_shapes(subject):
        if shape.config.get("auto_map") and shape.family not in known:
            yield Finding(
                Severity.ERROR,
                f"{request.key} needs code of its own ({_first(shape.config['auto_map'])}), which is never run",
                "auto_map in config.json",
                "an architecture that transformers brings",
                "choose a model whose architecture transformers brings",
                str(found.folder),
            )
        elif known and shape.family not in known:
            yield Finding(
                Severity.ERROR,
                f"transformers does not know the architecture {shape.family!r} of {request.key}",
                shape.family or "none",
                "an architecture that the installed transformers brings",
                "pip install --upgrade transformers, or choose another model",
                str(found.folder),
            )
        elif shape.config.get("is_encoder_decoder"):
            yield Finding(
                Severity.ERROR,
                f"{request.key} is an encoder with a decoder, on which no head of ours fits",
                f"{shape.family}, is_encoder_decoder",
                "an encoder or a decoder alone",
                "choose an encoder, such as microsoft/deberta-v3-small",
                str(found.folder),
            )


def _first(value: object) -> str:
    values = list(value.values()) if isinstance(value, dict) else [value]
    return str(values[0] if values else "auto_map")


def known_families() -> set[str]:
    """The architectures of the installed transformers, by the names of its files: it is not imported.

    Returns:
        `model_type`s, in both spellings where the folder's differs; empty if transformers is not installed.
    """
    spec = importlib.util.find_spec("transformers")
    if spec is None or not spec.submodule_search_locations:
        return set()
    folder = Path(next(iter(spec.submodule_search_locations))) / "models"
    names = {entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("_")}
    listed: set[str] = set()
    for path in sorted((folder / "auto").glob("*.py")):
        # the mapping of configurations names each `model_type` in double quotes
        listed |= {part for part in path.read_text(encoding="utf-8").split('"')[1::2] if part.isascii() and " " not in part}
    return names | {name.replace("_", "-") for name in names} | listed


def look_at_context(subject: Subject) -> Iterator[Finding]:
    """Whether models can hold texts of `max_length`.

    Args:
        subject: what is looked at.

    Yields:
        An error for each task whose `max_length` is more than a model's context.
    """
    assert subject.study is not None
    contexts = {request: shape.context for request, _, shape in whole_shapes(subject)}
    for task, recipe, request in dict.fromkeys(subject.pairs):
        context, asked = contexts.get(request), subject.study.tasks[task].max_length
        if context and asked > context:
            yield Finding(
                Severity.ERROR,
                f"max_length {asked} of {task} is more than the {context} tokens that {request.key} can hold (recipe {recipe})",
                f"max_length {asked}",
                f"at most {context}",
                f"--set tasks.{task}.max_length={context}",
                f"tasks.{task}.max_length",
            )


def look_at_heads(subject: Subject) -> Iterator[Finding]:
    """Whether pooling and precision suit the architecture.

    Args:
        subject: what is looked at.

    Yields:
        An error for fp16 on a DeBERTa and for a pooler that is not there, a warning for pooling that sees next to nothing of
        a text.
    """
    assert subject.study is not None
    shapes = {request: shape for request, _, shape in whole_shapes(subject)}
    for name, _, recipe in subject.study.pairs:
        shape = shapes.get(recipe.model) if recipe.model else None
        if shape is None or recipe.model is None:
            continue
        family = shape.family
        if recipe.pooling == "pooler" and not shape.pooler:
            yield Finding(
                Severity.ERROR,
                f"recipe {name} takes the pooler of {recipe.model.key}, and its weights have none",
                f"no {POOLER}",
                "a checkpoint with its pooler, or another pooling",
                f"--set recipes.{name}.pooling=mean",
                f"recipes.{name}.pooling",
            )
        fp16 = recipe.training is not None and recipe.training.precision == "fp16"
        # with everything here the plan says it too, as a fault with its line
        if fp16 and family in FAMILIES_WITHOUT_FP16 and not subject.faults:
            yield Finding(
                Severity.ERROR,
                f"recipe {name}: a DeBERTa overflows in fp16",
                "precision: fp16",
                "bf16 or fp32",
                f"--set recipes.{name}.training.precision=bf16",
                f"recipes.{name}.training.precision",
            )
        if recipe.pooling == "first" and family in DECODERS:
            yield Finding(
                Severity.WARNING,
                f"recipe {name} pools the first token of {family}, which reads from left to right and sees one token there",
                "pooling: first",
                "last or mean",
                f"--set recipes.{name}.pooling=last",
                f"recipes.{name}.pooling",
            )


CHECKS = (
    Check("models", "each model is here, with configuration, sound safetensors and a tokenizer", "study", look_at_presence),
    Check("model-weights", "weights and configuration speak of the same model", "study", look_at_weights),
    Check("model-architecture", "transformers knows the architecture, and a head fits it", "study", look_at_architecture),
    Check("model-context", "models can hold texts of max_length", "study", look_at_context),
    Check("model-heads", "pooling and precision suit the architecture", "study", look_at_heads),
)
