"""The token store: every text of a dataset tokenised once, flat int32 tokens in a memory-mapped file.

A batch is index arithmetic on `offsets`; nothing is done per example in Python, and no worker processes are needed.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bakeoff.errors import DataError, FormatError
from bakeoff.records.files import move_into_place, read_document, sha256_file, write_document

TOKENS_VERSION = 2
SPLITS = ("train", "validation", "test")
CHUNK = 2_000
FILES = ("tokens.npy", "offsets.npy", "seconds.npy")


class Texts(Protocol):
    """What the store needs of a dataset."""

    fingerprint: str

    def size(self, split: str) -> int:
        """Number of rows of a split."""

    def texts(self, split: str, rows: NDArray[np.int64] | None = None) -> list[str]:
        """Texts of some rows of a split."""

    def seconds(self, split: str, rows: NDArray[np.int64] | None = None) -> list[str]:
        """The other texts of pairs, likewise."""

    def has(self, part: str) -> bool:
        """Whether rows have `seconds`."""


def _go_on() -> None:
    """Nobody asks for a stop."""


@dataclass(frozen=True)
class Chunk:
    """Some texts as tokens.

    Attributes:
        ids: token ids of each text.
        seconds: the first token of each text's second segment, where the model tells segments apart; else 0.
        cut: number of texts that were cut.
    """

    ids: list[list[int]]
    seconds: list[int]
    cut: int


def usable(texts: list[str]) -> list[str]:
    """A lone surrogate has no UTF-8, which the tokenizer needs: it becomes a question mark."""
    return [text.encode("utf-8", "replace").decode("utf-8") for text in texts]


def _encode(dataset: Texts, tokenizer: Any, max_length: int) -> Iterator[Chunk]:
    """Token ids of each text, or pair of texts, a chunk at a time."""
    pairs = dataset.has("seconds")
    for split in SPLITS:
        for first in range(0, dataset.size(split), CHUNK):
            rows = np.arange(first, min(first + CHUNK, dataset.size(split)))
            texts = usable(dataset.texts(split, rows))
            others = usable(dataset.seconds(split, rows)) if pairs else None
            yield encode_chunk(texts, others, tokenizer, max_length)


def encode_chunk(texts: list[str], others: list[str] | None, tokenizer: Any, max_length: int) -> Chunk:
    """Tokenise some texts.

    Args:
        texts: without lone surrogates (see `usable`), [N].
        others: the other texts of pairs, [N]; None where there are none.
        tokenizer: a fast tokenizer whose `model_max_length` is beyond every text: cutting is done here.
        max_length: tokens kept of a text, special tokens included; of a pair, the longer text gives way.

    Returns:
        Their tokens.
    """
    # split_special_tokens: a text that says "[SEP]" says five characters, and may not end a sequence
    words = {"add_special_tokens": True, "return_attention_mask": False, "split_special_tokens": True}
    whole = tokenizer(texts, others, truncation=False, **words)
    ids, kinds = whole["input_ids"], whole.get("token_type_ids")
    cut = [index for index, row in enumerate(ids) if len(row) > max_length]
    if cut:
        # of a pair, the longer text gives way, token by token
        chosen = [texts[i] for i in cut], None if others is None else [others[i] for i in cut]
        again = tokenizer(*chosen, truncation=True, max_length=max_length, **words)
        for place, index in enumerate(cut):
            ids[index] = again["input_ids"][place]
            if kinds is not None:
                kinds[index] = again["token_type_ids"][place]
    seconds = [row.index(1) if 1 in row else 0 for row in kinds] if kinds is not None and others is not None else [0] * len(ids)
    return Chunk(ids, seconds, len(cut))


def build_store(
    dataset: Texts, tokenizer: Any, max_length: int, folder: Path, check: Callable[[], None] = _go_on
) -> dict[str, Any]:
    """Tokenise a dataset and put the store into place in one rename.

    Args:
        dataset: its splits are stored one after another.
        tokenizer: a fast tokenizer.
        max_length: tokens kept of a text, special tokens included.
        folder: where the store shall stand.
        check: called after each two thousand texts; what it raises ends the work and leaves nothing behind.

    Returns:
        Facts: `rows`, `tokens`, `truncated`, `longest`.

    Raises:
        DataError: if a text gives no token at all.
    """
    tokenizer.model_max_length = int(1e9)  # cutting is ours: no warning about long texts
    lengths: list[int] = []
    pieces: list[NDArray[np.int32]] = []
    seconds: list[int] = []
    truncated = 0
    for chunk in _encode(dataset, tokenizer, max_length):
        lengths.extend(map(len, chunk.ids))
        pieces.append(np.fromiter((token for row in chunk.ids for token in row), dtype=np.int32))
        seconds.extend(chunk.seconds)
        truncated += chunk.cut
        check()
    if lengths and min(lengths) == 0:
        raise DataError(f"text number {lengths.index(0) + 1} gives no token", dataset.fingerprint, "drop empty texts")
    offsets = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(lengths, dtype=np.int64)))
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.tmp")
    temporary.mkdir()
    try:
        np.save(temporary / "tokens.npy", np.concatenate(pieces) if pieces else np.zeros(0, dtype=np.int32))
        np.save(temporary / "offsets.npy", offsets)
        np.save(temporary / "seconds.npy", np.array(seconds, dtype=np.int32))
        facts = {"rows": len(lengths), "tokens": int(offsets[-1]), "truncated": truncated, "longest": max(lengths, default=0)}
        body = {
            "dataset": dataset.fingerprint,
            "max_length": max_length,
            "splits": {split: dataset.size(split) for split in SPLITS},
            "files": {name: sha256_file(temporary / name) for name in FILES},
            **facts,
        }
        write_document(temporary / "tokens.json", "tokens", TOKENS_VERSION, body)
        move_into_place(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return facts


@dataclass(frozen=True)
class TokenStore:
    """An opened token store.

    Attributes:
        tokens: all tokens, [total] int32, memory-mapped.
        offsets: first token of each row, [rows + 1] int64.
        seconds: first token of each row's second segment, where the model tells segments apart, else 0, [rows] int32.
        first_row: first row of each split.
        sizes: rows of each split.
    """

    tokens: NDArray[np.int32]
    offsets: NDArray[np.int64]
    seconds: NDArray[np.int32]
    first_row: dict[str, int]
    sizes: dict[str, int]

    @staticmethod
    def open(folder: Path, dataset_fingerprint: str) -> TokenStore:
        """Open a store read-only and verify every byte of it.

        Args:
            folder: where it stands.
            dataset_fingerprint: the dataset that it must have been made of.

        Returns:
            The store.

        Raises:
            DataError: if it is missing, of another dataset, or its hashes do not hold.
        """
        remedy = f"remove the folder {folder}; it is made again"
        try:
            body = read_document(folder / "tokens.json", "tokens", TOKENS_VERSION)
        except FormatError as error:
            raise DataError(f"the token store cannot be read: {error.what}", str(folder), remedy) from error
        if body["dataset"] != dataset_fingerprint:
            raise DataError("the token store was made of another dataset", str(folder), remedy)
        for name, digest in body["files"].items():
            if not (folder / name).is_file() or sha256_file(folder / name) != digest:
                raise DataError(f"{name} of the token store is not what was written", str(folder), remedy)
        first, total = {}, 0
        for split in SPLITS:
            first[split] = total
            total += body["splits"][split]
        tokens = np.load(folder / "tokens.npy", mmap_mode="r", allow_pickle=False)
        offsets = np.load(folder / "offsets.npy", allow_pickle=False)
        seconds = np.load(folder / "seconds.npy", allow_pickle=False)
        return TokenStore(tokens, offsets, seconds, first, dict(body["splits"]))

    @staticmethod
    def of(chunk: Chunk, split: str) -> TokenStore:
        """A store in memory.

        Args:
            chunk: some texts as tokens, each of at least one.
            split: what to call them.

        Returns:
            The store, with that split alone.
        """
        lengths = np.fromiter(map(len, chunk.ids), dtype=np.int64, count=len(chunk.ids))
        tokens = np.fromiter((token for row in chunk.ids for token in row), dtype=np.int32, count=int(lengths.sum()))
        offsets = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(lengths)))
        return TokenStore(tokens, offsets, np.array(chunk.seconds, dtype=np.int32), {split: 0}, {split: len(lengths)})

    def second_segments(self, split: str, rows: NDArray[np.int64]) -> NDArray[np.int32]:
        """Where each row's second segment begins.

        Args:
            split: the split.
            rows: row numbers in the split, [B].

        Returns:
            [B] int32; 0 for a row without one, or a model that tells none apart.
        """
        begun: NDArray[np.int32] = self.seconds[rows + self.first_row[split]]
        return begun

    def lengths(self, split: str, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Tokens of each row.

        Args:
            split: the split.
            rows: row numbers in the split, [B].

        Returns:
            [B] int64.
        """
        index = rows + self.first_row[split]
        return self.offsets[index + 1] - self.offsets[index]

    def gather(self, split: str, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Tokens of some rows, one after another.

        Args:
            split: the split.
            rows: row numbers in the split, [B].

        Returns:
            [T] int64.
        """
        lengths = self.lengths(split, rows)
        starts = self.offsets[rows + self.first_row[split]]
        before = np.cumsum(lengths) - lengths
        index = np.arange(int(lengths.sum())) + np.repeat(starts - before, lengths)
        tokens: NDArray[np.int64] = self.tokens[index].astype(np.int64)
        return tokens
