"""From a study to its trials. Reads no disk: what it must know of data, models and machine it is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bakeoff.errors import Fault, StudyError
from bakeoff.records.compositions import Composition
from bakeoff.records.limits import rows_within
from bakeoff.records.specs import ModelSpec, Plan, Precision, RecipeSpec, TaskSpec, TrainingSpec, TrialSpec
from bakeoff.study.lineage import expand_trials
from bakeoff.study.model import FINAL, ModelRequest, Recipe, Round, Study, Task
from bakeoff.study.proposing import Pair, with_settings
from bakeoff.study.shape import Columns, Training

HEAD_FACTOR = 10
# their attention overflows half precision's range
FAMILIES_WITHOUT_FP16 = ("deberta", "deberta-v2")


@dataclass(frozen=True)
class DatasetFacts:
    """What a plan must know of a dataset.

    Attributes:
        name: its name.
        fingerprint: hash of its content.
        labels: label names in the order of their ids.
        sizes: examples by split, for limits that are a share of them.
    """

    name: str
    fingerprint: str
    labels: tuple[str, ...]
    sizes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class MachineFacts:
    """What a plan must know of the machine.

    Attributes:
        cores: CPU cores that a trial may use.
        bf16: whether the machine is fast at bfloat16.
    """

    cores: int
    bf16: bool


@dataclass(frozen=True)
class PlanFacts:
    """All that a plan must know beside the study.

    Attributes:
        datasets: by name.
        models: by `ModelRequest.key`.
        machine: what `auto` is resolved with.
    """

    datasets: Mapping[str, DatasetFacts]
    models: Mapping[str, ModelSpec]
    machine: MachineFacts

    def plan(self, study: Study, phase: str = FINAL, place: int = 1, last: bool = True) -> Plan:
        """Expand a study to trials, as `make_plan` does.

        Args:
            study: the study, as it is in a phase.
            phase: the phase's name.
            place: which phase it is, from 1.
            last: whether no phase follows; test scores of the last one's trials alone are ever opened.

        Returns:
            The plan.
        """
        made = make_plan(study, self.datasets, self.models, self.machine)
        return made.model_copy(update={"phase": phase, "place": place, "last": last, "tested": last})

    def first_plan(self, study: Study) -> Plan:
        """The plan of a study's first phase.

        Args:
            study: the study.

        Returns:
            The plan.
        """
        first = study.rounds[0]
        return self.plan(first.study, first.phase.name, 1, len(study.rounds) == 1)


def needed_datasets(study: Study) -> list[str]:
    """The datasets that a study needs from outside: those of its tasks, and of their sources.

    Args:
        study: the study.

    Returns:
        Names, each once, in the order of the file.
    """
    found: list[str] = []
    for task in _tasks(study):
        found += [task.dataset] if task.composition is None else [source.dataset for source in task.composition.sources]
    return list(dict.fromkeys(found))


def needed_compositions(study: Study) -> dict[str, Composition]:
    """What is put together of those datasets.

    Args:
        study: the study.

    Returns:
        Compositions by the name under which they are stored.
    """
    return {task.dataset: task.composition for task in _tasks(study) if task.composition is not None}


def _tasks(study: Study) -> list[Task]:
    """The tasks of a study, and those of its rounds, whose limits and sources may be others."""
    return [task for one in (study, *(round_.study for round_ in study.rounds)) for task in one.tasks.values()]


def needed_files(study: Study) -> dict[str, tuple[str, Columns]]:
    """The user's own files that a study needs.

    Args:
        study: the study.

    Returns:
        Path or URL, and columns, by the name under which the data are stored.

    Raises:
        StudyError: if two files, or two readings of one, would bear the same name.
    """
    found: dict[str, tuple[str, Columns]] = {}
    for name, task in study.tasks.items():
        for dataset, own in task.files.items():
            wanted = (own.file, own.columns or Columns())
            if found.setdefault(dataset, wanted) != wanted:
                keys = [f"tasks.{name}.file", f"tasks.{name}.sources"]
                fault = study.fault(keys, f"two different data sets would be called {dataset}", "another file name")
                raise StudyError([fault], str(study.path))
    return found


def needed_models(study: Study) -> list[ModelRequest]:
    """The pretrained models that a study needs.

    Args:
        study: the study.

    Returns:
        Requests, each once, in the order of the file; those that a phase has for itself, or a sweep tries, last.
    """
    studies = [study, *(round_.study for round_ in study.rounds)]
    studies += [with_settings(one.study, {pair: {"model": name}}) for one in study.rounds for pair, name in _tried_models(one)]
    return list(dict.fromkeys(recipe.model for one in studies for _, _, recipe in one.pairs if recipe.model))


def _tried_models(round_: Round) -> list[tuple[Pair, str]]:
    sweep = round_.study.sweep
    if sweep is None:
        return []
    spaces = {(name, task): sweep.space_of(name, task) for name, task, _ in round_.study.pairs if name in sweep.recipes}
    return [(pair, str(name)) for pair, space in spaces.items() if "model" in space for name in space["model"].choices or []]


def make_plan(
    study: Study, datasets: Mapping[str, DatasetFacts], models: Mapping[str, ModelSpec], machine: MachineFacts
) -> Plan:
    """Expand a study to trials: seed by seed, so that a first result of every recipe comes early; then what is made of them.

    Of a study in phases, the study of one round is expanded.

    Args:
        study: the study.
        datasets: facts by dataset name, for all of `needed_datasets`.
        models: specs by `ModelRequest.key` (or name, where no two revisions of it are used), for all of `needed_models`.
        machine: what `auto` is resolved with.

    Returns:
        The plan.

    Raises:
        StudyError: if a model cannot do what a recipe asks.
    """
    faults: list[Fault] = []
    tasks = {name: _task_spec(study, name, datasets) for name in study.tasks}
    pairs: list[tuple[TaskSpec, RecipeSpec]] = []
    for name, task, recipe in study.pairs:
        spec = _recipe_spec(recipe, name, models, machine)
        faults += _check_precision(study, spec, task)
        pairs.append((tasks[task], spec))
    if faults:
        raise StudyError(list(dict.fromkeys(faults)), str(study.path))
    trials = expand_trials(study.seeds, pairs)
    _check_ids(study, trials)
    return Plan(study=study.name, profile=study.profile, baseline=study.baseline, trials=trials)


def _task_spec(study: Study, name: str, datasets: Mapping[str, DatasetFacts]) -> TaskSpec:
    task = study.tasks[name]
    facts = datasets[task.dataset]
    limits = {
        f"{split}_limit": rows_within(getattr(task, f"{split}_limit"), facts.sizes.get(split, 0))
        for split in ("train", "validation", "test")
    }
    return TaskSpec.model_validate(
        {
            "name": name,
            "fingerprint": facts.fingerprint,
            "data_seed": study.data_seed,
            **task.model_dump(exclude={"composition", "files"}),
            **limits,
        }
    )


def _recipe_spec(recipe: Recipe, name: str, models: Mapping[str, ModelSpec], machine: MachineFacts) -> RecipeSpec:
    model = None
    if recipe.model:
        model = models.get(recipe.model.key) or models[recipe.model.name]
    training = training_spec(recipe.training, machine, recipe.devices) if recipe.training else None
    return RecipeSpec(
        name=name,
        method=recipe.method,
        model=model,
        loss=recipe.loss,
        pooling=recipe.pooling,
        treatment=recipe.treatment,
        training=training,
        devices=recipe.devices,
    )


def training_spec(training: Training, machine: MachineFacts, devices: int = 1) -> TrainingSpec:
    """Resolve every `auto` and every default that follows from another setting.

    Args:
        training: the settings of a recipe.
        machine: what `auto` is resolved with.
        devices: how many devices share a step; each gets at least one of its micro-batches.

    Returns:
        Settings without `auto`.
    """
    automatic: Precision = "bf16" if machine.bf16 else "fp32"
    head = training.head_learning_rate
    settings = training.model_dump()
    share = -(-training.batch_size // devices)
    settings["micro_batch_size"] = share if training.micro_batch_size == "auto" else training.micro_batch_size
    # twelve digits: ten times 3e-5 is the 3e-4 that a person would write, and so the same trial
    settings["head_learning_rate"] = float(f"{HEAD_FACTOR * training.learning_rate:.12g}") if head is None else head
    settings["precision"] = automatic if training.precision == "auto" else training.precision
    settings["threads"] = machine.cores if training.threads == "auto" else training.threads
    return TrainingSpec.model_validate(settings)


def _check_precision(study: Study, recipe: RecipeSpec, task: str) -> list[Fault]:
    if not recipe.model or not recipe.training or recipe.training.precision != "fp16":
        return []
    if recipe.model.family not in FAMILIES_WITHOUT_FP16:
        return []
    place = "training.precision"
    keys = [f"recipes.{recipe.name}.on.{task}.{place}", f"recipes.{recipe.name}.{place}", f"defaults.{place}"]
    problem = f"{recipe.model.name} is a DeBERTa, which overflows in fp16 (recipe {recipe.name})"
    return [study.fault(keys, problem, "bf16, fp32, auto")]


def _check_ids(study: Study, trials: list[TrialSpec]) -> None:
    seen: dict[str, TrialSpec] = {}
    for trial in trials:
        other = seen.setdefault(trial.id, trial)
        if other is not trial:
            names = " and ".join(f"{one.recipe.name} on {one.task.name}" for one in (other, trial))
            problem = f"the trials of {names} share an id"
            fault = study.fault([f"recipes.{trial.recipe.name}"], problem, "other names of recipes or tasks")
            raise StudyError([fault], str(study.path))
