"""Which modules a family's model code lives in, and what libraries import late."""

from __future__ import annotations

import importlib.util
import sys

from bakeoff.catalog import registry
from bakeoff.catalog.cards import MethodCard
from bakeoff.records.specs import METHOD_PREFIX

LAZY = (
    "accelerate.state",
    "accelerate.utils",
    "torch.optim.adamw",
    "torch.profiler._cupti_monitor",
    "torch.utils.deterministic",
    "torch.utils.serialization",
    "torch.utils.serialization.config",
    "transformers.initialization",
    "transformers.tokenization_utils_tokenizers",
)
"""What torch, transformers and accelerate import at first use, as far as the installed versions have it."""


OWN = {"deberta-v2": ("bakeoff.training.disentangled",)}
"""Modules of ours that only models of a family need."""


def modules_of(family: str) -> list[str]:
    """The modules that loading a model of a family, or training with a method, imports.

    Args:
        family: `model_type`, such as `bert` or `xlm-roberta`; or a method, such as `method:lora`.

    Returns:
        Those that exist in the installed transformers; or what the method's card says.
    """
    if family.startswith(METHOD_PREFIX):
        card = registry.cards("method").get(family.removeprefix(METHOD_PREFIX))
        return list(card.modules) if isinstance(card, MethodCard) else []
    folder = family.replace("-", "_")
    parts = ("configuration", "modeling", "tokenization")
    found = [name for part in parts if exists(name := f"transformers.models.{folder}.{part}_{folder}")]
    return [*found, *OWN.get(family, ())]


def touch_tokenizer(family: str) -> None:
    """Let transformers find a family's tokenizer class, as it does for a folder: it imports other families on the way.

    Args:
        family: `model_type`; its modules are imported.
    """
    from transformers.models.auto.tokenization_auto import tokenizer_class_from_name

    folder = family.replace("-", "_")
    module = sys.modules.get(f"transformers.models.{folder}.tokenization_{folder}")
    if module is None:
        return
    for name in list(vars(module)):
        if name.endswith("Tokenizer") and getattr(module, name).__module__ == module.__name__:
            tokenizer_class_from_name(name)


def exists(name: str) -> bool:
    """Whether a module can be imported.

    Args:
        name: its full name.

    Returns:
        False if it, or a package that it would be in, is not there.
    """
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False
