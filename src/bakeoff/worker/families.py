"""Which modules a family's model code lives in, and what libraries import late."""

from __future__ import annotations

import importlib.util

LAZY = (
    "accelerate.state",
    "accelerate.utils",
    "torch.optim.adamw",
    "torch.utils.deterministic",
    "transformers.initialization",
    "transformers.tokenization_utils_tokenizers",
)


def modules_of(family: str) -> list[str]:
    """The modules that loading a model of a family imports.

    Args:
        family: `model_type`, such as `bert` or `xlm-roberta`.

    Returns:
        Those that exist in the installed transformers.
    """
    folder = family.replace("-", "_")
    candidates = [f"transformers.models.{folder}.{part}_{folder}" for part in ("configuration", "modeling", "tokenization")]
    return [name for name in candidates if importlib.util.find_spec(f"transformers.models.{folder}") and _exists(name)]


def _exists(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False
