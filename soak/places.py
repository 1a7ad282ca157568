"""Where what is tried lies: in memory, where syncing costs nothing, if the system has such a place with room."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")
ROOM_BYTES = 4 << 30


def new_folder(prefix: str) -> Path:
    """Make a temporary folder.

    Args:
        prefix: its name's beginning.

    Returns:
        The folder: in memory, or where temporary folders lie.
    """
    roomy = MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM_BYTES
    return Path(tempfile.mkdtemp(prefix=prefix, dir=MEMORY if roomy else None))
