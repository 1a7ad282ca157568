"""How much of a disk is free, how much a folder takes, and what an error of the disk means."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from bakeoff.errors import RunError

OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO)


def free_bytes(root: Path) -> int:
    """Bytes that are free on a folder's disk.

    Args:
        root: the folder; one that is not there yet counts as the nearest that is.

    Returns:
        What this user may still write.
    """
    standing = next(place for place in (root, *root.absolute().parents) if place.exists())
    return shutil.disk_usage(standing).free


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder.

    Args:
        folder: the folder, or a file.

    Returns:
        Their sum; what vanishes meanwhile counts nothing.
    """
    if folder.is_file():
        return folder.stat().st_size
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(root) / name).lstat().st_size
            except FileNotFoundError:
                continue
    return total


def disk_error(root: Path, error: OSError) -> RunError | None:
    """What an error of the disk means to the user.

    Args:
        root: the run folder.
        error: the error that a write of the runner met.

    Returns:
        An error with path and bytes; None if it is of another kind.
    """
    if error.errno not in OF_THE_DISK:
        return None
    where = str(error.filename or root)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return RunError(
            f"the disk is full: {os.strerror(error.errno)}; {free_bytes(root)} bytes are free",
            where,
            "free some space, and the same command goes on",
        )
    return RunError(
        f"the run folder cannot be written: {os.strerror(error.errno or 0)}", where, "choose another with --run-dir"
    )
