"""The treatment of a recipe's training examples, resolved and checked."""

from __future__ import annotations

from bakeoff.catalog.cards import Card, MethodCard
from bakeoff.catalog.registry import cards
from bakeoff.records.specs import Component, TreatmentSpec
from bakeoff.study.components import choose_component
from bakeoff.study.faults import Faults
from bakeoff.study.tree import Node


def resolve_treatment(settings: Node, kind: str, method: MethodCard | None, faults: Faults) -> TreatmentSpec | None:
    """What a recipe does to its training examples on a task.

    Args:
        settings: the recipe's settings, all layers merged.
        kind: the kind of task; empty where it is not known.
        method: the recipe's method, as far as it is known.
        faults: where faults are recorded.

    Returns:
        The treatment; None for none, or where it has faults.
    """
    sampling = _choose(settings.at("treatment", "sampling"), "sampling", kind, faults)
    augmentation = _choose(settings.at("treatment", "augmentation"), "augmentation", kind, faults)
    place = settings.at("treatment", "augmentation")
    if augmentation and place:
        if method and method.features:
            problem = f"the method {method.name} reads what a model made of the texts as they are"
            faults.add(place, problem, "augmentation: null", key=True)
        if augmentation.settings.get("examples") == "repeats" and sampling is None:
            faults.add(place, "no sampling draws an example once more, so there are no repeats", "examples: all, or a sampling")
    return TreatmentSpec(sampling=sampling, augmentation=augmentation) if sampling or augmentation else None


def _choose(node: Node | None, part: str, kind: str, faults: Faults) -> Component | None:
    if node is None or node.value is None:
        return None
    chosen = choose_component("sampling" if part == "sampling" else "augmentation", node, faults)
    if chosen is None:
        return None
    component, card = chosen
    if kind and kind not in _tasks(card):
        others = [other.name for other in cards(card.kind).values() if kind in _tasks(other)]
        faults.add(node, f"the {part} {card.name} is not for {kind} tasks", ", ".join(others) or f"{part}: null", key=True)
    return component


def _tasks(card: Card) -> tuple[str, ...]:
    return getattr(card, "tasks", ())
