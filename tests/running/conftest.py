"""What tests of the runner share: a worker without torch, and plans whose recipes' names say what a child does."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from bakeoff.records.paths import Home, RunFolder
from bakeoff.records.specs import Component, ModelSpec, Plan, RecipeSpec, TaskSpec, TrainingSpec, TrialSpec
from bakeoff.running import watching
from bakeoff.running.events import Event, TrialBegan, TrialEnded
from bakeoff.running.plan_run import Materials, RunOrder
from bakeoff.running.watching import Limits

FAKE = (sys.executable, "-P", str(Path(__file__).with_name("fake_worker.py")))

TRAINING = TrainingSpec(
    epochs=1,
    batch_size=32,
    micro_batch_size=32,
    learning_rate=1e-4,
    head_learning_rate=1e-3,
    schedule="cosine",
    warmup=0.1,
    weight_decay=0.01,
    clip_norm=1.0,
    precision="fp32",
    gradient_checkpointing=False,
    evaluations_per_epoch=1,
    threads=1,
    max_skipped=3,
)

MakeOrder = Callable[..., RunOrder]


def make_trial(recipe: str, seed: int = 1, family: str = "bert") -> TrialSpec:
    """A trial whose child does what the recipe's name says."""
    task = TaskSpec(
        name="t", dataset="d", fingerprint="f" * 64, kind="multilabel", metric="f1_macro", max_length=16, train_limit=seed
    )
    # names are not part of the definition, so the method's settings tell the recipes apart
    method = Component(name="full", version=1, settings={"as": recipe})
    model = ModelSpec(name="m", fingerprint=f"{family}-model", family=family)
    return TrialSpec(task=task, recipe=RecipeSpec(name=recipe, method=method, model=model, training=TRAINING), seed=seed)


class FastClock:
    """The clock of a run's limits: it runs a thousand times as fast while one trial runs, and as usual otherwise.

    So a limit of minutes strikes that trial at once, and is never near for another, however busy the machine is.

    Attributes:
        hurried: the number of the trial for which time flies.
    """

    FACTOR = 1000.0

    def __init__(self) -> None:
        self.hurried = 1
        self._rate = 1.0
        self._at = self._then = time.monotonic()

    def monotonic(self) -> float:
        """Seconds of this clock."""
        return self._then + (time.monotonic() - self._at) * self._rate

    def __call__(self, event: Event) -> None:
        """Listen to a run."""
        if isinstance(event, TrialBegan | TrialEnded) and event.number == self.hurried:
            self._at, self._then = time.monotonic(), self.monotonic()
            self._rate = self.FACTOR if isinstance(event, TrialBegan) else 1.0


@pytest.fixture
def fast_clock(monkeypatch: pytest.MonkeyPatch) -> FastClock:
    """A clock for the limits of this process's runs; it must listen to them."""
    clock = FastClock()
    monkeypatch.setattr(watching, "time", SimpleNamespace(monotonic=clock.monotonic))
    return clock


@pytest.fixture
def worker() -> tuple[str, ...]:
    """How the worker without torch is started."""
    return FAKE


@pytest.fixture
def make_order(hostile_path: Path) -> MakeOrder:
    """Makes the order of a run in a hostile folder: `make_order("ok", "fail", seeds=(1, 2), limits=…)`."""

    def make(*recipes: str, seeds: tuple[int, ...] = (1,), family: str = "bert", **changes: object) -> RunOrder:
        trials = [make_trial(recipe, seed, family) for seed in seeds for recipe in recipes]
        order = RunOrder(
            run=RunFolder(hostile_path / "runs" / "s-default"),
            home=Home(hostile_path / "home"),
            plan=Plan(study="s", trials=trials),
            study_yaml="name: s\n",
            materials=Materials({"f" * 64: hostile_path}, {f"{family}-model": hostile_path / family}),
            limits=Limits(grace=1.0),
            worker=FAKE,
        )
        return replace(order, **changes)

    return make
