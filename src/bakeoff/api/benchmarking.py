"""The benchmark of a run: each way to use its models, launch after launch in processes of their own, compared and shown."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from bakeoff.api.runs import find_run
from bakeoff.api.served import CLASSIFIER, EXPORTED, Choice, find_trial, one_of, served_export, served_trial
from bakeoff.errors import BakeoffError, RunError

if TYPE_CHECKING:
    from bakeoff.analysis.bench_model import Bench
    from bakeoff.analysis.benchmarking import Measured
    from bakeoff.analysis.folder import TrialRecord
    from bakeoff.records.benchmarks import BenchOrder, Launch, Way
    from bakeoff.records.paths import RunFolder
    from bakeoff.records.serving import Form, Served
    from bakeoff.records.specs import Precision, TaskSpec

Told = Callable[[str], None]
ADAPTERS: dict[Way, int] = {"adapters-2": 2, "adapters-3": 3}
FORMS: dict[Way, Form] = {"whole": "merged", "whole-bf16": "merged", "onnx": "onnx", "onnx-int8": "onnx-int8"}
"""Which export each way needs; whole models that were trained as such stand already."""
CHECK = 0
LORA = "lora"


@dataclass(frozen=True)
class BenchOptions:
    """How a benchmark is made.

    Attributes:
        task: the task; empty takes the only one.
        recipes: the recipes; empty takes all whose models were kept.
        ways: ways to use them (see `bakeoff.records.benchmarks.Way`); empty takes all.
        launches: timed processes of each way.
        texts: validation texts that each is timed on.
        warm_up: requests before the first that is timed.
        batch_sizes: texts of a request whose throughput is measured.
        examples: validation examples whose answers are compared, at most; of questions all.
        threads: CPU threads; None means all cores.
    """

    task: str = ""
    recipes: Sequence[str] = ()
    ways: Sequence[str] = ()
    launches: int = 5
    texts: int = 300
    warm_up: int = 20
    batch_sizes: Sequence[int] = (8, 32, 128)
    examples: int = 1000
    threads: int | None = None


@dataclass(frozen=True)
class _Variant:
    """One way to use one model, and where its launches stand."""

    record: TrialRecord
    way: Way
    models: list[Served]
    precision: Precision
    sizes: tuple[int, int]

    @property
    def recipe(self) -> str:
        return self.record.spec.recipe.name

    @property
    def name(self) -> str:
        merged = self.way.replace("whole", "merged") if self.models[0].recipe.method.name == LORA else self.way
        return f"{self.recipe} {merged}"


@dataclass
class _Course:
    """A benchmark under way."""

    run: RunFolder
    options: BenchOptions
    task: TaskSpec
    dataset: Path
    told: Told
    machine: dict[str, object]
    left_out: list[str] = field(default_factory=list)
    spent: list[float] = field(default_factory=list)


def bench(
    run: str | Path | None = None, options: BenchOptions | None = None, told: Told = lambda _: None
) -> tuple[Bench, RunFolder]:
    """Measure what it costs to use the models of a run; a benchmark that was interrupted goes on.

    Args:
        run: a run whose models were kept, as for `find_run`.
        options: how it is measured.
        told: told what is done.

    Returns:
        The benchmark, which also stands in `bench.json` and `bench.html`, and the run.

    Raises:
        RunError: if no model was kept, or there is no such task, recipe or way.
        JobError: if a launch failed.
        DataError: if the dataset is not here.
    """
    from bakeoff.report.bench_page import write_bench_page

    asked, folder = options or BenchOptions(), find_run(run)
    _check_ways(asked.ways)
    course, records = _begin(folder, asked, told)
    variants = [one for record in records for one in _variants(course, record)]
    if not variants:
        raise RunError("nothing can be measured", str(folder.root), "; ".join(course.left_out))
    _launch_all(course, variants)
    found = _sum_up(course, variants)
    found.write(folder.bench)
    write_bench_page(folder, found)
    return found, folder


def _check_ways(ways: Sequence[str]) -> None:
    from bakeoff.records.benchmarks import Way

    known = get_args(Way)
    wrong = next((way for way in ways if way not in known), None)
    if wrong is not None:
        raise RunError(f"there is no way {wrong!r} to use a model", "--way", f"of {', '.join(known)}")


def _begin(folder: RunFolder, asked: BenchOptions, told: Told) -> tuple[_Course, list[TrialRecord]]:
    """The task, and a trial of each recipe: the best on validation of those whose models were kept."""
    from bakeoff.analysis.folder import chosen_phase, read_plans
    from bakeoff.data.store import find_dataset
    from bakeoff.records.environment import cpu_facts, package_versions
    from bakeoff.records.paths import Home

    plans = read_plans(folder)
    trials = plans[chosen_phase(plans)].trials
    name = one_of("task", asked.task, list(dict.fromkeys(trial.task.name for trial in trials)), folder)
    known = list(dict.fromkeys(trial.recipe.name for trial in trials if trial.task.name == name))
    for recipe in asked.recipes:
        if recipe not in known:
            raise RunError(f"the run has no recipe {recipe!r} on {name}", str(folder.root), f"one of {', '.join(known)}")
    task = next(trial.task for trial in trials if trial.task.name == name)
    dataset = find_dataset(Home.default(), task.dataset, task.fingerprint).folder
    machine: dict[str, object] = {"cpu": cpu_facts(), "packages": package_versions()}
    course = _Course(folder, asked, task, dataset, told, machine)
    records: list[TrialRecord] = []
    for recipe in asked.recipes or known:
        try:
            records.append(find_trial(folder.root, Choice(recipe, name))[1])
        except RunError as error:
            course.left_out.append(f"{recipe}: {error.what}")
    if not records:
        remedy = "set `keep: best` (or all) in the study and run it with --new: a model that was removed cannot be had back"
        raise RunError(f"no model that can be put to use was kept on {name}", str(folder.root), remedy)
    return course, records


def _variants(course: _Course, record: TrialRecord) -> Iterator[_Variant]:
    """The ways to use one model, the reference first."""
    own = served_trial(course.run, record)
    is_lora = own.recipe.method.name == LORA
    # the reference is always measured: without it nothing could be said of the others
    yield _Variant(record, "adapter" if is_lora else "whole", [own], "fp32", _sizes([own]))
    if is_lora:
        yield from _several(course, record, own)
    elif _is_wanted(course, "whole-bf16"):
        yield _Variant(record, "whole-bf16", [own], "bf16", _sizes([own]))
    forms = {way: form for way, form in FORMS.items() if _is_wanted(course, way) and (is_lora or form != "merged")}
    exports = _exported(course, record, list(dict.fromkeys(forms.values())))
    for way, form in forms.items():
        if form in exports:
            yield _Variant(record, way, [exports[form]], "bf16" if way == "whole-bf16" else "fp32", _sizes([exports[form]]))


def _is_wanted(course: _Course, way: Way) -> bool:
    return not course.options.ways or way in course.options.ways


def _sizes(models: list[Served]) -> tuple[int, int]:
    """Bytes of the models' own folders, and of the weights of the pretrained model that they share."""
    own = sum(path.stat().st_size for served in models for path in Path(served.folder).rglob("*") if path.is_file())
    base = models[0].base
    return own, sum(path.stat().st_size for path in Path(base).glob("*.safetensors")) if base else 0


def _several(course: _Course, record: TrialRecord, own: Served) -> Iterator[_Variant]:
    """Several adapters on one pretrained model: of other seeds first, then of other recipes."""
    from bakeoff.analysis.folder import chosen_phase, read_plans, read_trial

    plans, spec = read_plans(course.run), record.spec
    trials = [
        trial
        for trial in plans[chosen_phase(plans)].trials
        if trial.task.name == spec.task.name and trial.recipe.method.name == LORA and trial.id != spec.id
    ]
    others: list[Served] = []
    for trial in sorted(trials, key=lambda trial: trial.recipe.name != spec.recipe.name):
        found = read_trial(course.run, trial)
        if found.result is None or not (found.folder.model / CLASSIFIER).is_file():
            continue
        other = served_trial(course.run, found)
        if (other.base, other.recipe.pooling, other.packed) == (own.base, own.recipe.pooling, own.packed):
            others.append(other)
    for way, count in ADAPTERS.items():
        models = [own, *others][:count]
        if not _is_wanted(course, way):
            continue
        if len(models) < count:
            course.left_out.append(f"{spec.recipe.name} {way}: kept adapters that stand on its base: {len(models)}")
        else:
            yield _Variant(record, way, models, "fp32", _sizes(models))


def _exported(course: _Course, record: TrialRecord, forms: list[str]) -> dict[str, Served]:
    """Exports of one model by form: those that stand already, and those that are made now."""
    missing = [form for form in forms if _standing_export(course, record, form) is None]
    if missing and not _export(course, record, missing) and len(missing) > 1:
        for form in missing:
            _export(course, record, [form])
    found = {form: _standing_export(course, record, form) for form in forms}
    return {form: served for form, served in found.items() if served is not None}


def _export(course: _Course, record: TrialRecord, forms: list[str]) -> bool:
    """Whether forms could be exported; of a form that was tried alone, why not is told."""
    from bakeoff.api.exports import ExportOptions, export

    recipe, spec = record.spec.recipe.name, record.spec
    course.told(f"exporting {recipe} as {', '.join(forms)}")
    choice = Choice(recipe, spec.task.name, spec.seed)
    try:
        export(course.run.root, choice, ExportOptions(tuple(forms), threads=course.options.threads))
    except BakeoffError as error:
        if len(forms) == 1:
            course.left_out.append(f"{recipe} {forms[0]}: {error.what}")
        return False
    return True


def _standing_export(course: _Course, record: TrialRecord, form: str) -> Served | None:
    from bakeoff.api.exports import export_folder
    from bakeoff.records.serving import Export

    folder = export_folder(course.run, record.spec.id, form)
    if not (folder / EXPORTED).is_file() or Export.read(folder / EXPORTED).trial != record.spec.id:
        return None
    return served_export(folder, Choice())


def _launch_all(course: _Course, variants: list[_Variant]) -> None:
    """Every launch that does not stand already: first the checks, then round after round, each way once a round."""
    rounds = range(1, course.options.launches + 1)
    due = [(one, CHECK) for one in variants]
    # each round begins with another way, so that none always follows the same one
    due += [(variants[(place + number) % len(variants)], number) for number in rounds for place in range(len(variants))]
    missing = [(one, number) for one, number in due if _stands(course, one, number) is None]
    if stood := len(due) - len(missing):
        course.told(f"{stood} of {len(due)} launches stand already")
    for place, (one, number) in enumerate(missing):
        what = f"round {number}" if number else "answers are checked"
        course.told(f"{one.name}: {what}, {place + 1} of {len(missing)}{_time_left(course, len(missing) - place)}")
        start = time.monotonic()
        _launch(course, one, number)
        course.spent.append(time.monotonic() - start)


def _time_left(course: _Course, launches: int) -> str:
    if not course.spent:
        return ""
    minutes = sum(course.spent) / len(course.spent) * launches / 60
    return f", about {max(1, round(minutes))} min left"


def _file(course: _Course, one: _Variant, number: int) -> Path:
    return course.run.launches / f"{one.record.spec.id}-{one.way}" / f"{number}.json"


def _order(course: _Course, one: _Variant, number: int) -> BenchOrder:
    from bakeoff.records.benchmarks import BenchOrder
    from bakeoff.records.environment import available_cores

    asked = course.options
    return BenchOrder(
        models=one.models,
        threads=asked.threads or available_cores(),
        precision=None if one.way.startswith("onnx") else one.precision,
        dataset=str(course.dataset),
        validation=str(one.record.folder.validation),
        examples=0 if number else asked.examples,
        texts=asked.texts,
        warm_up=asked.warm_up,
        batch_sizes=list(asked.batch_sizes),
    )


def _stands(course: _Course, one: _Variant, number: int) -> Launch | None:
    from bakeoff.records.benchmarks import standing

    return standing(_file(course, one, number), _order(course, one, number).asked(course.machine))


def _launch(course: _Course, one: _Variant, number: int) -> None:
    """One process; what it measured is put into place when it has ended."""
    from bakeoff.records.benchmarks import ANSWERS, Launch
    from bakeoff.records.files import move_into_place
    from bakeoff.records.specs import JobSpec
    from bakeoff.running import oneoff

    job, target = course.run.job(f"bench-{os.getpid()}"), _file(course, one, number)
    order = _order(course, one, number)
    shutil.rmtree(job.root, ignore_errors=True)
    job.root.mkdir(parents=True)
    order.write(job.order)
    outcome = oneoff.run_job(job, JobSpec(kind="bench", id=job.root.name))
    target.parent.mkdir(parents=True, exist_ok=True)
    if order.checks:
        target.unlink(missing_ok=True)
        move_into_place(job.product / ANSWERS, target.with_name(ANSWERS))
    launch = {"asked": order.asked(course.machine), "number": number, "peak_bytes": outcome.peak_bytes, **outcome.facts}
    Launch.model_validate(launch).write(target)
    shutil.rmtree(job.root)


def _measured(course: _Course, one: _Variant) -> Measured:
    from bakeoff.analysis.benchmarking import Measured
    from bakeoff.records.benchmarks import ANSWERS
    from bakeoff.records.results import Outputs

    launches = [_stands(course, one, number) for number in range(1, course.options.launches + 1)]
    return Measured(
        name=one.name,
        recipe=one.recipe,
        way=one.way,
        seed=one.record.spec.seed,
        trials=[served.trial for served in one.models],
        sizes=one.sizes,
        decision=one.models[0].decision,
        launches=[launch for launch in launches if launch is not None],
        answers=Outputs.read(_file(course, one, CHECK).with_name(ANSWERS)),
    )


def _sum_up(course: _Course, variants: list[_Variant]) -> Bench:
    from bakeoff.analysis.bench_model import Bench
    from bakeoff.analysis.benchmarking import contrasts_of, variants_of
    from bakeoff.analysis.folder import chosen_phase, read_plans
    from bakeoff.catalog import registry
    from bakeoff.records.environment import available_cores, environment

    ways = [_measured(course, one) for one in variants]
    plans, asked = read_plans(course.run), course.options
    higher_is_better = registry.metric(course.task.metric.partition("@")[0]).higher_is_better
    return Bench(
        study=plans[chosen_phase(plans)].study,
        task=course.task.name,
        metric=course.task.metric,
        higher_is_better=higher_is_better,
        threads=asked.threads or available_cores(),
        texts=len(ways[0].launches[0].latencies),
        warm_up=asked.warm_up,
        launches=asked.launches,
        batch_sizes=list(asked.batch_sizes),
        machine=environment(),
        busiest=max(launch.busy for one in ways for launch in one.launches),
        variants=variants_of(course.task, ways, higher_is_better),
        contrasts=contrasts_of(course.task, ways),
        left_out=course.left_out,
    )
