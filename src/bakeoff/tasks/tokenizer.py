"""Load a tokenizer from a folder, never from the network, never with remote code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import transformers

from bakeoff.errors import ModelError
from bakeoff.tasks.remote_code import refused_code

REMEDY = (
    "the folder needs tokenizer.json, or the vocabulary files that its tokenizer_config.json names "
    "(SentencePiece, tiktoken and protobuf come with Bakeoff)"
)


def load_tokenizer(folder: Path) -> Any:
    """Load the fast tokenizer of a model.

    Args:
        folder: the model's folder.

    Returns:
        A `PreTrainedTokenizerFast`.

    Raises:
        ModelError: if it cannot be loaded, needs code of its own, has no vocabulary, or is no fast one; the message names
            what is missing.
    """
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(
            str(folder), use_fast=True, local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError, ImportError, KeyError, TypeError) as error:
        if (refused := refused_code(folder)) is not None:
            raise refused from error
        lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        raise ModelError(f"the tokenizer cannot be loaded: {lines[0]}", str(folder), REMEDY) from error
    # where its files are missing, transformers makes an empty one, to which every text is a row of unknown tokens
    if set(tokenizer.get_vocab()) <= set(tokenizer.all_special_tokens):
        names = ", ".join(sorted(set(type(tokenizer).vocab_files_names.values())))
        raise ModelError(f"the tokenizer has no vocabulary; it is read from {names}", str(folder), REMEDY)
    if not tokenizer.is_fast:
        raise ModelError("the tokenizer has no fast version", str(folder), "add its tokenizer.json to the folder")
    return tokenizer


def added_tokens(tokenizer: Any) -> tuple[int, ...]:
    """What a tokenizer adds to texts and pairs of texts.

    Args:
        tokenizer: a `PreTrainedTokenizerFast`.

    Returns:
        Token ids, ascending.
    """
    found = {*tokenizer("")["input_ids"], *tokenizer("", "")["input_ids"]}
    return tuple(sorted(found))
