"""The cards: what a study can name, as plain data. A card says where its code is (`module:function`) and never imports it."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from bakeoff.errors import MissingPackageError

Kind = Literal["model", "method", "loss", "sampling", "augmentation", "dataset", "map", "task", "metric"]


class Settings(BaseModel):
    """Base of a component's typed settings: strict, unknown keys refused. The base itself has none."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


@dataclass(frozen=True, kw_only=True)
class Card:
    """What every card says.

    Attributes:
        name: what a study writes.
        version: version of its arithmetic; it changes when numbers would.
        summary: one sentence for lists and reports.
        source: paper with equation, or the software and version it was checked against.
        path: its code as `module:function`; empty where there is none.
        settings: model of its settings.
    """

    kind: ClassVar[Kind]
    name: str
    version: int = 1
    summary: str
    source: str = ""
    path: str = ""
    settings: type[Settings] = Settings

    def load(self) -> Callable[..., Any]:
        """Import the card's code.

        Returns:
            The function that `path` names.

        Raises:
            MissingPackageError: if a package that it needs is not installed.
        """
        module, _, name = self.path.partition(":")
        try:
            return getattr(importlib.import_module(module), name)  # type: ignore[no-any-return]
        except ModuleNotFoundError as error:
            raise MissingPackageError(error.name or module, f"{self.kind} {self.name}") from error


@dataclass(frozen=True, kw_only=True)
class LossCard(Card):
    """A loss: `path` gives a function (settings, facts: LossFacts) -> Loss, both of `bakeoff.losses.base`.

    Attributes:
        example: settings to show and test it with, where the defaults alone are none.
    """

    kind: ClassVar[Kind] = "loss"
    example: dict[str, Any] = field(default_factory=dict)
    tasks: tuple[str, ...] = ("multilabel",)


@dataclass(frozen=True, kw_only=True)
class SamplingCard(Card):
    """How often an epoch draws each training example: `path` gives a function (settings, targets [N, L]) -> Draws, which
    `bakeoff.data.treatments.draws` has.
    """

    kind: ClassVar[Kind] = "sampling"
    tasks: tuple[str, ...] = ("multilabel", "single-label")


@dataclass(frozen=True, kw_only=True)
class AugmentationCard(Card):
    """What is done to the tokens of a training example: `path` gives a function (settings) -> Augmentation, which
    `bakeoff.data.treatments.augmentation` has.
    """

    kind: ClassVar[Kind] = "augmentation"
    tasks: tuple[str, ...] = ("multilabel", "single-label")


@dataclass(frozen=True)
class SafeRate:
    """A learning rate of the body above which a training often fails.

    Attributes:
        most: the rate.
        source: who says so.
        parameters: size from which on models are meant.
    """

    most: float
    source: str
    parameters: int = 0


@dataclass(frozen=True, kw_only=True)
class MethodCard(Card):
    """A method: how a recipe learns.

    Attributes:
        needs_model: whether the recipe names a pretrained model (and with it loss, pooling and training).
        trains: whether it trains step by step (the recipe then has loss and training).
        features: whether it reads cached features, which a job of its own makes once for all trials that share them.
        baseline: whether it is what others have to beat: a recipe below its task's best baseline is flagged.
        deterministic: whether chance has no part in it, so that every seed gives the same model.
        safe_rates: learning rates above which `bakeoff check` warns.
        modules: what only trials of this method import: the warm parent does it for them.
        made_of: the setting that names the recipes whose trials it is made of; empty for one that is made of data alone.
        reads_models: whether it reads the trained models of those trials, beside their outputs.
        mixes: whether it heeds a mix of sources although it does not train step by step.
    """

    kind: ClassVar[Kind] = "method"
    needs_model: bool = True
    trains: bool = True
    features: bool = False
    baseline: bool = False
    deterministic: bool = False
    safe_rates: tuple[SafeRate, ...] = ()
    modules: tuple[str, ...] = ()
    made_of: str = ""
    reads_models: bool = False
    mixes: bool = False
    tasks: tuple[str, ...] = ("multilabel",)

    @property
    def keeps_model(self) -> bool:
        """Whether its trials can keep a model to put to use: only what was trained, or made of what was trained, is one."""
        return self.needs_model and (self.trains or self.reads_models)


@dataclass(frozen=True, kw_only=True)
class MetricCard(Card):
    """A metric: `path` gives a function (gold [N, L] bool, predicted [N, L] bool) -> float.

    Attributes:
        higher_is_better: direction.
        thresholded: whether it needs decisions, and so a threshold; if not, its function takes probabilities
            ([N, L] float64) in place of what was predicted.
        bounds: least and greatest value; an interval of the score ends there.
    """

    kind: ClassVar[Kind] = "metric"
    higher_is_better: bool = True
    thresholded: bool = True
    bounds: tuple[float, float] = (-math.inf, math.inf)
    tasks: tuple[str, ...] = ("multilabel",)


@dataclass(frozen=True, kw_only=True)
class TaskCard(Card):
    """A task kind.

    Attributes:
        metrics: names of the metrics that fit it, the default first.
    """

    kind: ClassVar[Kind] = "task"
    metrics: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ModelCard(Card):
    """A pretrained model.

    Attributes:
        repository: id on the hub, or empty.
        revision: pinned commit on the hub.
        package: Python package whose files carry it, or empty.
        folder: path of the model's folder inside that package.
        weights_sha256: hash of `model.safetensors`, or empty if unknown.
        family: `model_type` of its configuration.
        pooling: what it was trained with.
        parameters: number of parameters.
    """

    kind: ClassVar[Kind] = "model"
    repository: str = ""
    revision: str = ""
    package: str = ""
    folder: str = ""
    weights_sha256: str = ""
    family: str = ""
    pooling: Literal["first", "mean", "last", "pooler"] = "mean"
    parameters: int = 0


@dataclass(frozen=True)
class HubFiles:
    """Files of a dataset on the hub.

    Attributes:
        repository: id on the hub.
        revision: pinned commit.
        files: path in the repository by split.
    """

    repository: str
    revision: str
    files: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class DatasetCard(Card):
    """A dataset: `path` gives a function (folder: Path) -> bakeoff.data.store.Import that reads its raw files.

    Attributes:
        task: the kind of task it is for.
        labels: label names in the order of their ids.
        expected: number of rows by split that its files give, whichever way they came.
        published: number of rows by split as its owner publishes them, a test set without public labels included; empty where
            it is the same as `expected`, or not known.
        metrics: what its owner's leaderboard reports, the first one first; empty where there is none.
        terms: licence and owner.
        hub: where `bakeoff fetch` finds it; None if it is not on the hub.
        packaged: whether it ships with Bakeoff (then it is imported when first used).
    """

    kind: ClassVar[Kind] = "dataset"
    task: str = "multilabel"
    labels: tuple[str, ...] = ()
    expected: dict[str, int] = field(default_factory=dict)
    published: dict[str, int] = field(default_factory=dict)
    metrics: tuple[str, ...] = ()
    terms: str = ""
    hub: HubFiles | None = None
    packaged: bool = False


@dataclass(frozen=True, kw_only=True)
class LabelMapCard(Card):
    """A label map: pure data, no code.

    Attributes:
        to: the label names that are mapped to, in order.
        sure: for each label of the source the labels that hold with it.
        possible: for each label of the source the labels of which one or more hold with it, not told which.
        unmapped: labels of the source that no label stands for.
        dropped: labels of the source whose rows are left out.
        annotated: labels that the source's annotators decided on; None means those that are mapped to.
    """

    kind: ClassVar[Kind] = "map"
    to: tuple[str, ...] = ()
    sure: dict[str, tuple[str, ...]] = field(default_factory=dict)
    possible: dict[str, tuple[str, ...]] = field(default_factory=dict)
    unmapped: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    annotated: tuple[str, ...] | None = None
