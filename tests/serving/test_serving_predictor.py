"""A kept model says what its trial said: the same outputs, the same decisions, whatever else is asked beside."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.analysis.answering import read_table
from bakeoff.analysis.deciding import fitted_decision
from bakeoff.analysis.scoring import PER_LABEL, TUNED, fit, yardstick
from bakeoff.api.predicting import blocks
from bakeoff.api.served import Choice, find_served
from bakeoff.errors import ModelError, RunError
from bakeoff.metrics.answer_scores import MARGIN
from bakeoff.metrics.multilabel import sigmoid
from bakeoff.metrics.single import softmax
from bakeoff.metrics.thresholds import decide
from bakeoff.records.results import Outputs
from bakeoff.records.serving import Order, Served
from bakeoff.serving.conversation import converse
from bakeoff.serving.deciding import scaled_thresholds
from bakeoff.serving.predictor import Predictor, ahead
from bakeoff.serving.rows import SPLIT, Texts
from bakeoff.training.batches import make_batch
from kept import Kept

EVERY = [("tiny", "full"), ("tiny", "lora"), ("tiny", "probe"), ("pairs", "full"), ("pairs", "lora"), ("pairs", "probe")]
QUESTIONS = [("questions", "full"), ("questions", "lora")]


def served_of(kept: Kept, task: str, recipe: str, seed: int | None = 1, rule: str = "") -> Served:
    return find_served(kept.run.root, Choice(recipe, task, seed, rule))


def texts_of(kept: Kept, task: str, split: str = "validation") -> Texts:
    data = kept.datasets[task]
    return Texts(data.texts(split), data.seconds(split) if data.has("seconds") else None)


def stored(kept: Kept, served: Served) -> Outputs:
    return Outputs.read(kept.run.trial(served.trial).validation)


@pytest.mark.parametrize(("task", "recipe"), EVERY)
def test_outputs_are_those_of_the_trial(kept: Kept, task: str, recipe: str) -> None:
    served = served_of(kept, task, recipe)
    predictor = Predictor.load(served)
    outputs = predictor.outputs(predictor.encoder.encode(texts_of(kept, task)))
    expected = stored(kept, served)
    np.testing.assert_allclose(outputs, expected.outputs, atol=1e-5)
    said = predictor.predict(texts_of(kept, task))
    measure = yardstick(served.task.kind, served.task.metric)
    rule = fit(measure, expected).rules[measure.rule]
    decided = measure.decide(measure.probabilities(outputs, expected.judged), rule)
    assert said.labels == [np.flatnonzero(row).tolist() for row in decided]
    probability = softmax if task == "pairs" else sigmoid
    np.testing.assert_allclose(said.scores, probability(outputs.astype(np.float64) / served.decision.temperature))


@pytest.mark.parametrize(("task", "recipe"), QUESTIONS)
def test_answers_are_those_of_the_trial(kept: Kept, task: str, recipe: str) -> None:
    served = served_of(kept, task, recipe)
    expected = stored(kept, served)
    assert expected.answers is not None
    said = Predictor.load(served).predict(texts_of(kept, task))
    threshold = served.decision.thresholds[0]
    margins = expected.outputs[:, 0].astype(float) - expected.outputs[:, 1].astype(float)
    clear = np.abs(margins - threshold) > 1e-4
    wanted = [best if margin <= threshold else "" for best, margin in zip(expected.answers.best, margins, strict=True)]
    assert said.answers is not None
    assert [a for a, c in zip(said.answers, clear, strict=True) if c] == [a for a, c in zip(wanted, clear, strict=True) if c]
    assert clear.sum() >= len(clear) - 2


def test_one_text_alone_gets_what_it_gets_among_others(kept: Kept) -> None:
    predictor = Predictor.load(served_of(kept, "tiny", "full"))
    texts = texts_of(kept, "tiny").first
    together = predictor.predict(Texts(texts)).scores
    alone = np.concatenate([predictor.predict(Texts([text])).scores for text in texts])
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_a_long_text_gets_the_mean_of_its_pieces(kept: Kept) -> None:
    served = served_of(kept, "tiny", "full")
    task = served.task.model_copy(update={"max_length": 16, "long_text": "windows", "stride": 4})
    predictor = Predictor.load(served.model_copy(update={"task": task}))
    encoded = predictor.encoder.encode(Texts(["day", "a happy day, not a bad night, " * 4, "so good"]))
    owners = encoded.store.owners_of(SPLIT, encoded.rows)
    pieces = np.concatenate([predictor.model.logits(make_batch(encoded.store, SPLIT, np.array([row]))) for row in encoded.rows])
    assert np.bincount(owners)[[0, 2]].tolist() == [1, 1]
    assert np.bincount(owners)[1] > 3
    means = [pieces[owners == text].mean(axis=0) for text in range(3)]
    np.testing.assert_allclose(predictor.outputs(encoded), means, atol=1e-5)


def test_blocks_are_answered_in_their_order(kept: Kept) -> None:
    predictor = Predictor.load(served_of(kept, "tiny", "full"))
    texts = texts_of(kept, "tiny").first
    cut = [Texts(texts[:5]), Texts(texts[5:6]), Texts(texts[6:])]
    found = np.concatenate([said.scores for said in predictor.stream(cut)])
    np.testing.assert_allclose(found, predictor.predict(Texts(texts)).scores, atol=1e-6)


def test_a_seed_that_is_not_named_is_the_best_on_validation(kept: Kept) -> None:
    seeds = {seed: served_of(kept, "tiny", "full", seed) for seed in (1, 2)}
    scores = {seed: fit_score(kept, served) for seed, served in seeds.items()}
    best = served_of(kept, "tiny", "full", None)
    assert best.seed == max(scores, key=scores.__getitem__)


def fit_score(kept: Kept, served: Served) -> float:
    document = json.loads(kept.run.trial(served.trial).result.read_text())
    return float(document["validation"]["f1_macro"])


def test_rules(kept: Kept) -> None:
    plain = served_of(kept, "tiny", "full")
    fitted = fit(yardstick("multilabel", "f1_macro"), stored(kept, plain))
    assert plain.decision.rule == TUNED
    assert plain.decision.thresholds == [fitted.rules[TUNED]] * 3
    own = served_of(kept, "tiny", "full", rule=PER_LABEL)
    assert own.decision.thresholds == list(np.asarray(fitted.rules[PER_LABEL]))
    assert served_of(kept, "tiny", "full", rule="0.35").decision.thresholds == [0.35] * 3
    for wrong in ("best", "1.5", "nan"):
        with pytest.raises(RunError, match="no rule"):
            served_of(kept, "tiny", "full", rule=wrong)
    with pytest.raises(RunError, match="no rule to choose"):
        served_of(kept, "pairs", "full", rule=TUNED)


def test_what_is_not_there_is_named(kept: Kept, tmp_path: Path) -> None:
    run = kept.run.root
    for choice, message in (
        (Choice("nothing", "tiny"), "no recipe 'nothing'"),
        (Choice("full", "elsewhere"), "no task 'elsewhere'"),
        (Choice("full"), "several tasks"),
        (Choice("full", "tiny", 99), "no seed 99"),
    ):
        with pytest.raises(RunError, match=message):
            find_served(run, choice)
    with pytest.raises(RunError, match="two recipes"):
        find_served(f"{run}:full", Choice("lora", "tiny"))
    assert find_served(f"{run}:lora", Choice(task="tiny")).recipe.name == "lora"


def test_a_model_that_was_changed_is_refused(kept: Kept, tmp_path: Path) -> None:
    served = served_of(kept, "tiny", "full")
    folder = tmp_path / "model"
    folder.mkdir()
    for path in Path(served.folder).iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    copied = served.model_copy(update={"folder": str(folder)})
    Predictor.load(copied)
    weights = folder / "classifier.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(ModelError, match="was changed"):
        Predictor.load(copied)
    weights.unlink()
    with pytest.raises(ModelError, match="is missing"):
        Predictor.load(copied)
    weights.symlink_to(Path(served.folder) / weights.name)  # the very bytes, and yet from elsewhere
    with pytest.raises(ModelError, match="is missing"):
        Predictor.load(copied)


def conversation(kept: Kept, *lines: dict[str, Any]) -> list[dict[str, Any]]:
    models = [served_of(kept, "tiny", "full"), served_of(kept, "pairs", "full"), served_of(kept, "questions", "full")]
    source = io.BytesIO(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
    sink = io.BytesIO()
    assert converse(Order(models=models), source, sink) == len(lines)
    return [json.loads(line) for line in sink.getvalue().splitlines()]


def test_a_conversation(kept: Kept) -> None:
    hello, tiny, silent, pairs, lonely, answers = conversation(
        kept,
        {"first": ["what a happy day", "a quiet night", "lone \ud800 surrogate", ""], "second": None},
        {"first": ["what a happy day"], "scores": False},
        {"first": ["a", "b"], "second": ["c", "d"], "model": 1},
        {"first": ["who?"], "model": 2},
        {"first": ["who?"], "second": ["the happy day"], "model": 2},
    )
    assert [model["kind"] for model in hello["ready"]] == ["multilabel", "single-label", "qa"]
    assert len(tiny["labels"]) == len(tiny["scores"]) == 4
    assert silent == {"labels": tiny["labels"][:1]}
    assert [len(row) for row in pairs["labels"]] == [1, 1]
    np.testing.assert_allclose(np.sum(pairs["scores"], axis=1), 1, atol=1e-5)
    assert "context" in lonely["error"]["what"]
    assert len(answers["answers"]) == 1


def test_thresholds_are_shown_on_the_scale_of_scores(kept: Kept) -> None:
    served = served_of(kept, "tiny", "full", rule=PER_LABEL)
    said = Predictor.load(served).predict(texts_of(kept, "tiny"))
    by_shown = decide(np.round(said.scores, 12), np.round(scaled_thresholds(served.decision), 12))
    assert [np.flatnonzero(row).tolist() for row in by_shown] == said.labels


@given(st.lists(st.text(max_size=12), max_size=40))
@settings(max_examples=50)
def test_blocks_hold_every_row_once(rows: list[str]) -> None:
    assert [text for first, _ in blocks(rows) for text in first] == rows
    pairs = [(row, row[::-1]) for row in rows]
    found = [pair for first, second in blocks(pairs) for pair in zip(first, second or [], strict=True)]
    assert found == pairs


def test_what_is_made_ahead_fails_in_its_place() -> None:
    def items() -> Iterator[int]:
        yield from range(5)
        raise ValueError("sixth")

    seen = []
    with pytest.raises(ValueError, match="sixth"):
        seen.extend(ahead(items()))
    found = ahead(iter(range(100)))
    assert next(found) == 0
    found.close()  # type: ignore[attr-defined]


def test_decisions_need_finite_outputs(kept: Kept) -> None:
    served = served_of(kept, "tiny", "full")
    outputs = stored(kept, served)
    torn = Outputs(outputs.ids, np.full_like(outputs.outputs, np.nan), outputs.gold)
    with pytest.raises(RunError, match="not finite"):
        fitted_decision(served.task, served.decision.labels, torn)


def test_margins_of_questions_are_those_of_the_analysis(kept: Kept) -> None:
    served = served_of(kept, "questions", "full")
    table = read_table(stored(kept, served))
    said = Predictor.load(served).predict(texts_of(kept, "questions"))
    threshold = served.decision.thresholds[0]
    shown = (threshold if np.isfinite(threshold) else 0.0) - table[:, MARGIN]
    np.testing.assert_allclose(said.scores[:, 0], shown, atol=1e-4)
