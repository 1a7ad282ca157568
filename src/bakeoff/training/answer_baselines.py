"""Methods for questions that use no model: none has an answer; or the sentence that shares most words with the question."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from bakeoff.records.answers import Answers, number_contexts
from bakeoff.records.results import Outputs
from bakeoff.tasks.question_answering import QuestionAnswering, answer_words
from bakeoff.training.material import accepted_answers
from bakeoff.training.work import Work

SENTENCE = re.compile(r"[^.!?。！？؟\n]*[.!?。！？؟\n]*")
Find = Callable[[str, str], tuple[str, float]]
"""(question, context) to an answer and its score; that of "no answer" is 0."""


def _none(question: str, context: str) -> tuple[str, float]:  # noqa: ARG001  (it looks at nothing)
    return "", -1.0


def closest_sentence(question: str, context: str) -> tuple[str, float]:
    """The sentence of a context that has the most words of a question.

    Args:
        question: the question.
        context: the context.

    Returns:
        The first such sentence, and the share of the question's words that it has.
    """
    wanted = set(answer_words(question))
    sentences = [found.strip() for found in SENTENCE.findall(context) if found.strip()]
    shares = [len(wanted & set(answer_words(sentence))) / max(1, len(wanted)) for sentence in sentences]
    best = int(np.argmax(shares)) if shares else -1
    return (sentences[best], shares[best]) if shares else ("", 0.0)


def all_no_answer(work: Work) -> None:
    """Say of every question that it has no answer.

    Args:
        work: the trial.
    """
    _run(work, _none)


def lexical(work: Work) -> None:
    """Answer with the sentence that shares most words with the question, and with nothing where these are too few.

    Args:
        work: the trial.
    """
    _run(work, closest_sentence)


def _run(work: Work, find: Find) -> None:
    work.progress.say("begin", steps=1, examples=0)
    given = {split: _answer(work, split, find) for split in ("validation", "test")}
    task, validation = work.task, given["validation"]
    assert isinstance(task, QuestionAnswering)
    scores = task.score(validation.outputs, validation.gold, validation.answers)
    metric = work.trial.task.metric
    work.progress.say("validation", step=1, epoch=1.0, scores={metric: scores[metric.partition("@")[0]]})
    work.hand_in(validation, given["test"], scores, {"steps": 1, "examples": 0, "parameters": 0, "history": []})


def _answer(work: Work, split: str, find: Find) -> Outputs:
    rows, data = work.rows(split), work.dataset
    contexts = data.seconds(split, rows)
    found = []
    for question, context in zip(data.texts(split, rows), contexts, strict=True):
        work.progress.check()
        found.append(find(question, context))
    outputs = np.array([(0.0, score) for _, score in found], dtype=np.float32).reshape(-1, 2)
    texts: list[tuple[str, ...]] = [(text,) for text, _ in found]
    scores: list[tuple[float, ...]] = [(score,) for _, score in found]
    answers = Answers(texts, scores, accepted_answers(work, split), number_contexts(contexts))
    return Outputs(data.ids(split, rows), outputs, work.gold(split), answers)
