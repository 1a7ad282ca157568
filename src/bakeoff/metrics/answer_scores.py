"""Metrics over questions: what each answer is worth, averaged over all of them, or over those with or without an answer.

An answer's worth is two numbers, exact match and F1 (see `answers`); they take the place of decisions in what is scored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.metrics.answers import AnswerScores, best_no_answer_threshold, score_answers

HAS_ANSWER = 1
"""Column of gold that says whether there is an answer."""
EXACT, F1 = 0, 1
"""Columns of worth."""
MARGIN, ANSWERED, UNANSWERED = 0, slice(1, 3), slice(3, 5)
"""Columns of a table of worths."""


def _mean(values: NDArray[Any]) -> float:
    return float(values.mean()) if len(values) else 0.0


def exact_match(gold: NDArray[Any], worth: NDArray[Any]) -> float:
    """Share of questions answered exactly.

    Args:
        gold: [N, 2]; the last column says whether there is an answer.
        worth: exact match and F1 of each answer that was given, [N, 2].

    Returns:
        From 0 to 1; 0 without a question.
    """
    del gold
    return _mean(worth[:, EXACT])


def answer_f1(gold: NDArray[Any], worth: NDArray[Any]) -> float:
    """Mean F1 over questions.

    Args:
        gold: [N, 2].
        worth: [N, 2].

    Returns:
        From 0 to 1; 0 without a question.
    """
    del gold
    return _mean(worth[:, F1])


def has_answer_exact_match(gold: NDArray[Any], worth: NDArray[Any]) -> float:
    """Share of the questions with an answer that are answered exactly.

    Args:
        gold: [N, 2].
        worth: [N, 2].

    Returns:
        From 0 to 1; 0 without such a question.
    """
    return _mean(worth[gold[:, HAS_ANSWER].astype(bool), EXACT])


def has_answer_f1(gold: NDArray[Any], worth: NDArray[Any]) -> float:
    """Mean F1 over the questions with an answer.

    Args:
        gold: [N, 2].
        worth: [N, 2].

    Returns:
        From 0 to 1; 0 without such a question.
    """
    return _mean(worth[gold[:, HAS_ANSWER].astype(bool), F1])


def no_answer_accuracy(gold: NDArray[Any], worth: NDArray[Any]) -> float:
    """Share of the questions without an answer that get none.

    Args:
        gold: [N, 2].
        worth: [N, 2].

    Returns:
        From 0 to 1; 0 without such a question.
    """
    return _mean(worth[~gold[:, HAS_ANSWER].astype(bool), EXACT])


METRICS = {
    function.__name__: function
    for function in (exact_match, answer_f1, has_answer_exact_match, has_answer_f1, no_answer_accuracy)
}


@dataclass(frozen=True)
class Given:
    """What a model says of some questions.

    Attributes:
        scores: score of "no answer" and of the best answer, [N, 2].
        best: text of the best answer, [N].
        accepted: accepted answers of each, [N].
    """

    scores: NDArray[np.float32]
    best: list[str]
    accepted: list[tuple[str, ...]]


def worth_table(given: Given) -> NDArray[np.float64]:
    """All that scores at any threshold follow from.

    Args:
        given: what a model says.

    Returns:
        Score of "no answer" minus that of the best answer; exact match and F1 of the best answer; both of "no answer", [N, 5].
    """
    exact, f1 = (score_answers(given.best, given.accepted, exact=which) for which in (True, False))
    margins = given.scores[:, 0].astype(np.float64) - given.scores[:, 1].astype(np.float64)
    return np.column_stack([margins, exact.answered, f1.answered, exact.unanswered, f1.unanswered])


def worth_at(table: NDArray[np.float64], threshold: float) -> NDArray[np.float64]:
    """What the answers are worth where "no answer" is given above a threshold.

    Args:
        table: of `worth_table`, [N, 5].
        threshold: of the margin.

    Returns:
        Exact match and F1 of each, [N, 2].
    """
    return np.where(table[:, [MARGIN]] > threshold, table[:, UNANSWERED], table[:, ANSWERED])


def tune_threshold(table: NDArray[np.float64], metric: str) -> float:
    """The threshold that gives the highest mean worth.

    Args:
        table: of `worth_table`, of validation examples, [N, 5].
        metric: `answer_f1` and `has_answer_f1` tune for F1 over all questions, all others for exact match over all.

    Returns:
        The threshold, perhaps infinite; nan if a margin is not a number.
    """
    if not np.isfinite(table[:, MARGIN]).all():
        return float("nan")
    column = F1 if metric.endswith("f1") else EXACT
    answered, unanswered = table[:, ANSWERED][:, column], table[:, UNANSWERED][:, column]
    return best_no_answer_threshold(table[:, MARGIN], AnswerScores(answered, unanswered, unanswered == 0))
