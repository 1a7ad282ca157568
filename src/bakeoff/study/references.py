"""What one part of a study says about another: tasks and their cards, baseline, expectations, rounds."""

from __future__ import annotations

import re
from pathlib import Path

from bakeoff.catalog.cards import DatasetCard, TaskCard
from bakeoff.catalog.registry import cards, metrics_of
from bakeoff.records.hub_places import hub_place
from bakeoff.study.components import find_card
from bakeoff.study.entries import NAME_PATTERN
from bakeoff.study.faults import Faults
from bakeoff.study.looks import check_looks
from bakeoff.study.metric_names import check_metric
from bakeoff.study.model import OwnFile, Task
from bakeoff.study.rounds_checking import check_phases, check_sweep
from bakeoff.study.shape import SourceEntry, TaskEntry
from bakeoff.study.sources import (
    check_sources,
    common_kind,
    dataset_name,
    file_place,
    is_composed,
    is_url,
    own_name,
    resolve_composition,
    sources_of,
)
from bakeoff.study.tree import Node, names_in

QA, WINDOWS = "qa", "windows"
MAX_ANSWER = 30
"""Tokens that an answer may have at most: as in Devlin et al., BERT, NAACL 2019, and its published code."""
DEFAULT_LENGTH: int = TaskEntry.model_fields["max_length"].default


def task_kind(task: Node) -> str:
    """The kind of a task: what it says, else what its dataset's card says.

    Args:
        task: the task's node.

    Returns:
        The kind, or empty where neither is known.
    """
    stated = task.at("kind")
    if stated is not None and stated.value is not None:
        return stated.value if isinstance(stated.value, str) and stated.value in cards("task") else ""
    if task.at("sources") is not None:
        return common_kind(task)
    dataset = task.at("dataset")
    card = cards("dataset").get(str(dataset.value)) if dataset else None
    return card.task if isinstance(card, DatasetCard) else ""


def check_task(task: Node, folder: Path, faults: Faults) -> None:
    """Check the names that a task gives, and that they fit one another.

    Args:
        task: the task's node.
        folder: what paths are relative to.
        faults: where faults are recorded.
    """
    kind_node, metric = task.at("kind"), task.at("metric")
    if kind_node:
        find_card("task", kind_node, faults)
    kind = task_kind(task)
    _check_data(task, kind, folder, faults)
    if is_composed(task):
        check_sources(task, kind, folder, faults)
    _check_windows(task, kind, faults)
    if metric and isinstance(metric.value, str) and metric.value:
        known = metrics_of(kind)
        if metric.value not in known:
            faults.add_name(metric, "metric", known)


def _check_windows(task: Node, kind: str, faults: Faults) -> None:
    """Only questions and texts in windows have these, and neighbouring ones must not share all that they hold."""
    stride, length, long_text = task.at("stride"), task.at("max_length"), task.at("long_text")
    windows = kind == QA or (long_text is not None and long_text.value == WINDOWS)
    for node, has in ((stride, windows), (task.at("max_answer"), kind == QA)):
        if node is not None and node.value is not None and kind and not has:
            faults.add(node, f"only tasks of the kind {QA} have windows and answers", "leave it out", key=True)
    if long_text is not None and long_text.value is not None and kind == QA:
        faults.add(long_text, "contexts of questions are always read in windows", "leave it out", key=True)
    if stride is None or not isinstance(stride.value, int):
        return
    whole = length.value if length is not None and isinstance(length.value, int) else DEFAULT_LENGTH
    if stride.value > whole // 2:
        faults.add(stride, "windows that share more than half of their tokens hardly move on", f"at most {whole // 2}")


def _is_name(node: Node) -> bool:
    return isinstance(node.value, str) and re.fullmatch(NAME_PATTERN, node.value) is not None


def _check_data(task: Node, kind: str, folder: Path, faults: Faults) -> None:
    """A task has a dataset, a file of the user's own, or several sources that each are one of these."""
    if not task.is_mapping:
        return
    sources = task.at("sources")
    if sources is None:
        _check_source(task, task, kind, folder, faults)
        return
    for key in ("dataset", "file", "columns"):
        node = task.at(key)
        if node is not None:
            faults.add(node, "the data stand twice", "either this, or sources", key=True)
    for source in sources_of(task).values():
        _check_source(source, task, kind, folder, faults, named=True)
    if not kind and task.at("kind") is None:
        faults.add(
            task, "its sources are not all for one kind of task", f"kind: one of {', '.join(cards('task'))}", missing="kind"
        )


def _check_source(source: Node, task: Node, kind: str, folder: Path, faults: Faults, named: bool = False) -> None:
    """What holds one dataset: the task itself, or one of its sources (`named`, so that its own name may be the dataset's)."""
    dataset, file, columns, stated = source.at("dataset"), source.at("file"), source.at("columns"), task.at("kind")
    if not source.is_mapping:
        return
    if dataset is None and file is None and not named:
        allowed = "dataset: a name of the catalog, file: a path of your own, or sources: several of these"
        faults.add(source, "its data are missing", allowed, missing="dataset")
    if dataset is not None and file is not None:
        faults.add(file, "the data stand twice", "either dataset or file", key=True)
    # a name that the catalog does not have may be the user's own, which only the home folder knows: then the kind must be said
    on_hub = hub_place(dataset.value) if dataset and isinstance(dataset.value, str) else None
    if dataset and on_hub is not None:
        faults.add(dataset, "a dataset of the hub is data of your own", f"file: {on_hub}", key=True)
        return
    card = find_card("dataset", dataset, faults) if dataset and not (stated and _is_name(dataset)) else None
    card = card or (cards("dataset").get(str(dataset.value)) if dataset else None)
    if stated and kind and isinstance(card, DatasetCard) and card.task != kind and not is_composed(task):
        faults.add(stated, f"the dataset {card.name} is for {card.task} tasks", card.task)
    if file is None and columns is not None:
        faults.add(columns, "only a file of your own has columns to name", "leave columns out", key=True)
    if file is None or not isinstance(file.value, str) or not file.value:
        return
    here = (folder / Path(file.value).expanduser()).exists()
    if not here and not is_url(file.value) and hub_place(file.value, folder) is None:
        where = f"a path relative to the study file (looked for at {folder / file.value})"
        faults.add(file, "there is no such file", f"{where}, an address, or a dataset of the hub: owner/name")
    if stated is None:
        faults.add(file, "a file of your own needs the kind of its task", f"kind: one of {', '.join(cards('task'))}", key=True)


def resolve_task(task: Node, entry: TaskEntry, data_seed: int, folder: Path) -> Task:
    """Fill in a task that has no faults.

    Args:
        task: the task's node.
        entry: the same, validated.
        data_seed: governs which examples of a source the limits draw.
        folder: what paths are relative to.

    Returns:
        The task with kind and metric, the absolute path of its file, and what its data are put together from.
    """
    kind = task_kind(task)
    card = cards("task")[kind]
    assert isinstance(card, TaskCard)
    own = entry.model_dump(exclude={"dataset", "file", "columns", "sources", "map", "context"})
    resolved = {**own, "kind": kind, "metric": entry.metric or card.metrics[0]}
    if entry.long_text == "truncate":
        resolved["long_text"] = None
    if kind == QA or entry.long_text == WINDOWS:
        resolved["stride"] = entry.max_length // 3 if entry.stride is None else entry.stride
    if kind == QA:
        resolved["max_answer"] = entry.max_answer or MAX_ANSWER
    if is_composed(task):
        composition = resolve_composition(task, entry, kind, data_seed, folder)
        parts: dict[str, SourceEntry | TaskEntry] = {**entry.sources} if entry.sources else {"": entry}
        files = {
            dataset_name(part, name): OwnFile(file=file_place(part.file, folder), columns=part.columns)
            for name, part in parts.items()
            if part.file is not None
        }
        return Task(**resolved, dataset=composition.name, composition=composition, files=files)
    if entry.file is not None:
        dataset = own_name(entry.file)
        files = {dataset: OwnFile(file=file_place(entry.file, folder), columns=entry.columns)}
        return Task(**resolved, dataset=dataset, files=files)
    return Task(**resolved, dataset=str(entry.dataset))


def _check_recipe_name(node: Node, recipes: list[str], faults: Faults) -> None:
    if isinstance(node.value, str) and node.value not in recipes:
        faults.add_name(node, "recipe", recipes)


def _check_expect(root: Node, recipes: list[str], faults: Faults) -> None:
    expect = root.at("expect")
    for recipe, metrics in (expect.entries if expect else {}).items():
        _check_recipe_name(Node(recipe, metrics.file, metrics.key_line, metrics.key, text=recipe), recipes, faults)
        for metric, interval in metrics.entries.items():
            check_metric(interval, metric, faults)
            bounds = [item.value for item in interval.items if isinstance(item.value, int | float)]
            if len(bounds) == 2 and bounds[0] > bounds[1]:
                faults.add(interval, "the lowest value is above the highest", "[lowest, highest]")


def check_references(root: Node, profiles: list[str], folder: Path, faults: Faults) -> None:
    """Check that what names a recipe, a task or a profile names one that is there, and that values fit one another.

    Args:
        root: the study's tree, the matrix expanded.
        profiles: names of the study's profiles.
        folder: what paths are relative to.
        faults: where faults are recorded.
    """
    recipes = names_in(root.at("recipes"))
    for task in (root.at("tasks") or root.holding({})).entries.values():
        check_task(task, folder, faults)
    recipe_node = root.at("recipes") or root
    if not recipes and (recipe_node is root or recipe_node.is_mapping):
        faults.add(
            recipe_node,
            "the study has no recipe",
            "at least one recipe, or a matrix",
            missing="recipes" if recipe_node is root else "",
        )
    baseline = root.at("baseline")
    if baseline:
        _check_recipe_name(baseline, recipes, faults)
    _check_expect(root, recipes, faults)
    check_phases(root, recipes, profiles, faults)
    check_sweep(root, recipes, faults)
    for name, entry in (root.at("tuned") or root.holding({})).entries.items():
        _check_recipe_name(Node(name, entry.file, entry.key_line, entry.key, text=name), recipes, faults)
    _check_seeds(root, faults)
    check_looks(root, faults)
    for group in ("recipes", "tasks"):
        _check_names(root.at(group), faults)


def _check_seeds(root: Node, faults: Faults) -> None:
    seeds = root.at("seeds")
    seen: set[int] = set()
    for node in seeds.items if seeds else []:
        if isinstance(node.value, int):
            if node.value in seen:
                faults.add(node, "the seed stands twice", "seeds that differ")
            seen.add(node.value)


def _check_names(group: Node | None, faults: Faults) -> None:
    """Names that become the same in the id of a trial would share a folder."""
    seen: dict[str, str] = {}
    for name, node in (group.entries if group else {}).items():
        slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
        if slug in seen:
            faults.add(
                node, f"too like the name {seen[slug]!r}: both are {slug!r} in the ids of trials", "another name", key=True
            )
        seen.setdefault(slug, name)
