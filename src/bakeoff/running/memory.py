"""A lack of memory never changes a recipe: passes get smaller, batches stay. How it is recognised, and what comes next."""

from __future__ import annotations

from pathlib import Path

from bakeoff.records.paths import RunFolder
from bakeoff.records.results import Outcome, State
from bakeoff.records.specs import TrialSpec
from bakeoff.running.history import Settings, read_ending

CGROUPS = Path("/sys/fs/cgroup")
VERSION_1, VERSION_2 = ("memory.oom_control",), ("memory.events.local", "memory.events")
EVALUATION_TOKENS = 4096
"""Tokens of an evaluation's pass where nothing else is said; the training room's default."""

Shape = tuple[str, int, int, str, bool]


def cgroup_files(own: str, root: Path = CGROUPS) -> list[Path]:
    """The files that count the killings for want of memory in this process's own cgroup.

    Whoever was killed is counted in its own cgroup, whichever limit was passed. The counters of those above say nothing of
    us: of version 2 they have the killings of every neighbour in them, of version 1 only those of their own processes.

    Args:
        own: content of `/proc/self/cgroup`.
        root: where cgroups are mounted.

    Returns:
        `memory.events.local` or `memory.events` of version 2, `memory.oom_control` of version 1, as far as they stand: in the
        cgroup's folder or, where a container does not show that, in the nearest above.
    """
    found = []
    for line in own.splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        base, names = (root / "memory", VERSION_1) if controllers else (root, VERSION_2)
        place = base / path.lstrip("/")
        folders = [folder for folder in (place, *place.parents) if folder.is_relative_to(base)]
        files = (folder / name for folder in folders for name in names)
        found += [file for file in files if file.is_file()][:1]
    return found


class OomKills:
    """How many processes the kernel has killed for want of memory in our cgroup.

    Args:
        files: the counters' files; None means those of this process.
    """

    def __init__(self, files: list[Path] | None = None) -> None:
        own = Path("/proc/self/cgroup")
        if files is None:
            files = cgroup_files(own.read_text()) if own.is_file() else []
        self._files = files
        self._claimed = self.count

    @property
    def count(self) -> int:
        """The largest counter; 0 where the system has none."""
        return max((_read_counter(path) for path in self._files), default=0)

    def claim(self, since: int) -> bool:
        """Ask whether a process that was killed by SIGKILL was killed for want of memory; each killing answers for one.

        Args:
            since: the count when the process began.

        Returns:
            Whether there was a killing since then that nobody has claimed.
        """
        self._claimed = max(self._claimed, since)
        if self.count <= self._claimed:
            return False
        self._claimed += 1
        return True


def _read_counter(path: Path) -> int:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)


def smaller(trial: TrialSpec, settings: Settings, outcome: Outcome) -> Settings | None:
    """What to try after memory did not suffice.

    Args:
        trial: the trial.
        settings: what was tried.
        outcome: how it ended; its facts' `phase` says whether it was an evaluation.

    Returns:
        Half the pass that did not fit; None if a pass of one example did not, or the model alone.
    """
    if trial.recipe.training is None or outcome.facts.get("phase") == "loading":
        return None
    if outcome.facts.get("phase") == "evaluation":
        tokens = settings.evaluation_tokens or EVALUATION_TOKENS
        # a pass of less than the longest row holds one row, however few tokens are allowed
        return settings.model_copy(update={"evaluation_tokens": tokens // 2}) if tokens > trial.task.max_length else None
    batch, size = trial.recipe.training.batch_size, settings.micro_batch_size or trial.recipe.training.micro_batch_size
    fitting = [part for part in range(1, size // 2 + 1) if batch % part == 0]
    return settings.model_copy(update={"micro_batch_size": fitting[-1]}) if fitting else None


def shape_of(trial: TrialSpec) -> Shape | None:
    """What decides how much memory a pass needs.

    Args:
        trial: the trial.

    Returns:
        Model, length, batch, precision and checkpointing of activations; None for a trial that makes no passes.
    """
    training, model = trial.recipe.training, trial.recipe.model
    if training is None or model is None:
        return None
    return (model.fingerprint, trial.task.max_length, training.batch_size, training.precision, training.gradient_checkpointing)


class Fitting:
    """The passes that fitted, by the trials' shape: later trials of that shape begin with them."""

    def __init__(self) -> None:
        self._known: dict[Shape, Settings] = {}

    def learn(self, trial: TrialSpec, settings: Settings) -> None:
        """Take note of what a trial completed with.

        Args:
            trial: the trial.
            settings: what it completed with.
        """
        shape = shape_of(trial)
        if shape is not None and (settings.micro_batch_size or settings.evaluation_tokens):
            self._known[shape] = settings.model_copy(update={"devices": None, "deviations": []})

    def of(self, trial: TrialSpec) -> Settings:
        """With what a trial begins.

        Args:
            trial: the trial.

        Returns:
            What fitted before; nothing special if nothing did, or if the recipe asks for no more than that.
        """
        shape, training = shape_of(trial), trial.recipe.training
        known = self._known.get(shape) if shape else None
        if known is None or training is None:
            return Settings()
        if known.micro_batch_size is not None and training.micro_batch_size <= known.micro_batch_size:
            known = known.model_copy(update={"micro_batch_size": None})
        return known


def read_fitting(run: RunFolder, complete: list[TrialSpec]) -> Fitting:
    """What fitted in a run, from its folder.

    Args:
        run: the run folder.
        complete: its complete trials.

    Returns:
        What is known.
    """
    fitting = Fitting()
    for trial in complete:
        if shape_of(trial) is None:
            continue
        folder = run.trial(trial.id)
        for number in folder.attempt_numbers()[-1:]:
            record = read_ending(folder.attempt(number))
            if record is not None and record.state == State.COMPLETE:
                fitting.learn(trial, record.settings)
    return fitting
