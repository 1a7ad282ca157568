"""Device, threads and precision of a child; everything that makes equal inputs give equal bits."""

from __future__ import annotations

import os
import random
from typing import Any

import accelerate
import numpy as np
import torch

from bakeoff.errors import ModelError
from bakeoff.records.seeds import derive
from bakeoff.records.specs import Precision, TrainingSpec
from bakeoff.training.dropout import MASKS

MIXED = {"fp32": "no", "bf16": "bf16", "fp16": "fp16"}
NEVER_FP16 = ("deberta", "deberta-v2")


def settle(threads: int, deterministic: bool) -> None:
    """Fix threads, denormals and kernels of this process; call before any tensor is computed.

    Args:
        threads: CPU threads.
        deterministic: whether only deterministic kernels may run.
    """
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it cuBLAS refuses
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)  # dead units fill a CPU with denormal numbers, at half the speed
    torch.use_deterministic_algorithms(deterministic)
    if deterministic and torch.cuda.is_available():
        # there the fused attention kernels add up in any order going backward; a CPU's do not, and stay
        torch.backends.cuda.enable_flash_sdp(False)
        torch.backends.cuda.enable_mem_efficient_sdp(False)
        torch.backends.cuda.enable_cudnn_sdp(False)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def make_accelerator(spec: TrainingSpec, family: str) -> Any:
    """Device and autocast of a trial.

    Args:
        spec: its precision.
        family: the model's architecture.

    Returns:
        An `accelerate.Accelerator`, used for `device` and `autocast()` alone.
    """
    return accelerator_for(spec.precision, family)


def accelerator_for(precision: Precision, family: str) -> Any:
    """Device and autocast of whatever runs a model.

    Args:
        precision: of its arithmetic.
        family: the model's architecture.

    Returns:
        As `make_accelerator`.

    Raises:
        ModelError: if the family overflows in the precision, or the machine has none of it.
    """
    check_precision(precision, family)
    return accelerate.Accelerator(mixed_precision=MIXED[precision], cpu=not torch.cuda.is_available())


def check_precision(precision: Precision, family: str) -> None:
    """Refuse a precision that cannot work.

    Args:
        precision: of a model's arithmetic.
        family: the model's architecture.

    Raises:
        ModelError: if the family overflows in it, or the machine has none of it.
    """
    if precision == "fp16" and family in NEVER_FP16:
        raise ModelError(f"{family} overflows in fp16", "training.precision", "set precision to bf16 or fp32")
    if precision == "fp16" and not torch.cuda.is_available():
        raise ModelError("fp16 needs a GPU", "training.precision", "set precision to bf16 or fp32")


def seed_draws(seed: int, step: int, part: int) -> None:
    """Seed every generator for one micro-batch: dropout is a pure function of seed, step and part.

    Args:
        seed: the trial's seed.
        step: from 0.
        part: micro-batch within the step.
    """
    key = derive(seed, "draws", step, part)
    MASKS.reseed(key)
    torch.manual_seed(key)
    np.random.seed(key % 2**32)
    random.seed(key)
