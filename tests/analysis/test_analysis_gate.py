"""Test scores come out behind the gate only, when every trial has ended, and each opening is recorded."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

import bakeoff.analysis
from bakeoff.analysis import analyse as analysing
from bakeoff.analysis.analyse import analyse, current_analysis
from bakeoff.analysis.folder import read_plans, read_trials
from bakeoff.analysis.gate import open_test
from bakeoff.analysis.load import current_stored, is_stale, read_analysis
from bakeoff.analysis.model import ANALYSIS_VERSION
from bakeoff.errors import FormatError, RunError, UnfinishedError
from bakeoff.records.files import read_lines
from bakeoff.records.results import Outputs, State, TrialState
from fabricate import Fabrication, complete_trial, fabricate, make_outputs, make_plan

PENDING = Fabrication(ends={("bce", 2024): State.PENDING, ("lr-high", 2024): State.FAILED})


@pytest.mark.parametrize("state", [state for state in State if not state.ended])
def test_one_unfinished_trial_keeps_test_closed(tmp_path: Path, state: State) -> None:
    run = fabricate(tmp_path, Fabrication(ends={("bce", 2024): state}))
    with pytest.raises(UnfinishedError, match="1 of 9 trials have not ended") as caught:
        analyse(run)
    assert "bakeoff run" in caught.value.remedy
    assert not run.looks.exists()
    assert not run.analysis.exists()


def test_an_unfinished_run_shows_validation_and_never_opens_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = fabricate(tmp_path, PENDING)
    opened: list[str] = []
    real = Outputs.read

    def spy(path: Path) -> Outputs:
        opened.append(path.name)
        return real(path)

    monkeypatch.setattr(Outputs, "read", staticmethod(spy))
    analysis = analyse(run, open_test=False)
    assert set(opened) == {"validation.npz"}
    assert not analysis.finished
    assert not analysis.opened
    assert analysis.tasks[0].split == "validation"
    assert all(trial.test is None for trial in analysis.trials)
    assert all(not standing.test for standing in analysis.tasks[0].standings)
    assert analysis.tasks[0].data.sizes.keys() == {"train", "validation"}
    assert not run.looks.exists()
    assert not run.analysis.exists()
    kinds = {standing.recipe: [flag.kind for flag in standing.flags] for standing in analysis.tasks[0].standings}
    assert kinds["bce"] == ["unfinished", "deviating"]


def test_a_result_that_does_not_verify_is_not_an_end(tmp_path: Path) -> None:
    run = fabricate(tmp_path)
    folder = run.trial(make_plan(Fabrication()).trials[0].id)
    folder.test.write_bytes(folder.test.read_bytes()[:-1])
    with pytest.raises(UnfinishedError):
        analyse(run)
    assert "missing, torn or changed" in analyse(run, open_test=False).trials[0].reason


def test_another_plan_of_the_run_keeps_test_closed(tmp_path: Path) -> None:
    run = fabricate(tmp_path)
    make_plan(Fabrication(seeds=(5,))).model_copy(update={"phase": "screen"}).write(run.plan("screen"))
    with pytest.raises(UnfinishedError, match="3 of 12"):
        analyse(run)


def test_the_gate_checks_the_plans_itself(tmp_path: Path) -> None:
    run = fabricate(tmp_path, PENDING)
    records = read_trials(run, read_plans(run))
    ended = {trial_id: record for trial_id, record in records.items() if record.state.state.ended}
    for claimed in (records, ended, {}):  # leaving the unfinished trial out does not open it
        with pytest.raises(UnfinishedError):
            open_test(run, claimed)


def test_only_the_gate_names_the_test_file() -> None:
    """Any `something.test` that is read as a path stands in gate.py; elsewhere `.test` is a field of the analysis."""
    folder = Path(bakeoff.analysis.__file__).parent
    named = {}
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr == "test":
                named.setdefault(path.name, set()).add(ast.unparse(node))
        assert "test.npz" not in path.read_text()
    assert named == {"gate.py": {"trial.folder.test"}, "ranking.py": {"trial.test"}, "measuring.py": {"trial.test"}}
    # and nobody but the gate and `analyse` reads outputs at all
    readers = [path.name for path in folder.glob("*.py") if "Outputs.read(" in path.read_text()]
    assert sorted(readers) == ["analyse.py", "gate.py"]


def test_each_opening_is_recorded_once(tmp_path: Path) -> None:
    run = fabricate(tmp_path)
    assert analyse(run).looks == 1
    assert analyse(run).looks == 1
    (look,) = read_lines(run.looks)
    assert look["recipes"] == ["bce", "lr-high", "tfidf"]
    assert len(look["trials"]) == 8
    assert look["when"].endswith("+00:00")
    # the failed trial is run again and completes: another set, another look
    spec = next(spec for spec in make_plan(Fabrication()).trials if (spec.recipe.name, spec.seed) == ("lr-high", 2024))
    splits = {split: make_outputs(Fabrication(), split, 1.6, 3) for split in ("validation", "test")}
    complete_trial(run.trial(spec.id), spec, Fabrication(), splits)
    assert analyse(run).looks == 2
    assert len(read_lines(run.looks)[1]["trials"]) == 9


def test_a_look_is_recorded_before_anything_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = fabricate(tmp_path)

    def crash(path: Path) -> Outputs:
        raise KeyboardInterrupt

    monkeypatch.setattr(Outputs, "read", staticmethod(crash))
    with pytest.raises(KeyboardInterrupt):
        analyse(run)
    assert len(read_lines(run.looks)) == 1


def test_what_cannot_be_recorded_stays_closed(tmp_path: Path) -> None:
    run = fabricate(tmp_path)
    run.root.joinpath("looks.jsonl").symlink_to("nowhere/looks.jsonl")
    with pytest.raises(RunError, match="cannot be recorded"):
        analyse(run)


def test_nothing_complete_is_no_look(tmp_path: Path) -> None:
    wanted = Fabrication(recipes={"bce": 1.0}, seeds=(1, 2), ends={("bce", 1): State.FAILED, ("bce", 2): State.DIVERGED})
    analysis = analyse(fabricate(tmp_path, wanted))
    assert (analysis.looks, analysis.tasks[0].leader) == (0, "")
    assert "seed 1 failed, seed 2 diverged" in analysis.tasks[0].standings[0].flags[0].text


def test_staleness(tmp_path: Path) -> None:
    run = fabricate(tmp_path)
    analysis = current_analysis(run)
    assert not is_stale(run, analysis)
    assert current_stored(run) == analysis == current_analysis(run)
    spec = make_plan(Fabrication()).trials[0]
    splits = {split: make_outputs(Fabrication(), split, 3.0, 99) for split in ("validation", "test")}
    complete_trial(run.trial(spec.id), spec, Fabrication(), splits)
    assert is_stale(run, analysis)
    assert current_stored(run) is None
    assert current_analysis(run) != analysis


def test_a_run_that_was_extended_shows_validation_again(tmp_path: Path) -> None:
    run = fabricate(tmp_path)
    assert current_analysis(run).opened
    make_plan(Fabrication(seeds=(42, 1337, 2024, 7))).write(run.plan("final"))
    assert not current_analysis(run).opened


def test_a_torn_or_foreign_analysis_is_made_again(tmp_path: Path) -> None:
    run = fabricate(tmp_path)
    analysis = analyse(run)
    run.analysis.write_text(run.analysis.read_text().replace('"looks": 1', '"looks": 0'))
    with pytest.raises(FormatError, match="checksum"):
        read_analysis(run)
    assert current_analysis(run) == analysis
    from bakeoff.records.files import write_document

    write_document(run.analysis, "analysis", ANALYSIS_VERSION, {**json.loads(run.analysis.read_text()), "surplus": 1})
    with pytest.raises(FormatError, match="does not expect"):
        read_analysis(run)


def test_a_torn_state_file_is_not_an_end(tmp_path: Path) -> None:
    run = fabricate(tmp_path)
    failed = next(spec for spec in make_plan(Fabrication()).trials if (spec.recipe.name, spec.seed) == ("lr-high", 2024))
    run.trial(failed.id).state.write_text("{")
    with pytest.raises(UnfinishedError):
        analyse(run)
    assert "torn" in analyse(run, open_test=False).trials[7].reason


def test_a_verified_result_is_complete_whatever_the_state_says(tmp_path: Path) -> None:
    run = fabricate(tmp_path)
    first = run.trial(make_plan(Fabrication()).trials[0].id)
    TrialState(state=State.RUNNING, attempt=1).write(first.state)
    assert analysing.analyse(run).trials[0].state is State.COMPLETE
