"""What tests of the command line share: a hostile folder, a study in it, a worker without torch, and a way to call commands."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from bakeoff.cli.main import main
from bakeoff.running import warm

STUDY = """
name: small
tasks: {demo: {dataset: demo}}
recipes:
  ok: {method: {name: tfidf, min_df: 1}}
  ok-b: {method: {name: tfidf, min_df: 2}}
baseline: ok
seeds: [3, 5]
profiles: {broken: {recipes: {fail: {method: {name: tfidf, min_df: 3}}}}}
limits: {disk_reserve: 1MB}
"""


@dataclass(frozen=True)
class Said:
    """What a command left.

    Attributes:
        code: its exit status.
        out: standard output.
        err: standard error.
    """

    code: int
    out: str
    err: str


Call = Callable[..., Said]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Call:
    """Calls `bakeoff` in this process: `call("run", "study.yaml")`."""

    def run(*words: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["bakeoff", *words])
        capfd.readouterr()
        code = 0
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        return Said(code, *capfd.readouterr())

    return run


@pytest.fixture
def study(hostile_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A study of four trials in a hostile folder, which is the current one; its worker trains nothing."""
    fake = Path(__file__).parents[1] / "running" / "fake_worker.py"
    monkeypatch.setattr(warm, "WORKER_COMMAND", (sys.executable, "-P", str(fake)))
    monkeypatch.chdir(hostile_path)
    name = "my 'study'; $(touch pwned) `id`.yaml"
    Path(name).write_text(STUDY, encoding="utf8")
    return name
