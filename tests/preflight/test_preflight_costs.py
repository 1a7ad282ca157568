"""Forecasts: what a plan costs by guess, by a smoke run, and by finished trials; what is learned, and what is not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from preflight_setups import Setup

from bakeoff.api import drawn_labels
from bakeoff.errors import RunError
from bakeoff.preflight.costs import KEPT_RATIOS, Costs, read_costs, write_cost
from bakeoff.preflight.devices import DEVICES, device_hours
from bakeoff.preflight.estimating import estimate
from bakeoff.preflight.forecast import WHOLE_TRIAL
from bakeoff.preflight.forecast_model import Forecast, Range
from bakeoff.preflight.learning import learn_from_run, learn_from_smoke
from bakeoff.preflight.lengths import Lengths, measure_lengths
from bakeoff.preflight.shapes import read_shape
from bakeoff.preflight.smoke import order_of
from bakeoff.records.results import Circumstances, State, TrialState
from bakeoff.records.specs import TrialSpec
from bakeoff.running.estimate import Estimate
from bakeoff.tasks.tokenizer import load_tokenizer
from bakeoff.tasks.windows import Cut, cut_windows

FACTS = {
    "train_seconds": 1e-3,
    "evaluation_seconds": 2e-4,
    "overhead_seconds": 1.5,
    "peak_bytes": 900_000_000,
    "peak_tokens": 960,
    "device": "cpu",
}


def foretold(setup: Setup) -> Forecast:
    subject = setup.subject()
    assert subject.plan is not None
    assert subject.study is not None
    order = order_of(subject, subject.plan, ())
    return estimate(setup.home, subject.plan.trials, subject.study.keep, order.materials)


def finish(setup: Setup, trial: TrialSpec, seconds: float, **changes: object) -> None:
    """What a finished trial leaves, as far as costs read it, and learn from it."""
    subject = setup.subject()
    assert subject.plan is not None
    folder = subject.run.trial(trial.id)
    TrialState(state=State(changes.pop("state", "complete")), attempt=1).write(folder.state)
    body = {"started": "", "ended": "", "seconds": seconds, "attempts": 1, "peak_bytes": 10**9, **changes}
    Circumstances.model_validate(body).write(folder.circumstances)
    learn_from_run(setup.home, subject.run, [trial], order_of(subject, subject.plan, ()).materials)


def test_work_is_what_a_trial_does(setup: Setup) -> None:
    forecast = foretold(setup)
    bce = forecast.trials[0]
    subject = setup.subject()
    dataset = subject.whole_datasets["demo"]
    assert (bce.work.steps, bce.work.examples) == (4, 64)
    lengths = measure_lengths(dataset, setup.model)
    rows = {split: dataset.size(split) for split in ("validation", "test")}
    assert bce.work.train_tokens == pytest.approx(64 * lengths.mean("train", 60))
    evaluated = 2 * rows["validation"] * lengths.mean("validation", 60) + rows["test"] * lengths.mean("test", 60)
    assert bce.work.evaluation_tokens == pytest.approx(evaluated)
    assert forecast.trials[2].work.steps == 0
    assert forecast.token_bytes > 4 * rows["test"]
    weights = 4 * read_shape(setup.model).parameters
    outputs = sum(rows.values()) * 8 * len(dataset.labels)
    assert bce.disk_bytes == outputs
    # 15 trials; the model of the best trial of two recipes stays, and one trial at a time has its checkpoints
    assert forecast.disk_bytes == 15 * outputs + 2 * weights + 7 * weights
    setup.change("limits:", "keep: all\nlimits:")
    assert foretold(setup).disk_bytes == 15 * outputs + 10 * weights + 7 * weights
    setup.change("keep: all", "keep: none")
    assert foretold(setup).disk_bytes == 15 * outputs + 7 * weights


def test_what_a_sampling_draws_is_counted(setup: Setup) -> None:
    plain = foretold(setup).trials[0].work
    setup.change("bce: {loss: bce}", "bce: {loss: bce, treatment: {sampling: {name: oversample, below: 12}}}")
    sampled = foretold(setup).trials[0].work
    (drawn,) = drawn_labels(str(setup.folder / "study.yaml"))
    assert drawn["examples"] > 64
    assert (sampled.examples, sampled.steps) == (drawn["examples"], -(-drawn["examples"] // 16))
    assert sampled.train_tokens == pytest.approx(plain.train_tokens * drawn["examples"] / 64)
    assert sampled.evaluation_tokens == plain.evaluation_tokens


def test_a_head_on_cached_features_costs_no_pass_of_the_model(setup: Setup) -> None:
    full = foretold(setup)
    assert (full.feature_bytes, full.feature_seconds.expected) == (0, 0.0)
    setup.change("tfidf: {method: tfidf}", "probe: {method: linear-probe}, centroid: {method: nearest-centroid}")
    probed = foretold(setup)
    one = next(trial for trial in probed.trials if trial.trial.recipe.name == "probe")
    assert (one.work.train_tokens, one.work.evaluation_tokens, one.work.steps) == (0.0, 0.0, 4)
    assert one.seconds.expected < full.trials[0].seconds.expected
    assert one.peak_bytes.expected < full.trials[0].peak_bytes.expected
    dataset, shape = setup.subject().whole_datasets["demo"], read_shape(setup.model)
    rows = 64 + dataset.size("validation") + dataset.size("test")
    # the centroids are of vectors in float32 as well, and read the same store
    assert probed.feature_bytes == rows * 4 * shape.width
    assert probed.feature_seconds.expected > 0
    assert probed.seconds.expected > sum(trial.seconds.expected for trial in probed.trials)


def test_lengths_are_those_of_the_tokenizer(setup: Setup) -> None:
    dataset = setup.subject().whole_datasets["demo"]
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(setup.model / "tokenizer.json"))
    tokenizer.no_truncation()
    lengths = measure_lengths(dataset, setup.model)
    texts = dataset.texts("test")
    if len(texts) <= 500:
        assert lengths.tokens["test"].tolist() == [len(tokenizer.encode(text).ids) for text in texts]
    assert (lengths.counted, lengths.special, lengths.firsts) == (True, 3, {})
    (setup.model / "tokenizer.json").unlink()
    assert not measure_lengths(dataset, setup.model).counted
    assert lengths.cut(int(np.concatenate(list(lengths.tokens.values())).max())) == 0.0


@pytest.mark.parametrize(("max_length", "stride"), [(24, 8), (40, 0), (64, 30)])
def test_windows_of_contexts_are_those_that_the_task_cuts(setup: Setup, max_length: int, stride: int) -> None:
    tokenizer = load_tokenizer(setup.model)
    questions, contexts = ["a", "what", "what is it " * 10], ["it", "it is what it is " * 20, "what is it not " * 9]
    cut = cut_windows(questions, contexts, tokenizer, Cut(max_length, stride))
    tokens = sum(len(window.ids) for windows in cut for window in windows)
    alone = [len(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in questions]
    whole = [len(tokenizer(*pair)["input_ids"]) for pair in zip(questions, contexts, strict=True)]
    lengths = Lengths({"train": np.array(whole)}, {"train": np.array(alone)}, special=3)
    assert lengths.windows("train", max_length, stride) == pytest.approx((sum(map(len, cut)) / 3, tokens / 3))


def test_a_smoke_run_replaces_the_guess_and_narrows_the_range(setup: Setup) -> None:
    guess = foretold(setup).trials[0]
    assert guess.known == "nothing measured: by the model's size"
    assert guess.seconds.high / guess.seconds.expected == pytest.approx(4.0)
    learn_from_smoke(setup.home, guess.key, FACTS)
    measured = foretold(setup).trials[0]
    expected = 1.5 + 1e-3 * measured.work.train_tokens + 2e-4 * measured.work.evaluation_tokens
    assert measured.seconds.expected == pytest.approx(expected)
    assert (measured.known, measured.measured) == ("a smoke run", True)
    assert measured.seconds.high / expected == pytest.approx(1.3)
    assert measured.peak_bytes.expected == pytest.approx(WHOLE_TRIAL * 900_000_000, rel=0.01)
    # the same model at another batch size is like it, not it
    setup.change("batch_size: 16", "batch_size: 32")
    assert foretold(setup).trials[0].known == "a like model, measured"


def test_finished_trials_mend_the_forecast(setup: Setup) -> None:
    first = foretold(setup).trials[0]
    learn_from_smoke(setup.home, first.key, FACTS)
    before = foretold(setup).trials[0].seconds.expected
    trials = [trial.trial for trial in foretold(setup).trials if trial.trial.recipe.name == "bce"]
    for trial, factor in zip(trials, (2.0, 2.1, 1.9, 2.0), strict=False):
        finish(setup, trial, before * factor)
    after = foretold(setup).trials[0]
    assert after.seconds.expected == pytest.approx(2 * before)
    assert after.known == "4 finished trials"
    assert after.seconds.high / after.seconds.expected == pytest.approx(1.15)


def test_a_first_trial_alone_teaches_its_own_time(setup: Setup) -> None:
    trial = foretold(setup).trials[2].trial
    assert trial.recipe.method.name == "tfidf"
    finish(setup, trial, 33.0)
    mended = foretold(setup).trials[2]
    assert mended.seconds.expected == pytest.approx(33.0)
    assert mended.known == "1 finished trial"


@pytest.mark.parametrize("changes", [{"state": "failed"}, {"attempts": 2}])
def test_what_failed_or_was_interrupted_teaches_nothing(changes: dict[str, object], setup: Setup) -> None:
    finish(setup, foretold(setup).trials[0].trial, 5.0, **changes)
    assert read_costs(setup.home) == Costs()


def test_costs_of_other_machines_and_torn_files_do_not_count(setup: Setup) -> None:
    first = foretold(setup).trials[0]
    learn_from_smoke(setup.home, first.key.model_copy(update={"machine": "another"}), FACTS)
    assert foretold(setup).trials[0].known == first.known
    learn_from_smoke(setup.home, first.key, FACTS)
    body = json.loads(setup.home.costs.read_text())
    assert len(body["entries"]) == 2
    setup.home.costs.write_text(setup.home.costs.read_text()[:-40])
    assert read_costs(setup.home) == Costs()
    assert foretold(setup).trials[0].known == first.known


def test_only_the_last_trials_count(setup: Setup) -> None:
    key = foretold(setup).trials[0].key
    learn_from_smoke(setup.home, key, FACTS)
    cost = read_costs(setup.home).entries[key.digest]
    for number in range(KEPT_RATIOS + 5):
        cost = cost.seen(f"trial-{number}", float(number), 1.0)
    write_cost(setup.home, cost)
    kept = read_costs(setup.home).entries[key.digest].ratios
    assert list(kept.values()) == [float(number) for number in range(5, KEPT_RATIOS + 5)]


def test_hours_on_a_device_fall_with_its_speed(setup: Setup) -> None:
    forecast = foretold(setup)
    hours = device_hours(forecast, ["T4", "h100"])
    assert hours["NVIDIA T4"].expected > hours["NVIDIA H100 SXM"].expected > 0
    assert hours["NVIDIA T4"].low < hours["NVIDIA T4"].expected < hours["NVIDIA T4"].high
    with pytest.raises(RunError, match="no device is called 'h10'") as caught:
        device_hours(forecast, ["h10"])
    assert "did you mean 'h100'" in caught.value.remedy
    assert all(device.flops > device.flops_fp32 for device in DEVICES.values())


def test_time_left_comes_from_the_forecast_until_trials_were_seen(setup: Setup) -> None:
    trials = [trial.trial for trial in foretold(setup).trials]
    known = Estimate()
    for trial in trials:
        known.foretell(trial, 10.0 if trial.recipe.name == "bce" else 4.0)
    assert known.left(trials[:3]) == 18.0
    known.learn(trials[0], 20.0)  # all are then taken to be twice as slow
    assert known.left(trials[1:3]) == 16.0
    assert known.surprise(trials[0], 20.0) == 10.0
    assert known.surprise(trials[0], 20.0) is None
    assert known.surprise(trials[1], 5.9) is None


def test_ranges_add_up() -> None:
    assert Range(1, 2, 3) + Range.around(10, 2) == Range(6, 12, 23)


def test_shapes_are_read_without_loading(setup: Setup, tmp_path: Path) -> None:
    shape = read_shape(setup.model)
    assert (shape.family, shape.layers, shape.blocks, shape.width, shape.context) == ("bert", 2, 2, 32, 64)
    assert shape.embedded == (shape.vocabulary, 32)
    assert shape.body == shape.parameters - shape.vocabulary * 32
