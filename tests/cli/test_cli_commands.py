"""The commands on a small study whose paths are hostile: what they print, how they end, and that JSON says the same."""

from __future__ import annotations

import json
import os
import shlex
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bakeoff import api
from bakeoff.catalog import registry
from bakeoff.records.paths import RunFolder
from bakeoff.records.specs import Plan
from bakeoff.running.events import TrialBegan

Call = Callable[..., Any]


def test_run_status_report_and_runs_tell_one_story(call: Call, study: str) -> None:
    said = call("run", study)
    assert said.code == 0
    assert "study small: 4 trials, 4 to run; run folder runs/small-default" in said.err
    assert "[1/4] ok seed 3: validation f1_macro 0.0300 in " in said.err
    assert "first score after " in said.err
    assert said.out.rstrip().endswith("report: runs/small-default/report.html")
    assert "ok-b" in said.out
    assert Path("runs/small-default/report.html").is_file()
    assert not Path("pwned").exists()

    status = json.loads(call("status", "--json").out)
    assert [(row["recipe"], row["seed"], row["state"], row["score"]) for row in status["trials"]] == [
        ("ok", 3, "complete", 0.03),
        ("ok-b", 3, "complete", 0.03),
        ("ok", 5, "complete", 0.05),
        ("ok-b", 5, "complete", 0.05),
    ]
    table = call("status").out
    assert "4 trials: 4 complete" in table and "goes on" not in table
    assert table.count("complete") == 5
    report = call("report", "--json")
    assert json.loads(report.out)["counts"] == {"complete": 4}
    assert call("report", "runs/small-default").out == call("report", "small-default").out
    assert json.loads(call("runs", "--json").out)[0]["states"] == {"complete": 4}
    assert "small-default" in call("runs").out


def test_run_with_json_prints_nothing_else_on_standard_output(call: Call, study: str) -> None:
    said = call("run", study, "--json")
    body = json.loads(said.out)
    assert (body["exit"], body["finished"], set(body["trials"].values())) == (0, True, {"complete"})
    assert {row["recipe"] for row in body["ranking"]} == {"ok", "ok-b"}
    assert Path(body["report"]).is_file()
    assert "study small" in said.err


def test_the_same_command_again_runs_nothing(call: Call, study: str) -> None:
    call("run", study)
    said = call("run", study)
    assert said.code == 0
    assert "4 trials, 4 complete already, 0 to run" in said.err


def test_failed_trials_give_exit_4_and_the_command_that_runs_one_again(call: Call, study: str) -> None:
    said = call("run", study, "--profile", "broken", "--only", "recipe=fail,seed=5")
    assert said.code == 4
    assert "fail seed 5: failed after " in said.err
    assert ": told to fail" in said.err
    line = next(line for line in said.err.splitlines() if "run just this one again: " in line)
    words = shlex.split(line.partition("again: ")[2])
    assert words[:2] == ["bakeoff", "retry"]
    again = call(*words[1:])
    assert (again.code, "(attempt 2)" in again.err) == (4, True)
    assert "5 of 6 trials are still to run" in said.err


def test_some_trials_leave_the_rest_and_say_how_to_go_on(call: Call, study: str) -> None:
    said = call("run", study, "--trials", "1", "--set", "seeds=[5, 3]")
    assert said.code == 0
    assert "3 of 4 trials are still to run; to go on:" in said.err
    goes_on = shlex.split(said.err.splitlines()[-1])
    assert goes_on == ["bakeoff", "run", str(Path(study).absolute()), "--set", "seeds=[5, 3]"]
    assert call(*goes_on[1:]).code == 0
    assert json.loads(call("report", "--json").out)["opened"]


def test_an_unfinished_run_is_ranked_on_validation(call: Call, study: str) -> None:
    call("run", study, "--trials", "2")
    body = json.loads(call("report", "--json").out)
    assert (body["opened"], body["tasks"][0]["split"]) == (False, "validation")


def test_a_signal_ends_with_its_code_and_the_way_on(call: Call, study: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from bakeoff.cli import display

    original = display.Lines.tell

    def interrupt(self: display.Lines, event: object) -> None:
        original(self, event)  # type: ignore[arg-type]
        if isinstance(event, TrialBegan) and event.number == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(display.Lines, "tell", interrupt)
    monkeypatch.setenv("FAKE_SECONDS", "0.3")
    said = call("run", study)
    assert said.code == 143
    assert "3 of 4 trials are still to run; to go on:" in said.err
    assert "Traceback" not in said.err
    monkeypatch.setattr(display.Lines, "tell", original)
    assert call("run", study).code == 0


def test_run_folders_are_named_new_or_refused(call: Call, study: str, tmp_path: Path) -> None:
    assert call("run", study, "--trials", "0").code == 0
    assert call("run", study, "--trials", "0", "--new").code == 0
    assert Path("runs/small-default-2/plans/final.json").is_file()
    own = tmp_path / "my run"
    said = call("run", study, "--trials", "0", "--run-dir", str(own))
    assert shlex.split(said.err.splitlines()[-1])[-2:] == ["--run-dir", str(own)]
    assert (own / "study.yaml").is_file()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("")
    said = call("run", study, "--run-dir", str(tmp_path / "full"))
    assert (said.code, said.err.splitlines()[0]) == (2, "this folder is not empty, and no run")
    assert sorted(entry.name for entry in (tmp_path / "full").iterdir()) == ["thesis.tex"]


def test_inline_shows_what_a_trial_prints(call: Call, study: str) -> None:
    said = call("run", study, "--executor", "inline", "--trials", "1")
    assert said.code == 0
    assert "doing ok" in said.err


def test_plan_lists_the_trials_in_order(call: Call, study: str) -> None:
    call("run", study, "--trials", "0")
    ids = [row["id"] for row in json.loads(call("plan", study, "--json").out)["trials"]]
    assert ids == [trial.id for trial in Plan.read(RunFolder(Path("runs/small-default")).plan("final")).trials]
    table = call("plan", study).out
    assert all(trial in table for trial in ids)


def test_a_recipe_without_a_model_names_those_that_have_one(call: Call, study: str) -> None:
    call("run", study)
    said = call("predict", "small-default:ok", "a text")
    assert (said.code, "tfidf keeps none" in said.err, "set `keep: best`" in said.err) == (2, True, True)
    run = RunFolder(Path("runs/small-default"))
    model = next(run.trial(trial.id).model for trial in Plan.read(run.plan("final")).trials if trial.recipe.name == "ok-b")
    model.mkdir()
    (model / "classifier.safetensors").touch()
    assert (
        "remedy: name another recipe behind a colon: small-default:ok-b\n" in call("predict", "small-default:ok", "a text").err
    )


def test_logs_find_a_trial_by_a_part_of_its_id(call: Call, study: str) -> None:
    call("run", study)
    assert call("logs", "ok-b-s5").out == "doing ok\n"
    assert call("logs", "small-default", "ok-b-s5").out == "doing ok\n"
    body = json.loads(call("logs", "ok-b-s5", "--json").out)
    assert (body["trial"].startswith("demo-ok-b-s5-"), body["lines"]) == (True, ["doing ok", ""])
    assert call("logs").out == call("logs", "small-default").out == "doing ok\n"  # of whichever printed last
    assert "2 trials have this in their id" in call("logs", "ok-b").err
    assert "no trial has this" in call("logs", "nonsense").err
    assert "no log of attempt 7" in call("logs", "ok-b-s5", "--attempt", "7").err


def test_data_commands(call: Call, study: str, tmp_path: Path) -> None:
    listed = [entry["name"] for entry in json.loads(call("data", "list", "--json").out)]
    # data of one's own, such as other tests here store, stand behind those that Bakeoff knows
    assert listed[: len(registry.cards("dataset"))] == list(registry.cards("dataset"))
    assert "demo" in call("data", "list").out
    shown = json.loads(call("data", "show", "demo", "--json").out)
    table = call("data", "show", "demo").out
    assert shown["fingerprint"] in table
    assert all(label in table for label in shown["labels"])
    said = call("data", "import", "goemotions", str(tmp_path))
    assert said.code == 2
    assert "Traceback" not in said.err


def test_your_own_data_by_name(call: Call, tmp_path: Path) -> None:
    lines = ["text;mood", *(f"row {number};{('good', 'bad')[number % 2]}" for number in range(40))]
    (tmp_path / "my file.csv").write_text("\n".join(lines))
    said = call("data", "import", "moods", str(tmp_path / "my file.csv"))
    assert said.code == 0
    for part in ("separated by semicolons", "'mood', one name a row", "kind: single-label", "train 32"):
        assert part in said.out
    assert "moods" in call("data", "list").out
    assert json.loads(call("data", "show", "moods", "--json").out)["labels"] == ["bad", "good"]
    refused = call("data", "import", "moods", str(tmp_path / "my file.csv"), "--text", "words")
    assert (refused.code, "no column 'words'" in refused.err, "text, mood" in refused.err) == (2, True, True)


def test_importing_tells_what_was_stored(call: Call) -> None:
    from bakeoff.data.importing import packaged_folder

    said = call("data", "import", "demo", str(packaged_folder("demo")))
    assert (said.code, said.out.startswith("demo: train ")) == (0, True)
    body = json.loads(call("data", "import", "demo", str(packaged_folder("demo")), "--json").out)
    assert body["fingerprint"][:12] in said.out


def test_model_commands(call: Call, tmp_path: Path) -> None:
    listed = json.loads(call("model", "list", "--json").out)
    assert listed[0]["name"] == "minilm-l6"
    assert "minilm-l6" in call("model", "list").out
    said = call("model", "show", str(tmp_path))
    assert (said.code, said.out) == (2, "")
    assert str(tmp_path) in said.err


def test_fetch_finds_what_is_here(call: Call, study: str) -> None:
    rows = json.loads(call("fetch", study, "--json").out)
    assert [(row["kind"], row["name"]) for row in rows] == [("dataset", "demo")]
    assert rows[0]["fingerprint"][:12] in call("fetch", study).out


def test_schema_is_one_json_document(call: Call) -> None:
    assert "recipes" in json.loads(call("schema").out)["properties"]


@pytest.mark.parametrize("words", [("status",), ("report",), ("logs", "x"), ("status", "no/such/run")])
def test_without_a_run_there_are_three_lines_and_exit_2(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    said = call(*words)
    assert said.code == 2
    assert [line[:7] for line in said.err.splitlines()[1:]] == ["where: ", "remedy:"]
    assert call("runs").code == 0
    assert json.loads(call("runs", "--json").out) == []


def test_a_faulty_study_names_its_lines(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "faulty.yaml"
    path.write_text("tasks: {demo: {dataset: demmo}}\nrecipes: {a: {loss: bce, colour: red}}\n")
    said = call("run", str(path))
    assert said.code == 2
    assert f"{path}:1" in said.err
    assert f"{path}:2" in said.err
    assert not (tmp_path / "runs").exists()


def test_an_unknown_executor_is_an_error(call: Call, study: str) -> None:
    said = call("run", study, "--executor", "cloud")
    assert (said.code, said.err.splitlines()[-1]) == (2, "remedy: known: local, inline, ray")


def test_a_bug_of_ours_shows_its_traceback(call: Call, study: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(api, "plan", broken)
    with pytest.raises(ZeroDivisionError):
        call("plan", study)


def test_the_newest_run_is_meant_when_none_is_named(call: Call, study: str) -> None:
    call("run", study, "--trials", "0", "--new")
    call("run", study, "--trials", "1", "--new")
    assert "1 complete" in call("status").out
    old = Path("runs/small-default/study.yaml")
    os.utime(old, ns=(old.stat().st_atime_ns, old.stat().st_mtime_ns + 10**12))
    waiting = call("status").out
    assert "4 pending" in waiting and "no runner is at work; `bakeoff run` with the same study goes on" in waiting
    os.chdir("runs/small-default-2")
    assert "1 complete" in call("status").out
