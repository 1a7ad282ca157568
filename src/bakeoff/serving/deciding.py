"""From a model's outputs to answers: labels by the fitted thresholds, or the span of a context."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.errors import ModelError
from bakeoff.metrics.multilabel import sigmoid
from bakeoff.metrics.single import choose, softmax
from bakeoff.metrics.thresholds import decide
from bakeoff.records.serving import Decision

DIGITS = 6
NO_ANSWER, BEST = 0, 1
"""Columns of the scores of questions."""


@dataclass(frozen=True)
class Said:
    """What a model says of some texts.

    Attributes:
        scores: probability of each label after the temperature, [N, L]; of questions by how much the best answer is
            preferred to none, beyond the threshold, [N, 1].
        labels: places of the labels that each text is given, [N]; empty for questions.
        answers: answer to each question, empty for "no answer", [N]; None for other kinds of task.
    """

    scores: NDArray[np.float64]
    labels: list[list[int]]
    answers: list[str] | None = None

    def plain(self, scores: bool = True) -> dict[str, Any]:
        """The same for JSON.

        Args:
            scores: whether scores are wanted.

        Returns:
            `labels` or `answers`, and `scores`, each a list of N.
        """
        body: dict[str, Any] = {"labels": self.labels} if self.answers is None else {"answers": self.answers}
        if scores:
            body["scores"] = np.round(self.scores, DIGITS).tolist()
        return body


def check_finite(outputs: NDArray[Any], name: str) -> None:
    """Refuse outputs that nothing can follow from.

    Args:
        outputs: any shape.
        name: the model's, for the message.

    Raises:
        ModelError: if one is not a finite number.
    """
    if not np.isfinite(outputs).all():
        raise ModelError("an output of the model is not a finite number", name, "use another precision, or another trial")


def give_labels(decision: Decision, exclusive: bool, logits: NDArray[np.float32]) -> Said:
    """Labels of some texts.

    Decisions are those of the analysis: temperature changes what is shown as probability, never who is given a label.

    Args:
        decision: thresholds and temperature.
        exclusive: whether labels exclude one another.
        logits: finite, [N, L].

    Returns:
        What is said.
    """
    probabilities = softmax if exclusive else sigmoid
    scaled = probabilities(logits.astype(np.float64) / decision.temperature)
    thresholds = np.asarray(decision.thresholds, dtype=np.float64)
    given = choose(logits) if exclusive else decide(sigmoid(logits), thresholds)
    return Said(scaled, [np.flatnonzero(row).tolist() for row in given])


def give_answers(decision: Decision, scores: NDArray[np.float32], best: list[str]) -> Said:
    """Answers to some questions.

    Args:
        decision: the margin above which there is no answer.
        scores: of "no answer" and of the best answer, finite, [N, 2].
        best: the best answers, [N].

    Returns:
        What is said.
    """
    margin = scores[:, NO_ANSWER].astype(np.float64) - scores[:, BEST].astype(np.float64)
    threshold = decision.thresholds[0] if decision.thresholds else 0.0
    answers = [text if kept else "" for text, kept in zip(best, margin <= threshold, strict=True)]
    shown = (threshold if math.isfinite(threshold) else 0.0) - margin
    return Said(shown[:, None], [], answers)


def scaled_thresholds(decision: Decision) -> list[float]:
    """Thresholds on the scale of the probabilities that are shown.

    Args:
        decision: with thresholds of labels.

    Returns:
        A text is given a label where the probability shown is at least this, up to rounding, [L].
    """
    raw = np.asarray(decision.thresholds, dtype=np.float64)
    with np.errstate(divide="ignore"):
        logits = np.log(raw) - np.log1p(-np.minimum(raw, 1.0))
    return [float(threshold) for threshold in sigmoid(logits / decision.temperature)]
