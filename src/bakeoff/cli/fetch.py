"""`bakeoff fetch`: all data and models that a study needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bakeoff.cli.options import AsJson, Overrides, Profile, Study
from bakeoff.errors import DataError

if TYPE_CHECKING:
    from bakeoff.data.dataset import Dataset
    from bakeoff.records.paths import Home

NAME = "fetch"
SHORT = "Download the data and models of a study."
HELP = """Download all datasets and models that a study needs and that are not here yet, each at its pinned revision, verified.

\b
Example:
  bakeoff fetch study.yaml
"""
COLUMNS = {"kind": "kind", "name": "name", "fingerprint": "fingerprint", "folder": "folder"}


def command(study: Study, profile: Profile = None, overrides: Overrides = None, as_json: AsJson = False) -> None:
    """Download all datasets and models that a study needs."""
    from bakeoff import api
    from bakeoff.cli.downloads import Downloads
    from bakeoff.cli.shown import show
    from bakeoff.records.paths import Home
    from bakeoff.study.loading import find_study, load_study
    from bakeoff.study.planning import needed_datasets, needed_models

    home, resolved = Home.default(), load_study(find_study(study), profile, overrides or ())
    rows: list[dict[str, Any]] = []
    for name in needed_datasets(resolved):
        dataset = _dataset(home, name)
        rows.append({"kind": "dataset", "name": name, "fingerprint": dataset.fingerprint, "folder": dataset.folder})
    for request in needed_models(resolved):
        model = api.fetch_model(home, request.name, request.revision, Downloads())
        rows.append({"kind": "model", "name": request.key, "fingerprint": model.spec.fingerprint, "folder": model.folder})
    shown = rows if as_json else [row | {"fingerprint": row["fingerprint"][:12]} for row in rows]
    show(COLUMNS, shown, as_json=as_json)


def _dataset(home: Home, name: str) -> Dataset:
    from bakeoff.cli.downloads import Downloads
    from bakeoff.data.importing import fetch_dataset
    from bakeoff.data.store import find_dataset

    try:
        return find_dataset(home, name)
    except DataError:
        return fetch_dataset(home, name, Downloads())
