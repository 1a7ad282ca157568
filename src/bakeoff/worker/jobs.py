"""The kinds of jobs that a child carries out, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bakeoff.errors import CollectiveError
from bakeoff.records.paths import AttemptFolder, TrialFolder
from bakeoff.records.specs import JobSpec
from bakeoff.training.memory import LackOfMemory, is_lack_of_memory
from bakeoff.training.progress import Preempted, Progress

if TYPE_CHECKING:
    from bakeoff.serving.rows import Texts
    from bakeoff.training.work import Work


def prepare(job: JobSpec, folder: AttemptFolder, progress: Progress) -> dict[str, Any]:  # noqa: ARG001  (every job takes it)
    """Tokenise a dataset once.

    Args:
        job: names dataset, model, length and the store's place.
        folder: the job's folder.
        progress: the child's log.

    Returns:
        Facts of the store.
    """
    from bakeoff.data.dataset import open_dataset
    from bakeoff.tasks.pieces import LongText
    from bakeoff.tasks.tokenizer import load_tokenizer
    from bakeoff.tasks.tokens import build_store
    from bakeoff.tasks.windows import Cut, build_windows

    tokenizer, dataset = load_tokenizer(Path(job.model)), open_dataset(Path(job.dataset))
    if job.stride is not None and job.long_text is None:
        return build_windows(dataset, tokenizer, Cut(job.max_length, job.stride), Path(job.tokens), progress.check)
    long_text = LongText(job.long_text or "truncate", job.stride or 0)
    return build_store(dataset, tokenizer, job.max_length, Path(job.tokens), progress.check, long_text)


def features(job: JobSpec, folder: AttemptFolder, progress: Progress) -> dict[str, Any]:
    """Run a frozen model once over the rows that trials use.

    Args:
        job: names one of the trials, dataset, model, token store and the feature store's place.
        folder: the job's folder.
        progress: the child's log.

    Returns:
        Facts of the store.
    """
    from bakeoff.training.extracting import build_features

    work, _ = _work(job, folder, progress)
    with _short_of_memory(work):
        return build_features(work, Path(job.features))


def train(job: JobSpec, folder: AttemptFolder, progress: Progress) -> dict[str, Any]:
    """Run a trial by its method.

    Args:
        job: names trial, dataset, model and token store.
        folder: the attempt.
        progress: the child's log.

    Returns:
        Deviations, if any.
    """
    from bakeoff.catalog import registry

    work, notes = _work(job, folder, progress)
    with _stopping_together(progress), _short_of_memory(work):
        registry.method(work.trial.recipe.method.name).load()(work)
    return {"deviations": work.deviations, **({"notes": notes} if notes else {})}


def smoke(job: JobSpec, folder: AttemptFolder, progress: Progress) -> dict[str, Any]:
    """Try a recipe before its trials begin.

    Args:
        job: names trial, dataset, model and token store, and what is tried.
        folder: the attempt.
        progress: the child's log.

    Returns:
        What `bakeoff.training.smoke.run_smoke` finds.
    """
    from bakeoff.training.smoke import run_smoke

    work, _ = _work(job, folder, progress)
    with _stopping_together(progress):
        return run_smoke(work, job.smoke)


def _work(job: JobSpec, folder: AttemptFolder, progress: Progress) -> tuple[Work, list[str]]:
    """A trial as its method sees it, and what was noted of the environment."""
    from bakeoff.data.dataset import open_dataset
    from bakeoff.training.arithmetic import settle
    from bakeoff.training.ranks import join, obsolete_variables
    from bakeoff.training.work import Work

    assert job.trial is not None
    training = job.trial.recipe.training
    # processes that share a trial share its threads
    settle(max(1, training.threads // job.ranks) if training else 1, job.deterministic)
    notes = obsolete_variables()
    for note in notes:
        progress.say("note", text=note)
    ranks = join(job.rank, job.ranks, Path(job.rendezvous), job.collective_seconds)
    work = Work(
        trial=job.trial,
        dataset=open_dataset(Path(job.dataset)),
        model=Path(job.model) if job.model else None,
        tokens=Path(job.tokens) if job.tokens else None,
        features=Path(job.features) if job.features and job.kind == "train" else None,
        attempt=folder,
        progress=progress,
        keep_model=job.keep_model,
        dead_probes=job.dead_probes,
        ranks=ranks,
        shared=AttemptFolder(Path(job.rendezvous).parent) if job.rendezvous else None,
        resume=[Path(earlier) for earlier in job.resume],
        checkpoint_seconds=job.checkpoint_seconds,
        checkpoint_steps=job.checkpoint_steps,
        micro_batch_size=job.micro_batch_size,
        evaluation_tokens=job.evaluation_tokens,
        asks=job.asks,
        made_of={trial_id: TrialFolder(Path(folder)) for trial_id, folder in job.made_of.items()},
    )
    return work, notes


@contextmanager
def _stopping_together(progress: Progress) -> Iterator[None]:
    """Where all processes of a trial were asked to stop, one may be gone before another: that is a stop too."""
    try:
        yield
    except CollectiveError as error:
        if progress.stop_asked:
            raise Preempted from error
        raise


@contextmanager
def _short_of_memory(work: Work) -> Iterator[None]:
    """Say with a lack of memory what did not fit: the runner makes that smaller."""
    try:
        yield
    except Exception as error:
        if not is_lack_of_memory(error):
            raise
        raise LackOfMemory(str(error), work.passes()) from error


def convert(job: JobSpec, folder: AttemptFolder, progress: Progress) -> dict[str, Any]:  # noqa: ARG001
    """Turn a file of pickled tensors into safetensors.

    Args:
        job: names source and the folder for the result.
        folder: the job's folder.
        progress: the child's log.

    Returns:
        Hashes of source and result.
    """
    from bakeoff.training.convert import convert_weights

    return convert_weights(Path(job.source), folder.product / "model.safetensors")


def losses(job: JobSpec, folder: AttemptFolder, progress: Progress) -> dict[str, Any]:  # noqa: ARG001
    """Compute how losses behave.

    Args:
        job: names the losses.
        folder: the job's folder.
        progress: the child's log.

    Returns:
        `losses`: what `inspect_loss` finds of each.
    """
    from bakeoff.losses.inspection import inspect_loss

    return {"losses": [inspect_loss(component.name, component.settings) for component in job.losses]}


def predict(job: JobSpec, folder: AttemptFolder, progress: Progress) -> dict[str, Any]:  # noqa: ARG001
    """Answer what is asked on standard input, until it closes.

    Args:
        job: says no more than the kind.
        folder: the job's folder; its `order.json` names the models.
        progress: the child's log.

    Returns:
        How many blocks were answered.
    """
    from bakeoff.records.serving import Order
    from bakeoff.serving.conversation import converse, take_standard_streams
    from bakeoff.training.arithmetic import settle

    streams = take_standard_streams()
    order = Order.read(folder.order)
    settle(order.threads, deterministic=False)
    return {"blocks": converse(order, *streams)}


def export(job: JobSpec, folder: AttemptFolder, progress: Progress) -> dict[str, Any]:  # noqa: ARG001
    """Write a trained model in other forms, with the outputs of each on validation.

    Args:
        job: says no more than the kind.
        folder: the job's folder; its `order.json` names model and forms.
        progress: the child's log.

    Returns:
        The forms.
    """
    from bakeoff.records.results import Outputs
    from bakeoff.records.serving import ExportOrder
    from bakeoff.serving import exporting
    from bakeoff.training.arithmetic import settle

    order = ExportOrder.read(folder.order)
    settle(order.threads, deterministic=False)
    template = Outputs.read(Path(order.validation))
    texts = _texts(order.dataset, template.ids)
    exporting.export(order, texts, template, folder.product, lambda text: progress.say("note", text=text))
    return {"forms": order.forms}


def _texts(dataset: str, ids: list[str]) -> Texts:
    """Texts of validation examples; no text of the test set is looked at."""
    from bakeoff.data.dataset import open_dataset
    from bakeoff.serving.exporting import rows_of
    from bakeoff.serving.rows import Texts

    opened = open_dataset(Path(dataset))
    rows = rows_of(ids, opened.ids("validation"))
    second = opened.seconds("validation", rows) if opened.has("seconds") else None
    return Texts(opened.texts("validation", rows), second)


def drift(job: JobSpec, folder: AttemptFolder, progress: Progress) -> dict[str, Any]:  # noqa: ARG001
    """Run models over texts and keep what each layer makes of them.

    Args:
        job: says no more than the kind.
        folder: the job's folder; its `order.json` names models and texts.
        progress: the child's log.

    Returns:
        How many representations were made, and how many stood already.
    """
    from bakeoff.records.representations import ReadingOrder
    from bakeoff.representations.reading import read_all
    from bakeoff.training.arithmetic import settle

    order = ReadingOrder.read(folder.order)
    settle(order.threads, deterministic=True)
    return read_all(order, progress)


def bench(job: JobSpec, folder: AttemptFolder, progress: Progress) -> dict[str, Any]:  # noqa: ARG001
    """Measure one launch of a model that is put to use, or check its answers.

    Args:
        job: says no more than the kind.
        folder: the job's folder; its `order.json` names models and texts.
        progress: the child's log.

    Returns:
        What was measured (see `bakeoff.records.benchmarks.Launch`).
    """
    from bakeoff.records.benchmarks import BenchOrder
    from bakeoff.records.results import Outputs
    from bakeoff.serving.measuring import Asked, drawn, measure_launch
    from bakeoff.training.arithmetic import settle

    order = BenchOrder.read(folder.order)
    settle(order.threads, deterministic=False)
    template = drawn(order, Outputs.read(Path(order.validation)))
    return measure_launch(order, Asked(_texts(order.dataset, template.ids), template), folder.product, progress)


def adapters(job: JobSpec, folder: AttemptFolder, progress: Progress) -> dict[str, Any]:  # noqa: ARG001
    """Put several adapters on one pretrained model, and see whether each says what it says alone.

    Args:
        job: says no more than the kind.
        folder: the job's folder; its `order.json` names the adapters.
        progress: the child's log.

    Returns:
        `bases`: what was found of each pretrained model.
    """
    from bakeoff.records.adapters import AdapterOrder
    from bakeoff.representations.together import look_at
    from bakeoff.training.arithmetic import settle

    order = AdapterOrder.read(folder.order)
    settle(order.threads, deterministic=True)
    return {"bases": [base.model_dump() for base in look_at(order, progress)]}


def serve(job: JobSpec, folder: AttemptFolder, progress: Progress) -> dict[str, Any]:  # noqa: ARG001
    """Answer over HTTP until told to stop.

    Args:
        job: says no more than the kind.
        folder: the job's folder; its `order.json` names models and limits.
        progress: the child's log.

    Returns:
        Nothing of note.
    """
    from bakeoff.errors import MissingPackageError
    from bakeoff.records.serving import ServeOrder
    from bakeoff.training.arithmetic import settle

    try:
        from bakeoff.serving.web.server import serve as run
    except ModuleNotFoundError as error:
        raise MissingPackageError(error.name or "fastapi", "serving", "serve") from error
    order = ServeOrder.read(folder.order)
    settle(order.threads, deterministic=False)
    run(order, progress.say)
    return {}


def stub(job: JobSpec, folder: AttemptFolder, progress: Progress) -> dict[str, Any]:
    """A job without torch, for trying runners.

    Args:
        job: `stub` says what happens.
        folder: the attempt.
        progress: the child's log.

    Returns:
        Nothing of note.
    """
    from bakeoff.worker.stub import run_stub

    return run_stub(job, folder, progress)


JOBS: dict[str, Callable[[JobSpec, AttemptFolder, Progress], dict[str, Any]]] = {
    "prepare": prepare,
    "features": features,
    "train": train,
    "convert": convert,
    "losses": losses,
    "smoke": smoke,
    "predict": predict,
    "export": export,
    "drift": drift,
    "bench": bench,
    "adapters": adapters,
    "serve": serve,
    "stub": stub,
}
