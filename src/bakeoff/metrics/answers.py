"""Scores of extracted answers by the published definition of SQuAD v2: exact match and F1 of normalised words.

Rajpurkar, Jia and Liang, "Know What You Don't Know", ACL 2018, and the evaluation that accompanies it: texts are lower-cased,
stripped of ASCII punctuation and of the articles a, an and the, and split at white space; a prediction counts by the accepted
answer that it fits best; an empty prediction is right where, and only where, there is no answer.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ARTICLES = re.compile(r"\b(a|an|the)\b")
PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalise_answer(text: str) -> str:
    """Lower case, without ASCII punctuation, articles and superfluous white space.

    Args:
        text: an answer.

    Returns:
        Its normal form; of "The U.K.!" it is "uk".
    """
    return " ".join(ARTICLES.sub(" ", text.lower().translate(PUNCTUATION)).split())


def exact_match(predicted: str, accepted: Sequence[str]) -> float:
    """Whether a prediction is one of the accepted answers.

    Args:
        predicted: the prediction; empty means "no answer".
        accepted: accepted answers; empty means that there is none.

    Returns:
        1 or 0.
    """
    normal = normalise_answer(predicted)
    return float(any(normal == normalise_answer(answer) for answer in _usable(accepted)))


def answer_f1(predicted: str, accepted: Sequence[str]) -> float:
    """F1 of a prediction's words and those of the accepted answer that it fits best.

    Args:
        predicted: the prediction; empty means "no answer".
        accepted: accepted answers; empty means that there is none.

    Returns:
        From 0 to 1.
    """
    return max(_word_f1(normalise_answer(predicted).split(), normalise_answer(answer).split()) for answer in _usable(accepted))


def _usable(accepted: Sequence[str]) -> list[str]:
    """Accepted answers that are not empty once normalised; without any, the empty one alone."""
    return [answer for answer in accepted if normalise_answer(answer)] or [""]


def _word_f1(predicted: list[str], accepted: list[str]) -> float:
    if not predicted or not accepted:
        return float(predicted == accepted)
    common = sum((Counter(predicted) & Counter(accepted)).values())
    if common == 0:
        return 0.0
    precision, recall = common / len(predicted), common / len(accepted)
    return 2 * precision * recall / (precision + recall)


@dataclass(frozen=True)
class AnswerScores:
    """What each prediction is worth, answered and not.

    Attributes:
        answered: score of the best answer, [N].
        unanswered: score of "no answer", [N].
        has_answer: whether there is one, [N].
    """

    answered: NDArray[np.float64]
    unanswered: NDArray[np.float64]
    has_answer: NDArray[np.bool_]

    def at(self, no_answer: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Scores for a decision.

        Args:
            no_answer: whether "no answer" is predicted, [N].

        Returns:
            Score of each example, [N].
        """
        return np.where(no_answer, self.unanswered, self.answered)


def score_answers(predicted: Sequence[str], accepted: Sequence[Sequence[str]], exact: bool) -> AnswerScores:
    """Score every example both ways.

    Args:
        predicted: the best answer to each question, [N].
        accepted: accepted answers of each, [N].
        exact: exact match, else F1.

    Returns:
        The scores.
    """
    score = exact_match if exact else answer_f1
    return AnswerScores(
        np.array([score(text, answers) for text, answers in zip(predicted, accepted, strict=True)], dtype=np.float64),
        np.array([score("", answers) for answers in accepted], dtype=np.float64),
        np.array([_usable(answers) != [""] for answers in accepted], dtype=bool),
    )


def best_no_answer_threshold(margins: NDArray[np.floating], scores: AnswerScores) -> float:
    """The threshold above which "no answer" is predicted, chosen to give the highest mean score.

    Args:
        margins: score of "no answer" minus that of the best answer, [N].
        scores: of the same examples.

    Returns:
        A threshold half-way between two margins; of equally good ones the lowest; infinite if never saying "no answer" is
        best, minus infinity if always.
    """
    order = np.argsort(margins, kind="stable")
    sorted_margins = np.asarray(margins, dtype=np.float64)[order]
    gain = (scores.answered - scores.unanswered)[order]
    # the k examples with the lowest margins are answered
    totals = np.concatenate([[0.0], np.cumsum(gain)])
    allowed = np.concatenate([[True], sorted_margins[1:] > sorted_margins[:-1], [True]]) if len(order) else np.array([True])
    best = int(np.argmax(np.where(allowed, totals, -np.inf)))
    if best == 0:
        return float("-inf")
    return float("inf") if best == len(order) else float((sorted_margins[best - 1] + sorted_margins[best]) / 2)
