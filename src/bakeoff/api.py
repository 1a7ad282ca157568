"""The public Python face: what the commands do, as functions. Everything is imported when it is first used.

from bakeoff import api
summary = api.run("demo")
print(api.analyse(summary.run.root).tasks[0].leader)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bakeoff.errors import CatalogError, RunError

if TYPE_CHECKING:
    from bakeoff.analysis.model import Analysis
    from bakeoff.hub.download import Progress
    from bakeoff.hub.models import LocatedModel
    from bakeoff.preflight.readiness import Readiness
    from bakeoff.records.paths import Home, RunFolder
    from bakeoff.records.specs import Component, Plan
    from bakeoff.running.events import Listener
    from bakeoff.running.plan_run import Materials
    from bakeoff.running.runner import RunSummary
    from bakeoff.running.standing import Standing
    from bakeoff.study.model import Study

__all__ = [
    "PlannedStudy",
    "RunOptions",
    "analyse",
    "check",
    "draw_losses",
    "fetch_model",
    "find_run",
    "inspect_losses",
    "plan",
    "report",
    "run",
    "runs",
    "status",
    "write_report",
]


@dataclass(frozen=True)
class PlannedStudy:
    """A study that can run on this machine.

    Attributes:
        study: the resolved study.
        plan: its trials.
        materials: where its datasets and models lie.
        argument: what the user would call it by: a built-in study's name, or the absolute path of the file.
        beside: the folder beside which its runs stand: the study's own, or the current one for a built-in study.
    """

    study: Study
    plan: Plan
    materials: Materials
    argument: str
    beside: Path


@dataclass(frozen=True)
class RunOptions:
    """How a study is run.

    Attributes:
        run_dir: the run folder; None means `runs/<name>-<profile>` beside the study.
        new: whether a new run folder is begun where one stands.
        executor: `local`, or `inline` for debugging.
        only: conditions on the trials that are begun, such as `recipe=bce,seed=42`.
        again_failed: whether trials that failed before are begun again.
        at_most: trials begun at most; None means all.
    """

    run_dir: Path | None = None
    new: bool = False
    executor: str = "local"
    only: tuple[str, ...] = ()
    again_failed: bool = False
    at_most: int | None = None


def check(
    study: str | Path, profile: str | None = None, overrides: Sequence[str] = (), run_dir: Path | None = None
) -> Readiness:
    """Look whether a study can run here and now: no socket is opened, no torch imported, nothing raised.

    Args:
        study: path of a study file, or the name of a built-in study.
        profile: the profile laid over it.
        overrides: values laid over both, each `path.to.key=value`.
        run_dir: the run folder; None means `runs/<name>-<profile>` beside the study.

    Returns:
        What every check found, each finding with its remedy.
    """
    from bakeoff.preflight.readiness import look
    from bakeoff.preflight.subject import Asked, gather

    return look(gather(Asked(str(study), profile, tuple(overrides), run_dir)))


def plan(study: str | Path, profile: str | None = None, overrides: Sequence[str] = ()) -> PlannedStudy:
    """Read a study, find its data and models on this machine, and expand it to trials.

    Args:
        study: path of a study file, or the name of a built-in study.
        profile: the profile laid over it.
        overrides: values laid over both, each `path.to.key=value`.

    Returns:
        The study with its plan.

    Raises:
        StudyError: with all faults of the study.
        DataError: if a dataset is not here.
        ModelError: if a model is not here.
    """
    from bakeoff.data.store import find_dataset
    from bakeoff.hub.models import locate_model
    from bakeoff.records.environment import available_cores, bf16_is_fast
    from bakeoff.records.paths import Home
    from bakeoff.running.plan_run import Materials
    from bakeoff.study.loading import built_in_studies, find_study, load_study
    from bakeoff.study.planning import DatasetFacts, MachineFacts, make_plan, needed_datasets, needed_models

    home, path = Home.default(), find_study(str(study))
    resolved = load_study(path, profile, overrides)
    datasets = [find_dataset(home, name) for name in needed_datasets(resolved)]
    models = {request.key: locate_model(home, request.name, request.revision) for request in needed_models(resolved)}
    facts = {dataset.name: DatasetFacts(dataset.name, dataset.fingerprint, dataset.labels) for dataset in datasets}
    specs = {key: model.spec for key, model in models.items()}
    machine = MachineFacts(cores=available_cores(), bf16=bf16_is_fast())
    built_in = path in built_in_studies().values()
    return PlannedStudy(
        study=resolved,
        plan=make_plan(resolved, facts, specs, machine),
        materials=Materials(
            datasets={dataset.fingerprint: dataset.folder for dataset in datasets},
            models={model.spec.fingerprint: model.folder for model in models.values()},
        ),
        argument=path.stem if built_in else str(path),
        beside=Path.cwd() if built_in else path.parent,
    )


def run(
    study: str | Path | PlannedStudy,
    *,
    profile: str | None = None,
    overrides: Sequence[str] = (),
    options: RunOptions | None = None,
    listener: Listener | None = None,
) -> RunSummary:
    """Run a study, or go on with it where an earlier run stopped.

    Args:
        study: path of a study file, the name of a built-in study, or what `plan` returned for one.
        profile: the profile laid over it.
        overrides: values laid over both, each `path.to.key=value`.
        options: how it is run.
        listener: told what happens, event by event.

    Returns:
        How every trial stands.

    Raises:
        BakeoffError: see `plan` and `bakeoff.running.runner.run_study`.
    """
    from bakeoff.records.paths import Home
    from bakeoff.running import warm
    from bakeoff.running.events import nobody
    from bakeoff.running.plan_run import RunOrder
    from bakeoff.running.runner import run_study
    from bakeoff.running.watching import Limits

    chosen = options or RunOptions()
    planned = study if isinstance(study, PlannedStudy) else plan(study, profile, overrides)
    folder = choose_folder(planned, chosen)
    limits = planned.study.limits
    order = RunOrder(
        run=folder,
        home=Home.default(),
        plan=planned.plan,
        study_yaml=planned.study.resolved_yaml(),
        materials=planned.materials,
        limits=Limits(
            trial=limits.trial,
            stall=limits.stall,
            study=limits.study,
            disk_reserve=limits.disk_reserve,
            dead=limits.dead,
        ),
        keep=planned.study.keep,
        executor=chosen.executor,
        only=chosen.only,
        at_most=chosen.at_most,
        again_failed=chosen.again_failed,
        command=run_command(planned, overrides, folder),
        worker=warm.WORKER_COMMAND,
    )
    return run_study(order, listener or nobody)


def choose_folder(planned: PlannedStudy, options: RunOptions) -> RunFolder:
    """The run folder of a study.

    Args:
        planned: the study.
        options: how it is run.

    Returns:
        The folder, which may not exist yet.

    Raises:
        RunError: if a folder was named that holds something else.
    """
    from bakeoff.records.paths import RunFolder, run_folder

    if options.run_dir is not None:
        named = RunFolder(options.run_dir.absolute())
        if named.root.is_dir() and any(named.root.iterdir()) and not named.plans.is_dir() and not named.lock.exists():
            raise RunError("this folder is not empty, and no run", str(named.root), "name a new folder, or none")
        return named
    number, plan_ = 1, planned.plan
    while options.new and run_folder(planned.beside, plan_.study, plan_.profile, number).root.exists():
        number += 1
    return run_folder(planned.beside, plan_.study, plan_.profile, number)


def run_command(planned: PlannedStudy, overrides: Sequence[str], folder: RunFolder) -> tuple[str, ...]:
    """The command that goes on with a run.

    Args:
        planned: the study.
        overrides: the `--set` arguments.
        folder: its run folder.

    Returns:
        The command's words.
    """
    from bakeoff.records.paths import run_folder

    words = ["bakeoff", "run", planned.argument]
    if planned.plan.profile:
        words += ["--profile", planned.plan.profile]
    for override in overrides:
        words += ["--set", override]
    if folder != run_folder(planned.beside, planned.plan.study, planned.plan.profile):
        words += ["--run-dir", str(folder.root)]
    return tuple(words)


def runs(beside: Path | None = None) -> list[RunFolder]:
    """The runs near a folder, the one that was begun or continued last first.

    Args:
        beside: the folder; None means the current one.

    Returns:
        Runs in its `runs/`, in those of the folders in it, and directly in it; the folder itself if it is a run.
    """
    from bakeoff.records.paths import runs_folder
    from bakeoff.running.standing import is_run, known_runs

    here = (beside or Path.cwd()).absolute()
    folders = [runs_folder(here), here, *(runs_folder(entry) for entry in sorted(here.iterdir()) if entry.is_dir())]
    itself = [here.parent] if is_run(here) else []
    found = known_runs([*folders, *itself])
    return [run for run in found if run.root == here] if itself else found


def find_run(argument: str | Path | None = None) -> RunFolder:
    """The run that a command's argument means.

    Args:
        argument: path of a run folder, or the name of one in `runs/`; None means the newest.

    Returns:
        The run folder.

    Raises:
        RunError: if there is none.
    """
    from bakeoff.records.paths import RunFolder
    from bakeoff.running.standing import is_run

    near = runs()
    if argument is None:
        if not near:
            raise RunError("there is no run here", str(Path.cwd()), "begin one with `bakeoff run STUDY`, or name its folder")
        return near[0]
    named = [run for run in near if run.root.name == str(argument)]
    if is_run(Path(argument)):
        return RunFolder(Path(argument).absolute())
    if named:
        return named[0]
    known = ", ".join(run.root.name for run in near[:5])
    raise RunError(
        "this is no run folder", str(argument), f"runs near here: {known}" if near else "begin one with `bakeoff run`"
    )


def status(run: str | Path | None = None) -> Standing:
    """How a run stands.

    Args:
        run: as for `find_run`.

    Returns:
        The standing.
    """
    from bakeoff.running.standing import read_standing

    return read_standing(find_run(run))


def analyse(run: str | Path | None = None) -> Analysis:
    """The analysis of a run, made anew if the run has changed since.

    Args:
        run: as for `find_run`.

    Returns:
        With test scores if every trial has ended (which is recorded as a look), else of validation alone.
    """
    from bakeoff.analysis.analyse import current_analysis

    return current_analysis(find_run(run))


def write_report(run: RunFolder, analysis: Analysis) -> Path:
    """Write the report of an analysis.

    Args:
        run: the run folder.
        analysis: its analysis.

    Returns:
        Path of `report.html`.
    """
    from bakeoff.report import html

    return html.write_report(run, analysis)


def report(run: str | Path | None = None) -> Path:
    """Analyse a run and write its report.

    Args:
        run: as for `find_run`.

    Returns:
        Path of `report.html`.
    """
    folder = find_run(run)
    return write_report(folder, analyse(folder.root))


def fetch_model(home: Home, name: str, revision: str = "", progress: Progress | None = None) -> LocatedModel:
    """Have a model on this machine; pickled weights are converted once, in a process of their own.

    Args:
        home: where models are kept.
        name: a catalog name, a hub id, or the path of a folder.
        revision: commit, branch or tag.
        progress: told (file, bytes here, bytes in all).

    Returns:
        The model.
    """
    from bakeoff.hub import fetching
    from bakeoff.running.oneoff import convert_weights

    return fetching.fetch_model(home, name, revision, lambda source, target: convert_weights(home, source, target), progress)


def inspect_losses(
    names: Sequence[str] = (), study: str | Path | None = None, profile: str | None = None
) -> dict[str, dict[str, Any]]:
    """Compute how losses behave, in a process of its own.

    Args:
        names: losses of the catalog, or, with a study, recipes; none means all.
        study: path of a study file, or the name of a built-in study, whose recipes' losses are meant.
        profile: the profile laid over it.

    Returns:
        What `bakeoff.losses.inspection.inspect_loss` finds of each, by name.

    Raises:
        CatalogError: if a name is not known, or a loss comes without its code.
        StudyError: with all faults of the study.
        JobError: if a loss could not be made or called.
    """
    from bakeoff.records.paths import Home
    from bakeoff.running import oneoff

    known = _losses_of_catalog() if study is None else _losses_of_study(study, profile)
    for name in names:
        if name not in known:
            kind = "loss" if study is None else "recipe with a loss"
            raise CatalogError(
                f"no {kind} is called {name!r}", "" if study is None else str(study), f"known: {', '.join(known)}"
            )
    chosen = list(dict.fromkeys(names)) or list(known)
    found = oneoff.inspect_losses(Home.default(), [known[name] for name in chosen])
    return dict(zip(chosen, found, strict=True))


def _losses_of_catalog() -> dict[str, Component]:
    from bakeoff.catalog import registry
    from bakeoff.records.specs import Component

    cards = [registry.loss(name) for name in registry.cards("loss")]
    return {card.name: Component(name=card.name, version=card.version, settings=dict(card.example)) for card in cards}


def _losses_of_study(study: str | Path, profile: str | None) -> dict[str, Component]:
    from bakeoff.study.loading import find_study, load_study

    recipes = load_study(find_study(str(study)), profile).recipes
    return {name: recipe.loss for name, recipe in recipes.items() if recipe.loss is not None}


def draw_losses(folder: Path, found: Mapping[str, Mapping[str, Any]]) -> list[Path]:
    """Draw the gradients of losses.

    Args:
        folder: where the files go, each as SVG, PDF, PNG and CSV.
        found: what `inspect_losses` returned.

    Returns:
        The SVG files: for a positive and for a negative.
    """
    from bakeoff.report.loss_figures import write_loss_figures

    return write_loss_figures(folder, found)
