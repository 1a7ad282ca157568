"""What models make of texts: as the library's own hidden states say, the same in any chunks, kept whole or made again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.numpy import load_file

from bakeoff import api
from bakeoff.analysis.folder import read_plans, read_trial
from bakeoff.api.drifting import DriftOptions, _reading
from bakeoff.errors import ModelError
from bakeoff.records.paths import RunFolder
from bakeoff.records.representations import CARD, VECTORS, Reading, ReadingOrder, Representation, stands
from bakeoff.records.specs import Pooling
from bakeoff.representations.reading import read_all
from bakeoff.tasks.tokenizer import load_tokenizer
from bakeoff.training.backbone import load_pretrained
from bakeoff.training.progress import Progress
from kept import Kept


def reading_of(
    kept: Kept, recipe: str, tuned: bool, task: str = "tiny", pooling: Pooling = "mean", examples: int = 750
) -> Reading:
    trial = next(
        trial for trial in read_plans(kept.run)["final"].trials if (trial.recipe.name, trial.task.name) == (recipe, task)
    )
    return _reading(kept.run, read_trial(kept.run, trial), tuned, DriftOptions(pooling=pooling, examples=examples))


def read(folder: Path, *readings: Reading, chunk: int = 200, memory: int = 8 * 10**9) -> dict[str, int]:
    folder.mkdir(exist_ok=True)
    progress = Progress(folder / "log.jsonl")
    try:
        order = ReadingOrder(folder=str(folder), readings=list(readings), chunk=chunk, memory_bytes=memory)
        return read_all(order, progress)
    finally:
        progress.close()


def vectors(folder: Path, reading: Reading) -> list[np.ndarray]:
    stored = load_file(folder / reading.name / VECTORS)
    return [stored[f"layer.{place}"] for place in range(len(stored))]


@pytest.mark.parametrize("pooling", ["first", "mean", "last"])
def test_the_base_models_vectors_are_the_librarys_hidden_states(kept: Kept, tmp_path: Path, pooling: Pooling) -> None:
    reading = reading_of(kept, "full", False, pooling=pooling)
    read(tmp_path, reading)
    found = vectors(tmp_path, reading)
    model, tokenizer = load_pretrained(kept.model, packed=False).eval(), load_tokenizer(kept.model)
    texts = kept.datasets["tiny"].texts("validation")
    with torch.inference_mode():
        for place, text in enumerate(texts):
            given = tokenizer(text, return_tensors="pt", truncation=True, max_length=reading.task.max_length)
            states = model(**given, output_hidden_states=True).hidden_states
            assert len(states) == len(found)
            for layer, state in zip(found, states, strict=True):
                one = {"first": state[0, 0], "mean": state[0].mean(dim=0), "last": state[0, -1]}[pooling]
                assert layer[place] == pytest.approx(one.numpy(), abs=1e-5)


@pytest.mark.parametrize("task", ["tiny", "pairs", "questions"])
@pytest.mark.parametrize("recipe", ["full", "lora"])
def test_tuned_models_of_every_kind_are_read_and_chunks_change_nothing(
    kept: Kept, tmp_path: Path, recipe: str, task: str
) -> None:
    base, tuned = (reading_of(kept, recipe, tuned, task) for tuned in (False, True))
    assert read(tmp_path / "whole", base, tuned) == {"made": 2, "stood": 0}
    read(tmp_path / "chunks", tuned, chunk=3)
    before, after, again = (
        vectors(folder, one)
        for folder, one in ((tmp_path / "whole", base), (tmp_path / "whole", tuned), (tmp_path / "chunks", tuned))
    )
    assert np.abs(after[-1] - before[-1]).max() > 1e-6
    for one, other in zip(after, again, strict=True):
        assert one.dtype == np.float32
        assert one == pytest.approx(other, abs=1e-5)


def test_what_stands_is_left_and_what_is_torn_or_asked_for_otherwise_is_made_again(kept: Kept, tmp_path: Path) -> None:
    reading = reading_of(kept, "full", True)
    read(tmp_path, reading)
    weights = tmp_path / reading.name / VECTORS
    stamp = weights.stat().st_mtime_ns
    assert read(tmp_path, reading) == {"made": 0, "stood": 1}
    assert weights.stat().st_mtime_ns == stamp
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(bytes(content))
    assert not stands(tmp_path / reading.name, reading)
    assert read(tmp_path, reading) == {"made": 1, "stood": 0}
    (tmp_path / reading.name / CARD).write_text("{", encoding="utf8")
    assert read(tmp_path, reading) == {"made": 1, "stood": 0}
    fewer = reading.model_copy(update={"examples": 8})
    assert read(tmp_path, fewer) == {"made": 1, "stood": 0}
    assert len(Representation.read(tmp_path / reading.name).ids) == 8


def test_a_memory_that_does_not_hold_it_is_said_and_leaves_nothing(kept: Kept, tmp_path: Path) -> None:
    reading = reading_of(kept, "full", False)
    with pytest.raises(ModelError, match="GB of memory do not hold") as caught:
        read(tmp_path, reading, memory=10**6)
    assert "--memory" in caught.value.remedy
    assert [path.name for path in tmp_path.iterdir()] == ["log.jsonl"]


def test_a_run_is_measured_in_a_process_of_its_own_and_again_without_one(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    options = DriftOptions(threads=1, tasks=["tiny"], claims=["lora drifts at least 20% less than full on tiny"])
    found, folder = api.drift(kept.run.root, options, told.append)
    assert isinstance(folder, RunFolder)
    (task,) = found.tasks
    assert {recipe.recipe: recipe.seeds for recipe in task.recipes} == {"full": [1, 2], "lora": [1]}
    assert found.claims[0].answer == "undecided"  # lora has one seed
    assert any("probe" in line for line in found.left_out)
    assert folder.drift.is_file() and "<svg" in folder.drift_page.read_text(encoding="utf8")
    for kind in ("layers", "curves", "scores"):
        for suffix in ("svg", "pdf", "png", "csv"):
            assert (folder.figures / f"drift-{kind}-1-tiny.{suffix}").stat().st_size
    assert told[0].startswith("reading with 4 of 4 models")
    monkeypatch.setattr("bakeoff.running.oneoff.run_job", lambda *_: pytest.fail("everything stands already"))
    again, _ = api.drift(kept.run.root, options, told.append)
    assert again == found
    # what the study claims itself is answered beside what is asked, each once
    study = kept.run.study.read_text(encoding="utf8")
    declared = [
        "full drifts less than lora on tiny",
        "lora drifts at least 20% less than full on tiny",
        "full beats lora on tiny",
    ]
    kept.run.study.write_text(study + yaml.safe_dump({"claims": declared}), encoding="utf8")
    both, _ = api.drift(kept.run.root, options, told.append)
    kept.run.study.write_text(study, encoding="utf8")
    assert [one.claim for one in both.claims] == [options.claims[0], declared[0]]
