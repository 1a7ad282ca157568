"""Validations after which the runner says whether a trial goes on: `stop.json`."""

from __future__ import annotations

import time

from bakeoff.errors import FormatError
from bakeoff.records.files import read_document
from bakeoff.records.paths import AttemptFolder
from bakeoff.records.specs import STOP_VERSION
from bakeoff.training.progress import Progress

WAIT_SECONDS = 60.0
"""A runner answers within a tenth of a second; one that was stopped must not hold the trial for ever."""
LOOK_SECONDS = 0.01


class Pruned(Exception):
    """The runner has decided that the trial is not worth going on."""


def ask(folder: AttemptFolder, progress: Progress, rung: int, wait_seconds: float = WAIT_SECONDS) -> str:
    """Wait for what the runner says about a validation that was just logged.

    Args:
        folder: the attempt.
        progress: the child's log.
        rung: which validation, from 1.
        wait_seconds: how long to wait at most; the trial goes on then, and an answer that comes late is taken at the next.

    Returns:
        Why the trial stops; empty if it goes on.

    Raises:
        Preempted: if the trial was asked to stop meanwhile.
    """
    deadline = time.monotonic() + wait_seconds
    while True:
        progress.check()
        said = _read(folder)
        if said is not None and (said[0] >= rung or said[1]):
            return said[1]
        if time.monotonic() > deadline:
            return ""
        time.sleep(LOOK_SECONDS)


def _read(folder: AttemptFolder) -> tuple[int, str] | None:
    """The rung that was last answered, and why the trial stops there."""
    if not folder.stop.is_file():
        return None
    try:
        body = read_document(folder.stop, "stop", STOP_VERSION)
    except FormatError:  # renames are atomic, so it is damaged: the next answer takes its place
        return None
    return int(body["rung"]), str(body["reason"]) if body["stop"] else ""
