"""A run whose models were kept: tiny trials of every kind of task and method, trained here in a blink, in a real run folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
import yaml
from accelerate.state import AcceleratorState

from bakeoff.catalog import registry
from bakeoff.data.dataset import Dataset, write_dataset
from bakeoff.data.rows import Import, Row
from bakeoff.hub.models import locate_model
from bakeoff.records.files import move_into_place, write_document
from bakeoff.records.paths import AttemptFolder, Home, RunFolder
from bakeoff.records.results import State, TrialState
from bakeoff.records.specs import TRIAL_VERSION, Component, Plan, TrialSpec
from bakeoff.tasks.tokenizer import load_tokenizer
from bakeoff.tasks.tokens import build_store
from bakeoff.tasks.windows import Cut, build_windows
from bakeoff.testing.models import Family, make_tiny_model
from bakeoff.training.progress import Progress
from bakeoff.training.work import Work
from questions import make_questions, qa_task
from tiny import full_trial, make_dataset, task_of

TASKS = ("tiny", "pairs", "questions")
SHADES = ("same", "other", "unclear")
LORA = Component(name="lora", version=1, settings={"rank": 4, "alpha": 8.0})
PROBE = Component(name="linear-probe", version=1)


@dataclass(frozen=True)
class Kept:
    """A run and what it was made of.

    Attributes:
        run: the run folder.
        datasets: dataset by task name.
        model: folder of the pretrained model.
    """

    run: RunFolder
    datasets: dict[str, Dataset]
    model: Path


def make_pairs(root: Path) -> Dataset:
    """A dataset of pairs with one label each."""
    texts = ("the happy day", "a sad night", "not so good, very bad", "day and night")
    splits = {
        split: [
            Row(f"{split}-{n}", texts[n % 4], (n % 3,), second=f"{texts[(n // 3) % 4]} {n}")
            for n in range(12 if split != "train" else 24)
        ]
        for split in ("train", "validation", "test")
    }
    return write_dataset(Home(root), Import("pairs", SHADES, splits))


def trials_of(family: Family, datasets: dict[str, Dataset], model: Path) -> list[TrialSpec]:
    """A trial of each task and method."""
    spec = locate_model(Home.default(), str(model)).spec
    plain = full_trial(datasets["tiny"], family, epochs=2)
    base = plain.recipe.model_copy(update={"model": spec, "name": "full"})
    entropy = Component(name="cross-entropy", version=1)
    pairs = task_of(datasets["pairs"], name="pairs", kind="single-label", metric="accuracy")
    made = []
    for name, method in (("full", base.method), ("lora", LORA), ("probe", PROBE)):
        recipe = base.model_copy(update={"name": name, "method": method})
        other = recipe.model_copy(update={"loss": entropy})
        made.append(plain.model_copy(update={"recipe": recipe}))
        made.append(plain.model_copy(update={"recipe": other, "task": pairs}))
        if name != "probe":
            made.append(plain.model_copy(update={"recipe": other, "task": qa_task(datasets["questions"])}))
    second = made[0].model_copy(update={"seed": 2})
    return [*made, second]


def make_run(
    root: Path,
    family: Family = "bert",
    tasks: tuple[str, ...] = TASKS,
    recipes: tuple[str, ...] = ("full", "lora", "probe"),
    adapters: tuple[int, ...] = (),
) -> Kept:
    """Train the trials in this process and lay them out as a runner does.

    Args:
        root: an empty folder.
        family: the architecture.
        tasks: the tasks, by name.
        recipes: the recipes, by name.
        adapters: more seeds of `lora`.

    Returns:
        The run; its datasets stand in the home of this process.
    """
    torch.set_num_threads(1)  # tiny models gain nothing from threads, and tests run beside each other
    home = Home.default().root
    datasets = {"tiny": make_dataset(home), "pairs": make_pairs(home), "questions": make_questions(home)}
    model = make_tiny_model(root / "model", family, dropout=0.1)
    run = RunFolder(root / "run")
    trials = [
        trial for trial in trials_of(family, datasets, model) if trial.task.name in tasks and trial.recipe.name in recipes
    ]
    trials += [trial.model_copy(update={"seed": seed}) for seed in adapters for trial in trials if trial.recipe.name == "lora"]
    Plan(study="kept", trials=trials).write(run.plan("final"))
    run.study.write_text(_study(trials, model))
    for trial in trials:
        with _work(root, run, trial, datasets[trial.task.name], model) as work:
            registry.method(trial.recipe.method.name).load()(work)
        folder = run.trial(trial.id)
        for path in sorted(work.attempt.product.iterdir()):
            move_into_place(path, folder.root / path.name)
        TrialState(state=State.COMPLETE, attempt=1).write(folder.state)
    return Kept(run, datasets, model)


@contextmanager
def _work(root: Path, run: RunFolder, trial: TrialSpec, dataset: Dataset, model: Path) -> Iterator[Work]:
    tokens, task = root / f"tokens-{trial.task.name}", trial.task
    if not tokens.exists():
        tokenizer = load_tokenizer(model)
        if task.kind == "qa":
            build_windows(dataset, tokenizer, Cut(task.max_length, task.stride or 0), tokens)
        else:
            build_store(dataset, tokenizer, task.max_length, tokens)
    folder = run.trial(trial.id)
    write_document(folder.trial, "trial", TRIAL_VERSION, {"id": trial.id, **trial.model_dump()})
    attempt = AttemptFolder(folder.attempts / "1")
    attempt.root.mkdir(parents=True)
    log = Progress(attempt.log)
    yield Work(trial, dataset, model, tokens, attempt, log, keep_model=True)
    log.close()
    AcceleratorState._reset_state(reset_partial_state=True)


def _study(trials: list[TrialSpec], model: Path) -> str:
    tasks = {
        trial.task.name: {"dataset": trial.task.dataset, "kind": trial.task.kind, "metric": trial.task.metric}
        for trial in trials
        if trial.task.kind == "multilabel"
    }
    recipes = {
        trial.recipe.name: {"method": {"name": trial.recipe.method.name, **trial.recipe.method.settings}, "model": str(model)}
        for trial in trials
    }
    seeds = sorted({trial.seed for trial in trials})
    return yaml.safe_dump({"bakeoff": 1, "name": "kept", "tasks": tasks, "recipes": recipes, "seeds": seeds, "keep": "all"})
