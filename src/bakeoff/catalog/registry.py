"""Find a card by kind and name: the built-in ones, and those that other packages add by entry point."""

from __future__ import annotations

import difflib
from functools import cache
from importlib.metadata import entry_points

from bakeoff.catalog.cards import (
    AugmentationCard,
    Card,
    DatasetCard,
    Kind,
    LossCard,
    MethodCard,
    MetricCard,
    ModelCard,
    SamplingCard,
    TaskCard,
)
from bakeoff.catalog.datasets import DATASETS
from bakeoff.catalog.label_maps import LABEL_MAPS
from bakeoff.catalog.losses import LOSSES
from bakeoff.catalog.methods import METHODS
from bakeoff.catalog.metrics import METRICS
from bakeoff.catalog.models import MODELS
from bakeoff.catalog.tasks import TASKS
from bakeoff.catalog.treatments import TREATMENTS
from bakeoff.errors import CatalogError

ENTRY_POINT_GROUP = "bakeoff.cards"


@cache
def cards(kind: Kind) -> dict[str, Card]:
    """All cards of a kind.

    Args:
        kind: which.

    Returns:
        Cards by name, the built-in ones first.

    Raises:
        CatalogError: if a plug-in brings no card, or one whose name is taken.
    """
    found: dict[str, Card] = {}
    for card in (*MODELS, *METHODS, *LOSSES, *TREATMENTS, *DATASETS, *LABEL_MAPS, *TASKS, *METRICS):
        if card.kind == kind:
            found[card.name] = card
    for point in entry_points(group=ENTRY_POINT_GROUP):
        card = point.load()
        if not isinstance(card, Card):
            raise CatalogError(f"the entry point {point.name} is no card", point.value, "uninstall that package, or mend it")
        if card.kind != kind:
            continue
        if card.name in found:
            raise CatalogError(f"two {kind} cards are called {card.name!r}", point.value, "rename the plug-in's card")
        found[card.name] = card
    return found


def metrics_of(kind: str) -> tuple[str, ...]:
    """The metrics that fit a kind of task.

    Args:
        kind: the kind of task.

    Returns:
        Their names: those of the kind's card, the default first, then those that other packages add. All metrics for a kind
        that is not known.
    """
    card = cards("task").get(kind)
    if not isinstance(card, TaskCard):
        return tuple(cards("metric"))
    added = [name for name, other in cards("metric").items() if isinstance(other, MetricCard) and kind in other.tasks]
    return tuple(dict.fromkeys((*card.metrics, *added)))


def nearest(name: str, known: list[str]) -> str:
    """The known spelling that a word was probably meant to be.

    Args:
        name: the word.
        known: known spellings.

    Returns:
        The nearest, or an empty string if none is near.
    """
    match = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return match[0] if match else ""


def find(kind: Kind, name: str) -> Card:
    """The card of a name.

    Args:
        kind: which kind.
        name: the name.

    Returns:
        The card.

    Raises:
        CatalogError: if no card bears the name; the message gives the nearest spelling and the known names.
    """
    known = cards(kind)
    if name in known:
        return known[name]
    near = nearest(name, list(known))
    hint = f"did you mean {near!r}? " if near else ""
    raise CatalogError(f"no {kind} is called {name!r}", "", f"{hint}known: {', '.join(known)}")


def model(name: str) -> ModelCard:
    """The card of a model (see `find`).

    Args:
        name: the name.

    Returns:
        The card.
    """
    card = find("model", name)
    assert isinstance(card, ModelCard)
    return card


def method(name: str) -> MethodCard:
    """The card of a method (see `find`).

    Args:
        name: the name.

    Returns:
        The card.
    """
    card = find("method", name)
    assert isinstance(card, MethodCard)
    return card


def loss(name: str) -> LossCard:
    """The card of a loss (see `find`).

    Args:
        name: the name.

    Returns:
        The card.
    """
    card = find("loss", name)
    assert isinstance(card, LossCard)
    return card


def sampling(name: str) -> SamplingCard:
    """The card of a sampling (see `find`).

    Args:
        name: the name.

    Returns:
        The card.
    """
    card = find("sampling", name)
    assert isinstance(card, SamplingCard)
    return card


def augmentation(name: str) -> AugmentationCard:
    """The card of an augmentation (see `find`).

    Args:
        name: the name.

    Returns:
        The card.
    """
    card = find("augmentation", name)
    assert isinstance(card, AugmentationCard)
    return card


def dataset(name: str) -> DatasetCard:
    """The card of a dataset (see `find`).

    Args:
        name: the name.

    Returns:
        The card.
    """
    card = find("dataset", name)
    assert isinstance(card, DatasetCard)
    return card


def task(name: str) -> TaskCard:
    """The card of a task kind (see `find`).

    Args:
        name: the name.

    Returns:
        The card.
    """
    card = find("task", name)
    assert isinstance(card, TaskCard)
    return card


def metric(name: str) -> MetricCard:
    """The card of a metric (see `find`).

    Args:
        name: the name, without `@threshold`.

    Returns:
        The card.
    """
    card = find("metric", name)
    assert isinstance(card, MetricCard)
    return card
