"""What nobody decided on counts in nothing: not in a metric, not in a threshold, not in calibration, not in the jackknife."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics as sk

from bakeoff.metrics import single
from bakeoff.metrics.calibration import fit_temperature, reliability
from bakeoff.metrics.counts import UNKNOWN, evaluate, known
from bakeoff.metrics.multilabel import log_loss, score_decisions, sigmoid, validation_scores
from bakeoff.metrics.ranking import RANKED, label_average_precision
from bakeoff.metrics.recognition import best_constant, logit_shift
from bakeoff.metrics.scores import SCORES
from bakeoff.metrics.shrinkage import tune
from bakeoff.metrics.sorting import sort
from bakeoff.metrics.thresholds import best_threshold, tune_label_thresholds, tune_threshold
from bakeoff.stats.grouping import draw_groups
from bakeoff.stats.replicates import label_replicates, replicates

N, L = 60, 5
SINGLE = {"accuracy": single.accuracy, "f1": single.f1, "mcc": single.mcc}


def drawn(seed: int) -> tuple[NDArray[np.int8], NDArray[Any], NDArray[np.bool_]]:
    """Gold with unknown decisions, logits, and which are known; label 4 is known nowhere, the rest here and there."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(size=(N, L)).round(1)
    truth = generator.random((N, L)) < sigmoid(1.5 * logits)
    asked = generator.random((N, L)) < 0.7
    asked[:, 4] = False
    asked[0, :4] = True
    return np.where(asked, truth, UNKNOWN).astype(np.int8), logits, asked


def elsewhere(values: NDArray[Any], asked: NDArray[np.bool_], seed: int) -> NDArray[Any]:
    """The same where decisions are known, anything else where they are not."""
    other = np.random.default_rng(seed + 999).permutation(values.ravel()).reshape(values.shape)
    return np.where(asked, values, other if values.dtype == bool else other * 3 - 1)


@pytest.mark.parametrize("name", list(SCORES))
@pytest.mark.parametrize("seed", range(4))
def test_a_metric_does_not_look_where_nobody_decided(name: str, seed: int) -> None:
    gold, logits, asked = drawn(seed)
    decided = logits > 0.2
    value = SCORES[name](gold, decided)
    assert value == SCORES[name](gold, elsewhere(decided, asked, seed))
    assert value == score_decisions(gold, decided, {name: SCORES[name]})[name]


def by_columns(gold: NDArray[Any], decided: NDArray[Any], score: Callable[..., float]) -> list[float]:
    """A score of each label that somebody decided on, over the rows where somebody did."""
    found = []
    for label in range(gold.shape[1]):
        rows = gold[:, label] >= 0
        if rows.any():
            found.append(float(score(gold[rows, label], decided[rows, label], zero_division=0)))
    return found


@pytest.mark.parametrize("seed", range(4))
def test_macro_and_micro_are_those_of_scikit_learn_over_known_decisions(seed: int) -> None:
    gold, logits, asked = drawn(seed)
    decided = logits > 0.2
    for name, score in (("f1", sk.f1_score), ("precision", sk.precision_score), ("recall", sk.recall_score)):
        assert SCORES[f"{name}_macro"](gold, decided) == pytest.approx(np.mean(by_columns(gold, decided, score)))
        flat = score(gold[asked], decided[asked], zero_division=0)
        assert SCORES[f"{name}_micro"](gold, decided) == pytest.approx(flat)
    assert SCORES["jaccard_macro"](gold, decided) == pytest.approx(np.mean(by_columns(gold, decided, sk.jaccard_score)))
    assert SCORES["hamming_loss"](gold, decided) == pytest.approx(np.mean(gold[asked] != decided[asked]))
    right = [(gold[n][asked[n]] == decided[n][asked[n]]).all() for n in range(N)]
    assert SCORES["subset_accuracy"](gold, decided) == pytest.approx(np.mean(right))
    each = [sk.average_precision_score(gold[rows, k], logits[rows, k]) for k in range(4) if (rows := gold[:, k] >= 0).any()]
    assert RANKED["average_precision_macro"](gold, logits) == pytest.approx(np.mean(each))
    np.testing.assert_allclose(label_average_precision(gold, logits)[:4], each)
    micro = sk.average_precision_score(gold[asked], logits[asked])
    assert RANKED["average_precision_micro"](gold, logits) == pytest.approx(micro)


@pytest.mark.parametrize("name", [*SCORES, *RANKED])
def test_a_source_with_its_own_labels_scores_as_if_it_were_alone(name: str) -> None:
    gold, logits, _ = drawn(1)
    gold = np.abs(gold)
    gold[:, 3:] = UNKNOWN
    own = gold[:, :3] > 0
    if name in RANKED:
        assert RANKED[name](gold, logits) == pytest.approx(RANKED[name](own, logits[:, :3]))
    else:
        assert SCORES[name](gold, logits > 0) == pytest.approx(SCORES[name](own, logits[:, :3] > 0))


@pytest.mark.parametrize("name", list(SCORES))
@pytest.mark.parametrize("seed", range(3))
def test_thresholds_are_tuned_on_known_decisions_alone(name: str, seed: int) -> None:
    gold, logits, asked = drawn(seed)
    chances = sigmoid(logits)
    others = sigmoid(elsewhere(logits, asked, seed))
    threshold, value = tune_threshold(gold, chances, name)
    assert tune_threshold(gold, others, name) == (threshold, value)
    assert value == pytest.approx(SCORES[name](gold, chances >= threshold))
    tried = [SCORES[name](gold, chances >= t) for t in [*np.unique(chances[asked]), 1.0]]
    assert value == pytest.approx(min(tried) if name == "hamming_loss" else max(tried))
    first, second = tune(gold, chances, name), tune(gold, others, name)
    assert (first.threshold, first.kappa, first.optimism) == (second.threshold, second.kappa, second.optimism)
    np.testing.assert_array_equal(first.labels, second.labels)
    assert first.labels[4] == first.threshold, "a label that nobody decided on takes the common threshold"


def test_a_metric_of_others_sees_known_decisions_alone() -> None:
    seen: list[tuple[NDArray[Any], NDArray[Any]]] = []

    def theirs(gold: NDArray[Any], predicted: NDArray[Any]) -> float:
        seen.append((gold, predicted))
        return float(np.mean(gold == predicted))

    gold, logits, asked = drawn(0)
    decided = logits > 0
    value = score_decisions(gold, decided, {"theirs": theirs})["theirs"]
    assert value == score_decisions(gold, elsewhere(decided, asked, 0), {"theirs": theirs})["theirs"]
    assert best_threshold(sort(gold, sigmoid(logits)), theirs) >= 0
    best_constant(gold, theirs, higher=True)
    evaluate(theirs, gold, sigmoid(logits))
    assert all(true.dtype == bool and true.shape[1] == 4 for true, _ in seen)


def test_single_labels_are_chosen_among_known_ones() -> None:
    generator = np.random.default_rng(3)
    logits = generator.normal(size=(N, 4))
    gold = np.full((N, 4), UNKNOWN, dtype=np.int8)
    for row in range(N):
        some = generator.permutation(4)[: 2 + row % 3]
        gold[row, some] = 0
        gold[row, some[0]] = 1
    left = single.only_known(gold, logits)
    decided = single.choose(left)
    assert (gold[decided] >= 0).all()
    np.testing.assert_allclose(single.softmax(left).sum(axis=1), 1)
    assert (single.softmax(left)[gold < 0] == 0).all()
    right = [logits[n][gold[n] >= 0].argmax() == gold[n][gold[n] >= 0].argmax() for n in range(N)]
    assert single.accuracy(gold, decided) == pytest.approx(np.mean(right))
    losses = [-np.log(single.softmax(logits[None, n, gold[n] >= 0])[0, gold[n][gold[n] >= 0].argmax()]) for n in range(N)]
    assert single.cross_entropy(gold, logits) == pytest.approx(np.mean(losses))
    truth = gold.argmax(axis=1)
    assert single.mcc(gold, decided) == pytest.approx(sk.matthews_corrcoef(truth, decided.argmax(axis=1)))


@pytest.mark.parametrize("seed", range(3))
def test_calibration_and_loss_are_of_known_decisions(seed: int) -> None:
    gold, logits, asked = drawn(seed)
    flat, values = gold[asked][:, None], logits[asked][:, None]
    assert log_loss(gold, logits) == pytest.approx(sk.log_loss(gold[asked], sigmoid(logits)[asked]))
    assert fit_temperature(gold, logits) == pytest.approx(fit_temperature(flat, values))
    found, alone = reliability(gold, sigmoid(logits)), reliability(flat, sigmoid(values))
    np.testing.assert_array_equal(found.counts, alone.counts)
    np.testing.assert_allclose(found.true, alone.true)
    assert logit_shift(gold, logits) == logit_shift(gold, elsewhere(logits, asked, seed))
    assert validation_scores(gold, logits) == validation_scores(gold, elsewhere(logits, asked, seed))


@pytest.mark.parametrize("name", [*SCORES, *RANKED])
def test_the_jackknife_leaves_out_known_decisions(name: str) -> None:
    gold, logits, asked = drawn(2)
    metric = {**SCORES, **RANKED}[name]
    said = [sigmoid(logits), sigmoid(logits + 0.3)]
    predicted = said if name in RANKED else [one > 0.5 for one in said]
    groups = draw_groups(N, count=12)
    found = replicates([1, 2], metric, gold, predicted, groups)
    for seed, one in enumerate(predicted):
        assert found.whole[seed] == pytest.approx(metric(gold, one))
        for group in range(groups.count):
            rows = groups.of_example != group
            assert found.without[seed, group] == pytest.approx(metric(gold[rows], one[rows]))
    again = replicates([1, 2], metric, gold, [elsewhere(one, asked, 5) for one in predicted], groups)
    np.testing.assert_array_equal(found.without, again.without)


def test_single_label_metrics_in_the_jackknife() -> None:
    gold = np.where(np.eye(3, dtype=np.int8)[np.arange(30) % 3] > 0, 1, 0).astype(np.int8)
    gold[::4, 2] = np.where(gold[::4, 2] == 1, 1, UNKNOWN)
    decided = single.choose(np.random.default_rng(0).normal(size=(30, 3)))
    for metric in SINGLE.values():
        assert replicates([1], metric, gold, [decided], draw_groups(30, count=5)).whole[0] == pytest.approx(
            metric(gold, decided)
        )


def test_a_label_that_nobody_decided_on_has_a_place_label_by_label() -> None:
    gold, logits, asked = drawn(0)
    decided = np.stack([logits > 0])
    found = label_replicates([1], gold, decided, draw_groups(N, count=6))
    assert len(found) == L
    assert found[4].whole.tolist() == [0.0]
    each = by_columns(gold, decided[0], sk.f1_score)
    np.testing.assert_allclose([one.whole[0] for one in found[:4]], each)
    np.testing.assert_array_equal(tune_label_thresholds(gold, sigmoid(logits), 0.4)[4], 0.4)
    assert known(gold) is not None
    assert known(np.abs(gold)) is None
    assert known(asked) is None


@settings(max_examples=60)
@given(st.data())
def test_all_known_is_as_if_nothing_were_said_of_it(data: st.DataObject) -> None:
    rows, labels = data.draw(st.integers(1, 8)), data.draw(st.integers(1, 4))
    flags = st.lists(st.booleans(), min_size=rows * labels, max_size=rows * labels)
    true, decided = (np.array(data.draw(flags)).reshape(rows, labels) for _ in range(2))
    for name, metric in SCORES.items():
        assert metric(true.astype(np.int8), decided) == metric(true, decided), name
