"""A worker without torch for the rows that are about the runner alone: the product's own warm parent and its own stub job.

Only the list of what is imported beforehand is shorter, and the stub knows some more ways to go wrong.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bakeoff.records.paths import AttemptFolder
from bakeoff.records.specs import JobSpec
from bakeoff.training.progress import Progress
from bakeoff.worker import jobs, run, stub, warm
from soak.clockwork import jump_when_told

GATE_SECONDS = 0.005
BLOCK = b"noise " * 174_762 + b"\n\n\n\n"  # a MiB


def hang_in_c() -> None:
    """Block every signal that can be blocked, and wait inside a C call: Python never runs again."""
    signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP})
    ctypes.CDLL(None).sleep(3600)


def hang_with_family() -> None:
    """Start a process of its own session, which starts another, and hang deaf to SIGTERM."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-c", "import subprocess; subprocess.run(['sleep', '3600'])"])
    sys.stderr.write(f"child {child.pid}\n")
    sys.stderr.flush()
    child.wait()


def stuck_loader(folder: AttemptFolder) -> None:
    """Read from a pipe into which nobody writes, as from a dead network disk."""
    pipe = folder.root / "never"
    os.mkfifo(pipe)
    pipe.read_bytes()


def shout(mebibytes: int) -> None:
    """Write to standard error without end, and then a last line.

    Args:
        mebibytes: how much.
    """
    for _ in range(mebibytes):
        os.write(2, BLOCK)
    os.write(2, b"the last line\n")


def run_stub(job: JobSpec, folder: AttemptFolder, progress: Progress) -> dict[str, Any]:
    """Do what `job.stub` says: all that the product's stub knows, and what only this table needs.

    `gate` names a file for which it waits before all else: what lasts until the harness says so needs no guess at seconds.

    Args:
        job: the job.
        folder: the attempt.
        progress: the child's log.

    Returns:
        Facts for the outcome.
    """
    what = dict(job.stub)
    match what.get("do"):
        case "hang-c":
            progress.say("begin", steps=1)
            hang_in_c()
        case "family":
            progress.say("begin", steps=1)
            hang_with_family()
        case "loader":
            progress.say("begin", steps=1)
            stuck_loader(folder)
        case "shout":
            shout(int(what["mebibytes"]))
            os._exit(3)
        case "exit-code":
            os._exit(int(what["code"]))
        case "raise":
            raise RuntimeError(str(what["text"]).format(**os.environ))
    if gate := what.get("gate"):
        progress.say("begin", steps=1)
        while not Path(gate).exists():
            progress.check()
            time.sleep(GATE_SECONDS)
    if crash_at := int(what.get("crash_at", 0)):
        _crash_once(crash_at, folder)
    return stub.run_stub(job, folder, progress)


def _crash_once(at: int, folder: AttemptFolder) -> None:
    """Crash at a call in the first attempt alone."""
    if folder.root.name == "1":
        from soak.crashing import crash_at_call

        crash_at_call(at)


def preload(families: list[str]) -> None:
    """Import what the stub needs.

    Args:
        families: ignored.
    """
    from bakeoff.catalog import registry

    registry.cards("method")


def main(words: list[str]) -> int:
    """Be the warm parent, or run one job.

    Args:
        words: `warm FAMILY …`, or `job FOLDER`.

    Returns:
        The exit status.
    """
    jobs.JOBS["stub"] = run_stub
    jump_when_told()
    if words[0] == "job":
        return run.run_job(Path(words[1]))
    warm.preload = preload
    return warm.serve(words[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
