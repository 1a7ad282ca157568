"""`bakeoff fetch`: all data and models that a study needs, from the hub, into a pack, or out of one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bakeoff.cli.options import AsJson, Overrides, Profile

if TYPE_CHECKING:
    from bakeoff.preflight.provisions import Provision

NAME = "fetch"
SHORT = "Download the data and models of a study, or carry them in one file."
HELP = """Download all datasets and models that a study needs and that are not here yet, each at its pinned revision, verified.

A machine without a network gets them in one file: `--pack` writes it, `--unpack` there reads it. A pack holds arrays,
safetensors, tokenizers and JSON, each with its hash; one that holds anything else, or other bytes, is refused as a whole.

\b
Examples:
  bakeoff fetch study.yaml
  bakeoff fetch study.yaml --pack needs.zip
  bakeoff fetch --unpack needs.zip
"""
COLUMNS = {"kind": "kind", "name": "name", "fingerprint": "fingerprint", "folder": "folder", "note": "note"}


def command(
    study: Annotated[
        str | None, typer.Argument(metavar="STUDY", help="A study file, or the name of a built-in study; none with --unpack.")
    ] = None,
    profile: Profile = None,
    overrides: Overrides = None,
    pack: Annotated[Path | None, typer.Option("--pack", metavar="FILE", help="Write all of it into one file as well.")] = None,
    unpack: Annotated[Path | None, typer.Option("--unpack", metavar="FILE", help="Take what a pack holds first.")] = None,
    as_json: AsJson = False,
) -> None:
    """Download all datasets and models that a study needs."""
    from bakeoff import api
    from bakeoff.cli.downloads import Downloads
    from bakeoff.cli.shown import say, show, shown_path, size

    if study is None and unpack is None:
        raise typer.BadParameter("name a study, or a pack with --unpack", param_hint="STUDY")
    if study is None and pack is not None:
        raise typer.BadParameter("a pack is made for a study: name one", param_hint="STUDY")
    rows = api.unpack(unpack, Downloads()) if unpack else []
    if study is not None:
        rows = api.fetch(study, profile, overrides or (), Downloads())
    if pack is not None:
        assert study is not None
        rows = api.pack(study, pack, profile, overrides or (), Downloads())
        say(f"packed {shown_path(pack.absolute())}, {size(pack.stat().st_size)}; there: bakeoff fetch --unpack {pack.name}")
    show(COLUMNS, [_row(row, as_json) for row in rows], as_json=as_json)


def _row(row: Provision, as_json: bool) -> dict[str, Any]:
    fingerprint = row.fingerprint if as_json else row.fingerprint[:12]
    return {"kind": row.kind, "name": row.name, "fingerprint": fingerprint, "folder": row.folder, "note": row.note}
