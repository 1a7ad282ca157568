"""End a child together with everything that it started."""

from __future__ import annotations

import os
import signal
from contextlib import suppress

from bakeoff.errors import JobError


def descendants(pid: int) -> list[int]:
    """Processes that a process started, directly or not, as far as they still hang on it.

    Args:
        pid: the process.

    Returns:
        Their ids; empty if the process is gone.
    """
    import psutil

    try:
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def signal_session(pid: int, number: int) -> None:
    """Send a signal to a session leader and its group.

    Args:
        pid: the leader; it may have ended already while its group lives on.
        number: the signal.
    """
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def kill_tree(pid: int) -> None:
    """SIGKILL for a session leader, its group, and descendants that left the group.

    Args:
        pid: the leader.
    """
    strays = descendants(pid)
    signal_session(pid, signal.SIGKILL)
    for stray in strays:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(stray, signal.SIGKILL)


def describe_exit(status: int | None) -> str:
    """An exit status in words.

    Args:
        status: exit code; negative is a signal's number; None if it was lost.

    Returns:
        Such as "killed by signal 9 (SIGKILL)" or "exit code 3".
    """
    if status is None:
        return "it was lost together with the process that started it"
    if status >= 0:
        return f"exit code {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = "unknown"
    return f"killed by signal {-status} ({name})"


def failed_start(what: str, lines: list[str], where: str) -> JobError:
    """The error of a process that did not come up.

    Args:
        what: what happened.
        lines: last lines that it printed.
        where: its console log.

    Returns:
        An error that shows those lines.
    """
    said = "".join(f"\n    {line}" for line in lines)
    return JobError(
        f"{what}{': it printed' if said else ''}{said}",
        where,
        "mend what the last line names; `bakeoff run … --executor inline` starts each job by itself and shows all it prints",
    )
