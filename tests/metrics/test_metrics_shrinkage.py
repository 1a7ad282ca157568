"""Thresholds a label, shrunk: exact at both ends, chosen and measured by cross-validation, the same every time."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import expit, logit

from bakeoff.metrics.scores import f1_macro
from bakeoff.metrics.shrinkage import FOLDS, KAPPAS, choose_kappa, draw_folds, shrink, tune
from bakeoff.metrics.sorting import sort
from bakeoff.metrics.thresholds import decide, tune_label_thresholds, tune_threshold


def made(seed: int = 0, examples: int = 600, labels: int = 12, strength: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """A long tail: the rarest labels have a handful of positives."""
    random = np.random.default_rng(seed)
    shares = 0.4 / np.arange(1, labels + 1) ** 1.5
    gold = random.random((examples, labels)) < shares
    return gold, expit(np.log(shares) + strength * gold + random.normal(size=gold.shape))


def test_shrinking_is_a_weighted_mean_of_logits() -> None:
    labels, positives = np.array([0.2, 0.7, 0.9]), np.array([0, 10, 30])
    found = shrink(labels, 0.4, positives, 10.0)
    weight = np.array([0.0, 0.5, 0.75])
    np.testing.assert_allclose(found, expit(weight * logit(labels) + (1 - weight) * logit(0.4)), rtol=1e-12)
    assert found[0] == 0.4


def test_the_ends_are_exact_to_the_last_bit() -> None:
    labels = np.random.default_rng(1).random(200)
    positives = np.arange(200)
    # a threshold is one of the probabilities: one bit more and its own example is no longer reached
    assert shrink(labels, 0.3, positives, 0.0)[1:].tolist() == labels[1:].tolist()
    assert shrink(labels, 0.3, positives, math.inf).tolist() == [0.3] * 200
    assert shrink(np.full(3, 0.1), 0.1, np.full(3, 5), 7.0).tolist() == [0.1] * 3
    assert np.isfinite(shrink(np.array([0.0, 1.0]), np.nextafter(1, 2), np.array([3, 3]), 5.0)).all()


def test_folds_are_even_and_always_the_same() -> None:
    folds = draw_folds(103)
    assert sorted(np.bincount(folds)) == [20, 20, 21, 21, 21]
    assert folds.tolist() == draw_folds(103).tolist()
    assert folds.tolist() != draw_folds(103, seed=1).tolist()


def test_a_part_is_what_sorting_the_part_gives() -> None:
    gold, chances = made(3)
    chances = np.round(chances, 2)  # many ties
    mask = np.random.default_rng(2).random(len(gold)) < 0.6
    part, again = sort(gold, chances).part(mask), sort(gold[mask], chances[mask])
    assert part.chances.tolist() == again.chances.tolist()
    assert part.gold.tolist() == again.gold.tolist()
    assert part.rows.tolist() == again.rows.tolist()
    assert part.order.tolist() == again.order.tolist()
    true, back = part.unsorted()
    assert true.tolist() == gold[mask].tolist()
    assert back.tolist() == chances[mask].tolist()


def test_kappa_is_the_best_of_all_in_cross_validation() -> None:
    gold, chances = made(5)
    folds, scores = draw_folds(len(gold)), []
    for kappa in KAPPAS:
        decided = np.zeros_like(gold)
        for fold in range(FOLDS):
            train, held = folds != fold, folds == fold
            common, _ = tune_threshold(gold[train], chances[train])
            own = tune_label_thresholds(gold[train], chances[train], common)
            decided[held] = decide(chances[held], shrink(own, common, gold[train].sum(axis=0), kappa))
        scores.append(f1_macro(gold, decided))
    found = choose_kappa(sort(gold, chances), "f1_macro")
    assert found == KAPPAS[max(index for index, score in enumerate(scores) if score >= max(scores) - 1e-9)]
    assert len({round(score, 6) for score in scores}) > 3


def test_what_is_fitted() -> None:
    gold, chances = made(7)
    found = tune(gold, chances)
    common, _ = tune_threshold(gold, chances)
    assert found.threshold == common
    assert found.unshrunk.tolist() == tune_label_thresholds(gold, chances, common).tolist()
    assert found.labels.tolist() == shrink(found.unshrunk, common, gold.sum(axis=0), found.kappa).tolist()
    assert found.kappa in KAPPAS
    again = tune(gold, chances)
    assert (again.kappa, again.optimism, again.labels.tolist()) == (found.kappa, found.optimism, found.labels.tolist())


def test_a_function_and_its_name_are_tuned_alike() -> None:
    gold, chances = made(2, examples=60, labels=4)
    chances = np.round(chances, 1)  # few candidates, so that the grid of a function holds them all
    named, function = tune(gold, chances, "f1_macro"), tune(gold, chances, f1_macro)
    assert (named.threshold, named.kappa) == (function.threshold, function.kappa)
    assert named.optimism == pytest.approx(function.optimism)


def test_optimism_is_what_fresh_examples_show() -> None:
    """The mean over many draws of what is cross-validated is near the mean of what fresh examples really lose."""
    told, real = [], []
    for seed in range(12):
        gold, chances = made(seed, examples=400)
        fresh_gold, fresh = made(1000 + seed, examples=4000)
        found = tune(gold, chances)
        for rule, optimism in zip((found.threshold, found.labels), found.optimism, strict=True):
            told.append(optimism)
            real.append(f1_macro(gold, chances >= rule) - f1_macro(fresh_gold, fresh >= rule))
    told, real = np.reshape(told, (12, 2)), np.reshape(real, (12, 2))
    assert told.mean(axis=0)[1] > told.mean(axis=0)[0] > 0  # more thresholds, more optimism
    np.testing.assert_allclose(told.mean(axis=0), real.mean(axis=0), atol=0.03)


def test_shrunk_thresholds_do_better_on_fresh_examples_than_unshrunk_ones() -> None:
    gains = []
    for seed in range(12):
        gold, chances = made(seed, examples=300, labels=20)
        fresh_gold, fresh = made(1000 + seed, examples=4000, labels=20)
        found = tune(gold, chances)
        gains.append(f1_macro(fresh_gold, fresh >= found.labels) - f1_macro(fresh_gold, fresh >= found.unshrunk))
    assert np.mean(gains) > 0.005


def test_less_is_better_where_it_is() -> None:
    gold, chances = made(4)
    found = tune(gold, chances, "hamming_loss")
    wrong = np.mean((chances >= found.threshold) != gold)
    assert wrong == min(np.mean((chances >= candidate) != gold) for candidate in np.unique(chances))
    assert found.optimism[0] > 0


def test_what_cannot_be_tuned_says_so() -> None:
    gold, chances = made(1)
    chances[0, 0] = np.nan
    broken = tune(gold, chances)
    assert np.isnan([broken.threshold, broken.kappa, *broken.labels, *broken.optimism]).all()
    few = tune(gold[:6], made(1)[1][:6])
    assert (few.folds, few.kappa) == (0, math.inf)
    assert few.labels.tolist() == [few.threshold] * 12
    assert np.isnan(few.optimism).all()
    assert tune(gold[:0], chances[:0]).labels.tolist() == [0.5] * 12
