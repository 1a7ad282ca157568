"""`bakeoff model`: pretrained models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bakeoff.cli.options import AsJson
from bakeoff.errors import ModelError

if TYPE_CHECKING:
    from bakeoff.catalog.cards import ModelCard
    from bakeoff.hub.models import LocatedModel
    from bakeoff.records.paths import Home

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


@app.command("list", help="List the models that have a short name, here or not.\n\n\b\nExample:\n  bakeoff model list")
def list_(as_json: AsJson = False) -> None:
    """List the models that have a short name."""
    from bakeoff.catalog import registry
    from bakeoff.cli.shown import show, write_json
    from bakeoff.records.paths import Home

    home = Home.default()
    rows = [_row(home, registry.model(name)) for name in registry.cards("model")]
    if as_json:
        write_json(rows)
        return
    shown = [row | {"here": row["folder"] or row["problem"], "parameters": f"{row['parameters']:,}"} for row in rows]
    show(COLUMNS, shown, as_json=False)


def _row(home: Home, card: ModelCard) -> dict[str, Any]:
    from bakeoff.hub.models import locate_model

    body: dict[str, Any] = {
        "name": card.name,
        "family": card.family,
        "parameters": card.parameters,
        "source": card.source,
        "summary": card.summary,
        "folder": None,
        "fingerprint": None,
        "problem": "",
    }
    try:
        found = locate_model(home, card.name)
    except ModelError as error:
        return body | {"problem": error.what}
    return body | {"folder": str(found.folder), "fingerprint": found.spec.fingerprint}


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
    help="Hash every file of a model that is here, whatever hashes are remembered; an error names what is torn.\n\n\b\n"
    "Example:\n  bakeoff model verify minilm-l6"
)
def verify(name: Name, revision: Revision = "", as_json: AsJson = False) -> None:
    """Hash every file of a model."""
    from bakeoff.hub.models import locate_model
    from bakeoff.records.paths import Home

    _print(locate_model(Home.default(), _named(name), revision, verify=True), as_json)


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
