"""Several processes for one trial, one a device: what each is told, and what it means when they lose one another."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from bakeoff.errors import RunError
from bakeoff.records.paths import AttemptFolder
from bakeoff.records.results import Outcome, State
from bakeoff.records.specs import JobSpec
from bakeoff.running.ending import read_outcome
from bakeoff.running.processes import describe_exit
from bakeoff.running.watching import Cause

DEVICES = Path("/dev")
VISIBLE = "CUDA_VISIBLE_DEVICES"
SIGKILL_EXIT, SIGABRT_EXIT = -9, -6


def visible_devices(environment: Mapping[str, str] | None = None, files: Path = DEVICES) -> list[str]:
    """The GPUs that a run may use.

    Args:
        environment: variables; None means ours.
        files: where the system shows its devices.

    Returns:
        What CUDA calls them; empty on a machine without any.
    """
    chosen = (os.environ if environment is None else environment).get(VISIBLE)
    if chosen is not None:
        names = [name.strip() for name in chosen.split(",")]
        # CUDA stops at the first name that it does not know, and -1 is the usual one
        return [] if "-1" in names else [name for name in names if name]
    numbers = [path.name.removeprefix("nvidia") for path in files.glob("nvidia[0-9]*")]
    return sorted((number for number in numbers if number.isdigit()), key=int)


def rank_environment(rank: int, ranks: int, devices: Sequence[str]) -> dict[str, str]:
    """Variables of one of a trial's processes: each sees one device alone, as its first.

    Args:
        rank: its number, from 0.
        ranks: how many processes share the trial.
        devices: what CUDA calls the devices that the trial may use; none on a machine without GPUs.

    Returns:
        The variables; empty where there is nothing to choose between.

    Raises:
        RunError: if there are GPUs, and fewer than processes.
    """
    if ranks == 1 or not devices:
        return {}
    if len(devices) < ranks:
        raise RunError(
            f"a recipe asks for {ranks} devices, and {len(devices)} can be seen",
            f"{VISIBLE}={os.environ.get(VISIBLE, '(not set)')}",
            f"run it with --set defaults.devices={len(devices)}: the effective batch stays the same",
        )
    return {VISIBLE: devices[rank]}


def rank_jobs(
    job: JobSpec, attempt: AttemptFolder, ranks: int, collective_seconds: float | None
) -> list[tuple[AttemptFolder, JobSpec]]:
    """The jobs of the processes that share a trial.

    Args:
        job: the job of a trial.
        attempt: the attempt's folder.
        ranks: how many processes share it.
        collective_seconds: how long one waits for the others.

    Returns:
        Folder and job of each, by rank; the first is the attempt itself. A single process gets the job as it is.
    """
    if ranks == 1:
        return [(attempt, job)]
    shared = {"ranks": ranks, "rendezvous": str(attempt.rendezvous), "collective_seconds": collective_seconds}
    return [
        (attempt.rank(rank), job.model_copy(update={**shared, "rank": rank, "id": f"{job.id}.rank-{rank}" if rank else job.id}))
        for rank in range(ranks)
    ]


def rank_outcome(attempt: AttemptFolder, ranks: int) -> Outcome | None:
    """The word that counts of the processes of a trial.

    Args:
        attempt: the attempt's folder.
        ranks: how many processes shared it.

    Returns:
        What the first says, if it completed. Else the first outcome that is not about another process having gone: whoever
        ran out of memory says so, while the others only notice that somebody is missing. None if nobody left a word.
    """
    found = [outcome for rank in range(ranks) if (outcome := read_outcome(attempt.rank(rank))) is not None]
    leading = read_outcome(attempt)
    if leading is not None and leading.state is State.COMPLETE:
        return leading
    causes = [outcome for outcome in found if not _is_collective(outcome) and outcome.state is not State.COMPLETE]
    return next(iter([*causes, *found]), None)


def collective_fault(
    attempt: AttemptFolder, exits: Sequence[int | None], cause: Cause, left_behind: Collection[int] = ()
) -> str:
    """Whether the processes of a trial lost one another, so that it goes on with one device.

    Args:
        attempt: the attempt's folder.
        exits: exit status of each process, by rank; None where it was lost with the process that started it.
        cause: why the attempt ended.
        left_behind: ranks that the runner killed, because they had not noticed that another was gone.

    Returns:
        Why; empty if it ended for another reason: it completed, was interrupted or too long, a process says what went wrong
        with itself, or all were killed at once, which is no fault of their being several.
    """
    if len(exits) == 1 or cause not in (Cause.ITSELF, Cause.STALL):
        return ""
    if cause is Cause.STALL:  # whatever they said after that was an answer to being ended
        return "none of its processes went on"
    outcomes = [read_outcome(attempt.rank(rank)) for rank in range(len(exits))]
    counting = rank_outcome(attempt, len(exits))
    if counting is not None:
        return counting.reason if _is_collective(counting) else ""
    if left_behind:  # what killed the other did not kill these: they were not all killed at once
        gone = next(rank for rank in range(len(exits)) if rank not in left_behind)
        return f"another process of the trial ended without a word ({describe_exit(exits[gone])}), and nobody noticed"
    if all(status in (SIGKILL_EXIT, None) for status in exits):
        return ""
    lost = [(rank, status) for rank, status in enumerate(exits) if outcomes[rank] is None and status != SIGKILL_EXIT]
    return "; ".join(f"process {rank} ended without a word ({describe_exit(status)})" for rank, status in lost)


def fewer_devices(devices: int, why: str) -> str:
    """The deviation of a trial that goes on with one device.

    Args:
        devices: how many its recipe asks for.
        why: what `collective_fault` said.

    Returns:
        A line for result and report.
    """
    return f"one device in place of {devices}: {why}"


def _is_collective(outcome: Outcome) -> bool:
    return outcome.state is State.FAILED and outcome.facts.get("collective") is True
