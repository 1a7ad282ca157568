"""Recipes that a sweep of another run has found: `best: runs/x/best.yaml` in place of settings."""

from __future__ import annotations

from pathlib import Path

from bakeoff.catalog.registry import nearest
from bakeoff.errors import StudyError
from bakeoff.study.faults import Faults
from bakeoff.study.overlay import merge
from bakeoff.study.reading import read_file
from bakeoff.study.tree import Node, names_in

BEST = "best"


def fill_in(root: Node, folder: Path, faults: Faults) -> Node:
    """Put what a sweep found where recipes name it; what the recipe says besides is laid over it.

    Args:
        root: the study's tree.
        folder: what paths are relative to.
        faults: where faults are recorded.

    Returns:
        The tree without the key `best`; how much such a recipe was tuned stands under `tuned`, unless the study says it itself.
    """
    recipes = root.at("recipes")
    for name, recipe in (recipes.entries if recipes else {}).items():
        best = recipe.at(BEST)
        if best is None or not isinstance(best.value, str):
            continue
        written, _, wanted = best.value.partition("#")
        found = _read(folder / Path(written).expanduser(), best, faults)
        known = found.at("recipes", wanted or name) if found else None
        if found is not None and known is None:
            names = names_in(found.at("recipes"))
            allowed = ", ".join(f"{written}#{one}" for one in names)
            faults.add(best, f"no recipe {wanted or name!r} stands there", allowed, nearest(wanted or name, names))
        whole = merge(_on_known_tasks(known, root), recipe.without(BEST)) if known else recipe.without(BEST)
        assert whole is not None
        placed = Node(whole.value, recipe.file, recipe.line, recipe.key, recipe.key_line, recipe.end_line)
        root = root.with_entry("recipes", (root.at("recipes") or root).with_entry(name, placed))
        told = found.at("tuned", wanted or name) if found else None
        tuned = root.at("tuned") or best.holding({})
        if told is not None and name not in tuned.entries:
            root = root.with_entry("tuned", tuned.with_entry(name, told))
    return root


def _on_known_tasks(recipe: Node, root: Node) -> Node:
    """A found recipe without settings on tasks that this study does not have."""
    tasks, on = names_in(root.at("tasks")), recipe.at("on")
    if on is None:
        return recipe
    return recipe.with_entry("on", on.holding({task: node for task, node in on.entries.items() if task in tasks}))


def _read(path: Path, place: Node, faults: Faults) -> Node | None:
    try:
        tree, found = read_file(path)
    except StudyError as error:
        faults.add(place, f"it cannot be read: {error.faults[0].problem}", f"the best.yaml of a run (looked for at {path})")
        return None
    if found or tree.at("recipes") is None:
        faults.add(place, "no recipes stand there", "the best.yaml of a run")
        return None
    return tree
