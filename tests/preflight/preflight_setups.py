"""A set-up that is ready, for tests to break."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from bakeoff.preflight.findings import Finding
from bakeoff.preflight.machine import Machine
from bakeoff.preflight.readiness import Readiness, look
from bakeoff.preflight.subject import Asked, Subject, gather
from bakeoff.records.paths import Home

STUDY = """
bakeoff: 1
name: small
tasks: {demo: {dataset: demo, max_length: 60, train_limit: 64}}
defaults: {model: ./model, training: {threads: 1, precision: fp32, epochs: 1, batch_size: 16}}
recipes: {bce: {loss: bce}, focal: {loss: focal}, tfidf: {method: tfidf}}
baseline: bce
seeds: [1, 2, 3, 4, 5]
limits: {disk_reserve: 1MB}
"""


@dataclasses.dataclass
class Setup:
    """A set-up that a test breaks before it is looked at.

    Attributes:
        folder: holds `study.yaml` and `model/`.
        home: an own home.
        text: the study.
        machine: the machine.
        overrides: values laid over the study.
    """

    folder: Path
    home: Home
    text: str
    machine: Machine
    overrides: tuple[str, ...] = ()
    run_dir: Path | None = None
    workers: int = 1

    @property
    def model(self) -> Path:
        return self.folder / "model"

    def change(self, old: str, new: str) -> None:
        assert old in self.text
        self.text = self.text.replace(old, new, 1)

    def with_environment(self, **variables: str) -> None:
        self.machine = dataclasses.replace(self.machine, environment={**self.machine.environment, **variables})

    def subject(self) -> Subject:
        path = self.folder / "study.yaml"
        path.write_text(self.text, encoding="utf8")
        return gather(Asked(str(path), None, self.overrides, self.run_dir, self.workers), self.home, self.machine)

    def look(self) -> Readiness:
        return look(self.subject())

    def find(self, check: str, words: str) -> Finding:
        """The finding of a check whose sentence has these words."""
        readiness = self.look()
        found = [finding for one, finding in readiness.findings if one.name == check and words in finding.what]
        assert found, f"{check} does not say {words!r}; it says {[(c.name, f.what) for c, f in readiness.findings]}"
        return found[0]
