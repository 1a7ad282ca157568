"""The table as it is printed and kept: one line a row, JSON and Markdown with date, machine and versions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bakeoff.records.environment import environment
from soak.context import Row, RowResult

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Tried:
    """A row that was tried.

    Attributes:
        row: the row.
        result: what came of it.
        seconds: how long it took.
    """

    row: Row
    result: RowResult
    seconds: float


@dataclass(frozen=True)
class PeerFound:
    """What another tool does on a row.

    Attributes:
        name: the tool, with its version.
        row: the row's number.
        tried: faults that were brought about.
        held: how many of them it came through as the row asks.
        found: what it did, in words.
        ours: what Bakeoff does, in words.
    """

    name: str
    row: int
    tried: int
    held: int
    found: str
    ours: str = ""


def line(tried: Tried) -> str:
    """One line a row.

    Args:
        tried: the row.

    Returns:
        Number, whether it held, how much was tried, seconds, the sentence.
    """
    held = "held" if tried.result.held else f"NOT HELD ({len(tried.result.faults)})"
    return f"{tried.row.number:>3}  {held:<14} {tried.result.tried:>6} tried  {tried.seconds:>7.1f} s  {tried.row.fault}"


def keep(tried: Sequence[Tried], peers: Sequence[PeerFound], size: str, words: Sequence[str]) -> Path:
    """Write the table.

    Args:
        tried: the rows.
        peers: other tools.
        size: small or full.
        words: of the command line.

    Returns:
        The Markdown file; a JSON file of the same name stands beside it. A part of the rows has a file of its own.
    """
    whole = "--rows" not in words
    name = f"soak-{size}" if whole else f"soak-{size}-part"
    RESULTS.mkdir(exist_ok=True)
    body = {
        "command": " ".join(["python -m soak", *words]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "environment": environment(),
        "seconds": round(sum(one.seconds for one in tried), 1),
        "rows": [_row(one) for one in tried],
        "peers": [asdict(peer) for peer in peers],
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(body, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    path = RESULTS / f"{name}.md"
    path.write_text(_markdown(body), encoding="utf-8")
    return path


def _row(one: Tried) -> dict[str, Any]:
    return {
        "row": one.row.number,
        "fault": one.row.fault,
        "must_hold": one.row.holds,
        "tried": one.result.tried,
        "held": one.result.held,
        "faults": one.result.faults,
        "notes": one.result.notes,
        "seconds": round(one.seconds, 1),
    }


def _markdown(body: dict[str, Any]) -> str:
    found = body["environment"]
    versions = ", ".join(f"{name} {version}" for name, version in found["packages"].items())
    lines = [
        "# The fault table, tried",
        "",
        f"`{body['command']}`, {body['date']}, {body['seconds']:.0f} s, on {found['cpu']['name']} ({found['cores']} cores),"
        f" {found['platform']}, Python {found['python']}; {versions}.",
        "",
        "| # | fault | must hold | tried | held | seconds | notes |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in body["rows"]:
        held = "yes" if row["held"] else "**no**: " + _cell("; ".join(row["faults"][:3]))
        cells = (
            row["row"],
            _cell(row["fault"]),
            _cell(row["must_hold"]),
            row["tried"],
            held,
            row["seconds"],
            _cell("; ".join(row["notes"])),
        )
        lines.append(f"| {' | '.join(map(str, cells))} |")
    if body["peers"]:
        lines += [
            "",
            "Other tools in the same harness:",
            "",
            "| row | tool | tried | as the row asks | what it does | Bakeoff |",
            "|---|---|---|---|---|---|",
        ]
    for peer in body["peers"]:
        cells = (peer["row"], peer["name"], peer["tried"], peer["held"], _cell(peer["found"]), _cell(peer["ours"]))
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
