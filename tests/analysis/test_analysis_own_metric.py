"""A metric that another package brings: it chooses, ranks, is claimed, and says so where it fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import yaml

from bakeoff.analysis.analyse import analyse
from bakeoff.catalog import registry
from bakeoff.catalog.cards import MetricCard
from bakeoff.errors import CatalogError
from bakeoff.study.claims_checking import vocabulary
from bakeoff.tasks.multilabel import Multilabel
from fabricate import Fabrication, fabricate

CARDS = [
    MetricCard(name="cost", summary="price of mistakes", path="test_analysis_own_metric:cost", higher_is_better=False),
    MetricCard(name="sharpness", summary="how far apart", path="test_analysis_own_metric:sharpness", thresholded=False),
    MetricCard(name="torn", summary="fails", path="test_analysis_own_metric:torn"),
]


def cost(gold: Any, decided: Any) -> float:
    """A missed label costs five, a false one costs one."""
    return float(np.mean(5.0 * (gold & ~decided) + (~gold & decided)))


def sharpness(gold: Any, chances: Any) -> float:
    """How much higher true labels are than false ones."""
    return float(np.mean(np.where(gold, chances, 1 - chances)))


def torn(gold: Any, decided: Any) -> float:
    raise ZeroDivisionError("nothing to divide by")


def install(monkeypatch: pytest.MonkeyPatch, *cards: MetricCard) -> None:
    points = [SimpleNamespace(name=card.name, value=card.path, load=lambda card=card: card) for card in cards]
    monkeypatch.setattr(registry, "entry_points", lambda group: points)
    registry.cards.cache_clear()


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    yield
    registry.cards.cache_clear()


def run_of(root: Path, metric: str, *claims: str) -> Any:
    recipes = {"bce": 0.6, "asl": 3.0}
    wanted = Fabrication(recipes=recipes, seeds=(1, 2, 3, 4, 5), ends={}, examples=200, width=4, metric=metric)
    run = fabricate(root, wanted)
    run.study.write_text(yaml.safe_dump({"bakeoff": 1, "name": "x", "claims": list(claims)}))
    return run


def test_it_ranks_and_is_claimed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, *CARDS[:2])
    claims = ["asl beats bce in cost", "bce beats asl in cost@0.5", "asl beats bce in sharpness", "asl beats bce in f1_macro"]
    analysis = analyse(run_of(tmp_path, "cost", *claims))
    assert analysis.notes == []
    assert analysis.conclusions is not None
    assert [claim.answer for claim in analysis.conclusions.claims] == ["supported", "refuted", "supported", "supported"]
    (task,) = analysis.tasks
    assert (task.leader, task.higher_is_better) == ("asl", False)
    assert "cost" in task.standings[0].test["tuned"]
    (compared,) = analysis.conclusions.tasks
    assert [pair.value > 0 for pair in compared.pairs] == [True]


def test_it_chooses_checkpoints_and_may_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, *CARDS[:2])
    gold = np.array([[1, 0], [0, 1], [1, 1], [0, 0]], dtype=np.uint8)
    logits = np.where(gold, 1.0, -1.0).astype(np.float32)
    kind = Multilabel(("a", "b"), "cost")
    assert kind.score(logits, gold)["cost"] == 0
    assert kind.score(-logits, gold)["cost"] > 0
    assert 0.5 < Multilabel(("a", "b"), "sharpness").score(logits, gold)["sharpness"] < 1
    known = vocabulary({"r": {"t"}}, {"t": ("multilabel", "cost")})
    assert {"cost", "sharpness", "f1_macro"} <= set(known.tasks["t"].metrics)
    assert "cost" in known.lower
    assert "sharpness" in known.plain
    assert "cost" not in registry.metrics_of("single-label")


def test_where_it_fails_its_name_and_place_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, CARDS[2])
    with pytest.raises(CatalogError, match="the metric torn failed: ZeroDivisionError: nothing to divide by"):
        analyse(run_of(tmp_path, "f1_macro"))
