"""The sources of a task: several datasets as one, label maps and context; checked, and resolved to a composition."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, cast

from bakeoff.catalog.cards import DatasetCard
from bakeoff.catalog.registry import cards
from bakeoff.records.compositions import Composition, Context, LabelMap, Source
from bakeoff.records.hub_places import hub_place
from bakeoff.study.faults import Faults
from bakeoff.study.label_maps import choose_label_map
from bakeoff.study.shape import ContextEntry, SourceEntry, TaskEntry
from bakeoff.study.tree import Node

CLASSIFYING = ("multilabel", "single-label")


def is_composed(task: Node) -> bool:
    """Whether a task's data are put together: of several sources, by a label map, or with context.

    Args:
        task: the task's node.

    Returns:
        True if they are.
    """
    return any(task.at(key) is not None for key in ("sources", "map", "context"))


def sources_of(task: Node) -> dict[str, Node]:
    """The sources of a task by name, each as a mapping; a task with one dataset is a source of its own.

    Args:
        task: the task's node.

    Returns:
        Nodes by name; empty where what stands there is none.
    """
    stated = task.at("sources")
    if stated is None:
        return {"": task} if task.is_mapping else {}
    return {
        name: node.holding({"dataset": node}) if isinstance(node.value, str) else node for name, node in stated.entries.items()
    }


def common_kind(task: Node) -> str:
    """The kind of task that all of a task's sources are for.

    Args:
        task: the task's node.

    Returns:
        The kind; empty where they differ, or one is the user's own.
    """
    kinds = set()
    for name, source in sources_of(task).items():
        dataset = source.at("dataset")
        card = cards("dataset").get(str(dataset.value) if dataset is not None else name)
        kinds.add(card.task if isinstance(card, DatasetCard) and source.at("file") is None else "")
    return kinds.pop() if len(kinds) == 1 else ""


def check_sources(task: Node, kind: str, folder: Path, faults: Faults) -> None:
    """Check what a task says of its sources, as far as it can be known without their data.

    Args:
        task: the task's node.
        kind: the kind of task, or empty.
        folder: what paths are relative to.
        faults: where faults are recorded.
    """
    if kind and kind not in CLASSIFYING:
        stated = next(node for key in ("sources", "map", "context") if (node := task.at(key)) is not None)
        faults.add(stated, f"a task of the kind {kind} has one dataset, as it is", ", ".join(CLASSIFYING), key=True)
    if task.at("sources") is not None:
        for key in ("map", "context"):
            node = task.at(key)
            if node is not None:
                faults.add(node, "each source has its own", f"sources.NAME.{key}", key=True)
    nodes = {name: node for name, source in sources_of(task).items() if (node := source.at("map")) is not None}
    maps = {name: choose_label_map(node, folder, faults) for name, node in nodes.items()}
    told = {name: found for name, found in maps.items() if found is not None}
    first = next(iter(told), "")
    for name, found in told.items():
        if found.to != told[first].to:
            wanted = ", ".join(told[first].to)
            faults.add(nodes[name], f"maps to other labels than the map of {first}", wanted)


def resolve_composition(task: Node, entry: TaskEntry, kind: str, data_seed: int, folder: Path) -> Composition:
    """The composition of a task without faults.

    Args:
        task: the task's node.
        entry: the same, validated.
        kind: the kind of task.
        data_seed: governs which examples the limits draw.
        folder: what paths are relative to.

    Returns:
        The composition.
    """
    nodes = sources_of(task)
    if entry.sources is None:
        name = dataset_name(entry, "")
        sources = [_source(name, name, nodes[""], entry.context, {}, folder)]
    else:
        sources = [
            _source(name, dataset_name(one, name), nodes[name], one.context, _limits(one), folder)
            for name, one in entry.sources.items()
        ]
    return Composition(kind=cast(Any, kind), sources=sources, data_seed=data_seed)


def own_name(file: str) -> str:
    """What a dataset of the user's own is called.

    Args:
        file: path or URL of its file or folder.

    Returns:
        The file's name without its suffix, in the signs that names are made of.
    """
    place = hub_place(file)
    if place is not None:
        return place.name
    return re.sub(r"[^A-Za-z0-9._+-]+", "-", Path(file.partition("?")[0]).stem).strip("-.+_")[:60] or "own"


def is_url(file: str) -> bool:
    """Whether what stands for a file is a place beyond this machine's file system.

    Args:
        file: as a study says it.

    Returns:
        True for `s3://…` and its like.
    """
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", file) is not None


def file_place(file: str, folder: Path) -> str:
    """Where a file of the user's own is, wherever the study is read from.

    Args:
        file: as a study says it.
        folder: what paths are relative to.

    Returns:
        An absolute path, the URL, or the id of a dataset of the hub.
    """
    path = (folder / Path(file).expanduser()).resolve()
    return file if is_url(file) or hub_place(file, folder) is not None else str(path)


def dataset_name(entry: SourceEntry | TaskEntry, name: str) -> str:
    """The name of the dataset of a source.

    Args:
        entry: the source.
        name: what it is called in the task.

    Returns:
        The name under which its data are stored.
    """
    return own_name(entry.file) if entry.file is not None else entry.dataset or name


def _limits(entry: SourceEntry) -> dict[str, int | str | None]:
    return {key: getattr(entry, key) for key in ("train_limit", "validation_limit", "test_limit")}


def _source(
    name: str, dataset: str, node: Node, context: ContextEntry | None, limits: dict[str, int | str | None], folder: Path
) -> Source:
    stated = node.at("map")
    found: LabelMap | None = choose_label_map(stated, folder, Faults()) if stated is not None else None
    turns = None if context is None else Context(turns=context.turns, separator=context.separator)
    return Source(name=name, dataset=dataset, map=found, context=turns, **limits)
