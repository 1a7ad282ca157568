"""Studies whose trials are stub jobs, carried out as the product does: here, or in a process that can be killed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bakeoff.records.paths import Home, RunFolder
from bakeoff.records.specs import ModelSpec
from bakeoff.running.events import Listener, nobody
from bakeoff.running.plan_run import Materials, RunOrder, limits_of
from bakeoff.running.runner import RunSummary
from bakeoff.steering.phases import Course, carry_out
from bakeoff.study.loading import load_study
from bakeoff.study.planning import DatasetFacts, MachineFacts, PlanFacts

HERE = Path(__file__).parent
WORKER = (sys.executable, "-P", str(HERE / "light_worker.py"))
FACTS = PlanFacts(
    datasets={name: DatasetFacts(name, f"{name}-print", ("joy", "anger", "calm")) for name in ("demo", "goemotions")},
    models={"minilm-l6": ModelSpec(name="minilm-l6", fingerprint="m1", family="bert")},
    machine=MachineFacts(cores=2, bf16=False),
)
STUB = {"": {"steps": 4, "rungs": 4, "signal": 1.0, "examples": 60}}


@dataclass(frozen=True)
class Drive:
    """How a study is carried out.

    Attributes:
        study: the study file.
        run: the run folder.
        stub: what jobs do, by recipe name or by an empty name for all others.
        workers: trials at a time.
        at_most: trials begun at most.
        overrides: `--set` arguments.
        again_failed: whether failed trials are begun again.
        stored: whether the plans of the run folder are taken.
    """

    study: Path
    run: Path
    stub: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: dict(STUB))
    workers: int = 1
    at_most: int | None = None
    overrides: tuple[str, ...] = ()
    again_failed: bool = False
    stored: bool = False

    @property
    def folder(self) -> RunFolder:
        return RunFolder(self.run)

    @property
    def course(self) -> Course:
        study = load_study(self.study, None, self.overrides)
        order = RunOrder(
            run=self.folder,
            home=Home(self.run.parent / "home"),
            plan=FACTS.first_plan(study),
            study_yaml=study.resolved_yaml(),
            materials=Materials({"demo-print": self.run.parent, "goemotions-print": self.run.parent}, {"m1": self.run.parent}),
            limits=limits_of(study.limits.model_copy(update={"disk_reserve": 0})),
            workers=self.workers,
            at_most=self.at_most,
            again_failed=self.again_failed,
            stub=self.stub,
            worker=WORKER,
        )
        return Course(study, FACTS, order, self.stored)

    def go(self, listener: Listener = nobody) -> RunSummary:
        return carry_out(self.course, listener)

    def start(self) -> subprocess.Popen[bytes]:
        """In a process of its own."""
        body = {"study": str(self.study), "run": str(self.run), "stub": self.stub, "workers": self.workers}
        log = self.run.parent / "driver.log"
        with log.open("ab") as sink:
            command = [sys.executable, "-P", str(HERE / "driving.py"), json.dumps(body)]
            return subprocess.Popen(command, stdout=sink, stderr=sink, start_new_session=True)


MakeDrive = Callable[..., Drive]


if __name__ == "__main__":
    told = json.loads(sys.argv[1])
    summary = Drive(**{**told, "study": Path(told["study"]), "run": Path(told["run"])}).go()
    sys.exit(summary.exit_code)
