"""Answers as a model gives them, and those that count as right: compact arrays beside the scores of a split."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Answers:
    """The best answers to each question, and the accepted ones.

    Attributes:
        texts: the best answers, the best first, [N] tuples; an empty tuple where a model's outputs are not finite.
        scores: their scores, [N] tuples.
        accepted: accepted answers, [N] tuples; an empty one means that there is none.
        contexts: number of each question's context, the same for questions on one context, [N] int32.
    """

    texts: list[tuple[str, ...]]
    scores: list[tuple[float, ...]]
    accepted: list[tuple[str, ...]]
    contexts: NDArray[np.int32]

    @property
    def best(self) -> list[str]:
        """The best answer to each question, [N]; empty where there is none."""
        return [texts[0] if texts else "" for texts in self.texts]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What is stored.

        Returns:
            Arrays by name.
        """
        return {
            **_encode("answers", self.texts),
            "answer_scores": np.array([score for scores in self.scores for score in scores], dtype=np.float32),
            **_encode("accepted", self.accepted),
            "contexts": np.ascontiguousarray(self.contexts, dtype=np.int32),
        }

    @staticmethod
    def of(arrays: Mapping[str, NDArray[Any]]) -> Answers | None:
        """Read what `arrays` gave.

        Args:
            arrays: arrays by name.

        Returns:
            The answers; None where the arrays have none.
        """
        if "answers" not in arrays:
            return None
        scores = arrays["answer_scores"].tolist()
        rows = itertools.pairwise(arrays["answers_rows"].tolist())
        return Answers(
            _decode("answers", arrays), [tuple(scores[a:b]) for a, b in rows], _decode("accepted", arrays), arrays["contexts"]
        )


def number_contexts(contexts: Sequence[str]) -> NDArray[np.int32]:
    """Give equal contexts equal numbers, in the order of their first questions.

    Args:
        contexts: of each question, [N].

    Returns:
        Numbers from 0, [N].
    """
    known: dict[str, int] = {}
    return np.array([known.setdefault(context, len(known)) for context in contexts], dtype=np.int32)


def _encode(name: str, lists: Sequence[Sequence[str]]) -> dict[str, NDArray[Any]]:
    encoded = [text.encode("utf-8", "surrogatepass") for texts in lists for text in texts]
    return {
        name: np.frombuffer(b"".join(encoded), dtype=np.uint8),
        f"{name}_offsets": np.cumsum([0, *map(len, encoded)], dtype=np.int64),
        f"{name}_rows": np.cumsum([0, *map(len, lists)], dtype=np.int64),
    }


def _decode(name: str, arrays: Mapping[str, NDArray[Any]]) -> list[tuple[str, ...]]:
    raw = arrays[name].tobytes()
    texts = [raw[a:b].decode("utf-8", "surrogatepass") for a, b in itertools.pairwise(arrays[f"{name}_offsets"].tolist())]
    return [tuple(texts[a:b]) for a, b in itertools.pairwise(arrays[f"{name}_rows"].tolist())]
