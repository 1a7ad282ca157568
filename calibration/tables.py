"""The tables of docs/statistics.md, made of the kept results: `python calibration/tables.py`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parents[1] / "docs" / "statistics.md"
RESULTS = Path(__file__).parent / "results"
Block = Callable[[dict[str, Any]], str]
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
            percent(cell["below"]),
            f"{cell['width']:.2f}",
            f"{percent(cell['without taking off']['missed'])} / {cell['without taking off']['width']:.2f}",
            *(percent(cell["peers"].get(peer)) for peer in PEERS),
        ]
        for cell in document["cells"]
    ]
    return table(["world", "n", "S", "**two-part t**", "too low", "width", "twice counted", *PEERS], rows)


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


def machine(document: dict[str, Any]) -> str:
    """The machine and the versions that a number depends on."""
    found = document["environment"]
    versions = ", ".join(f"{name} {found['packages'][name]}" for name in ("numpy", "scipy"))
    return f"{_several(found['cores'], 'core', 'cores')} of {found['cpu']['name']} (Python {found['python']}, {versions})"


def _several(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def provenance(document: dict[str, Any]) -> str:
    """Where the numbers come from."""
    seconds = document["seconds"] if isinstance(document["seconds"], int) else document["seconds"]["all"]
    workers = f" with {_several(document['workers'], 'process', 'processes')}" if "workers" in document else ""
    return f"`{document['command']}`, {document['date']}, {seconds} s{workers} on {machine(document)}."


def null(document: dict[str, Any]) -> str:
    """One recipe against itself."""
    rows = []
    for one in document["null"]:
        ours, many = one["disjoint"]["two-part t"], one["redrawn"]["two-part t"]
        peers = [percent(one["redrawn"].get(peer)) for peer in PEERS[:-1]]
        rows.append([str(one["examples"]), str(one["seeds"]), *_rates(ours), percent(many["share"]), *peers])
    return table(["n", "S", "comparisons", "**disjoint**", "**redrawn**", *PEERS[:-1]], rows)


def planted(document: dict[str, Any]) -> str:
    """Two recipes."""
    rows = []
    for one in document["planted"]:
        missed, single = one["missed"], one["predicted from one study"]
        rows.append(
            [
                str(one["examples"]),
                str(one["seeds"]),
                f"{100 * one['truth']:.2f}",
                *_rates(missed["disjoint"]["two-part t"]),
                percent(missed["redrawn"]["two-part t"]["share"]),
                percent(missed["redrawn"]["two-part t"].get("below")),
                _rates(one["found"])[1],
                percent(one["predicted"]),
                percent(one["wrong way"]["share"]),
                f"{percent(single['median'])} ({percent(single['10 %'])} to {percent(single['90 %'])})",
            ]
        )
    head = [
        "n",
        "S",
        "true, points",
        "comparisons",
        "missed, **disjoint**",
        "missed, **redrawn**",
        "of them too low",
        "found",
        "forecast",
    ]
    return table([*head, "wrong way", "forecast by one study: median (10 to 90 %)"], rows)


def _rates(rate: dict[str, Any]) -> list[str]:
    return [str(rate["comparisons"]), f"{percent(rate['share'])} ({percent(rate['low'])} to {percent(rate['high'])})"]


def verdict(document: dict[str, Any]) -> str:
    """Speed of the statistics."""
    ratio, everything, study = document["times as fast"], document["whole verdict"], document["study"]
    size = " × ".join(f"{study[name]} {name}" for name in ("recipes", "seeds", "examples", "labels"))
    rows = [[name, f"{seconds:.2f}"] for name, seconds in everything["runs"][-1]["parts"].items()]
    return (
        f"`{document['command']}`, {document['date']}, on {machine(document)}: {size}. All jackknife replicates of macro-F1 "
        f"are {ratio['median']:.0f} ({ratio['low']:.0f} to {ratio['high']:.0f}) times as fast as scikit-learn called once a "
        f"replicate, with equal scores. All that a verdict and its report say takes "
        f"{everything['seconds']['median']:.0f} s and {everything['peak_bytes'] / 2**20:.0f} MiB:\n\n"
        + table(["part", "s"], rows)
    )


CALIBRATION: dict[str, Block] = {
    f"calibration: {function.__name__}": function for function in (provenance, gates, summary, cells, power, attacks, groups)
}
REAL_NULL: dict[str, Block] = {f"real null: {function.__name__}": function for function in (provenance, null, planted)}
SPEED: dict[str, Block] = {"speed: verdict": verdict}
KEPT = (
    (RESULTS / "calibration-full.json", CALIBRATION),
    (RESULTS / "real_null.json", REAL_NULL),
    (RESULTS.parents[1] / "benchmarks" / "results" / "verdict_speed.json", SPEED),
)


def write_docs(place: Path = DOCS) -> None:
    """Put the tables of all kept results between their marks in the docs.

    Args:
        place: the page.

    Raises:
        RuntimeError: if a mark is missing.
    """
    text = place.read_text(encoding="utf-8")
    for result, blocks in KEPT:
        if not result.exists():
            continue
        document = json.loads(result.read_text(encoding="utf-8"))
        for name, make in blocks.items():
            begin, end = f"<!-- {name} -->", "<!-- end -->"
            head, found, rest = text.partition(begin)
            if not found or end not in rest:
                raise RuntimeError(f"{place} has no place for {name}")
            text = f"{head}{begin}\n{make(document)}\n{end}{rest.partition(end)[2]}"
    place.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write_docs()
