"""What phases and sweeps decided, and why: `decisions/` of a run. Whatever follows is planned from these files and results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator

from bakeoff.records.files import number, read_document, write_document
from bakeoff.records.specs import Spec

DECISION_VERSION = 1

Score = Annotated[float, BeforeValidator(number)]


class Candidate(Spec):
    """A recipe on a task, as a phase judged it.

    Attributes:
        task: the task.
        recipe: the recipe.
        score: mean over seeds on validation, by the metric that chooses; nan without one.
        seeds: the score of each seed, in the order of the plan; nan for one that did not complete.
        goes_on: whether it is in the next phase.
        reason: why, in words.
    """

    task: str
    recipe: str
    score: Score
    seeds: list[Score]
    goes_on: bool
    reason: str


class GateFound(Spec):
    """The verdict on a phase's validation scores, and whether the study goes on with it.

    Attributes:
        wanted: the least colour with which it goes on.
        colour: what was found.
        paragraph: the verdict in words.
        passed: whether it goes on.
    """

    wanted: Literal["green", "yellow"]
    colour: Literal["green", "yellow", "red"]
    paragraph: str
    passed: bool


class Spent(Spec):
    """What a phase took.

    Attributes:
        trials: trials that were begun.
        seconds: time of all of them together, attempts before the last included.
        steps: optimizer steps of those that completed.
        examples: training examples that these went over.
    """

    trials: int
    seconds: float
    steps: int
    examples: int


class Proposal(Spec):
    """A record of `decisions/<phase>.proposals.jsonl`: settings that a sweep tries, written before they are tried.

    Attributes:
        number: its place in the sweep, from 1.
        nth: its place in the search of its recipe on its task, from 1.
        task: the task.
        recipe: the recipe.
        settings: value by dotted setting; empty for the recipe as it is declared.
        source: where it is from: `declared`, or the sampler's name.
        repeats: number of an earlier proposal of the same settings, whose score it takes; null if it has trials of its own.
        known: how many proposals of the search had ended when it was made.
        trials: ids of its trials.
    """

    number: int
    nth: int
    task: str
    recipe: str
    settings: dict[str, bool | int | float | str]
    source: str
    repeats: int | None = None
    known: int = 0
    trials: list[str]


class Judgement(Spec):
    """A record of `decisions/<phase>.proposals.jsonl`: what was said to a trial that asked after a validation.

    Attributes:
        trial: its id.
        rung: which validation, from 1.
        rungs: validations that it has.
        step: optimizer steps made.
        score: its score there.
        stop: why it stops; empty if it goes on.
    """

    trial: str
    rung: int
    rungs: int
    step: int
    score: Score
    stop: str


class Decision(Spec):
    """`decisions/<phase>.json`: what a phase chose, and why.

    Attributes:
        phase: its name.
        place: which phase of the study it is, from 1.
        rule: the rule of choice in words; empty where all go on.
        metrics: the metric that chooses, by task.
        results: hash over the phase's trials and their results, on which all of this rests.
        candidates: every recipe on every task that was in the phase.
        gate: what its gate found; null without one.
        spent: what it took.
    """

    phase: str
    place: int
    rule: str
    metrics: dict[str, str]
    results: str
    candidates: list[Candidate]
    gate: GateFound | None = None
    spent: Spent

    @property
    def stops(self) -> bool:
        """Whether the study ends here."""
        return self.gate is not None and not self.gate.passed

    @property
    def fallen(self) -> set[tuple[str, str]]:
        """Recipe and task of all that do not go on."""
        return {(one.recipe, one.task) for one in self.candidates if not one.goes_on}

    def write(self, path: Path) -> None:
        """Write `decisions/<phase>.json`.

        Args:
            path: where.
        """
        write_document(path, "decision", DECISION_VERSION, self.model_dump())

    @staticmethod
    def read(path: Path) -> Decision:
        """Read `decisions/<phase>.json`.

        Args:
            path: where.

        Returns:
            The decision.
        """
        return Decision.model_validate(read_document(path, "decision", DECISION_VERSION))
