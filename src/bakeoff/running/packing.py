"""Which trials run side by side: by devices, cores, and memory that was measured; where speed is measured, one runs alone.

Where trials stand changes no result: what a trial computes with (threads, devices, passes) belongs to its plan.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bakeoff.errors import FormatError
from bakeoff.records.paths import RunFolder
from bakeoff.records.results import Circumstances
from bakeoff.records.specs import TrialSpec

SPARE = 0.1
"""Share of memory that is left alone: trials of one shape do not take quite the same, and others use the machine, too."""
CONTEXT_BYTES = 800_000_000
"""What CUDA keeps on a GPU for each process beside what torch holds."""

Shape = tuple[object, ...]


@dataclass(frozen=True)
class Room:
    """What a machine has for the trials of a run.

    Attributes:
        cores: CPU cores.
        memory: free bytes before the first trial.
        device_memory: free bytes of each GPU, by what CUDA calls it; empty without any.
    """

    cores: int
    memory: int
    device_memory: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Need:
    """What a trial takes of a machine.

    Attributes:
        ranks: devices, each with a process of its own.
        threads: CPU threads of each process.
        memory: bytes of all its processes; None while nothing of its shape was measured.
        device_memory: bytes on each of its GPUs; None likewise.
        alone: whether nothing may run beside it, because its speed is measured.
    """

    ranks: int = 1
    threads: int = 1
    memory: int | None = None
    device_memory: int | None = None
    alone: bool = False


@dataclass(frozen=True)
class Place:
    """Where a trial runs.

    Attributes:
        need: what it takes.
        devices: its GPUs, by what CUDA calls them; empty on a machine without any.
    """

    need: Need
    devices: tuple[str, ...] = ()


def shape_of(trial: TrialSpec) -> Shape:
    """What decides how much memory a trial takes.

    Args:
        trial: the trial.

    Returns:
        Data, length, method, model, batch, precision, checkpointing of activations, devices.
    """
    task, recipe, training = trial.task, trial.recipe, trial.recipe.training
    passes = () if training is None else (training.micro_batch_size, training.precision, training.gradient_checkpointing)
    model = recipe.model.fingerprint if recipe.model else ""
    return (task.fingerprint, task.train_limit, task.max_length, recipe.method.name, model, *passes, recipe.devices)


class Measured:
    """What trials were seen to take, by shape: the most of all of them."""

    def __init__(self) -> None:
        self._known: dict[Shape, tuple[int, int]] = {}

    def learn(self, trial: TrialSpec, memory: int, device_memory: int) -> None:
        """Take note of a trial that completed.

        Args:
            trial: the trial.
            memory: peak of its first process, in bytes; 0 if nobody measured it.
            device_memory: what torch held on the GPU at most; 0 without one.
        """
        if memory:
            most = self._known.get(shape_of(trial), (0, 0))
            self._known[shape_of(trial)] = (max(most[0], memory), max(most[1], device_memory))

    def need(self, trial: TrialSpec, alone: bool) -> Need:
        """What a trial will take.

        Args:
            trial: the trial.
            alone: whether its speed is measured.

        Returns:
            Its need.
        """
        ranks, training = trial.recipe.devices, trial.recipe.training
        threads = training.threads if training is not None else 1
        known = self._known.get(shape_of(trial))
        if known is None:
            return Need(ranks, threads, alone=alone)
        return Need(ranks, threads, known[0] * ranks, known[1] + CONTEXT_BYTES, alone)


def read_measured(run: RunFolder, complete: Sequence[TrialSpec]) -> Measured:
    """What trials of a run took, from its folder.

    Args:
        run: the run folder.
        complete: its complete trials.

    Returns:
        What is known.
    """
    found = Measured()
    for trial in complete:
        try:
            lived = Circumstances.read(run.trial(trial.id).circumstances)
        except (FormatError, ValueError):
            continue
        found.learn(trial, lived.peak_bytes, lived.device_peak_bytes)
    return found


def find_place(need: Need, running: Sequence[Place], devices: Sequence[str], room: Room | None) -> Place | None:
    """Where a trial may begin now.

    Args:
        need: what it takes.
        running: where others run.
        devices: the GPUs that the run may use, by what CUDA calls them.
        room: what the machine has; None where a number of trials was asked for, whatever they take.

    Returns:
        Its place; None if it has to wait. Beside nothing there is always a place.
    """
    used = Counter(name for one in running for name in one.devices)
    chosen = tuple(sorted(devices, key=lambda name: used[name])[: need.ranks])  # the sort is stable: of equals the first
    place = Place(need, chosen)
    if not running:
        return place
    if need.alone or any(one.need.alone for one in running):
        return None
    return place if room is None or _fits(place, running, room) else None


def _fits(place: Place, running: Sequence[Place], room: Room) -> bool:
    every = [*running, place]
    if sum(_cores(one) for one in every) > room.cores or not _has_memory(every, room):
        return False
    return all(_has_device_memory(name, place, running, room) for name in place.devices)


def _cores(place: Place) -> int:
    """Cores that a trial keeps busy: its threads, or where a GPU computes one for each process that feeds it."""
    return place.need.ranks * (1 if place.devices else place.need.threads)


def _has_memory(every: Sequence[Place], room: Room) -> bool:
    """Whether memory suffices for all; of what runs on a GPU, what nobody measured counts as the most that was."""
    known = [one.need.memory for one in every if one.need.memory is not None]
    unknown = [one for one in every if one.need.memory is None]
    if any(not one.devices for one in unknown):
        return False
    return sum(known) + len(unknown) * max(known, default=0) <= (1 - SPARE) * room.memory


def _has_device_memory(name: str, place: Place, running: Sequence[Place], room: Room) -> bool:
    """Whether a GPU has room for one more; what nobody measured has it for itself."""
    there = [one.need.device_memory for one in running if name in one.devices]
    if not there:
        return True
    every = [*there, place.need.device_memory]
    known = [one for one in every if one is not None]
    return len(known) == len(every) and sum(known) <= (1 - SPARE) * room.device_memory.get(name, 0)
