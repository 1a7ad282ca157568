"""How a study was narrowed down, arranged for the template."""

from __future__ import annotations

from typing import Any

from bakeoff.analysis.funnel_model import Funnel, Saved
from bakeoff.report.words import duration


def funnel_view(funnel: Funnel | None) -> dict[str, Any] | None:
    """Everything that the template needs of the phases.

    Args:
        funnel: the funnel.

    Returns:
        Rows, sentences and decisions by name; None for a study without phases.
    """
    if funnel is None:
        return None
    decided = {one.phase: one for one in funnel.phases}
    rows = []
    for phase, entered in funnel.entered.items():
        known = decided.get(phase)
        rows.append(
            {
                "phase": phase,
                "entered": entered,
                "go_on": sum(one.goes_on for one in known.candidates) if known else "–",
                "spent": funnel.spent[phase],
                "rule": (known.rule or "all go on") if known else "",
            }
        )
    return {
        "rows": rows,
        "phases": funnel.phases,
        "stopped": funnel.stopped,
        "saved": saved_in_words(funnel.saved) if funnel.saved else "",
    }


def saved_in_words(saved: Saved) -> str:
    """What phases saved, in a sentence.

    Args:
        saved: the figures.

    Returns:
        The sentence; it says so where phases cost more than they saved.
    """
    share = 1 - saved.seconds / saved.full_seconds if saved.full_seconds else 0.0
    seeds = f"{saved.seeds} seed{'s' if saved.seeds > 1 else ''}"
    verb = f"saved {100 * share:.0f} %" if share >= 0 else f"cost {-100 * share:.0f} % more"
    return (
        f"All phases together took {duration(saved.seconds)}. Every recipe in the last phase's form ({seeds}) would have taken"
        f" about {duration(saved.full_seconds)}, so the phases {verb} of that time; of recipes that fell, that is reckoned."
        f" Training examples gone over: {saved.examples:,} in place of {saved.full_examples:,}."
    )
