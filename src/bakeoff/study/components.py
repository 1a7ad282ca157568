"""A component as a recipe names it, checked against its card."""

from __future__ import annotations

import re
from pathlib import Path

from bakeoff.catalog.cards import Card, Kind
from bakeoff.catalog.registry import cards, nearest
from bakeoff.errors import Fault, ModelError
from bakeoff.records.specs import Component
from bakeoff.study.faults import Faults, validate
from bakeoff.study.model import ModelRequest
from bakeoff.study.overlay import as_component
from bakeoff.study.tree import Node

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
COMMIT = re.compile(r"[0-9a-f]{40}")


def find_card(kind: Kind, node: Node, faults: Faults) -> Card | None:
    """The card that a scalar names.

    Args:
        kind: which kind of card.
        node: the scalar.
        faults: where an unknown name is recorded.

    Returns:
        The card, or None. What is no text is passed over: the shape's check reports it.
    """
    if not isinstance(node.value, str) or not node.value:
        return None
    known = cards(kind)
    if node.value not in known:
        faults.add_name(node, kind, list(known))
    return known.get(node.value)


def choose_component(kind: Kind, node: Node, faults: Faults) -> tuple[Component, Card] | None:
    """Check a component and fill in its settings.

    Args:
        kind: such as `method` or `loss`.
        node: the component, all layers merged: a name, or a mapping with `name` and settings.
        faults: where faults are recorded.

    Returns:
        The component with every setting, and its card; None if it has faults.
    """
    component = as_component(node)
    if not component.is_mapping:
        return None
    name = component.at("name")
    if name is None:
        faults.add(component, f"the name of the {kind} is missing", ", ".join(cards(kind)), missing="name")
        return None
    card = find_card(kind, name, faults)
    if card is None:
        return None
    settings = validate(card.settings, component.without("name"), faults, extra=["name"])
    if settings is None:
        return None
    return Component(name=card.name, version=card.version, settings=settings.model_dump(mode="json")), card


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name too long for the file system is no folder
        return False


def _hub_model(place: Node, revision_node: Node | None, faults: Faults) -> ModelRequest | None:
    name, at, pinned = str(place.value).partition("@")
    if not HUB_ID.fullmatch(name):
        _unknown_model(place, name, faults)
        return None
    if at and revision_node:
        faults.add(revision_node, "the revision stands twice", "either `org/name@commit` or the key revision")
        return None
    revision = str(revision_node.value) if revision_node else pinned
    if COMMIT.fullmatch(revision):
        return ModelRequest(name=name, revision=revision)
    pin = f"{name}@COMMIT with the 40 digits that https://huggingface.co/{name}/commits/main shows for the commit you mean"
    problem = (
        "a hub model's revision must be a commit, since branches and tags move" if revision else "a hub model needs a revision"
    )
    faults.add(revision_node or place, problem, pin)
    return None


def _folder_model(place: Node, path: Path, faults: Faults) -> ModelRequest | None:
    if _is_folder(path):
        return ModelRequest(name=str(path.resolve()))
    faults.add(place, "there is no such folder", f"a folder with a model (looked for at {path})")
    return None


def _unknown_model(place: Node, name: str, faults: Faults) -> None:
    known = list(cards("model"))
    if name in known:
        faults.add(place, "the catalog pins the revision of its models", name, name)
        return
    allowed = f"{', '.join(known)}, a hub id `org/name@commit`, or a folder such as ./model"
    faults.add(place, "no model has this name", allowed, nearest(name, known))


def named_model(name: str, folder: Path, option: str) -> ModelRequest:
    """Find out what a model's name means where it was given on the command line.

    Args:
        name: a catalog name, a hub id `org/name@commit`, or a folder.
        folder: what relative paths are relative to.
        option: the option that gave it, for messages.

    Returns:
        The request.

    Raises:
        ModelError: if no model can be meant; the remedy says what to write.
    """
    faults = Faults()
    found = choose_model(Node(name, option, text=name), folder, faults)
    if found is None:
        fault = next(iter(faults.sorted), Fault(option, 0, "", name, "no model is named", ", ".join(cards("model"))))
        near = f"did you mean {fault.suggestion!r}? " if fault.suggestion else ""
        raise ModelError(fault.problem, f"{option} {name}", f"{near}write {fault.allowed}")
    return found


def choose_model(node: Node, folder: Path, faults: Faults) -> ModelRequest | None:
    """Find out what a model's name means.

    A catalog name comes first, then a folder (the name begins with `.` or `/`, or the folder exists), then a hub id.

    Args:
        node: a name, or a mapping with `name` and `revision`, all layers merged.
        folder: what relative paths are relative to: the study file's folder.
        faults: where faults are recorded.

    Returns:
        The request, or None if it has faults.
    """
    model = as_component(node)
    name_node, revision_node = model.at("name"), model.at("revision")
    if name_node is None:
        if model.is_mapping:
            faults.add(model, "the name of the model is missing", ", ".join(cards("model")), missing="name")
        return None
    name = name_node.value
    if not isinstance(name, str) or not name:
        return None
    if name in cards("model") or name.startswith((".", "/")) or _is_folder(folder / name):
        if revision_node:
            faults.add(revision_node, "only a hub id takes a revision", "leave the revision out")
            return None
        return ModelRequest(name=name) if name in cards("model") else _folder_model(name_node, folder / name, faults)
    return _hub_model(name_node, revision_node, faults)
