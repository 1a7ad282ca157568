"""Answers of SQuAD v2: against the published definition, written out anew here, on hand-made and random cases."""

from __future__ import annotations

import collections
import itertools
import re
import string

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.metrics.answers import (
    AnswerScores,
    answer_f1,
    best_no_answer_threshold,
    exact_match,
    normalise_answer,
    score_answers,
)


def reference_normal(text: str) -> str:
    """The published steps in their order: lower case, punctuation, articles, white space."""
    kept = "".join(ch for ch in text.lower() if ch not in set(string.punctuation))
    return " ".join(re.sub(re.compile(r"\b(a|an|the)\b", re.UNICODE), " ", kept).split())


def reference_scores(predicted: str, accepted: list[str]) -> tuple[float, float]:
    golds = [gold for gold in accepted if reference_normal(gold)] or [""]
    exact = max(int(reference_normal(predicted) == reference_normal(gold)) for gold in golds)
    best = 0.0
    for gold in golds:
        ours, theirs = reference_normal(predicted).split(), reference_normal(gold).split()
        common = collections.Counter(theirs) & collections.Counter(ours)
        same = sum(common.values())
        if not ours or not theirs:
            best = max(best, float(ours == theirs))
        elif same:
            precision, recall = same / len(ours), same / len(theirs)
            best = max(best, 2 * precision * recall / (precision + recall))
    return float(exact), best


HAND_MADE = [
    ("The U.K.!", ["uk"], 1, 1),
    ("a an the", [], 1, 1),
    ("", [], 1, 1),
    ("", ["Paris"], 0, 0),
    ("Paris", [], 0, 0),
    ("Paris", ["the"], 0, 0),
    ("in Paris", ["Paris"], 0, 2 / 3),
    ("Paris, France", ["Paris", "France Paris"], 0, 1),
    ("theatre", ["atre"], 0, 0),
    ("O’Neill", ["O'Neill"], 0, 0),
    ("10–20", ["1020"], 0, 0),
    ("Straße", ["STRASSE"], 0, 0),
    ("İstanbul", ["i̇stanbul"], 1, 1),
    ("東京 都", ["東京"], 0, 2 / 3),
    ("\u202eabc", ["abc"], 0, 0),
    ("the\u00a0end", ["end"], 1, 1),
]


@pytest.mark.parametrize(("predicted", "accepted", "exact", "f1"), HAND_MADE)
def test_hand_made_cases(predicted: str, accepted: list[str], exact: float, f1: float) -> None:
    assert exact_match(predicted, accepted) == exact
    assert answer_f1(predicted, accepted) == pytest.approx(f1, abs=1e-12)


WORDS = [
    "the",
    "a",
    "An",
    "cat",
    "Cat.",
    "cat's",
    "U.S.",
    "1,000",
    "—",
    "–",
    "é",
    "É",
    "ﬁ",
    "日本",
    "!",
    "\u00a0",
    "\n",
    "the-end",
]
TEXTS = st.lists(st.sampled_from(WORDS) | st.text(max_size=4), max_size=6).map(" ".join)


@settings(max_examples=700, deadline=None)
@given(TEXTS, st.lists(TEXTS, max_size=4))
def test_random_cases(predicted: str, accepted: list[str]) -> None:
    assert normalise_answer(predicted) == reference_normal(predicted)
    assert (exact_match(predicted, accepted), answer_f1(predicted, accepted)) == pytest.approx(
        reference_scores(predicted, accepted), abs=1e-12
    )


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(-3, 3), st.booleans(), st.floats(0, 1)), min_size=1, max_size=12))
def test_no_threshold_is_better_than_the_chosen_one(cases: list[tuple[int, bool, float]]) -> None:
    margins = np.array([case[0] for case in cases], dtype=np.float64)
    has = np.array([case[1] for case in cases])
    scores = AnswerScores(np.array([case[2] for case in cases]) * has, (~has).astype(np.float64), has)
    chosen = scores.at(margins > best_no_answer_threshold(margins, scores)).mean()
    every = itertools.chain([-np.inf, np.inf], np.arange(-3.5, 4))
    assert chosen == pytest.approx(max(scores.at(margins > threshold).mean() for threshold in every), abs=1e-12)


def test_both_ways_of_each_example() -> None:
    scores = score_answers(["Paris", "x"], [["Paris"], []], exact=True)
    assert scores.answered.tolist() == [1, 0]
    assert scores.unanswered.tolist() == [0, 1]
    assert scores.has_answer.tolist() == [True, False]
