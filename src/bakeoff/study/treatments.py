"""The treatment of a recipe's training examples, resolved and checked."""

from __future__ import annotations

from collections.abc import Sequence

from bakeoff.catalog.cards import Card, MethodCard
from bakeoff.catalog.registry import cards, nearest
from bakeoff.records.specs import Component, MixSpec, TreatmentSpec
from bakeoff.study.components import choose_component
from bakeoff.study.faults import Faults, validate
from bakeoff.study.shape import MixEntry
from bakeoff.study.tree import Node


def resolve_treatment(
    settings: Node, kind: str, method: MethodCard | None, faults: Faults, sources: Sequence[str] = ()
) -> TreatmentSpec | None:
    """What a recipe does to its training examples on a task.

    Args:
        settings: the recipe's settings, all layers merged.
        kind: the kind of task; empty where it is not known.
        method: the recipe's method, as far as it is known.
        faults: where faults are recorded.
        sources: names of the task's sources; empty where it has one.

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
    mix = resolve_mix(settings.at("treatment", "mix"), sources, sampling, faults)
    if not (sampling or augmentation or mix):
        return None
    return TreatmentSpec(sampling=sampling, augmentation=augmentation, mix=mix)


def resolve_mix(node: Node | None, sources: Sequence[str], sampling: Component | None, faults: Faults) -> MixSpec | None:
    """How much of each source a recipe draws.

    Args:
        node: what the recipe says of it, all layers merged.
        sources: names of the task's sources; empty where it has one.
        sampling: the recipe's sampling.
        faults: where faults are recorded.

    Returns:
        The mix; None for none, or where it has faults.
    """
    if node is None or node.value is None:
        return None
    # the shape's check has reported what is wrong with each layer
    entry = validate(MixEntry, node, Faults())
    if entry is None:
        return None
    if not sources:
        faults.add(node, "the task has one source, so there is nothing to mix", "mix: null, or a task with sources", key=True)
        return None
    if sampling is not None:
        faults.add(node, "a mix and a sampling both say how often examples are drawn", "one of them", key=True)
    if entry.shares is not None and (entry.sources is not None or node.at("temperature") is not None):
        other = node.at("sources") or node.at("temperature") or node
        faults.add(other, "the shares say it already", "either shares, or sources and temperature", key=True)
    for name in entry.shares or entry.sources or ():
        if name not in sources:
            place = node.at("shares", name) or node.at("sources") or node
            faults.add(place, f"the task has no source {name!r}", ", ".join(sources), nearest(name, list(sources)), key=True)
    return MixSpec(**entry.model_dump())


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
