"""Which files make a model, and whether a folder has them whole."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bakeoff.errors import ModelError
from bakeoff.hub.safetensors import read_header

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
PICKLE = "pytorch_model.bin"
VOCABULARIES = (
    "tokenizer.json", "vocab.txt", "vocab.json", "spm.model", "spiece.model", "sentencepiece.bpe.model", "tokenizer.model",
    "tiktoken.model", "tekken.json",
)  # fmt: skip
"""Any one of these is enough to make a tokenizer of."""
TOKENIZER = (*VOCABULARIES, "merges.txt", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "bpe.codes")
SHARD = re.compile(r"model-\d{5}-of-\d{5}\.safetensors")
PICKLE_SHARD = re.compile(r"pytorch_model-\d{5}-of-\d{5}\.bin")
LONGEST_JSON = 64 << 20


@dataclass(frozen=True)
class ModelFiles:
    """The files of a model that are needed, by their names in its folder.

    Attributes:
        config: whether there is a `config.json`.
        weights: safetensors files and their index, or empty.
        pickles: `.bin` files, only where there are no safetensors.
        tokenizer: tokenizer files.
    """

    config: bool
    weights: tuple[str, ...]
    pickles: tuple[str, ...]
    tokenizer: tuple[str, ...]

    @property
    def only_pickled(self) -> bool:
        """Whether it is a model whose weights have to be converted first."""
        return self.config and not self.weights and bool(self.pickles)

    @property
    def readable(self) -> tuple[str, ...]:
        """The files that are read when the model is used, in alphabetical order; pickles never are."""
        return tuple(sorted([*([CONFIG] if self.config else []), *self.weights, *self.tokenizer]))


def choose_files(names: Iterable[str]) -> ModelFiles:
    """Choose what is needed among the files of a repository or folder: nothing else is ever fetched or read.

    Args:
        names: paths; only those at the top count, so no code, no other formats, no variants.

    Returns:
        The needed ones.
    """
    found = set(names)
    weights: list[str] = []
    pickles: list[str] = []
    if WEIGHTS in found:
        weights = [WEIGHTS]
    elif INDEX in found:
        weights = [INDEX, *sorted(name for name in found if SHARD.fullmatch(name))]
    elif PICKLE in found:
        pickles = [PICKLE]
    else:
        pickles = sorted(name for name in found if PICKLE_SHARD.fullmatch(name))
    return ModelFiles(CONFIG in found, tuple(weights), tuple(pickles), tuple(name for name in TOKENIZER if name in found))


def read_small_json(path: Path) -> dict[str, Any]:
    """Read a JSON object of a model.

    Args:
        path: the file.

    Returns:
        The object.

    Raises:
        ModelError: if it cannot be read, is too long, or is none.
    """
    try:
        if path.stat().st_size > LONGEST_JSON:
            raise ModelError("it is too long for what it should be", str(path), "fetch or export the model again")
        found = json.loads(path.read_bytes().decode("utf-8"))
    except OSError as error:
        raise ModelError(f"cannot read it: {error.strerror}", str(path), "check the file and its permissions") from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"not valid JSON: {error}", str(path), "fetch or export the model again") from error
    if not isinstance(found, dict):
        raise ModelError("not a JSON object", str(path), "fetch or export the model again")
    return found


def folder_files(folder: Path) -> ModelFiles:
    """The needed files of a folder; what is no regular file (after links are followed) does not count.

    Args:
        folder: the model's folder.

    Returns:
        The needed ones.

    Raises:
        ModelError: if the folder cannot be read.
    """
    try:
        return choose_files(entry.name for entry in folder.iterdir() if entry.is_file())
    except OSError as error:
        raise ModelError(
            f"the model's folder cannot be read: {error.strerror}", str(folder), "name a folder that exists"
        ) from error


def check_folder(folder: Path, name: str) -> ModelFiles:
    """Check that a folder has a whole model: configuration, sound safetensors, a tokenizer.

    Args:
        folder: the model's folder.
        name: what the user calls the model, for the remedy.

    Returns:
        Its needed files.

    Raises:
        ModelError: naming the first thing that is missing or torn.
    """
    files = folder_files(folder)
    if not files.config:
        raise ModelError("the folder has no config.json", str(folder), "name the folder of a whole model")
    if files.only_pickled:
        raise ModelError(
            f"the model has only pickled weights ({files.pickles[0]}), which can run code when they are loaded",
            str(folder),
            f"bakeoff model fetch {shlex.quote(name)} turns them into safetensors once, in a process without network",
        )
    if not files.weights:
        raise ModelError("the folder has no model.safetensors", str(folder), "name the folder of a whole model")
    check_weights(folder, files)
    if not any(vocabulary in files.tokenizer for vocabulary in VOCABULARIES):
        raise ModelError(
            "the folder has no tokenizer", str(folder), f"save the tokenizer beside the model: one of {', '.join(VOCABULARIES)}"
        )
    return files


def family(folder: Path) -> str:
    """The architecture of a model.

    Args:
        folder: its folder.

    Returns:
        The `model_type` of its configuration, such as `bert`.

    Raises:
        ModelError: if the configuration names none.
    """
    found = read_small_json(folder / CONFIG).get("model_type")
    if not isinstance(found, str) or not found:
        raise ModelError("config.json names no model_type", str(folder / CONFIG), "use a model saved by transformers")
    return found


def check_weights(folder: Path, files: ModelFiles) -> None:
    """Check headers and sizes of safetensors files, and that an index and its parts fit one another.

    Args:
        folder: the model's folder.
        files: its needed files.

    Raises:
        ModelError: if a part is torn, or missing, or has not the tensors that the index says.
    """
    if INDEX not in files.weights:
        read_header(folder / files.weights[0])
        return
    weight_map = read_small_json(folder / INDEX).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise ModelError("the index has no weight_map", str(folder / INDEX), "fetch or export the model again")
    shards = {str(shard) for shard in weight_map.values()}
    missing = sorted(shards - set(files.weights))
    if missing:
        raise ModelError(f"the part {missing[0]} of the weights is missing", str(folder), "fetch or export the model again")
    held = {name: shard for shard in sorted(shards) for name in read_header(folder / shard)}
    strange = [name for name, shard in weight_map.items() if held.get(name) != shard]
    if strange:
        raise ModelError(
            f"the tensor {strange[0]!r} is not where the index says", str(folder / INDEX), "fetch or export the model again"
        )
