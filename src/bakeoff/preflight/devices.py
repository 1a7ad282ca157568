"""What a plan would take on a device that is not here: by the arithmetic that it needs, and what such a device does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bakeoff.catalog.registry import nearest
from bakeoff.errors import RunError
from bakeoff.preflight.forecast_model import Forecast, Range

UTILISATION = Range(0.08, 0.2, 0.45)
"""Share of a device's peak that fine-tuning reaches: small models on large devices the least."""
TRIAL_SECONDS = 10.0
"""Start, evaluation's waiting and saving of a trial, whatever the device."""


@dataclass(frozen=True)
class Device:
    """A device that can be hired.

    Attributes:
        name: what it is called.
        flops: peak dense arithmetic a second in bfloat16 (float16 where it has no bfloat16), by its maker's data sheet.
        flops_fp32: the same in float32.
    """

    name: str
    flops: float
    flops_fp32: float


DEVICES = {
    "t4": Device("NVIDIA T4", 65e12, 8.1e12),
    "l4": Device("NVIDIA L4", 121e12, 30.3e12),
    "a10g": Device("NVIDIA A10G", 70e12, 31.5e12),
    "v100": Device("NVIDIA V100 SXM2", 125e12, 15.7e12),
    "a100": Device("NVIDIA A100", 312e12, 19.5e12),
    "h100": Device("NVIDIA H100 SXM", 989e12, 67e12),
    "h200": Device("NVIDIA H200 SXM", 989e12, 67e12),
}


def device_hours(forecast: Forecast, names: Sequence[str]) -> dict[str, Range]:
    """Hours that a plan would take on devices, one trial after another.

    Args:
        forecast: of the plan.
        names: keys of `DEVICES`.

    Returns:
        Hours by the device's name; trials without a model run on the CPU and are left out.

    Raises:
        RunError: if a device is not known.
    """
    found = {}
    for name in names:
        device = DEVICES.get(name.lower())
        if device is None:
            near = nearest(name.lower(), list(DEVICES))
            hint = f"did you mean {near!r}? " if near else ""
            raise RunError(f"no device is called {name!r}", f"--device {name}", f"{hint}known: {', '.join(DEVICES)}")
        found[device.name] = _hours(forecast, device)
    return found


def _hours(forecast: Forecast, device: Device) -> Range:
    trained = [trial for trial in forecast.trials if trial.work.flops]
    ideal = sum(trial.work.flops / (device.flops_fp32 if trial.key.precision == "fp32" else device.flops) for trial in trained)
    fixed = TRIAL_SECONDS * len(trained)
    low, expected, high = (
        (ideal / share + fixed) / 3600 for share in (UTILISATION.high, UTILISATION.expected, UTILISATION.low)
    )
    return Range(low, expected, high)
