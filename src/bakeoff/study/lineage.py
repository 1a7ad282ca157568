"""Recipes that are made of other recipes' trials: ensembles, averaged weights, students. Checked, ordered, expanded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bakeoff.catalog.cards import MethodCard
from bakeoff.catalog.registry import cards, nearest
from bakeoff.records.specs import Component, RecipeSpec, TaskSpec, TrialSpec
from bakeoff.study.faults import Faults
from bakeoff.study.model import Recipe
from bakeoff.study.overlay import as_component
from bakeoff.study.tree import Node

TEACHERS = ("full", "lora")
AVERAGED = ("full",)


def sources(method: Component) -> list[str]:
    """The recipes that a method is made of.

    Args:
        method: of a recipe.

    Returns:
        Their names; none for a method that is made of data alone.
    """
    card = cards("method").get(method.name)
    key = card.made_of if isinstance(card, MethodCard) else ""
    named = method.settings.get(key) if key else None
    return [named] if isinstance(named, str) else list(named or [])


def reads_models(method: Component) -> bool:
    """Whether a method reads the trained models of the trials that it is made of.

    Args:
        method: of a recipe.

    Returns:
        False for one that reads their outputs, or nothing.
    """
    card = cards("method").get(method.name)
    return isinstance(card, MethodCard) and card.reads_models


def is_over_seeds(method: Component) -> bool:
    """Whether a method makes one trial of all seeds of a recipe: it has no seeds of its own.

    Args:
        method: of a recipe.

    Returns:
        True for an ensemble of one recipe.
    """
    return "of" in method.settings and len(sources(method)) == 1


def check_lineage(root: Node, recipes: Mapping[str, Recipe], seeds: Sequence[int], faults: Faults) -> None:
    """Check that what recipes are made of is there, fits, and is not made of them in turn.

    Args:
        root: the study's tree.
        recipes: the recipes that were resolved.
        seeds: the study's seeds.
        faults: where faults are recorded.
    """
    for name, recipe in recipes.items():
        named = sources(recipe.method)
        if not named:
            continue
        place = _place(root, name, recipe.method)
        if any(root.at(key) is not None for key in ("phases", "sweep")):
            problem = f"{name} is made of other recipes, and phases may leave these out"
            faults.add(place, problem, "a study without phases and sweep")
        for source in named:
            _check_source(name, source, place, recipes, faults)
        if len(set(named)) < len(named):
            faults.add(place, "a recipe stands twice", "each recipe once")
        if is_over_seeds(recipe.method) and len(seeds) < 2:
            faults.add(place, f"one seed of {named[0]} is no ensemble", "two seeds or more, or several recipes")
        if _circle(name, recipes):
            faults.add(place, f"{name} is made of itself, by way of {', '.join(named)}", "recipes that are not made of it")


def _place(root: Node, name: str, method: Component) -> Node:
    recipe = root.at("recipes", name)
    assert recipe is not None
    stated = recipe.at("method")
    key = "teacher" if "teacher" in method.settings else "of"
    return (as_component(stated).at(key) if stated else None) or stated or recipe


def _check_source(name: str, source: str, place: Node, recipes: Mapping[str, Recipe], faults: Faults) -> None:
    recipe, other = recipes[name], recipes.get(source)
    if other is None:
        known = [known for known in recipes if known != name]
        faults.add(place, f"names a recipe that the study does not have: {source}", ", ".join(known), nearest(source, known))
        return
    if other.tasks is not None and (recipe.tasks is None or not set(recipe.tasks) <= set(other.tasks)):
        faults.add(place, f"{source} is not carried out on every task of {name}", f"tasks: [{', '.join(other.tasks)}]")
    if is_over_seeds(other.method):
        faults.add(place, f"{source} is made of seeds, and has none that others could be made of", "recipes that have seeds")
    if not reads_models(recipe.method):
        return
    fitting = TEACHERS if "teacher" in recipe.method.settings else AVERAGED
    if other.method.name not in fitting:
        faults.add(
            place, f"the model of {source} ({other.method.name}) cannot be used here", f"a recipe of {', '.join(fitting)}"
        )
    elif (recipe.model, recipe.pooling) != (other.model, other.pooling):
        faults.add(place, f"{name} and {source} do not begin with the same model and pooling", f"those of {source}")


def _circle(name: str, recipes: Mapping[str, Recipe]) -> bool:
    seen, left = set[str](), list(sources(recipes[name].method))
    while left:
        one = left.pop()
        if one == name:
            return True
        if one in recipes and one not in seen:
            seen.add(one)
            left += sources(recipes[one].method)
    return False


def expand_trials(seeds: Sequence[int], pairs: Sequence[tuple[TaskSpec, RecipeSpec]]) -> list[TrialSpec]:
    """The trials of a study: seed by seed, and after them those that are made of others.

    Args:
        seeds: the seeds.
        pairs: each recipe on each of its tasks.

    Returns:
        The trials; whatever one is made of stands before it.
    """
    plain = [(task, recipe) for task, recipe in pairs if not sources(recipe.method)]
    found = [TrialSpec(task=task, recipe=recipe, seed=seed) for seed in seeds for task, recipe in plain]
    left = [(task, recipe) for task, recipe in pairs if sources(recipe.method)]
    while left:
        known = {(trial.task.name, trial.recipe.name) for trial in found}
        ready = [(task, recipe) for task, recipe in left if all((task.name, one) in known for one in sources(recipe.method))]
        assert ready, "what recipes are made of was checked when the study was read"
        for task, recipe in ready:
            found += _made(seeds, task, recipe, found)
        left = [pair for pair in left if pair not in ready]
    return found


def _made(seeds: Sequence[int], task: TaskSpec, recipe: RecipeSpec, before: Sequence[TrialSpec]) -> list[TrialSpec]:
    named = sources(recipe.method)
    of_task = [trial for trial in before if trial.task.name == task.name]
    by_recipe = {name: [trial for trial in of_task if trial.recipe.name == name] for name in named}
    if is_over_seeds(recipe.method):
        return [_child(task, recipe, seeds[0], by_recipe[named[0]])]
    return [
        _child(task, recipe, seed, [one for name in named for one in by_recipe[name] if one.seed == seed]) for seed in seeds
    ]


def _child(task: TaskSpec, recipe: RecipeSpec, seed: int, of: Sequence[TrialSpec]) -> TrialSpec:
    made_of = {trial.id: trial.definition_hash for trial in of}
    return TrialSpec(task=task, recipe=recipe, seed=seed, made_of=made_of)
