"""What is put to use: a trained model with the rule that turns its outputs into answers, and what a process does with it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from bakeoff.records.files import number, read_document, write_document
from bakeoff.records.results import FileEntry
from bakeoff.records.specs import Precision, RecipeSpec, Spec, TaskSpec

ORDER_VERSION = 1
EXPORT_VERSION = 1

Number = Annotated[float, BeforeValidator(number)]
"""A number that may be "nan", "inf" or "-inf" in the file."""
Form = Literal["trained", "merged", "adapter", "onnx", "onnx-int8"]
"""In which form a model's weights stand: as a trial keeps them, or as one of the exports."""


class Decision(Spec):
    """How outputs become answers: what was fitted on validation, and is part of the trial.

    Attributes:
        labels: label names, L of them.
        rule: `tuned`, `per-label`, a fixed threshold as text; `highest` where labels exclude one another.
        thresholds: the probability from which on each label is given, [L]; of questions the margin above which there is no
            answer, [1]; empty where the highest output decides.
        temperature: what logits are divided by before they are shown as probabilities; it changes no decision.
    """

    labels: list[str]
    rule: str
    thresholds: list[Number] = Field(default_factory=list)
    temperature: float = Field(default=1.0, gt=0)


class Served(Spec):
    """A trained model as it is put to use.

    Attributes:
        name: what requests and tables call it.
        form: in which form its weights stand.
        trial: id of the trial that made it.
        seed: the trial's seed.
        task: what it solves.
        recipe: how it was made.
        decision: how its outputs become answers.
        pairs: whether it reads two texts a row: a pair, or a question and its context.
        folder: where weights and tokenizer lie.
        base: folder of the pretrained model; empty where the weights are whole without it.
        sha256: hash of each file that is read, by its name in the folder.
        packed: whether the trial ran without padding; null means what the family allows.
    """

    name: str
    form: Form
    trial: str
    seed: int
    task: TaskSpec
    recipe: RecipeSpec
    decision: Decision
    pairs: bool = False
    folder: str
    base: str = ""
    sha256: dict[str, str]
    packed: bool | None = None


class Export(Spec):
    """`bakeoff.json` of an exported model: all that is needed to use it, but for the place where it lies.

    Attributes:
        name: what it is called.
        form: in which form the weights stand.
        trial: id of the trial that made it.
        seed: the trial's seed.
        task: what it solves.
        recipe: how it was made.
        decision: how its outputs become answers.
        pairs: whether it reads two texts a row.
        verification: how it compares with the trial's own outputs on validation (see `bakeoff.records.serving.Verification`).
        manifest: every file of the folder that is read, by its name.
        bakeoff: version of the program that wrote it.
    """

    name: str
    form: Form
    trial: str
    seed: int
    task: TaskSpec
    recipe: RecipeSpec
    decision: Decision
    pairs: bool
    verification: Verification
    manifest: dict[str, FileEntry]
    bakeoff: str

    def write(self, path: Path) -> None:
        """Write `bakeoff.json`.

        Args:
            path: where.
        """
        write_document(path, "export", EXPORT_VERSION, self.model_dump())

    @staticmethod
    def read(path: Path) -> Export:
        """Read `bakeoff.json`; its manifest is not verified here.

        Args:
            path: where.

        Returns:
            What it says.
        """
        return Export.model_validate(read_document(path, "export", EXPORT_VERSION))


class Verification(Spec):
    """How an export compares with what it was made of, in float32 and on validation examples.

    Attributes:
        examples: how many were compared, N.
        metric: the task's metric.
        largest_difference: largest absolute difference of an output.
        largest_output: largest absolute output of the original.
        tolerance: what that difference may be at most, over the largest output; null means that it is told, not limited.
        changed: examples whose answer differs.
        score: the metric of the export.
        original: the metric of what it was made of.
        low: lower end of the 95 % interval of their difference, for these models on fresh examples.
        high: its upper end.
        allowed_loss: by how much the metric may be worse.
    """

    examples: int
    metric: str
    largest_difference: Number
    largest_output: Number
    tolerance: float | None
    changed: int
    score: Number
    original: Number
    low: Number
    high: Number
    allowed_loss: float


class Order(Spec):
    """`order.json`: what a process that uses models is to do, beside its `job.json`.

    Attributes:
        models: the models.
        threads: CPU threads.
        precision: arithmetic of the models; null means each recipe's own.
    """

    models: list[Served]
    threads: int = Field(default=1, ge=1)
    precision: Precision | None = None

    def write(self, path: Path) -> None:
        """Write `order.json`.

        Args:
            path: where.
        """
        # an order that is lost with the machine's power is given again
        write_document(path, "order", ORDER_VERSION, self.model_dump(), durable=False)

    @staticmethod
    def read(path: Path) -> Order:
        """Read `order.json`.

        Args:
            path: where.

        Returns:
            The order.
        """
        return Order.model_validate(read_document(path, "order", ORDER_VERSION))


class ExportOrder(Order):
    """The order of a job that exports: of one model, in several forms.

    Attributes:
        forms: the forms.
        dataset: folder of the dataset on whose validation examples exports are compared.
        validation: the trial's stored outputs of those examples.
    """

    forms: list[Form]
    dataset: str
    validation: str

    @staticmethod
    def read(path: Path) -> ExportOrder:
        """Read `order.json`.

        Args:
            path: where.

        Returns:
            The order.
        """
        return ExportOrder.model_validate(read_document(path, "order", ORDER_VERSION))


class ServeOrder(Order):
    """The order of a job that serves. Its token is no part of it: secrets are never written.

    Attributes:
        host: address that it listens on.
        port: port there; 0 takes a free one.
        hosts: names that requests may call it by, beside the address and localhost.
        needs_token: whether requests need the token that stands in the environment.
        body_bytes: size of a request's body at most.
        body_seconds: time in which a request has to be here, headers and body.
        rows: texts of a request at most.
        queue_seconds: expected time of waiting beyond which requests are refused.
        batch_rows: texts of several requests that are answered together at most.
        connections: connections at a time at most.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    hosts: list[str] = Field(default_factory=list)
    needs_token: bool = False
    body_bytes: int = Field(default=4_000_000, ge=1_000)
    body_seconds: float = Field(default=0.8, gt=0)
    rows: int = Field(default=1_000, ge=1)
    queue_seconds: float = Field(default=0.8, gt=0)
    batch_rows: int = Field(default=256, ge=1)
    connections: int = Field(default=500, ge=1)

    @staticmethod
    def read(path: Path) -> ServeOrder:
        """Read `order.json`.

        Args:
            path: where.

        Returns:
            The order.
        """
        return ServeOrder.model_validate(read_document(path, "order", ORDER_VERSION))


Export.model_rebuild()
