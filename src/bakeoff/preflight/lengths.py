"""How many tokens the texts of a dataset have, from a sample, by the tokenizer's own files and without transformers."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bakeoff.data.dataset import Dataset

SAMPLED = 500
WORD_TOKENS = 1.35
"""Tokens a word, about, where the tokenizer's files are not of the kind that can be read here."""
SPECIAL_TOKENS = 2
QUESTION_SHARE = 3
"""A question is cut at this part of a window, as `bakeoff.tasks.windows` does it."""


@dataclass(frozen=True)
class Lengths:
    """Lengths of some texts of each split.

    Attributes:
        tokens: lengths in tokens, special tokens included, by split.
        firsts: lengths of the first of two texts alone, without special tokens, by split; empty where texts stand alone.
        special: special tokens of a pair.
        unknown: share of tokens that stand for what the tokenizer does not know.
        counted: whether they were counted with the tokenizer; if not, they are guessed from words.
    """

    tokens: dict[str, NDArray[np.int64]]
    firsts: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    special: int = SPECIAL_TOKENS
    unknown: float = 0.0
    counted: bool = True

    def mean(self, split: str, max_length: int) -> float:
        """Mean length after cutting.

        Args:
            split: the split.
            max_length: tokens kept of a text.

        Returns:
            Tokens a text.
        """
        return float(np.minimum(self.tokens[split], max_length).mean())

    def windows(self, split: str, max_length: int, stride: int) -> tuple[float, float]:
        """Windows of contexts that are read piece by piece, each after its question.

        Args:
            split: the split.
            max_length: tokens of a window, question and special tokens included.
            stride: tokens of the context that neighbouring windows share.

        Returns:
            Mean number of windows a row, and mean of their tokens a row.
        """
        asked = np.minimum(self.firsts[split], max_length // QUESTION_SHARE) + self.special
        context = np.maximum(self.tokens[split] - self.firsts[split] - self.special, 1)
        room = np.maximum(max_length - asked, 1)
        step = np.maximum(room - np.minimum(stride, room - 1), 1)
        count = np.where(context <= room, 1, 1 + np.ceil((context - room) / step))
        tokens = context + (count - 1) * (room - step) + count * asked
        return float(count.mean()), float(tokens.mean())

    def pieces(self, split: str, max_length: int, stride: int) -> tuple[float, float]:
        """Texts that are read piece by piece.

        Args:
            split: the split.
            max_length: tokens of a piece, special tokens included.
            stride: tokens that neighbouring pieces share.

        Returns:
            Mean number of pieces a text, and mean of their tokens a text.
        """
        whole, room = self.tokens[split] - SPECIAL_TOKENS, max(1, max_length - SPECIAL_TOKENS)
        more = np.ceil(np.maximum(0, whole - room) / max(1, room - stride))
        return float(1 + more.mean()), float((whole + more * stride + (1 + more) * SPECIAL_TOKENS).mean())

    def cut(self, max_length: int) -> float:
        """Share of texts that a length cuts.

        Args:
            max_length: tokens kept of a text.

        Returns:
            From 0 to 1, over all splits.
        """
        return float((self._all > max_length).mean())

    def longest(self, share: float) -> int:
        """The length that a share of the texts does not exceed.

        Args:
            share: from 0 to 1.

        Returns:
            Tokens.
        """
        return int(np.quantile(self._all, share, method="inverted_cdf"))

    @cached_property
    def _all(self) -> NDArray[np.int64]:
        return np.concatenate(list(self.tokens.values()))


def sample(dataset: Dataset, split: str) -> list[tuple[str, str]]:
    """Some texts of a split, spread over it, each with its other half.

    Args:
        dataset: the dataset.
        split: the split.

    Returns:
        At most 500 pairs, always the same; the second is empty where texts stand alone.
    """
    size = dataset.size(split)
    rows = np.unique(np.linspace(0, size - 1, min(size, SAMPLED)).astype(np.int64))
    return list(zip(dataset.texts(split, rows), dataset.seconds(split, rows), strict=True))


def measure_lengths(dataset: Dataset, model: Path) -> Lengths:
    """Measure the lengths of a sample of texts.

    Args:
        dataset: the dataset.
        model: the pretrained model's folder.

    Returns:
        Lengths by split.
    """
    texts = {split: sample(dataset, split) for split in dataset.splits}
    path = model / "tokenizer.json"
    if not path.is_file():
        return _guess(texts)
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception:  # the library raises bare exceptions; the check of tokenizers says what is wrong with the file
        return _guess(texts)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    unknown_id = tokenizer.token_to_id(getattr(tokenizer.model, "unk_token", None) or "")
    lengths: dict[str, NDArray[np.int64]] = {}
    firsts: dict[str, NDArray[np.int64]] = {}
    unknown, total = 0, 0
    for split, some in texts.items():
        readable = [_readable(*pair) for pair in some]
        ids = [encoding.ids for encoding in tokenizer.encode_batch(readable)]
        lengths[split] = np.array([len(row) for row in ids], dtype=np.int64)
        if any(second for _, second in some):
            bare = tokenizer.encode_batch([_readable(first, "") for first, _ in some], add_special_tokens=False)
            firsts[split] = np.array([len(encoding.ids) for encoding in bare], dtype=np.int64)
        unknown += sum(row.count(unknown_id) for row in ids) if unknown_id is not None else 0
        total += sum(map(len, ids))
    pair, alone = tokenizer.encode("a", "a").ids, tokenizer.encode("a", add_special_tokens=False).ids
    return Lengths(lengths, firsts, len(pair) - 2 * len(alone), unknown / max(1, total))


def _readable(text: str, second: str) -> str | tuple[str, str]:
    """A text as the tokenizer takes it; a lone surrogate, which has no UTF-8, becomes a question mark."""
    first, other = (part.encode("utf-8", "replace").decode("utf-8") for part in (text, second))
    return (first, other) if other else first


def _guess(texts: dict[str, list[tuple[str, str]]]) -> Lengths:
    def counted(some: list[str]) -> NDArray[np.int64]:
        words = np.array([len(text.split()) for text in some], dtype=np.float64)
        return np.ceil(SPECIAL_TOKENS + WORD_TOKENS * words).astype(np.int64)

    both = {split: counted([f"{first} {second}" for first, second in some]) for split, some in texts.items()}
    pairs = {split: some for split, some in texts.items() if any(second for _, second in some)}
    firsts = {split: counted([first for first, _ in some]) - SPECIAL_TOKENS for split, some in pairs.items()}
    return Lengths(both, firsts, counted=False)
