"""Learning rates above what a method's card calls safe are warned of, and the remedy mends that."""

from __future__ import annotations

from dataclasses import replace

import pytest
from preflight_setups import Setup

from bakeoff.preflight.checks import methods
from bakeoff.preflight.findings import Severity
from bakeoff.preflight.subject import Subject

REAL = methods.whole_shapes


def large(monkeypatch: pytest.MonkeyPatch, parameters: int) -> None:
    def shapes(subject: Subject) -> object:
        return ((request, found, replace(shape, parameters=parameters)) for request, found, shape in REAL(subject))

    monkeypatch.setattr(methods, "whole_shapes", shapes)


def test_a_rate_that_suits_small_models_is_warned_of_for_large_ones(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    setup.change("training: {", "training: {learning_rate: 1e-4, ")
    assert list(methods.look_at_rates(setup.subject())) == []
    large(monkeypatch, 335_000_000)
    found = list(methods.look_at_rates(setup.subject()))
    assert [finding.where for finding in found] == [f"recipes.{name}.training.learning_rate" for name in ("bce", "focal")]
    assert "often fails above 5e-05" in found[0].what
    assert "Devlin" in found[0].needed
    setup.overrides = tuple(finding.remedy.removeprefix("--set ") for finding in found)
    assert list(methods.look_at_rates(setup.subject())) == []


def test_a_rate_for_an_adapter_has_a_bound_of_its_own(setup: Setup) -> None:
    setup.change("{loss: bce}", "{loss: bce, method: lora, training: {learning_rate: 6e-3}}")
    finding = setup.find("rates", "the learning rate of bce is 0.006: lora often fails above 0.005")
    assert finding.severity is Severity.WARNING
    setup.change("6e-3", "5e-3")
    assert list(methods.look_at_rates(setup.subject())) == []
