"""The resolved study: what stands after profile, `--set`, matrix and defaults."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from bakeoff.errors import Fault
from bakeoff.records.compositions import Composition, Source
from bakeoff.records.specs import Clusters, Component, Pooling, TreatmentSpec
from bakeoff.study.entries import Entry
from bakeoff.study.label_maps import map_body
from bakeoff.study.looks import Looks
from bakeoff.study.rounds import Phase, Sweep
from bakeoff.study.shape import Columns, Limits, Training, Tuned, Verdict
from bakeoff.study.tree import Node
from bakeoff.study.writing import as_yaml

FULL_PROFILE = "full"
FINAL = "final"
"""The phase of a study that declares none."""


class ModelRequest(BaseModel):
    """A pretrained model as a study asks for it.

    Attributes:
        name: a catalog name, a hub id `org/name`, or the absolute path of a folder.
        revision: the commit of a hub id; empty otherwise.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: str
    revision: str = ""

    @property
    def key(self) -> str:
        """How a plan's models are looked up: the name, with `@revision` where there is one."""
        return f"{self.name}@{self.revision}" if self.revision else self.name

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.name.startswith("/")


class Recipe(Entry):
    """A recipe with every setting that follows from the study and the catalog alone.

    Attributes:
        method: how it learns.
        model: the pretrained model; None for methods that need none.
        loss: the loss; None for methods that need no model.
        pooling: how token vectors become one; None for methods that need no model.
        treatment: what is done to the training examples; None for nothing.
        training: hyperparameters; None for methods that need no model.
        devices: how many devices share a trial.
        tasks: the tasks that it is carried out on; None means all.
        on: the recipe as it is on tasks where it differs.
    """

    method: Component
    model: ModelRequest | None = None
    loss: Component | None = None
    pooling: Pooling | None = None
    treatment: TreatmentSpec | None = None
    training: Training | None = None
    devices: int = 1
    tasks: list[str] | None = None
    on: dict[str, Recipe] = Field(default_factory=dict)

    def for_task(self, task: str) -> Recipe:
        """The recipe as it is on a task.

        Args:
            task: the task's name.

        Returns:
            The recipe with what `on` says for it.
        """
        return self.on.get(task, self)

    def is_on(self, task: str) -> bool:
        """Whether it is carried out on a task.

        Args:
            task: the task's name.

        Returns:
            True where it names no tasks, or this one.
        """
        return self.tasks is None or task in self.tasks


class OwnFile(Entry):
    """Data of the user's own.

    Attributes:
        file: absolute path, or a URL.
        columns: which column of that file is what.
    """

    file: str
    columns: Columns | None = None


class Task(Entry):
    """What is to be solved, resolved.

    Attributes:
        dataset: the name under which its data are stored.
        composition: what its data are put together from; None for one dataset as it is.
        files: the user's own data among them, by the name under which they are stored.
        kind: the kind of task.
        metric: the metric that chooses checkpoints and ranks recipes.
        max_length: tokens kept of a text, special tokens included.
        train_limit: examples drawn from the train split, a number or a share such as `10%`; None means all.
        validation_limit: the same for validation.
        test_limit: the same for test.
        stride: for `qa`: tokens of the context that neighbouring windows share; None for other kinds.
        max_answer: for `qa`: tokens that an answer may have at most; None for other kinds.
        long_text: what is done with longer texts, if they are not truncated.
        clusters: what examples belong together by, for the statistics.
    """

    dataset: str
    composition: Composition | None = None
    files: dict[str, OwnFile] = Field(default_factory=dict)
    kind: str
    metric: str
    max_length: int
    train_limit: int | str | None = None
    validation_limit: int | str | None = None
    test_limit: int | str | None = None
    stride: int | None = None
    max_answer: int | None = None
    long_text: Literal["head-tail", "windows"] | None = None
    clusters: Clusters = "near-duplicates"


class Study(BaseModel):
    """A study without faults.

    Attributes:
        name: the study's name.
        tasks: tasks by name, in the order of the file.
        recipes: recipes by name: those of the file, then those of the matrix.
        seeds: each recipe is trained once with each.
        data_seed: governs which examples the limits draw.
        baseline: the recipe that others are compared with, or empty.
        limits: what a trial and the study may use.
        keep: models kept after completion.
        sanity: whether each recipe has to learn ten examples by heart before any trial; `auto` means in the profile `full`.
        tuned: how much recipes were tuned before this study, by name.
        claims: sentences that the verdict answers, as written.
        expect: lowest and highest expected value, by recipe and metric.
        verdict: when the verdict is green or yellow.
        looks: looks at test that are declared in advance; None means one.
        phases: rounds of the study.
        sweep: a search over hyperparameters.
        profile: the chosen profile, or empty.
        path: the study file.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: str
    tasks: dict[str, Task]
    recipes: dict[str, Recipe]
    seeds: list[int]
    data_seed: int
    baseline: str = ""
    limits: Limits
    keep: Literal["none", "best", "winner", "all"]
    sanity: Literal["on", "off", "auto"] = "auto"
    tuned: dict[str, Tuned] = Field(default_factory=dict)
    claims: list[str]
    expect: dict[str, dict[str, list[float]]]
    verdict: Verdict
    looks: Looks | None = None
    phases: list[Phase]
    sweep: Sweep | None = None
    profile: str = ""
    path: Path

    @property
    def has_to_be_sane(self) -> bool:
        """Whether each recipe has to learn ten examples by heart before the first trial."""
        return self.sanity == "on" or (self.sanity == "auto" and self.profile == FULL_PROFILE)

    @property
    def pairs(self) -> list[tuple[str, str, Recipe]]:
        """Each recipe on each task that it is carried out on: its name, the task's, and the recipe as it is there."""
        return [
            (name, task, recipe.for_task(task))
            for name, recipe in self.recipes.items()
            for task in self.tasks
            if recipe.is_on(task)
        ]

    _root: Node = PrivateAttr(default_factory=lambda: Node({}, ""))
    _rounds: tuple[Round, ...] = PrivateAttr(default=())

    @property
    def root(self) -> Node:
        """The tree that it was read from: profile, `--set` and matrix in it."""
        return self._root

    @property
    def rounds(self) -> list[Round]:
        """Its rounds in order; a study without phases has one, which is called `final`."""
        return list(self._rounds) or [Round(Phase(name=FINAL), self)]

    def remember_rounds(self, rounds: Sequence[Round]) -> None:
        """Keep what the study is in each of its phases.

        Args:
            rounds: its rounds.
        """
        self._rounds = tuple(rounds)

    def remember_places(self, root: Node) -> None:
        """Keep where each key was written, so that faults found later can name the line.

        Args:
            root: the study's tree.
        """
        self._root = root

    def fault(self, keys: list[str], problem: str, allowed: str = "") -> Fault:
        """A fault found after loading, at the place of a key.

        Args:
            keys: dotted paths, the most exact first: the first that the file has is named, else the last.
            problem: what is wrong.
            allowed: what would be right.

        Returns:
            The fault.
        """
        places = dict(self._root.walk())
        for key in keys:
            node = places.get(key)
            if node is not None:
                line = node.key_line if isinstance(node.value, dict | list) else node.line
                return Fault(node.file, line, node.key or key, node.shown, problem, allowed)
        return Fault(str(self.path), 0, keys[-1], "", problem, allowed)

    def resolved_yaml(self) -> str:
        """The study as a file that means the same without profile, `--set`, matrix, defaults, or the place it stood at.

        Returns:
            YAML text; loading it gives the same trials.
        """
        body: dict[str, Any] = {"bakeoff": 1, "name": self.name}
        body["tasks"] = {name: _task_body(task) for name, task in self.tasks.items()}
        body["recipes"] = {name: recipe_body(recipe) for name, recipe in self.recipes.items()}
        if self.baseline:
            body["baseline"] = self.baseline
        body |= {"seeds": self.seeds, "data_seed": self.data_seed}
        for key in ("tuned", "claims", "expect"):
            if getattr(self, key):
                body[key] = self.model_dump(mode="json", exclude_none=True)[key]
        body |= self._resolved_rounds()
        verdict = self.verdict.model_dump(exclude_none=True)
        if verdict:
            body["verdict"] = verdict
        if self.looks:
            body["looks"] = self.looks.model_dump(mode="json")
        # limits keep their nulls: there, null (no limit) is not the default
        body |= {"limits": self.limits.model_dump(mode="json"), "keep": self.keep}
        if self.sanity != "auto":
            body["sanity"] = self.sanity
        return as_yaml(body)

    def _resolved_rounds(self) -> dict[str, Any]:
        """Phases and sweep; what each phase changes stands in a profile of its name."""
        body: dict[str, Any] = {}
        if self.phases:
            body["profiles"] = {round_.phase.name: _overlay(round_.study, self) for round_ in self.rounds}
            body["phases"] = [_resolved_phase(round_) for round_ in self.rounds]
        if self.sweep:
            seeds = next(round_.study.seeds for round_ in self.rounds if round_.phase.sweep)
            body["sweep"] = {**self.sweep.model_dump(mode="json", exclude_defaults=True), "seeds": seeds}
        return body


@dataclass(frozen=True)
class Round:
    """A phase, and the study as it is in it.

    Attributes:
        phase: what it is.
        study: the study with the phase's profile and seeds; it has no phases of its own.
        again: of a phase that searches: seeds with which the best and the declared settings are run again.
    """

    phase: Phase
    study: Study
    again: tuple[int, ...] = ()


def _resolved_phase(round_: Round) -> dict[str, Any]:
    name, sweeps = round_.phase.name, round_.phase.sweep
    stated = round_.phase.model_dump(mode="json", exclude_defaults=True, exclude={"name", "profile", "seeds"})
    return {"name": name, "profile": name, **stated, **({} if sweeps else {"seeds": round_.study.seeds})}


def _overlay(study: Study, base: Study) -> dict[str, Any]:
    """What makes of the resolved study what it is in a phase: whole, so that nothing shows through from below."""
    tasks = {name: _task_body(task, whole=True) for name, task in study.tasks.items()}
    recipes = {}
    for name, recipe in study.recipes.items():
        recipes[name] = recipe_body(recipe)
        touched = {*recipe.on, *base.recipes[name].on} if name in base.recipes else set(recipe.on)
        if touched:
            own = [task for task in study.tasks if task in touched and recipe.is_on(task)]
            recipes[name]["on"] = {task: recipe_body(recipe.for_task(task)) for task in own}
    body: dict[str, Any] = {"tasks": tasks, "recipes": recipes, "claims": study.claims}
    if study.verdict != base.verdict:
        body["verdict"] = study.verdict.model_dump(exclude_none=True)
    if study.looks != base.looks:
        body["looks"] = study.looks.model_dump(mode="json") if study.looks else None
    if study.limits != base.limits:
        body["limits"] = study.limits.model_dump(mode="json")
    return body


def _task_body(task: Task, whole: bool = False) -> dict[str, Any]:
    """A task as a study says it; `whole` with what it does not limit, so that no limit from below shows through."""
    body = task.model_dump(mode="json", exclude_none=not whole, exclude={"dataset", "composition", "files"})
    if task.composition is None:
        return {**_place(task, task.dataset), **body}
    return {"sources": {source.name: _source_body(task, source, whole) for source in task.composition.sources}, **body}


def _place(task: Task, dataset: str) -> dict[str, Any]:
    own = task.files.get(dataset)
    return {"dataset": dataset} if own is None else own.model_dump(mode="json", exclude_none=True)


def _source_body(task: Task, source: Source, whole: bool) -> dict[str, Any]:
    body = source.model_dump(mode="json", exclude_none=not whole, exclude={"name", "dataset", "map"})
    if source.map is not None:
        body["map"] = map_body(source.map)
    return {**_place(task, source.dataset), **body}


def recipe_body(recipe: Recipe) -> dict[str, Any]:
    """A recipe as a study file writes it, every setting filled in.

    Args:
        recipe: the recipe.

    Returns:
        Its keys.
    """
    body: dict[str, Any] = {"method": {"name": recipe.method.name, **recipe.method.settings}}
    if recipe.model:
        body["model"] = recipe.model.model_dump(exclude_defaults=True)
    if recipe.loss:
        body["loss"] = {"name": recipe.loss.name, **recipe.loss.settings}
    if recipe.pooling:
        body["pooling"] = recipe.pooling
    if recipe.treatment:
        parts = {"sampling": recipe.treatment.sampling, "augmentation": recipe.treatment.augmentation}
        body["treatment"] = {key: {"name": part.name, **part.settings} for key, part in parts.items() if part}
        if recipe.treatment.mix:
            body["treatment"]["mix"] = recipe.treatment.mix.model_dump(exclude_defaults=True) or {"temperature": 1.0}
    if recipe.training:
        body["training"] = recipe.training.model_dump(mode="json")
    if recipe.devices > 1:
        body["devices"] = recipe.devices
    if recipe.tasks is not None:
        body["tasks"] = recipe.tasks
    if recipe.on:
        body["on"] = {task: recipe_body(other) for task, other in recipe.on.items()}
    return body
