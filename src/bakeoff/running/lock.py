"""One runner a run folder: an OS lock, freed by the kernel when its holder dies, with a record of who holds it."""

from __future__ import annotations

import fcntl
import os
import platform
import time
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

import psutil

from bakeoff.errors import FormatError, LockedError, RunError
from bakeoff.records.files import read_document, write_document
from bakeoff.records.paths import RunFolder
from bakeoff.records.specs import Spec
from bakeoff.running.diskspace import disk_error

OWNER_VERSION = 1
PATIENCE_SECONDS = 1.0  # a look by `status` holds the lock for an instant, and must not turn a runner away
SAME_PROCESS_SECONDS = 2.0  # a process's start is reckoned from the time of boot, which a set clock moves a little


class Owner(Spec):
    """`owner.json`: who holds the lock.

    Attributes:
        host: name of the machine.
        pid: process id there.
        boot: id of that machine's boot; empty where the system gives none.
        started: when the runner began, ISO 8601 in UTC.
        process: when its process began, in seconds since 1970: another process with its number has another time.
    """

    host: str
    pid: int
    boot: str
    started: str
    process: float = 0.0

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, since {self.started}"


def this_owner() -> Owner:
    """The record of this process.

    Returns:
        Host, pid, boot and the time of now.
    """
    boot = Path("/proc/sys/kernel/random/boot_id")
    return Owner(
        host=platform.node(),
        pid=os.getpid(),
        boot=boot.read_text().strip() if boot.exists() else "",
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        process=psutil.Process().create_time(),
    )


def describe(owner: Owner) -> str:
    """A holder in words, and whether it is stopped.

    Args:
        owner: its record.

    Returns:
        Such as "process 7 on here, since … (it is stopped: `kill -CONT 7` lets it go on)".
    """
    here = this_owner()
    if (owner.host, owner.boot) != (here.host, here.boot):
        return str(owner)
    try:
        process = psutil.Process(owner.pid)
        same = not owner.process or abs(process.create_time() - owner.process) < SAME_PROCESS_SECONDS
        stopped = same and process.status() == psutil.STATUS_STOPPED
    except psutil.Error:
        return str(owner)
    return f"{owner} (it is stopped: `kill -CONT {owner.pid}` lets it go on)" if stopped else str(owner)


def read_owner(run: RunFolder) -> Owner | None:
    """The record of the last holder, whether it still lives or not.

    Args:
        run: the run folder.

    Returns:
        The record, or None if there is none that can be read.
    """
    try:
        return Owner.model_validate(read_document(run.owner, "owner", OWNER_VERSION))
    except (FormatError, ValueError):
        return None


def _try(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_held(run: RunFolder) -> bool:
    """Whether a living runner holds the run folder.

    Args:
        run: the run folder.

    Returns:
        True while one does.
    """
    try:
        descriptor = os.open(run.lock, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return not _try(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def _cannot_write(run: RunFolder, error: OSError) -> RunError:
    known = disk_error(run.root, error)
    return known or RunError(
        f"the run folder cannot be written: {error.strerror}", str(run.root), "choose another with --run-dir"
    )


class RunLock:
    """The lock of a run folder, as a context manager.

    Args:
        run: the run folder; it is made if missing.
        patience_seconds: how long to wait for another holder.
    """

    def __init__(self, run: RunFolder, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self.run = run
        self._patience_seconds = patience_seconds
        self._descriptor = -1

    def __enter__(self) -> RunLock:
        try:
            self.run.root.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(self.run.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise _cannot_write(self.run, error) from error
        try:
            self._acquire()
            write_document(self.run.owner, "owner", OWNER_VERSION, this_owner().model_dump())
        except BaseException as error:
            os.close(self._descriptor)
            if isinstance(error, OSError):
                raise _cannot_write(self.run, error) from error
            raise
        return self

    def _acquire(self) -> None:
        deadline = time.monotonic() + self._patience_seconds
        while not _try(self._descriptor, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                owner = read_owner(self.run)
                raise LockedError(
                    f"another runner holds this run: {describe(owner) if owner else 'its record cannot be read'}",
                    str(self.run.root),
                    "wait for it (`bakeoff status --watch`), stop it, or start a run of its own with --new",
                )
            time.sleep(0.05)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.run.owner.unlink(missing_ok=True)
        os.close(self._descriptor)
