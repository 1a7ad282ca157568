"""The models that `model list` shows: those of the catalog, and those that were fetched."""

from __future__ import annotations

from dataclasses import dataclass, replace

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
        source: where it comes from and its terms, or empty.
        parameters: how many numbers its weights are, as its card says; 0 if it has none.
        problem: why it cannot be used, or empty.
        remedy: what to do about that, or empty.
    """

    name: str
    revision: str
    summary: str
    folder: str = ""
    fingerprint: str = ""
    family: str = ""
    source: str = ""
    parameters: int = 0
    problem: str = ""
    remedy: str = ""


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
    return [*(_of_card(home, card) for card in cards), *(_entry(home, *pair) for pair in fetched)]


def verify_models(home: Home, name: str = "", revision: str = "") -> list[ModelEntry]:
    """Hash every file of models that are here, whatever hashes are remembered.

    Args:
        home: where models are kept.
        name: a catalog name, a hub id or a folder; empty means all that are here.
        revision: commit of a hub id.

    Returns:
        One entry a model, with a problem if it is not whole.
    """
    if name:
        return [_entry(home, name, revision, verify=True)]
    cards = {card.name: card for card in registry.cards("model").values() if isinstance(card, ModelCard)}
    here = [entry for entry in list_models(home) if entry.folder or entry.name not in cards or _torn(home, cards[entry.name])]
    return [_entry(home, entry.name, "" if entry.name in cards else entry.revision, verify=True) for entry in here]


def _torn(home: Home, card: ModelCard) -> bool:
    """Whether something of a catalog's model was fetched, though it cannot be used."""
    return (home.models / card.repository.replace("/", "--") / card.revision).is_dir()


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


def _of_card(home: Home, card: ModelCard) -> ModelEntry:
    entry = _entry(home, card.name, "")
    family = entry.family or card.family
    return replace(entry, family=family, summary=card.summary, source=card.source, parameters=card.parameters)


def _entry(home: Home, name: str, revision: str, verify: bool = False) -> ModelEntry:
    try:
        located = locate_model(home, name, revision, verify=verify)
    except ModelError as error:
        return ModelEntry(name, revision, "", problem=error.what, remedy=error.remedy)
    spec = located.spec
    return ModelEntry(name, spec.revision, "", str(located.folder), spec.fingerprint, spec.family)
