"""A study narrowed down to what goes on: recipes without those that fell, with the settings that were found."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from bakeoff.study.model import Study
from bakeoff.study.proposing import Pair, Settings, with_settings


def narrow(study: Study, fallen: Collection[Pair], found: Mapping[Pair, Settings]) -> Study:
    """Leave out what fell, and give recipes the settings that a sweep found for them.

    Args:
        study: the study as it is in a phase.
        fallen: recipe and task of all that do not go on.
        found: settings by recipe and task.

    Returns:
        The study with the recipes that are left, each on the tasks on which it goes on.

    Raises:
        StudyError: if a recipe cannot have the settings that were found.
    """
    standing = {(name, task) for name, task, _ in study.pairs} - set(fallen)
    changed = with_settings(study, {pair: settings for pair, settings in found.items() if pair in standing})
    recipes = {}
    for name, recipe in changed.recipes.items():
        tasks = [task for task in changed.tasks if (name, task) in standing]
        if tasks:
            on = {task: other for task, other in recipe.on.items() if task in tasks}
            some = tasks if len(tasks) < len(changed.tasks) else None
            recipes[name] = recipe.model_copy(update={"tasks": some, "on": on})
    return changed.model_copy(update={"recipes": recipes, "baseline": study.baseline if study.baseline in recipes else ""})
