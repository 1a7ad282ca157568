"""What a number was made with: versions, machine, threads. Imports nothing heavy."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = (
    "bakeoff",
    "torch",
    "transformers",
    "tokenizers",
    "accelerate",
    "peft",
    "safetensors",
    "numpy",
    "scipy",
    "scikit-learn",
)


def package_versions() -> dict[str, str]:
    """Versions of the packages that can change a number.

    Returns:
        Version by package name; a package that is not installed is left out.
    """
    return dict(_versions())


@lru_cache(maxsize=1)
def _versions() -> dict[str, str]:
    """Read once a process: the metadata of ten packages are 40 ms, and every trial asks."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


@lru_cache(maxsize=1)
def source_hash() -> str:
    """Hash of Bakeoff's own code: two checkouts of one version are not the same program.

    Returns:
        64 hexadecimal digits over every Python file of the package, in the order of their paths.
    """
    root = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(f"{path.relative_to(root).as_posix()}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def available_cores() -> int:
    """CPU cores that this process may use.

    Returns:
        The size of its affinity mask, or the number of cores where the system has no such mask.
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@lru_cache(maxsize=1)
def cpu_facts() -> dict[str, Any]:
    """Name and instruction sets of the processor.

    Returns:
        `name` and `flags` (those of AVX-512, AMX and bf16 alone).
    """
    name, flags = platform.processor() or platform.machine(), []
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                name = value.strip()
            if key.strip() == "flags":
                words = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "amx_tile")
                flags = [flag for flag in value.split() if flag in words]
            if not line.strip():
                break
    return {"name": name, "flags": sorted(flags)}


def bf16_is_fast() -> bool:
    """Whether the processor multiplies bfloat16 natively.

    Returns:
        True with AVX512-BF16 or AMX-BF16; `precision: auto` resolves to bf16 then.
    """
    return bool({"avx512_bf16", "amx_bf16"} & set(cpu_facts()["flags"]))


def environment() -> dict[str, Any]:
    """The whole record.

    Returns:
        Python, platform, processor, cores, memory in bytes, package versions, and the beginning of the hash of our own code.
    """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 0
    return {
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "cpu": cpu_facts(),
        "cores": available_cores(),
        "memory_bytes": memory,
        "packages": package_versions(),
        "source": source_hash()[:12],
    }
