"""Run one job and always leave one outcome."""

from __future__ import annotations

import resource
import sys
import time
from itertools import islice
from pathlib import Path

from bakeoff.records.environment import package_versions
from bakeoff.records.paths import AttemptFolder
from bakeoff.records.results import Outcome, State
from bakeoff.records.secrets import Redactor
from bakeoff.records.specs import JobSpec
from bakeoff.training.progress import Preempted, Progress
from bakeoff.worker.jobs import JOBS
from bakeoff.worker.judging import judge


def peak_bytes() -> int:
    """Largest resident memory of this process so far.

    Returns:
        Bytes.
    """
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def run_job(root: Path) -> int:
    """Run `job.json` of a folder.

    Args:
        root: the job's folder.

    Returns:
        0 if an outcome was left, whatever it says.
    """
    began = time.monotonic()
    folder = AttemptFolder(root)
    known = len(sys.modules)
    progress = Progress(folder.log)
    progress.listen()
    try:
        job = JobSpec.read(folder.job)
        facts = JOBS[job.kind](job, folder, progress)
        outcome = Outcome(state=State.COMPLETE, facts=facts, deviations=[*job.deviations, *facts.pop("deviations", [])])
    except KeyboardInterrupt as error:
        outcome = judge(Preempted(str(error)))
    except Exception as error:
        outcome = _hide_secrets(judge(error))
        if outcome.traceback:
            sys.stderr.write(outcome.traceback + "\n")
    progress.say("end", state=str(outcome.state))
    progress.close()
    outcome.model_copy(
        update={
            "seconds": round(time.monotonic() - began, 3),
            "peak_bytes": peak_bytes(),
            "device_peak_bytes": _device_peak_bytes(),
            "imported": _imported_since(known),
            "machine": {"packages": package_versions(), "device": _device()},
        }
    ).write(folder.outcome)
    return 0


def _imported_since(known: int) -> list[str]:
    """Modules beyond the first ones, which stand in the order of their import; touching all would copy the parent's pages."""
    return sorted(islice(reversed(sys.modules), max(0, len(sys.modules) - known)))


def _hide_secrets(outcome: Outcome) -> Outcome:
    """An exception's text may hold what the environment or an address holds: none of that is written down."""
    body = Redactor().values(outcome.model_dump(mode="json"))
    return Outcome.model_validate({**body, "state": outcome.state})


def _device() -> str:
    """The device that torch used, if torch was used."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        return str(torch.cuda.get_device_name())
    return "cpu"


def _device_peak_bytes() -> int:
    torch = sys.modules.get("torch")
    return int(torch.cuda.max_memory_reserved()) if torch is not None and torch.cuda.is_initialized() else 0
