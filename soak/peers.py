"""What other tools do on rows 4, 5 and 16, in the same harness: Optuna's journal storage, transformers' Trainer."""

from __future__ import annotations

import json
from pathlib import Path

from soak.imports import worker_variables
from soak.printing import PeerFound
from soak.processes import Command, python

OURS = {
    4: "ignored with a warning, or made again; every start goes on",
    5: "found by hash, set aside, made again; H the same",
    16: "weights and metrics bitwise the same",
}
SCRIPTS = {"Optuna": "soak.peer_optuna", "transformers' Trainer": "soak.peer_trainer"}


def measure_peers(place: Path, size: str) -> list[PeerFound]:
    """Try the peers, each in a process of its own.

    Args:
        place: a folder for what they leave.
        size: small or full.

    Returns:
        What each does on each row; a peer that is not installed is said to be missing.
    """
    found = []
    for name, module in SCRIPTS.items():
        folder = place / module.rpartition("_")[2]
        folder.mkdir(parents=True)
        ended = Command(python(module, folder, size), folder, worker_variables()).wait(1200)
        if ended.exit:
            last = (ended.err.strip().splitlines() or ["no word"])[-1]
            found.append(PeerFound(name, 0, 0, 0, f"could not be measured: {last}"))
            continue
        for one in json.loads(ended.out.splitlines()[-1]):
            found.append(PeerFound(ours=OURS[one["row"]], **one))
    return found
