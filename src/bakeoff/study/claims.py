"""What a claim says, as data: the verdict answers each of these as supported, refuted or undecided.

The grammar that a study writes them in stands in docs/claims.md, its parser in `claims_parsing`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Quantity = Literal["time", "memory"]
PER_LABEL = "per-label"


@dataclass(frozen=True)
class TaskWords:
    """What claims may say of a task.

    Attributes:
        metric: the task's own metric.
        metrics: bare names of all metrics that fit it.
        thresholds: whether labels are given by thresholds, so that a metric may carry one.
        recipes: names of the recipes that are carried out on it.
    """

    metric: str
    metrics: tuple[str, ...]
    thresholds: bool
    recipes: tuple[str, ...]


@dataclass(frozen=True)
class Vocabulary:
    """The names that claims of a study may use.

    Attributes:
        recipes: names of the recipes.
        tasks: what may be said of each task, by name.
        lower: bare names of metrics of which less is better.
        plain: bare names of metrics that take no threshold.
        scores: bare names of metrics whose values lie between -1 and 1.
    """

    recipes: tuple[str, ...]
    tasks: Mapping[str, TaskWords]
    lower: frozenset[str] = frozenset()
    plain: frozenset[str] = frozenset()
    scores: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Measure:
    """What is measured, and on which task.

    Attributes:
        task: the task's name.
        metric: the bare name of the metric.
        rule: a fixed threshold as written, `per-label`, or empty for the rule of the task.
        lower: whether less is better.
    """

    task: str
    metric: str
    rule: str = ""
    lower: bool = False

    @property
    def name(self) -> str:
        """The metric as a study writes it."""
        return f"{self.metric}@{self.rule}" if self.rule else self.metric


@dataclass(frozen=True)
class Margin:
    """How much more, or how much less.

    Attributes:
        size: 0.10 for "10%" and for "10 points".
        relative: whether it is a share of the rival's score.
    """

    size: float = 0.0
    relative: bool = False

    @property
    def words(self) -> str:
        """The margin as a study writes it."""
        amount = f"{100 * self.size:.10g}"
        if self.relative:
            return f"{amount}%"
        return f"{amount} point" if amount == "1" else f"{amount} points"


@dataclass(frozen=True)
class Beats:
    """A recipe is better than its rival by more than a margin.

    Attributes:
        recipe: its name.
        rival: another recipe, or a fixed reference number.
        measure: what is measured.
        margin: by how much; 0 where none is claimed.
    """

    recipe: str
    rival: str | float
    measure: Measure
    margin: Margin = Margin()


@dataclass(frozen=True)
class Best:
    """A recipe is better than every other of the study.

    Attributes:
        recipe: its name.
        measure: what is measured.
    """

    recipe: str
    measure: Measure


@dataclass(frozen=True)
class Within:
    """A recipe differs from its rival by less than a margin, either way.

    Attributes:
        recipe: its name.
        rival: another recipe, or a fixed reference number.
        measure: what is measured.
        margin: how much is as good as nothing.
    """

    recipe: str
    rival: str | float
    measure: Measure
    margin: Margin


@dataclass(frozen=True)
class NoWorse:
    """A recipe is not worse than its rival by as much as a margin.

    Attributes:
        recipe: its name.
        rival: another recipe, or a fixed reference number.
        measure: what is measured.
        margin: how much may be lost.
    """

    recipe: str
    rival: str | float
    measure: Measure
    margin: Margin


@dataclass(frozen=True)
class Reaches:
    """The expected score of a recipe is at least as good as a number.

    Attributes:
        recipe: its name.
        value: the number.
        measure: what is measured.
    """

    recipe: str
    value: float
    measure: Measure


@dataclass(frozen=True)
class TakesLess:
    """A recipe takes less than another, as observed on this machine: no p-value follows.

    Attributes:
        recipe: its name.
        rival: another recipe.
        quantity: of what.
        task: on which task; empty where the study has several and none is named.
    """

    recipe: str
    rival: str
    quantity: Quantity
    task: str = ""


@dataclass(frozen=True)
class DriftsLess:
    """Training moves what a model makes of texts less under a recipe than under another, by at least a share.

    Attributes:
        recipe: its name.
        rival: another recipe.
        share: by how much less, from 0 up to 1.
        task: on which task.
    """

    recipe: str
    rival: str
    share: float
    task: str

    @property
    def words(self) -> str:
        """The statement as a study writes it."""
        by = f" at least {100 * self.share:.10g}%" if self.share else ""
        return f"{self.recipe} drifts{by} less than {self.rival} on {self.task}"


@dataclass(frozen=True)
class StaysBelow:
    """What the trials take stays below a limit, as observed.

    Attributes:
        quantity: of what.
        limit: seconds or bytes.
        written: the limit as written.
        total: of time, all trials together; of memory, all processes of a trial together.
    """

    quantity: Quantity
    limit: float
    written: str
    total: bool = False


@dataclass(frozen=True)
class EveryTrialCompletes:
    """Every planned trial completes, as observed."""


Single = Beats | Best | Within | NoWorse | Reaches | TakesLess | DriftsLess | StaysBelow | EveryTrialCompletes


@dataclass(frozen=True)
class Several:
    """Any, or all, of several statements hold.

    Attributes:
        how: which of the two.
        parts: the statements, one a recipe.
    """

    how: Literal["any", "all"]
    parts: tuple[Single, ...]


Statement = Single | Several


@dataclass(frozen=True)
class Claim:
    """A claim of a study.

    Attributes:
        text: as written.
        statement: what it says.
    """

    text: str
    statement: Statement = field(default_factory=EveryTrialCompletes)

    @property
    def parts(self) -> tuple[Single, ...]:
        """The single statements that it is made of."""
        return self.statement.parts if isinstance(self.statement, Several) else (self.statement,)

    @property
    def inferential(self) -> bool:
        """Whether it is about what is expected of recipes, and so has a p-value; else it is an observation."""
        return not isinstance(self.parts[0], TakesLess | StaysBelow | EveryTrialCompletes)
