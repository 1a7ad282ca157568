"""The ranking of a run for a terminal: a table a task, and the answer in a sentence. The report says more."""

from __future__ import annotations

import math
from typing import Any

from bakeoff.analysis.model import Analysis, TaskAnalysis
from bakeoff.analysis.recipe_model import Standing
from bakeoff.cli.shown import console, make_table, safe
from bakeoff.report.words import caveats, headline, metric, points, summary

COLUMNS = {
    "rank": ">rank",
    "recipe": "recipe",
    "shown": ">score",
    "complete": ">trials",
    "points": ">points",
    "flags": "to know",
}


def ranking_rows(task: TaskAnalysis) -> list[dict[str, Any]]:
    """The ranking of a task.

    Args:
        task: the task.

    Returns:
        A row a recipe: rank, mean and standard deviation of the score that ranks, difference to the reference, flags.
    """
    return [_row(task, standing) for standing in task.standings]


def _row(task: TaskAnalysis, standing: Standing) -> dict[str, Any]:
    return {
        "task": task.name,
        "rank": standing.rank or None,
        "recipe": standing.recipe,
        "metric": task.metric,
        "split": task.split,
        "mean": standing.score.mean,
        "sd": standing.score.sd if math.isfinite(standing.score.sd) else None,
        "seeds": standing.score.n,
        "difference": standing.difference,
        "complete": f"{standing.complete}/{standing.planned}",
        "flags": [flag.text for flag in standing.flags],
    }


def print_ranking(analysis: Analysis) -> None:
    """Print the verdict, then the ranking of each task, and below it the answer.

    Args:
        analysis: the analysis.
    """
    out = console()
    if analysis.conclusions is not None:
        out.print(safe("verdict: " + analysis.conclusions.verdict.paragraph.replace("\n", "\n  ")), soft_wrap=True)
    for task in analysis.tasks:
        rows = [
            {
                **row,
                "shown": summary(standing.score),
                "points": points(standing.difference) if standing.difference is not None else "",
                "flags": "; ".join(row["flags"]),
            }
            for row, standing in zip(ranking_rows(task), task.standings, strict=True)
        ]
        out.print(safe(f"{task.name}: {metric(task)}, on {task.split}"))
        out.print(make_table(COLUMNS, rows))
        out.print(safe(headline(task)), soft_wrap=True)
        for sentence in caveats(analysis, task):
            out.print(safe(f"  {sentence}"), soft_wrap=True)
