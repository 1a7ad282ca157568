"""What each recipe is, and in what it differs from the reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bakeoff.analysis.folder import TrialRecord
from bakeoff.analysis.recipe_model import Difference, RecipeFacts
from bakeoff.analysis.searches_model import SearchFacts
from bakeoff.analysis.trials import flatten
from bakeoff.records.mixing import trained_sources
from bakeoff.records.specs import RecipeSpec
from bakeoff.study.methods import is_deterministic, is_simple


def settings(recipe: RecipeSpec) -> dict[str, str]:
    """Every setting of a recipe, defaults included.

    Args:
        recipe: the recipe.

    Returns:
        Text by dotted key, in the order of the spec; parts that the recipe does not have are left out.
    """
    facts: dict[str, str] = {}
    for part, value in recipe.model_dump(exclude={"name"}).items():
        if value is None:
            continue
        if isinstance(value, dict) and {"name", "version", "settings"} <= set(value):
            facts[part] = f"{value['name']}@{value['version']}"
            facts.update(flatten(value["settings"], f"{part}."))
        elif isinstance(value, dict):
            facts.update(flatten(value, f"{part}."))
        else:
            facts[part] = str(value)
    return facts


def read_proposals(study: Mapping[str, Any]) -> dict[str, tuple[int, str]]:
    """How many settings were tried to arrive at each recipe, as the study says: declared under `tuned`, or by its sweep.

    Args:
        study: the resolved study.

    Returns:
        Number and source by recipe; a recipe that the study says nothing of is left out.
    """
    found: dict[str, tuple[int, str]] = {}
    sweep, tuned = study.get("sweep"), study.get("tuned")
    if isinstance(sweep, dict) and isinstance(sweep.get("proposals"), int) and isinstance(sweep.get("recipes"), list):
        found.update({str(name): (sweep["proposals"], "the sweep of this study") for name in sweep["recipes"]})
    for name, entry in tuned.items() if isinstance(tuned, dict) else ():
        if isinstance(entry, dict) and isinstance(entry.get("proposals"), int):
            found[str(name)] = (entry["proposals"], str(entry.get("source") or ""))
    return found


def made_proposals(searches: Sequence[SearchFacts]) -> dict[str, tuple[int, str]]:
    """How many settings the sweeps of a run did try for each recipe, whatever was declared.

    Args:
        searches: what they tried.

    Returns:
        Number (the most on any task) and source, with the time it took on all tasks, by recipe.
    """
    found: dict[str, tuple[int, str]] = {}
    for name in dict.fromkeys(one.recipe for one in searches):
        own = [one for one in searches if one.recipe == name]
        seconds = sum(one.seconds for one in own)
        found[name] = (max(len(one.tried) for one in own), f"the sweep of this study, {seconds:.0f} s of compute")
    return found


def unchanging_recipes(records: Sequence[TrialRecord]) -> frozenset[str]:
    """The recipes that seeds do not move: chance has no part in them, as in a TF-IDF baseline.

    Args:
        records: the trials of a task.

    Returns:
        Names of those of which two trials or more completed, and all with the same outputs, bit for bit.
    """
    outputs: dict[str, list[tuple[str, ...]]] = {}
    for record in records:
        if record.result is not None:
            # by the hashes of the files that hold them: nobody looks into test for this
            files = sorted(record.result.manifest.items())
            outputs.setdefault(record.spec.recipe.name, []).append(
                tuple(entry.sha256 for name, entry in files if name.endswith(".npz"))
            )
    return frozenset(name for name, found in outputs.items() if len(found) > 1 and len(set(found)) == 1)


def describe_recipes(
    recipes: list[RecipeSpec], reference: str, proposals: Mapping[str, tuple[int, str]], sources: Sequence[str] = ()
) -> list[RecipeFacts]:
    """What each recipe of a task is.

    Args:
        recipes: the recipes, in the order of the plan.
        reference: name of the recipe that others are compared with; empty if there is none.
        proposals: how many settings were tried to arrive at a recipe, and where that is told, by recipe.
        sources: the task's sources; empty where it has one.

    Returns:
        Their facts in the same order.
    """
    all_settings = {recipe.name: settings(recipe) for recipe in recipes}
    there = all_settings.get(reference, {})
    described = []
    for recipe in recipes:
        here = all_settings[recipe.name]
        tried, told = proposals.get(recipe.name, (1, ""))
        keys = [*here, *(key for key in there if key not in here)] if there else []
        described.append(
            RecipeFacts(
                name=recipe.name,
                simple=is_simple(recipe),
                deterministic=is_deterministic(recipe),
                proposals=tried,
                tuned=told,
                settings=here,
                differences=[
                    Difference(key=key, here=here.get(key, ""), there=there.get(key, ""))
                    for key in keys
                    if here.get(key) != there.get(key)
                ],
                sources=trained_sources(recipe.treatment.mix if recipe.treatment else None, sources),
            )
        )
    return described
