"""What `bakeoff losses` names: wrong signs, vanishing, overflow: each in a loss that has it, and nothing where nothing is."""

from __future__ import annotations

import pytest
from broken_losses import CARDS

from bakeoff.catalog import registry
from bakeoff.errors import CatalogError
from bakeoff.losses.base import make_loss
from bakeoff.losses.inspection import FACTS, inspect_loss
from bakeoff.testing.losses import LossCase, check_loss


@pytest.fixture(autouse=True)
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, card in CARDS.items():
        monkeypatch.setitem(registry.cards("loss"), name, card)


@pytest.mark.parametrize("name", ["bce", "focal", "asymmetric", "class-balanced", "distribution-balanced", "combined"])
def test_nothing_is_wrong_with_our_losses_but_what_is_known(name: str) -> None:
    found = inspect_loss(name, registry.loss(name).example)
    assert found["overflow"] == {"fp32": [], "bf16": []}
    for side in ("positive", "negative"):
        assert found[side]["wrong_sign"] == []
        if (name, side) != ("asymmetric", "negative"):
            assert found[side]["vanishing"] == []


def test_the_asymmetric_loss_gives_up_on_negatives_that_look_mislabelled() -> None:
    gone = inspect_loss("asymmetric", {})["negative"]["vanishing"]
    assert (min(gone), max(gone)) == (pytest.approx(7.9), pytest.approx(12))


def test_the_inverted_weighting_is_caught_by_its_sign() -> None:
    found = inspect_loss("inverted", {})
    at_zero = dict(zip(found["typical"], found["negative"]["typical"], strict=True))[0.0]
    assert at_zero == pytest.approx(-0.058, abs=0.0005)
    assert 0.0 in [round(logit, 6) for logit in found["negative"]["wrong_sign"]]
    assert found["positive"]["wrong_sign"] == []
    right = inspect_loss("asymmetric", {"gamma_neg": 4, "clip": 0.05})
    assert dict(zip(right["typical"], right["negative"]["typical"], strict=True))[0.0] == pytest.approx(0.073, abs=0.0005)


def test_the_contract_refuses_the_inverted_weighting() -> None:
    case = LossCase("inverted", {}, FACTS, reference=lambda x, y, progress: x)
    with pytest.raises(AssertionError, match="the loss of a negative falls with its logit"):
        check_loss(case)


def test_overflow_is_named() -> None:
    overflow = inspect_loss("naive", {})["overflow"]
    assert overflow["fp32"][0] == -1e4
    assert overflow["fp32"][-1] == 1e4
    assert 30.0 in overflow["bf16"]


def test_vanishing_is_named_on_both_sides() -> None:
    found = inspect_loss("squared", {})
    assert max(found["positive"]["vanishing"]) < -4
    assert min(found["negative"]["vanishing"]) > 4
    assert found["positive"]["wrong_sign"] == found["negative"]["wrong_sign"] == []


def test_settings_and_versions_are_told_in_full() -> None:
    found = inspect_loss("focal", {"gamma": 1.0})
    assert found["settings"]["gamma"] == 1.0
    assert found["settings"]["alpha"] == 0.25
    assert found["version"] == registry.loss("focal").version
    assert len(found["logits"]) == len(found["positive"]["values"]) == len(found["negative"]["gradients"]) == 241
    assert (found["logits"][0], found["logits"][-1]) == (-12, 12)


def test_code_that_makes_no_loss_is_refused() -> None:
    with pytest.raises(CatalogError, match="makes no loss"):
        make_loss("no-loss", {}, FACTS)


def test_class_weights_must_be_as_many_as_labels() -> None:
    with pytest.raises(CatalogError, match="2 weights for 3 labels"):
        make_loss("bce", {"class_weights": [1.0, 2.0]}, FACTS)
