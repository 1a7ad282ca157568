"""How a study was narrowed down, as strict data."""

from __future__ import annotations

from bakeoff.records.decisions import Decision, Spent
from bakeoff.records.specs import Spec


class Saved(Spec):
    """What phases saved against running every recipe in the last phase's form.

    Attributes:
        seconds: time of all trials of all phases.
        full_seconds: what the last phase would have taken with every recipe of the first; of those that fell it is reckoned
            from their trials and from how much more the others took in the last phase.
        examples: training examples that all trials went over.
        full_examples: the same for the last phase with every recipe.
        seeds: seeds of the last phase.
    """

    seconds: float
    full_seconds: float
    examples: int
    full_examples: int
    seeds: int


class Funnel(Spec):
    """How a study was narrowed down.

    Attributes:
        phases: what each phase decided, in order.
        entered: recipes on tasks that were in a phase, by phase, the last one included.
        spent: what each phase took.
        saved: what that saved; null before the last phase has ended, or where it cannot be reckoned.
        stopped: the phase whose gate ended the study; empty if none did.
    """

    phases: list[Decision]
    entered: dict[str, int]
    spent: dict[str, Spent]
    saved: Saved | None = None
    stopped: str = ""
