"""The warm parent: one process that has imported all that a trial imports, and forks a child for each job.

When its input closes, because the runner closed it or died, it kills its children's sessions and ends.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bakeoff.errors import JobError
from bakeoff.running.companion import Companion, never

# -P: a file of the user's folder called random.py must not be what the worker imports
WORKER_COMMAND = (sys.executable, "-P", "-m", "bakeoff.worker")
ENVIRONMENT = {
    "PYTHONHASHSEED": "0",
    "OPENBLAS_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    # scikit-learn imports pandas where it is installed, and that pyarrow, whose allocator would start a thread at once
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "HF_HUB_OFFLINE": "1",
    # a batch's shapes differ from the last one's, and each costs a compiled kernel: keep them all
    "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "8192",
    # threads that wait for a thread of a busy core by spinning for ever make a shared machine many times slower
    "GOMP_SPINCOUNT": "20000",
    # each step frees and asks again for the same large blocks: keep them, in large pages, instead of returning them
    "GLIBC_TUNABLES": ":".join(
        (
            "glibc.malloc.hugetlb=1",
            "glibc.malloc.mmap_threshold=1073741824",
            "glibc.malloc.trim_threshold=4000000000",
            "glibc.malloc.top_pad=268435456",
        )
    ),
}
ANSWER_SECONDS = 60.0


def worker_environment() -> dict[str, str]:
    """The environment in which a worker starts: ours, with what could change a number fixed.

    Returns:
        The variables.
    """
    return {**os.environ, **ENVIRONMENT}


class WarmParent(Companion):
    """The runner's side of the warm parent.

    Args:
        families: architectures whose model code it imports.
        console: where what it prints is kept.
        command: how the worker is started, before `warm`.
        give_up: asked while waiting for its start; when it says True, the wait ends with `Interrupted`.
        environment: all its variables; None means `worker_environment`.
    """

    what = "warm parent"

    def __init__(
        self,
        families: list[str],
        console: Path,
        command: tuple[str, ...] = WORKER_COMMAND,
        give_up: Callable[[], bool] = never,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__([*command, "warm", *families], console, environment or worker_environment(), give_up)

    def fork(self, job: str, folder: Path, console: Path, environment: dict[str, str] | None = None) -> int:
        """Ask for a child.

        Args:
            job: name of the job, to know its end by.
            folder: absolute path of its folder.
            console: file or pipe that takes the child's standard output and error.
            environment: variables set in the child before anything else.

        Returns:
            The child's process id; it is a session leader.

        Raises:
            JobError: if the parent has died.
        """
        request = {"id": job, "folder": str(folder), "console": str(console), "environment": environment or {}}
        self._send({"fork": request})
        answer = self._wait_for("forked", ANSWER_SECONDS)["forked"]
        if answer["id"] != job:
            raise self._failure(f"the worker forked {answer['id']} in place of {job}")
        return int(answer["pid"])

    def ended(self, seconds: float) -> list[tuple[str, int]]:
        """Children that ended.

        Args:
            seconds: how long to wait for the first at most.

        Returns:
            Job and exit status (negative: signal) of each.

        Raises:
            JobError: if the parent has died.
        """
        return [(item["id"], int(item["exit"])) for item in self._take_all("ended", seconds)]

    def _refusal(self, said: Mapping[str, Any]) -> JobError:
        return self._failure(f"the worker could not import what trials need ({said.get('error', 'no reason given')})")
