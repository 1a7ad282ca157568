"""What a run's data are: `cards/<task>.json`, which a report shows. It holds counts and names, and no texts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from bakeoff.records.files import read_document, write_document
from bakeoff.records.specs import Component, MixSpec, Spec, TreatmentSpec

DATA_CARD_VERSION = 1
NOTHING = "none"


class CardSplit(Spec):
    """A split of a dataset.

    Attributes:
        rows: its examples.
        dropped: rows of its files that did not become examples, by reason.
        label_counts: examples that bear each label.
    """

    rows: int
    dropped: dict[str, int] = Field(default_factory=dict)
    label_counts: dict[str, int] = Field(default_factory=dict)


class CardSource(Spec):
    """One dataset of several that the data are put together of.

    Attributes:
        name: what it is called in the task.
        dataset: the dataset's name.
        fingerprint: hash of its content.
        terms: its licence and owner.
        map: name and version of the label map; empty where its labels are the task's.
        turns: turns of a dialogue that stand before an example; 0 for none.
        rows: examples by split.
        dropped: rows that were left out, by split and reason.
    """

    name: str
    dataset: str
    fingerprint: str
    terms: str
    map: str = ""
    turns: int = 0
    rows: dict[str, int]
    dropped: dict[str, dict[str, int]] = Field(default_factory=dict)


class DataCard(Spec):
    """The card of a dataset.

    Attributes:
        dataset: its name.
        fingerprint: hash of all texts, labels and splits.
        terms: licence and owner; empty if they are not stated.
        splitting: how the splits were made; empty if they are the owner's.
        shared_ids: ids that stand in more than one split.
        splits: facts by split.
        files: SHA-256 of the files that it was read from, by name; of data that are put together, fingerprints of the sources.
        sources: what it is put together of; empty where it is one dataset.
        partly: whether some labels are not annotated in some examples.
    """

    dataset: str
    fingerprint: str
    terms: str
    splitting: str
    shared_ids: int
    splits: dict[str, CardSplit]
    files: dict[str, str]
    sources: list[CardSource] = Field(default_factory=list)
    partly: bool = False

    @classmethod
    def of(cls, card: Mapping[str, Any]) -> DataCard:
        """Make the card of what a stored dataset says of itself.

        Args:
            card: its `card.json`.

        Returns:
            The card.
        """
        return cls(
            dataset=card["name"],
            fingerprint=card["fingerprint"],
            terms=card["terms"],
            splitting=card["splitting"],
            shared_ids=card["ids_in_several_splits"],
            splits={
                split: CardSplit(**{key: body[key] for key in ("rows", "dropped", "label_counts")})
                for split, body in card["splits"].items()
            },
            files=card["sources"],
            sources=[_source(account) for account in card.get("accounts", ())],
            partly=bool(card.get("annotated")),
        )

    @classmethod
    def read(cls, path: Path) -> DataCard:
        """Read the card that a run keeps.

        Args:
            path: its file.

        Returns:
            The card.

        Raises:
            FormatError: if it is not there, torn, or of another version.
            ValueError: if it is no card.
        """
        return cls.model_validate(read_document(path, "data-card", DATA_CARD_VERSION))

    def write(self, path: Path) -> None:
        """Write it.

        Args:
            path: where to.
        """
        write_document(path, "data-card", DATA_CARD_VERSION, self.model_dump())


def _source(account: Mapping[str, Any]) -> CardSource:
    told, context = account["map"], account["context"]
    return CardSource(
        name=account["name"],
        dataset=account["dataset"],
        fingerprint=account["fingerprint"],
        terms=account["terms"],
        map=f"{told['name']}@{told['version']}" if told else "",
        turns=context["turns"] if context else 0,
        rows=account["rows"],
        dropped={split: lost for split, lost in account["dropped"].items() if lost},
    )


def treatment_words(treatment: TreatmentSpec | None, train_limit: int | str | None = None) -> str:
    """What a recipe does to the training examples, in words.

    Args:
        treatment: the recipe's; None for nothing.
        train_limit: examples that are drawn of the split; None means all.

    Returns:
        A phrase an item, separated by semicolons; `none` for nothing.
    """
    drawn = f"{train_limit:,}" if isinstance(train_limit, int) else train_limit
    parts = [f"{drawn} examples, a stratified sample"] if train_limit is not None else []
    if treatment is not None:
        named = {"sampling": treatment.sampling, "augmentation": treatment.augmentation}
        parts += [_component(key, part) for key, part in named.items() if part is not None]
        parts += [_mix(treatment.mix)] if treatment.mix is not None else []
    return "; ".join(parts) or NOTHING


def _component(key: str, part: Component) -> str:
    said = ", ".join(f"{name} {_number(value)}" for name, value in part.settings.items() if value is not None)
    return f"{key} {part.name}@{part.version}" + (f" ({said})" if said else "")


def _mix(mix: MixSpec) -> str:
    if mix.shares is not None:
        whole = sum(mix.shares.values())
        drawn = ", ".join(f"{name} {share / whole:.1%}" for name, share in mix.shares.items())
    else:
        named = " and ".join(mix.sources) if mix.sources is not None else "all sources"
        alone = mix.sources is not None and len(mix.sources) == 1
        drawn = named if alone or mix.temperature == 1 else f"{named}, evened out at temperature {_number(mix.temperature)}"
    size = f", {mix.examples:,} examples an epoch" if mix.examples is not None else ""
    chosen = ", chosen on validation examples of all sources" if mix.choose == "all" else ""
    return f"mix of {drawn}{size}{chosen}"


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
