"""The smallest calibration: its gates hold, its arrays are what the package computes. `make calibration` is the real one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPTS = Path(__file__).parents[2] / "calibration"


@pytest.fixture(autouse=True)
def scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SCRIPTS))


def test_the_gates_hold() -> None:
    command = [sys.executable, "-W", "error", str(SCRIPTS / "run.py"), "--size", "test", "--workers", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    gates = json.loads(done.stdout)["gates"]
    assert len(gates) == 5
    assert all(gate["holds"] for gate in gates.values())


def test_gates_fail_where_they_should() -> None:
    from grid import judge

    good = {"world": "w", "examples": 200, "missed": 0.05, "p": 0.5, "width": 1.2}
    cells = [{**good, "seeds": seeds} for seeds in (3, 5, 10)]
    assert all(gate["holds"] for gate in judge(cells).values())
    wrong = [
        {**good, "seeds": 3, "missed": 0.069, "p": 1e-4},
        {**good, "seeds": 5, "missed": 0.08},
        {**good, "seeds": 10, "width": 1.51},
    ]
    for cell, failed in zip(wrong, (0, 1, 4), strict=True):
        assert [gate["holds"] for gate in judge([*cells, cell]).values()].index(False) == failed


def test_bits_are_counted_as_labels_are() -> None:
    from drawing import group_counts
    from worlds import pack

    flags = np.random.default_rng(0).random((3, 60, 28)) < 0.4
    expected = flags.reshape(3, 5, 12, 28).sum(axis=2)
    np.testing.assert_array_equal(group_counts(pack(flags), 5, 28), expected)


def test_seeds_of_trained_heads_are_dealt_once() -> None:
    from real_null import deal

    groups = deal(403, 5, 2)
    assert groups.shape == (40, 2, 5)
    assert len(np.unique(groups)) == 400
    paired = deal(403, 5, 1)
    assert paired.shape == (80, 2, 5)
    assert (paired[:, 0] == paired[:, 1]).all()
