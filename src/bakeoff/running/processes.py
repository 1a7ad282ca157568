"""End a child together with everything that it started."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

from bakeoff.errors import JobError

DEATH_SECONDS = 5.0


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


def group_members(leader: int) -> list[int]:
    """Processes of a group.

    Args:
        leader: its id.

    Returns:
        Their ids.
    """
    import psutil

    found = []
    for pid in psutil.pids():
        with suppress(ProcessLookupError, PermissionError):
            if os.getpgid(pid) == leader:
                found.append(pid)
    return found


def is_alive(pid: int) -> bool:
    """Whether a process can still do anything.

    Args:
        pid: the process.

    Returns:
        False if it is gone, or has ended and was not yet waited for.
    """
    import psutil

    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def signal_session(pid: int, number: int) -> bool:
    """Send a signal to a session leader and its group.

    Args:
        pid: the leader; it may have ended already while its group lives on.
        number: the signal.

    Returns:
        Whether there was anyone to send it to.
    """
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def kill_tree(pid: int) -> None:
    """SIGKILL for a session leader, its group, and descendants that left the group; returns when they are dead.

    Args:
        pid: the leader.
    """
    killed = descendants(pid)
    if signal_session(pid, signal.SIGKILL):
        killed += group_members(pid)
    for stray in killed:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(stray, signal.SIGKILL)
    # SIGKILL is only asked for here; a process that the kernel holds (a dead network disk) must not hold us as well
    deadline = time.monotonic() + DEATH_SECONDS
    while any(is_alive(process) for process in killed) and time.monotonic() < deadline:
        time.sleep(0.005)


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
