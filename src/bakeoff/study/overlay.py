"""Layers of settings: profiles over the file, `--set` over both, and recipe over defaults.

Mappings merge deeply, everything else is replaced. A component (`loss`, `method`, `model`) may be written as a name or as a
mapping: settings merge onto a component of the same name, and a component of another name takes the place of the whole.
"""

from __future__ import annotations

from dataclasses import replace

from bakeoff.catalog.registry import nearest
from bakeoff.errors import Fault, StudyError
from bakeoff.study.faults import Faults
from bakeoff.study.reading import read_text
from bakeoff.study.shape import StudyFile
from bakeoff.study.tree import SET_FILE, Node, names_in

COMPONENTS = (("model",), ("method",), ("loss",), ("treatment", "sampling"), ("treatment", "augmentation"))


def _is_component(path: tuple[str, ...]) -> bool:
    part = next((part for part in COMPONENTS if path[-len(part) :] == part), None)
    if part is None:
        return False
    above = path[: -len(part)]
    return above in ((), ("defaults",)) or (
        above[0] == "recipes" and (len(above) == 2 or (len(above) == 4 and above[2] == "on"))
    )


def as_component(node: Node) -> Node:
    """A component as a mapping.

    Args:
        node: a name, or a mapping already.

    Returns:
        The mapping with the key `name`; what is neither is returned as it is.
    """
    return node.holding({"name": node}) if isinstance(node.value, str) else node


def merge(low: Node | None, high: Node | None, path: tuple[str, ...] = (), set_wins: bool = False) -> Node | None:
    """Lay one tree over another.

    Args:
        low: the lower layer; None where there is none.
        high: the upper layer; None where there is none.
        path: keys from the root of the study file (or of a recipe's settings) to here.
        set_wins: whether a value of the lower layer that `--set` gave holds against one of the upper layer from the file.

    Returns:
        The merged tree, or None if there is neither.
    """
    if low is None or high is None:
        return high or low
    low_holds = set_wins and low.file == SET_FILE and high.file != SET_FILE
    if _is_component(path):
        low, high = as_component(low), as_component(high)
        below, above = low.at("name"), high.at("name")
        if below and above and below.value != above.value:
            return low if set_wins and below.file == SET_FILE and above.file != SET_FILE else high
    if low.is_mapping and high.is_mapping:
        names = dict.fromkeys((*low.entries, *high.entries))
        merged = {name: merge(low.at(name), high.at(name), (*path, name), set_wins) for name in names}
        return low.holding({name: node for name, node in merged.items() if node is not None})
    return low if low_holds else high


def apply_profile(base: Node, profile: Node | None, faults: Faults) -> Node:
    """Lay a profile over the file.

    Args:
        base: the file without its profiles.
        profile: the overlay; None means none.
        faults: where faults are recorded.

    Returns:
        The merged tree.
    """
    if profile is None:
        return base
    if not profile.is_mapping:
        faults.add(profile, "a profile is an overlay on the whole file", "a mapping of the study's keys")
        return base
    inner = profile.at("profiles")
    if inner is not None:
        faults.add(inner, "a profile has no profiles of its own", ", ".join(StudyFile.model_fields), key=True)
        profile = profile.without("profiles")
    return merge(base, profile) or base


def _split(root: Node, dotted: str) -> list[str]:
    """Split a dotted path; names that contain dots are taken whole where the tree has them."""
    parts = dotted.split(".")
    path: list[str] = []
    node: Node | None = root
    while parts:
        known = names_in(node)
        length = next((n for n in range(len(parts), 0, -1) if ".".join(parts[:n]) in known), 1)
        path.append(".".join(parts[:length]))
        node = node.at(path[-1]) if node else None
        parts = parts[length:]
    return path


def _wrong(key: str, problem: str, allowed: str = "", suggestion: str = "", value: str = "") -> StudyError:
    return StudyError([Fault(SET_FILE, 0, key, value, problem, allowed, suggestion)], SET_FILE)


def put(node: Node, path: list[str], value: Node, done: tuple[str, ...] = ()) -> Node:
    """Set one value of a tree.

    Args:
        node: the tree, or a part of it.
        path: keys from there to the value; mappings that are missing on the way are made.
        value: the value.
        done: keys from the root to the part.

    Returns:
        The changed tree.

    Raises:
        StudyError: if the path leads through a list, a scalar, or a recipe or task that is not there.
    """
    here = (*done, path[0])
    if len(path) == 1:
        return node.with_entry(path[0], value)
    below = node.at(path[0])
    if below is None:
        if done in (("recipes",), ("tasks",)):
            known = list(node.entries)
            raise _wrong(value.key, f"{path[0]!r} is none of the study's {done[0]}", ", ".join(known), nearest(path[0], known))
        below = Node({}, SET_FILE, key=".".join(here))
    if _is_component(here):
        below = as_component(below)
    if not below.is_mapping:
        hint = "set the whole list" if isinstance(below.value, list) else f"set {'.'.join(here)} itself"
        raise _wrong(value.key, f"{'.'.join(here)} is no mapping, so it has no key {path[1]!r}", hint)
    return node.with_entry(path[0], put(below, path[1:], value, here))


def _replaced(node: Node, key: str) -> Node:
    """The node of a `--set` value without the lines of its small document."""
    value = node.value
    if isinstance(value, dict):
        value = {name: _replaced(below, f"{key}.{name}") for name, below in value.items()}
    elif isinstance(value, list):
        value = [_replaced(below, f"{key}[{index}]") for index, below in enumerate(value)]
    return replace(node, value=value, line=0, key_line=0, end_line=0, key=key)


def apply_override(root: Node, argument: str) -> Node:
    """Carry out one `--set a.b.c=value`.

    Args:
        root: the study's tree.
        argument: dotted path, `=`, and a value in YAML; the value takes the place of what stood there.

    Returns:
        The changed tree.

    Raises:
        StudyError: if the argument is malformed, or leads through a list, a scalar, or a recipe or task that is not there.
            A key that no study has is found when the whole is checked.
    """
    dotted, equals, written = argument.partition("=")
    dotted = dotted.strip()
    if not equals or not dotted or not all(dotted.split(".")):
        raise _wrong(dotted, "not an assignment", "--set path.to.key=value", value=argument[:60])
    if dotted.split(".")[0] == "profiles":
        raise _wrong(dotted, "a profile is laid over the study before --set", "the path as it is without the profile")
    node, faults = read_text(written, SET_FILE, dotted)
    if faults:
        raise StudyError([replace(fault, line=0) for fault in faults], SET_FILE)
    return put(root, _split(root, dotted), _replaced(node, dotted))


def apply_overrides(root: Node, arguments: list[str], faults: Faults) -> Node:
    """Carry out several `--set`, in order.

    Args:
        root: the study's tree.
        arguments: each as for `apply_override`.
        faults: where faults are recorded.

    Returns:
        The tree with all that could be carried out.
    """
    for argument in arguments:
        try:
            root = apply_override(root, argument)
        except StudyError as error:
            faults.extend([replace(fault, line=0) if fault.file == SET_FILE else fault for fault in error.faults])
    return root
