"""The shape of what a study says of its rounds: phases, what goes on from one to the next, and sweeps.

What a phase chooses by are validation scores alone; test is opened once, after the last one.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from bakeoff.study.entries import Entry, Name, Seed, Text
from bakeoff.study.quantities import Duration, Says

SamplerName = Literal["tpe", "random", "grid", "qmc"]
PruningName = Literal["none", "median", "hyperband"]
DISTRIBUTIONS = ("log_uniform", "uniform", "integers", "choices")
MAX_CHOICES = 100
MAX_PROPOSALS = 10_000

Scalar = bool | int | float | str
Bounds = Annotated[list[float], Field(min_length=2, max_length=2), Says("two numbers: [lowest, highest]")]
WholeBounds = Annotated[list[int], Field(min_length=2, max_length=2), Says("two whole numbers: [lowest, highest]")]
Values = Annotated[list[Scalar], Field(min_length=1, max_length=MAX_CHOICES), Says("a list of values")]
Seeds = Annotated[list[Seed], Field(min_length=1)] | Annotated[int, Field(ge=1, le=1_000)]


def _named(written: Any) -> Any:
    return {"name": written} if isinstance(written, str) else written


class Choice(Entry):
    """Which recipes go on to the next phase, on each task, by validation scores alone; the baseline always does.

    Attributes:
        top: how many of the best, by the mean over seeds.
        not_worse: whether every recipe goes on that is not yet shown to be worse than the best, at most `top` of them.
        by: the metric, with a threshold where it takes one; without it, the task's own.
    """

    top: Annotated[int, Field(ge=1)] | None = None
    not_worse: bool = False
    by: Text | None = None


class Phase(Entry):
    """One round of a study.

    Attributes:
        name: its name.
        profile: the profile that is laid over the study for it; null means none.
        sweep: whether it searches for settings, as `sweep` says, in place of running recipes as they are declared.
        seeds: its seeds, or how many seeds that no other phase has; without it, the study's. The last phase needs seeds that
            no phase before it used.
        choose: which recipes go on; null means all.
        gate: the least verdict on this phase's validation scores with which the study goes on; null means any. A phase that
            searches has none.
    """

    name: Name
    profile: str | None = None
    sweep: bool = False
    seeds: Seeds | None = None
    choose: Choice | None = None
    gate: Literal["green", "yellow"] | None = None


class Distribution(Entry):
    """What a setting may be: one of the first four.

    Attributes:
        log_uniform: between two numbers above 0, each order of magnitude as likely as another.
        uniform: between two numbers.
        integers: between two whole numbers, both included.
        choices: one of these.
        when: only where other settings of the space have one of these values; elsewhere it stays as the recipe has it.
    """

    log_uniform: Bounds | None = None
    uniform: Bounds | None = None
    integers: WholeBounds | None = None
    choices: Values | None = None
    when: dict[Text, Values] = {}


class Space(Entry):
    """Other distributions for some recipes, some tasks, or some recipes on some tasks.

    Attributes:
        recipes: for which; null means all that are searched.
        tasks: for which; null means all.
        space: distribution by dotted setting, laid over the general one; null leaves a setting out.
    """

    recipes: Annotated[list[str], Field(min_length=1)] | None = None
    tasks: Annotated[list[str], Field(min_length=1)] | None = None
    space: Annotated[dict[str, Distribution | None], Field(min_length=1)]


class Sampler(Entry):
    """What makes proposals.

    Attributes:
        name: `tpe` (needs the extra `sweep`), `random`, `grid` (choices and whole numbers only) or `qmc`, a Sobol sequence.
        startup: proposals before `tpe` begins to model scores; until then they follow a Sobol sequence.
        seed: governs all that is drawn.
    """

    name: SamplerName = "tpe"
    startup: int = Field(default=6, ge=1)
    seed: Seed = 0


class Pruning(Entry):
    """What stops proposals early, at validations before the last.

    Attributes:
        name: `none`; `median`, if the score is worse than the median of the proposals before at the same point; `hyperband`, if
            it is not among the best share of them, with brackets that begin to judge earlier and later.
        startup: for `median`: proposals that must have reached a point before anything is stopped there.
        warmup: validations in which nothing is stopped.
        reduction: for `hyperband`: one in so many goes on at each point.
    """

    name: PruningName = "none"
    startup: int = Field(default=4, ge=1)
    warmup: int = Field(default=0, ge=0)
    reduction: int = Field(default=3, ge=2)


SamplerChoice = Annotated[Sampler, BeforeValidator(_named), Says("tpe, random, grid or qmc, or a mapping with `name`")]
PruningChoice = Annotated[Pruning, BeforeValidator(_named), Says("none, median or hyperband, or a mapping with `name`")]


class Sweep(Entry):
    """A search over settings, one for each recipe on each task. The recipe as it is declared is the first proposal.

    Attributes:
        recipes: the recipes whose settings are searched.
        space: distribution by dotted setting, such as `training.learning_rate: {log_uniform: [1e-5, 1e-3]}`.
        spaces: other distributions for some recipes or tasks; later ones hold against earlier ones.
        proposals: how many are made for a recipe on a task.
        time: what the trials of a recipe on a task may take together before no more are made.
        seeds: seeds of a proposal, or how many; its score is their mean. A number means seeds that no phase has.
        sampler: what makes proposals.
        pruning: what stops proposals early.
        again: with how many fresh seeds the best and the declared settings are run again, to see how much of the gain is luck.
    """

    recipes: Annotated[list[str], Field(min_length=1)]
    space: dict[str, Distribution] = {}
    spaces: list[Space] = []
    proposals: Annotated[int, Field(ge=1, le=MAX_PROPOSALS)] | None = None
    time: Duration | None = None
    seeds: Seeds = 1
    sampler: SamplerChoice = Sampler()
    pruning: PruningChoice = Pruning()
    again: int = Field(default=2, ge=0, le=100)

    def space_of(self, recipe: str, task: str) -> dict[str, Distribution]:
        """What is searched for a recipe on a task.

        Args:
            recipe: the recipe's name.
            task: the task's name.

        Returns:
            Distribution by dotted setting, in the order of the file.
        """
        found: dict[str, Distribution | None] = dict(self.space)
        for other in self.spaces:
            if (other.recipes is None or recipe in other.recipes) and (other.tasks is None or task in other.tasks):
                found.update(other.space)
        return {name: distribution for name, distribution in found.items() if distribution is not None}
