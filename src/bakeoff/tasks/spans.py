"""From two logits a token to answers: the best spans of a question over all its windows, cut from its context."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bakeoff.records.answers import Answers, number_contexts
from bakeoff.tasks.windows import WindowStore

BEST = 5
"""Answers kept of a question."""
START, END = 0, 1


@dataclass(frozen=True)
class Span:
    """A possible answer.

    Attributes:
        score: sum of its two logits.
        begin: its first character in the context.
        end: the character behind its last.
    """

    score: float
    begin: int
    end: int


def best_spans(starts: NDArray[np.floating], ends: NDArray[np.floating], longest: int) -> Iterator[tuple[float, int, int]]:
    """The spans of some tokens with the highest sums of logits; every span is looked at.

    Args:
        starts: logit of each token as the first of an answer, [C].
        ends: the same as the last, [C].
        longest: tokens that an answer may have at most.

    Yields:
        Score, first and last token, the best first; of equal ones the shorter, then the earlier. At most five.
    """
    count = len(starts)
    sums = np.full((min(longest, count), count), -np.inf)
    for more in range(len(sums)):
        sums[more, : count - more] = starts[: count - more].astype(np.float64) + ends[more:]
    flat = sums.ravel()
    for place in np.argsort(-flat, kind="stable")[:BEST]:
        more, first = divmod(int(place), count)
        if np.isfinite(flat[place]):
            yield float(flat[place]), first, first + more


def cut_answer(context: str, begin: int, end: int) -> str:
    """The text of an answer as it stands in its context.

    Args:
        context: the whole text.
        begin: first character.
        end: the character behind the last.

    Returns:
        The text without white space around it; marks that belong to its last character are not cut off.
    """
    while end < len(context) and unicodedata.category(context[end]).startswith("M"):
        end += 1
    return context[begin:end].strip()


@dataclass(frozen=True)
class Reading:
    """A question with what a model says of its windows.

    Attributes:
        context: the whole text.
        windows: numbers of its windows in the split.
        logits: of these windows: start and end of each token, -inf behind a window's last, [W, 2, T].
    """

    context: str
    windows: NDArray[np.int64]
    logits: NDArray[np.float32]


def read_answers(store: WindowStore, split: str, reading: Reading, longest: int) -> tuple[float, list[tuple[str, float]]]:
    """The best answers to one question over all its windows.

    Args:
        store: knows what of a window is the context.
        split: the split.
        reading: the question.
        longest: tokens that an answer may have at most.

    Returns:
        Score of "no answer", the lowest of all windows: one window with an answer is enough; and the best answers with their
        scores, the best first, equal texts once. nan and none where a logit is not finite.
    """
    nulls: list[float] = []
    found: dict[str, float] = {}
    for window, logits in zip(reading.windows.tolist(), reading.logits, strict=True):
        first, count, null = store.contexts[window + store.first_row[split]].tolist()
        starts, ends = logits[START, first : first + count], logits[END, first : first + count]
        nulls.append(float(logits[START, null]) + float(logits[END, null]))
        if not (np.isfinite(starts).all() and np.isfinite(ends).all()):
            return math.nan, []
        places = store.places_of(split, window)
        for score, begin, end in best_spans(starts, ends, longest):
            text = cut_answer(reading.context, int(places[begin, 0]), int(places[end, 1]))
            found[text] = max(found.get(text, -math.inf), score)
    best = sorted(found.items(), key=lambda item: -item[1])[:BEST]
    return min(nulls), best


@dataclass(frozen=True)
class Asked:
    """Some questions of a split, as the dataset has them.

    Attributes:
        split: the split.
        rows: their row numbers, ascending, [N].
        contexts: their contexts, [N].
        accepted: accepted answers, [N].
    """

    split: str
    rows: NDArray[np.int64]
    contexts: list[str]
    accepted: list[tuple[str, ...]]


def decode(
    store: WindowStore, asked: Asked, windows: NDArray[np.int64], logits: NDArray[np.float32], longest: int
) -> tuple[NDArray[np.float32], Answers]:
    """What a model says of some questions.

    Args:
        store: the window store.
        asked: the questions.
        windows: all their windows, ascending, [W].
        logits: of these windows, [W, 2, T].
        longest: tokens that an answer may have at most.

    Returns:
        Scores of "no answer" and of the best answer, [N, 2], nan where a logit is not finite; and the answers.
    """
    owners = store.questions[windows + store.first_row[asked.split]]
    edges = np.searchsorted(owners, asked.rows), np.searchsorted(owners, asked.rows, side="right")
    scores = np.full((len(asked.rows), 2), np.nan, dtype=np.float32)
    best: list[list[tuple[str, float]]] = []
    for number, context in enumerate(asked.contexts):
        own = slice(int(edges[0][number]), int(edges[1][number]))
        null, found = read_answers(store, asked.split, Reading(context, windows[own], logits[own]), longest)
        # a context without a single token leaves "no answer" alone: as an answer it is the empty text
        best.append(found if found or math.isnan(null) else [("", null)])
        if best[-1]:
            scores[number] = null, best[-1][0][1]
    texts = [tuple(text for text, _ in found) for found in best]
    rates = [tuple(score for _, score in found) for found in best]
    return scores, Answers(texts, rates, list(asked.accepted), number_contexts(asked.contexts))
