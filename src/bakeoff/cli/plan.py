"""`bakeoff plan`: the trials that a study expands to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bakeoff.cli.options import AsJson, Overrides, Profile, Study

if TYPE_CHECKING:
    from bakeoff.records.specs import TrialSpec

NAME = "plan"
SHORT = "List the trials of a study."
HELP = """List the trials that a study expands to, in the order in which they run. Nothing is run.

\b
Examples:
  bakeoff plan demo
  bakeoff plan study.yaml --profile quick --set defaults.training.epochs=2 --json
"""
COLUMNS = {
    "number": ">#",
    "task": "task",
    "recipe": "recipe",
    "seed": ">seed",
    "method": "method",
    "model": "model",
    "loss": "loss",
    "precision": "precision",
    "id": "trial",
}


def command(study: Study, profile: Profile = None, overrides: Overrides = None, as_json: AsJson = False) -> None:
    """List the trials that a study expands to."""
    from bakeoff import api
    from bakeoff.cli.shown import show

    plan = api.plan(study, profile, overrides or ()).plan
    rows = [_row(number, trial) for number, trial in enumerate(plan.trials, 1)]
    show(COLUMNS, rows, as_json=as_json, title=f"{plan.study}: {len(rows)} trials")


def _row(number: int, trial: TrialSpec) -> dict[str, Any]:
    recipe = trial.recipe
    return {
        "number": number,
        "id": trial.id,
        "task": trial.task.name,
        "recipe": recipe.name,
        "seed": trial.seed,
        "method": recipe.method.name,
        "model": recipe.model.name if recipe.model else None,
        "loss": recipe.loss.name if recipe.loss else None,
        "precision": recipe.training.precision if recipe.training else None,
        "definition": trial.model_dump(),
    }
