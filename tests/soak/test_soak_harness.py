"""The harness notices what does not hold: a row that raises, one that tries nothing, a result that was lost or made twice."""

from __future__ import annotations

import shutil
from pathlib import Path

from soak.__main__ import Asked, try_row
from soak.context import Context, Row, RowResult
from soak.judging import faults_of, results_hash
from soak.printing import line
from soak.stubs import StubStudy


def asked(*rows: Row) -> Asked:
    return Asked(rows, "small", False, False, 0)


def test_a_row_that_raises_does_not_hold(tmp_path: Path) -> None:
    def broken(_: Context) -> RowResult:
        raise ValueError("broken")

    row = Row(99, "a fault", "it holds", broken)
    tried = try_row(row, asked(row), tmp_path)
    assert not tried.result.held
    assert "ValueError: broken" in tried.result.faults[0]
    assert "NOT HELD" in line(tried)


def test_a_row_that_tries_nothing_does_not_hold(tmp_path: Path) -> None:
    row = Row(99, "a fault", "it holds", lambda _: RowResult())
    assert not try_row(row, asked(row), tmp_path).result.held


def test_lost_changed_and_doubled_trials_are_faults(tmp_path: Path) -> None:
    study = StubStudy(tmp_path / "run", seeds=2)
    assert study.go().exit == 0
    before = results_hash(study.folder)
    assert faults_of(study.folder, 2) == []
    assert faults_of(study.folder, 3)
    first, second = (study.folder.trial(trial) for trial in study.ids)
    shutil.copytree(first.attempts / "1", first.attempts / "2")
    assert any("completed 2 times" in fault for fault in faults_of(study.folder))
    second.test.write_bytes(second.test.read_bytes()[:-1])
    assert any("is not complete" in fault for fault in faults_of(study.folder))
    first.result.write_bytes(first.result.read_bytes() + b" ")
    assert results_hash(study.folder) != before
