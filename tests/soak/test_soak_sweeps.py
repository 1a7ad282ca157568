"""A small sweep of real trials, killed and continued by the same command; and what is noticed where something differs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from soak.reference import Study, materials, recipe
from soak.sweeps import KILLED, UNDISTURBED, Kills, compare, describe, differences, faults_of_sweep, kill, read_arguments

PROPOSALS = 4
SWEEP: dict[str, Any] = {
    "recipes": {"probe": recipe("bce", "linear-probe", 2)},
    "sweep": {
        "recipes": ["probe"],
        "space": {"training.head_learning_rate": {"log_uniform": [1e-3, 1e-1]}, "training.batch_size": {"choices": [16, 32]}},
        "sampler": {"name": "tpe", "startup": 2},
        "proposals": PROPOSALS,
        "again": 1,
    },
}


def small(place: Path, name: str) -> Study:
    return materials().study(place / name, True, SWEEP)


def test_a_sweep_that_is_killed_ends_as_one_that_is_not(tmp_path: Path) -> None:
    whole, killed = small(tmp_path, UNDISTURBED), small(tmp_path, KILLED)
    assert whole.go().exit == 0
    kills = kill(killed, Kills(2, PROPOSALS, 0.2), lambda _: None)
    assert kills
    assert killed.go().exit == 0
    assert differences(whole.folder, killed.folder) == []
    found = describe(killed.folder)
    assert faults_of_sweep(found, PROPOSALS) == []
    assert found["trials"]["sweep"] == PROPOSALS - found["repeating_others"]
    # what differs is noticed
    name = killed.ids[0]
    killed.folder.trial(name).result.write_bytes(b"{}")
    best = killed.folder.best
    best.write_bytes(best.read_bytes() + b"#")
    assert differences(whole.folder, killed.folder) == [
        f"best.yaml differ ({whole.folder.best}, {killed.run})",
        f"the result of {name} differs",
    ]
    attempts = killed.folder.trial(name).attempts
    shutil.copytree(attempts / str(max(map(int, (path.name for path in attempts.iterdir())))), attempts / "99")
    assert "1 trials completed twice" in faults_of_sweep(describe(killed.folder), PROPOSALS)
    assert f"{PROPOSALS} proposals in place of 9" in faults_of_sweep(describe(killed.folder), 9)


def test_where_a_run_did_not_come_to_its_end_its_own_words_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = "the dataset mrpc is not here\nremedy: bakeoff fetch STUDY downloads it\n"
    (tmp_path / f"{UNDISTURBED}.json").write_text(json.dumps({"kills": [], "exit": 2, "seconds": 1.0, "said": said}))
    assert compare(tmp_path, read_arguments([])) == 2
    assert capsys.readouterr().out.splitlines() == [
        "there is nothing to compare:",
        "undisturbed: it ended with 2: the dataset mrpc is not here",
        "remedy: bakeoff fetch STUDY downloads it",
        "killed: it was not carried out (--part killed)",
    ]
