"""Trained models to be put to use: found in a run by recipe, task and seed, or in the folder of an export."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bakeoff.api.runs import find_run
from bakeoff.errors import DataError, ModelError, RunError

if TYPE_CHECKING:
    from bakeoff.analysis.folder import TrialRecord
    from bakeoff.records.paths import RunFolder
    from bakeoff.records.serving import Served
    from bakeoff.records.specs import RecipeSpec, TrialSpec

CLASSIFIER = "classifier.safetensors"
EXPORTED = "bakeoff.json"


@dataclass(frozen=True)
class Choice:
    """Which of a run's models is meant.

    Attributes:
        recipe: the recipe; empty takes the one that leads on the task.
        task: the task; empty takes the only one.
        seed: the seed; None takes the best on validation among the models that were kept.
        rule: how probabilities become labels: `tuned`, `per-label`, or a threshold; empty takes the rule of the task's metric.
        base: folder of the pretrained model of an exported adapter; empty looks where models are usually found.
    """

    recipe: str = ""
    task: str = ""
    seed: int | None = None
    rule: str = ""
    base: str = ""


def find_served(target: str | Path, choice: Choice | None = None) -> Served:
    """The model that an argument means.

    Args:
        target: a run folder or the name of one in `runs/`, `:recipe` behind it if need be; or the folder of an export.
        choice: what the argument does not say.

    Returns:
        The model; nothing of it is loaded yet.

    Raises:
        RunError: if there is no such run, recipe, task or seed, or its model was not kept.
        ModelError: if the pretrained model that it stands on is not here.
    """
    chosen = choice or Choice()
    if str(target) and (Path(target) / EXPORTED).is_file():
        return served_export(Path(target).absolute(), chosen)
    return served_trial(*find_trial(target, chosen), chosen.rule)


def find_trial(target: str | Path | None, choice: Choice) -> tuple[RunFolder, TrialRecord]:
    """The trial that an argument means.

    Args:
        target: a run folder or the name of one in `runs/`, `:recipe` behind it if need be; None means the newest.
        choice: what the argument does not say.

    Returns:
        The run, and a complete trial whose model was kept.

    Raises:
        RunError: if there is no such run, recipe, task or seed, or its model was not kept.
    """
    run, recipe = _split(str(target or ""))
    if recipe and choice.recipe and recipe != choice.recipe:
        raise RunError(f"two recipes are named: {recipe} and {choice.recipe}", str(target), "name one")
    return run, _find_trial(run, Choice(recipe or choice.recipe, choice.task, choice.seed))


def _split(target: str) -> tuple[RunFolder, str]:
    """The run, and the recipe behind its colon; a path that has a colon and exists is a path."""
    before, colon, recipe = target.rpartition(":")
    if not colon or Path(target).exists():
        return find_run(target or None), ""
    return find_run(before or None), recipe


def _find_trial(run: RunFolder, choice: Choice) -> TrialRecord:
    from bakeoff.analysis.folder import chosen_phase, read_plans, read_trial

    plans = read_plans(run)
    trials = plans[chosen_phase(plans)].trials
    task = one_of("task", choice.task, list(dict.fromkeys(trial.task.name for trial in trials)), run)
    known = list(dict.fromkeys(trial.recipe.name for trial in trials if trial.task.name == task))
    recipe = choice.recipe or _leader(run, task)
    if recipe not in known:
        raise RunError(f"the run has no recipe {recipe!r} on {task}", str(run.root), f"one of {', '.join(known)}")
    fitting = [trial for trial in trials if (trial.task.name, trial.recipe.name) == (task, recipe)]
    if choice.seed is not None and choice.seed not in [trial.seed for trial in fitting]:
        seeds = ", ".join(str(trial.seed) for trial in fitting)
        raise RunError(f"{recipe} has no seed {choice.seed} on {task}", str(run.root), f"one of {seeds}")
    records = [read_trial(run, trial) for trial in fitting if choice.seed in (None, trial.seed)]
    kept = [record for record in records if record.result is not None and _has_model(run, record.spec)]
    if not kept:
        others = [trial for trial in trials if trial.task.name == task and _has_model(run, trial)]
        raise _none_kept(run, recipe, records, list(dict.fromkeys(trial.recipe.name for trial in others)))
    return max(kept, key=_goodness)


def one_of(what: str, asked: str, known: list[str], run: RunFolder) -> str:
    """What of several is meant.

    Args:
        what: what they are, such as "task".
        asked: the one that was asked for; empty takes the only one.
        known: those that there are.
        run: the run, for the message.

    Returns:
        The one.

    Raises:
        RunError: if there is no such thing, or several.
    """
    if asked in known:
        return asked
    if not asked and len(known) == 1:
        return known[0]
    problem = f"the run has no {what} {asked!r}" if asked else f"the run has several {what}s"
    raise RunError(problem, str(run.root), f"--{what}: one of {', '.join(known)}")


def _leader(run: RunFolder, task: str) -> str:
    from bakeoff.analysis.analyse import current_analysis

    leader = next(part.leader for part in current_analysis(run).tasks if part.name == task)
    if not leader:
        raise RunError(f"no recipe leads on {task} yet", str(run.root), "name one behind a colon, such as RUN:bce")
    return leader


def _has_model(run: RunFolder, trial: TrialSpec) -> bool:
    return (run.trial(trial.id).model / CLASSIFIER).is_file()


def _none_kept(run: RunFolder, recipe: str, records: list[TrialRecord], others: list[str]) -> RunError:
    """Why a recipe has no model to put to use, and which others of the task have one."""
    from bakeoff.catalog import registry

    keep = "set `keep: best` (or all) in the study and run it with --new: a model that was removed cannot be had back"
    if all(record.result is None for record in records):
        return RunError(
            f"no trial of {recipe} is complete", str(run.root), "go on with `bakeoff run`; `bakeoff status` shows it"
        )
    method = registry.method(records[0].spec.recipe.method.name)
    if not method.keeps_model:
        remedy = (
            f"name another recipe behind a colon: {', '.join(f'{run.root.name}:{name}' for name in others)}" if others else keep
        )
        return RunError(f"{recipe} has no model to put to use: {method.name} keeps none", str(run.root), remedy)
    return RunError(f"no model of {recipe} was kept", str(run.root), keep)


def _goodness(record: TrialRecord) -> float:
    """The task's metric on validation, so that more is better."""
    from bakeoff.catalog import registry
    from bakeoff.records.files import number

    assert record.result is not None
    metric = record.spec.task.metric
    score = number(record.result.validation.get(metric, "nan"))
    signed = score if registry.metric(metric.partition("@")[0]).higher_is_better else -score
    return -math.inf if math.isnan(signed) else signed


def served_trial(run: RunFolder, record: TrialRecord, rule: str = "", name: str = "") -> Served:
    """A trial's own model.

    Args:
        run: the run.
        record: a complete trial whose model was kept.
        rule: as for `Choice`.
        name: what it is called; empty takes the recipe's name.

    Returns:
        The model.

    Raises:
        ModelError: if the pretrained model that it stands on is not here.
    """
    from bakeoff.analysis.deciding import fitted_decision
    from bakeoff.records.kept import kept_files
    from bakeoff.records.results import Outputs
    from bakeoff.records.serving import Served

    assert record.result is not None
    spec, training = record.spec, record.result.training
    return Served(
        name=name or spec.recipe.name,
        form="trained",
        trial=spec.id,
        seed=spec.seed,
        task=spec.task,
        recipe=spec.recipe,
        decision=fitted_decision(spec.task, training["labels"], Outputs.read(record.folder.validation), rule),
        pairs=_reads_pairs(record),
        folder=str(record.folder.model),
        base=str(find_base(run, spec.recipe)) if needs_base(spec.recipe) else "",
        sha256={
            **{name: entry.sha256 for name, entry in kept_files(record.folder.model).items()},
            CLASSIFIER: training["weights_sha256"],
        },
        packed=None if training.get("packed", True) else False,
    )


def served_export(folder: Path, choice: Choice) -> Served:
    """An exported model.

    Args:
        folder: holds `bakeoff.json`.
        choice: its rule may be a threshold; nothing else is left to choose.

    Returns:
        The model; its files are verified before they are read.

    Raises:
        RunError: if something else is asked of it than it is.
        ModelError: if it is an adapter, and the pretrained model is not here with the content that it was trained on.
    """
    from bakeoff.analysis.deciding import with_rule
    from bakeoff.records.serving import Export, Served

    export = Export.read(folder / EXPORTED)
    for what, asked, known in (
        ("recipe", choice.recipe, export.recipe.name),
        ("task", choice.task, export.task.name),
        ("seed", choice.seed, export.seed),
    ):
        if asked not in ("", None, known):
            raise RunError(f"the export is of the {what} {known}, not {asked}", str(folder), f"leave --{what} out")
    return Served(
        name=export.name,
        form=export.form,
        trial=export.trial,
        seed=export.seed,
        task=export.task,
        recipe=export.recipe,
        decision=with_rule(export.decision, export.task, choice.rule),
        pairs=export.pairs,
        folder=str(folder),
        base=str(_base_of_adapter(export.recipe, choice.base)) if export.form == "adapter" else "",
        sha256={name: entry.sha256 for name, entry in export.manifest.items()},
    )


def _base_of_adapter(recipe: RecipeSpec, folder: str) -> Path:
    from bakeoff.hub.models import locate_model
    from bakeoff.records.paths import Home

    assert recipe.model is not None
    name = str(Path(folder).absolute()) if folder else recipe.model.name
    located = locate_model(Home.default(), name, "" if folder else recipe.model.revision)
    if located.spec.fingerprint != recipe.model.fingerprint:
        problem = f"the model {name} has not the content that the adapter was trained on"
        raise ModelError(problem, str(located.folder), "--base FOLDER: the pretrained model")
    return located.folder


def _reads_pairs(record: TrialRecord) -> bool:
    """Whether rows have two texts; results say so since they could, and before, the dataset does."""
    from bakeoff.data.store import find_dataset
    from bakeoff.records.paths import Home

    assert record.result is not None
    task = record.spec.task
    if task.kind == "qa" or record.result.training.get("pairs"):
        return True
    try:
        return find_dataset(Home.default(), task.dataset, task.fingerprint).has("seconds")
    except DataError:  # the data are elsewhere: a run may be copied
        return False


def needs_base(recipe: RecipeSpec) -> bool:
    """Whether a trained model stands on weights that were frozen, and so are not in its own file.

    Args:
        recipe: how it was made.

    Returns:
        False only where all weights were trained.
    """
    return recipe.method.name != "full" or bool(recipe.method.settings.get("frozen_layers"))


def find_base(run: RunFolder, recipe: RecipeSpec) -> Path:
    """The pretrained model that a recipe begins with.

    Args:
        run: the run; its study says what the model is called.
        recipe: a recipe with a model.

    Returns:
        Its folder.

    Raises:
        ModelError: if it is not here with the content that the plan names.
    """
    from bakeoff.hub.models import locate_model
    from bakeoff.records.paths import Home
    from bakeoff.study.loading import load_study
    from bakeoff.study.planning import needed_models

    assert recipe.model is not None
    found = ""
    for request in needed_models(load_study(run.study)):
        if recipe.model.name not in (request.name, Path(request.name).name):
            continue
        located = locate_model(Home.default(), request.name, request.revision)
        if located.spec.fingerprint == recipe.model.fingerprint:
            return located.folder
        found = str(located.folder)
    problem = f"the model {recipe.model.name} is not here with the content that the run began with"
    raise ModelError(problem, found or str(run.study), "put the old files back")
