"""What all verbs print with: tables and their JSON, times and scores in words, and text that cannot steer a terminal."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bakeoff.cli.tables import FittingTable
from bakeoff.records.files import plain

if TYPE_CHECKING:
    from rich.console import Console

PIPE_WIDTH = 160

Row = Mapping[str, Any]


def safe(text: object) -> str:
    """A text that prints as itself: what would steer a terminal becomes visible.

    Args:
        text: anything; it is shown as `str` shows it.

    Returns:
        The text, its control characters but line breaks replaced, its lone surrogates too.
    """
    shown = str(text).encode("utf-8", "replace").decode("utf-8")
    return "".join(letter if letter.isprintable() or letter == "\n" else "\N{REPLACEMENT CHARACTER}" for letter in shown)


def console(stderr: bool = False) -> Console:
    """A console for texts of users: no markup, no emoji codes.

    Args:
        stderr: whether it prints on standard error.

    Returns:
        The console; in a pipe it is wide enough for tables.
    """
    from rich.console import Console

    made = Console(stderr=stderr, markup=False, emoji=False, highlight=False, soft_wrap=False)
    if not made.is_terminal:
        made.width = PIPE_WIDTH
    return made


def say(text: object) -> None:
    """Print lines for people on standard error.

    Args:
        text: what to say.
    """
    sys.stderr.write(safe(text) + "\n")
    sys.stderr.flush()


def write(text: str) -> None:
    """Print a result on standard output as it is.

    Args:
        text: the result.
    """
    sys.stdout.write(text + "\n")


def write_json(value: Any) -> None:
    """Print strict JSON on standard output.

    Args:
        value: as for `records.files.plain`; paths become text.
    """
    write(json.dumps(plain(_without_paths(value)), indent=1, allow_nan=False))


def _without_paths(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {key: _without_paths(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_paths(item) for item in value]
    return value


def make_table(columns: Mapping[str, str], rows: Sequence[Row]) -> FittingTable:
    """A table of rows.

    Args:
        columns: heading by key of a row; a heading that begins with `>` is set to the right.
        rows: the rows; a key that is missing is an empty cell.

    Returns:
        The table.
    """
    return FittingTable(list(columns.values()), [[safe(cell(row.get(key))) for key in columns] for row in rows])


def show(columns: Mapping[str, str], rows: Sequence[Row], *, as_json: bool, title: str = "") -> None:
    """Print rows as a table, or as JSON with every key that they have.

    Args:
        columns: as for `make_table`.
        rows: the rows.
        as_json: which of the two.
        title: a line above the table, or empty.
    """
    if as_json:
        write_json(list(rows))
        return
    if title:
        write(safe(title))
    if rows:
        console().print(make_table(columns, rows))


def cell(value: Any) -> str:
    """A value in a cell.

    Args:
        value: anything.

    Returns:
        Empty for None, four decimals for a fraction, else as `str` shows it.
    """
    if value is None:
        return ""
    if isinstance(value, float):
        return score(value)
    return str(value)


def score(value: float | None) -> str:
    """A score.

    Args:
        value: the score, or None.

    Returns:
        Four decimals; a dash where there is none.
    """
    if value is None:
        return "–"
    return f"{value:.4f}" if math.isfinite(value) else str(value)


def duration(seconds: float | None) -> str:
    """A time in words.

    Args:
        seconds: the time, or None.

    Returns:
        Such as "42 s", "3 min 5 s" or "2 h 10 min"; a dash where it is unknown.
    """
    if seconds is None:
        return "–"
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def pace(rate: float) -> str:
    """How fast a trial goes.

    Args:
        rate: examples a second.

    Returns:
        Such as "120 examples/s" or "0.4 examples/s".
    """
    return f"{rate:.0f} examples/s" if rate >= 10 else f"{rate:.1f} examples/s"


def size(count: int) -> str:
    """A number of bytes in words.

    Args:
        count: bytes.

    Returns:
        Such as "90.9 MB".
    """
    amount, units = float(count), ["B", "kB", "MB", "GB", "TB"]
    while amount >= 1000 and len(units) > 1:
        amount, units = amount / 1000, units[1:]
    return f"{amount:.0f} {units[0]}" if units[0] == "B" else f"{amount:.1f} {units[0]}"


def shown_path(path: Path) -> str:
    """A path as short as it can be typed here.

    Args:
        path: absolute.

    Returns:
        Relative to the current folder if it is below it.
    """
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
