"""A light sampler in a thread of the runner: what each trial uses of the machine, every few seconds, into its attempt."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil

from bakeoff.records.files import canonical_json
from bakeoff.records.paths import AttemptFolder

EVERY_SECONDS = 5.0
LEAST = ("ram_free_bytes", "disk_free_bytes")
"""Figures of which the smallest is kept, not the largest."""

Sample = dict[str, Any]


@dataclass
class Watched:
    """An attempt that is watched.

    Attributes:
        folder: where its samples go.
        pids: its processes' leaders.
        began: when, on the monotonic clock.
        peaks: largest figures so far (smallest of what is free).
        clocks: processor seconds of each process at the last sample.
        last: when that was.
    """

    folder: AttemptFolder
    pids: list[int]
    began: float = field(default_factory=time.monotonic)
    peaks: Sample = field(default_factory=dict)
    clocks: dict[int, float] = field(default_factory=dict)
    last: float = field(default_factory=time.monotonic)


class Sampler:
    """Takes a sample of every watched attempt now and then, while the context lasts.

    What cannot be read is left out of a sample; a disk that takes no more ends the writing, not the run.

    Args:
        root: the run folder, for its disk.
        every_seconds: between two samples.
    """

    def __init__(self, root: Path, every_seconds: float = EVERY_SECONDS) -> None:
        self._root = root
        self._every = every_seconds
        self._watched: dict[AttemptFolder, Watched] = {}
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Sampler:
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._end.set()
        if self._thread is not None:
            self._thread.join()

    def follow(self, folder: AttemptFolder, pids: list[int]) -> None:
        """Watch an attempt from now on.

        Args:
            folder: its folder.
            pids: its processes' leaders.
        """
        with self._lock:
            self._watched[folder] = Watched(folder, pids)

    def leave(self, folder: AttemptFolder) -> Sample:
        """Watch an attempt no longer.

        Args:
            folder: its folder.

        Returns:
            The largest figures that were seen (the smallest of what was free); empty if it was too short for a sample.
        """
        with self._lock:
            found = self._watched.pop(folder, None)
        return found.peaks if found else {}

    def _run(self) -> None:
        devices = Devices()
        while not self._end.wait(self._every):
            with self._lock:
                watched = list(self._watched.values())
            if watched:
                machine = {**self._machine(), **devices.sample()}
                for attempt in watched:
                    take_sample(attempt, machine)
        devices.close()

    def _machine(self) -> Sample:
        found = {"ram_free_bytes": psutil.virtual_memory().available}
        with contextlib.suppress(OSError):
            found["disk_free_bytes"] = psutil.disk_usage(str(self._root)).free
        return found


def take_sample(attempt: Watched, machine: Sample) -> None:
    """Write one sample of an attempt, and keep its peaks.

    Args:
        attempt: the attempt.
        machine: figures of the machine.
    """
    now = time.monotonic()
    own = _of_processes(attempt, now)
    if not own:  # it has just ended
        return
    sample = {"seconds": round(now - attempt.began, 3), **own, **machine}
    for key, value in sample.items():
        if key != "seconds":
            attempt.peaks[key] = (min if key in LEAST else max)(value, attempt.peaks.get(key, value))
    with contextlib.suppress(OSError), attempt.folder.monitor.open("ab") as stream:
        stream.write((canonical_json(sample) + "\n").encode())


def _of_processes(attempt: Watched, now: float) -> Sample:
    rss, clocks = 0, {}
    for process in _tree(attempt.pids):
        with contextlib.suppress(psutil.Error):
            times, resident = process.cpu_times(), process.memory_info().rss
            if not resident:
                continue
            rss += resident
            clocks[process.pid] = times.user + times.system
    used = sum(seconds - attempt.clocks.get(pid, 0.0) for pid, seconds in clocks.items())
    elapsed, attempt.clocks, attempt.last = now - attempt.last, clocks, now
    share = 100 * used / elapsed if elapsed > 0 else 0.0
    return {"cpu_percent": round(share, 1), "rss_bytes": rss} if clocks else {}


def _tree(pids: list[int]) -> list[psutil.Process]:
    found = []
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            leader = psutil.Process(pid)
            found += [leader, *leader.children(recursive=True)]
    return found


class Devices:
    """The NVIDIA devices of the machine, through `nvidia-ml-py` where it is installed and a driver answers."""

    def __init__(self) -> None:
        self._library: Any = None
        self._handles: list[Any] = []
        try:
            import pynvml
        except ImportError:
            return
        with contextlib.suppress(pynvml.NVMLError):
            pynvml.nvmlInit()
            self._library = pynvml
            self._handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]

    def sample(self) -> Sample:
        """Figures of all devices, added up.

        Returns:
            Empty without a device; a device that does not answer is left out.
        """
        used, total, share, heat, count = 0, 0, 0, 0, 0
        for handle in self._handles:
            with contextlib.suppress(self._library.NVMLError):
                memory = self._library.nvmlDeviceGetMemoryInfo(handle)
                share += self._library.nvmlDeviceGetUtilizationRates(handle).gpu
                heat = max(heat, self._library.nvmlDeviceGetTemperature(handle, self._library.NVML_TEMPERATURE_GPU))
                used, total, count = used + memory.used, total + memory.total, count + 1
        if not count:
            return {}
        return {"gpu_used_bytes": used, "gpu_total_bytes": total, "gpu_percent": share, "gpu_celsius": heat, "gpus": count}

    def close(self) -> None:
        """Let the library go."""
        if self._library is not None:
            with contextlib.suppress(self._library.NVMLError):
                self._library.nvmlShutdown()
