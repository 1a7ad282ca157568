"""How another process asks a runner to cancel trials: an empty file a trial, which the runner looks for and removes."""

from __future__ import annotations

from bakeoff.records.files import write_bytes
from bakeoff.records.paths import RunFolder

ALL = "all"


def ask_to_cancel(run: RunFolder, trials: list[str]) -> None:
    """Ask the runner at work to cancel trials.

    Args:
        run: the run folder.
        trials: their ids; none means all that have not ended, and the runner ends.
    """
    for name in trials or [ALL]:
        write_bytes(run.cancels / name, b"")


def cancels(run: RunFolder) -> set[str]:
    """What is asked for.

    Args:
        run: the run folder.

    Returns:
        Ids of trials, or `all`; empty if nothing is.
    """
    try:
        return {entry.name for entry in run.cancels.iterdir() if not entry.name.startswith(".")}
    except (FileNotFoundError, NotADirectoryError):
        return set()


def forget_cancels(run: RunFolder, names: set[str]) -> None:
    """Remove requests that are done.

    Args:
        run: the run folder.
        names: which.
    """
    for name in names:
        (run.cancels / name).unlink(missing_ok=True)
