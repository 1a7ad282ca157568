"""A benchmark in words: what tables on the page and in the shell say alike."""

from __future__ import annotations

import math
from typing import Any

from bakeoff.analysis.bench_model import Bench, Contrast, Variant
from bakeoff.analysis.drift_model import Spread

NOTHING = "–"
WAYS = {
    "whole": "whole model, float32",
    "whole-bf16": "whole model, bfloat16",
    "adapter": "adapter beside its base",
    "adapters-2": "two adapters on one base, asked in turns",
    "adapters-3": "three adapters on one base, asked in turns",
    "onnx": "ONNX graph, float32",
    "onnx-int8": "ONNX graph, weights in 8 bits",
}
"""What each way is; of LoRA, a whole model has its adapter merged in."""


def spread_of(value: Spread, scale: float = 1.0, digits: int = 2) -> str:
    """A mean over launches with its interval.

    Args:
        value: the number.
        scale: what it is multiplied by.
        digits: behind the point.

    Returns:
        Such as "7.31 (7.12 to 7.50)"; without the interval where one launch was made.
    """
    if not math.isfinite(value.mean):
        return NOTHING
    words = f"{value.mean * scale:,.{digits}f}"
    if not (math.isfinite(value.low) and math.isfinite(value.high)):
        return words
    return f"{words} ({max(value.low, 0.0) * scale:,.{digits}f} to {value.high * scale:,.{digits}f})"


def milliseconds(value: Spread) -> str:
    """A time of a request.

    Args:
        value: seconds.

    Returns:
        Such as "7.31 (7.12 to 7.50)".
    """
    return spread_of(value, 1e3)


def seconds(value: Spread) -> str:
    """A time of a start.

    Args:
        value: seconds.

    Returns:
        Such as "1.21 (1.15 to 1.27)".
    """
    return spread_of(value)


def megabytes(value: Spread | float) -> str:
    """A size.

    Args:
        value: bytes, over launches or of a disk.

    Returns:
        Such as "91.3" or "110 (108 to 112)".
    """
    if isinstance(value, Spread):
        return spread_of(value, 1e-6, 0)
    return f"{value / 1e6:,.1f}"


def rate(value: Spread) -> str:
    """A throughput.

    Args:
        value: texts a second.

    Returns:
        Such as "412 (401 to 423)".
    """
    return spread_of(value, digits=0)


def change(value: Spread) -> str:
    """A ratio as a change in per cent.

    Args:
        value: the ratio.

    Returns:
        Such as "+12.3 % (+10.1 to +14.5 %)".
    """
    if not math.isfinite(value.mean):
        return NOTHING
    words = f"{_percent(value.mean)} %"
    if not (math.isfinite(value.low) and math.isfinite(value.high)):
        return f"{words} (one launch: no interval)"
    return f"{words} ({_percent(value.low)} to {_percent(value.high)} %)"


def _percent(ratio: float) -> str:
    return f"{100 * (ratio - 1):+.1f}".replace("-", "−")


def size_words(variant: Variant) -> str:
    """What a way needs on disk.

    Args:
        variant: the way.

    Returns:
        Megabytes, those of a shared base apart.
    """
    own = megabytes(variant.own_bytes)
    return f"{own} + {megabytes(variant.base_bytes)} base" if variant.base_bytes else own


def agreement_words(variant: Variant) -> str:
    """How many answers differ from the reference's.

    Args:
        variant: the way.

    Returns:
        Such as "0 of 400".
    """
    return "reference" if variant.reference else f"{variant.agreement.changed} of {variant.agreement.examples:,}"


def _answers(found: Contrast) -> str:
    if found.changed is None:
        return "another model"
    return "the same" if not found.changed else f"{found.changed} changed"


def variant_rows(bench: Bench) -> list[dict[str, Any]]:
    """A row for each way, for a table.

    Args:
        bench: what was measured.

    Returns:
        The rows.
    """
    size = middle_size(bench)
    return [
        {
            "name": one.name,
            "p50": milliseconds(one.p50),
            "p95": f"{1e3 * one.p95.mean:,.2f}",
            "p99": f"{1e3 * one.p99.mean:,.2f}",
            "rate": rate(one.rows_per_second[size]) if size in one.rows_per_second else NOTHING,
            "memory": megabytes(one.memory.mean),
            "load": f"{one.load.mean:,.2f}",
            "disk": size_words(one),
            "changed": agreement_words(one),
            "score": f"{one.agreement.score:.4f}",
        }
        for one in bench.variants
    ]


def middle_size(bench: Bench) -> str:
    """The size of requests that a table has room for.

    Args:
        bench: what was measured.

    Returns:
        The one in the middle of those that were measured; empty if there is none.
    """
    measured = list(bench.variants[0].rows_per_second)
    return measured[len(measured) // 2] if measured else ""


def contrast_rows(bench: Bench) -> list[dict[str, Any]]:
    """A row for each two ways that are compared, for a table.

    Args:
        bench: what was measured.

    Returns:
        The rows.
    """
    size = middle_size(bench)
    return [
        {
            "a": one.a,
            "b": one.b,
            "latency": change(one.latency),
            "rate": change(one.throughput[size]) if size in one.throughput else NOTHING,
            "memory": change(one.memory),
            "load": change(one.load),
            "answers": _answers(one),
        }
        for one in bench.contrasts
    ]


def headline(bench: Bench) -> str:
    """What to take from the benchmark, in a sentence or two.

    Args:
        bench: what was measured.

    Returns:
        The ways that nothing beats in both latency and score.
    """
    front = sorted((one for one in bench.variants if one.on_front), key=lambda one: one.p50.mean)
    parts = [
        f"{one.name} answers in {one.p50.mean * 1e3:.2f} ms with {bench.metric} {one.agreement.score:.4f}" for one in front
    ]
    if len(parts) == 1:
        return f"{parts[0]}: no other way is quicker or better."
    return "; ".join(parts) + ". Each other way is slower than one of these and no better."


def busy_words(bench: Bench) -> str:
    """A warning where others used the machine.

    Args:
        bench: what was measured.

    Returns:
        The warning; empty where there is no cause.
    """
    cores = int(bench.machine["cores"])
    if bench.busiest <= cores:
        return ""
    return (
        f"The machine was busy: up to {bench.busiest:.1f} processes wanted its cores while a launch began. "
        "Ratios of one round bear that; times of their own are too long."
    )
