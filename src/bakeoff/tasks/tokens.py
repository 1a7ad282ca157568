"""The token store: every text of a dataset tokenised once, flat int32 tokens in a memory-mapped file.

A batch is index arithmetic on `offsets`; nothing is done per example in Python, and no worker processes are needed.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bakeoff.errors import DataError, FormatError
from bakeoff.records.files import move_into_place, read_document, sha256_file, write_document
from bakeoff.tasks.pieces import TRUNCATE, Ends, LongText, cut_row

TOKENS_VERSION = 4
SPLITS = ("train", "validation", "test")
CHUNK = 2_000
FILES = ("tokens.npy", "offsets.npy", "seconds.npy", "owners.npy", "whole.npy")


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
        owners: the text of each row, where texts are read piece by piece: then several rows may be of one.
        whole: tokens of each text before it was cut.
    """

    ids: list[list[int]]
    seconds: list[int]
    cut: int
    owners: list[int]
    whole: list[int]


def usable(texts: list[str]) -> list[str]:
    """A lone surrogate has no UTF-8, which the tokenizer needs: it becomes a question mark."""
    return [text.encode("utf-8", "replace").decode("utf-8") for text in texts]


def _encode(dataset: Texts, tokenizer: Any, max_length: int, long_text: LongText) -> Iterator[tuple[str, int, Chunk]]:
    """Token ids of each text, or pair of texts, a chunk at a time, with its split and its first row there."""
    pairs = dataset.has("seconds")
    for split in SPLITS:
        for first in range(0, dataset.size(split), CHUNK):
            rows = np.arange(first, min(first + CHUNK, dataset.size(split)))
            texts = usable(dataset.texts(split, rows))
            others = usable(dataset.seconds(split, rows)) if pairs else None
            yield split, first, encode_chunk(texts, others, tokenizer, max_length, long_text)


def encode_chunk(
    texts: list[str], others: list[str] | None, tokenizer: Any, max_length: int, long_text: LongText = TRUNCATE
) -> Chunk:
    """Tokenise some texts.

    Args:
        texts: without lone surrogates (see `usable`), [N].
        others: the other texts of pairs, [N]; None where there are none. A text whose other one is empty stands alone.
        tokenizer: a fast tokenizer whose `model_max_length` is beyond every text: cutting is done here.
        max_length: tokens kept of a text, special tokens included; of a pair, the longer text gives way.
        long_text: what is done with texts beyond that; pairs are truncated.

    Returns:
        Their tokens.

    Raises:
        DataError: if pairs are not to be truncated.
    """
    if others is not None and long_text.how != "truncate":
        raise DataError(
            f"long_text: {long_text.how} is for texts that stand alone, and these are pairs", "long_text", "truncate"
        )
    if others is not None and not all(others):
        return _encode_some_pairs(texts, others, tokenizer, max_length)
    # split_special_tokens: a text that says "[SEP]" says five characters, and may not end a sequence
    words = {"add_special_tokens": True, "return_attention_mask": False, "split_special_tokens": True}
    whole = tokenizer(texts, others, truncation=False, **words)
    ids, kinds = whole["input_ids"], whole.get("token_type_ids")
    lengths, owners = [len(row) for row in ids], list(range(len(ids)))
    cut = [index for index, row in enumerate(ids) if len(row) > max_length]
    if cut and long_text.how != "truncate":
        ends = Ends.of(tokenizer)
        read = [cut_row(row, ends, max_length, long_text) for row in ids]
        owners = [owner for owner, rows in enumerate(read) for _ in rows]
        ids, kinds = [row for rows in read for row in rows], None
        if long_text.how == "windows":
            cut = []
    elif cut:
        # of a pair, the longer text gives way, token by token
        chosen = [texts[i] for i in cut], None if others is None else [others[i] for i in cut]
        again = tokenizer(*chosen, truncation=True, max_length=max_length, **words)
        for place, index in enumerate(cut):
            ids[index] = again["input_ids"][place]
            if kinds is not None:
                kinds[index] = again["token_type_ids"][place]
    seconds = [row.index(1) if 1 in row else 0 for row in kinds] if kinds is not None and others is not None else [0] * len(ids)
    return Chunk(ids, seconds, len(cut), owners, lengths)


def _encode_some_pairs(texts: list[str], others: list[str], tokenizer: Any, max_length: int) -> Chunk:
    """Tokenise texts of which only some have another: the first turn of a dialogue has none before it."""
    alone = [place for place, other in enumerate(others) if not other]
    paired = [place for place, other in enumerate(others) if other]
    ids: list[list[int]] = [[] for _ in texts]
    seconds, whole, cut = [0] * len(texts), [0] * len(texts), 0
    for places, second in ((alone, None), (paired, [others[place] for place in paired])):
        if not places:
            continue
        chunk = encode_chunk([texts[place] for place in places], second, tokenizer, max_length)
        cut += chunk.cut
        for number, place in enumerate(places):
            ids[place], seconds[place], whole[place] = chunk.ids[number], chunk.seconds[number], chunk.whole[number]
    return Chunk(ids, seconds, cut, list(range(len(texts))), whole)


def build_store(
    dataset: Texts,
    tokenizer: Any,
    max_length: int,
    folder: Path,
    check: Callable[[], None] = _go_on,
    long_text: LongText = TRUNCATE,
) -> dict[str, Any]:
    """Tokenise a dataset and put the store into place in one rename.

    Args:
        dataset: its splits are stored one after another.
        tokenizer: a fast tokenizer.
        max_length: tokens kept of a text, special tokens included.
        folder: where the store shall stand.
        check: called after each two thousand texts; what it raises ends the work and leaves nothing behind.
        long_text: what is done with texts beyond `max_length`.

    Returns:
        Facts: `rows`, `tokens`, `truncated`, `longest`.

    Raises:
        DataError: if a text gives no token at all.
    """
    tokenizer.model_max_length = int(1e9)  # cutting is ours: no warning about long texts
    lengths: list[int] = []
    pieces: list[NDArray[np.int32]] = []
    seconds: list[int] = []
    owners: list[int] = []
    whole: list[int] = []
    sizes = dict.fromkeys(SPLITS, 0)
    truncated = 0
    for split, first, chunk in _encode(dataset, tokenizer, max_length, long_text):
        lengths.extend(map(len, chunk.ids))
        pieces.append(np.fromiter((token for row in chunk.ids for token in row), dtype=np.int32))
        seconds.extend(chunk.seconds)
        owners.extend(first + owner for owner in chunk.owners)
        whole.extend(chunk.whole)
        sizes[split] += len(chunk.ids)
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
        np.save(temporary / "owners.npy", np.array(owners, dtype=np.int32))
        np.save(temporary / "whole.npy", np.array(whole, dtype=np.int32))
        facts = {"rows": len(lengths), "tokens": int(offsets[-1]), "truncated": truncated, "longest": max(lengths, default=0)}
        body = {
            "dataset": dataset.fingerprint,
            "max_length": max_length,
            "long_text": long_text.how,
            "stride": long_text.stride,
            "splits": sizes,
            "texts": {split: dataset.size(split) for split in SPLITS},
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
        owners: the text of each row in its split, ascending, [rows] int32: several rows may be of one text; None where each row
            is a text.
        whole: tokens of each text before it was cut, by split, [N] int32; None where nobody counted.
    """

    tokens: NDArray[np.int32]
    offsets: NDArray[np.int64]
    seconds: NDArray[np.int32]
    first_row: dict[str, int]
    sizes: dict[str, int]
    owners: NDArray[np.int32] | None = field(default=None, kw_only=True)
    whole: dict[str, NDArray[np.int32]] | None = field(default=None, kw_only=True)

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
        parts: dict[str, Any] = {}
        if "owners.npy" in body["files"]:
            whole, behind = (
                np.load(folder / "whole.npy", allow_pickle=False),
                np.cumsum([body["texts"][split] for split in SPLITS]),
            )
            parts["whole"] = dict(zip(SPLITS, np.split(whole, behind[:-1]), strict=True))
            if body["long_text"] == "windows":
                parts["owners"] = np.load(folder / "owners.npy", allow_pickle=False)
        return TokenStore(tokens, offsets, seconds, first, dict(body["splits"]), **parts)

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
        seconds, owners = np.array(chunk.seconds, dtype=np.int32), np.array(chunk.owners, dtype=np.int32)
        return TokenStore(tokens, offsets, seconds, {split: 0}, {split: len(lengths)}, owners=owners)

    def owners_of(self, split: str, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The text that each row is of.

        Args:
            split: the split.
            rows: row numbers in the split, [B].

        Returns:
            Row numbers of texts in the split, [B].
        """
        return rows if self.owners is None else self.owners[rows + self.first_row[split]].astype(np.int64)

    def rows_of(self, split: str, texts: NDArray[np.int64]) -> NDArray[np.int64]:
        """The rows that a model reads of some texts.

        Args:
            split: the split.
            texts: row numbers of texts in the split, ascending, [N].

        Returns:
            Row numbers in the store, ascending, [R].
        """
        if self.owners is None:
            return texts
        first = self.first_row[split]
        return np.flatnonzero(np.isin(self.owners[first : first + self.sizes[split]], texts)).astype(np.int64)

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
