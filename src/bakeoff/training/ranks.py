"""Several processes, one a device, train one trial: each computes a share of every step, and gradients are summed.

The loss of a micro-batch is a share of the mean over the whole step, so the sum over processes is the gradient of one process
that computed all of them. After every step all processes hold the same bits: weights, optimizer state, norms, counters. So
all decide alike, and the first alone writes.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, distributed

from bakeoff.errors import CollectiveError

USUAL_SECONDS = 1800.0
BUCKET_BYTES = 32 << 20
LAUNCHER_VARIABLES = (
    *("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"),
    *("PMI_SIZE", "PMI_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_RANK"),
)
"""What torchrun, MPI and the like leave in the environment; Accelerate would take it for an order to find other processes."""
OBSOLETE = {
    "NCCL_BLOCKING_WAIT": "TORCH_NCCL_BLOCKING_WAIT",
    "NCCL_ASYNC_ERROR_HANDLING": "TORCH_NCCL_ASYNC_ERROR_HANDLING",
    "NCCL_DESYNC_DEBUG": "TORCH_NCCL_DESYNC_DEBUG",
    "NCCL_ENABLE_TIMING": "TORCH_NCCL_ENABLE_TIMING",
}
"""Names that torch read before 2.2, and what they are called now (ProcessGroupNCCL.hpp of torch 2.13)."""


@dataclass(frozen=True)
class Ranks:
    """The processes that share a trial, as one of them sees them.

    Attributes:
        rank: number of this one, from 0.
        count: how many there are.
    """

    rank: int = 0
    count: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the one that writes checkpoints and the product."""
        return self.rank == 0

    def owns(self, part: int) -> bool:
        """Whether a part of a step's work is this one's.

        Args:
            part: its number within the step, from 0.

        Returns:
            True for exactly one of the processes.
        """
        return part % self.count == self.rank

    def sum_(self, tensors: list[Tensor]) -> None:
        """Add up tensors over all processes, in place; all of them get the same bits.

        Args:
            tensors: of one device and type, the same shapes in every process.

        Raises:
            CollectiveError: if another process does not answer in time, or has died.
        """
        if self.count == 1:
            return
        for bucket in _buckets(tensors):
            flat = torch.cat([tensor.reshape(-1) for tensor in bucket])
            with _waiting("the sum of gradients"):
                distributed.all_reduce(flat)
            parts = torch.split(flat, [tensor.numel() for tensor in bucket])
            torch._foreach_copy_(bucket, [part.view_as(tensor) for part, tensor in zip(parts, bucket, strict=True)])

    def merge(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Put together an array of which each process has filled some elements.

        Args:
            values: any shape; 0 wherever another process fills.

        Returns:
            The whole array, in every process.

        Raises:
            CollectiveError: if another process does not answer in time, or has died.
        """
        if self.count == 1:
            return values
        whole = torch.from_numpy(values)
        with _waiting("the outputs of an evaluation"):
            distributed.all_reduce(whole)
        return values

    def agree(self, wish: bool) -> bool:
        """Whether any of the processes wishes something; all get the same answer.

        Args:
            wish: what this one wishes.

        Returns:
            Whether there is one that does.

        Raises:
            CollectiveError: if another process does not answer in time, or has died.
        """
        if self.count == 1:
            return wish
        # on the CPU also where gradients are not: no process waits for its device here
        wishes = torch.tensor([int(wish)])
        with _waiting("the start of a step"):
            distributed.all_reduce(wishes, distributed.ReduceOp.MAX)
        return bool(wishes.item())

    def wait(self) -> None:
        """Wait until all processes are here.

        Raises:
            CollectiveError: if another process does not answer in time, or has died.
        """
        self.agree(False)

    def same(self, number: int, what: str) -> None:
        """See that all processes have the same number.

        Args:
            number: of this one, at least 0.
            what: what it is, for the message.

        Raises:
            CollectiveError: if they differ, or another process does not answer.
        """
        if self.count == 1:
            return
        numbers = torch.tensor([number, -number])
        with _waiting(what):
            distributed.all_reduce(numbers, distributed.ReduceOp.MAX)
        if numbers.sum().item() != 0:
            raise CollectiveError(f"the processes of the trial do not agree on {what}", f"rank {self.rank}")


ALONE = Ranks()


def join(rank: int, count: int, rendezvous: Path, seconds: float | None) -> Ranks:
    """Find the other processes of the trial; they meet on this machine alone.

    Args:
        rank: number of this process, from 0.
        count: how many there are.
        rendezvous: a file that no earlier attempt has used.
        seconds: how long one waits for the others, now and at every later meeting; None means half an hour.

    Returns:
        The processes; a single one needs no meeting.

    Raises:
        CollectiveError: if not all of them come in time.
    """
    forget_launchers()
    if count == 1:
        return ALONE
    limit = timedelta(seconds=USUAL_SECONDS if seconds is None else seconds)
    _settle_environment(limit)
    with _waiting("the others' start"):
        store = distributed.FileStore(str(rendezvous), count)  # type: ignore[attr-defined]
        store.set_timeout(limit)
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        distributed.init_process_group(backend, store=store, rank=rank, world_size=count, timeout=limit)
    return Ranks(rank, count)


def forget_launchers() -> None:
    """Remove from the environment what other launchers of distributed programs left there."""
    for name in LAUNCHER_VARIABLES:
        os.environ.pop(name, None)


def obsolete_variables() -> list[str]:
    """What the environment says under names that torch no longer uses.

    Returns:
        A sentence for each such variable.
    """
    return [
        f"{old} in the environment is an obsolete name: torch reads {new}, and Bakeoff sets what it needs of it by itself"
        for old, new in OBSOLETE.items()
        if old in os.environ
    ]


def _settle_environment(limit: timedelta) -> None:
    """What torch reads when the group is made."""
    # all processes are on this machine: nothing listens on, or is said over, a network
    os.environ["GLOO_SOCKET_IFNAME"] = "lo0" if sys.platform == "darwin" else "lo"
    os.environ["TORCH_NCCL_ASYNC_ERROR_HANDLING"] = "3"  # a kernel that hangs ends the process, without cleaning up
    os.environ["TORCH_NCCL_BLOCKING_WAIT"] = "0"  # waiting on the host would stop it from preparing the next step
    os.environ["TORCH_NCCL_ENABLE_MONITORING"] = "1"  # and so does a watchdog that hangs itself
    os.environ["TORCH_NCCL_HEARTBEAT_TIMEOUT_SEC"] = str(max(1, round(limit.total_seconds())))


def _buckets(tensors: list[Tensor]) -> Iterator[list[Tensor]]:
    """Tensors in groups large enough that a meeting is worth it, and small enough that a copy of one fits anywhere."""
    bucket: list[Tensor] = []
    size = 0
    for tensor in tensors:
        bucket.append(tensor)
        size += tensor.numel() * tensor.element_size()
        if size >= BUCKET_BYTES:
            yield bucket
            bucket, size = [], 0
    if bucket:
        yield bucket


@contextlib.contextmanager
def _waiting(purpose: str) -> Iterator[None]:
    """Turn the errors of a meeting into ours."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:  # gloo and NCCL have no other class for what goes wrong between processes
        lines = str(error).splitlines() or [type(error).__name__]
        silent = "timed out" in lines[0].lower() or "timeout" in lines[0].lower()
        what = "did not answer within limits.collective" if silent else "has gone"
        raise CollectiveError(f"another process of the trial {what} (at {purpose})", lines[0], "see its log") from error
