"""What an analysis says of short and long texts: each recipe on test examples of about the same length."""

from __future__ import annotations

from bakeoff.analysis.trial_model import MaybeNumber, Number
from bakeoff.records.specs import Spec


class LengthBand(Spec):
    """Test examples of about the same length.

    Attributes:
        shortest: characters of the shortest text among them.
        longest: characters of the longest.
        examples: how many they are.
    """

    shortest: int
    longest: int
    examples: int


class LengthScore(Spec):
    """A recipe on the test examples of a band.

    Attributes:
        recipe: the recipe.
        each: the score at each seed.
        mean: their mean; nan if a trial has no score.
        low: lower end of its 95 % interval, over seeds and examples; None with fewer than two examples.
        high: its upper end.
    """

    recipe: str
    each: list[Number]
    mean: Number
    low: MaybeNumber
    high: MaybeNumber


class TaskLengths(Spec):
    """A task by the length of its texts. Exploratory: no claim rests on it.

    Attributes:
        task: its name.
        metric: in which metric, at the thresholds that the trials tuned on validation.
        long_text: what is done with texts that are longer than `max_length` tokens.
        max_length: tokens that are kept of a text, or of a window of it.
        bands: test examples from short to long; quarters, fewer where many texts are equally long.
        scores: of each band, the recipes in the order of the plan.
    """

    task: str
    metric: str
    long_text: str
    max_length: int
    bands: list[LengthBand]
    scores: list[list[LengthScore]]
