"""Adapters of a run on one pretrained model: the order that looks at them together, and what was found, `adapters.json`."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from bakeoff.records.files import read_document, write_document
from bakeoff.records.serving import Served
from bakeoff.records.specs import Spec

ORDER_VERSION = 1
ADAPTERS_VERSION = 1


class AskedAdapter(Spec):
    """An adapter to be looked at.

    Attributes:
        served: the trained model that it is a part of.
        dataset: folder of the imported dataset, whose validation texts are read.
        base_sha256: hash of the pretrained model's weights, as the trial's result has it.
    """

    served: Served
    dataset: str
    base_sha256: str


class AdapterOrder(Spec):
    """`order.json` of a job `adapters`.

    Attributes:
        adapters: which.
        examples: validation texts at most, of each task.
        threads: CPU threads.
    """

    adapters: list[AskedAdapter]
    examples: int = Field(default=64, ge=1)
    threads: int = Field(default=1, ge=1)

    def write(self, path: Path) -> None:
        """Write `order.json`.

        Args:
            path: where.
        """
        write_document(path, "adapter-order", ORDER_VERSION, self.model_dump(), durable=False)

    @staticmethod
    def read(path: Path) -> AdapterOrder:
        """Read `order.json`.

        Args:
            path: where.

        Returns:
            The order.
        """
        return AdapterOrder.model_validate(read_document(path, "adapter-order", ORDER_VERSION))


class AdapterFound(Spec):
    """An adapter among others on one pretrained model.

    Attributes:
        trial: the trial that made it.
        examples: texts that it answered.
        difference: largest absolute difference of an output between the adapter alone and the adapter among the others.
        largest: largest absolute output.
        changed: texts whose answer differs.
        again: the same difference when it is asked once more after every other adapter was at work.
    """

    trial: str
    examples: int
    difference: float
    largest: float
    changed: int
    again: float


class SharedBase(Spec):
    """Adapters that stood on one copy of a pretrained model.

    Attributes:
        model: the pretrained model's name.
        pooling: how it pools.
        base_sha256: hash of its weights before the first adapter was added.
        base_sha256_after: the same after the last one was at work.
        recorded: whether every trial's result has that very hash.
        adapters: the adapters.
    """

    model: str
    pooling: str
    base_sha256: str
    base_sha256_after: str
    recorded: bool
    adapters: list[AdapterFound]

    @property
    def holds(self) -> bool:
        """Whether the base stayed what it was, and each adapter answers among others as it does alone."""
        alike = all(one.difference == one.again == 0 and not one.changed for one in self.adapters)
        return self.recorded and self.base_sha256 == self.base_sha256_after and alike


class Adapters(Spec):
    """`adapters.json`: what was found of a run's adapters.

    Attributes:
        bases: pretrained models with the adapters that stood on them together.
        left_out: what was not looked at, and why.
    """

    bases: list[SharedBase]
    left_out: list[str] = Field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether that is so of every base."""
        return all(base.holds for base in self.bases)

    def write(self, path: Path) -> None:
        """Write `adapters.json`.

        Args:
            path: where.
        """
        write_document(path, "adapters", ADAPTERS_VERSION, self.model_dump())

    @staticmethod
    def read(path: Path) -> Adapters:
        """Read `adapters.json`.

        Args:
            path: where.

        Returns:
            What it says.
        """
        return Adapters.model_validate(read_document(path, "adapters", ADAPTERS_VERSION))
