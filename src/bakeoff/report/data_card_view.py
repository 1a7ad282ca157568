"""What the page shows of the card of a task's data. Everything stands in the analysis."""

from __future__ import annotations

from typing import Any

from bakeoff.analysis.model import TaskAnalysis

SHOWN_LABELS = 100
"""Labels in the table of counts; the rarest of more are left to `bakeoff data show`."""


def data_card_view(task: TaskAnalysis) -> dict[str, Any] | None:
    """What the template needs of the card.

    Args:
        task: the task.

    Returns:
        Tables by name; None where the run has kept no card.
    """
    card = task.card
    if card is None:
        return None
    counts = [split.label_counts for split in card.splits.values()]
    labels = sorted(counts[0], key=lambda label: (-counts[0][label], label)) if counts else []
    return {
        "card": card,
        "splits": [(name, split.rows, reasons(split.dropped)) for name, split in card.splits.items()],
        "sources": [
            (source, ", ".join(f"{split} {rows:,}" for split, rows in source.rows.items()), _lost(source.dropped))
            for source in card.sources
        ],
        "labels": [(label, [some.get(label, 0) for some in counts]) for label in labels[:SHOWN_LABELS]],
        "unshown": max(0, len(labels) - SHOWN_LABELS),
        "treatments": [(recipe, said) for recipe, said in task.treatments.items() if said != "none"],
    }


def reasons(dropped: dict[str, int]) -> str:
    """Why rows are no examples.

    Args:
        dropped: rows by reason.

    Returns:
        In words; `none` where there are none.
    """
    return "; ".join(f"{count:,} {why}" for why, count in dropped.items()) or "none"


def _lost(dropped: dict[str, dict[str, int]]) -> str:
    return "; ".join(f"{split}: {reasons(lost)}" for split, lost in dropped.items() if lost) or "none"
