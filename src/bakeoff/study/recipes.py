"""Recipes resolved: defaults, then the recipe, then its `on`, checked against the cards."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

from bakeoff.catalog.cards import Card, LossCard, MethodCard, ModelCard
from bakeoff.catalog.registry import cards, nearest
from bakeoff.errors import CatalogError
from bakeoff.records.specs import Component, Pooling, TreatmentSpec
from bakeoff.study.components import choose_component, choose_model
from bakeoff.study.external import EXTERNAL, place_predictions
from bakeoff.study.faults import Faults, validate
from bakeoff.study.model import Recipe
from bakeoff.study.overlay import as_component, merge
from bakeoff.study.shape import Training
from bakeoff.study.treatments import resolve_mix, resolve_treatment
from bakeoff.study.tree import Node, names_in

DEFAULT_MODEL = "minilm-l6"
DEFAULT_METHOD = "full"
BUILT_IN = "(default)"
WITH_MODEL_ONLY = ("model", "pooling")
TRAINED_ONLY = ("loss", "treatment", "training", "devices")


@dataclass(frozen=True)
class Surroundings:
    """What resolving a recipe needs to know beside the recipe.

    Attributes:
        root: the study's tree.
        kinds: the kind of each task, by name; a task whose kind is not known is left out.
        folder: the study file's folder.
        faults: where faults are recorded.
    """

    root: Node
    kinds: dict[str, str]
    folder: Path
    faults: Faults


def _text(value: str) -> Node:
    return Node(value, BUILT_IN, text=value)


def default_loss(kind: str) -> str:
    """The loss of a recipe that names none: the catalog's first for the kind of task.

    Args:
        kind: the kind of task.

    Returns:
        Its name.

    Raises:
        CatalogError: if no loss fits the kind.
    """
    for card in cards("loss").values():
        if isinstance(card, LossCard) and kind in card.tasks:
            return card.name
    raise CatalogError(f"no loss of the catalog is for {kind} tasks", "", "install a package that brings one")


def _layers(around: Surroundings, recipe: Node, task: str) -> Node:
    """All layers of a recipe on a task, merged; `--set` on the recipe holds against what the file says in `on`."""
    kind = around.kinds.get(task)
    built_in = {"model": _text(DEFAULT_MODEL), "method": _text(DEFAULT_METHOD)}
    if kind:
        built_in["loss"] = _text(default_loss(kind))
    below = merge(Node(built_in, BUILT_IN), around.root.at("defaults"))
    on = recipe.at("on", task)
    stated = merge(recipe.without("on"), on if on and on.is_mapping else None, set_wins=True)
    result = merge(below, stated)
    assert result is not None
    # a recipe without settings of its own has the place of the recipe, not of the defaults
    return Node(result.value, recipe.file, recipe.line, recipe.key, recipe.key_line, recipe.end_line)


def _check_kind(around: Surroundings, recipe: Node, task: str, card: Card, place: Node | None) -> None:
    kind = around.kinds.get(task)
    fitting: tuple[str, ...] = getattr(card, "tasks", ())
    if kind and kind not in fitting:
        where = place if place and place.file != BUILT_IN else recipe
        others = [other.name for other in cards(card.kind).values() if kind in getattr(other, "tasks", ())]
        problem = f"the {card.kind} {card.name} is not for {kind} tasks such as {task}"
        allowed = ", ".join(others) or f"there is no {card.kind} for them"
        elsewhere = [name for name in own_tasks(around.root, recipe) if around.kinds.get(name) in fitting]
        if elsewhere and card.kind == "method":
            allowed += f"; or, in the recipe, tasks: [{', '.join(elsewhere)}]"
        around.faults.add(where, problem, allowed)


def _check_simple(around: Surroundings, recipe: Node, card: MethodCard) -> None:
    """A method without a model, or one that does not train, takes no settings of what it does not have."""
    why = "does not train" if card.needs_model else "needs no model"
    for layer in (recipe, *(recipe.at("on") or recipe.holding({})).entries.values()):
        for key in TRAINED_ONLY if card.needs_model else (*WITH_MODEL_ONLY, *TRAINED_ONLY):
            stated = layer.at(key)
            if key == "treatment" and card.mixes and stated is not None and set(stated.entries) <= {"mix"}:
                continue
            if stated is not None:
                around.faults.add(stated, f"the method {card.name} {why} and takes no {key}", f"leave {key} out", key=True)


def _component(around: Surroundings, settings: Node, recipe: Node, task: str, kind: str) -> Component | None:
    node = settings.at(kind)
    chosen = choose_component("loss" if kind == "loss" else "method", node, around.faults) if node else None
    if chosen is None:
        return None
    assert node is not None
    _check_kind(around, recipe, task, chosen[1], as_component(node).at("name"))
    return chosen[0]


def _training(settings: Node, faults: Faults) -> Training | None:
    node = settings.at("training") or settings.holding({})
    # the shape's check has reported what is wrong with each layer; here only what follows from all of them is new
    training = validate(Training, node, Faults())
    if training is None:
        return None
    micro = training.micro_batch_size
    if micro != "auto" and training.batch_size % micro:
        place = node.at("micro_batch_size") or node
        divisors = [str(n) for n in range(1, min(training.batch_size, 4096) + 1) if training.batch_size % n == 0]
        faults.add(place, f"does not divide the batch size {training.batch_size}", ", ".join([*divisors, "auto"]))
    devices = _devices(settings)
    parts = training.batch_size if micro == "auto" else training.batch_size // micro
    if devices > max(1, parts):
        place = settings.at("devices") or node
        problem = f"a batch of {training.batch_size} has {parts} micro-batch{'es' * (parts > 1)}, and each device needs one"
        faults.add(place, problem, f"at most {parts}, or a smaller training.micro_batch_size")
    return training


def _pooling(settings: Node, model: str) -> Pooling:
    stated = settings.at("pooling")
    if stated is not None and stated.value in get_args(Pooling):
        return cast(Pooling, stated.value)
    card = cards("model").get(model)
    return card.pooling if isinstance(card, ModelCard) else "mean"


def _devices(settings: Node) -> int:
    stated = settings.at("devices")
    # what is no number above 0 was reported by the shape's check
    return stated.value if stated is not None and isinstance(stated.value, int) else 1


def _method_card(settings: Node) -> MethodCard | None:
    """The card of a recipe's method, also where the method's settings have faults."""
    node = settings.at("method")
    name = as_component(node).at("name") if node else None
    card = cards("method").get(str(name.value)) if name else None
    return card if isinstance(card, MethodCard) else None


def _on_task(around: Surroundings, recipe: Node, task: str) -> Recipe | None:
    settings = _layers(around, recipe, task)
    method = _component(around, settings, recipe, task, "method")
    card = _method_card(settings)
    if card and not (card.needs_model and card.trains):
        _check_simple(around, recipe, card)
    if method and method.name == EXTERNAL:
        method = place_predictions(method, settings.at("method") or recipe, around.folder, around.faults)
    sources = names_in(around.root.at("tasks", task, "sources"))
    several = sources if len(sources) > 1 else []
    if card and not card.needs_model:
        mix = resolve_mix(settings.at("treatment", "mix"), several, None, around.faults) if card.mixes and several else None
        return Recipe(method=method, treatment=TreatmentSpec(mix=mix) if mix else None) if method else None
    model_node = settings.at("model")
    model = choose_model(model_node, around.folder, around.faults) if model_node else None
    if card and not card.trains:
        return Recipe(method=method, model=model, pooling=_pooling(settings, model.name)) if method and model else None
    loss = _component(around, settings, recipe, task, "loss")
    training = _training(settings, around.faults)
    treatment = resolve_treatment(settings, around.kinds.get(task, ""), card, around.faults, several)
    long_text, place = around.root.at("tasks", task, "long_text"), settings.at("treatment")
    if treatment and place and long_text and long_text.value == "windows":
        problem = f"texts of {task} are read in windows, and what is drawn or changed are whole texts"
        around.faults.add(place, problem, "no treatment, or another long_text", key=True)
    if method is None or model is None or loss is None or training is None:
        return None
    return Recipe(
        method=method,
        model=model,
        loss=loss,
        pooling=_pooling(settings, model.name),
        treatment=treatment,
        training=training,
        devices=_devices(settings),
    )


def own_tasks(root: Node, recipe: Node) -> list[str]:
    """The tasks that a recipe is carried out on.

    Args:
        root: the study's tree.
        recipe: the recipe's node.

    Returns:
        Names, in the order of the study: all, or those that the recipe names.
    """
    tasks, named = names_in(root.at("tasks")), recipe.at("tasks")
    if named is None or not named.items:
        return tasks
    chosen = [node.value for node in named.items]
    return [task for task in tasks if task in chosen]


def _check_tasks(around: Surroundings, recipe: Node, tasks: list[str]) -> None:
    named, seen = recipe.at("tasks"), set[str]()
    for node in named.items if named else []:
        if not isinstance(node.value, str):
            continue  # a fault of the shape
        if node.value not in tasks:
            around.faults.add(node, "names a task that the study does not have", ", ".join(tasks), nearest(node.value, tasks))
        if node.value in seen:
            around.faults.add(node, "the task stands twice", "each task once")
        seen.add(node.value)


def _check_on(around: Surroundings, recipe: Node, tasks: list[str]) -> None:
    base = _method_card(_layers(around, recipe.without("on"), ""))
    own = own_tasks(around.root, recipe)
    for task, settings in (recipe.at("on") or recipe.holding({})).entries.items():
        if task not in tasks:
            near = nearest(task, tasks)
            around.faults.add(settings, "names a task that the study does not have", ", ".join(tasks), near, key=True)
        elif task not in own:
            around.faults.add(settings, "the recipe is not carried out on this task", ", ".join(own), key=True)
        method = settings.at("method")
        other = _method_card(_layers(around, recipe, task))
        if method and base and other and other.name != base.name:
            allowed = f"{base.name} with other settings, or another recipe"
            around.faults.add(method, "a recipe has one method on all tasks", allowed)


def resolve_recipe(around: Surroundings, name: str) -> Recipe | None:
    """Resolve a recipe on every task.

    Args:
        around: the study's tree and what belongs to it.
        name: the recipe's name.

    Returns:
        The recipe, or None if it has faults, which are recorded.
    """
    recipe = around.root.at("recipes", name)
    if recipe is None or not recipe.is_mapping:
        return None
    tasks = names_in(around.root.at("tasks"))
    _check_tasks(around, recipe, tasks)
    _check_on(around, recipe, tasks)
    own = own_tasks(around.root, recipe)
    base = _on_task(around, recipe.without("on"), own[0] if own else "")
    found = {task: _on_task(around, recipe, task) for task in own or [""]}
    resolved = {task: other for task, other in found.items() if other is not None}
    if base is None:
        return None
    on = {task: other for task, other in resolved.items() if other != base}
    return base.model_copy(update={"on": on, "tasks": own if len(own) < len(tasks) else None})


def check_defaults(around: Surroundings) -> None:
    """Check the components that `defaults` names, also where every recipe has its own.

    Args:
        around: the study's tree and what belongs to it.
    """
    defaults = around.root.at("defaults") or Node({}, BUILT_IN)
    model = defaults.at("model")
    if model:
        choose_model(model, around.folder, around.faults)
    for kind in ("method", "loss"):
        node = defaults.at(kind)
        if node and (as_component(node).at("name") or not node.is_mapping):
            choose_component("loss" if kind == "loss" else "method", node, around.faults)
