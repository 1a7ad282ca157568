"""The Python face: the same as the commands, lazy, from any thread, in any folder."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bakeoff import api
from bakeoff.errors import RunError
from bakeoff.records.results import State
from bakeoff.running.events import Event, RunBegan, TrialEnded
from bakeoff.running.runner import RunSummary


def test_importing_it_imports_nothing_else() -> None:
    code = "import sys, bakeoff.api; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) & {"numpy", "pydantic", "rich", "torch", "yaml"} == set()


def test_a_study_runs_from_a_thread_and_tells_its_events(study: str) -> None:
    events: list[Event] = []
    found: list[RunSummary] = []
    thread = threading.Thread(target=lambda: found.append(api.run(study, listener=events.append)))
    thread.start()
    thread.join()
    assert set(found[0].states.values()) == {State.COMPLETE}
    assert isinstance(events[0], RunBegan)
    assert sum(isinstance(event, TrialEnded) for event in events) == 4
    assert api.find_run() == found[0].run
    assert api.status().rows[0].state is State.COMPLETE
    assert api.analyse().tasks[0].leader
    assert api.report() == found[0].run.report


def test_a_line_break_in_a_path_is_only_a_character(study: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path("two\nlines \t and a tab").absolute()
    folder.mkdir()
    Path(study).rename(folder / "study.yaml")
    monkeypatch.chdir(folder)
    summary = api.run(folder / "study.yaml", options=api.RunOptions(at_most=1))
    assert list(summary.states.values()).count(State.COMPLETE) == 1
    assert summary.run.root == folder / "runs" / "small-default"
    assert [run.root for run in api.runs()] == [summary.run.root]


def test_a_folder_that_is_no_run_is_an_error(study: str) -> None:
    with pytest.raises(RunError, match="no run folder"):
        api.find_run("elsewhere")
    api.run(study, options=api.RunOptions(at_most=0))
    with pytest.raises(RunError) as caught:
        api.find_run("elsewhere")
    assert caught.value.remedy == "runs near here: small-default"
