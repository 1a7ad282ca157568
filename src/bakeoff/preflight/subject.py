"""What checks look at: a study with its data, models, plan and machine, each found once, faults kept instead of raised."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from bakeoff.data.composing import compose
from bakeoff.data.dataset import Dataset, open_dataset
from bakeoff.data.own import import_files
from bakeoff.data.store import find_dataset
from bakeoff.errors import BakeoffError, Fault, ModelError, StudyError
from bakeoff.hub.models import LocatedModel, locate_model
from bakeoff.preflight.costs import Costs, read_costs
from bakeoff.preflight.forecast import forecast
from bakeoff.preflight.forecast_model import Forecast, Sources, TrialForecast
from bakeoff.preflight.lengths import Lengths, measure_lengths
from bakeoff.preflight.machine import Machine, read_machine
from bakeoff.preflight.shapes import ModelShape, read_shape
from bakeoff.records.compositions import Composition
from bakeoff.records.limits import rows_within
from bakeoff.records.paths import Home, RunFolder, run_folder
from bakeoff.records.specs import Plan, TrialSpec
from bakeoff.study.loading import built_in_studies, find_study, load_study
from bakeoff.study.model import ModelRequest, Study
from bakeoff.study.planning import (
    DatasetFacts,
    MachineFacts,
    make_plan,
    needed_compositions,
    needed_datasets,
    needed_files,
    needed_models,
)
from bakeoff.study.shape import Columns


@dataclass(frozen=True)
class Asked:
    """What a user asked for.

    Attributes:
        study: path of a study file, or the name of a built-in study.
        profile: the profile laid over it.
        overrides: values laid over both, each `path.to.key=value`.
        run_dir: the run folder; None means the usual one.
        workers: trials that run at a time.
    """

    study: str
    profile: str | None = None
    overrides: Sequence[str] = ()
    run_dir: Path | None = None
    workers: int = 1

    def words(self, verb: str) -> list[str]:
        """The command for the same study with another verb.

        Args:
            verb: such as `fetch`.

        Returns:
            The command's words.
        """
        words = ["bakeoff", verb, self.study]
        words += ["--profile", self.profile] if self.profile else []
        return words + [word for override in self.overrides for word in ("--set", override)]


@dataclass
class Subject:
    """All that checks look at.

    Attributes:
        asked: what the user asked for.
        home: where data, models and token stores are kept.
        machine: the machine.
        study: the resolved study; None if it has faults.
        faults: faults of the study, those that only the plan shows included.
        datasets: each dataset that the study needs, or why it is not here.
        models: each pretrained model that the study needs, or why it is not here.
        plan: the trials; None if a fault, a dataset or a model stands against it.
    """

    asked: Asked
    home: Home
    machine: Machine
    study: Study | None = None
    faults: list[Fault] = field(default_factory=list)
    datasets: dict[str, Dataset | BakeoffError] = field(default_factory=dict)
    models: dict[ModelRequest, LocatedModel | BakeoffError] = field(default_factory=dict)
    plan: Plan | None = None

    @property
    def whole_datasets(self) -> dict[str, Dataset]:
        """The datasets that are here and whole."""
        return {name: found for name, found in self.datasets.items() if isinstance(found, Dataset)}

    @property
    def whole_models(self) -> dict[ModelRequest, LocatedModel]:
        """The models that are here and whole."""
        return {request: found for request, found in self.models.items() if isinstance(found, LocatedModel)}

    @property
    def run(self) -> RunFolder:
        """Where the study would be carried out."""
        if self.asked.run_dir is not None:
            return RunFolder(self.asked.run_dir.absolute())
        assert self.study is not None
        built_in = self.study.path in built_in_studies().values()
        beside = Path.cwd() if built_in else self.study.path.parent
        return run_folder(beside, self.study.name, self.study.profile)

    @property
    def pairs(self) -> list[tuple[str, str, ModelRequest]]:
        """Task, recipe and model of each recipe on each task that has one."""
        assert self.study is not None
        return [(task, name, recipe.model) for name, task, recipe in self.study.pairs if recipe.model is not None]

    @property
    def tasks(self) -> list[str]:
        """Names of the study's tasks."""
        assert self.study is not None
        return list(self.study.tasks)

    def test_rows(self, task: str) -> int | None:
        """Examples of a task's test split that the study uses.

        Args:
            task: the task's name.

        Returns:
            How many; None if its data are not here.
        """
        assert self.study is not None
        entry = self.study.tasks[task]
        dataset = self.whole_datasets.get(entry.dataset)
        size = dataset.size("test") if dataset and "test" in dataset.splits else None
        limit = rows_within(entry.test_limit, size) if size else None
        return min(size, limit) if size and limit else size

    @cached_property
    def waiting(self) -> list[TrialSpec]:
        """Trials of the plan that have no result yet."""
        assert self.plan is not None
        return [trial for trial in self.plan.trials if not self.run.trial(trial.id).result.is_file()]

    @cached_property
    def lengths(self) -> dict[tuple[str, str], Lengths]:
        """Lengths of texts in tokens, by fingerprint of the dataset and of the model."""
        return {
            (dataset.fingerprint, model.spec.fingerprint): measure_lengths(dataset, model.folder)
            for dataset in self.whole_datasets.values()
            for model in self.whole_models.values()
        }

    @cached_property
    def costs(self) -> Costs:
        """What trials cost on this machine so far."""
        return read_costs(self.home)

    @cached_property
    def sources(self) -> Sources:
        """What forecasts are made from."""
        folders = {found.spec.fingerprint: found.folder for found in self.whole_models.values()}
        datasets = {found.fingerprint: found for found in self.whole_datasets.values()}
        gpus = self.machine.gpus.found if self.machine.torch_cuda else ()
        return Sources(datasets, folders, self.lengths, self.costs, gpus[0].name if gpus else "cpu")

    @cached_property
    def forecast(self) -> Forecast:
        """What is left of the plan will cost."""
        assert self.study is not None
        return forecast(self.waiting, self.study.keep, self.sources)

    def forecast_of(self, trial: TrialSpec) -> TrialForecast:
        """What one trial will cost.

        Args:
            trial: a trial of the plan.

        Returns:
            The forecast.
        """
        assert self.study is not None
        return forecast([trial], self.study.keep, self.sources).trials[0]


def whole_shapes(subject: Subject) -> Iterator[tuple[ModelRequest, LocatedModel, ModelShape]]:
    """The size of each model that is here and can be read.

    Args:
        subject: what is looked at.

    Yields:
        Request, model and shape; a model that cannot be read is left out, and `model-weights` says what is wrong with it.
    """
    for request, found in subject.whole_models.items():
        try:
            yield request, found, read_shape(found.folder)
        except ModelError:
            continue


def gather(asked: Asked, home: Home | None = None, machine: Machine | None = None) -> Subject:
    """Find all that checks look at.

    Args:
        asked: what the user asked for.
        home: where data and models are kept; None means this process's.
        machine: the machine; None means this one.

    Returns:
        The subject. Packaged data are stored if they are not yet; nothing else is written.
    """
    subject = Subject(asked, home or Home.default(), machine or read_machine())
    try:
        subject.study = load_study(find_study(asked.study), asked.profile, asked.overrides)
        files = needed_files(subject.study)
    except StudyError as error:
        subject.faults = error.faults
        return subject
    for name in needed_datasets(subject.study):
        subject.datasets[name] = _dataset(subject.home, name, {name: files[name]} if name in files else {})
    for name, composition in needed_compositions(subject.study).items():
        found = _composed(subject, composition)
        if found is not None:
            subject.datasets[name] = found
    for request in needed_models(subject.study):
        subject.models[request] = _model(subject.home, request)
    if len(subject.whole_datasets) == len(subject.datasets) and len(subject.whole_models) == len(subject.models):
        _plan(subject, subject.study)
    return subject


def _composed(subject: Subject, composition: Composition) -> Dataset | BakeoffError | None:
    """What a task's sources are together; None while one of them is not here, which is said of that one."""
    if any(source.dataset not in subject.whole_datasets for source in composition.sources):
        return None
    try:
        return compose(subject.home, composition)
    except BakeoffError as error:
        return error


def _dataset(home: Home, name: str, own: dict[str, tuple[str, Columns]]) -> Dataset | BakeoffError:
    try:
        import_files(home, own)
        return open_dataset(find_dataset(home, name).folder, verify=True)
    except BakeoffError as error:
        return error


def _model(home: Home, request: ModelRequest) -> LocatedModel | BakeoffError:
    try:
        return locate_model(home, request.name, request.revision)
    except BakeoffError as error:
        return error


def _plan(subject: Subject, study: Study) -> None:
    datasets = {
        name: DatasetFacts(name, found.fingerprint, found.labels, found.sizes) for name, found in subject.whole_datasets.items()
    }
    models = {request.key: found.spec for request, found in subject.whole_models.items()}
    try:
        subject.plan = make_plan(study, datasets, models, MachineFacts(subject.machine.cores, subject.machine.bf16))
    except StudyError as error:
        subject.faults = error.faults
