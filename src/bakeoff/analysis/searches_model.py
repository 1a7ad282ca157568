"""What sweeps tried and found, as strict data."""

from __future__ import annotations

from pydantic import Field

from bakeoff.analysis.trial_model import Number
from bakeoff.records.specs import Spec


class Tried(Spec):
    """A proposal and what it came to.

    Attributes:
        number: its place in the sweep, from 1.
        settings: value by dotted setting as text; empty for the recipe as it is declared.
        state: how its trials ended: `complete`, or the first other end.
        score: mean over its seeds on validation; nan without one.
        best: the best score of the search so far.
        repeats: number of an earlier proposal of the same settings; null if it has trials of its own.
    """

    number: int
    settings: dict[str, str]
    state: str
    score: Number
    best: Number
    repeats: int | None = None


class Gain(Spec):
    """By how much the best settings are better than the declared ones.

    Attributes:
        where: on which examples, with which seeds.
        declared: score of the declared settings.
        best: score of the best settings.
        gain: by how much the best are better; nan if one has no score.
        seeds: seeds that the scores are means over.
    """

    where: str
    declared: Number
    best: Number
    gain: Number
    seeds: int


class SearchFacts(Spec):
    """One search: a recipe on a task.

    Attributes:
        recipe: the recipe.
        task: the task.
        metric: what was scored.
        tried: its proposals, in order.
        best: number of the best; 0 if none has a score.
        seconds: what its trials took.
        gains: the gain that the sweep promised, and what is left of it with fresh seeds and on examples not used for choosing.
        importance: share of the scores' variance that lies between the thirds, or the choices, of a setting; it needs six
            scored proposals, overstates with few, and says nothing of how settings act together.
    """

    recipe: str
    task: str
    metric: str
    tried: list[Tried]
    best: int
    seconds: float
    gains: list[Gain]
    importance: dict[str, Number] = Field(default_factory=dict)
