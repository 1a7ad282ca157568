"""What an exception means for a trial: preempted, pruned, diverged, out of memory, the disk's fault, or ours."""

from __future__ import annotations

import errno
import re
import traceback

from bakeoff.errors import BakeoffError, CollectiveError
from bakeoff.records.results import Outcome, State
from bakeoff.training.memory import is_lack_of_memory
from bakeoff.training.progress import Preempted
from bakeoff.training.rungs import Pruned

TRACEBACK_LINES = 30
DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.ENODEV, errno.ENOTCONN)


def _of_torch(error: BaseException, name: str) -> bool:
    """Whether an error is one of torch's or the training room's, without importing them."""
    return type(error).__name__ == name and type(error).__module__.split(".")[0] in ("torch", "bakeoff")


def disk_fault(error: BaseException) -> str:
    """Whether an error is the disk's, not ours: one that may be gone when it has been mended.

    Args:
        error: what the job raised.

    Returns:
        The system's name for it, such as "ENOSPC"; empty if it is of another kind.
    """
    if isinstance(error, OSError) and error.errno is not None:
        return errno.errorcode[error.errno] if error.errno in DISK_ERRORS else ""
    # safetensors and NumPy tell a full disk in words of their own
    text = str(error)
    is_full = "No space left on device" in text or re.search(r"\d+ requested and \d+ written", text)
    return "ENOSPC" if is_full else ""


def judge(error: BaseException) -> Outcome:  # noqa: PLR0911 - one a kind
    """What an exception means for the trial.

    Args:
        error: what the job raised.

    Returns:
        The outcome, without times.
    """
    if isinstance(error, Preempted):
        return Outcome(state=State.PREEMPTED, reason="it was asked to stop")
    if isinstance(error, Pruned):
        return Outcome(state=State.PRUNED, reason=str(error))
    if _of_torch(error, "Diverged"):
        norms = ", ".join(f"{norm:.3g}" for norm in getattr(error, "healthy_norms", []))
        rows = ", ".join(str(row) for row in getattr(error, "rows", [])[:32])
        examples = f"; rows {rows}" if rows else ""
        healthy = f"; last finite gradient norms: {norms}" if norms else ""
        where = f"step {getattr(error, 'step', 0) + 1}{examples}{healthy}"
        return Outcome(state=State.DIVERGED, reason=str(error), where=where, remedy="a lower learning rate, or fp32")
    if is_lack_of_memory(error):
        facts = getattr(error, "facts", {})
        remedy = "a smaller training.micro_batch_size"
        return Outcome(state=State.OOM, reason=f"out of memory: {error}", remedy=remedy, facts=facts)
    if isinstance(error, CollectiveError):
        lost = {"collective": True}
        return Outcome(state=State.FAILED, reason=error.what, where=error.where, remedy=error.remedy, facts=lost)
    if isinstance(error, BakeoffError):
        return Outcome(state=State.FAILED, reason=error.what, where=error.where, remedy=error.remedy)
    if name := disk_fault(error):
        where = str(getattr(error, "filename", None) or "")
        reason, remedy = f"the disk failed: {error}", "mend the disk, or free some of it"
        return Outcome(state=State.FAILED, reason=reason, where=where, remedy=remedy, facts={"errno": name})
    text = "".join(traceback.format_exception(error)).splitlines()[-TRACEBACK_LINES:]
    return Outcome(state=State.FAILED, reason=f"{type(error).__name__}: {error}", traceback="\n".join(text))
