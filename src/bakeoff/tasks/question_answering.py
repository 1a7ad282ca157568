"""Extractive question answering: the span of a context that answers a question, or that there is none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bakeoff.metrics.answer_scores import METRICS, Given, tune_threshold, worth_at, worth_table
from bakeoff.metrics.answers import normalise_answer
from bakeoff.records.answers import Answers


@dataclass(frozen=True)
class QuestionAnswering:
    """The task kind's part in training.

    Attributes:
        labels: whether there is an answer: no, yes.
        metric: the metric that chooses the checkpoint.
    """

    labels: tuple[str, ...]
    metric: str

    @property
    def outputs(self) -> int:
        """Width of the head: two logits a token, for the start and the end of an answer."""
        return 2

    def targets(self, gold: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Whether there is an answer; where it stands, the window store knows.

        Args:
            gold: [N, 2].

        Returns:
            [N, 2] float32.
        """
        return gold.astype(np.float32)

    def score(self, logits: NDArray[np.float32], gold: NDArray[np.uint8], answers: Answers | None = None) -> dict[str, float]:
        """Scores on validation questions; the no-answer threshold is tuned on these very questions.

        Args:
            logits: score of "no answer" and of the best answer, [N, 2].
            gold: [N, 2].
            answers: the answers; without them no score is possible.

        Returns:
            Every metric that fits the kind, and `threshold`; all nan if a score is not finite.

        Raises:
            ValueError: without answers.
        """
        if answers is None:
            raise ValueError("answers are scored by their texts, and none were given")
        if not np.isfinite(logits).all():
            return dict.fromkeys((*METRICS, "threshold"), float("nan"))
        table = worth_table(Given(logits, answers.best, answers.accepted))
        threshold = tune_threshold(table, self.metric.partition("@")[0])
        worth = worth_at(table, threshold)
        return {**{name: function(gold, worth) for name, function in METRICS.items()}, "threshold": threshold}


def answer_words(text: str) -> list[str]:
    """The words that answers are compared by.

    Args:
        text: any text.

    Returns:
        Its words in lower case, without ASCII punctuation and articles.
    """
    return normalise_answer(text).split()
