"""Before a run: read, check, plan and explain a study, or begin one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bakeoff.errors import ModelError, StudyError

if TYPE_CHECKING:
    from bakeoff.preflight.beginning import Beginning
    from bakeoff.preflight.explaining import Explanation
    from bakeoff.preflight.forecast_model import Forecast
    from bakeoff.preflight.readiness import Readiness
    from bakeoff.records.paths import RunFolder
    from bakeoff.records.specs import Plan, TrialSpec
    from bakeoff.running.plan_run import Materials
    from bakeoff.study.model import Study
    from bakeoff.study.planning import PlanFacts


@dataclass(frozen=True)
class PlannedStudy:
    """A study that can run on this machine.

    Attributes:
        study: the resolved study.
        plan: its trials; of a study in phases, those of the first.
        facts: what plans are made from.
        materials: where its datasets and models lie.
        argument: what the user would call it by: a built-in study's name, or the absolute path of the file.
        beside: the folder beside which its runs stand: the study's own, or the current one for a built-in study.
        stored: whether it was read from a run folder, so that the plans that stand there are what is run.
    """

    study: Study
    plan: Plan
    facts: PlanFacts
    materials: Materials
    argument: str
    beside: Path
    stored: bool = False


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
    from bakeoff.data.composing import compose
    from bakeoff.data.own import import_files
    from bakeoff.data.store import find_dataset
    from bakeoff.hub.models import locate_model
    from bakeoff.records.environment import available_cores, bf16_is_fast
    from bakeoff.records.paths import Home
    from bakeoff.running.plan_run import Materials
    from bakeoff.study.loading import built_in_studies, find_study, load_study
    from bakeoff.study.planning import (
        DatasetFacts,
        MachineFacts,
        PlanFacts,
        needed_compositions,
        needed_datasets,
        needed_files,
        needed_models,
    )

    home, path = Home.default(), find_study(str(study))
    resolved = load_study(path, profile, overrides)
    import_files(home, needed_files(resolved))
    composed = [compose(home, composition) for composition in needed_compositions(resolved).values()]
    datasets = [*(find_dataset(home, name) for name in needed_datasets(resolved)), *composed]
    models = {request.key: locate_model(home, request.name, request.revision) for request in needed_models(resolved)}
    facts = PlanFacts(
        datasets={
            dataset.name: DatasetFacts(dataset.name, dataset.fingerprint, dataset.labels, dataset.sizes) for dataset in datasets
        },
        models={key: model.spec for key, model in models.items()},
        machine=MachineFacts(cores=available_cores(), bf16=bf16_is_fast()),
    )
    built_in = path in built_in_studies().values()
    return PlannedStudy(
        study=resolved,
        plan=facts.first_plan(resolved),
        facts=facts,
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
    from bakeoff.data.choosing import Columns
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
    from bakeoff.records.environment import available_cores, bf16_is_fast
    from bakeoff.records.paths import Home
    from bakeoff.running.plan_run import Materials
    from bakeoff.running.standing import read_plan
    from bakeoff.study.loading import load_study
    from bakeoff.study.planning import DatasetFacts, MachineFacts, PlanFacts

    home, plan_, study = Home.default(), read_plan(run), load_study(run.study)
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
    found = {print_: find_dataset(home, name, print_) for print_, name in datasets.items()}
    return PlannedStudy(
        study=study,
        plan=plan_,
        facts=PlanFacts(
            datasets={one.name: DatasetFacts(one.name, one.fingerprint, one.labels, one.sizes) for one in found.values()},
            models={f"{spec.name}@{spec.revision}" if spec.revision else spec.name: spec for spec in models.values()},
            machine=MachineFacts(cores=available_cores(), bf16=bf16_is_fast()),
        ),
        materials=Materials(datasets={print_: one.folder for print_, one in found.items()}, models=folders),
        argument=str(run.study),
        beside=run.root.parent,
        stored=True,
    )
