"""What needs no model: no answer at all, and the sentence that shares most words with the question; stored and scored alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bakeoff.analysis.recognising import no_skill_scores, recognise
from bakeoff.analysis.scoring import TUNED, describe_fit, fit, score_split, yardstick
from bakeoff.catalog import registry
from bakeoff.metrics.answers import answer_f1, exact_match
from bakeoff.records.answers import Answers
from bakeoff.records.paths import AttemptFolder
from bakeoff.records.results import Outputs, Result
from bakeoff.training.answer_baselines import closest_sentence
from bakeoff.training.progress import Progress
from bakeoff.training.work import Work
from questions import baseline_trial, make_questions


@pytest.mark.parametrize("method", ["all-no-answer", "lexical"])
def test_a_baseline_hands_in_answers_that_analysis_scores(method: str, tmp_path: Path) -> None:
    dataset = make_questions(tmp_path)
    attempt = AttemptFolder(tmp_path / "attempt")
    attempt.root.mkdir()
    with_log = Progress(attempt.log)
    registry.method(method).load()(Work(baseline_trial(dataset, method), dataset, None, None, attempt, with_log))
    with_log.close()
    outputs = {split: Outputs.read(attempt.product / f"{split}.npz") for split in ("validation", "test")}
    measure = yardstick("qa", "answer_f1")
    fitted = fit(measure, outputs["validation"])
    validation, test = (score_split(measure, outputs[split], fitted) for split in ("validation", "test"))
    told = Result.read(attempt.product / "result.json").validation
    assert validation.scores[TUNED]["answer_f1"] == told["answer_f1"]
    level = no_skill_scores(measure, {"validation": outputs["validation"].gold, "test": outputs["test"].gold})
    assert level["test"] == 1 - outputs["test"].gold[:, 1].mean()
    found = [finding.kind for finding in recognise(measure, outputs["test"], test, fitted, level["test"])]
    if method == "all-no-answer":
        assert test.scores[TUNED]["no_answer_accuracy"] == 1
        assert test.scores[TUNED]["answer_f1"] == level["test"]
        assert found == ["collapsed"]
    tuning = describe_fit(measure, fitted, validation, test)
    assert tuning is not None
    assert tuning.gap == {TUNED: validation.scores[TUNED]["answer_f1"] - test.scores[TUNED]["answer_f1"]}


def test_scores_are_those_of_the_texts_at_the_threshold() -> None:
    accepted = [("good day",), (), ("the night", "night"), ("cafe\u0301 😀",)]
    best = ["a good day!", "x", "bad night", "cafe\u0301 😀"]
    answers = Answers([(text,) for text in best], [(1.0,)] * 4, accepted, np.arange(4, dtype=np.int32))
    logits = np.array([[0, 1], [2, 1], [0, 1], [3, 1]], dtype=np.float32)
    gold = np.array([[0, 1], [1, 0], [0, 1], [0, 1]], dtype=np.uint8)
    outputs = Outputs(list("abcd"), logits, gold, answers)
    scores = score_split(yardstick("qa", "exact_match"), outputs, fit(yardstick("qa", "exact_match"), outputs))
    given = [best[0], "", best[2], ""]  # at 0: the second and the last are said to have no answer
    assert scores.scores["0.0"]["exact_match"] == np.mean([exact_match(*pair) for pair in zip(given, accepted, strict=True)])
    assert scores.scores["0.0"]["answer_f1"] == pytest.approx(
        np.mean([answer_f1(*pair) for pair in zip(given, accepted, strict=True)])
    )
    assert (scores.scores["0.0"]["no_answer_accuracy"], scores.scores["0.0"]["has_answer_exact_match"]) == (
        1,
        pytest.approx(1 / 3),
    )
    assert scores.scores[TUNED]["exact_match"] == 0.5
    assert scores.predicted_per_example["0.0"] == 0.5


def test_what_is_stored_is_read_again(tmp_path: Path) -> None:
    answers = Answers([("a 😀", "\ud800"), ()], [(1.5, 0.25), ()], [("x", "é"), ()], np.array([0, 0], dtype=np.int32))
    outputs = Outputs(["1", "2"], np.zeros((2, 2), dtype=np.float32), np.eye(2, dtype=np.uint8), answers)
    outputs.write(tmp_path / "test.npz")
    again = Outputs.read(tmp_path / "test.npz").answers
    assert again is not None
    assert (again.texts, again.scores, again.accepted) == (answers.texts, answers.scores, answers.accepted)
    assert again.contexts.tolist() == [0, 0]


def test_the_closest_sentence() -> None:
    context = "It rained. The old king slept in the tower! Nobody knew."
    assert closest_sentence("Where did the king sleep in the tower?", context) == ("The old king slept in the tower!", 3 / 6)
    assert closest_sentence("who?", " ") == ("", 0.0)
