"""The models that `model list` shows: those of the catalog, and those that were fetched."""

from __future__ import annotations

from dataclasses import dataclass

from bakeoff.catalog import registry
from bakeoff.catalog.cards import ModelCard
from bakeoff.errors import FormatError, ModelError
from bakeoff.hub.locating import MODEL_RECORD, MODEL_VERSION, locate_model
from bakeoff.records.files import read_document
from bakeoff.records.paths import Home


@dataclass(frozen=True)
class ModelEntry:
    """One line of the list of models.

    Attributes:
        name: what a study writes.
        revision: commit, or empty for a packaged model.
        summary: one sentence, or empty.
        folder: where it lies, or empty if it is not here.
        fingerprint: hash of its content, or empty.
        family: its architecture, or empty.
        problem: why it cannot be used, or empty.
    """

    name: str
    revision: str
    summary: str
    folder: str = ""
    fingerprint: str = ""
    family: str = ""
    problem: str = ""


def list_models(home: Home) -> list[ModelEntry]:
    """The catalog's models, here or not, then the other fetched ones. The network is not asked.

    Args:
        home: where models are kept.

    Returns:
        One entry a model.
    """
    cards = [card for card in registry.cards("model").values() if isinstance(card, ModelCard)]
    known = {(card.repository, card.revision) for card in cards}
    fetched = [pair for pair in _fetched(home) if pair not in known]
    return [*(_entry(home, card.name, "", card.summary) for card in cards), *(_entry(home, *pair, "") for pair in fetched)]


def _fetched(home: Home) -> list[tuple[str, str]]:
    found = []
    for path in sorted(home.models.glob(f"*--*/*/{MODEL_RECORD}")):
        if path.parent.name.startswith("."):
            continue  # still being fetched
        try:
            record = read_document(path, "model", MODEL_VERSION)
        except FormatError:
            found.append(
                (path.parent.parent.name.replace("--", "/", 1), path.parent.name)
            )  # torn: it is listed with its problem
            continue
        found.append((str(record["repository"]), str(record["commit"])))
    return found


def _entry(home: Home, name: str, revision: str, summary: str) -> ModelEntry:
    try:
        located = locate_model(home, name, revision)
    except ModelError as error:
        return ModelEntry(name, revision, summary, problem=error.what)
    spec = located.spec
    return ModelEntry(name, spec.revision, summary, str(located.folder), spec.fingerprint, spec.family)
