"""The resolved study: what stands after profile, `--set`, matrix and defaults."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from bakeoff.errors import Fault
from bakeoff.records.specs import Component, Pooling
from bakeoff.study.reading import LINE_BREAK, core_value
from bakeoff.study.shape import Columns, Entry, Limits, Phase, Sweep, Training, Tuned, Verdict
from bakeoff.study.tree import Node

FULL_PROFILE = "full"


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
        training: hyperparameters; None for methods that need no model.
        devices: how many devices share a trial.
        tasks: the tasks that it is carried out on; None means all.
        on: the recipe as it is on tasks where it differs.
    """

    method: Component
    model: ModelRequest | None = None
    loss: Component | None = None
    pooling: Pooling | None = None
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


class Task(Entry):
    """What is to be solved, resolved.

    Attributes:
        dataset: the dataset's name.
        file: absolute path of the user's own data; None for a dataset of the catalog, or one that was imported by name.
        columns: which column of that file is what.
        kind: the kind of task.
        metric: the metric that chooses checkpoints and ranks recipes.
        max_length: tokens kept of a text, special tokens included.
        train_limit: examples drawn from the train split; None means all.
        validation_limit: the same for validation.
        test_limit: the same for test.
        stride: for `qa`: tokens of the context that neighbouring windows share; None for other kinds.
        max_answer: for `qa`: tokens that an answer may have at most; None for other kinds.
    """

    dataset: str
    file: str | None = None
    columns: Columns | None = None
    kind: str
    metric: str
    max_length: int
    train_limit: int | None = None
    validation_limit: int | None = None
    test_limit: int | None = None
    stride: int | None = None
    max_answer: int | None = None


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

    _places: Mapping[str, Node] = PrivateAttr(default_factory=dict)

    def remember_places(self, root: Node) -> None:
        """Keep where each key was written, so that faults found later can name the line.

        Args:
            root: the study's tree.
        """
        self._places = dict(root.walk())

    def fault(self, keys: list[str], problem: str, allowed: str = "") -> Fault:
        """A fault found after loading, at the place of a key.

        Args:
            keys: dotted paths, the most exact first: the first that the file has is named, else the last.
            problem: what is wrong.
            allowed: what would be right.

        Returns:
            The fault.
        """
        for key in keys:
            node = self._places.get(key)
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
        body["recipes"] = {name: _recipe_body(recipe) for name, recipe in self.recipes.items()}
        if self.baseline:
            body["baseline"] = self.baseline
        body |= {"seeds": self.seeds, "data_seed": self.data_seed}
        for key in ("tuned", "claims", "expect", "phases"):
            if getattr(self, key):
                body[key] = self.model_dump(mode="json", exclude_none=True)[key]
        if self.sweep:
            body["sweep"] = self.sweep.model_dump(mode="json")
        verdict = self.verdict.model_dump(exclude_none=True)
        if verdict:
            body["verdict"] = verdict
        # limits keep their nulls: there, null (no limit) is not the default
        body |= {"limits": self.limits.model_dump(mode="json"), "keep": self.keep}
        if self.sanity != "auto":
            body["sanity"] = self.sanity
        return yaml.dump(body, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


def _task_body(task: Task) -> dict[str, Any]:
    return task.model_dump(mode="json", exclude_none=True, exclude={"dataset"} if task.file else None)


def _recipe_body(recipe: Recipe) -> dict[str, Any]:
    body: dict[str, Any] = {"method": {"name": recipe.method.name, **recipe.method.settings}}
    if recipe.model:
        body["model"] = recipe.model.model_dump(exclude_defaults=True)
    if recipe.loss:
        body["loss"] = {"name": recipe.loss.name, **recipe.loss.settings}
    if recipe.pooling:
        body["pooling"] = recipe.pooling
    if recipe.training:
        body["training"] = recipe.training.model_dump(mode="json")
    if recipe.devices > 1:
        body["devices"] = recipe.devices
    if recipe.tasks is not None:
        body["tasks"] = recipe.tasks
    if recipe.on:
        body["on"] = {task: _recipe_body(other) for task, other in recipe.on.items()}
    return body


class _Dumper(yaml.SafeDumper):
    """Writes YAML that the core types of 1.2 read back: quotes every text that they would take for something else."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None if isinstance(core_value(text), str) else "'"
    if LINE_BREAK.search(text):  # what YAML 1.1 takes for line breaks survives in double quotes alone
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)
