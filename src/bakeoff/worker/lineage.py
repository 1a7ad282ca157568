"""A child that does not outlive its parent."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int) -> None:
    """Have the system kill this child when its parent dies, however it dies; Linux alone can do that.

    Args:
        parent: the parent's process. One that died between the fork and this call sends no signal any more, so the
            child ends at once if it has another parent by now.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
