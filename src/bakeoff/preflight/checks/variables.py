"""Checks of environment variables: obsolete names that do nothing, and settings that change numbers or speed in silence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bakeoff.preflight.findings import Check, Finding, Severity
from bakeoff.preflight.subject import Subject

OBSOLETE = {
    "NCCL_ASYNC_ERROR_HANDLING": "TORCH_NCCL_ASYNC_ERROR_HANDLING",
    "NCCL_BLOCKING_WAIT": "TORCH_NCCL_BLOCKING_WAIT",
    "NCCL_DESYNC_DEBUG": "TORCH_NCCL_DESYNC_DEBUG",
    "NCCL_ENABLE_TIMING": "TORCH_NCCL_ENABLE_TIMING",
    "NCCL_TRACE_BUFFER_SIZE": "TORCH_NCCL_TRACE_BUFFER_SIZE",
    "NCCL_LL_THRESHOLD": "NCCL_PROTO",
    "NCCL_RINGS": "NCCL_GRAPH_FILE",
    "PYTORCH_CUDA_ALLOC_CONF": "PYTORCH_ALLOC_CONF",
    "TRANSFORMERS_CACHE": "HF_HOME",
    "PYTORCH_TRANSFORMERS_CACHE": "HF_HOME",
    "PYTORCH_PRETRAINED_BERT_CACHE": "HF_HOME",
    "HUGGINGFACE_HUB_CACHE": "HF_HUB_CACHE",
    "HUGGING_FACE_HUB_TOKEN": "HF_TOKEN",
    "HF_HUB_ENABLE_HF_TRANSFER": "HF_XET_HIGH_PERFORMANCE",
}
"""Names that newer versions do not read, or soon will not, and what is read instead."""
OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE")
TRUE = ("1", "ON", "YES", "TRUE")


@dataclass(frozen=True)
class Danger:
    """What a variable does.

    Attributes:
        does: in words.
        harmless: values that do no harm.
    """

    does: str
    harmless: tuple[str, ...] = ("", "0")


DANGEROUS = {
    "NVIDIA_TF32_OVERRIDE": Danger("changes the arithmetic of every matrix product on a GPU", ("",)),
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE": Danger("changes the arithmetic of every matrix product on a GPU"),
    "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": Danger("lets torch run code out of files that it loads"),
    "CUBLAS_WORKSPACE_CONFIG": Danger("makes GPU results differ from run to run", ("", ":4096:8", ":16:8")),
    "CUDA_LAUNCH_BLOCKING": Danger("makes a GPU wait for each kernel: for debugging only"),
    "PYTORCH_NO_CUDA_MEMORY_CACHING": Danger("makes every allocation on a GPU slow: for debugging only"),
    "PYTORCH_ENABLE_MPS_FALLBACK": Danger("lets part of a model run on the CPU in silence"),
    "TORCH_DISTRIBUTED_DEBUG": Danger("slows trials on several devices down", ("", "OFF", "INFO")),
    "NCCL_P2P_DISABLE": Danger("makes GPUs talk through the host's memory"),
    "NCCL_SHM_DISABLE": Danger("makes GPUs talk through the network"),
    "NCCL_IB_DISABLE": Danger("makes machines talk without InfiniBand"),
    "ACCELERATE_USE_CPU": Danger("keeps trials off the GPU", ("", "0", "false")),
    "ACCELERATE_MIXED_PRECISION": Danger("is no way to choose a precision here: recipes do", ("", "no")),
    "PYTHONOPTIMIZE": Danger("removes the program's own checks"),
    "MALLOC_PERTURB_": Danger("fills freed memory and slows everything down"),
}
BINDING = ("GOMP_CPU_AFFINITY", "KMP_AFFINITY", "OMP_PLACES")
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")


def look_at_obsolete(subject: Subject) -> Iterator[Finding]:
    """Variables whose names are no longer read.

    Args:
        subject: what is looked at.

    Yields:
        A warning for each.
    """
    for name, new in OBSOLETE.items():
        value = subject.machine.environment.get(name)
        if value is not None:
            yield Finding(
                Severity.WARNING,
                f"{name} is an obsolete name: what it says is not, or will not be, heeded",
                f"{name}={value}",
                new,
                f"unset {name}; export {new}={value}" if new not in ("NCCL_GRAPH_FILE", "NCCL_PROTO") else f"unset {name}",
                name,
            )


def look_at_dangerous(subject: Subject) -> Iterator[Finding]:
    """Variables that change numbers, safety or speed in silence.

    Args:
        subject: what is looked at.

    Yields:
        A warning for each.
    """
    for name, danger in DANGEROUS.items():
        value = subject.machine.environment.get(name, "")
        if value not in danger.harmless:
            yield Finding(
                Severity.WARNING, f"{name} {danger.does}", f"{name}={value}", f"{name} not set", f"unset {name}", name
            )


def look_at_threads(subject: Subject) -> Iterator[Finding]:
    """Variables that pin trials to fewer cores than their recipes say.

    Args:
        subject: what is looked at.

    Yields:
        A warning for pinned cores, a note for a number of threads that recipes override.
    """
    environment = subject.machine.environment
    bound = [name for name in BINDING if environment.get(name)]
    if environment.get("OMP_PROC_BIND", "").lower() in ("true", "close", "spread", "master", "primary"):
        bound.append("OMP_PROC_BIND")
    for name in bound:
        yield Finding(
            Severity.WARNING,
            f"{name} pins threads to cores: trials that run side by side would share the same ones",
            f"{name}={environment[name]}",
            f"{name} not set",
            f"unset {name}",
            name,
        )
    for name in THREADS:
        value = environment.get(name, "")
        if value and value != str(subject.machine.cores):
            yield Finding(
                Severity.NOTE,
                f"{name} is {value}; a trial takes the threads that its recipe says, whatever this variable is",
                f"{name}={value}",
                f"training.threads (auto means {subject.machine.cores} here)",
                f"--set defaults.training.threads={value}, if that is what you mean",
                name,
            )


def offline(environment: Mapping[str, str]) -> list[str]:
    """The variables that forbid downloads.

    Args:
        environment: the variables.

    Returns:
        Names of those that are set.
    """
    return [name for name in OFFLINE if environment.get(name, "").upper() in TRUE]


def look_at_offline(subject: Subject) -> Iterator[Finding]:
    """Whether variables forbid downloads of what is still missing.

    Args:
        subject: what is looked at.

    Yields:
        A warning if something is missing, a note if nothing is.
    """
    missing = len(subject.datasets) + len(subject.models) - len(subject.whole_datasets) - len(subject.whole_models)
    for name in offline(subject.machine.environment):
        yield Finding(
            Severity.WARNING if missing else Severity.NOTE,
            f"{name} forbids downloads, and {missing} of what is needed is missing"
            if missing
            else f"{name} forbids downloads; all that the study needs is here",
            f"{name}={subject.machine.environment[name]}",
            "downloads allowed" if missing else "nothing",
            f"unset {name}" if missing else "nothing need be done",
            name,
        )


CHECKS = (
    Check("obsolete-variables", "no variable has a name that is no longer read", "nothing", look_at_obsolete),
    Check("dangerous-variables", "no variable changes numbers, safety or speed in silence", "nothing", look_at_dangerous),
    Check("thread-variables", "no variable pins trials to fewer cores", "nothing", look_at_threads),
    Check("offline-variables", "no variable forbids a download that is needed", "study", look_at_offline),
)
