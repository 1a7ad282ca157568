"""`bakeoff data`: datasets."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bakeoff.cli import data_quality
from bakeoff.cli.options import AsJson

if TYPE_CHECKING:
    from bakeoff.data.dataset import Dataset
    from bakeoff.data.facts import DatasetDescription

app = typer.Typer(
    help="Import, fetch, list and show datasets.\n\n\b\nExample:\n  bakeoff data list",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.command(
    "audit",
    help="Look for duplicates, leaks between splits, conflicting and doubtful labels, odd texts; exit 3 on errors."
    "\n\n\b\nExamples:\n  bakeoff data audit goemotions\n  bakeoff data audit study.yaml --examples 10\n"
    "  bakeoff data audit reviews --no-noise --json",
)(data_quality.audit)
app.command(
    "draws",
    help="Show how often the samplings of a study draw each label: meant and realised.\n\n\b\nExample:\n"
    "  bakeoff data draws study.yaml --set recipes.bce.treatment.sampling=oversample",
)(data_quality.draws)
app.command(
    "card",
    help="Write the card of data as they are used: sources, terms, counts, treatments, fingerprint; as Markdown.\n\n\b\n"
    "Examples:\n  bakeoff data card goemotions\n  bakeoff data card study.yaml > DATA.md",
)(data_quality.card)
Name = Annotated[str, typer.Argument(metavar="NAME", help="The dataset's name; `bakeoff data list` shows them.")]
LIST_COLUMNS = {
    "name": "name",
    "task": "task",
    "stored": "stored",
    "rows": "rows",
    "source": "from",
    "terms": "terms",
    "summary": "what it is",
}
SPLIT_COLUMNS = {"split": "split", "rows": ">rows", "labels": ">labels a row", "words": "words a text", "dropped": "dropped"}
LABEL_COLUMNS = {"label": "label", "train": ">train", "validation": ">validation", "test": ">test"}
EXAMPLE_COLUMNS = {"id": "id", "labels": "labels", "text": "text"}
VERIFY_COLUMNS = {"name": "name", "fingerprint": "fingerprint", "state": "state", "remedy": "remedy"}
MAP_COLUMNS = {"name": "name", "labels": ">labels", "to": ">in", "summary": "what it is"}
LONGEST_TEXT = 100


@app.command(
    "import",
    help="Read a dataset's raw files, or data of your own, and store them.\n\n\b\nExamples:\n"
    "  bakeoff data import goemotions ~/Downloads/goemotions\n"
    "  bakeoff data import reviews reviews.csv\n"
    "  bakeoff data import reviews reviews.csv --text body --labels stars\n"
    "  bakeoff data import reviews s3://bucket/reviews.parquet               (taken over and hashed; needs s3fs)\n"
    "  bakeoff data import emotion dair-ai/emotion/split                     (a dataset of the hub, at the commit of today)\n"
    "  bakeoff data import emoint emoint/ --threshold 0.5                    (ratings: id, text, emotion, intensity)\n"
    "  bakeoff data import topics topics.csv --header label,title,text       (no header line)\n"
    "  bakeoff data import tickets tickets/ --labels urgent --labels billing     (a column a label; train.csv, test.csv)",
)
def import_(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name of `bakeoff data list`, or one for your own data.")],
    path: Annotated[
        str,
        typer.Argument(
            metavar="PATH",
            help="The folder of its raw files; your own file or folder, its address; owner/name on the hub.",
        ),
    ],
    text: Annotated[str | None, typer.Option("--text", help="Own data: the column of the text.")] = None,
    second: Annotated[str | None, typer.Option("--second", help="Own data: the other text of a pair; '' for none.")] = None,
    labels: Annotated[
        list[str] | None, typer.Option("--labels", help="Own data: the column, or columns, of the labels.")
    ] = None,
    id_: Annotated[str | None, typer.Option("--id", help="Own data: the column of the ids.")] = None,
    group: Annotated[str | None, typer.Option("--group", help="Own data: rows that share this stay in one split.")] = None,
    delimiter: Annotated[str | None, typer.Option("--delimiter", help="Own data: what separates fields.")] = None,
    separator: Annotated[
        str | None, typer.Option("--separator", help="Own data: what separates labels in a field; none for nothing.")
    ] = None,
    score: Annotated[str | None, typer.Option("--score", help="Own data: how strongly the label applies, a number.")] = None,
    threshold: Annotated[
        float | None, typer.Option("--threshold", help="Own data: the score from which on a label holds.")
    ] = None,
    header: Annotated[
        str | None, typer.Option("--header", metavar="NAMES", help="Own data without a header line: its columns, as a,b,c.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Read a dataset's raw files, or data of your own, and store them."""
    from bakeoff.catalog import registry
    from bakeoff.cli.downloads import Downloads
    from bakeoff.data.choosing import Columns
    from bakeoff.data.importing import import_dataset
    from bakeoff.data.own import import_own
    from bakeoff.records.paths import Home

    if name in registry.cards("dataset"):
        _stored(import_dataset(Home.default(), name, Path(path)), as_json)
        return
    named = tuple(labels) if labels else None
    names = tuple(part.strip() for part in header.split(",")) if header else None
    columns = Columns(text, second, named, id_, group, delimiter, separator, score, threshold, names)
    dataset, understood = import_own(Home.default(), name, path, columns, progress=Downloads())
    _stored(dataset, as_json, understood.lines, understood.kind)


@app.command(
    help="Fetch a dataset from the hub, at its pinned revision, verified.\n\n\b\nExample:\n  bakeoff data fetch goemotions"
)
def fetch(name: Name, as_json: AsJson = False) -> None:
    """Fetch a dataset from the hub."""
    from bakeoff.cli.downloads import Downloads
    from bakeoff.data.importing import fetch_dataset
    from bakeoff.records.paths import Home

    _stored(fetch_dataset(Home.default(), name, Downloads()), as_json)


def _stored(dataset: Dataset, as_json: bool, understood: list[str] | None = None, kind: str = "") -> None:
    from bakeoff.cli.shown import write, write_json

    sizes = {split: dataset.size(split) for split in dataset.splits}
    body = {"name": dataset.name, "fingerprint": dataset.fingerprint, "folder": dataset.folder, "rows": sizes}
    if as_json:
        own = {"kind": kind, "understood": understood} if kind else {}
        write_json(body | {"labels": dataset.labels} | own)
        return
    for line in understood or ():
        write(line)
    rows = ", ".join(f"{split} {count:,}" for split, count in sizes.items())
    write(f"{dataset.name}: {rows} rows, {len(dataset.labels)} labels, fingerprint {dataset.fingerprint[:12]}")
    for split in dataset.splits:
        for reason, count in dataset.card["splits"][split]["dropped"].items():
            write(f"dropped: {count:,} rows of {split}: {reason}")
    write(f"stored in {dataset.folder}")
    if kind:
        write(f"in a study: {dataset.name}: {{dataset: {dataset.name}, kind: {kind}}}")


@app.command("list", help="List every dataset that a study can name, stored or not.\n\n\b\nExample:\n  bakeoff data list")
def list_(as_json: AsJson = False) -> None:
    """List every dataset that a study can name."""
    from bakeoff.cli.shown import show, write_json
    from bakeoff.data.facts import list_datasets
    from bakeoff.records.paths import Home

    entries = list_datasets(Home.default())
    if as_json:
        write_json([asdict(entry) for entry in entries])
        return
    rows = [
        asdict(entry)
        | {
            "stored": entry.problem or entry.fingerprint[:12] or "no",
            "rows": ", ".join(f"{split} {count:,}" for split, count in entry.rows.items()),
        }
        for entry in entries
    ]
    show(LIST_COLUMNS, rows, as_json=False)


@app.command(
    help="Hash every byte of what is stored, and say what is torn; exit 3 if something is.\n\n\b\nExample:\n"
    "  bakeoff data verify goemotions"
)
def verify(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="The dataset's name; all stored ones without it.")] = None,
    as_json: AsJson = False,
) -> None:
    """Hash every byte of what is stored."""
    from bakeoff.cli.shown import show
    from bakeoff.data.facts import verify_datasets
    from bakeoff.records.paths import Home

    rows = [asdict(row) for row in verify_datasets(Home.default(), name)]
    shown = (
        rows
        if as_json
        else [row | {"state": row["problem"] or "whole", "fingerprint": row["fingerprint"][:12]} for row in rows]
    )
    show(VERIFY_COLUMNS, shown, as_json=as_json)
    raise typer.Exit(3 if any(row["problem"] for row in rows) else 0)


@app.command("show", help="Show a stored dataset: splits, labels, lengths, examples.\n\n\b\nExample:\n  bakeoff data show demo")
def show_(
    name: Name,
    examples: Annotated[int, typer.Option("--examples", min=0, help="How many rows to show.")] = 3,
    as_json: AsJson = False,
) -> None:
    """Show a stored dataset."""
    from bakeoff.cli.shown import write_json
    from bakeoff.data.facts import describe_dataset
    from bakeoff.data.store import find_dataset
    from bakeoff.records.paths import Home

    facts = describe_dataset(find_dataset(Home.default(), name), examples)
    if as_json:
        write_json(asdict(facts))
    else:
        _print(facts)


def _print(facts: DatasetDescription) -> None:
    from bakeoff.cli.shown import console, make_table, safe

    out = console()
    out.print(safe(f"{facts.name}: {facts.summary}\nfrom: {facts.origin}\nterms: {facts.terms}"))
    if facts.published:
        out.print(safe(f"published: {', '.join(f'{split} {rows:,}' for split, rows in facts.published.items())} rows"))
    if facts.splitting:
        out.print(safe(f"splits: {facts.splitting}"))
    if facts.metrics:
        out.print(safe(f"its owner reports: {', '.join(facts.metrics)}"))
    out.print(safe(f"fingerprint: {facts.fingerprint}\nfolder: {facts.folder}"))
    out.print(make_table(SPLIT_COLUMNS, _splits(facts)))
    counts = [
        {"label": label} | {split: body.label_counts.get(label, 0) for split, body in facts.splits.items()}
        for label in facts.labels
    ]
    out.print(make_table(LABEL_COLUMNS, counts))
    if facts.examples:
        rows = [{"id": row.id, "labels": ", ".join(row.labels), "text": row.text[:LONGEST_TEXT]} for row in facts.examples]
        out.print(make_table(EXAMPLE_COLUMNS, rows))


def _splits(facts: DatasetDescription) -> list[dict[str, Any]]:
    return [
        {
            "split": split,
            "rows": f"{body.rows:,}",
            "labels": f"{body.labels_per_row:.2f}",
            "words": f"mean {body.words.mean:.1f}, median {body.words.median:.0f}, longest {body.words.longest}",
            "dropped": ", ".join(f"{count} {reason}" for reason, count in body.dropped.items()) or "none",
        }
        for split, body in facts.splits.items()
    ]


@app.command(
    "maps",
    help="List the label maps that a study can name: labels of one dataset told in those of another.\n\n\b\nExample:\n"
    "  bakeoff data maps",
)
def maps(as_json: AsJson = False) -> None:
    """List the label maps that a study can name."""
    from bakeoff.catalog import registry
    from bakeoff.catalog.cards import LabelMapCard
    from bakeoff.cli.shown import show

    cards = [card for card in registry.cards("map").values() if isinstance(card, LabelMapCard)]
    rows = [
        {"name": card.name, "labels": len(card.sure) + len(card.possible), "to": len(card.to), "summary": card.summary}
        for card in cards
    ]
    show(MAP_COLUMNS, rows, as_json=as_json)


@app.command(
    "map",
    help="Write a label map of the catalog as a file, to begin your own with.\n\n\b\nExamples:\n"
    "  bakeoff data map isear-goemotions\n"
    "  bakeoff data map isear-goemotions > my-map.yaml     (in a study: map: my-map.yaml)",
)
def map_(name: Annotated[str, typer.Argument(metavar="NAME", help="The map's name; `bakeoff data maps` shows them.")]) -> None:
    """Write a label map of the catalog as a file."""
    from bakeoff.catalog import registry
    from bakeoff.catalog.cards import LabelMapCard
    from bakeoff.cli.shown import write
    from bakeoff.study.label_maps import map_yaml, of_card

    card = registry.find("map", name)
    assert isinstance(card, LabelMapCard)
    write(map_yaml(of_card(card)).rstrip("\n"))
