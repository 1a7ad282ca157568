"""Drift: claims understood and answered, intervals by seeds and examples, what is averaged over."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from bakeoff.analysis.drift_model import Drift, Spread
from bakeoff.analysis.drifting import Layers, TaskLayers, answer, measure_task, parse_claim
from bakeoff.errors import DataError, RunError
from bakeoff.records.files import sha256_file
from bakeoff.records.representations import VECTORS, Representation
from bakeoff.records.specs import TaskSpec
from bakeoff.report.drift_page import layer_words, ratio
from bakeoff.stats.replicates import Replicates

EXAMPLES, WIDTH = 120, 16


def layers(folder: Path, vectors: list[np.ndarray]) -> Layers:
    folder.mkdir()
    save_file({f"layer.{place}": layer.astype(np.float32) for place, layer in enumerate(vectors)}, folder / VECTORS)
    ids = [str(number) for number in range(EXAMPLES)]
    digest = sha256_file(folder / VECTORS)
    Representation(asked={}, layers=len(vectors), width=WIDTH, ids=ids, clusters=[], sha256=digest).write(folder)
    return Layers.open(folder)


@pytest.fixture
def read(tmp_path: Path) -> TaskLayers:
    """A base of three layers, and two recipes that move its last two: `far` much, `near` a little, each seed in its way."""
    generator = np.random.default_rng(0)
    base = [generator.normal(size=(EXAMPLES, WIDTH)) for _ in range(3)]

    def moved(amount: float) -> list[np.ndarray]:
        return [base[0], *(layer + amount * generator.normal(size=layer.shape) for layer in base[1:])]

    start = layers(tmp_path / "base", base)
    amounts = {"far": 0.8, "near": 0.2}
    tuned = {
        recipe: {seed: layers(tmp_path / f"{recipe}-{seed}", moved(amount)) for seed in range(5)}
        for recipe, amount in amounts.items()
    }
    scores = {recipe: dict.fromkeys(range(5), 0.5) for recipe in amounts}
    task = TaskSpec(
        name="toy", kind="single-label", dataset="toy", fingerprint="0", metric="accuracy", max_length=8, data_seed=0
    )
    return TaskLayers(task, dict.fromkeys(amounts, start), tuned, scores)


def test_what_moved_more_drifts_more_and_the_embeddings_not_at_all(read: TaskLayers) -> None:
    found, _ = measure_task(read)
    assert found.chosen_layers == [1, 2]
    far, near = found.recipes
    assert far.layers[0].cka.mean == pytest.approx(0.0, abs=1e-6)
    assert far.layers[0].between_seeds == pytest.approx(0.0, abs=1e-6)
    assert far.drift.mean > 5 * near.drift.mean > 0
    # independent noise of variance a² on vectors of variance 1 takes about a²/(1 + a²) of the squared correlation
    assert far.drift.mean == pytest.approx(1 - 1 / 1.64, abs=0.06)
    assert near.drift.low < near.drift.mean < near.drift.high < far.drift.low
    assert far.between_seeds > far.drift.mean
    (pair,) = found.pairs
    assert (pair.a, pair.b) == ("near", "far")
    assert 0 < pair.ratio.low < pair.ratio.mean < pair.ratio.high < 0.5
    assert 0 < pair.smallest_visible < far.drift.mean
    assert measure_task(read, [0, 1])[0].recipes[0].drift.mean == pytest.approx(far.layers[1].cka.mean / 2, abs=1e-6)
    with pytest.raises(RunError, match="no layer 3"):
        measure_task(read, [3])


def test_claims_are_answered_and_corrected_for_all_of_them(read: TaskLayers) -> None:
    _, drifts = measure_task(read)
    sentences = (
        "near drifts at least 20% less than far on toy",
        "far drifts less than near",
        "near drifts at least 92% less than far",
    )
    found = answer([parse_claim(text) for text in sentences], {"toy": drifts})
    assert [one.answer for one in found[:2]] == ["supported", "refuted"]
    assert all(one.corrected_p >= one.p for one in found)
    with pytest.raises(RunError, match="nothing was read of the task other"):
        answer([parse_claim("near drifts less than far on other")], {"toy": drifts})
    with pytest.raises(RunError, match="nothing was read of third"):
        answer([parse_claim("near drifts less than third")], {"toy": drifts})


def test_one_seed_decides_nothing() -> None:
    groups = np.full(10, 12)
    one = Replicates((1,), np.array([0.1]), np.full((1, 10), 0.1), groups)
    other = Replicates((1,), np.array([0.9]), np.full((1, 10), 0.9), groups)
    (found,) = answer([parse_claim("a drifts less than b")], {"toy": {"a": one, "b": other}})
    assert (found.answer, found.p, found.contrast.low) == ("undecided", 1.0, -math.inf)


def test_sentences_are_understood() -> None:
    claim = parse_claim("lora drifts at least 20% less than full on sst2")
    assert (claim.a, claim.b, claim.share, claim.task) == ("lora", "full", 0.2, "sst2")
    assert parse_claim("a drifts less than b").share == 0
    for text in ("lora beats full", "a drifts at least 100% less than b", "a drifts more than b", ""):
        with pytest.raises(RunError, match="nothing about drift"):
            parse_claim(text)


def test_changed_vectors_are_refused_and_the_file_says_all(read: TaskLayers, tmp_path: Path) -> None:
    found, drifts = measure_task(read)
    drift = Drift(
        study="toy", pooling="mean", tasks=[found], claims=answer([parse_claim("near drifts less than far")], {"toy": drifts})
    )
    drift.write(tmp_path / "drift.json")
    assert Drift.read(tmp_path / "drift.json") == drift
    path = tmp_path / "base" / VECTORS
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(DataError, match="not what was written"):
        Layers.open(tmp_path / "base")


def test_ratios_are_said_in_words() -> None:
    assert ratio(Spread(values=[], mean=0.4, low=-0.1, high=0.7)) == "60 % less (30 % less to 100 % less)"
    assert ratio(Spread(values=[], mean=1.5, low=-math.inf, high=math.inf)) == "50 % more (interval without end)"


def test_layers_in_words() -> None:
    said = [layer_words(layers) for layers in ([1, 2, 3], [5, 2], [6], [0, 1], [1, 2, 4])]
    assert said == ["layers 1 to 3", "layers 2, 5", "layer 6", "layers 0, 1", "layers 1, 2, 4"]
