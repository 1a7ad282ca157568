"""What trials cost on this machine, as smoke runs and finished trials showed: `$BAKEOFF_HOME/costs.json`."""

from __future__ import annotations

from pydantic import Field

from bakeoff.errors import FormatError
from bakeoff.records.files import canonical_json, read_document, sha256_bytes, write_document
from bakeoff.records.locks import exclusive
from bakeoff.records.paths import Home
from bakeoff.records.specs import Spec

COSTS_VERSION = 1
KEPT_RATIOS = 20


class CostKey(Spec):
    """What a cost hangs on.

    Attributes:
        machine: name of the processor and number of its cores.
        device: `cpu`, or the GPU's name.
        threads: CPU threads of a trial; 0 for a method that has no such setting.
        precision: arithmetic; empty for a method that has no such setting.
        method: the method's name.
        family: the model's architecture; empty for a method without a model.
        parameters: of the model.
        layers: of the model.
        width: of the model.
        batch_size: examples a step.
        micro_batch_size: examples a forward pass.
        checkpointing: whether activations are recomputed.
    """

    machine: str
    device: str
    threads: int = 0
    precision: str = ""
    method: str
    family: str = ""
    parameters: int = 0
    layers: int = 0
    width: int = 0
    batch_size: int = 0
    micro_batch_size: int = 0
    checkpointing: bool = False

    @property
    def digest(self) -> str:
        """A name for it in the file."""
        return sha256_bytes(canonical_json(self.model_dump()).encode())[:16]


class Cost(Spec):
    """What was measured for one key.

    Attributes:
        key: what it hangs on.
        train_seconds: for a token that is trained on (for an example, where the method has no model).
        evaluation_seconds: for a token that is only run.
        overhead_seconds: of a trial, whatever its size.
        peak_bytes: largest memory of a process that was measured.
        peak_tokens: tokens of the largest forward pass in it.
        source: `smoke` or `trial`: where the first measurement is from.
        ratios: time of finished trials over what was foretold for them, by trial id, the last 20.
        peaks: memory of the same trials over what was foretold.
    """

    key: CostKey
    train_seconds: float = Field(gt=0)
    evaluation_seconds: float = Field(ge=0)
    overhead_seconds: float = Field(ge=0)
    peak_bytes: int = Field(ge=0)
    peak_tokens: int = Field(ge=0)
    source: str
    ratios: dict[str, float] = Field(default_factory=dict)
    peaks: dict[str, float] = Field(default_factory=dict)

    def seen(self, trial: str, ratio: float, peak: float) -> Cost:
        """The cost with one more finished trial.

        Args:
            trial: its id.
            ratio: its time over what was foretold.
            peak: its memory over what was foretold.

        Returns:
            A new cost.
        """
        ratios = {**{name: value for name, value in self.ratios.items() if name != trial}, trial: ratio}
        peaks = {**{name: value for name, value in self.peaks.items() if name != trial}, trial: peak}
        last = list(ratios)[-KEPT_RATIOS:]
        return self.model_copy(
            update={"ratios": {name: ratios[name] for name in last}, "peaks": {name: peaks[name] for name in last}}
        )


class Costs(Spec):
    """Everything that was measured, on whatever machines share the home.

    Attributes:
        entries: costs by the digest of their key.
    """

    entries: dict[str, Cost] = Field(default_factory=dict)

    def exact(self, key: CostKey) -> Cost | None:
        """What was measured for a key.

        Args:
            key: which.

        Returns:
            The cost, or None.
        """
        return self.entries.get(key.digest)

    def near(self, key: CostKey) -> Cost | None:
        """What was measured on the same machine with the same method and the most similar model.

        Args:
            key: which.

        Returns:
            The nearest cost, or None if nothing like it was measured.
        """
        alike = [
            cost
            for cost in self.entries.values()
            if (cost.key.machine, cost.key.device, cost.key.method) == (key.machine, key.device, key.method)
        ]
        return min(alike, key=lambda cost: _distance(cost.key, key), default=None)


def _distance(one: CostKey, other: CostKey) -> tuple[bool, bool, float, bool]:
    larger, smaller = max(one.parameters, other.parameters), min(one.parameters, other.parameters)
    size = larger / max(1, smaller)
    return one.precision != other.precision, one.threads != other.threads, size, one.checkpointing != other.checkpointing


def read_costs(home: Home) -> Costs:
    """What was measured so far.

    Args:
        home: where it is kept.

    Returns:
        The costs; none if the file is missing, torn or of another version: they are measured again.
    """
    try:
        return Costs.model_validate(read_document(home.costs, "costs", COSTS_VERSION))
    except (FormatError, ValueError):
        return Costs()


def write_cost(home: Home, cost: Cost) -> None:
    """Keep a cost beside the others.

    Args:
        home: where it is kept.
        cost: the cost; it takes the place of the one with its key.
    """
    with exclusive(home.root / ".costs.lock"):
        entries = {**read_costs(home).entries, cost.key.digest: cost}
        write_document(home.costs, "costs", COSTS_VERSION, Costs(entries=entries).model_dump())
