"""The reference study: 2 losses × 2 methods × 3 seeds on the built-in corpus, a tiny random model with dropout."""

from __future__ import annotations

import atexit
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from bakeoff.records.paths import RunFolder
from soak.command import UNREPORTED, WORKER
from soak.imports import Imports, client_of
from soak.judging import results_hash
from soak.places import new_folder
from soak.processes import ROOT, Command, Ended, environment, python

LOSSES: Mapping[str, Mapping[str, Any]] = {
    "bce": {"loss": "bce"},
    "asl": {"loss": {"name": "asymmetric", "gamma_neg": 2, "gamma_pos": 1, "clip": 0.05}},
}
METHODS = ("full", "linear-probe")
SEEDS = (1, 2, 3)
EPOCHS = {"full": 4, "linear-probe": 16}
"""So many that a trial of either takes a second or two."""
DROPOUT = 0.1
MAKE_MODEL = """
import sys; from pathlib import Path; from bakeoff.testing.models import make_tiny_model
make_tiny_model(Path(sys.argv[1]), "bert", dropout=float(sys.argv[2]))
"""


def recipe(loss: str, method: str, epochs: int) -> dict[str, Any]:
    """A recipe of the study.

    Args:
        loss: a name of `LOSSES`.
        method: the method's name.
        epochs: how many it trains.

    Returns:
        What the study file says of it.
    """
    return {"method": method, **LOSSES[loss], "training": {"epochs": epochs}}


def study_body(model: Path, small: bool = False) -> dict[str, Any]:
    """The study file.

    Args:
        model: the model's folder.
        small: whether it has one loss and one seed, and an epoch on a few examples.

    Returns:
        Its keys.
    """
    training = {
        "batch_size": 16,
        "learning_rate": 1e-3,
        "head_learning_rate": 1e-2,
        "precision": "fp32",
        "threads": 1,
    }
    task: dict[str, Any] = {"dataset": "demo", "metric": "f1_macro", "max_length": 32}
    if small:
        task |= {"train_limit": 160, "validation_limit": 60, "test_limit": 60}
    losses = list(LOSSES)[:1] if small else list(LOSSES)
    return {
        "bakeoff": 1,
        "name": "reference",
        "tasks": {"demo": task},
        "defaults": {"model": str(model), "training": training},
        "recipes": {
            f"{loss}-{method}": recipe(loss, method, 1 if small else EPOCHS[method]) for loss in losses for method in METHODS
        },
        "seeds": list(SEEDS[:1] if small else SEEDS),
        "limits": {"trial": "10m", "stall": "5m", "disk_reserve": "1MB"},
        "keep": "none",
    }


@dataclass(frozen=True)
class Study:
    """A study of real trials, and where it runs.

    Attributes:
        file: the study file.
        run: the run folder.
        home: the home folder.
        worker: how the worker is started.
        options: of `bakeoff run`.
        reported: whether the report is written at the end.
    """

    file: Path
    run: Path
    home: Path
    worker: tuple[str, ...]
    options: tuple[str, ...] = ()
    reported: bool = False

    @property
    def folder(self) -> RunFolder:
        """Its run folder."""
        return RunFolder(self.run)

    @property
    def ids(self) -> list[str]:
        """Ids of the trials that stand."""
        return sorted(path.name for path in self.folder.trials.iterdir())

    @property
    def hash(self) -> str:
        """H of what stands now."""
        return results_hash(self.folder)

    def command(self, *words: str, before: Sequence[str] = (), extra: Mapping[str, str] | None = None) -> Command:
        """Start `bakeoff` in this study's environment.

        Args:
            *words: its arguments.
            before: words before the command.
            extra: variables laid over its environment.

        Returns:
            The process.
        """
        settings = {"BAKEOFF_HOME": str(self.home), UNREPORTED: "" if self.reported else "1", **(extra or {})}
        if self.worker:
            settings[WORKER] = json.dumps(self.worker)
        if before or not self.worker:
            return Command([*before, *python("soak.command", *words)], self.file.parent, settings)
        return Command(["soak.command", *words], self.file.parent, settings, spring=True)

    def start(self, *options: str, before: Sequence[str] = (), extra: Mapping[str, str] | None = None) -> Command:
        """Start `bakeoff run`.

        Args:
            *options: more options.
            before: words before the command.
            extra: variables laid over its environment.

        Returns:
            The process.
        """
        words = ("run", str(self.file), "--run-dir", str(self.run), *self.options, *options)
        return self.command(*words, before=before, extra=extra)

    def go(self, *options: str, extra: Mapping[str, str] | None = None) -> Ended:
        """Run it to its end.

        Args:
            *options: more options of `bakeoff run`.
            extra: variables laid over its environment.

        Returns:
            How it ended.
        """
        return self.start(*options, extra=extra).wait()


class Materials:
    """What all real studies share: a tiny model, a home folder, a process that has imported what trials import."""

    def __init__(self) -> None:
        self.root = new_folder("soak-shared-")
        atexit.register(self.close)
        self.home = self.root / "home"
        self.model = self.make_model("model", DROPOUT)
        self._imports: Imports | None = None
        self._hashes: dict[str, str] = {}

    def make_model(self, name: str, dropout: float) -> Path:
        """Make a tiny model with random weights.

        Args:
            name: of its folder.
            dropout: its dropout.

        Returns:
            The folder.
        """
        folder = self.root / name
        if not folder.exists():
            words = [sys.executable, "-c", MAKE_MODEL, str(folder), str(dropout)]
            subprocess.run(words, check=True, env=environment(), cwd=ROOT, capture_output=True)
        return folder

    @property
    def worker(self) -> tuple[str, ...]:
        """How a worker is started whose imports are shared."""
        if self._imports is None:
            self._imports = Imports(self.root / "imports", "bert", "method:linear-probe")
        return client_of(self._imports.socket)

    def study(self, place: Path, small: bool, changes: Mapping[str, Any] | None = None, real: bool = False) -> Study:
        """Write the reference study into a folder.

        Args:
            place: the folder.
            small: see `study_body`.
            changes: keys laid over the study file's.
            real: whether the worker imports by itself, as the product does.

        Returns:
            The study, which has not run.
        """
        place.mkdir(parents=True, exist_ok=True)
        file = place / "study.yaml"
        file.write_text(yaml.safe_dump({**study_body(self.model, small), **(changes or {})}), encoding="utf-8")
        return Study(file, place / "run", self.home, () if real else self.worker, ("--no-check",))

    def undisturbed(self, small: bool) -> str:
        """H of the reference study when nothing is done to it.

        Args:
            small: see `study_body`.

        Returns:
            The hash; the study is run at the first call.
        """
        key = f"undisturbed-{'small' if small else 'full'}"
        if key not in self._hashes:
            study = self.study(self.root / key, small)
            ended = study.go()
            if ended.exit:
                raise RuntimeError(f"the undisturbed reference study ended with {ended.exit}: {ended.err[-2000:]}")
            self._hashes[key] = study.hash
        return self._hashes[key]

    def close(self) -> None:
        """End the process with the imports, and remove everything."""
        if self._imports is not None:
            self._imports.close()
            self._imports = None
        shutil.rmtree(self.root, ignore_errors=True)


@cache
def materials() -> Materials:
    """What all real studies of this process share.

    Returns:
        The same every time.
    """
    return Materials()
