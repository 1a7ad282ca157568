"""What a forecast says, and what it is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bakeoff.data.dataset import Dataset
from bakeoff.preflight.costs import CostKey, Costs
from bakeoff.preflight.lengths import Lengths
from bakeoff.records.specs import TrialSpec


@dataclass(frozen=True)
class Range:
    """A quantity that is not known exactly.

    Attributes:
        low: it is probably not less.
        expected: the best guess.
        high: it is probably not more.
    """

    low: float
    expected: float
    high: float

    @staticmethod
    def around(value: float, factor: float) -> Range:
        """A range about a guess.

        Args:
            value: the guess.
            factor: by what the truth may lie off, from 1.

        Returns:
            The range.
        """
        return Range(value / factor, value, value * factor)

    def __add__(self, other: Range) -> Range:
        return Range(self.low + other.low, self.expected + other.expected, self.high + other.high)


ZERO = Range(0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Work:
    """How much there is to compute in a trial.

    Attributes:
        examples: training examples, each counted once an epoch.
        steps: optimizer steps.
        train_tokens: tokens that are trained on.
        evaluation_tokens: tokens that are only run: validations, and outputs on validation and test.
        largest_pass: tokens of the largest forward pass for training.
        flops: arithmetic of all that.
    """

    examples: int
    steps: int
    train_tokens: float
    evaluation_tokens: float
    largest_pass: int
    flops: float


@dataclass(frozen=True)
class TrialForecast:
    """What one trial will cost.

    Attributes:
        trial: which.
        key: what the cost hangs on.
        work: how much there is to compute.
        seconds: time.
        peak_bytes: largest memory of its process.
        disk_bytes: what it leaves for good; its model only where the study keeps all.
        passing_bytes: what it needs on the disk while it runs, beyond that.
        known: what the forecast is made of, in words.
        measured: whether trials or steps of the very same cost were measured here.
    """

    trial: TrialSpec
    key: CostKey
    work: Work
    seconds: Range
    peak_bytes: Range
    disk_bytes: int
    passing_bytes: int
    known: str
    measured: bool = False


@dataclass(frozen=True)
class Forecast:
    """What a plan will cost.

    Attributes:
        trials: a forecast each, in the plan's order.
        token_bytes: token stores.
        feature_bytes: feature stores.
        feature_seconds: time of the jobs that run frozen models for these.
        kept_bytes: models that stay in the end, where the study keeps some but not all.
    """

    trials: list[TrialForecast] = field(default_factory=list)
    token_bytes: int = 0
    feature_bytes: int = 0
    feature_seconds: Range = ZERO
    kept_bytes: int = 0

    @property
    def seconds(self) -> Range:
        """Time of all trials and of what they share, one after another."""
        return sum((trial.seconds for trial in self.trials), self.feature_seconds)

    @property
    def peak_bytes(self) -> Range:
        """Largest memory of one process."""
        peaks = [trial.peak_bytes for trial in self.trials]
        if not peaks:
            return ZERO
        return Range(max(p.low for p in peaks), max(p.expected for p in peaks), max(p.high for p in peaks))

    @property
    def disk_bytes(self) -> int:
        """Most that stands in the run folder at a time: what trials leave, models kept, and the largest one's checkpoints."""
        return (
            self.kept_bytes
            + sum(trial.disk_bytes for trial in self.trials)
            + max((trial.passing_bytes for trial in self.trials), default=0)
        )

    @property
    def of(self) -> dict[str, TrialForecast]:
        """Forecasts by trial id."""
        return {trial.trial.id: trial for trial in self.trials}


@dataclass(frozen=True)
class Sources:
    """What forecasts are made from.

    Attributes:
        datasets: by fingerprint.
        models: folder by fingerprint.
        lengths: by fingerprint of the dataset and of the model.
        costs: what was measured.
        device: what trials run on: `cpu`, or the GPU's name.
    """

    datasets: Mapping[str, Dataset]
    models: Mapping[str, Path]
    lengths: Mapping[tuple[str, str], Lengths]
    costs: Costs
    device: str = "cpu"
