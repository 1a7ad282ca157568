"""The commands around a run that did not go smoothly: retry, cancel, clean, logs --follow, and a folder that was moved."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bakeoff import api
from bakeoff.errors import ModelError
from bakeoff.records.paths import RunFolder
from bakeoff.records.results import State, TrialState

Call = Callable[..., Any]
RUN = "runs/small-broken"


def states(call: Call, run: str = RUN) -> dict[str, str]:
    rows = json.loads(call("status", run, "--json").out)["trials"]
    return {f"{row['recipe']} {row['seed']}": row["state"] for row in rows}


def test_retry_runs_what_failed_and_nothing_else(call: Call, study: str) -> None:
    assert call("run", study, "--profile", "broken", "--workers", "2").code == 4
    said = call("retry", RUN)
    assert said.code == 4
    assert said.err.count("(attempt 2)") == 2
    assert "6 trials, 4 complete already, 2 to run" in said.err
    said = call("retry", RUN, "fail-s3", "--json")
    assert (said.code, said.err.count("(attempt 3)")) == (4, 1)
    assert set(json.loads(said.out)["trials"].values()) == {"complete", "failed"}
    assert "2 trials have this in their id" in call("retry", RUN, "fail").err
    call("run", study)
    said = call("retry", "runs/small-default")
    assert (said.code, said.err.splitlines()[0]) == (2, "no trial of this run has failed or was cancelled")


def test_retry_takes_the_trials_of_the_folder_even_if_study_and_place_have_changed(
    call: Call, study: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call("run", study, "--profile", "broken", "--only", "seed=3")
    before = {path.parent.name: path.read_bytes() for path in Path(RUN).rglob("result.json")}
    moved = tmp_path / "elsewhere" / "my copy"
    shutil.copytree(RUN, moved)
    shutil.rmtree("runs")
    Path(study).unlink()
    monkeypatch.chdir(tmp_path)
    assert call("retry", str(moved), "fail-s3").code == 4
    planned = api.stored_study(RunFolder(moved))
    summary = api.run(planned, options=api.RunOptions(run_dir=moved, only=("seed=5", "recipe=ok")))
    assert {state.value for state in summary.states.values()} == {"complete", "failed", "pending"}
    after = {path.parent.name: path.read_bytes() for path in moved.rglob("result.json")}
    assert before.items() < after.items()


def test_weights_that_have_changed_are_refused(call: Call, study: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from bakeoff.hub import models
    from bakeoff.records.specs import ModelSpec, Plan

    call("run", study, "--trials", "0")
    run = RunFolder(Path("runs/small-default").absolute())
    plan = Plan.read(run.plan("final"))
    old = ModelSpec(name="m", fingerprint="a" * 64, family="bert")
    trial = plan.trials[0].model_copy(update={"recipe": plan.trials[0].recipe.model_copy(update={"model": old})})
    plan.model_copy(update={"trials": [trial]}).write(run.plan("final"))
    located = models.LocatedModel.__new__(models.LocatedModel)
    object.__setattr__(located, "spec", old.model_copy(update={"fingerprint": "b" * 64}))
    object.__setattr__(located, "folder", tmp_path)
    monkeypatch.setattr(models, "locate_model", lambda *_: located)
    with pytest.raises(ModelError, match="not with the content that the run began with"):
        api.stored_study(run)


def test_cancel_marks_what_has_not_ended_until_it_is_retried(call: Call, study: str) -> None:
    call("run", study, "--trials", "1")
    rows = json.loads(call("cancel", "runs/small-default", "ok-b-s5", "--json").out)
    assert [row["state"] for row in rows] == ["cancelled"]
    assert "cancelled" in call("cancel", "runs/small-default").out
    assert states(call, "small-default") == {
        "ok 3": "complete",
        "ok-b 3": "cancelled",
        "ok 5": "cancelled",
        "ok-b 5": "cancelled",
    }
    said = call("run", study)
    assert (said.code, "0 to run" in said.err) == (4, True)
    assert call("retry", "small-default").code == 0
    assert set(states(call, "small-default").values()) == {"complete"}


def test_clean_says_how_much_and_removes_it(call: Call, study: str) -> None:
    call("run", study, "--profile", "broken", "--only", "seed=3")
    call("retry", RUN, "fail-s3")
    failed = next(path.parent for path in Path(RUN).rglob("state.json") if TrialState.read(path).state is State.FAILED)
    (failed / "attempts" / "1" / "checkpoints").mkdir()
    (failed / "attempts" / "1" / "checkpoints" / "weights").write_bytes(b"x" * 2_000_000)
    said = call("clean", RUN, "--dry-run")
    assert said.out.rstrip().endswith("2.0 MB would go")
    rows = json.loads(call("clean", RUN, "--json").out)
    assert [(row["what"], row["size"]) for row in rows] == [("checkpoints", "2.0 MB")]
    assert call("clean", RUN).out.rstrip() == "0 B removed"


def test_logs_are_followed_until_the_attempt_ends(call: Call, study: str) -> None:
    call("run", study, "--trials", "1")
    trial = next(Path("runs/small-default/trials").iterdir())
    attempt = trial / "attempts" / "1"
    assert call("logs", "ok-s3", "--follow").out == "doing ok\n"
    # no runner is at work, so an attempt without an end is as long as it will get
    (attempt / "ending.json").unlink()
    (attempt / "console.log").write_text("doing ok\nand no end of li")
    assert call("logs", "ok-s3", "-f").out == "doing ok\nand no end of li\n"


def test_a_log_that_grows_is_printed_as_it_grows(call: Call, study: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from bakeoff.running import lock

    call("run", study, "--trials", "1")
    attempt = next(Path("runs/small-default/trials").iterdir()).absolute() / "attempts" / "1"
    ending = (attempt / "ending.json").read_bytes()
    (attempt / "ending.json").unlink()
    monkeypatch.setattr(lock, "is_held", lambda run: True)

    def grow() -> None:
        time.sleep(0.5)
        with (attempt / "console.log").open("a") as stream:
            stream.write("one more\nand more")
        (attempt / "ending.json").write_bytes(ending)

    thread = threading.Thread(target=grow)
    thread.start()
    said = call("logs", "ok-s3", "--follow")
    thread.join()
    assert said.out == "doing ok\none more\nand more\n"


def test_status_shows_what_a_running_trial_uses(call: Call, study: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from bakeoff.running import standing

    call("run", study, "--trials", "1")
    trial = next(Path("runs/small-default/trials").iterdir())
    TrialState(state=State.RUNNING, attempt=1).write(trial / "state.json")
    sample = {
        "seconds": 5,
        "cpu_percent": 98.5,
        "rss_bytes": 900_000_000,
        "ram_free_bytes": 10**9,
        "disk_free_bytes": 2 * 10**9,
    }
    gpu = {"gpus": 2, "gpu_used_bytes": 10**10, "gpu_total_bytes": 10**11, "gpu_percent": 150, "gpu_celsius": 61}
    (trial / "attempts" / "1" / "monitor.jsonl").write_text(f'{{"torn\n{json.dumps(sample | gpu)}\n{{"torn')
    Path("runs/small-default/warnings.jsonl").write_text(json.dumps({"kind": "disk", "text": "the disk will not last"}) + "\n")
    owner = standing.Owner(host="h", pid=1, boot="b", started="now")
    monkeypatch.setattr(standing, "is_held", lambda run: True)
    monkeypatch.setattr(standing, "read_owner", lambda run: owner)
    shown = call("status").out
    assert (
        "machine: 1.0 GB of memory free, 2.0 GB of disk free, 2 GPUs: 10.0 GB of 100.0 GB used, 150 %, hottest 61 °C" in shown
    )
    assert "98 %" in shown
    assert "900.0 MB" in shown
    assert "warning: the disk will not last" in shown
    row = next(row for row in json.loads(call("status", "--json").out)["trials"] if row["state"] == "running")
    assert row["monitor"] == sample | gpu
