"""What is asked for: components, tasks, models, recipes, trials, plans and jobs, as frozen strict models.

A trial's id is a slug and a hash of everything that defines its numbers. Names and places (the recipe's name, folders) are
not hashed; component versions, the data's fingerprint and the model's hash are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from bakeoff.errors import FormatError
from bakeoff.records.files import canonical_json, read_document, sha256_bytes, write_document

PLAN_VERSION = 1
TRIAL_VERSION = 1
JOB_VERSION = 1
STOP_VERSION = 1

Precision = Literal["fp32", "bf16", "fp16"]
Schedule = Literal["cosine", "linear", "constant"]
Pooling = Literal["first", "mean", "last", "pooler"]


Clusters = Literal["near-duplicates", "groups", "none"]


class Spec(BaseModel):
    """Base of all specs: frozen, strict, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Component(Spec):
    """A catalog component as a recipe uses it.

    Attributes:
        name: its name in the catalog, such as `bce`.
        version: the version of its arithmetic: it changes when numbers would.
        settings: every setting with its value, defaults included.
    """

    name: str
    version: int
    settings: dict[str, Any] = Field(default_factory=dict)


class TaskSpec(Spec):
    """What is to be solved.

    Attributes:
        name: the task's name in the study.
        dataset: the dataset's name.
        fingerprint: hash of the imported dataset's content.
        kind: the kind of task.
        metric: the metric that chooses checkpoints and ranks recipes.
        max_length: tokens kept of a text, special tokens included.
        train_limit: examples drawn from the train split; None means all.
        validation_limit: the same for validation.
        test_limit: the same for test.
        data_seed: governs which examples the limits draw.
        stride: for `qa`: tokens of the context that neighbouring windows share; None for other kinds.
        max_answer: for `qa`: tokens that an answer may have at most; None for other kinds.
        long_text: what is done with longer texts, if they are not truncated; of `windows`, `stride` tokens are shared.
        clusters: what examples belong together by, for the statistics.
    """

    name: str
    dataset: str
    fingerprint: str
    kind: Literal["multilabel", "single-label", "qa"]
    metric: str
    max_length: int
    train_limit: int | None = None
    validation_limit: int | None = None
    test_limit: int | None = None
    data_seed: int = 0
    stride: int | None = Field(default=None, ge=0)
    max_answer: int | None = Field(default=None, ge=1)
    long_text: Literal["head-tail", "windows"] | None = None
    clusters: Clusters = "near-duplicates"

    @property
    def finds_spans(self) -> bool:
        """Whether models point at tokens of a context, in place of giving logits a row."""
        return self.kind == "qa"


class ModelSpec(Spec):
    """A pretrained model, identified by content, never by place.

    Attributes:
        name: as the study names it: a catalog name, a hub id, or a folder's name.
        revision: the hub's commit, or empty for a folder or a packaged model.
        fingerprint: hash over configuration, weights and tokenizer files.
        family: the architecture, the `model_type` of its configuration, such as `bert`.
    """

    name: str
    revision: str = ""
    fingerprint: str
    family: str


class TrainingSpec(Spec):
    """Hyperparameters of the training loop, all resolved.

    Attributes:
        epochs: passes over the training examples.
        batch_size: the effective batch: examples per optimizer step.
        micro_batch_size: examples per forward pass; the batch is accumulated exactly from such parts.
        learning_rate: peak rate of the body.
        head_learning_rate: peak rate of the new head.
        schedule: how the rate falls after the warm-up.
        warmup: share of all steps in which the rate rises linearly from 0.
        weight_decay: decoupled decay (not on norms and biases).
        clip_norm: largest gradient norm; 0 means no clipping.
        precision: arithmetic of forward and backward pass; master weights are float32.
        gradient_checkpointing: recompute activations instead of keeping them.
        evaluations_per_epoch: validations in an epoch; the best checkpoint is one of these points.
        early_stopping: validations without improvement after which training ends; None means never.
        dropout: dropout probability that overrides the model's own; None keeps the model's.
        threads: CPU threads of the child.
        max_skipped: non-finite steps in a row after which the trial ends as diverged.
    """

    epochs: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    micro_batch_size: int = Field(ge=1)
    learning_rate: float = Field(gt=0)
    head_learning_rate: float = Field(gt=0)
    schedule: Schedule
    warmup: float = Field(ge=0, lt=1)
    weight_decay: float = Field(ge=0)
    clip_norm: float = Field(ge=0)
    precision: Precision
    gradient_checkpointing: bool
    evaluations_per_epoch: int = Field(ge=1)
    early_stopping: int | None = Field(default=None, ge=1)
    dropout: float | None = Field(default=None, ge=0, lt=1)
    threads: int = Field(ge=1)
    max_skipped: int = Field(ge=1)


class MixSpec(Spec):
    """How much of each source of a task an epoch draws.

    Attributes:
        shares: share of each source, in any unit; those that are not named are not trained on. None leaves it to `temperature`.
        sources: without shares, the sources that are trained on; None means all.
        temperature: without shares, they are proportional to size^(1/temperature).
        examples: examples that an epoch draws; None means as many as these sources have.
        choose: which sources' validation examples choose checkpoint and thresholds: those that are trained on, or all.
    """

    shares: dict[str, float] | None = None
    sources: list[str] | None = None
    temperature: float = Field(default=1.0, gt=0)
    examples: int | None = Field(default=None, ge=1)
    choose: Literal["trained", "all"] = "trained"


class TreatmentSpec(Spec):
    """What is done to the training examples, and to them alone.

    Attributes:
        sampling: how often an epoch draws each of them; None means once.
        augmentation: what is done to their tokens; None means nothing.
        mix: how much of each source an epoch draws; None means all sources as they are.
    """

    sampling: Component | None = None
    augmentation: Component | None = None
    mix: MixSpec | None = None


class RecipeSpec(Spec):
    """All that may change a number, apart from task and seed.

    Attributes:
        name: the recipe's name in the study.
        method: how it learns: `full`, `tfidf`, …
        model: the pretrained model; None for methods that need none.
        loss: the loss; None for methods that have their own.
        pooling: how token vectors become one; None without a model.
        treatment: what is done to the training examples; None for nothing.
        training: hyperparameters of the training loop; None for methods that have their own.
        devices: how many devices, each with a process of its own, share a trial.
    """

    name: str
    method: Component
    model: ModelSpec | None = None
    loss: Component | None = None
    pooling: Pooling | None = None
    treatment: TreatmentSpec | None = None
    training: TrainingSpec | None = None
    devices: int = Field(default=1, ge=1)


NAMING_RECIPES = ("of", "teacher")
"""Settings of methods that name other recipes of the study."""
SOME_KEYS = ("stride", "max_answer", "long_text")


class TrialSpec(Spec):
    """One recipe on one task with one seed.

    Attributes:
        task: what is to be solved.
        recipe: how.
        seed: governs the head, the order of data and dropout.
        made_of: the trials whose outputs or models it is made of: hash of each one's definition, by its id.
    """

    task: TaskSpec
    recipe: RecipeSpec
    seed: int
    made_of: dict[str, str] = Field(default_factory=dict)

    @property
    def definition(self) -> dict[str, Any]:
        """Everything that defines the trial's numbers: the spec without the names that a user chose."""
        body = self.model_dump()
        del body["task"]["name"], body["recipe"]["name"]
        # what only some tasks have is no part of other trials' ids
        body["task"] = {key: value for key, value in body["task"].items() if key not in SOME_KEYS or value is not None}
        if body["task"]["clusters"] == TaskSpec.model_fields["clusters"].default:
            del body["task"]["clusters"]
        if body["recipe"]["treatment"] is None:
            del body["recipe"]["treatment"]  # nor what only treated data have
        elif body["recipe"]["treatment"]["mix"] is None:
            del body["recipe"]["treatment"]["mix"]
        settings = body["recipe"]["method"]["settings"]
        if made_of := body.pop("made_of"):  # these count by what defines them, whatever their recipes are called
            body["made_of"] = sorted(made_of.values())
            for name in NAMING_RECIPES:
                settings.pop(name, None)
        if settings.get("sha256"):  # a file of the user's counts by its content, wherever it lies
            settings.pop("file", None)
        if body["recipe"]["model"]:
            del body["recipe"]["model"]["name"], body["recipe"]["model"]["revision"]
        return body

    @property
    def definition_hash(self) -> str:
        """64 hexadecimal digits of the definition."""
        return sha256_bytes(canonical_json(self.definition).encode())

    @property
    def id(self) -> str:
        """The slug and the hash's first ten digits: `goemotions-bce-s42-1a2b3c4d5e`."""
        slug = re.sub(r"[^A-Za-z0-9]+", "-", f"{self.task.name}-{self.recipe.name}").strip("-").lower()[:80]
        return f"{slug}-s{self.seed}-{self.definition_hash[:10]}"


METHOD_PREFIX = "method:"


def preloaded(trials: Sequence[TrialSpec]) -> list[str]:
    """What the warm parent imports for some trials beside what every trial needs.

    Args:
        trials: what it will run.

    Returns:
        Architectures, and methods as `method:name`.
    """
    families = {trial.recipe.model.family for trial in trials if trial.recipe.model is not None}
    return [*sorted(families), *sorted({f"{METHOD_PREFIX}{trial.recipe.method.name}" for trial in trials})]


class Plan(Spec):
    """The trials that a phase expands to.

    Attributes:
        study: the study's name.
        profile: the chosen profile, or empty.
        phase: the phase's name.
        place: which phase of the study it is, from 1.
        last: whether no phase follows.
        tested: whether test scores of its trials are opened once every phase has ended.
        baseline: the recipe that others are compared with, or empty.
        trials: in the order in which they run.
    """

    study: str
    profile: str = ""
    phase: str = "final"
    place: int = Field(default=1, ge=1)
    last: bool = True
    tested: bool = True
    baseline: str = ""
    trials: list[TrialSpec]

    def write(self, path: Path) -> None:
        """Write `plans/<phase>.json`.

        Args:
            path: where.
        """
        body = self.model_dump()
        body["trials"] = [{"id": trial.id, **trial.model_dump()} for trial in self.trials]
        write_document(path, "plan", PLAN_VERSION, body)

    @staticmethod
    def read(path: Path) -> Plan:
        """Read a plan and check that every id is that of its content.

        Args:
            path: where.

        Returns:
            The plan.

        Raises:
            FormatError: if the file is torn or an id does not fit its content.
        """
        body = read_document(path, "plan", PLAN_VERSION)
        ids = [trial.pop("id") for trial in body["trials"]]
        plan = Plan.model_validate(body)
        for trial_id, trial in zip(ids, plan.trials, strict=True):
            if trial.id != trial_id:
                raise FormatError(f"the trial {trial_id} is not what its id says", str(path), "run the study again (--new)")
        return plan


class JobSpec(Spec):
    """What one child process is to do: `job.json`.

    Attributes:
        kind: which job of the worker.
        id: name for logs: a trial's id, or the job's own.
        families: architectures whose model code the child needs, so that the warm parent has imported them.
        trial: for `train`: what to run.
        dataset: folder of the imported dataset; empty if not needed.
        model: folder of the pretrained model; empty if not needed.
        tokens: folder of the token store: read by `train`, written by `prepare`.
        features: folder of the feature store: read by `train`, written by `features`; empty where none is needed.
        max_length: for `prepare`: tokens kept of a text.
        stride: for `prepare` of questions on contexts, or of texts in windows: tokens that neighbouring windows share.
        long_text: for `prepare`: what is done with longer texts, if they are not truncated.
        source: for `convert`: the file that is turned into safetensors.
        losses: for `losses`: what is inspected.
        deterministic: whether only deterministic kernels may run.
        keep_model: whether a completed trial keeps its model.
        dead_probes: for `train`: looks in a row at constant outputs that end the trial; None never ends it.
        resume: for `train`: folders of earlier attempts at the trial, newest first, whose checkpoints it may go on from.
        checkpoint_seconds: for `train`: a checkpoint is due when so much time has passed since the last; None means never.
        checkpoint_steps: for `train`: the same in optimizer steps.
        micro_batch_size: for `train`: examples per forward pass that memory allows; None means the recipe's.
        evaluation_tokens: for `train`: tokens per evaluation pass that memory allows; None means the usual number.
        rank: for `train`: number of this process among those that share the trial, from 0.
        ranks: for `train`: how many processes share the trial.
        rendezvous: for `train` with several ranks: the file through which they find one another.
        collective_seconds: for `train` with several ranks: how long one waits for the others.
        deviations: what is asked for otherwise than the recipe says, in words; the outcome repeats it.
        smoke: for `smoke`: what is tried, of `measure`, `steps` and `sanity`.
        asks: for `train`: whether it asks the runner after each validation but the last whether to go on.
        made_of: for `train`: folders of the trials that it is made of, by id.
    """

    kind: Literal[
        "train",
        "prepare",
        "features",
        "convert",
        "losses",
        "smoke",
        "stub",
        "predict",
        "export",
        "drift",
        "adapters",
        "bench",
        "serve",
    ]
    id: str
    families: list[str] = Field(default_factory=list)
    trial: TrialSpec | None = None
    dataset: str = ""
    model: str = ""
    tokens: str = ""
    features: str = ""
    max_length: int = 0
    stride: int | None = None
    long_text: Literal["head-tail", "windows"] | None = None
    source: str = ""
    losses: list[Component] = Field(default_factory=list)
    deterministic: bool = True
    keep_model: bool = False
    dead_probes: int | None = None
    resume: list[str] = Field(default_factory=list)
    checkpoint_seconds: float | None = None
    checkpoint_steps: int | None = None
    micro_batch_size: int | None = Field(default=None, ge=1)
    evaluation_tokens: int | None = Field(default=None, ge=1)
    rank: int = Field(default=0, ge=0)
    ranks: int = Field(default=1, ge=1)
    rendezvous: str = ""
    collective_seconds: float | None = None
    deviations: list[str] = Field(default_factory=list)
    smoke: list[str] = Field(default_factory=list)
    asks: bool = False
    made_of: dict[str, str] = Field(default_factory=dict)
    stub: dict[str, Any] = Field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Write `job.json`.

        Args:
            path: where.
        """
        # a job that is lost with the machine's power is asked for again
        write_document(path, "job", JOB_VERSION, self.model_dump(), durable=False)

    @staticmethod
    def read(path: Path) -> JobSpec:
        """Read `job.json`.

        Args:
            path: where.

        Returns:
            The job.
        """
        return JobSpec.model_validate(read_document(path, "job", JOB_VERSION))
