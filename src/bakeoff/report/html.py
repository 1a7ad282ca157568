"""`write_report`: one HTML file that needs nothing else: no network, no script, no font."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bakeoff.analysis.model import Analysis, Standing, Summary, TaskAnalysis
from bakeoff.records.files import write_bytes
from bakeoff.records.paths import RunFolder
from bakeoff.report import palette, words
from bakeoff.report.figures import make_figures

SHOWN_RULES = ("0.2", "0.3", "0.5", "tuned", "per-label")
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


def write_report(run: RunFolder, analysis: Analysis) -> Path:
    """Write `report.html` and `figures/`.

    Args:
        run: the run folder.
        analysis: what is reported.

    Returns:
        Path of the report.
    """
    tasks = []
    for number, task in enumerate(analysis.tasks, start=1):
        trials = [trial for trial in analysis.trials if trial.task == task.name]
        figures = {figure.name.partition("-")[0]: figure for figure in make_figures(run, task, trials, number)}
        tasks.append({"facts": task, "trials": trials, "figures": figures, **_task_view(analysis, task)})
    page = _template().render(
        analysis=analysis,
        tasks=tasks,
        policy=POLICY,
        light=palette.declarations(dark=False),
        dark=palette.declarations(dark=True),
        run_name=run.root.name,
        failed=[trial for trial in analysis.trials if trial.state.ended and trial.state.value != "complete"],
        deviating=[trial for trial in analysis.trials if trial.deviations],
        noted=[trial for trial in analysis.trials if trial.notes],
    )
    # a lone surrogate in a user's text cannot be written: it shows as "?"
    write_bytes(run.report, page.encode("utf-8", "replace"))
    return run.report


def _template() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("bakeoff.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    formats = {"score": words.score, "summary": words.summary, "points": words.points, "duration": words.duration}
    environment.filters.update({**formats, "size": words.size, "rule": words.rule})
    return environment.get_template("report.html")


def _task_view(analysis: Analysis, task: TaskAnalysis) -> dict[str, Any]:
    rules = sorted({*SHOWN_RULES, task.rule}, key=lambda rule: (rule in ("tuned", "per-label"), rule == "per-label", rule))
    splits = ["test", "validation"] if analysis.opened else ["validation"]
    settings = list(dict.fromkeys(key for recipe in task.recipes for key in recipe.settings))
    return {
        "headline": words.headline(task),
        "caveats": words.caveats(analysis, task),
        "metric": words.metric(task),
        "rules": rules,
        "tables": [_rule_table(task, split, rules) for split in splits],
        "metrics": [_metric_table(task, split) for split in splits],
        "settings": settings,
        "differing": {recipe.name: {difference.key for difference in recipe.differences} for recipe in task.recipes},
        "labels": _label_table(task),
    }


def _scores(standing: Standing, split: str) -> dict[str, dict[str, Summary]]:
    return standing.test if split == "test" else standing.validation


def _rule_table(task: TaskAnalysis, split: str, rules: list[str]) -> dict[str, Any]:
    rows = [
        (standing.recipe, [_scores(standing, split).get(rule, {}).get(task.bare_metric) for rule in rules])
        for standing in task.standings
    ]
    return {"split": split, "rows": rows}


def _metric_table(task: TaskAnalysis, split: str) -> dict[str, Any]:
    found = next((_scores(standing, split) for standing in task.standings if _scores(standing, split)), {})
    names = list(found.get(task.rule, {}))
    rows = [
        (standing.recipe, [_scores(standing, split).get(task.rule, {}).get(name) for name in names])
        for standing in task.standings
    ]
    return {"split": split, "names": names, "rows": rows}


def _label_table(task: TaskAnalysis) -> dict[str, Any]:
    """F1 of each label for the leader, the reference and the best simple recipe."""
    names = [name for name in dict.fromkeys([task.leader, task.reference, task.simple]) if name]
    by_name = {standing.recipe: standing.label_f1 for standing in task.standings}
    columns = [name for name in names if by_name.get(name)]
    positives = task.data.positives.get(task.split, [])
    rows = [
        (label, positives[index], [by_name[name][index] for name in columns])
        for index, label in enumerate(task.data.labels)
        if index < len(positives)
    ]
    return {"columns": columns, "rows": rows}
