"""From the argument of a command to a study without faults, or to every fault at once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from bakeoff.catalog.registry import nearest
from bakeoff.errors import Fault, StudyError
from bakeoff.study.claims_checking import check_claims
from bakeoff.study.entries import NAME_PATTERN
from bakeoff.study.faults import Faults, validate
from bakeoff.study.found import fill_in
from bakeoff.study.lineage import check_lineage
from bakeoff.study.matrix import expand
from bakeoff.study.model import Recipe, Study
from bakeoff.study.overlay import apply_overrides, apply_profile
from bakeoff.study.phasing import check_fresh, declared_phases, make_rounds, overlay_of
from bakeoff.study.proposing import check_settings
from bakeoff.study.reading import read_file
from bakeoff.study.recipes import Surroundings, check_defaults, resolve_recipe
from bakeoff.study.references import check_references, resolve_task, task_kind
from bakeoff.study.shape import MAX_PAIRS, MAX_PROFILES, MAX_RECIPES, MAX_TASKS, StudyFile
from bakeoff.study.tree import Node, names_in


def built_in_studies() -> dict[str, Path]:
    """The studies that ship with Bakeoff.

    Returns:
        Path by name.
    """
    folder = Path(str(files("bakeoff"))) / "studies"
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def find_study(argument: str) -> Path:
    """The file that a command's argument means.

    Args:
        argument: path of a study file, or the name of a built-in study, such as `demo`. A file of that name comes first.

    Returns:
        The file's absolute path.

    Raises:
        StudyError: if there is neither.
    """
    path = Path(argument)
    try:
        if path.is_file():
            return path.absolute()
    except (OSError, ValueError):  # no path at all: too long, or with a NUL
        path = Path()
    known = built_in_studies()
    if argument in known:
        return known[argument]
    beside = [other.name for other in sorted(path.parent.glob("*.yaml"))] if path.name else []
    problem = "this is a folder, not a study file" if path.name and path.is_dir() else "there is no such study file"
    near = nearest(path.name, [*known, *beside])
    allowed = f"a path of a study file, or a built-in study: {', '.join(known)}"
    raise StudyError([Fault(argument[:200], 0, "", "", problem, allowed, near)], argument[:200])


def load_study(path: Path, profile: str | None = None, overrides: Sequence[str] = ()) -> Study:
    """Read a study file and check all of it.

    Settings count in the order: defaults, then the recipe, then its `on`, then `--set`. A profile that was not chosen is
    checked as well: what would be wrong with it is reported where it stands.

    Args:
        path: the study file.
        profile: the profile that is laid over it; None or empty means none.
        overrides: `--set` arguments, `path.to.key=value`, laid over both.

    Returns:
        The resolved study.

    Raises:
        StudyError: with every fault, each with its line.
    """
    path = path.absolute()
    root, found = read_file(path)
    faults = Faults()
    faults.extend(found)
    profiles_node = root.at("profiles")
    base, profiles = root.without("profiles"), profiles_node.entries if profiles_node else {}
    if profiles_node and not profiles_node.is_mapping:
        faults.add(profiles_node, "wrong type: profiles are a mapping of names to overlays", "a mapping")
    if profile and profile not in profiles:
        allowed = ", ".join(profiles) or "the study has no profiles"
        faults.extend(
            [Fault("--profile", 0, "", profile, "the study has no such profile", allowed, nearest(profile, list(profiles)))]
        )
    tree = apply_profile(base, profiles.get(profile or ""), faults)
    tree = _with_overrides(tree, list(overrides), path.parent, faults)
    study = _check(tree, path, list(profiles), faults, None)
    of_phases = _of_phases(tree)
    others = {name: node for name, node in profiles.items() if name != profile and name not in of_phases}
    _check_other_profiles(base, others, list(profiles), path, faults)
    studies = _studies_of_phases(_Layers(base, profiles, profile or "", tuple(overrides)), tree, path, faults)
    faults.raise_any(path)
    assert study is not None
    study = study.model_copy(update={"profile": profile or ""})
    study.remember_places(tree)
    rounds = make_rounds(study, [one.model_copy(update={"profile": profile or ""}) for one in studies])
    if rounds:
        check_fresh(study, rounds, faults)
    faults.raise_any(path)
    study.remember_rounds(rounds)
    return study


@dataclass(frozen=True)
class _Layers:
    """What is laid over one another: the file, the chosen profile, that of a phase, `--set`."""

    base: Node
    profiles: dict[str, Node]
    profile: str
    overrides: tuple[str, ...]


def _of_phases(tree: Node) -> set[str]:
    """Names of the profiles that phases have."""
    phases = tree.at("phases")
    named = [phase.at("profile") for phase in (phases.items if phases else [])]
    return {str(node.value) for node in named if node is not None}


def _studies_of_phases(layers: _Layers, tree: Node, path: Path, faults: Faults) -> list[Study]:
    """What the study is in each of its phases; faults of a phase's profile are recorded at their lines."""
    phases = tree.at("phases")
    items = phases.items if phases else []
    if not items:  # a sweep without phases: a search and a final phase, both as the study is
        sweep = tree.at("sweep")
        items = [tree.holding({})] * (2 if sweep and sweep.is_mapping else 0)
    studies = []
    for item in items:
        overlay = overlay_of(item, layers.profiles, faults)
        found = Faults()
        inner = apply_profile(apply_profile(layers.base, layers.profiles.get(layers.profile), found), overlay, found)
        inner = _with_overrides(inner.without("phases").without("sweep"), _without_rounds(layers.overrides), path.parent, found)
        one = _check(inner, path, list(layers.profiles), found, None)
        lines = range(overlay.key_line, overlay.end_line + 1) if overlay else range(0)
        faults.extend([fault for fault in found.sorted if fault.line in lines])
        if one is not None:
            one.remember_places(inner)
            studies.append(one)
    return studies


def _without_rounds(overrides: Sequence[str]) -> list[str]:
    return [argument for argument in overrides if not re.match(r"\s*(phases|sweep)\b", argument)]


def _with_overrides(tree: Node, overrides: list[str], folder: Path, faults: Faults) -> Node:
    """What `--set` says of the matrix counts before the matrix is expanded, the rest after, so that it reaches its recipes."""
    of_matrix = [argument for argument in overrides if re.match(r"\s*matrix\b", argument)]
    tree = fill_in(expand(apply_overrides(tree, of_matrix, faults), faults), folder, faults)
    return apply_overrides(tree, [argument for argument in overrides if argument not in of_matrix], faults)


def _check_other_profiles(base: Node, profiles: dict[str, Node], names: list[str], path: Path, faults: Faults) -> None:
    if len(profiles) > MAX_PROFILES:
        last = list(profiles.values())[MAX_PROFILES]
        faults.add(last, f"the study has {len(profiles)} profiles", f"at most {MAX_PROFILES}", key=True)
        return
    for name, overlay in profiles.items():
        if not re.match(NAME_PATTERN, name):
            faults.add(overlay, "not a usable name", "letters, digits, `-`, `_`, `+` and `.`", key=True)
        found = Faults()
        tree = fill_in(expand(apply_profile(base, overlay, found), found), path.parent, found)
        _check(tree, path, names, found, base)
        lines = range(overlay.key_line, overlay.end_line + 1)
        faults.extend([fault for fault in found.sorted if fault.line in lines])


def _to_resolve(tree: Node, kinds: dict[str, str], known: Node | None, faults: Faults) -> list[str]:
    """The recipes to resolve: all, or those that an overlay on an already checked tree can have changed."""
    names, tasks = names_in(tree.at("recipes")), names_in(tree.at("tasks"))
    if len(names) > MAX_RECIPES or len(tasks) > MAX_TASKS or len(names) * len(tasks) > MAX_PAIRS:
        faults.add(
            tree.at("recipes") or tree, f"{len(names)} recipes on {len(tasks)} tasks", f"at most {MAX_PAIRS} pairs", key=True
        )
        return []
    if known is None or known.at("defaults") is not tree.at("defaults") or kinds != _kinds(known):
        return names
    return [name for name in names if tree.at("recipes", name) is not known.at("recipes", name)]


def _kinds(tree: Node) -> dict[str, str]:
    tasks = (tree.at("tasks") or tree.holding({})).entries
    return {name: kind for name, node in tasks.items() if (kind := task_kind(node))}


def _check(tree: Node, path: Path, profiles: list[str], faults: Faults, known: Node | None) -> Study | None:
    """Record all faults of a tree; build the study if there are none.

    With `known`, a tree that is checked on its own, only what differs from it need be looked at, and no study is built.
    """
    entry = validate(StudyFile, tree, faults)
    check_references(tree, profiles, path.parent, faults)
    tasks = (tree.at("tasks") or tree.holding({})).entries
    kinds = _kinds(tree)
    check_claims(tree, kinds, faults)
    around = Surroundings(tree, kinds, path.parent, faults)
    check_defaults(around)
    check_settings(tree, kinds, path.parent, faults)
    recipes: dict[str, Recipe] = {}
    for name in _to_resolve(tree, kinds, known, faults):
        recipe = resolve_recipe(around, name)
        if recipe is not None:
            recipes[name] = recipe
    if entry is None:
        return None
    if len(recipes) == len(names_in(tree.at("recipes"))):  # a recipe with faults of its own is no reason for others
        check_lineage(tree, recipes, entry.seeds, faults)
    if len(faults) or known is not None:
        return None
    return Study(
        name=entry.name or _name_of(path),
        tasks={name: resolve_task(tasks[name], task, entry.data_seed, path.parent) for name, task in entry.tasks.items()},
        recipes=recipes,
        seeds=entry.seeds,
        data_seed=entry.data_seed,
        baseline=entry.baseline or "",
        limits=entry.limits,
        keep=entry.keep,
        sanity=entry.sanity,
        tuned=entry.tuned,
        claims=entry.claims,
        expect=entry.expect,
        verdict=entry.verdict,
        looks=entry.looks,
        phases=declared_phases(entry.phases, entry.sweep),
        sweep=entry.sweep,
        path=path,
    )


def _name_of(path: Path) -> str:
    """A study without a name is called as its file."""
    return re.sub(r"[^A-Za-z0-9._+-]+", "-", path.stem).strip("-.+_")[:60] or "study"
