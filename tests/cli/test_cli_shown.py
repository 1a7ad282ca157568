"""Words for times, sizes and scores; the displays of a run; and text that cannot steer a terminal."""

from __future__ import annotations

import io
import math
import re
from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import Progress as Bars
from rich.progress import TextColumn

from bakeoff.cli import plain
from bakeoff.cli.display import Lines, Live
from bakeoff.cli.shown import cell, duration, make_table, pace, safe, score, size
from bakeoff.cli.tracking import Tracker
from bakeoff.records.results import State
from bakeoff.records.specs import Component, Plan, RecipeSpec, TaskSpec, TrialSpec
from bakeoff.running.events import Event, JobBegan, JobEnded, Progress, RunBegan, TrialBegan, TrialEnded

TASK = TaskSpec(name="t", dataset="d", fingerprint="f", kind="multilabel", metric="f1_macro", max_length=8)
TRIALS = [
    TrialSpec(task=TASK, recipe=RecipeSpec(name=name, method=Component(name="tfidf", version=1)), seed=seed)
    for seed in (1, 2)
    for name in ("[red]bce", "asl")
]
PLAN = Plan(study="s", trials=TRIALS)


def trial_events(number: int, *, step: int = 10, seconds: float = 8.0) -> list[Event]:
    trial = TRIALS[number - 1]
    records = [
        {"event": "begin", "steps": 20, "examples": 640},
        {"event": "step", "step": step // 2, "examples": 16 * step, "seconds": seconds / 2},
        {"event": "step", "step": step, "examples": 32 * step, "seconds": seconds},
        {"event": "validation", "step": step, "epoch": 0.5, "scores": {"f1_macro": 0.25}, "seconds": seconds},
    ]
    return [TrialBegan(trial, number, 4, 1), *(Progress(trial.id, record, 1.0) for record in records)]


def end(number: int, state: State = State.COMPLETE, reason: str = "") -> TrialEnded:
    completed = state is State.COMPLETE
    return TrialEnded(
        TRIALS[number - 1], number, 4, state, reason, 0.5 if completed else None, 30.0, "" if completed else "again"
    )


def began() -> RunBegan:
    return RunBegan(Path("/runs/s"), trials=4, complete=0, todo=TRIALS, passed_over=0)


def test_plain_lines_tell_start_validation_end_and_what_is_left() -> None:
    out = io.StringIO()
    lines = Lines(Tracker(PLAN), Console(file=out, width=160, markup=False, highlight=False))
    told = [JobBegan("j", "tokenise d"), JobEnded("j", "", 1.25), *trial_events(1), end(1), *trial_events(2)]
    for event in [began(), *told, end(2, State.FAILED, "told to fail")]:
        lines(event)
    said = out.getvalue().splitlines()
    assert said[0] == "study s: 4 trials, 4 to run; run folder /runs/s"
    assert said[1:3] == ["tokenise d …", "  done in 1.2 s"]
    assert said[3:5] == ["[1/4] [red]bce seed 1 …", "        step 10/20, 40 examples/s, validation f1_macro 0.2500"]
    assert re.match(r"first score after .+ s: \[red\]bce seed 1, validation f1_macro 0\.2500", said[5])
    assert said[6] == "[1/4] [red]bce seed 1: validation f1_macro 0.5000 in 30 s; about 1 min 30 s left"
    assert said[-2:] == ["[2/4] asl seed 1: failed after 30 s: told to fail", "        to run just this one again: again"]
    assert sum("first score" in line for line in said) == 1


def test_the_live_display_shows_the_trial_that_runs() -> None:
    out = io.StringIO()
    terminal = Console(file=out, width=160, force_terminal=True, markup=False, highlight=False)
    column = TextColumn("{task.description} {task.fields[facts]}", markup=False)
    with Bars(column, console=terminal, auto_refresh=False) as bars:
        live = Live(Tracker(PLAN), bars)
        for event in [began(), *trial_events(1), end(1), *trial_events(2)]:
            live(event)
        bars.refresh()
        study, _, one = bars.tasks
        assert (study.description, study.completed, study.total) == ("trial 2 of 4", 1.5, 4)
        assert study.fields["facts"] == "about 1 min 8 s left"
        assert (one.description, one.completed, one.total) == ("asl seed 1", 10, 20.4)
        assert one.fields["facts"] == "step 10/20, 40 examples/s, f1_macro 0.2500"
    assert "[1/4] [red]bce seed 1: validation f1_macro 0.5000" in out.getvalue()


def test_what_would_steer_a_terminal_is_made_visible() -> None:
    assert safe("a\x1b[31mb\x07\u202ec\nd\x00") == "a�[31mb��c\nd�"
    assert safe("lone \ud800 é 漢") == "lone ? é 漢"
    out = io.StringIO()
    Console(file=out, width=60).print(make_table({"a": "a"}, [{"a": "[bold]x[/bold] :smile: \x1b[2J"}]))
    assert "[bold]x[/bold] :smile: �[2J" in out.getvalue()


@pytest.mark.parametrize(
    ("width", "said"),
    [
        (60, ["task   seed   state      reason", "demo   1337   complete"]),
        (30, ["task   seed   state", "demo   1337   complete"]),  # without the empty column
        (20, ["- task demo; seed", "1337; state", "complete"]),
    ],
)
def test_a_narrow_terminal_breaks_no_word(width: int, said: list[str]) -> None:
    out = io.StringIO()
    columns = {"task": "task", "seed": ">seed", "state": "state", "reason": "reason"}
    Console(file=out, width=width).print(make_table(columns, [{"task": "demo", "seed": 1337, "state": "complete"}]))
    lines = [line.strip() for line in out.getvalue().splitlines() if line.strip("─ ")]
    assert lines == said


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.04, "0.0 s"), (9.96, "10.0 s"), (59.4, "59 s"), (60, "1 min 0 s"), (3661, "1 h 1 min"), (None, "–")],
)
def test_durations(seconds: float | None, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(("count", "words"), [(0, "0 B"), (999, "999 B"), (90_888_945, "90.9 MB"), (5 * 10**15, "5000.0 TB")])
def test_sizes(count: int, words: str) -> None:
    assert size(count) == words


def test_scores_and_cells() -> None:
    assert (score(0.12345), score(math.nan), score(None)) == ("0.1235", "nan", "–")
    assert (cell(None), cell(3), cell(0.5), cell("x")) == ("", "3", "0.5000", "x")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_signs_have_a_likeness_where_an_encoding_lacks_them(encoding: str) -> None:
    shown = "\u221216.9 % \u00b1 0.1 \u201cbce\u201d \u2192 \u732b".encode(encoding, plain.HANDLER).decode(encoding)
    if encoding == "ascii":
        assert shown == '-16.9 % +/- 0.1 "bce" -> \\u732b'
    assert ("\u732b" in shown) == (encoding == "utf-8")
    with pytest.raises(UnicodeDecodeError):
        b"\xff".decode("utf-8", plain.HANDLER)


def test_a_slow_trial_has_a_pace_too() -> None:
    assert [pace(rate) for rate in (0.41, 9.96, 10, 1234.5)] == [f"{rate} examples/s" for rate in ("0.4", "10.0", "10", "1234")]
