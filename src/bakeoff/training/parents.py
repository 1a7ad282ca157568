"""The trials that a trial is made of: found, verified, and opened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bakeoff.errors import DataError, ModelError
from bakeoff.records.files import read_document, sha256_file
from bakeoff.records.paths import TrialFolder
from bakeoff.records.results import Result, read_complete
from bakeoff.records.specs import TRIAL_VERSION, TrialSpec
from bakeoff.training.work import Work


@dataclass(frozen=True)
class Parent:
    """A complete trial that another is made of.

    Attributes:
        trial: what it was.
        folder: where it stands.
        result: hash of its result.
    """

    trial: TrialSpec
    folder: TrialFolder
    result: str

    @property
    def id(self) -> str:
        """Its id."""
        return self.trial.id

    @property
    def weights(self) -> Path:
        """The weights of its model, which are those that its result names.

        Raises:
            ModelError: if they were not kept, or are others.
        """
        path, told = self.folder.model / "classifier.safetensors", Result.read(self.folder.result).training
        if not path.is_file():
            raise ModelError(f"the model of {self.id} was not kept", str(path), "set keep to all, and run the study with --new")
        if sha256_file(path) != told.get("weights_sha256"):
            raise ModelError(f"the model of {self.id} is not the one that it ended with", str(path), "run the study again")
        return path


def parents(work: Work) -> list[Parent]:
    """The trials that a trial is made of.

    Args:
        work: the trial.

    Returns:
        Each of them, in the order of the plan.

    Raises:
        DataError: if one is not complete, or not the one that was planned with.
    """
    found = []
    for trial_id, definition in work.trial.made_of.items():
        folder = work.made_of[trial_id]
        if read_complete(folder, definition) is None:
            raise DataError(f"{trial_id} is not complete", str(folder.root), "run the study again: it goes on")
        body = read_document(folder.trial, "trial", TRIAL_VERSION)
        body.pop("id")
        found.append(Parent(TrialSpec.model_validate(body), folder, sha256_file(folder.result)))
    return found
