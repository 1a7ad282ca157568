"""`python -m soak [--rows 1,5,9] [--size small|full] [--keep] [--peers]`: try the rows, print a line each, keep the table."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

from soak.context import SHOWN_FAULTS, Context, Row, RowResult
from soak.places import new_folder
from soak.printing import Tried, keep, line
from soak.table import ROWS


@dataclass(frozen=True)
class Asked:
    """What the command line asks for.

    Attributes:
        rows: the rows.
        size: small or full.
        keep: whether the folders of rows that held stay.
        peers: whether peers are tried too.
        seed: governs every draw.
    """

    rows: tuple[Row, ...]
    size: str
    keep: bool
    peers: bool
    seed: int


def read_arguments(words: list[str]) -> Asked:
    """Read the command line.

    Args:
        words: its arguments.

    Returns:
        What is asked for.
    """
    parser = argparse.ArgumentParser(prog="python -m soak", description=__doc__)
    parser.add_argument("--rows", default="", help="numbers, joined by commas, or none; all without it")
    parser.add_argument("--size", choices=("small", "full"), default="small")
    parser.add_argument("--keep", action="store_true", help="keep the folders of rows that held too")
    parser.add_argument("--peers", action="store_true", help="also what other tools do on rows 4, 5 and 16")
    parser.add_argument("--seed", type=int, default=0, help="governs every draw")
    given = parser.parse_args(words)
    known = {row.number: row for row in ROWS}
    numbers = [int(word) for word in given.rows.split(",") if word not in {"", "none"}]
    numbers = numbers or ([] if given.rows == "none" else list(known))
    if unknown := [number for number in numbers if number not in known]:
        parser.error(f"no such rows: {unknown}; known: {', '.join(map(str, known))}")
    return Asked(tuple(known[number] for number in numbers), given.size, given.keep, given.peers, given.seed)


def try_row(row: Row, asked: Asked, root: Path) -> Tried:
    """Try one row.

    Args:
        row: the row.
        asked: how.
        root: where its folder shall be; it stays if something did not hold.

    Returns:
        What came of it; a row that itself raises did not hold.
    """
    folder = root / f"row-{row.number:02d}"
    folder.mkdir()
    began = time.monotonic()
    try:
        result = row.run(Context(folder, asked.size, asked.seed, asked.keep))
    except Exception:
        result = RowResult(faults=[f"the row itself raised: {traceback.format_exc()}"])
    seconds = time.monotonic() - began
    if result.held and not asked.keep:
        shutil.rmtree(folder, ignore_errors=True)
    return Tried(row, result, seconds)


def main(words: list[str]) -> int:
    """Try what is asked for.

    Args:
        words: the command line.

    Returns:
        0 if every row held, 1 if not.
    """
    asked = read_arguments(words)
    on_disk, quick = Path(tempfile.mkdtemp(prefix="soak-")), new_folder("soak-")
    tried = []
    for row in asked.rows:
        tried.append(try_row(row, asked, on_disk if row.on_disk else quick))
        print(line(tried[-1]), flush=True)
        for fault in tried[-1].result.faults[:SHOWN_FAULTS]:
            print(f"      {fault}", flush=True)
        keep(tried[-1:], [], asked.size, asked.seed)
    peers = []
    if asked.peers:
        from soak.peers import measure_peers

        peers = measure_peers(quick / "peers", asked.size)
        for peer in peers:
            print(f"{peer.name:>22}  row {peer.row}: {peer.found}", flush=True)
    print(f"kept: {keep([], peers, asked.size, asked.seed)}")
    held = all(one.result.held for one in tried)
    print("all hold" if held else f"not all hold; look into {on_disk} and {quick}")
    if held and not asked.keep:
        for place in (on_disk, quick):
            shutil.rmtree(place, ignore_errors=True)
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
