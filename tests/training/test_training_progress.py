"""What a child says while it works, and how it is asked to stop."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from bakeoff.training.progress import Preempted, Progress


def test_records_are_lines_with_seconds_and_not_finite_numbers_are_words(progress: Progress, tmp_path: Path) -> None:
    progress.say("begin", steps=3)
    progress.say("step", step=1, loss=float("nan"))
    first, second = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert (first["event"], first["steps"]) == ("begin", 3)
    assert second["loss"] == "nan"
    assert 0 <= first["seconds"] <= second["seconds"] < 60


def test_steps_are_due_once_a_second(progress: Progress, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    assert progress.due
    progress.say("step", step=1)
    assert not progress.due
    progress.say("note", text="")
    now += 0.9
    assert not progress.due
    now += 0.2
    assert progress.due


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_is_a_wish(progress: Progress, number: signal.Signals) -> None:
    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    try:
        progress.listen()
        progress.check()
        os.kill(os.getpid(), number)
        with pytest.raises(Preempted):
            progress.check()
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
