"""What it costs to use a model: the order of one launch, and what a launch measured: `launches/<variant>/<number>.json`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from bakeoff.errors import FormatError
from bakeoff.records.files import canonical_json, read_document, sha256_file, write_document
from bakeoff.records.serving import ORDER_VERSION, Order, Served
from bakeoff.records.specs import Spec

LAUNCH_VERSION = 1
ANSWERS = "answers.npz"
CHECK = 0
"""Number of the launch that is not timed: it answers validation examples, and warms the disk's cache for the others."""

Way = Literal["whole", "whole-bf16", "adapter", "adapters-2", "adapters-3", "onnx", "onnx-int8"]
"""How a trained model is put to use."""


class BenchOrder(Order):
    """The order of a job that measures one launch. Its models are one, or several adapters that stand on one model.

    Attributes:
        dataset: folder of the dataset whose validation texts are asked.
        validation: the trial's stored outputs of them: which examples they are, and what is true.
        examples: for a launch that checks answers: examples at most; 0 for one that is timed.
        texts: for a launch that is timed: texts that are asked, one at a time and in batches.
        warm_up: requests before the first that is timed.
        batch_sizes: texts of a request whose throughput is measured.
    """

    dataset: str
    validation: str
    examples: int = Field(default=0, ge=0)
    texts: int = Field(default=300, ge=1)
    warm_up: int = Field(default=20, ge=0)
    batch_sizes: list[int] = Field(default_factory=list)

    @property
    def checks(self) -> bool:
        """Whether answers are checked, and nothing is timed."""
        return self.examples > 0

    @staticmethod
    def read(path: Path) -> BenchOrder:
        """Read `order.json`.

        Args:
            path: where.

        Returns:
            The order.
        """
        return BenchOrder.model_validate(read_document(path, "order", ORDER_VERSION))

    def asked(self, machine: dict[str, object]) -> dict[str, object]:
        """What measurements hang on: a launch is repeated when it differs.

        Args:
            machine: processor and versions.

        Returns:
            The order without places, the models by content.
        """
        body: dict[str, object] = self.model_dump(exclude={"models", "dataset", "validation"})
        return body | {"models": [content_of(served) for served in self.models], "machine": machine}


def content_of(served: Served) -> dict[str, object]:
    """What tells one model from another, wherever it lies.

    Args:
        served: the model.

    Returns:
        Trial, form, decision and the hash of each file.
    """
    return served.model_dump(include={"trial", "form", "decision", "sha256"})


class Launch(Spec):
    """What one process measured.

    Attributes:
        asked: what was asked of it (see `BenchOrder.asked`).
        number: 0 for the one that checks answers, and then the number of the round.
        began: when it began, ISO 8601 in UTC.
        busy: processes that wanted a core of the machine when it began, mean of a minute.
        cores: cores that it might use.
        start_seconds: from the start of the process, imports included, to the first answer.
        load_seconds: of that, from the first byte of the model to the first answer.
        memory_bytes: by how much resident memory grew while the model was loaded and gave its first answer.
        peak_bytes: largest resident memory of the process, libraries included.
        latencies: seconds from text to answer, one request of one text after another; empty where answers were checked.
        rows_per_second: texts a second, by texts of a request.
        said: hash of all answers to the timed texts; empty where answers were checked.
        answers_sha256: hash of `answers.npz`; empty in a launch that was timed.
    """

    asked: dict[str, object]
    number: int = Field(ge=0)
    began: str
    busy: float = Field(ge=0)
    cores: int = Field(ge=1)
    start_seconds: float = Field(ge=0)
    load_seconds: float = Field(ge=0)
    memory_bytes: int
    peak_bytes: int = Field(ge=0)
    latencies: list[float] = Field(default_factory=list)
    rows_per_second: dict[str, float] = Field(default_factory=dict)
    said: str = ""
    answers_sha256: str = ""

    def write(self, path: Path) -> None:
        """Write the file of a launch.

        Args:
            path: where.
        """
        write_document(path, "launch", LAUNCH_VERSION, self.model_dump())

    @staticmethod
    def read(path: Path) -> Launch:
        """Read the file of a launch.

        Args:
            path: where.

        Returns:
            What it says.

        Raises:
            FormatError: if it is missing or torn.
        """
        return Launch.model_validate(read_document(path, "launch", LAUNCH_VERSION))


def standing(path: Path, asked: dict[str, object]) -> Launch | None:
    """A launch that was made already.

    Args:
        path: its file.
        asked: what is asked now.

    Returns:
        The launch; None if there is none, if it is torn, or if something else was asked of it.
    """
    try:
        launch = Launch.read(path)
    except (FormatError, ValueError):
        return None
    answers = path.with_name(ANSWERS)
    if launch.answers_sha256 and not (answers.is_file() and sha256_file(answers) == launch.answers_sha256):
        return None
    # what is not finite stands in a file as a word
    return launch if canonical_json(launch.asked) == canonical_json(asked) else None
