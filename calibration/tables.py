"""The tables of docs/statistics.md, made of the kept results."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parents[1] / "docs" / "statistics.md"
RESULTS = Path(__file__).parent / "results"
PEERS = (
    "Welch's t over seeds",
    "paired t over seeds",
    "unpaired z",
    "paired z, seeds fixed",
    "seed bootstrap",
    "randomisation, seeds fixed",
)


def percent(share: float | None) -> str:
    """A share as the tables show it."""
    return "–" if share is None else f"{100 * share:.1f}"


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def gates(document: dict[str, Any]) -> str:
    """Each gate with its worst cell."""
    rows = [[name, "holds" if gate["holds"] else "**fails**", gate["worst"]] for name, gate in document["gates"].items()]
    return table(["gate", "", "worst cell"], rows)


def summary(document: dict[str, Any]) -> str:
    """By number of seeds: smallest to largest rate of wrong answers over the cells, ours and peers'."""
    cells, rows = document["cells"], []

    def spread(values: list[float]) -> str:
        return f"{percent(min(values))} to {percent(max(values))}" if values else "–"

    for seeds in sorted({cell["seeds"] for cell in cells}):
        chosen = [cell for cell in cells if cell["seeds"] == seeds]
        row = [str(seeds), f"**{spread([cell['missed'] for cell in chosen])}**"]
        row += [f"{max(cell['width'] for cell in chosen):.2f}"]
        row += [spread([cell["peers"][peer] for cell in chosen if peer in cell["peers"]]) for peer in PEERS]
        rows.append(row)
    return table(["S", "**two-part t**", "widest", *PEERS], rows)


def cells(document: dict[str, Any]) -> str:
    """Every cell."""
    rows = [
        [
            cell["world"],
            str(cell["examples"]),
            str(cell["seeds"]),
            f"**{percent(cell['missed'])}**",
            f"{cell['width']:.2f}",
            f"{percent(cell['without taking off']['missed'])} / {cell['without taking off']['width']:.2f}",
            *(percent(cell["peers"].get(peer)) for peer in PEERS),
        ]
        for cell in document["cells"]
    ]
    return table(["world", "n", "S", "**two-part t**", "width", "twice counted", *PEERS], rows)


def power(document: dict[str, Any]) -> str:
    """Found against predicted power."""
    rows = [
        [
            cell["world"],
            str(cell["examples"]),
            str(cell["seeds"]),
            f"{100 * cell['truth']:.2f}",
            percent(cell["power"]["found"]),
            percent(cell["power"]["predicted"]),
            percent(cell["power"]["wrong way"]),
        ]
        for cell in document["cells"]
        if "power" in cell
    ]
    return table(["world", "n", "S", "true difference, points", "found %", "predicted %", "wrong way %"], rows)


def attacks(document: dict[str, Any]) -> str:
    """Every attack."""
    parts = []
    for name, found in document["attacks"].items():
        by_seeds = [(what, rates) for what, rates in found.items() if isinstance(rates, dict)]
        single = [[what, percent(rate)] for what, rate in found.items() if not isinstance(rate, dict)]
        parts.append(f"**{name.replace('_', ' ')}**, %")
        if by_seeds:
            head = list(by_seeds[0][1])
            titles = [f"S = {one}" if one.isdigit() else one for one in head]
            parts.append(table(["", *titles], [[what, *(percent(rates[one]) for one in head)] for what, rates in by_seeds]))
        if single:
            parts.append(table(["", "%"], single))
    return "\n\n".join(parts)


def groups(document: dict[str, Any]) -> str:
    """Miss rate and width by number of groups."""
    rows = [
        [str(one["groups"]), str(one["seeds"]), percent(one["missed"]), f"{one['width']:.3f}"] for one in document["groups"]
    ]
    return table(["G", "S", "missed %", "width"], rows)


def provenance(document: dict[str, Any]) -> str:
    """Where the numbers come from."""
    machine = document["environment"]
    return (
        f"`{document['command']}`, {document['date']}, {document['seconds']} s with {document['workers']} processes; the whole "
        f"record, with machine and versions, is `calibration/results/calibration-{document['size']}.json` "
        f"({machine.get('processor') or machine.get('cpu') or 'processor as there'})."
    )


BLOCKS: dict[str, Callable[[dict[str, Any]], str]] = {
    function.__name__: function for function in (provenance, gates, summary, cells, power, attacks, groups)
}


def write_docs(document: dict[str, Any], place: Path = DOCS) -> None:
    """Put the tables between their marks in the docs.

    Args:
        document: of a full calibration.
        place: the page.

    Raises:
        RuntimeError: if a mark is missing.
    """
    text = place.read_text(encoding="utf-8")
    for name, make in BLOCKS.items():
        begin, end = f"<!-- calibration: {name} -->", "<!-- end -->"
        head, found, rest = text.partition(begin)
        if not found or end not in rest:
            raise RuntimeError(f"{place} has no place for {name}")
        text = f"{head}{begin}\n{make(document)}\n{end}{rest.partition(end)[2]}"
    place.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write_docs(json.loads((RESULTS / "calibration-full.json").read_text(encoding="utf-8")))
