"""What the page shows of a task's data: what the audit found, and what samplings drew."""

from __future__ import annotations

from typing import Any

from bakeoff.analysis.model import TaskAnalysis
from bakeoff.report.texts import ExampleTexts, Show

SHOWN_CASES = 3
SHOWN_PAIRS, SHOWN_DOUBTS = 8, 8


def data_quality_view(task: TaskAnalysis, texts: ExampleTexts) -> dict[str, Any]:
    """What the page shows of a task's data.

    Args:
        task: the task.
        texts: what may be shown of single examples.

    Returns:
        The audit's findings, splits, pairs and doubts, none where there is no audit; and a table a recipe with a sampling.
    """
    return {"audit": _audit(task, texts), "drawn": [_drawn(task, number) for number in range(len(task.drawn))]}


def _audit(task: TaskAnalysis, texts: ExampleTexts) -> dict[str, Any] | None:
    audit = task.audit
    if audit is None:
        return None
    shown = texts.show is not Show.NONE
    return {
        "dataset": audit.dataset,
        "noise": audit.noise,
        "findings": [
            {
                "severity": finding.severity,
                "what": finding.what,
                "remedy": finding.remedy,
                "cases": [
                    " / ".join(f"{row.split} {row.id}" for row in case.rows) + (f" ({case.why})" if case.why else "")
                    for case in (finding.examples[:SHOWN_CASES] if shown else [])
                ],
            }
            for finding in audit.findings
        ],
        "splits": [
            (name, split, ", ".join(f"{language} {count:,}" for language, count in list(split.languages.items())[:3]))
            for name, split in audit.splits.items()
        ],
        "pairs": audit.pairs[:SHOWN_PAIRS],
        "doubts": audit.doubts[:SHOWN_DOUBTS],
    }


def _drawn(task: TaskAnalysis, number: int) -> dict[str, Any]:
    drawn = task.drawn[number]
    rows = sorted(
        zip(task.data.labels, drawn.counts, drawn.aims, drawn.realised, strict=True), key=lambda row: (row[1], row[0])
    )
    return {
        "recipe": drawn.recipe,
        "sampling": drawn.sampling,
        "examples": drawn.examples,
        "rows": [
            {"label": label, "count": count, "aim": aim, "realised": realised, "grown": realised / count if count else None}
            for label, count, aim, realised in rows
        ],
    }
