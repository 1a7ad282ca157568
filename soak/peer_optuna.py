"""`python -m soak.peer_optuna FOLDER SIZE`: Optuna's journal storage, its last record torn, one of its bits flipped."""

from __future__ import annotations

import json
import random
import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from soak.rows.bits import flip

TRIALS = 4
NAME = "s"


def open_study(path: Path) -> Any:
    """Open a study, or make it.

    Args:
        path: its journal.

    Returns:
        The study.
    """
    return optuna.create_study(study_name=NAME, storage=JournalStorage(JournalFileBackend(str(path))), load_if_exists=True)


def values_of(path: Path) -> list[Any]:
    """What a fresh process would read.

    Args:
        path: the journal.

    Returns:
        State, value and parameters of each trial.
    """
    return [(trial.state.name, trial.value, dict(trial.params)) for trial in open_study(path).trials]


def run_trials(path: Path, count: int) -> None:
    """Add trials.

    Args:
        path: the journal.
        count: how many.
    """
    study = open_study(path)
    for _ in range(count):
        trial = study.ask()
        study.tell(trial, trial.suggest_float("x", 0, 1))


def torn(whole: Path, place: Path, every: int) -> dict[str, Any]:
    """Cut the last record, open the study, add a trial, open it once more.

    Args:
        whole: a whole journal.
        place: for copies.
        every: step between two cuts in bytes.

    Returns:
        What it does.
    """
    data, outcomes = whole.read_bytes(), Counter[str]()
    first = data.rstrip(b"\n").rfind(b"\n") + 1
    cuts = range(first, len(data), every)
    for cut in cuts:
        path = place / "torn.log"
        path.write_bytes(data[:cut])
        try:
            run_trials(path, 1)
            values_of(path)
            outcomes["goes on"] += 1
        except Exception as error:
            outcomes[f"{type(error).__name__} for ever" if _stays_broken(path) else f"{type(error).__name__} once"] += 1
    found = "cut, opened, a trial added, opened again: " + ", ".join(f"{count} × {what}" for what, count in outcomes.items())
    return {"row": 4, "tried": len(cuts), "held": outcomes["goes on"], "found": found}


def _stays_broken(path: Path) -> bool:
    try:
        values_of(path)
    except Exception:
        return True
    return False


def flipped(whole: Path, place: Path, count: int) -> dict[str, Any]:
    """Flip one bit, and read.

    Args:
        whole: a whole journal.
        place: for copies.
        count: how often.

    Returns:
        What it does.
    """
    draws, expected, outcomes = random.Random(0), values_of(whole), Counter[str]()
    for _ in range(count):
        path = place / "flipped.log"
        shutil.copy(whole, path)
        flip(path, draws)
        try:
            found = values_of(path)
        except Exception:
            outcomes["does not open the study any more"] += 1
            continue
        outcomes["reads the same" if found == expected else "reads other trials or values, and says nothing"] += 1
    text = ", ".join(f"{count} × {what}" for what, count in outcomes.most_common())
    return {"row": 5, "tried": count, "held": outcomes["reads the same"], "found": text}


def main(place: Path, size: str) -> None:
    """Measure, and print JSON.

    Args:
        place: a folder.
        size: small or full.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    whole = place / "whole.log"
    run_trials(whole, TRIALS)
    full = size == "full"
    rows = [torn(whole, place, 1 if full else 7), flipped(whole, place, 200 if full else 20)]
    rows.append({"row": 16, "tried": 0, "held": 0, "found": "keeps no state of a training: what was interrupted begins anew"})
    sys.stdout.write(json.dumps([{"name": f"Optuna {optuna.__version__} journal", **row} for row in rows]) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
