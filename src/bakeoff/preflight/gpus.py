"""GPUs by NVIDIA's management library (the package nvidia-ml-py), where it is installed: no CUDA context is made."""

from __future__ import annotations

import importlib
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

DEVICES = Path("/dev")
INSTALL = "pip install nvidia-ml-py"


@dataclass(frozen=True)
class User:
    """A process that uses a GPU.

    Attributes:
        pid: its number.
        name: its name; empty where the system does not tell.
        bytes: memory of the GPU that it holds; 0 where the driver does not tell.
    """

    pid: int
    name: str
    bytes: int


@dataclass(frozen=True)
class Gpu:
    """A GPU.

    Attributes:
        index: its number.
        name: its name.
        total: bytes of memory.
        free: of which free.
        users: processes that use it, ours left out.
    """

    index: int
    name: str
    total: int
    free: int
    users: tuple[User, ...] = ()


@dataclass(frozen=True)
class Gpus:
    """The GPUs of this machine.

    Attributes:
        found: those that a child will see.
        driver: the driver's version, or empty.
        driver_cuda: the newest CUDA version that the driver runs, as (major, minor); None if unknown.
        problem: why nothing is known of GPUs that are there; empty otherwise.
        remedy: what would tell.
    """

    found: tuple[Gpu, ...] = ()
    driver: str = ""
    driver_cuda: tuple[int, int] | None = None
    problem: str = ""
    remedy: str = ""


NO_GPUS = Gpus()


def device_files() -> list[Path]:
    """Files that stand for NVIDIA GPUs.

    Returns:
        `/dev/nvidia0` and so on; empty where there is no GPU, or no driver.
    """
    return sorted(path for path in DEVICES.glob("nvidia[0-9]*") if path.name[6:].isdigit())


def read_gpus() -> Gpus:
    """Look at the GPUs.

    Returns:
        What was found.
    """
    try:
        library = importlib.import_module("pynvml")
    except ImportError:
        files = device_files()
        problem = f"{len(files)} GPUs are there, and nothing can tell their memory, users or driver" if files else ""
        return Gpus(problem=problem, remedy=INSTALL if files else "")
    return ask(library)


def ask(library: Any) -> Gpus:
    """Ask NVIDIA's management library.

    Args:
        library: the module pynvml.

    Returns:
        What it says; only the GPUs that `CUDA_VISIBLE_DEVICES` leaves.
    """
    try:
        library.nvmlInit()
    except library.NVMLError as error:
        files = device_files()
        problem = f"{len(files)} GPUs are there, and their driver does not answer ({error})" if files else ""
        return Gpus(problem=problem, remedy="nvidia-smi says why; restart the machine, or install the driver again")
    try:
        cuda = int(library.nvmlSystemGetCudaDriverVersion_v2())
        handles = [library.nvmlDeviceGetHandleByIndex(index) for index in range(library.nvmlDeviceGetCount())]
        ids = [str(library.nvmlDeviceGetUUID(handle)) for handle in handles]
        seen = visible(ids, os.environ.get("CUDA_VISIBLE_DEVICES"))
        found = tuple(_gpu(library, handles[index], index) for index in seen)
        return Gpus(found, str(library.nvmlSystemGetDriverVersion()), (cuda // 1000, cuda % 1000 // 10))
    except library.NVMLError as error:
        return Gpus(problem=f"the GPUs' driver does not answer ({error})", remedy="nvidia-smi says why")
    finally:
        library.nvmlShutdown()


def visible(ids: list[str], variable: str | None) -> list[int]:
    """The GPUs that CUDA shows a process.

    Args:
        ids: unique id of each GPU, in order.
        variable: the value of `CUDA_VISIBLE_DEVICES`; None if it is not set.

    Returns:
        Indices in the order of the variable; as CUDA does, it ends before the first entry that means no GPU.
    """
    if variable is None:
        return list(range(len(ids)))
    chosen: list[int] = []
    for entry in (part.strip() for part in variable.split(",")):
        matches = [index for index, name in enumerate(ids) if entry and (entry == str(index) or name.startswith(entry))]
        if not matches:
            break
        chosen.append(matches[0])
    return chosen


def _gpu(library: Any, handle: Any, index: int) -> Gpu:
    memory = library.nvmlDeviceGetMemoryInfo(handle)
    users = tuple(
        User(int(process.pid), _process_name(int(process.pid)), int(process.usedGpuMemory or 0))
        for process in library.nvmlDeviceGetComputeRunningProcesses(handle)
        if int(process.pid) != os.getpid()
    )
    return Gpu(index, str(library.nvmlDeviceGetName(handle)), int(memory.total), int(memory.free), users)


def _process_name(pid: int) -> str:
    with suppress(psutil.Error):
        return psutil.Process(pid).name()
    return ""
