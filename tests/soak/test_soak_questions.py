"""Questions through the command line: imported, tried before, killed twice in the middle, and bitwise what nobody disturbed."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

from soak.processes import children_of, wait_until
from soak.reference import Study, materials

from questions import rows_of

CHANGES: dict[str, Any] = {
    "tasks": {"squad": {"dataset": "squad_v2", "metric": "answer_f1", "max_length": 40, "stride": 13, "max_answer": 30}},
    "recipes": {
        "full": {"method": "full", "training": {"epochs": 8, "batch_size": 8}},
        "lexical": {"method": "lexical"},
        "all-no-answer": {"method": "all-no-answer"},
    },
    "limits": {"trial": "10m", "stall": "5m", "disk_reserve": "1MB", "checkpoint_steps": 3, "retries": 1000},
}


def write_squad(folder: Path) -> Path:
    """Ten small articles in the published form, no two alike, every third question without an answer."""
    names = [f"Of the {letter} day: " for letter in "abcdefghij"]
    articles = [
        {
            "title": f"article {number}",
            "paragraphs": [
                {
                    "context": name + row.second,
                    "qas": [
                        {
                            "id": row.id,
                            "question": row.text,
                            "is_impossible": not row.answers,
                            "answers": [{"text": a.text, "answer_start": a.start + len(name)} for a in row.answers],
                        }
                    ],
                }
                for row in rows_of(f"article{number}", 8)
            ],
        }
        for number, name in enumerate(names)
    ]
    folder.mkdir()
    (folder / "part.json").write_text(json.dumps({"version": "v2.0", "data": articles}), encoding="utf8")
    return folder


def checkpoints(study: Study, attempt: int) -> bool:
    """Whether an attempt at the trained trial has left a checkpoint."""
    return bool(list(study.run.glob(f"trials/squad-full-*/attempts/{attempt}/checkpoints/step-*")))


def test_killed_anywhere_it_gives_the_same_answers(tmp_path: Path) -> None:
    undisturbed = materials().study(tmp_path / "undisturbed", True, CHANGES)
    stored = undisturbed.command("data", "import", "squad_v2", str(write_squad(tmp_path / "squad"))).wait()
    assert stored.exit == 0, stored.err
    tried = undisturbed.command("check", str(undisturbed.file), "--smoke", "--sanity").wait()
    assert tried.exit == 0, tried.out + tried.err
    assert undisturbed.go().exit == 0

    disturbed = materials().study(tmp_path / "killed", True, CHANGES)
    runner = disturbed.start()
    assert wait_until(lambda: checkpoints(disturbed, 1), every=0.002)
    (trial,) = children_of(disturbed.run)
    os.kill(trial, signal.SIGKILL)
    assert wait_until(lambda: checkpoints(disturbed, 2), every=0.002)
    runner.kill()
    runner.wait()
    assert not list(disturbed.run.glob("trials/squad-full-*/result.json"))
    assert disturbed.go().exit == 0
    attempts = list(disturbed.run.glob("trials/squad-full-*/attempts/*/log.jsonl"))
    assert len(attempts) == 3
    assert sum('"resume"' in path.read_text() for path in attempts) == 2
    assert disturbed.hash == undisturbed.hash
