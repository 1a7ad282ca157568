"""How much of a disk is free, and how much a folder takes."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def free_bytes(root: Path) -> int:
    """Bytes that are free on a folder's disk.

    Args:
        root: the folder.

    Returns:
        What this user may still write.
    """
    return shutil.disk_usage(root).free


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
