"""What trials will cost before they run: steps, tokens, time, memory and disk, each with a range.

A trial's time is an overhead and a rate for each token that it trains on and each that it only runs. The rates are those
of the nearest measurement on this machine; without one they follow from the model's size, and the range says how little that
is worth. Finished trials mend the whole by the ratio of what they took to what was foretold.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from bakeoff.catalog.cards import MethodCard
from bakeoff.catalog.registry import cards
from bakeoff.data.dataset import open_dataset
from bakeoff.data.limits import sample_rows
from bakeoff.data.treatments.drawing import draws_of
from bakeoff.preflight.costs import Cost, CostKey
from bakeoff.preflight.forecast_model import ZERO, Forecast, Range, Sources, TrialForecast, Work
from bakeoff.preflight.shapes import ModelShape, read_shape
from bakeoff.records.environment import available_cores, cpu_facts
from bakeoff.records.specs import TaskSpec, TreatmentSpec, TrialSpec
from bakeoff.study.methods import reads_features

FORWARD_SHARE = 1 / 3
"""A forward pass has a third of the arithmetic of a forward and a backward pass."""
GUESSED_FLOPS = {"fp32": 2.5e10, "fp16": 2.5e10, "bf16": 5e10}
"""Arithmetic a second of one CPU core, before anything was measured: between a laptop's and a server's."""
GUESSED_OVERHEAD, GUESSED_EXAMPLE, GUESSED_CACHED = 2.0, 2e-4, 1e-4
"""Seconds of a start, of an example for a method without a model, and of one for a head on cached features."""
BASE_BYTES = 600_000_000
"""A process that has imported torch and transformers."""
WEIGHT_BYTES, STATE_BYTES = 4, 16
"""A weight; and one with its gradient and the two moments of Adam, four bytes each."""
ACTIVATION_BYTES = 68
"""Kept for the backward pass, for each token, layer and unit of width, in float32 (twice the 34 of Korthikanti et al. 2022)."""
EVALUATION_TOKENS = 4096
UNMEASURED, SIMILAR, SMOKED, FEW, MANY = 4.0, 1.6, 1.3, 1.25, 1.15
"""By what factor the truth may lie off, by what is known: nothing, a like model, a smoke run, a trial or two, three or more."""
MEMORY_UNMEASURED, MEMORY_SIMILAR, MEMORY_MEASURED = 2.0, 1.4, 1.2
WHOLE_TRIAL = 1.12
"""Memory of a whole trial over that of a smoke run, whose heap has had no time to scatter: the median of ten trials of MiniLM
on GoEmotions (1.04 to 1.20; two threads, glibc). Where trials have finished, their own ratios take its place."""
MANY_TRIALS = 3


def forecast(trials: Sequence[TrialSpec], keep: str, sources: Sources) -> Forecast:
    """Foretell what trials will cost.

    Args:
        trials: which.
        keep: which models the study keeps: none, best, winner or all.
        sources: what is known.

    Returns:
        The forecast.
    """
    shapes = {key: read_shape(folder) for key, folder in sources.models.items()}
    found = [forecast_trial(trial, shapes, keep, sources) for trial in trials]
    # one trial for each token store
    stores = {
        (
            trial.task.fingerprint,
            trial.recipe.model.fingerprint,
            trial.task.max_length,
            trial.task.stride,
            trial.task.long_text,
        ): trial
        for trial in trials
        if trial.recipe.model
    }
    read = _feature_stores(trials)
    return Forecast(
        trials=found,
        token_bytes=sum(_token_bytes(sources, trial) for trial in stores.values()),
        feature_bytes=sum(_feature_bytes(trial, shapes, sources) for trial in read),
        feature_seconds=sum((_feature_seconds(trial, shapes, sources) for trial in read), ZERO),
        kept_bytes=_kept_bytes(trials, shapes, keep),
    )


def _feature_stores(trials: Sequence[TrialSpec]) -> list[TrialSpec]:
    """One trial for each feature store."""
    found: dict[str, TrialSpec] = {}
    for trial in trials:
        if reads_features(trial.recipe) and trial.recipe.model is not None:
            training = trial.recipe.training
            asked = (training.precision, training.threads) if training else ("fp32", 1)
            key = (trial.task.model_copy(update={"metric": ""}), trial.recipe.model.fingerprint, trial.recipe.pooling, asked)
            found.setdefault(str(key), trial)
    return list(found.values())


def _feature_bytes(trial: TrialSpec, shapes: Mapping[str, ModelShape], sources: Sources) -> int:
    assert trial.recipe.model is not None
    vectors = sum(
        _rows(sources, trial.task, split) * (_row_of(sources, trial, split)[1] if trial.task.finds_spans else 1.0)
        for split in ("train", "validation", "test")
    )
    return round(vectors * 4 * shapes[trial.recipe.model.fingerprint].width)


def _feature_seconds(trial: TrialSpec, shapes: Mapping[str, ModelShape], sources: Sources) -> Range:
    """One forward pass over all rows, at the rate of a like training's evaluation."""
    assert trial.recipe.model is not None
    shape = shapes[trial.recipe.model.fingerprint]
    splits = ("train", "validation", "test")
    tokens = sum(_rows(sources, trial.task, split) * _row_of(sources, trial, split)[1] for split in splits)
    work = Work(0, 0, 0.0, tokens, 0, 6.0 * shape.body * tokens * FORWARD_SHARE)
    key = cost_key(trial, shape, sources.device).model_copy(update={"method": "full"})
    near = sources.costs.near(key)
    return _seconds(work, key, shape, None, near)[0]


def _kept_bytes(trials: Sequence[TrialSpec], shapes: Mapping[str, ModelShape], keep: str) -> int:
    """Models of the best trial of each recipe on each task, or of the winner on each task."""
    weights: dict[tuple[str, str], int] = {}
    for trial in trials:
        if trial.recipe.model is not None and keep in ("best", "winner"):
            group = (trial.task.name, trial.recipe.name if keep == "best" else "")
            weights[group] = max(weights.get(group, 0), 4 * shapes[trial.recipe.model.fingerprint].parameters)
    return sum(weights.values())


def forecast_trial(trial: TrialSpec, shapes: Mapping[str, ModelShape], keep: str, sources: Sources) -> TrialForecast:
    """Foretell what one trial will cost.

    Args:
        trial: which.
        shapes: sizes of models by fingerprint.
        keep: which models the study keeps.
        sources: what is known.

    Returns:
        The forecast.
    """
    shape = shapes[trial.recipe.model.fingerprint] if trial.recipe.model else None
    work = work_of(trial, shape, sources)
    key = cost_key(trial, shape, sources.device)
    measured = sources.costs.exact(key)
    near = measured or sources.costs.near(key)
    seconds, known = _seconds(work, key, shape, measured, near)
    weights = 4 * shape.parameters if shape else 0
    outputs = sum(_rows(sources, trial.task, split) for split in ("validation", "test")) * 8
    outputs *= len(sources.datasets[trial.task.fingerprint].labels)
    return TrialForecast(
        trial=trial,
        key=key,
        work=work,
        seconds=seconds,
        peak_bytes=_memory(work, key, shape, measured, near),
        disk_bytes=outputs + (weights if keep == "all" else 0),
        # a checkpoint, the next one beside it (weights and both moments each), and the best weights so far
        passing_bytes=7 * weights,
        known=known,
        measured=measured is not None,
    )


def machine_name() -> str:
    """This machine as costs name it.

    Returns:
        Processor and cores.
    """
    return f"{cpu_facts()['name']}, {available_cores()} cores"


def cost_key(trial: TrialSpec, shape: ModelShape | None, device: str = "cpu") -> CostKey:
    """What the cost of a trial hangs on.

    Args:
        trial: which.
        shape: of its model; None if it has none.
        device: `cpu`, or the GPU's name.

    Returns:
        The key.
    """
    training = trial.recipe.training
    facts: dict[str, object] = {"machine": machine_name(), "device": device, "method": trial.recipe.method.name}
    if shape:
        facts |= {"family": shape.family, "parameters": shape.parameters, "layers": shape.layers, "width": shape.width}
    if training:
        facts |= {
            "threads": training.threads,
            "precision": training.precision,
            "batch_size": training.batch_size,
            "micro_batch_size": training.micro_batch_size,
            "checkpointing": training.gradient_checkpointing,
        }
    return CostKey.model_validate(facts)


def _rows(sources: Sources, task: TaskSpec, split: str) -> int:
    limit = {"train": task.train_limit, "validation": task.validation_limit, "test": task.test_limit}[split]
    dataset = sources.datasets[task.fingerprint]
    size = dataset.size(split) if split in dataset.splits else 0
    return min(size, limit) if limit else size


def work_of(trial: TrialSpec, shape: ModelShape | None, sources: Sources) -> Work:
    """How much there is to compute in a trial.

    Args:
        trial: which.
        shape: of its model; None if it has none.
        sources: what is known.

    Returns:
        Examples, steps and tokens.
    """
    rows = {split: _rows(sources, trial.task, split) for split in ("train", "validation", "test")}
    training = trial.recipe.training
    if training is None or shape is None or trial.recipe.model is None:
        return Work(rows["train"], 0, 0.0, 0.0, 0, 0.0)
    longest = sources.lengths[trial.task.fingerprint, trial.recipe.model.fingerprint].longest(1.0)
    read = {split: _row_of(sources, trial, split) if count else (0.0, 0.0) for split, count in rows.items()}
    drawn = _drawn(sources, trial)
    windows, examples = math.ceil(drawn * read["train"][0]), drawn * training.epochs
    steps = math.ceil(windows / training.batch_size) * training.epochs
    if reads_features(trial.recipe):  # the model runs in a job of its own
        return Work(examples, steps, 0.0, 0.0, 0, 0.0)
    tokens = {split: count * read[split][1] for split, count in rows.items()}
    validations = training.epochs * training.evaluations_per_epoch
    trained = drawn * read["train"][1] * training.epochs
    evaluated = tokens["validation"] * (validations + 1) + tokens["test"]
    return Work(
        examples=examples,
        steps=steps,
        train_tokens=trained,
        evaluation_tokens=evaluated,
        largest_pass=training.micro_batch_size * min(trial.task.max_length, longest),
        flops=6.0 * shape.body * (trained + evaluated * FORWARD_SHARE),
    )


def _drawn(sources: Sources, trial: TrialSpec) -> int:
    """Examples that an epoch draws: some several times, some never, as the recipe's treatment says."""
    dataset, task, treatment = sources.datasets[trial.task.fingerprint], trial.task, trial.recipe.treatment
    if treatment is None or (treatment.mix is None and treatment.sampling is None):
        return _rows(sources, task, "train")
    return _examples_drawn(dataset.folder, task.train_limit, task.data_seed, treatment.model_dump_json())


@lru_cache
def _examples_drawn(folder: Path, limit: int | None, seed: int, treatment: str) -> int:
    dataset = open_dataset(folder)
    rows = sample_rows(dataset, "train", limit, seed)
    return draws_of(TreatmentSpec.model_validate_json(treatment), dataset, rows).size


def _row_of(sources: Sources, trial: TrialSpec, split: str) -> tuple[float, float]:
    """What is passed through the model for an example: how many rows, and their tokens. A long context is several rows."""
    assert trial.recipe.model is not None
    task, lengths = trial.task, sources.lengths[trial.task.fingerprint, trial.recipe.model.fingerprint]
    if task.stride is not None and task.long_text is not None:
        return lengths.pieces(split, task.max_length, task.stride)
    if task.stride is None or split not in lengths.firsts:
        return 1.0, lengths.mean(split, task.max_length)
    return lengths.windows(split, task.max_length, task.stride)


def measured_seconds(cost: Cost, work: Work) -> float:
    """Time of a trial by rates that were measured, without what finished trials say of them.

    Args:
        cost: the rates.
        work: what there is to compute.

    Returns:
        Seconds.
    """
    trained = work.train_tokens or work.examples
    return cost.overhead_seconds + cost.train_seconds * trained + cost.evaluation_seconds * work.evaluation_tokens


def cached(key: CostKey) -> bool:
    """Whether a trial reads cached features in place of running its model.

    Args:
        key: what its cost hangs on.

    Returns:
        What the card of its method says.
    """
    card = cards("method").get(key.method)
    return isinstance(card, MethodCard) and card.features


def guessed_cost(key: CostKey, shape: ModelShape | None, work: Work) -> Cost:
    """What a trial costs before anything was measured.

    Args:
        key: threads and precision.
        shape: of its model; None if it has none.
        work: what there is to compute.

    Returns:
        Rates by the arithmetic of the model.
    """
    train = GUESSED_CACHED if shape is not None else GUESSED_EXAMPLE
    if shape is not None and not cached(key):
        train = 6.0 * shape.body / (GUESSED_FLOPS[key.precision or "fp32"] * max(1, key.threads))
    return Cost(
        key=key,
        train_seconds=train,
        evaluation_seconds=train * FORWARD_SHARE if shape and not cached(key) else 0.0,
        overhead_seconds=GUESSED_OVERHEAD,
        peak_bytes=round(modelled_bytes(key, shape, work.largest_pass)),
        peak_tokens=work.largest_pass,
        source="trial",
    )


def _seconds(work: Work, key: CostKey, shape: ModelShape | None, measured: Cost | None, near: Cost | None) -> tuple[Range, str]:
    guess = guessed_cost(key, shape, work)
    if near is None:
        return Range.around(measured_seconds(guess, work), UNMEASURED), "nothing measured: by the model's size"
    mend = statistics.median(near.ratios.values()) if near.ratios else 1.0
    if measured is None:
        # the nearest measurement, as much slower or faster as the guesses for the two are apart
        like = guess.train_seconds / guessed_cost(near.key, shape, work).train_seconds
        size = key.parameters / near.key.parameters if near.key.parameters else 1.0
        return Range.around(measured_seconds(near, work) * mend * like * size, SIMILAR), "a like model, measured"
    expected = measured_seconds(measured, work) * mend
    count = len(measured.ratios)
    if not count:
        return Range.around(expected, SMOKED), "a smoke run"
    spread = max(max(measured.ratios.values()) / mend, mend / min(measured.ratios.values()))
    return Range.around(
        expected, max(spread, MANY if count >= MANY_TRIALS else FEW)
    ), f"{count} finished trial{'s' if count > 1 else ''}"


def modelled_bytes(key: CostKey, shape: ModelShape | None, tokens: int) -> float:
    """Memory of a trial's process by its model's size alone.

    Args:
        key: precision and checkpointing.
        shape: of its model; None if it has none.
        tokens: of the largest forward pass.

    Returns:
        Bytes.
    """
    if shape is None:
        return BASE_BYTES
    if cached(key):  # the job that runs the model trains nothing of it
        return BASE_BYTES + WEIGHT_BYTES * shape.parameters
    width = ACTIVATION_BYTES * (0.5 if key.precision != "fp32" else 1.0)
    layers = 1 + math.sqrt(shape.layers) if key.checkpointing else shape.layers
    return BASE_BYTES + STATE_BYTES * shape.parameters + width * layers * shape.width * tokens


def _memory(work: Work, key: CostKey, shape: ModelShape | None, measured: Cost | None, near: Cost | None) -> Range:
    modelled = modelled_bytes(key, shape, work.largest_pass)
    if measured is None or not measured.peak_bytes:
        return Range.around(modelled, MEMORY_SIMILAR if near else MEMORY_UNMEASURED)
    started = WHOLE_TRIAL if measured.source == "smoke" and key.device == "cpu" else 1.0
    mend = statistics.median(measured.peaks.values()) if measured.peaks else started
    change = modelled - modelled_bytes(key, shape, measured.peak_tokens)
    return Range.around(max(measured.peak_bytes * mend + change, BASE_BYTES / 4), MEMORY_MEASURED)


def peak_with(foretold: TrialForecast, micro_batch_size: int, checkpointing: bool, sources: Sources) -> float:
    """Memory of a trial whose batches were passed through the model in other parts.

    Args:
        foretold: the trial as it is declared; its method trains a model.
        micro_batch_size: examples of a part.
        checkpointing: whether activations are made again in place of being kept.
        sources: what the forecast was made from.

    Returns:
        Bytes: what was foretold, less what the model's size says that this saves.
    """
    assert foretold.trial.recipe.model is not None
    shape, key = read_shape(sources.models[foretold.trial.recipe.model.fingerprint]), foretold.key
    other = key.model_copy(update={"micro_batch_size": micro_batch_size, "checkpointing": checkpointing})
    tokens = foretold.work.largest_pass * micro_batch_size // max(1, key.micro_batch_size)
    change = modelled_bytes(other, shape, tokens) - modelled_bytes(key, shape, foretold.work.largest_pass)
    return max(foretold.peak_bytes.expected + change, BASE_BYTES / 4)


def _token_bytes(sources: Sources, trial: TrialSpec) -> int:
    found = sources.datasets[trial.task.fingerprint]
    each = {split: _row_of(sources, trial, split) for split in found.splits}
    token = 12 if trial.task.finds_spans else 4  # with where it stands in the text
    return round(sum(found.size(split) * (token * tokens + 8 * rows) for split, (rows, tokens) in each.items()))
