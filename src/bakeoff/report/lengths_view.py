"""What the page shows of short and long texts, arranged for the template. Everything stands in the analysis."""

from __future__ import annotations

from typing import Any

from bakeoff.analysis.model import Analysis, TaskAnalysis
from bakeoff.report import words

SAID = {
    "truncate": "what is beyond {length} tokens is left away",
    "head-tail": "of what is beyond {length} tokens the beginning and the end are kept",
    "windows": "what is beyond {length} tokens is read in windows of as many",
}


def lengths_view(analysis: Analysis, task: TaskAnalysis) -> dict[str, Any] | None:
    """Everything that the template needs of a task by the length of its texts.

    Args:
        analysis: the analysis.
        task: the task.

    Returns:
        Columns and rows; None where the study says nothing of long texts, and while test stays closed.
    """
    told = analysis.conclusions.lengths if analysis.conclusions else []
    found = next((one for one in told if one.task == task.name), None)
    if found is None:
        return None
    scores = [{score.recipe: score for score in band} for band in found.scores]
    return {
        "said": SAID[found.long_text].format(length=found.max_length),
        "bands": [(f"{band.shortest:,} to {band.longest:,}", band.examples) for band in found.bands],
        "rows": [
            (
                standing.recipe,
                [
                    {"score": words.score(band[standing.recipe].mean), "span": _span(band[standing.recipe])}
                    for band in scores
                    if standing.recipe in band
                ],
            )
            for standing in task.standings
        ],
    }


def _span(score: Any) -> str:
    return "" if score.low is None or score.high is None else words.score_span(score.low, score.high)
