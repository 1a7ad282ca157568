"""`python -m soak.driving JSON`: a runner's process. It says what happens on standard output, a JSON record a line."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from bakeoff.errors import BakeoffError
from bakeoff.running.events import Event, TrialEnded, TrialGoesOn, Warned
from bakeoff.running.runner import run_study
from soak.clockwork import jump_when_told
from soak.stubs import StubStudy, read_stub_study

TOGETHER = "SOAK_TOGETHER"
"""Names a folder where runners wait for one another: `ready-PID` of each, `go` for all."""
READY, GO = "ready-", "go"


def tell(event: Event) -> None:
    """Print the events that rows look at.

    Args:
        event: what happened.
    """
    match event:
        case TrialEnded():
            record = {"ended": event.trial.id, "state": event.state.value, "reason": event.reason, "seconds": event.seconds}
        case TrialGoesOn():
            record = {"goes_on": event.trial.id, "reason": event.reason, "remedy": event.remedy}
        case Warned():
            record = {"warned": event.kind, "text": event.text, "trial": event.trial}
        case _:
            return
    sys.stdout.write(json.dumps(record) + "\n")
    sys.stdout.flush()


def wait_for_others() -> None:
    """Where the environment names a folder: leave a sign there, and wait until all are let go at the same moment."""
    if folder := os.environ.get(TOGETHER):
        (Path(folder) / f"{READY}{os.getpid()}").touch()
        while not (Path(folder) / GO).exists():
            time.sleep(0.001)


def drive(study: StubStudy) -> int:
    """Carry a study out as the command line would.

    Args:
        study: the study.

    Returns:
        The exit status.
    """
    jump_when_told()
    wait_for_others()
    if at := study.crash_at or study.full_at:
        from soak.crashing import crash_at_call

        crash_at_call(at, full=bool(study.full_at))
    try:
        return run_study(study.order(), tell).exit_code
    except BakeoffError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code


if __name__ == "__main__":
    sys.exit(drive(read_stub_study(sys.argv[1])))
