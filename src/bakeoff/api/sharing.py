"""Several machines without a cluster: a study dealt out, and the runs joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bakeoff.api.runs import find_run
from bakeoff.api.studies import estimate, plan
from bakeoff.errors import RunError

if TYPE_CHECKING:
    from bakeoff.records.paths import RunFolder
    from bakeoff.records.specs import TrialSpec
    from bakeoff.running.merging import Merged
    from bakeoff.steering.sharding import By, Shard

DIGITS = 10


@dataclass(frozen=True)
class Sharding:
    """A study dealt out.

    Attributes:
        shards: what each machine is to do.
        commands: the command for each, as words.
        merging: the command that joins the runs.
        imbalance: how far the dearest shard lies above an equal share.
    """

    shards: list[Shard]
    commands: list[list[str]]
    merging: list[str]
    imbalance: float


def shard(study: str, of: int, by: By = "cost", profile: str | None = None, overrides: Sequence[str] = ()) -> Sharding:
    """Deal a study out to machines that know nothing of each other.

    Args:
        study: path of a study file, or the name of a built-in study.
        of: how many machines.
        by: what is kept together: `cost`, `task` or `recipe`.
        profile: the profile laid over it.
        overrides: values laid over both, each `path.to.key=value`.

    Returns:
        Shards and commands. What `auto` means here is said outright in them, so that all machines carry out the same trials.

    Raises:
        RunError: if the study has phases or a sweep, or less trials than machines.
    """
    from bakeoff.steering.sharding import deal, imbalance

    planned = plan(study, profile, overrides)
    if planned.study.phases:
        raise RunError(
            "a study in phases chooses from all its trials together, and cannot be dealt out",
            study,
            "run it on one machine with --workers, or a study of its last phase alone",
        )
    foretold = {one.trial.id: one.seconds.expected for one in estimate(planned).trials}
    shards = deal(planned.plan.trials, foretold, of, by)
    resolved = _resolved(planned.plan.trials, overrides)
    label = f"{planned.plan.study}-{planned.plan.profile or 'default'}"
    folders = [f"runs/{label}-{number}of{of}" for number in range(1, of + 1)]
    base = ["bakeoff", "run", study, *(["--profile", profile] if profile else [])]
    base += [word for override in (*overrides, *resolved) for word in ("--set", override)]
    commands = [
        [*base, "--run-dir", folder, "--only", ",".join(f"id={trial.id[-DIGITS:]}" for trial in one.trials)]
        for folder, one in zip(folders, shards, strict=True)
    ]
    return Sharding(shards, commands, ["bakeoff", "merge", *folders], imbalance(shards))


def _resolved(trials: Sequence[TrialSpec], overrides: Sequence[str]) -> list[str]:
    """`--set` for what `auto` came to, where all trials have the same."""
    found = []
    for key in ("threads", "precision"):
        values = {getattr(one.recipe.training, key) for one in trials if one.recipe.training is not None}
        path = f"defaults.training.{key}"
        if len(values) == 1 and not any(override.startswith(path) for override in overrides):
            found.append(f"{path}={values.pop()}")
    return found


def merge(runs: Sequence[str | Path], into: Path | None = None) -> tuple[RunFolder, Merged]:
    """Join runs of one study that were filled on several machines.

    Args:
        runs: the run folders.
        into: the new folder; None means `<study>-<profile>-merged` beside the first.

    Returns:
        The joined run, and where its trials are from.

    Raises:
        RunError: if a run does not belong, or the new folder is taken.
    """
    from bakeoff.records.paths import RunFolder
    from bakeoff.running import merging
    from bakeoff.running.standing import read_plan

    folders = [find_run(run) for run in runs]
    if into is None and folders:
        first = read_plan(folders[0])
        into = folders[0].root.parent / f"{first.study}-{first.profile or 'default'}-merged"
    target = RunFolder((into or Path("merged")).absolute())
    return target, merging.merge(folders, target)
