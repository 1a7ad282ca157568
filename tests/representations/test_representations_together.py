"""Adapters on one pretrained model: each says what it says alone, the model stays what it was, and what is not so is found."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from bakeoff import api
from bakeoff.cli.main import main
from bakeoff.errors import RunError
from bakeoff.records.adapters import Adapters
from bakeoff.records.paths import AttemptFolder
from bakeoff.records.results import Outcome, Result, State
from bakeoff.records.specs import JobSpec
from bakeoff.running import oneoff
from bakeoff.serving.shared import SharedBackbone
from bakeoff.training.progress import Progress
from bakeoff.worker import jobs
from kept import Kept, make_run


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """The job runs in this process, which has imported what it needs."""

    def run_job(folder: AttemptFolder, job: JobSpec) -> Outcome:
        progress = Progress(folder.log)
        try:
            return Outcome(state=State.COMPLETE, facts=jobs.JOBS[job.kind](job, folder, progress))
        finally:
            progress.close()

    monkeypatch.setattr(oneoff, "run_job", run_job)


def called(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["bakeoff", "adapters", *words])
    with pytest.raises(SystemExit) as end:
        main()
    return int(end.value.code or 0)


def test_each_says_among_others_what_it_says_alone(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert called(monkeypatch, str(kept.run.root), "--json") == 0
    found = Adapters.model_validate(json.loads(capsys.readouterr().out))
    assert found == Adapters.read(kept.run.adapters)
    (base,) = found.bases
    assert base.holds
    assert {one.trial.split("-")[0] for one in base.adapters} == {"tiny", "pairs"}
    assert all(one.examples > 4 and one.largest > 0 for one in base.adapters)
    for one in base.adapters:
        facts = Result.read(kept.run.trial(one.trial).result).training
        assert facts["base_sha256"] == facts["base_sha256_after"] == base.base_sha256 == base.base_sha256_after
    # of questions, whose first token is no pool, there is but one
    assert [line.endswith("no other adapter stands on its base") for line in found.left_out] == [True]
    assert called(monkeypatch, str(kept.run.root)) == 0
    shown = capsys.readouterr().out
    assert f"2 adapters; weights {base.base_sha256[:12]} before, after, and in every result" in shown
    assert "0.0e+00" in shown


def test_an_adapter_that_never_takes_its_turn_is_found(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SharedBackbone, "use", lambda self, name: self._layers[0].set_adapter(["adapter0"]))
    assert called(monkeypatch, str(kept.run.root), "--examples", "8") == 3
    (base,) = Adapters.read(kept.run.adapters).bases
    assert not base.holds
    assert any(one.difference > 0 for one in base.adapters)


def test_a_base_that_is_not_the_recorded_one_is_found(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Result.read

    def other(path: Path) -> Any:
        result = plain(path)
        return result.model_copy(update={"training": result.training | {"base_sha256": "0" * 64}})

    monkeypatch.setattr("bakeoff.analysis.folder.Result.read", other)
    found, _ = api.adapters(kept.run.root, examples=8, threads=1)
    assert [base.recorded for base in found.bases] == [False]
    assert not found.holds


def test_one_adapter_is_too_few(tmp_path: Path) -> None:
    alone = make_run(tmp_path, tasks=("tiny",), recipes=("lora",))
    with pytest.raises(RunError, match="adapters that were kept: 1; it takes two"):
        api.adapters(alone.run.root)
