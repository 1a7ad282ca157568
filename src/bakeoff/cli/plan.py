"""`bakeoff plan`: the trials that a study expands to, and what they will cost."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bakeoff.cli.options import AsJson, Overrides, Profile, Study

if TYPE_CHECKING:
    from bakeoff.preflight.forecast_model import Forecast, Range, TrialForecast

NAME = "plan"
SHORT = "List the trials of a study, and what they will cost."
HELP = """List the trials that a study expands to, in the order in which they run, with the time, memory and disk that they will
take on this machine, each with a range. Nothing is run. Forecasts learn from `bakeoff check --smoke` and from finished trials.

\b
Examples:
  bakeoff plan demo
  bakeoff plan study.yaml --profile quick --set defaults.training.epochs=2 --json
  bakeoff plan study.yaml --device l4 --device h100
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
    "steps": ">steps",
    "time": ">time",
    "id": "trial",
}


def command(
    study: Study,
    profile: Profile = None,
    overrides: Overrides = None,
    device: Annotated[
        list[str] | None,
        typer.Option(
            "--device", metavar="NAME", help="Hours on a device that is not here: t4, l4, a10g, v100, a100, h100, h200."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the trials of a study, and what they will cost."""
    from bakeoff import api
    from bakeoff.cli.shown import show, write, write_json
    from bakeoff.preflight.devices import device_hours

    planned = api.plan(study, profile, overrides or ())
    forecast = api.estimate(planned)
    hours = device_hours(forecast, device or ())
    rows = [_row(number, trial) for number, trial in enumerate(forecast.trials, 1)]
    if as_json:
        write_json(
            {"study": planned.plan.study, "profile": planned.plan.profile, "trials": rows, "estimate": _total(forecast, hours)}
        )
        return
    show(COLUMNS, rows, as_json=False, title=f"{planned.plan.study}: {len(rows)} trials")
    for line in _lines(forecast, hours):
        write(line)


def _row(number: int, foretold: TrialForecast) -> dict[str, Any]:
    from bakeoff.cli.shown import duration

    trial = foretold.trial
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
        "steps": foretold.work.steps or None,
        "examples": foretold.work.examples,
        "tokens": round(foretold.work.train_tokens),
        "time": duration(foretold.seconds.expected),
        "seconds": asdict(foretold.seconds),
        "peak_bytes": asdict(foretold.peak_bytes),
        "disk_bytes": foretold.disk_bytes,
        "known": foretold.known,
        "definition": trial.model_dump(),
    }


def _total(forecast: Forecast, hours: dict[str, Range]) -> dict[str, Any]:
    return {
        "steps": sum(trial.work.steps for trial in forecast.trials),
        "tokens": round(sum(trial.work.train_tokens for trial in forecast.trials)),
        "seconds": asdict(forecast.seconds),
        "peak_bytes": asdict(forecast.peak_bytes),
        "disk_bytes": forecast.disk_bytes,
        "token_store_bytes": forecast.token_bytes,
        "feature_store_bytes": forecast.feature_bytes,
        "known": sorted({trial.known for trial in forecast.trials}),
        "device_hours": {name: asdict(found) for name, found in hours.items()},
    }


def _lines(forecast: Forecast, hours: dict[str, Range]) -> list[str]:
    from bakeoff.cli.shown import duration, size

    time, peak = forecast.seconds, forecast.peak_bytes
    total = _total(forecast, hours)
    lines = [
        f"{total['steps']:,} steps, {total['tokens']:,} tokens trained on",
        f"time, one after another: {duration(time.expected)} ({duration(time.low)} to {duration(time.high)})",
        f"memory of one trial: {size(round(peak.expected))} ({size(round(peak.low))} to {size(round(peak.high))})",
        f"disk: {size(forecast.disk_bytes)} in the run folder, {size(forecast.token_bytes)} of tokens "
        + (f"and {size(forecast.feature_bytes)} of features " if forecast.feature_bytes else "")
        + "in the home folder",
        f"known from: {_known(forecast)}",
    ]
    lines += [
        f"{name}: {_hours(found.expected)} ({_hours(found.low)} to {_hours(found.high)}), by arithmetic alone, not measured"
        for name, found in hours.items()
    ]
    guessed = any(not trial.measured for trial in forecast.trials if trial.trial.recipe.model)
    return [*lines, "`bakeoff check STUDY --smoke` measures a few steps and makes this narrower"] if guessed else lines


def _known(forecast: Forecast) -> str:
    """What times are known from; whose, where that is not the same for all recipes."""
    recipes: dict[str, dict[str, None]] = {}
    for trial in forecast.trials:
        recipes.setdefault(trial.known, {})[trial.trial.recipe.name] = None
    if len(recipes) == 1:
        return next(iter(recipes))
    return "; ".join(f"{known} ({', '.join(names)})" for known, names in sorted(recipes.items()))


def _hours(hours: float) -> str:
    from bakeoff.cli.shown import duration

    return duration(hours * 3600)
