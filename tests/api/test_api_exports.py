"""`api.export` end to end, its job in this process: folders, records, cards; and what it refuses to overwrite."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from accelerate.state import AcceleratorState

from bakeoff import api
from bakeoff.catalog import registry
from bakeoff.catalog.cards import MethodCard
from bakeoff.errors import FormatError, ModelError, RunError
from bakeoff.records.paths import AttemptFolder, Home
from bakeoff.records.results import Outcome, State, verify_manifest
from bakeoff.records.serving import Export
from bakeoff.records.specs import JobSpec
from bakeoff.running import oneoff
from bakeoff.serving.predictor import Predictor
from bakeoff.serving.rows import Texts
from bakeoff.tasks.windows import WindowStore
from bakeoff.testing.models import make_tiny_model
from bakeoff.training.progress import Progress
from bakeoff.worker.jobs import JOBS
from kept import Kept, make_run


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    return make_run(tmp_path_factory.mktemp("kept"), tasks=("tiny", "pairs", "questions"), recipes=("full", "lora"))


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Jobs run here: starting a process takes longer than they do."""

    def run(folder: AttemptFolder, job: JobSpec, worker: tuple[str, ...], progress: Callable[..., None]) -> Outcome:
        log = Progress(folder.log)
        facts: dict[str, Any] = JOBS[job.kind](job, folder, log)
        log.close()
        progress({"event": "note", "text": "done"}, 0.0)
        return Outcome(state=State.COMPLETE, facts=facts)

    monkeypatch.setattr(oneoff, "run_job", run)
    yield
    torch.use_deterministic_algorithms(False)
    AcceleratorState._reset_state(reset_partial_state=True)


def test_an_export_stands_with_its_record_and_its_card(kept: Kept) -> None:
    told: list[str] = []
    before = list(Home.default().jobs.glob("export-*"))
    choice, options = api.Choice("lora", "tiny", 1), api.ExportOptions(("merged", "adapter"), threads=1)
    found = api.export(kept.run.root, choice, options, told.append)
    assert told == ["done"]
    assert [one.form for one in found] == ["merged", "adapter"]
    assert list(Home.default().jobs.glob("export-*")) == before
    for one in found:
        assert one.folder.parent.parent == kept.run.exports
        record = Export.read(one.folder / "bakeoff.json")
        assert verify_manifest(one.folder, record.manifest) == []
        assert record.verification.changed == 0
        card = (one.folder / "README.md").read_text()
        front = yaml.safe_load(card.split("---")[1])
        assert front["library_name"] == ("transformers" if one.form == "merged" else "peft")
        assert "## Verdict" in card
        assert "## Limits" in card
        assert record.trial in card
    merged = api.find_served(found[0].folder)
    text = Texts(["what a happy day"])
    said = Predictor.load(merged).predict(text)
    assert said.labels == Predictor.load(api.find_served(kept.run.root, choice)).predict(text).labels
    with pytest.raises(RunError, match="of the recipe lora, not full"):
        api.find_served(found[0].folder, api.Choice("full"))
    assert api.find_served(found[0].folder, api.Choice(rule="0.2")).decision.thresholds == [0.2] * 3
    # the adapter stands on a folder that has no name: it is asked for
    with pytest.raises(ModelError):
        api.find_served(found[1].folder)
    placed = api.find_served(found[1].folder, api.Choice(base=str(kept.model)))
    assert Predictor.load(placed).predict(text).labels == said.labels
    with pytest.raises(ModelError, match="not the content"):
        api.find_served(found[1].folder, api.Choice(base=str(_other_model(kept))))


@pytest.mark.parametrize("task", ["tiny", "pairs", "questions"])
@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")  # PEFT's own, of transformers
def test_the_code_of_the_card_gives_what_the_trial_gave(kept: Kept, tmp_path: Path, task: str) -> None:
    """As whoever copies it would run it, with nothing of ours."""
    choice = api.Choice("lora", task, 1)
    found = api.export(kept.run.root, choice, api.ExportOptions(("merged", "adapter"), tmp_path / "out", threads=1))
    data, served = kept.datasets[task], api.find_served(kept.run.root, choice)
    texts = Texts(data.texts("test")[:4], data.seconds("test")[:4] if data.has("seconds") else None)
    if task == "questions":  # of a question beyond a third of a window, less is read
        texts = Texts(["a day?"] * 4, texts.second)
    predictor = Predictor.load(served, "fp32")
    encoded = predictor.encoder.encode(texts)
    expected = predictor.outputs(encoded)
    if isinstance(encoded.store, WindowStore):  # the card's code reads the first window of a context
        expected = expected[np.unique(encoded.store.questions, return_index=True)[1]]
    for one in found:
        said = run_card(one.folder, texts, served.base)
        given = said["logits"].numpy() if task != "questions" else _starts_and_ends(said["found"])
        given = np.where(np.isfinite(expected), given[..., : expected.shape[-1]], -np.inf)
        np.testing.assert_allclose(given, expected, atol=1e-4)


def run_card(folder: Path, texts: Texts, base: str) -> dict[str, Any]:
    """Run the Python of a card, its placeholders filled in.

    Args:
        folder: the export.
        texts: in the place of the card's.
        base: in the place of the hub's name.

    Returns:
        The names that it left.
    """
    match = re.search(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)
    assert match is not None
    code = match[1].replace('"FOLDER"', repr(str(folder)))
    code = code.replace('["a text"]', "first").replace('["the other text"]', "second")
    names: dict[str, Any] = {"first": texts.first, "second": texts.second}
    exec(re.sub(r'(base = .*?from_pretrained\()"[^"]*"', rf"\1{base!r}", code), names)
    return names


def _starts_and_ends(found: Any) -> np.ndarray[Any, Any]:
    return np.stack([found.start_logits.numpy(), found.end_logits.numpy()], axis=1)


def test_what_can_go_wrong_goes_wrong_before_the_job(kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job takes minutes. What comes after it is imported by then, whatever becomes of the package meanwhile."""
    later = ["bakeoff.analysis.verifying", "bakeoff.report.model_card"]
    for name in later:
        monkeypatch.delitem(sys.modules, name, raising=False)
    run_job = oneoff.run_job

    def upgraded(*words: Any) -> Outcome:
        outcome = run_job(*words)
        assert set(later) <= sys.modules.keys()
        return outcome

    monkeypatch.setattr(oneoff, "run_job", upgraded)
    options = api.ExportOptions(("merged",), tmp_path / "out", threads=1)
    assert api.export(kept.run.root, api.Choice("full", "questions", 1), options)[0].folder.is_dir()

    def no_analysis(_: Any) -> None:
        raise RunError("the plan is torn", "", "")

    monkeypatch.setattr("bakeoff.analysis.analyse.current_analysis", no_analysis)
    monkeypatch.setattr(oneoff, "run_job", lambda *_: pytest.fail("the job began"))
    with pytest.raises(RunError, match="the plan is torn"):
        api.export(kept.run.root, api.Choice("full", "questions", 1), options)


def _other_model(kept: Kept) -> Path:
    return make_tiny_model(kept.run.root.parent / "other", "bert", seed=9)


def test_again_replaces_and_nothing_else_is_touched(kept: Kept, tmp_path: Path) -> None:
    choice = api.Choice("full", "pairs", 1)
    target = tmp_path / "mine"
    options = api.ExportOptions(("merged",), target, threads=1)
    first = api.export(kept.run.root, choice, options)
    (target / "stale.txt").write_text("of the last time")
    again = api.export(kept.run.root, choice, options)
    assert first[0].folder == again[0].folder == target
    assert not (target / "stale.txt").exists()
    full = tmp_path / "full"
    full.mkdir()
    (full / "thesis.txt").write_text("years of work")
    with pytest.raises(RunError, match="not empty, and no export"):
        api.export(kept.run.root, choice, api.ExportOptions(("merged",), full))
    with pytest.raises(RunError, match="no form 'pickle'"):
        api.export(kept.run.root, choice, api.ExportOptions(("pickle",)))


def test_an_export_that_is_off_is_not_put_into_place(kept: Kept, tmp_path: Path) -> None:
    options = api.ExportOptions(("merged",), tmp_path / "off", tolerance=0.0, threads=1)
    with pytest.raises(RunError, match="is allowed"):
        api.export(kept.run.root, api.Choice("full", "tiny", 1), options)
    assert not (tmp_path / "off").exists()


def test_a_changed_record_is_refused(kept: Kept, tmp_path: Path) -> None:
    target = tmp_path / "torn"
    api.export(kept.run.root, api.Choice("full", "tiny", 1), api.ExportOptions(("merged",), target, threads=1))
    record = target / "bakeoff.json"
    record.write_text(record.read_text().replace('"merged"', '"onnx"'))
    with pytest.raises(FormatError):
        api.find_served(target)


def test_methods_that_keep_no_model_are_known() -> None:
    """What only counts, compares or averages outputs leaves nothing that could be put to use."""
    kept_by = {name for name, card in registry.cards("method").items() if isinstance(card, MethodCard) and card.keeps_model}
    assert kept_by == {"full", "lora", "linear-probe", "weight-average", "distill"}
