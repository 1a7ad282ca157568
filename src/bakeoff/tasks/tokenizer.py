"""Load a tokenizer from a folder, never from the network, never with remote code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import transformers

from bakeoff.errors import ModelError


def load_tokenizer(folder: Path) -> Any:
    """Load the fast tokenizer of a model.

    Args:
        folder: the model's folder.

    Returns:
        A `PreTrainedTokenizerFast`.

    Raises:
        ModelError: if it cannot be loaded or is no fast one; the message names what is missing.
    """
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(
            str(folder), use_fast=True, local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError, ImportError, KeyError, TypeError) as error:
        lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        raise ModelError(
            f"the tokenizer cannot be loaded: {lines[0]}",
            str(folder),
            "the folder needs tokenizer.json, or the vocabulary files that its tokenizer_config.json names "
            "(SentencePiece, tiktoken and protobuf come with Bakeoff)",
        ) from error
    if not tokenizer.is_fast:
        raise ModelError("the tokenizer has no fast version", str(folder), "add its tokenizer.json to the folder")
    return tokenizer
