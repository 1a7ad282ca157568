"""Phases and sweeps checked where they stand: names, order, spaces."""

from __future__ import annotations

from collections.abc import Iterator

from bakeoff.study.faults import Faults
from bakeoff.study.metric_names import check_metric
from bakeoff.study.recipes import own_tasks
from bakeoff.study.rounds import DISTRIBUTIONS
from bakeoff.study.tree import Node, names_in

MAX_SETTINGS = 40
"""Settings that are searched at a time: beyond these no number of proposals finds anything."""
Pair = tuple[str, str]
OF_A_PHASE = ("tasks", "defaults", "recipes", "matrix", "seeds", "claims", "verdict", "limits", "tuned")
"""What the profile of a phase may say: all that its trials and its gate are made of."""


def check_phases(root: Node, recipes: list[str], profiles: list[str], faults: Faults) -> None:
    """Check that the phases fit one another.

    Args:
        root: the study's tree, the matrix expanded.
        recipes: names of its recipes.
        profiles: names of its profiles.
        faults: where faults are recorded.
    """
    phases = root.at("phases")
    items = phases.items if phases else []
    seen: set[object] = set()
    for index, phase in enumerate(items):
        name, profile = phase.at("name"), phase.at("profile")
        if name and isinstance(name.value, str):
            if name.value in seen:
                faults.add(name, "two phases have this name", "names that differ")
            seen.add(name.value)
        if profile and isinstance(profile.value, str) and profile.value not in profiles:
            faults.add_name(profile, "profile", profiles)
        _check_choice(phase.at("choose"), recipes, faults)
        if index == len(items) - 1:
            _check_last(phase, faults)
    searching = [phase for phase in items if _is_true(phase.at("sweep"))]
    for phase in searching:
        _check_search(root, phase, faults)
    for phase in searching[1:]:
        faults.add(phase.at("sweep") or phase, "another phase has the sweep already", "one phase with `sweep: true`", key=True)
    sweep = root.at("sweep")
    if sweep and sweep.is_mapping and items and not searching:
        faults.add(sweep, "no phase carries the sweep out", "`sweep: true` in one of the phases", key=True)


def _is_true(node: Node | None) -> bool:
    return node is not None and node.value is True


def _check_last(phase: Node, faults: Faults) -> None:
    choose, gate, sweep = phase.at("choose"), phase.at("gate"), phase.at("sweep")
    if choose and choose.value is not None:
        faults.add(choose, "the last phase has no phase to choose for", "choose in the phases before", key=True)
    if gate and gate.value is not None:
        faults.add(gate, "nothing follows the last phase that a gate could stop", "a gate in the phases before", key=True)
    if _is_true(sweep):
        assert sweep is not None
        faults.add(sweep, "the last phase measures what was found, and searches no more", "a phase after it", key=True)


def _check_search(root: Node, phase: Node, faults: Faults) -> None:
    place = phase.at("sweep")
    assert place is not None
    if root.at("sweep") is None:
        faults.add(place, "the study has no sweep", "the key sweep, with recipes and a space", key=True)
    seeds = phase.at("seeds")
    if seeds and seeds.value is not None:
        faults.add(seeds, "the seeds of a proposal stand in the sweep", "sweep: {seeds: …}", key=True)
    gate = phase.at("gate")
    if gate and gate.value is not None:
        faults.add(
            gate, "a search has no verdict that a gate could look at", "a gate in a phase between it and the last", key=True
        )


def _check_choice(choose: Node | None, recipes: list[str], faults: Faults) -> None:
    if choose is None or not choose.is_mapping:
        return
    top, by = choose.at("top"), choose.at("by")
    if top and isinstance(top.value, int) and top.value > len(recipes) > 0:
        faults.add(top, "chooses more recipes than there are", f"at most {len(recipes)}")
    if not (top and top.value is not None) and not _is_true(choose.at("not_worse")):
        faults.add(choose, "says not which recipes go on", "top: 2, or not_worse: true", key=True)
    if by and isinstance(by.value, str) and by.value:
        check_metric(by, by.value, faults)


def spaces(root: Node) -> dict[Pair, dict[str, Node]]:
    """What a sweep searches, with the place of each distribution.

    Args:
        root: the study's tree, the matrix expanded.

    Returns:
        Distribution by dotted setting, for each recipe that is searched on each task; nothing that is malformed.
    """
    sweep = root.at("sweep")
    if sweep is None or not sweep.is_mapping:
        return {}
    recipes = [node.value for node in (sweep.at("recipes") or sweep.holding({})).items if isinstance(node.value, str)]
    found = {}
    for recipe in recipes:
        node = root.at("recipes", recipe)
        for task in own_tasks(root, node) if node else []:
            settings = dict((sweep.at("space") or sweep.holding({})).entries)
            for other in (sweep.at("spaces") or sweep.holding({})).items:
                if _is_for(other.at("recipes"), recipe) and _is_for(other.at("tasks"), task):
                    settings.update((other.at("space") or other.holding({})).entries)
            found[recipe, task] = {name: node for name, node in settings.items() if node.value is not None}
    return found


def _is_for(names: Node | None, name: str) -> bool:
    return names is None or names.value is None or any(node.value == name for node in names.items)


def check_sweep(root: Node, recipes: list[str], faults: Faults) -> None:
    """Check a sweep but for its settings: those are tried on the recipes themselves (`proposing`).

    Args:
        root: the study's tree, the matrix expanded.
        recipes: names of its recipes.
        faults: where faults are recorded.
    """
    sweep = root.at("sweep")
    if sweep is None or not sweep.is_mapping:
        return
    tasks = names_in(root.at("tasks"))
    named = (sweep.at("recipes") or sweep.holding({})).items
    searched = [node.value for node in named if isinstance(node.value, str)]
    for node in named:
        _check_name(node, "recipe", recipes, faults)
    for other in (sweep.at("spaces") or sweep.holding({})).items:
        for node in (other.at("recipes") or other.holding({})).items:
            _check_name(node, "recipe", searched, faults)
        for node in (other.at("tasks") or other.holding({})).items:
            _check_name(node, "task", tasks, faults)
    if not any(node and node.value is not None for node in (sweep.at("proposals"), sweep.at("time"))):
        faults.add(sweep, "the sweep would never end", "proposals: 15, or time: 2h", missing="proposals")
    _check_spaces(root, sweep, faults)


def _check_name(node: Node, kind: str, known: list[str], faults: Faults) -> None:
    if isinstance(node.value, str) and node.value not in known:
        faults.add_name(node, kind, known)


def _check_spaces(root: Node, sweep: Node, faults: Faults) -> None:
    sampler = sweep.at("sampler", "name") or sweep.at("sampler")
    on_a_grid = sampler is not None and sampler.value == "grid"
    for (recipe, task), space in spaces(root).items():
        if not space:
            faults.add(sweep, f"nothing is searched for {recipe} on {task}", "a space for it", missing="space")
        if len(space) > MAX_SETTINGS:
            faults.add(sweep, f"{len(space)} settings are searched for {recipe}", f"at most {MAX_SETTINGS}", missing="space")
        for name, distribution in space.items():
            _check_distribution(distribution, on_a_grid, faults)
            _check_condition(name, distribution, space, faults)


def _check_distribution(node: Node, on_a_grid: bool, faults: Faults) -> None:
    if not node.is_mapping:
        return
    kinds = [kind for kind in DISTRIBUTIONS if (found := node.at(kind)) and found.value is not None]
    if len(kinds) != 1:
        problem = "two distributions stand for one setting" if kinds else "the distribution is missing"
        faults.add(node, problem, ", or ".join(DISTRIBUTIONS), key=True)
        return
    kind = kinds[0]
    values = node.at(kind)
    assert values is not None
    numbers = [item.value for item in values.items if isinstance(item.value, int | float) and not isinstance(item.value, bool)]
    if kind == "choices":
        written = [item.plain() for item in values.items]
        if any(value in written[:place] for place, value in enumerate(written)):
            faults.add(values, "a choice stands twice", "choices that differ")
    elif len(numbers) == 2 and numbers[0] >= numbers[1]:
        faults.add(values, "the lowest value is not below the highest", "[lowest, highest]")
    if kind == "log_uniform" and numbers and min(numbers) <= 0:
        faults.add(values, "orders of magnitude begin above 0", "two numbers above 0")
    if on_a_grid and kind in ("log_uniform", "uniform"):
        faults.add(values, "a grid has a number of points", "choices, or integers", key=True)


def _check_condition(name: str, node: Node, space: dict[str, Node], faults: Faults) -> None:
    conditions = node.at("when")
    for named, other in conditions.entries.items() if conditions else ():
        if named not in space or named == name:
            stated = Node(named, other.file, other.key_line, other.key, text=named)
            faults.add_name(stated, "setting of this space", list(space))
    if name in _ancestors(name, space):
        faults.add(node, "its condition hangs on itself", "conditions without a circle", key=True)


def _ancestors(name: str, space: dict[str, Node], seen: tuple[str, ...] = ()) -> Iterator[str]:
    node = space.get(name)
    for parent in names_in(node.at("when") if node else None):
        if parent in seen:
            continue
        yield parent
        yield from _ancestors(parent, space, (*seen, parent))
