"""Checks of the machine: packages, GPUs, memory, disk, permissions, clock."""

from __future__ import annotations

import importlib.util
import os
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from bakeoff.catalog import registry
from bakeoff.preflight.findings import Check, Finding, Severity
from bakeoff.preflight.forecast import cached, peak_with
from bakeoff.preflight.forecast_model import TrialForecast
from bakeoff.preflight.gpus import Gpu
from bakeoff.preflight.machine import existing
from bakeoff.preflight.subject import Subject

DAY = 86_400.0
EARLIEST = datetime(2025, 1, 1, tzinfo=UTC).timestamp()
"""This program is younger: an earlier time is a clock that was never set."""
SMALL_SHARE = 0.1


def gigabytes(count: float) -> str:
    """A number of bytes in words.

    Args:
        count: bytes.

    Returns:
        Such as "1.2 GB".
    """
    return f"{count / 1e9:.1f} GB"


def look_at_packages(subject: Subject) -> Iterator[Finding]:
    """Whether the packages that Bakeoff needs are there, in versions that were tried.

    Args:
        subject: what is looked at.

    Yields:
        An error for each that is missing, or of another version.
    """
    for package in subject.machine.packages.values():
        if package.fits:
            continue
        yield Finding(
            Severity.ERROR,
            f"the package {package.name} is {'too old or too new' if package.version else 'not installed'}",
            package.version or "nothing",
            f"{package.name}{package.wanted}",
            f"pip install '{package.name}{package.wanted}'",
        )


def look_at_methods(subject: Subject) -> Iterator[Finding]:
    """Whether the packages that the study's methods need besides are there.

    Args:
        subject: what is looked at.

    Yields:
        An error for each method whose package is not installed.
    """
    assert subject.study is not None
    for name in dict.fromkeys(recipe.method.name for recipe in subject.study.recipes.values()):
        card = registry.method(name)
        for module in dict.fromkeys(module.partition(".")[0] for module in (*card.modules, card.path)):
            if module and importlib.util.find_spec(module) is None:
                yield Finding(
                    Severity.ERROR,
                    f"the method {name} needs the package {module}, which is not installed",
                    "nothing",
                    module,
                    f"pip install {module}",
                )


def look_at_gpus(subject: Subject) -> Iterator[Finding]:
    """Whether the GPUs that recipes ask for are there, free, and of use to the installed torch.

    Args:
        subject: what is looked at.

    Yields:
        An error for what is asked for and not there, a warning for GPUs that others use or that torch cannot.
    """
    gpus, torch_cuda = subject.machine.gpus, subject.machine.torch_cuda
    if gpus.problem:
        yield Finding(Severity.WARNING, gpus.problem, "unknown", "GPUs that can be asked", gpus.remedy)
    else:
        yield from _asked_for(subject)
    if gpus.found and torch_cuda == "":
        yield Finding(
            Severity.WARNING,
            f"{len(gpus.found)} GPUs are there, and the installed torch is a build without CUDA: trials run on the CPU",
            "torch without CUDA",
            "torch with CUDA",
            "pip install --force-reinstall torch --index-url https://download.pytorch.org/whl/cu130",
        )
    if gpus.found and torch_cuda and gpus.driver_cuda and int(torch_cuda.split(".")[0]) > gpus.driver_cuda[0]:
        most = ".".join(map(str, gpus.driver_cuda))
        yield Finding(
            Severity.ERROR,
            f"torch is built for CUDA {torch_cuda}, and the driver {gpus.driver} runs CUDA {most} at most",
            f"driver {gpus.driver}, CUDA {most}",
            f"a driver for CUDA {torch_cuda}",
            f"install a newer driver, or a torch for CUDA {gpus.driver_cuda[0]}",
        )
    for gpu in gpus.found:
        yield from _used(gpu)


def _asked_for(subject: Subject) -> Iterator[Finding]:
    study, machine = subject.study, subject.machine
    assert study is not None
    usable = len(machine.gpus.found) if machine.torch_cuda else 0
    for name, recipe in study.recipes.items():
        variants = [recipe, *recipe.on.values()]
        if not usable and any(one.training and one.training.precision == "fp16" for one in variants):
            yield Finding(
                Severity.ERROR,
                f"recipe {name} asks for fp16, which needs a GPU, and there is none",
                "no GPU that torch can use",
                "a GPU, or bf16 or fp32",
                f"--set recipes.{name}.training.precision=auto",
                f"recipes.{name}.training.precision",
            )
        devices = max(one.devices for one in variants)
        if usable and devices > usable:
            yield Finding(
                Severity.ERROR,
                f"recipe {name} shares a trial among {devices} GPUs, and {usable} is there"
                if usable == 1
                else f"recipe {name} shares a trial among {devices} GPUs, and {usable} are there",
                f"{usable} GPU{'s' if usable > 1 else ''}",
                f"{devices} GPUs",
                f"--set recipes.{name}.devices={usable}",
                f"recipes.{name}.devices",
            )
        if not usable and devices > 1 and devices > machine.cores:
            yield Finding(
                Severity.WARNING,
                f"recipe {name} shares a trial among {devices} devices: without GPUs, processes on {machine.cores} cores",
                f"{machine.cores} cores, no GPU",
                f"{devices} GPUs, or {devices} cores",
                f"--set recipes.{name}.devices=1",
                f"recipes.{name}.devices",
            )


def _used(gpu: Gpu) -> Iterator[Finding]:
    for user in gpu.users:
        yield Finding(
            Severity.WARNING,
            f"GPU {gpu.index} ({gpu.name}) is used by process {user.pid} {user.name}".rstrip(),
            f"{gigabytes(gpu.free)} of {gigabytes(gpu.total)} free",
            "a GPU that nobody else uses",
            f"wait for process {user.pid}, or choose another GPU with CUDA_VISIBLE_DEVICES",
        )


def look_at_memory(subject: Subject) -> Iterator[Finding]:
    """Whether the largest trial fits into memory.

    Args:
        subject: what is looked at.

    Yields:
        An error if it certainly does not, a warning if it may not.
    """
    if subject.machine.torch_cuda and subject.machine.gpus.found:
        free, place = min(gpu.free for gpu in subject.machine.gpus.found), "GPU memory"
    else:
        free, place = subject.machine.memory_free, "memory"
        free //= subject.asked.workers  # as many trials as workers share it
    peak = subject.forecast.peak_bytes
    if peak.expected <= free:
        return
    largest = max(subject.forecast.trials, key=lambda trial: trial.peak_bytes.expected)
    name = largest.trial.recipe.name
    yield Finding(
        Severity.ERROR if peak.low > free else Severity.WARNING,
        f"a trial of {name} needs about {gigabytes(peak.expected)} of {place}, and {gigabytes(free)} are free",
        f"{gigabytes(free)} free",
        f"{gigabytes(peak.low)} to {gigabytes(peak.high)}",
        ", or ".join(["end other programs", *_sparing(subject, largest, free)]),
        f"recipes.{name}",
    )


def _sparing(subject: Subject, largest: TrialForecast, free: int) -> Iterator[str]:
    """What of the trial or the run can be changed so that it fits, and nothing that would not help."""
    peak, workers, key = largest.peak_bytes.expected, subject.asked.workers, largest.key
    on_gpu = subject.machine.torch_cuda and subject.machine.gpus.found
    fewer = int(subject.machine.memory_free // max(peak, 1.0))
    if not on_gpu and 1 <= fewer < workers:
        yield f"--workers {fewer}"
    if not key.micro_batch_size or cached(key):
        return
    prefix = f"--set recipes.{largest.trial.recipe.name}.training."
    parts = [key.micro_batch_size >> halvings for halvings in range(1, key.micro_batch_size.bit_length())]
    fitting = [part for part in parts if peak_with(largest, part, key.checkpointing, subject.sources) <= free]
    if fitting:
        yield f"{prefix}micro_batch_size={fitting[0]}"
    elif not key.checkpointing and peak_with(largest, key.micro_batch_size, True, subject.sources) <= free:
        yield f"{prefix}gradient_checkpointing=true"
    else:
        yield "a smaller model: no smaller part of a batch makes this one fit"


def look_at_disk(subject: Subject) -> Iterator[Finding]:
    """Whether the disks hold what the plan writes, and the study's reserve.

    Args:
        subject: what is looked at.

    Yields:
        An error for each disk on which a trial would not begin, or the plan would not fit.
    """
    assert subject.study is not None
    reserve = subject.study.limits.disk_reserve
    needs: dict[Path, int] = {subject.run.root: 0, subject.home.root: 0}
    if subject.plan is not None:
        needs[subject.run.root] = subject.forecast.disk_bytes
        needs[subject.home.root] = subject.forecast.token_bytes + subject.forecast.feature_bytes
    for folder, need in needs.items():
        free = subject.machine.disk_free(folder)
        kept = reserve if folder == subject.run.root else 0
        if free >= kept + need:
            continue
        yield Finding(
            Severity.ERROR,
            f"only {gigabytes(free)} are free, and {gigabytes(need)} will be written"
            + (f" beside the {gigabytes(kept)} that the study keeps in reserve" if kept else ""),
            f"{gigabytes(free)} free",
            f"{gigabytes(kept + need)}",
            "free some space, name another disk with --run-dir, or --set limits.disk_reserve=1GB --set keep=none"
            if folder == subject.run.root
            else "free some space, or set BAKEOFF_HOME to a folder on another disk",
            str(existing(folder)),
        )


def look_at_permissions(subject: Subject) -> Iterator[Finding]:
    """Whether the run folder and the home can be written: tried with a file that is removed at once.

    Args:
        subject: what is looked at.

    Yields:
        An error for each that cannot.
    """
    places = (
        (subject.run.root, "the run folder", "name another one with --run-dir, or mend the permissions of this one"),
        (subject.home.root, "the home folder", "set BAKEOFF_HOME to a folder of your own, or mend the permissions of this one"),
    )
    for folder, name, remedy in places:
        problem = _unwritable(existing(folder))
        if problem:
            yield Finding(
                Severity.ERROR,
                f"{name} cannot be written: {problem}",
                problem,
                "a folder that you may write",
                remedy,
                str(folder),
            )


def _unwritable(folder: Path) -> str:
    """Why nothing can be written into a folder that exists; empty if it can."""
    if not folder.is_dir():
        return f"{folder.name} is no folder"
    probe = folder / f".bakeoff-check-{os.getpid()}-{secrets.token_hex(4)}"
    try:
        probe.touch(exist_ok=False)
        probe.unlink()
    except OSError as error:
        return error.strerror or type(error).__name__
    return ""


def look_at_clock(subject: Subject) -> Iterator[Finding]:
    """Whether the clock can be right.

    Args:
        subject: what is looked at.

    Yields:
        A warning if it is before this program was written, or a day behind the study file.
    """
    assert subject.study is not None
    now, written = subject.machine.now, subject.study.path.stat().st_mtime
    if now >= EARLIEST and written <= now + DAY:
        return
    shown = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M UTC")
    yield Finding(
        Severity.WARNING,
        f"the clock says {shown}, which is before "
        + ("this program was written" if now < EARLIEST else "the study file was written"),
        shown,
        "the time: downloads check certificates against it, and results carry it",
        "timedatectl set-ntp true",
    )


CHECKS = (
    Check("packages", "the packages that Bakeoff needs are there, in versions that were tried", "nothing", look_at_packages),
    Check("method-packages", "the packages that the study's methods need besides are there", "study", look_at_methods),
    Check("gpus", "the GPUs that recipes ask for are there, free, and of use to torch", "study", look_at_gpus),
    Check("memory", "the largest trial fits into memory", "plan", look_at_memory),
    Check("disk", "the disks hold what the plan writes, and the study's reserve", "study", look_at_disk),
    Check("permissions", "the run folder and the home can be written", "study", look_at_permissions),
    Check("clock", "the clock can be right", "study", look_at_clock),
)
