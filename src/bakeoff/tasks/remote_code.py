"""Models whose folder asks for Python of its own: it is never run, and nobody is asked whether it shall be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bakeoff.errors import ModelError

NAMING = ("config.json", "tokenizer_config.json")
REMEDY = "choose a model that transformers brings the code of, or convert it to such a one and name that folder in the study"


def named_code(folder: Path) -> str:
    """The code that a model's folder asks for.

    Args:
        folder: the model's folder.

    Returns:
        The first class outside of transformers that its `auto_map` names, such as `modeling_mine.MyModel`; empty where there
        is none, or its configuration cannot be read.
    """
    for name in NAMING:
        try:
            body = json.loads((folder / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        for value in _leaves(body.get("auto_map") if isinstance(body, dict) else None):
            return value
    return ""


def _leaves(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [leaf for part in value.values() for leaf in _leaves(part)]
    if isinstance(value, list):
        return [leaf for part in value for leaf in _leaves(part)]
    return [value] if isinstance(value, str) else []


def refused_code(folder: Path) -> ModelError | None:
    """Why a model that could not be loaded is refused, if it asks for code of its own.

    Args:
        folder: the model's folder.

    Returns:
        The error to raise; None where its code is not the reason.
    """
    code = named_code(folder)
    if not code:
        return None
    return ModelError(f"the model needs code of its own ({code}), which is never run", f"auto_map in {folder}", REMEDY)
