"""`run` checks first: a warning is a line, an error stops it with status 3, and `--no-check` begins all the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., Any]


def test_a_warning_is_one_line_and_stops_nothing(call: Call, study: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NCCL_BLOCKING_WAIT", "1")
    said = call("run", study, "--trials", "1")
    assert said.code == 0
    lines = [line for line in said.err.splitlines() if "NCCL_BLOCKING_WAIT" in line]
    assert len(lines) == 1
    assert lines[0].startswith("warning: ")
    assert "unset NCCL_BLOCKING_WAIT; export TORCH_NCCL_BLOCKING_WAIT=1" in lines[0]
    monkeypatch.delenv("NCCL_BLOCKING_WAIT")
    assert "warning: " not in call("run", study, "--trials", "1").err


def test_an_error_stops_a_run_before_it_begins(call: Call, study: str) -> None:
    Path("runs").write_text("", encoding="utf8")
    said = call("run", study)
    assert said.code == 3
    assert "error: the run folder cannot be written: runs is no folder (permissions)" in said.err
    assert "remedy: name another one with --run-dir" in said.err
    assert said.err.splitlines()[-1] == "--no-check begins all the same"
    again = call("run", study, "--run-dir", "elsewhere", "--trials", "1")
    assert again.code == 0


def test_without_a_check_a_run_begins_all_the_same(call: Call, study: str) -> None:
    words = ("--set", "limits.disk_reserve=900TB", "--trials", "1")
    assert call("run", study, *words).code == 3
    said = call("run", study, *words, "--no-check")
    assert said.code == 2
    assert "in reserve" in said.err


def test_a_study_with_faults_is_said_as_ever(call: Call, study: str) -> None:
    said = call("run", study, "--set", "seeds=[x]")
    assert said.code == 2
    assert json.loads(call("check", study, "--set", "seeds=[x]", "--json").out)["findings"][0]["check"] == "study"
