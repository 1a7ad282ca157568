"""Texts as the rows that a model reads, tokenised exactly as in training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.errors import DataError
from bakeoff.records.answers import Answers
from bakeoff.records.specs import TaskSpec
from bakeoff.tasks.pieces import LongText
from bakeoff.tasks.spans import Asked, decode
from bakeoff.tasks.tokens import TokenStore, encode_chunk, usable
from bakeoff.tasks.windows import Cut, WindowStore, cut_windows

SPLIT = "given"
BEYOND_EVERY_TEXT = int(1e9)


@dataclass(frozen=True)
class Texts:
    """What is asked about.

    Attributes:
        first: the texts, or the questions, [N].
        second: the other texts of pairs, or the contexts, [N]; None where there are none.
    """

    first: list[str]
    second: list[str] | None = None


@dataclass(frozen=True)
class Encoded:
    """Texts as tokens.

    Attributes:
        texts: the texts.
        store: their tokens: a row a text, or a row a window of a context.
    """

    texts: Texts
    store: TokenStore

    @property
    def rows(self) -> NDArray[np.int64]:
        """The rows of the store, ascending."""
        return np.arange(self.store.sizes[SPLIT])


@dataclass(frozen=True)
class Encoder:
    """Tokenises texts as a task does.

    Attributes:
        task: the task.
        tokenizer: a fast tokenizer.
    """

    task: TaskSpec
    tokenizer: Any

    @staticmethod
    def of(task: TaskSpec, tokenizer: Any) -> Encoder:
        """An encoder that cuts by itself, so that the library warns of nothing.

        Args:
            task: the task.
            tokenizer: a fast tokenizer; changed in place.

        Returns:
            The encoder.
        """
        tokenizer.model_max_length = BEYOND_EVERY_TEXT
        return Encoder(task, tokenizer)

    def encode(self, texts: Texts) -> Encoded:
        """Tokenise.

        Args:
            texts: at least one.

        Returns:
            The tokens.

        Raises:
            DataError: if a text gives no token, or contexts are missing.
        """
        if self.task.kind == "qa":
            return Encoded(texts, self._windows(texts))
        others = None if texts.second is None else usable(texts.second)
        long_text = LongText(self.task.long_text or "truncate", self.task.stride or 0)
        chunk = encode_chunk(usable(texts.first), others, self.tokenizer, self.task.max_length, long_text)
        empty = next((place for place, row in enumerate(chunk.ids, start=1) if not row), None)
        if empty is not None:
            raise DataError(f"text number {empty} gives no token", "", "leave empty texts out")
        return Encoded(texts, TokenStore.of(chunk, SPLIT))

    def _windows(self, texts: Texts) -> WindowStore:
        if texts.second is None:
            raise DataError("a question needs the context that it is asked about", "", "give a second text to each")
        assert self.task.stride is not None
        cut = Cut(self.task.max_length, self.task.stride)
        return WindowStore.of_windows(cut_windows(texts.first, texts.second, self.tokenizer, cut), SPLIT)


def read_answers_of(
    encoded: Encoded, logits: NDArray[np.float32], longest: int, accepted: list[tuple[str, ...]] | None = None
) -> tuple[NDArray[np.float32], Answers]:
    """The best answers to each question.

    Args:
        encoded: questions with their contexts.
        logits: of their windows, [W, 2, T].
        longest: tokens that an answer may have at most.
        accepted: accepted answers, [N]; None where they are not known.

    Returns:
        Scores of "no answer" and of the best answer, [N, 2]; and the answers.
    """
    store, texts = encoded.store, encoded.texts
    assert isinstance(store, WindowStore)
    assert texts.second is not None
    rows = np.arange(len(texts.first))
    asked = Asked(SPLIT, rows, texts.second, accepted or [()] * len(rows))
    return decode(store, asked, encoded.rows, logits, longest)
