"""What models make of texts, layer by layer, as files: `representations/<name>/` of a run, and the order that makes them."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from bakeoff.errors import FormatError
from bakeoff.records.files import read_document, sha256_file, write_document
from bakeoff.records.serving import Served
from bakeoff.records.specs import Pooling, Spec, TaskSpec

REPRESENTATION_VERSION = 1
READING_VERSION = 1
VECTORS = "vectors.safetensors"
CARD = "representation.json"


class Reading(Spec):
    """One model to be run over texts.

    Attributes:
        name: name of the folder that is made.
        served: the trained model; None for the pretrained one as it was.
        base: folder of the pretrained model.
        task: whose texts are read; of a question, with the beginning of its context.
        dataset: folder of the imported dataset.
        examples: examples at most; more are drawn from, stratified, by the task's `data_seed`.
        pooling: how token vectors become one.
    """

    name: str
    served: Served | None = None
    base: str
    task: TaskSpec
    dataset: str
    examples: int = Field(ge=4)
    pooling: Pooling

    @property
    def asked(self) -> dict[str, object]:
        """What vectors hang on: they are made again when it differs."""
        body = self.model_dump(exclude={"name", "base", "dataset"})
        if self.served is not None:
            body["served"] = {"trial": self.served.trial, "sha256": self.served.sha256}
        return body


class ReadingOrder(Spec):
    """`order.json` of a job `drift`.

    Attributes:
        folder: where folders of representations are put.
        readings: what is to be read, by which model.
        threads: CPU threads.
        chunk: examples that are read at a time.
        memory_bytes: memory that the process may use.
    """

    folder: str
    readings: list[Reading]
    threads: int = Field(default=1, ge=1)
    chunk: int = Field(default=200, ge=1)
    memory_bytes: int = Field(ge=1)

    def write(self, path: Path) -> None:
        """Write `order.json`.

        Args:
            path: where.
        """
        write_document(path, "reading-order", READING_VERSION, self.model_dump(), durable=False)

    @staticmethod
    def read(path: Path) -> ReadingOrder:
        """Read `order.json`.

        Args:
            path: where.

        Returns:
            The order.
        """
        return ReadingOrder.model_validate(read_document(path, "reading-order", READING_VERSION))


class Representation(Spec):
    """`representation.json`: what stands beside it in `vectors.safetensors`.

    Attributes:
        asked: what was asked for (see `Reading.asked`).
        layers: how many layers, the embeddings as number 0 included.
        width: of a vector.
        ids: the examples, in the order of the rows.
        clusters: cluster of each example; empty where each stands alone.
        sha256: hash of the file of vectors.
    """

    asked: dict[str, object]
    layers: int
    width: int
    ids: list[str]
    clusters: list[int]
    sha256: str

    def write(self, folder: Path) -> None:
        """Write `representation.json`.

        Args:
            folder: of the representation.
        """
        write_document(folder / CARD, "representation", REPRESENTATION_VERSION, self.model_dump())

    @staticmethod
    def read(folder: Path) -> Representation:
        """Read `representation.json`.

        Args:
            folder: of the representation.

        Returns:
            What it says.

        Raises:
            FormatError: if it is missing or torn.
        """
        return Representation.model_validate(read_document(folder / CARD, "representation", REPRESENTATION_VERSION))

    def holds(self, folder: Path) -> bool:
        """Whether the file of vectors is the one that was written.

        Args:
            folder: of the representation.

        Returns:
            Whether its hash is the same.
        """
        return (folder / VECTORS).is_file() and sha256_file(folder / VECTORS) == self.sha256


def stands(folder: Path, reading: Reading) -> bool:
    """Whether a representation is there, whole, and the one that is asked for.

    Args:
        folder: its folder.
        reading: what is asked for.

    Returns:
        True only if the file of vectors has its hash.
    """
    try:
        card = Representation.read(folder)
    except (FormatError, ValueError):
        return False
    return card.asked == reading.asked and card.holds(folder)
