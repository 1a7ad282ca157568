"""Quantities as a person writes them: `90s`, `10m`, `2h`, `1d`; `500MB`, `5GB`, `2GiB`; `10%`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
BYTES = {"B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
BYTES |= {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
WRITTEN_BYTES = ("TB", "TiB", "GB", "GiB", "MB", "MiB", "KB", "KiB", "B")
DURATION_ALLOWED = "a number and a unit: 90s, 10m, 2h or 1d"
SIZE_ALLOWED = "a number and a unit: 500MB, 5GB or 2GiB"
SHARE_ALLOWED = "a share such as 10%"
SHARE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)%")
QUANTITY = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?) ?([A-Za-z]+)")


@dataclass(frozen=True)
class Says:
    """What a type allows, in words for a fault.

    Attributes:
        text: the words.
    """

    text: str


def _parse(written: Any, units: dict[str, int], allowed: str) -> float:
    if isinstance(written, int | float) and not isinstance(written, bool):
        raise PydanticCustomError("quantity", "the unit is missing", {"allowed": allowed})
    match = QUANTITY.fullmatch(written) if isinstance(written, str) else None
    if match is None:
        raise PydanticCustomError("quantity", "not a number with a unit", {"allowed": allowed})
    number, unit = match.groups()
    if unit not in units:
        near = next((known for known in units if known.lower() == unit.lower()), "")
        suggestion = number + near if near else ""
        raise PydanticCustomError("quantity", "unknown unit", {"allowed": allowed, "suggestion": suggestion})
    return float(number) * units[unit]


def parse_duration(written: Any) -> float:
    """Read a duration.

    Args:
        written: a number and one of the units s, m, h, d.

    Returns:
        Seconds.

    Raises:
        PydanticCustomError: if it is anything else; its context says what is allowed.
    """
    return _parse(written, SECONDS, DURATION_ALLOWED)


def parse_size(written: Any) -> int:
    """Read a size.

    Args:
        written: a number and a unit: B, KB, MB, GB, TB (powers of 1000), KiB, MiB, GiB, TiB (powers of 1024).

    Returns:
        Bytes, rounded to a whole number.

    Raises:
        PydanticCustomError: if it is anything else; its context says what is allowed.
    """
    return round(_parse(written, BYTES, SIZE_ALLOWED))


def format_duration(seconds: float) -> str:
    """Write a duration so that `parse_duration` reads it back.

    Args:
        seconds: the duration; parts below a microsecond are dropped.

    Returns:
        The number with the largest unit of which it is a whole number, else in seconds.
    """
    for unit in ("d", "h", "m"):
        if seconds and seconds % SECONDS[unit] == 0:
            return f"{int(seconds // SECONDS[unit])}{unit}"
    return f"{seconds:.6f}".rstrip("0").rstrip(".") + "s"


def format_size(size: int) -> str:
    """Write a size so that `parse_size` reads it back.

    Args:
        size: bytes.

    Returns:
        The number with the largest unit of which it is a whole number.
    """
    unit = next(unit for unit in WRITTEN_BYTES if unit == "B" or (size and size % BYTES[unit] == 0))
    return f"{size // BYTES[unit]}{unit}"


def parse_share(written: str) -> str:
    """Check a share of a whole.

    Args:
        written: a number above 0 and at most 100, and `%`.

    Returns:
        The same.

    Raises:
        PydanticCustomError: if it is anything else.
    """
    match = SHARE.fullmatch(written)
    if match is None or not 0 < float(match[1]) <= 100:
        raise PydanticCustomError("quantity", "not a share of the examples", {"allowed": f"a whole number, or {SHARE_ALLOWED}"})
    return written


Share = Annotated[
    str,
    AfterValidator(parse_share),
    WithJsonSchema({"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?%$"}),
    Says(SHARE_ALLOWED),
]
Limit = Annotated[int, Field(ge=1)] | Share
"""Examples that are drawn of a split."""
Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    Field(gt=0),
    PlainSerializer(format_duration),
    WithJsonSchema({"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)? ?[smhd]$"}),
    Says(DURATION_ALLOWED),
]
Size = Annotated[
    int,
    BeforeValidator(parse_size),
    Field(ge=0),
    PlainSerializer(format_size),
    WithJsonSchema({"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)? ?([kKMGT]?B|[KMGT]iB)$"}),
    Says(SIZE_ALLOWED),
]
