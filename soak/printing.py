"""The table as it is printed and kept: one line a row, JSON and Markdown with date, machine and versions."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bakeoff.records.environment import environment
from soak.context import Row, RowResult
from soak.table import ROWS

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


def keep(tried: Sequence[Tried], peers: Sequence[PeerFound], size: str, seed: int) -> Path:
    """Lay what was tried into the kept table: a row takes the place of the same row of an earlier run, all others stay.

    Args:
        tried: the rows.
        peers: other tools.
        size: small or full; each has a table of its own.
        seed: governed the draws.

    Returns:
        The Markdown file; a JSON file of the same name stands beside it. Each row says of which commit, when and how long.
    """
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"soak-{size}.json"
    stamp = {
        "commit": commit(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "load": round(os.getloadavg()[1], 1),
    }
    # of which source a row is, its commit says
    found = {key: value for key, value in environment().items() if key != "source"}
    with _only_writer():
        before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        same_machine = before.get("environment") == found
        rows = {row["row"]: row for row in before.get("rows", ())} if same_machine else {}
        rows |= {one.row.number: {**_row(one), "seed": seed, **stamp} for one in tried}
        others = {(peer["row"], peer["name"]): peer for peer in before.get("peers", ())} if same_machine else {}
        others |= {(peer.row, peer.name): {**asdict(peer), **stamp} for peer in peers}
        body = {
            "size": size,
            "seconds": round(sum(row["seconds"] for row in rows.values()), 1),
            "environment": found,
            "rows": [rows[number] for number in sorted(rows)],
            "peers": [others[key] for key in sorted(others)],
        }
        path.write_text(json.dumps(body, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        path.with_suffix(".md").write_text(_markdown(body), encoding="utf-8")
    return path.with_suffix(".md")


@contextmanager
def _only_writer() -> Iterator[None]:
    """Two parts may end at the same time."""
    folder = os.open(RESULTS, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def commit() -> str:
    """Which state of the code was tried.

    Returns:
        The short hash of the commit, and whether files differ from it; empty outside a repository.
    """

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=RESULTS.parent.parent, capture_output=True, text=True, check=False)
        return done.stdout.strip()

    changed = git("status", "--porcelain", "--", ":/", ":!/soak/results")
    return git("rev-parse", "--short", "HEAD") + (" and uncommitted changes" if changed else "")


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
    found, rows = body["environment"], body["rows"]
    versions = ", ".join(f"{name} {version}" for name, version in found["packages"].items())
    held, known = sum(row["held"] for row in rows), {row["row"] for row in rows}
    missing = ", ".join(str(row.number) for row in ROWS if row.number not in known)
    lines = [
        "# The fault table, tried",
        "",
        f"`python -m soak --size {body['size']}`: {held} of {len(rows)} rows hold; the seconds of all rows together are"
        f" {body['seconds']:.0f}. On {found['cpu']['name']} ({found['cores']} cores), {found['platform']},"
        f" Python {found['python']}; {versions}. Load is how many processes wanted a core in the last five minutes of a row.",
        *(["", f"Rows that are not in it, because they were not tried so: {missing}."] if missing else []),
        "",
        "| # | fault | must hold | tried | held | seconds | load | date | commit | notes |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        held = "yes" if row["held"] else "**no**: " + _cell("; ".join(row["faults"][:3]))
        cells = (
            row["row"],
            _cell(row["fault"]),
            _cell(row["must_hold"]),
            row["tried"],
            held,
            row["seconds"],
            row.get("load", ""),
            row["date"][:16].replace("T", " "),
            row["commit"],
            _cell("; ".join(row["notes"])),
        )
        lines.append(f"| {' | '.join(map(str, cells))} |")
    if body["peers"]:
        lines += [
            "",
            "Other tools in the same harness (`python -m soak --peers`):",
            "",
            "| row | tool | tried | as the row asks | what it does | Bakeoff | date | commit |",
            "|---|---|---|---|---|---|---|---|",
        ]
    for peer in body["peers"]:
        cells = (
            peer["row"],
            peer["name"],
            peer["tried"],
            peer["held"],
            _cell(peer["found"]),
            _cell(peer["ours"]),
            peer["date"][:16].replace("T", " "),
            peer["commit"],
        )
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def keep_finding(name: str, command: str, found: dict[str, Any], faults: Sequence[str]) -> int:
    """Keep and print what a command found that is no row of the table.

    Args:
        name: of the file in `results/`, without its ending.
        command: how it was called.
        found: what it tried, and what came of it.
        faults: a line for whatever does not hold.

    Returns:
        0 if all holds.
    """
    when = datetime.now(UTC).isoformat(timespec="seconds")
    body = {"command": command, "commit": commit(), "date": when, "environment": environment()}
    body |= {"held": not faults, "faults": list(faults), **found}
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({key: value for key, value in body.items() if key != "environment"}, indent=1))
    print(f"kept: {path}\n{'all holds' if not faults else 'not all holds'}")
    return int(bool(faults))
