"""The contract of metrics: every built-in one keeps it, and it sees each way to break it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bakeoff.catalog import registry
from bakeoff.catalog.cards import MetricCard
from bakeoff.metrics.scores import f1_macro
from bakeoff.testing import metrics as contract


@pytest.mark.parametrize("name", registry.cards("metric"))
def test_every_metric_keeps_the_contract(name: str) -> None:
    contract.check_metric(name)


COUNTER = itertools.count()


def spoilt(gold: Any, predicted: Any) -> float:
    score = f1_macro(gold, predicted)
    predicted[0] = ~predicted[0]
    return score


BROKEN: dict[str, tuple[Callable[[Any, Any], Any], str]] = {
    "a number a label": (lambda y, p: (y == p).mean(axis=0), "numbers in place of one"),
    "nan for empty labels": (lambda y, p: (y & p).sum() / y.sum() if y.any() else float("nan"), "is nan"),
    "changing": (spoilt, "changes what was predicted"),
    "another number each time": (lambda y, p: f1_macro(y, p) + 1e-3 * next(COUNTER), "asked again"),
    "dependent on order": (lambda y, p: float(np.mean((y == p).all(axis=1) * np.arange(len(y)))), "order"),
    "upside down": (lambda y, p: 1 - f1_macro(y, p), "not better for what is right"),
    "blind": (lambda y, p: 0.5, "same for what is right"),
    "a matter of one example": (lambda y, p: float((y == p).all(axis=1).sum() % 2) + 10 * f1_macro(y, p), "moves by"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_each_fault_is_seen(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    function, message = BROKEN[fault]
    card = MetricCard(name="made-up", summary="for tests", path="nowhere:at_all")
    monkeypatch.setattr(MetricCard, "load", lambda _: function)
    monkeypatch.setattr(contract.registry, "metric", lambda _: card)
    with pytest.raises(AssertionError, match=message):
        contract.check_metric("made-up")
