"""A recipe with other settings: what a sweep tries, checked by the rules that hold for every recipe.

A proposal is what `--set recipes.lora.on.mrpc.training.learning_rate=3e-4` would make of a study.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from bakeoff.errors import StudyError
from bakeoff.study.faults import Faults, validate
from bakeoff.study.model import Recipe, Study
from bakeoff.study.overlay import put
from bakeoff.study.recipes import Surroundings, resolve_recipe
from bakeoff.study.rounds_checking import spaces
from bakeoff.study.shape import RecipeEntry
from bakeoff.study.tree import SET_FILE, Node, Scalar

Pair = tuple[str, str]
Settings = Mapping[str, Scalar]
"""Value by dotted setting of a recipe, such as `training.learning_rate`."""


def _overlaid(root: Node, pair: Pair, settings: Mapping[str, Node]) -> Node:
    recipe, task = pair
    for name, value in settings.items():
        root = put(root, ["recipes", recipe, "on", task, *name.split(".")], value)
    return root


def check_settings(root: Node, kinds: dict[str, str], folder: Path, faults: Faults) -> None:
    """Try the lowest, the highest or each value of every distribution of a sweep on the recipes that it is for.

    Args:
        root: the study's tree, the matrix expanded.
        kinds: kind of each task by name, where known.
        folder: the study file's folder.
        faults: where faults are recorded, each at the place of the value.
    """
    tried: set[tuple[str, str, int]] = set()
    for pair, space in spaces(root).items():
        if root.at("recipes", pair[0]) is None:
            continue
        for name, distribution in space.items():
            for value in _examples(distribution):
                # a general space is tried once a recipe: tasks differ in little that a setting hangs on
                if (pair[0], name, id(value)) in tried:
                    continue
                tried.add((pair[0], name, id(value)))
                found = Faults()
                _try(root, pair, {name: value}, Surroundings(root, kinds, folder, found))
                faults.extend([fault for fault in found.sorted if fault.key.startswith("sweep.")])
                if len(found):
                    break


def _examples(distribution: Node) -> list[Node]:
    """The values of a distribution that are tried: its ends, or each choice."""
    return [item for kind in distribution.entries if kind != "when" for item in distribution.entries[kind].items]


def _try(root: Node, pair: Pair, settings: Mapping[str, Node], around: Surroundings) -> None:
    recipe = root.at("recipes", pair[0])
    assert recipe is not None
    if not recipe.is_mapping:
        return
    try:
        tree = _overlaid(root, pair, settings)
    except StudyError as error:
        around.faults.extend(
            [replace(fault, file=node.file, line=node.line) for fault in error.faults for node in settings.values()]
        )
        return
    _resolve(replace(around, root=tree), pair[0])


def _resolve(around: Surroundings, name: str) -> Recipe | None:
    """A recipe of a tree that was changed since its shape was checked."""
    recipe = around.root.at("recipes", name)
    assert recipe is not None
    validate(RecipeEntry, recipe, around.faults)
    return resolve_recipe(around, name)


def with_settings(study: Study, found: Mapping[Pair, Settings]) -> Study:
    """A study in which some recipes have other settings on some tasks.

    Args:
        study: the study.
        found: settings by recipe and task.

    Returns:
        The study with those recipes; all else is as it was.

    Raises:
        StudyError: if a recipe cannot have such settings.
    """
    root = study.root
    for (recipe, task), settings in found.items():
        nodes = {
            name: Node(value, SET_FILE, key=f"recipes.{recipe}.on.{task}.{name}", text=str(value))
            for name, value in settings.items()
        }
        root = _overlaid(root, (recipe, task), nodes)
    faults = Faults()
    around = Surroundings(root, {name: task.kind for name, task in study.tasks.items()}, study.path.parent, faults)
    recipes = dict(study.recipes)
    for name in dict.fromkeys(recipe for recipe, _ in found):
        resolved = _resolve(around, name)
        if resolved is not None:
            recipes[name] = resolved
    faults.raise_any(study.path)
    changed = study.model_copy(update={"recipes": recipes})
    changed.remember_places(root)
    return changed
