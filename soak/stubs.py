"""Studies whose jobs train nothing: a plan of trials of the stub job, and the process that carries it out."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from bakeoff.records.paths import Home, RunFolder
from bakeoff.records.specs import Component, Plan, RecipeSpec, TaskSpec, TrialSpec
from bakeoff.running.plan_run import Materials, RunOrder
from bakeoff.running.watching import Limits
from soak.imports import Imports, client_of
from soak.judging import results_hash
from soak.processes import Command, Ended, python

DATASET = "d" * 64
LIGHT = "SOAK_LIGHT"
"""Names the socket of the process whose imports light workers share."""


@cache
def light_imports() -> Path:
    """The process whose imports light workers share.

    Returns:
        Its socket.
    """
    folder = Path(tempfile.mkdtemp(prefix="soak-light-"))
    imports = Imports(folder / "socket", "--light")
    atexit.register(lambda: (imports.close(), shutil.rmtree(folder, ignore_errors=True)))
    return imports.socket


def light_worker() -> tuple[str, ...]:
    """How a worker without torch is started.

    Returns:
        The words: with shared imports where the environment names them.
    """
    socket = os.environ.get(LIGHT)
    return client_of(Path(socket)) if socket else (sys.executable, "-m", "soak.light_worker")


@dataclass(frozen=True)
class StubStudy:
    """A study of stub jobs.

    Attributes:
        run: the run folder.
        jobs: what the jobs of each recipe do, by the recipe's name.
        seeds: how many seeds; a trial a recipe and seed.
        workers: trials that run at a time.
        limits: limits that are not as usual.
        at_most: trials begun at most.
        again_failed: whether failed trials are begun again.
        executor: local or inline.
        crash_at: at which call the runner crashes; 0 means that it does not.
        full_at: from which call on the runner's writes find the disk full; 0 means never.
        plainly: whether the runner is a process started by itself, and so is its warm parent, as the product does.
    """

    run: Path
    jobs: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: {"ok": {}})
    seeds: int = 3
    workers: int = 1
    limits: Mapping[str, Any] = field(default_factory=dict)
    at_most: int | None = None
    again_failed: bool = False
    executor: str = "local"
    crash_at: int = 0
    full_at: int = 0
    plainly: bool = False

    @property
    def folder(self) -> RunFolder:
        """Its run folder."""
        return RunFolder(self.run)

    @property
    def hash(self) -> str:
        """H of what stands now."""
        return results_hash(self.folder)

    @property
    def plan(self) -> Plan:
        """Its plan, seed by seed."""
        trials = [stub_trial(name, seed) for seed in range(1, self.seeds + 1) for name in self.jobs]
        return Plan(study="soak", trials=trials)

    @property
    def ids(self) -> list[str]:
        """Ids of its trials."""
        return [trial.id for trial in self.plan.trials]

    def order(self) -> RunOrder:
        """What the runner is asked to do.

        Returns:
            The order.
        """
        return RunOrder(
            run=self.folder,
            home=Home(self.run.parent / "home"),
            plan=self.plan,
            study_yaml="bakeoff: 1\nname: soak\n",
            materials=Materials({DATASET: self.run.parent}, {}),
            limits=Limits(**{"grace": 1.0, **self.limits}),
            executor=self.executor,
            workers=self.workers,
            at_most=self.at_most,
            again_failed=self.again_failed,
            stub=self.jobs,
            worker=light_worker(),
        )

    def start(self, extra: Mapping[str, str] | None = None, before: Sequence[str] = ()) -> Command:
        """Start a runner.

        Args:
            extra: variables laid over its environment.
            before: words before the command.

        Returns:
            The process.
        """
        self.run.parent.mkdir(parents=True, exist_ok=True)
        return self.start_in(self.run.parent, extra, before)

    def start_in(self, place: Path, extra: Mapping[str, str] | None = None, before: Sequence[str] = ()) -> Command:
        """Start a runner whose output is kept in a folder of its own.

        Args:
            place: that folder.
            extra: variables laid over its environment.
            before: words before the command.

        Returns:
            The process.
        """
        body = {**asdict(self), "run": str(self.run), "jobs": {name: dict(what) for name, what in self.jobs.items()}}
        if before or self.plainly:
            return Command([*before, *python("soak.driving", json.dumps(body))], place, extra)
        return Command(["soak.driving", json.dumps(body)], place, {LIGHT: str(light_imports()), **(extra or {})}, spring=True)

    def go(self, extra: Mapping[str, str] | None = None, seconds: float = 300.0) -> Ended:
        """Run it to its end.

        Args:
            extra: variables laid over its environment.
            seconds: after which the runner is killed.

        Returns:
            How it ended.
        """
        return self.start(extra).wait(seconds)


def stub_trial(name: str, seed: int) -> TrialSpec:
    """A trial without model or data.

    Args:
        name: of the recipe.
        seed: its seed.

    Returns:
        The trial.
    """
    task = TaskSpec(name="t", dataset="d", fingerprint=DATASET, kind="multilabel", metric="f1_macro", max_length=16)
    method = Component(name="tfidf", version=1, settings={"as": name})
    return TrialSpec(task=task, recipe=RecipeSpec(name=name, method=method), seed=seed)


def read_stub_study(text: str) -> StubStudy:
    """The study that was handed over to another process.

    Args:
        text: JSON.

    Returns:
        The study.
    """
    body = json.loads(text)
    return StubStudy(**{**body, "run": Path(body["run"])})
