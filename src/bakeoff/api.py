"""The public Python face: what the commands do, as functions. Everything is imported when it is first used.

from bakeoff import api
summary = api.run("demo")
print(api.analyse(summary.run.root).tasks[0].leader)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bakeoff.errors import CatalogError, ModelError, RunError, StudyError, UnfinishedError

if TYPE_CHECKING:
    from bakeoff.analysis.comparing import Comparison
    from bakeoff.analysis.model import Analysis, TaskAnalysis
    from bakeoff.analysis.verdict_model import Conclusions
    from bakeoff.hub.download import Progress
    from bakeoff.hub.models import LocatedModel
    from bakeoff.preflight.beginning import Beginning
    from bakeoff.preflight.explaining import Explanation
    from bakeoff.preflight.forecast import Forecast
    from bakeoff.preflight.provisions import Provision
    from bakeoff.preflight.readiness import Readiness
    from bakeoff.records.paths import Home, RunFolder
    from bakeoff.records.results import State
    from bakeoff.records.specs import Component, Plan, TrialSpec
    from bakeoff.report.texts import ExampleTexts
    from bakeoff.running.cleaning import Removed
    from bakeoff.running.events import Listener
    from bakeoff.running.plan_run import Materials, RunOrder
    from bakeoff.running.runner import RunSummary
    from bakeoff.running.standing import Standing
    from bakeoff.study.model import Study

__all__ = [
    "PlannedStudy",
    "RunOptions",
    "analyse",
    "begin",
    "cancel",
    "check",
    "clean",
    "compare",
    "draw_losses",
    "estimate",
    "example_texts",
    "explain",
    "fetch",
    "fetch_model",
    "find_run",
    "inspect_losses",
    "pack",
    "plan",
    "report",
    "retry",
    "run",
    "runs",
    "status",
    "stored_study",
    "verdict",
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
        workers: trials that run at a time.
    """

    run_dir: Path | None = None
    new: bool = False
    executor: str = "local"
    only: tuple[str, ...] = ()
    again_failed: bool = False
    at_most: int | None = None
    workers: int = 1


def check(
    study: str | Path,
    profile: str | None = None,
    overrides: Sequence[str] = (),
    *,
    run_dir: Path | None = None,
    workers: int = 1,
    smoke: Sequence[str] = (),
    told: Callable[[str], None] | None = None,
) -> Readiness:
    """Look whether a study can run here and now: no socket is opened, no torch imported, nothing raised.

    Args:
        study: path of a study file, or the name of a built-in study.
        profile: the profile laid over it.
        overrides: values laid over both, each `path.to.key=value`.
        run_dir: the run folder; None means `runs/<name>-<profile>` beside the study.
        workers: trials that will run at a time.
        smoke: what is tried besides, with each recipe in a process of its own, of `measure`, `steps` and `sanity`.
        told: told what is tried.

    Returns:
        What every check found, each finding with its remedy.
    """
    from bakeoff.preflight import smoke as smoking
    from bakeoff.preflight.readiness import look
    from bakeoff.preflight.subject import Asked, gather
    from bakeoff.running import warm

    readiness = look(gather(Asked(str(study), profile, tuple(overrides), run_dir, workers)))
    if not smoke:
        return readiness
    return smoking.smoke(readiness, smoke, told or (lambda _: None), warm.WORKER_COMMAND)


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
    from bakeoff.data.own import import_files
    from bakeoff.data.store import find_dataset
    from bakeoff.hub.models import locate_model
    from bakeoff.records.environment import available_cores, bf16_is_fast
    from bakeoff.records.paths import Home
    from bakeoff.running.plan_run import Materials
    from bakeoff.study.loading import built_in_studies, find_study, load_study
    from bakeoff.study.planning import DatasetFacts, MachineFacts, make_plan, needed_datasets, needed_files, needed_models

    home, path = Home.default(), find_study(str(study))
    resolved = load_study(path, profile, overrides)
    import_files(home, needed_files(resolved))
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


def begin(
    data: str, model: str, question: str, file: Path, text: str | None = None, labels: Sequence[str] | None = None
) -> Beginning:
    """Write a first study.

    Args:
        data: the path of your own file or folder, or the name of a dataset.
        model: a catalog name, a hub id `owner/name@commit`, or a folder.
        question: `needed`, `losses` or `rates`.
        file: the study file to write.
        text: the column of the text; None finds it out.
        labels: the column of the labels, or a column a label; None finds it out.

    Returns:
        What it was made from.
    """
    from bakeoff.data.own import Columns
    from bakeoff.preflight import beginning
    from bakeoff.records.files import write_bytes
    from bakeoff.records.paths import Home

    columns = Columns(text=text, labels=tuple(labels) if labels else None)
    made = beginning.begin(Home.default(), data, model, question, file.absolute().parent, columns)
    write_bytes(file.absolute(), beginning.study_text(made).encode())
    return made


def explain(study: str | Path, profile: str | None = None, overrides: Sequence[str] = ()) -> Explanation:
    """Say in plain words what a study compares, and what it can show.

    Args:
        study: path of a study file, or the name of a built-in study.
        profile: the profile laid over it.
        overrides: values laid over both, each `path.to.key=value`.

    Returns:
        The explanation; sizes of data that are not here are left out.

    Raises:
        StudyError: with all faults of the study.
    """
    from bakeoff.preflight import explaining
    from bakeoff.preflight.subject import Asked, gather

    subject = gather(Asked(str(study), profile, tuple(overrides)))
    if subject.study is None:
        raise StudyError(subject.faults, str(study))
    rows = {name: subject.test_rows(name) for name in subject.tasks}
    return explaining.explain(subject.study, {name: count for name, count in rows.items() if count is not None})


def estimate(planned: PlannedStudy, trials: Sequence[TrialSpec] | None = None) -> Forecast:
    """Foretell what trials of a study will cost on this machine: time, memory and disk, each with a range.

    Args:
        planned: the study.
        trials: which of its trials; None means all.

    Returns:
        The forecast; smoke runs and finished trials on this machine make it better.
    """
    from bakeoff.preflight import estimating
    from bakeoff.records.paths import Home

    chosen = planned.plan.trials if trials is None else trials
    return estimating.estimate(Home.default(), chosen, planned.study.keep, planned.materials)


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
            checkpoint=limits.checkpoint,
            checkpoint_steps=limits.checkpoint_steps,
            collective=limits.collective,
            retries=limits.retries,
        ),
        keep=planned.study.keep,
        lower_is_better=_lower_is_better(planned.plan),
        executor=chosen.executor,
        workers=chosen.workers,
        only=chosen.only,
        at_most=chosen.at_most,
        again_failed=chosen.again_failed,
        worker=warm.WORKER_COMMAND,
    )
    before = {trial for trial, state in _states(order).items() if state.ended}
    summary = run_study(order, listener or nobody)
    if chosen.workers == 1:  # trials that share the machine say little of what one costs
        _learn_costs(order, {trial for trial, state in summary.states.items() if state.ended} - before)
    return summary


def _states(order: RunOrder) -> dict[str, State]:
    from bakeoff.running.plan_run import read_state

    return {trial.id: read_state(order.run, trial).state for trial in order.plan.trials}


def _learn_costs(order: RunOrder, ended: set[str]) -> None:
    """Let later forecasts know what trials took that ended now."""
    from bakeoff.preflight.learning import learn_from_run

    trials = [trial for trial in order.plan.trials if trial.id in ended]
    if trials:
        learn_from_run(order.home, order.run, trials, order.materials)


def _lower_is_better(plan_: Plan) -> frozenset[str]:
    from bakeoff.catalog import registry

    names = {trial.task.metric.partition("@")[0] for trial in plan_.trials}
    return frozenset(name for name in names if not registry.metric(name).higher_is_better)


def stored_study(run: RunFolder) -> PlannedStudy:
    """The study of a run as its folder has it: the very trials that stand there, whatever has changed since.

    Args:
        run: the run folder, which may have been moved or copied from elsewhere.

    Returns:
        The study with its stored plan.

    Raises:
        DataError: if a dataset is not here with the content that the plan names.
        ModelError: if a model is not, likewise.
    """
    from bakeoff.data.store import find_dataset
    from bakeoff.hub.models import locate_model
    from bakeoff.records.paths import Home
    from bakeoff.running.plan_run import Materials
    from bakeoff.running.standing import read_plan
    from bakeoff.study.loading import load_study

    home, plan_ = Home.default(), read_plan(run)
    datasets = {trial.task.fingerprint: trial.task.dataset for trial in plan_.trials}
    models = {trial.recipe.model.fingerprint: trial.recipe.model for trial in plan_.trials if trial.recipe.model}
    folders = {}
    for fingerprint, spec in models.items():
        located = locate_model(home, spec.name, spec.revision)
        if located.spec.fingerprint != fingerprint:
            raise ModelError(
                f"the model {spec.name} is here, but not with the content that the run began with ({fingerprint[:12]}…)",
                str(located.folder),
                "put the old files back, or run the study itself again: trials of the new model have ids of their own",
            )
        folders[fingerprint] = located.folder
    return PlannedStudy(
        study=load_study(run.study),
        plan=plan_,
        materials=Materials(
            datasets={print_: find_dataset(home, name, print_).folder for print_, name in datasets.items()}, models=folders
        ),
        argument=str(run.study),
        beside=run.root.parent,
    )


def retry(
    run_: str | Path | None = None,
    trial: str = "",
    *,
    options: RunOptions | None = None,
    listener: Listener | None = None,
) -> RunSummary:
    """Run trials of a run again that ended otherwise than complete.

    Args:
        run_: as for `find_run`.
        trial: a trial's id, or a part of it that no other has; empty means all that failed or were cancelled.
        options: how they are run; where, and which, is settled here.
        listener: told what happens, event by event.

    Returns:
        How every trial stands.

    Raises:
        RunError: if there is nothing to run again, or no such trial.
    """
    from bakeoff.records.results import State
    from bakeoff.running.plan_run import find_trial, read_state

    folder = find_run(run_)
    planned = stored_study(folder)
    states = {one.id: read_state(folder, one).state for one in planned.plan.trials}
    ended = [one for one in planned.plan.trials if states[one.id].ended and states[one.id] is not State.COMPLETE]
    wanted = [find_trial(planned.plan.trials, trial)] if trial else ended
    if not wanted:
        raise RunError("no trial of this run has failed or was cancelled", str(folder.root), "`bakeoff status` shows them all")
    chosen = replace(
        options or RunOptions(), run_dir=folder.root, only=tuple(f"id={one.id}" for one in wanted), again_failed=True
    )
    return run(planned, options=chosen, listener=listener)


def cancel(run_: str | Path | None = None, trial: str = "") -> list[tuple[TrialSpec, State]]:
    """Cancel trials; a runner at work ends them first. A cancelled trial stays so until `retry`.

    Args:
        run_: as for `find_run`.
        trial: a trial's id, or a part of it that no other has; empty means all that have not ended, and the runner itself.

    Returns:
        How each of them stands.
    """
    from bakeoff.running import cancelling
    from bakeoff.running.plan_run import find_trial
    from bakeoff.running.standing import read_plan

    folder = find_run(run_)
    trials = read_plan(folder).trials
    wanted = [find_trial(trials, trial)] if trial else trials
    return list(zip(wanted, cancelling.cancel(folder, wanted, everything=not trial), strict=True))


def clean(run_: str | Path | None = None, *, dry_run: bool = False) -> list[Removed]:
    """Remove what a run needs no more: checkpoints of trials that ended, earlier attempts, what was set aside as damaged.

    Args:
        run_: as for `find_run`.
        dry_run: whether only to say what would go.

    Returns:
        What was removed, with its size.
    """
    from bakeoff.running import cleaning
    from bakeoff.running.standing import read_plan

    folder = find_run(run_)
    return cleaning.clean(folder, read_plan(folder).trials, dry_run)


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


def verdict(run: str | Path | None = None) -> Conclusions:
    """What follows from the test scores of a run: the verdict, answers to its claims, comparisons.

    Args:
        run: as for `find_run`.

    Returns:
        The conclusions.

    Raises:
        UnfinishedError: if a planned trial has not ended.
    """
    from bakeoff.analysis.analyse import current_analysis

    folder = find_run(run)
    found = current_analysis(folder)
    if found.conclusions is None:
        raise UnfinishedError(
            "there is no verdict while trials are still to run",
            str(folder.root),
            "finish them with `bakeoff run`, or give them up with `bakeoff cancel`",
        )
    return found.conclusions


def compare(sides: Sequence[str], metric: str = "") -> list[Comparison]:
    """Compare prediction files from anywhere, or two runs.

    Args:
        sides: two or more files (`name=file` names one), or two run folders.
        metric: for files: the metric; by default accuracy where each example has one label, else macro-F1.

    Returns:
        One comparison for files; for runs one for each task and recipe that they share.

    Raises:
        RunError: if the sides are neither, or too few.
    """
    from bakeoff.analysis.comparing import compare_predictions, compare_runs
    from bakeoff.analysis.predictions import SUFFIXES, read_predictions

    named = [side.rpartition("=") if not Path(side).exists() else ("", "", side) for side in sides]
    files = [(name, Path(path)) for name, _, path in named]
    if len(sides) < 2:
        raise RunError("a comparison needs two sides", "", "name two prediction files, or two runs")
    if all(path.suffix.lower() in SUFFIXES and not path.is_dir() for _, path in files):
        return [compare_predictions([read_predictions(path, name) for name, path in files], metric)]
    if len(sides) == 2 and not metric and not any(path.is_file() for _, path in files):
        return compare_runs([find_run(side) for side in sides])
    kinds = ", ".join(SUFFIXES)
    raise RunError("not two runs, and not all prediction files", " ".join(sides), f"files with the suffix {kinds}, or two runs")


def write_report(run: RunFolder, analysis: Analysis, texts: str | None = None) -> Path:
    """Write the report of an analysis.

    Args:
        run: the run folder.
        analysis: its analysis.
        texts: what is shown of single examples: `none`, `ids` or `all`; None means all of data that ship with Bakeoff, and
            none of other.

    Returns:
        Path of `report.html`.
    """
    from bakeoff.report import html

    return html.write_report(run, analysis, example_texts(analysis, texts))


def example_texts(analysis: Analysis, wanted: str | None = None) -> ExampleTexts:
    """What a report may show of the examples that an analysis names; it names none of test before test was opened.

    Args:
        analysis: the analysis.
        wanted: as for `write_report`.

    Returns:
        With texts, where they shall be shown.

    Raises:
        DataError: if texts were asked for and a dataset is not here with the content that was trained on.
    """
    from bakeoff.catalog import registry
    from bakeoff.errors import DataError
    from bakeoff.records.paths import Home
    from bakeoff.report.texts import ExampleTexts, Show

    cards = registry.cards("dataset")
    built_in = all(getattr(cards.get(task.data.dataset), "packaged", False) for task in analysis.tasks)
    show = Show(wanted) if wanted is not None else Show.ALL if built_in else Show.NONE
    if show is not Show.ALL:
        return ExampleTexts(show)
    try:
        return ExampleTexts(show, {task.name: _task_texts(Home.default(), task) for task in analysis.tasks})
    except DataError as error:
        if wanted is not None:
            raise
        return ExampleTexts(Show.IDS, note=f"Texts are not shown: {error.what} ({error.remedy}).")


def _task_texts(home: Home, task: TaskAnalysis) -> dict[str, str]:
    """Texts of a task's named examples by id, of a pair both."""
    import numpy as np

    from bakeoff.data.store import find_dataset

    if not task.missed:
        return {}
    dataset = find_dataset(home, task.data.dataset, task.data.fingerprint)
    places = {identity: row for row, identity in enumerate(dataset.ids(task.split))}
    named = sorted({example.id for example in task.missed})
    rows = np.array([places[identity] for identity in named], dtype=np.int64)
    pairs = zip(dataset.texts(task.split, rows), dataset.seconds(task.split, rows), strict=True)
    return {identity: "\n".join(filter(None, pair)) for identity, pair in zip(named, pairs, strict=True)}


def report(run: str | Path | None = None, texts: str | None = None) -> Path:
    """Analyse a run and write its report.

    Args:
        run: as for `find_run`.
        texts: as for `write_report`.

    Returns:
        Path of `report.html`.
    """
    folder = find_run(run)
    return write_report(folder, analyse(folder.root), texts)


def fetch(
    study: str | Path, profile: str | None = None, overrides: Sequence[str] = (), progress: Progress | None = None
) -> list[Provision]:
    """Have all data and models that a study needs on this machine, every byte verified.

    Args:
        study: path of a study file, or the name of a built-in study.
        profile: the profile laid over it.
        overrides: values laid over both, each `path.to.key=value`.
        progress: told (file, bytes here, bytes in all).

    Returns:
        What is here.
    """
    from bakeoff.preflight import provisions
    from bakeoff.records.paths import Home
    from bakeoff.study.loading import find_study, load_study

    resolved = load_study(find_study(str(study)), profile, overrides)
    return provisions.fetch(Home.default(), resolved, fetch_model, progress)


def pack(
    study: str | Path,
    file: Path,
    profile: str | None = None,
    overrides: Sequence[str] = (),
    progress: Progress | None = None,
) -> list[Provision]:
    """Write all data and models that a study needs into one file, for a machine without a network.

    Args:
        study: path of a study file, or the name of a built-in study; its data and models must be here.
        file: the file to write.
        profile: the profile laid over it.
        overrides: values laid over both, each `path.to.key=value`.
        progress: told (path in the pack, bytes done, bytes in all).

    Returns:
        What was packed; what was not has a note.
    """
    from bakeoff.preflight import provisions
    from bakeoff.records.paths import Home
    from bakeoff.study.loading import find_study, load_study

    resolved = load_study(find_study(str(study)), profile, overrides)
    return provisions.pack(Home.default(), resolved, file.absolute(), progress)


def unpack(file: Path, progress: Progress | None = None) -> list[Provision]:
    """Put what a pack holds into the home folder, every byte verified.

    Args:
        file: the pack.
        progress: told (path in the pack, bytes done, bytes in all).

    Returns:
        What is here now.
    """
    from bakeoff.preflight import provisions
    from bakeoff.records.paths import Home

    return provisions.unpack(Home.default(), file.absolute(), progress)


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
