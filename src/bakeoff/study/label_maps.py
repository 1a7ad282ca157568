"""Label maps as a study names them: of the catalog, of a file beside the study, or written out; checked and made whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bakeoff.catalog.cards import DatasetCard, LabelMapCard
from bakeoff.catalog.registry import cards, nearest
from bakeoff.errors import StudyError
from bakeoff.records.compositions import LabelMap
from bakeoff.study.faults import Faults, validate
from bakeoff.study.reading import read_file
from bakeoff.study.shape import LabelMapEntry
from bakeoff.study.tree import Node
from bakeoff.study.writing import as_yaml

MARK = "bakeoff-map"
"""The key by which a file says that it is a label map, and of which version of this format."""
SUFFIXES = (".yaml", ".yml")


def read_label_map(path: Path) -> LabelMap:
    """Read a file with one label map.

    Args:
        path: a YAML file with the key `bakeoff-map`.

    Returns:
        The map.

    Raises:
        StudyError: with all faults, each with its line.
    """
    faults = Faults()
    found = _of_file(path, faults)
    faults.raise_any(path)
    assert found is not None
    return found


def choose_label_map(node: Node, folder: Path, faults: Faults) -> LabelMap | None:
    """Find out what a study means by a label map.

    Args:
        node: a name, a path, or a mapping.
        folder: what paths are relative to: the study file's folder.
        faults: where faults are recorded.

    Returns:
        The map; None if it has faults.
    """
    body = node.holding({"name": node}) if isinstance(node.value, str) else node
    if not body.is_mapping:
        return None  # the shape's check reports it
    name = body.at("name")
    if set(body.entries) != {"name"}:
        return _of_entry(body, name.text if name is not None else "", faults)
    assert name is not None
    if not isinstance(name.value, str) or not name.value:
        return None
    card = cards("map").get(name.value)
    if isinstance(card, LabelMapCard):
        return of_card(card)
    path = folder / Path(name.value).expanduser()
    if path.suffix in SUFFIXES and path.is_file():
        return _of_file(path, faults)
    problem = "there is no such file" if path.suffix in SUFFIXES else "no label map has this name"
    known = list(cards("map"))
    allowed = f"{', '.join(known)}, a path of a YAML file, or the map itself with the keys to and labels"
    faults.add(name, problem, allowed, nearest(name.value, known))
    return None


def of_card(card: LabelMapCard) -> LabelMap:
    """A label map of the catalog.

    Args:
        card: its card.

    Returns:
        The map.
    """
    reached = {label for targets in (*card.sure.values(), *card.possible.values()) for label in targets}
    return LabelMap(
        name=card.name,
        version=card.version,
        origin=card.source,
        to=list(card.to),
        sure={label: list(targets) for label, targets in card.sure.items()},
        possible={label: list(targets) for label, targets in card.possible.items()},
        unmapped=list(card.unmapped),
        dropped=list(card.dropped),
        annotated=[label for label in card.to if label in (reached if card.annotated is None else card.annotated)],
    )


def _of_file(path: Path, faults: Faults) -> LabelMap | None:
    try:
        root, found = read_file(path)
    except StudyError as error:
        faults.extend(error.faults)
        return None
    faults.extend(found)
    mark = root.at(MARK)
    if mark is None or mark.value != 1:
        faults.add(mark or root, "this is no label map of this version", f"{MARK}: 1", missing="" if mark else MARK)
        return None
    return _of_entry(root.without(MARK), path.stem, faults, [MARK])


def _of_entry(body: Node, name: str, faults: Faults, extra: list[str] | None = None) -> LabelMap | None:
    before = len(faults)
    # of a map that stands in a study the shape's check has reported what is wrong; twice the same fault is one
    entry = validate(LabelMapEntry, body, faults, extra or [])
    if entry is None:
        return None
    to = _targets(body, entry, faults)
    _check_targets(body, entry, to, faults)
    _check_twice(body, entry, faults)
    if len(faults) > before or not to:
        return None
    sure = {label: target.all for label, target in entry.labels.items() if target.all}
    possible = {label: target.any_of for label, target in entry.labels.items() if target.any_of}
    reached = {label for targets in (*sure.values(), *possible.values()) for label in targets}
    return LabelMap(
        name=entry.name or name or "written out",
        version=entry.version,
        origin=entry.origin or "",
        to=to,
        sure=sure,
        possible=possible,
        unmapped=entry.unmapped,
        dropped=entry.drop,
        annotated=[label for label in to if label in (reached if entry.annotated is None else entry.annotated)],
    )


def _targets(body: Node, entry: LabelMapEntry, faults: Faults) -> list[str]:
    """The labels that are mapped to."""
    if (entry.to is None) == (entry.like is None):
        faults.add(body, "what it maps to stands twice, or not at all", "either to: [labels], or like: a dataset", missing="to")
        return []
    if entry.to is not None:
        twice = sorted({label for label in entry.to if entry.to.count(label) > 1})
        if twice:
            faults.add(body.at("to") or body, f"the label {twice[0]!r} stands twice", "labels that differ")
        return entry.to
    known = {name: card for name, card in cards("dataset").items() if isinstance(card, DatasetCard) and card.labels}
    card = known.get(entry.like or "")
    if card is None:
        faults.add_name(body.at("like") or body, "dataset", list(known))
        return []
    return list(card.labels)


def _check_targets(body: Node, entry: LabelMapEntry, to: list[str], faults: Faults) -> None:
    """Every label that is mapped to is one of those that it says."""
    if not to:
        return
    for label, target in entry.labels.items():
        node = body.at("labels", label) or body
        if not target.all and not target.any_of:
            faults.add(node, "maps to nothing", "a label, a list of labels, or {any_of: [...]}; or put it under unmapped")
        for one in (*target.all, *target.any_of):
            if one not in to:
                faults.add(node, f"{one!r} is none of the labels that are mapped to", ", ".join(to), nearest(one, to))
    for one in entry.annotated or ():
        if one not in to:
            node = body.at("annotated") or body
            faults.add(node, f"{one!r} is none of the labels that are mapped to", ", ".join(to), nearest(one, to))


def _check_twice(body: Node, entry: LabelMapEntry, faults: Faults) -> None:
    """A label of the source is told one way."""
    said = [*entry.labels, *dict.fromkeys(entry.unmapped), *dict.fromkeys(entry.drop)]
    for label in sorted({label for label in said if said.count(label) > 1}):
        faults.add(body, f"the label {label!r} is told in two ways", "in one of labels, unmapped and drop", key=True)


def map_body(told: LabelMap) -> dict[str, Any]:
    """A label map written out, so that a study stands by itself.

    Args:
        told: the map.

    Returns:
        What a study says under `map`.
    """
    targets = {label: _written(told, label) for label in dict.fromkeys([*told.sure, *told.possible])}
    body = {"name": told.name, "version": told.version, "origin": told.origin, "to": told.to, "labels": targets}
    body |= {"unmapped": told.unmapped, "drop": told.dropped, "annotated": told.annotated}
    return {key: value for key, value in body.items() if value or key == "annotated"}


def _written(told: LabelMap, label: str) -> Any:
    sure, possible = told.sure.get(label, []), told.possible.get(label, [])
    if possible:
        return {"all": sure, "any_of": possible} if sure else {"any_of": possible}
    return sure[0] if len(sure) == 1 else sure


def map_yaml(told: LabelMap) -> str:
    """A label map as a file of its own.

    Args:
        told: the map.

    Returns:
        YAML that `read_label_map` reads.
    """
    return as_yaml({MARK: 1, **map_body(told)})
