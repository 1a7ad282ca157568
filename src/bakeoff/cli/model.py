"""`bakeoff model`: pretrained models."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bakeoff.cli.options import AsJson

if TYPE_CHECKING:
    from bakeoff.hub.models import LocatedModel

app = typer.Typer(
    help="Fetch, list and show pretrained models.\n\n\b\nExample:\n  bakeoff model list",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Name = Annotated[str, typer.Argument(metavar="NAME", help="A catalog name, a hub id `owner/name`, or a folder.")]
Revision = Annotated[str, typer.Option("--revision", metavar="COMMIT", help="Commit, branch or tag of a hub id.")]
COLUMNS = {
    "name": "name",
    "family": "family",
    "parameters": ">parameters",
    "here": "here",
    "source": "from",
    "summary": "what it is",
}
VERIFY_COLUMNS = {
    "name": "name",
    "revision": "revision",
    "fingerprint": "fingerprint",
    "state": "state",
    "remedy": "remedy",
}


@app.command(
    "list",
    help="List the models that have a short name, here or not, and those that were fetched.\n\n\b\nExample:\n"
    "  bakeoff model list",
)
def list_(as_json: AsJson = False) -> None:
    """List models."""
    from bakeoff.cli.shown import show
    from bakeoff.hub.models import list_models
    from bakeoff.records.paths import Home

    rows: list[dict[str, Any]] = [asdict(entry) for entry in list_models(Home.default())]
    if not as_json:
        rows = [
            row | {"here": row["folder"] or row["problem"], "parameters": f"{row['parameters']:,}" if row["parameters"] else ""}
            for row in rows
        ]
    show(COLUMNS, rows, as_json=as_json)


@app.command(
    "show", help="Show a model that is here: what it is and where it lies.\n\n\b\nExample:\n  bakeoff model show minilm-l6"
)
def show_(name: Name, revision: Revision = "", as_json: AsJson = False) -> None:
    """Show a model that is here."""
    from bakeoff.hub.models import locate_model
    from bakeoff.records.paths import Home

    _print(locate_model(Home.default(), _named(name), revision), as_json)


@app.command(
    help="Download a model, verified; weights that come only pickled are turned into safetensors once, in a process without "
    "network.\n\n\b\nExample:\n  bakeoff model fetch microsoft/deberta-v3-small"
)
def fetch(name: Name, revision: Revision = "", as_json: AsJson = False) -> None:
    """Download a model."""
    from bakeoff import api
    from bakeoff.cli.downloads import Downloads
    from bakeoff.records.paths import Home

    _print(api.fetch_model(Home.default(), _named(name), revision, Downloads()), as_json)


@app.command(
    help="Hash every file of the models that are here, whatever hashes are remembered.\n\n\b\nExamples:\n"
    "  bakeoff model verify\n  bakeoff model verify minilm-l6\n\n\b\nExit status:\n"
    "  0  all are whole        3  one is not: its remedy is shown"
)
def verify(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME", help="A catalog name, a hub id `owner/name`, or a folder; all that are here without it."
        ),
    ] = None,
    revision: Revision = "",
    as_json: AsJson = False,
) -> None:
    """Hash every file of models."""
    from bakeoff.cli.shown import show
    from bakeoff.hub.models import verify_models
    from bakeoff.records.paths import Home

    rows: list[dict[str, Any]] = [asdict(one) for one in verify_models(Home.default(), _named(name) if name else "", revision)]
    code = 3 if any(row["problem"] for row in rows) else 0
    if not as_json:
        rows = [row | {"state": row["problem"] or "whole", "fingerprint": row["fingerprint"][:12]} for row in rows]
    show(VERIFY_COLUMNS, rows, as_json=as_json)
    raise typer.Exit(code)


def _named(name: str) -> str:
    """A folder as its absolute path, any other name as it is."""
    return str(Path(name).absolute()) if name.startswith((".", "/", "~")) or Path(name).is_dir() else name


def _print(found: LocatedModel, as_json: bool) -> None:
    from bakeoff.cli.shown import safe, write, write_json

    files = {path.name: path.stat().st_size for path in sorted(found.folder.iterdir()) if path.is_file()}
    body: dict[str, Any] = found.spec.model_dump() | {"folder": found.folder, "files": files}
    if found.card:
        body |= {"summary": found.card.summary, "source": found.card.source, "pooling": found.card.pooling}
    if as_json:
        write_json(body)
        return
    for key, value in body.items():
        shown = ", ".join(f"{name} ({count:,} bytes)" for name, count in value.items()) if key == "files" else value
        write(safe(f"{key}: {shown}"))
