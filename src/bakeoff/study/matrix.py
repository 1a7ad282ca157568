"""`matrix`: recipes by product, with names that stay the same when the matrix grows."""

from __future__ import annotations

import re
from itertools import product
from math import prod

from bakeoff.catalog.cards import MethodCard
from bakeoff.catalog.registry import cards
from bakeoff.study.faults import Faults
from bakeoff.study.overlay import as_component
from bakeoff.study.shape import MAX_RECIPES
from bakeoff.study.tree import Node

AXES = ("model", "method", "loss")


def _word(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._+-]+", "-", text).strip("-.") or "x"


def label(axis: str, node: Node) -> str:
    """The readable part of a recipe's name that stands for one entry of an axis.

    Args:
        axis: `model`, `method` or `loss`.
        node: the entry.

    Returns:
        The component's name with the settings that the entry states: `bce`, `asymmetric-gamma_neg4`; of a hub id or a
        folder, the last part.
    """
    component = as_component(node)
    name = component.at("name")
    if name is None or not isinstance(name.value, str):
        return ""
    if axis == "model":
        parts = [part for part in name.value.rpartition("@")[0].split("/") or [] if part] or name.value.strip("/").split("/")
        return _word(parts[-1])
    settings = [
        key + ("" if isinstance(value.value, int | float) and not isinstance(value.value, bool) else "-") + (value.text or "x")
        for key, value in component.entries.items()
        if key != "name"
    ]
    return _word("-".join([name.value, *settings]))


def _axes_of(entries: dict[str, Node]) -> dict[str, Node]:
    """The axes that mean something for a combination: a method may need no model, or train nothing and so have no loss."""
    node = entries.get("method")
    name = as_component(node).at("name") if node else None
    card = cards("method").get(str(name.value)) if name else None
    if not isinstance(card, MethodCard):
        return entries
    left_out = {"model", "loss"} if not card.needs_model else set() if card.trains else {"loss"}
    return {axis: node for axis, node in entries.items() if axis not in left_out}


def expand(root: Node, faults: Faults) -> Node:
    """Add the matrix's recipes to the study's.

    Args:
        root: the study's tree.
        faults: where faults are recorded.

    Returns:
        The tree with more recipes; the matrix itself stays, to be checked.
    """
    matrix = root.at("matrix")
    axes = {axis: matrix.entries[axis].items for axis in AXES if matrix and matrix.at(axis)}
    if matrix is None or not axes or not all(axes.values()):
        return root
    combinations = prod(len(items) for items in axes.values())
    if combinations > MAX_RECIPES:
        faults.add(matrix, f"makes {combinations} recipes", f"at most {MAX_RECIPES}", key=True)
        return root
    recipes = root.at("recipes") or matrix.holding({})
    if not recipes.is_mapping:
        return root
    made: dict[str, Node] = {}
    for combination in product(*axes.values()):
        entries = _axes_of(dict(zip(axes, combination, strict=True)))
        name = "-".join(filter(None, (label(axis, node) for axis, node in entries.items())))
        recipe = matrix.holding(entries)
        if name in recipes.entries:
            faults.add(
                matrix, f"makes a recipe {name!r}, but recipes has one of that name", "another name in recipes", key=True
            )
        elif name in made and made[name].entries != entries:
            faults.add(matrix, f"makes two recipes {name!r}", "entries that differ in more than nested settings", key=True)
        else:
            made[name] = recipe
    return root.with_entry("recipes", recipes.holding({**recipes.entries, **made}))
