"""What a check may know of the machine, read once: nothing here imports torch or opens a socket."""

from __future__ import annotations

import ast
import importlib.util
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import psutil
from packaging.requirements import Requirement

from bakeoff.preflight.gpus import NO_GPUS, Gpus, read_gpus
from bakeoff.records.environment import available_cores, bf16_is_fast

CGROUP = Path("/sys/fs/cgroup")
MISSING = ""


@dataclass(frozen=True)
class Package:
    """A package that Bakeoff needs.

    Attributes:
        name: as the package index calls it.
        version: what is installed; empty if it is not.
        wanted: the versions that Bakeoff needs, such as `>=2.13`.
        fits: whether the one is among the other.
    """

    name: str
    version: str
    wanted: str
    fits: bool


@dataclass(frozen=True)
class Machine:
    """The machine as checks see it.

    Attributes:
        cores: CPU cores that a process may use.
        bf16: whether the processor is fast at bfloat16.
        memory: bytes of memory that this process may use at all.
        memory_free: bytes of it that are free now.
        environment: variables.
        packages: what Bakeoff needs, by name.
        torch_cuda: CUDA version that the installed torch was built for; empty for a CPU build, None if torch is not there.
        gpus: GPUs and their driver.
        now: seconds since 1970 by the clock.
        free_disks: free bytes by folder, for tests; a folder that is not named is asked of the system.
    """

    cores: int
    bf16: bool
    memory: int
    memory_free: int
    environment: Mapping[str, str]
    packages: Mapping[str, Package]
    torch_cuda: str | None
    gpus: Gpus = NO_GPUS
    now: float = 0.0
    free_disks: Mapping[Path, int] = field(default_factory=dict)

    def disk_free(self, folder: Path) -> int:
        """Free bytes where a folder stands, or would stand.

        Args:
            folder: any path.

        Returns:
            Bytes that this user may write there.
        """
        if folder in self.free_disks:
            return self.free_disks[folder]
        return shutil.disk_usage(existing(folder)).free

    def has(self, package: str) -> bool:
        """Whether a package is installed.

        Args:
            package: its name on the package index.

        Returns:
            True in any version.
        """
        found = self.packages.get(package)
        return bool(found.version) if found else installed_version(package) != MISSING


def existing(folder: Path) -> Path:
    """The nearest folder above a path that exists.

    Args:
        folder: any absolute path.

    Returns:
        It, or what is above it.
    """
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder


def read_machine() -> Machine:
    """Look at this machine.

    Returns:
        What was found.
    """
    total, free = memory()
    return Machine(
        cores=available_cores(),
        bf16=bf16_is_fast(),
        memory=total,
        memory_free=free,
        environment=dict(os.environ),
        packages=needed_packages(),
        torch_cuda=torch_cuda(),
        gpus=read_gpus(),
        now=time.time(),
    )


def device_name() -> str:
    """What trials run on here.

    Returns:
        The first GPU's name where torch can use one, else `cpu`.
    """
    gpus = read_gpus().found if torch_cuda() else ()
    return gpus[0].name if gpus else "cpu"


def memory() -> tuple[int, int]:
    """Memory of this process: the machine's, or the container's where that has a limit.

    Returns:
        Bytes in all, and free bytes.
    """
    found = psutil.virtual_memory()
    total, free = int(found.total), int(found.available)
    try:
        limit = int((CGROUP / "memory.max").read_text())
        used = int((CGROUP / "memory.current").read_text())
    except (OSError, ValueError):  # no container, the first version of cgroups, or "max": no limit
        return total, free
    # what the kernel only caches is given back when it is needed
    cached = _cached()
    return min(total, limit), min(free, max(0, limit - used + cached))


def _cached() -> int:
    try:
        lines = (CGROUP / "memory.stat").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.split()[0] in ("inactive_file", "active_file"))


def installed_version(package: str) -> str:
    """The installed version of a package.

    Args:
        package: its name on the package index.

    Returns:
        The version; empty if it is not installed.
    """
    try:
        return version(package)
    except PackageNotFoundError:
        return MISSING


def needed_packages() -> dict[str, Package]:
    """What Bakeoff's own metadata ask for, and what is there.

    Returns:
        Packages by name; those of extras are left out.
    """
    try:
        lines = requires("bakeoff") or []
    except PackageNotFoundError:  # run from a source tree that was never installed
        return {}
    found = {}
    for line in lines:
        wanted = Requirement(line)
        if wanted.marker and not wanted.marker.evaluate({"extra": ""}):
            continue
        here = installed_version(wanted.name)
        fits = here != MISSING and wanted.specifier.contains(here, prereleases=True)
        found[wanted.name] = Package(wanted.name, here, str(wanted.specifier), fits)
    return found


def torch_cuda() -> str | None:
    """The CUDA version that torch was built for, read from its files without importing it.

    Returns:
        Such as `13.0`; empty for a build without CUDA; None if torch is not installed or does not say.
    """
    spec = importlib.util.find_spec("torch")
    if spec is None or not spec.submodule_search_locations:
        return None
    path = Path(next(iter(spec.submodule_search_locations))) / "version.py"
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError):
        return None
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        if any(isinstance(target, ast.Name) and target.id == "cuda" for target in targets):
            value = getattr(node, "value", None)
            return str(value.value) if isinstance(value, ast.Constant) and value.value else ""
    return None
