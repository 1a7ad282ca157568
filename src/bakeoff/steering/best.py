"""`best.yaml`: the best settings that a sweep found, as complete recipes that a study can name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from bakeoff.errors import FormatError
from bakeoff.records.files import write_bytes
from bakeoff.steering.sweeping import Outcome, Sweeper
from bakeoff.study.model import Recipe, recipe_body
from bakeoff.study.proposing import Pair, Settings, with_settings

BEST_VERSION = 1


def best_of(sweeper: Sweeper) -> dict[Pair, Outcome]:
    """The best proposal of each search.

    Args:
        sweeper: the sweep.

    Returns:
        Outcomes by recipe and task; searches without a score are left out.
    """
    found = {pair: sweeper.best(pair) for pair in sweeper.search.pairs}
    return {pair: one for pair, one in found.items() if one is not None}


def write_best(sweeper: Sweeper, best: Mapping[Pair, Outcome], again: Mapping[Pair, float]) -> None:
    """Write `best.yaml`.

    Args:
        sweeper: the sweep.
        best: the best proposal by recipe and task.
        again: mean validation score with fresh seeds, where it was measured.
    """
    search = sweeper.search
    changed = with_settings(search.study, {pair: one.proposal.settings for pair, one in best.items()})
    recipes: dict[str, Any] = {}
    tuned: dict[str, Any] = {}
    found = []
    for (recipe, task), one in best.items():
        body = recipes.setdefault(recipe, _whole(search.study.recipes[recipe]))
        body.setdefault("on", {})[task] = _whole(changed.recipes[recipe].for_task(task))
        made = len(sweeper.of((recipe, task)))
        tried = max(made, tuned.get(recipe, {}).get("proposals", 0))
        tuned[recipe] = {"proposals": tried, "source": f"the sweep of {search.study.name}"}
        found.append(
            {
                "recipe": recipe,
                "task": task,
                "metric": search.study.tasks[task].metric,
                "proposal": one.proposal.number,
                "proposals": made,
                "expected": one.score,
                "remeasured": again.get((recipe, task)),
                "settings": dict(sorted(one.proposal.settings.items())),  # as records read back have them
            }
        )
    whole = {"best": BEST_VERSION, "study": search.study.name, "recipes": recipes, "tuned": tuned, "found": found}
    data = yaml.safe_dump(whole, sort_keys=False, allow_unicode=True, width=110).encode()
    write_bytes(search.run.best, data)


def _whole(recipe: Recipe) -> dict[str, Any]:
    return recipe_body(recipe.model_copy(update={"on": {}, "tasks": None}))


def read_settings(path: Path) -> dict[Pair, Settings]:
    """What a sweep found, for the phase that follows it.

    Args:
        path: `best.yaml`.

    Returns:
        Settings by recipe and task.

    Raises:
        FormatError: if it is missing or damaged.
    """
    try:
        body = yaml.safe_load(path.read_bytes())
        return {(one["recipe"], one["task"]): dict(one["settings"]) for one in body["found"]}
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise FormatError("it cannot be read", str(path), "remove the file; `bakeoff run` makes it again") from error
