"""The shape of a study file as strict models: which keys there are, of which type, in which range, with which default.

Names of components and references between the parts are checked elsewhere (`references`, `recipes`), since they need the
whole file and the catalog.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints

from bakeoff.records.specs import Clusters, Pooling, Precision, Schedule
from bakeoff.study.entries import Entry, Interval, Name, Seed, Text
from bakeoff.study.looks import Looks
from bakeoff.study.quantities import Duration, Limit, Says, Size
from bakeoff.study.rounds import Phase, Sweep

# a study beyond these would not end; the bounds keep a slip in a matrix from being tried
MAX_RECIPES = 500
MAX_TASKS = 100
MAX_SOURCES = 50
MAX_PAIRS = 5_000
MAX_PROFILES = 20
COMPONENT_SAYS = Says("a name, or a mapping with the key `name` and settings")


class ComponentEntry(Entry):
    """A component by name, with settings that its card knows.

    Attributes:
        name: its name in the catalog; without one, the settings are laid over those of the layer below.
    """

    model_config = ConfigDict(extra="allow")
    name: Text | None = None


class ModelEntry(Entry):
    """A pretrained model.

    Attributes:
        name: a catalog name, a hub id `org/name`, or a folder relative to the study file.
        revision: the commit of a hub id.
    """

    name: Text | None = None
    revision: Text | None = None


def _named(written: Any) -> Any:
    return {"name": written} if isinstance(written, str) else written


ComponentChoice = Annotated[ComponentEntry, BeforeValidator(_named), COMPONENT_SAYS]
ModelChoice = Annotated[
    ModelEntry, BeforeValidator(_named), Says("a catalog name, a hub id `org/name@commit`, a folder, or {name, revision}")
]


class Training(Entry):
    """Hyperparameters of the training loop.

    Attributes:
        epochs: passes over the training examples.
        batch_size: the effective batch: examples per optimizer step.
        micro_batch_size: examples per forward pass; must divide the batch size; `auto` means all of it, or each device's
            share.
        learning_rate: peak rate of the body.
        head_learning_rate: peak rate of the new head; null means ten times the learning rate.
        schedule: how the rate falls after the warm-up.
        warmup: share of all steps in which the rate rises.
        weight_decay: decoupled weight decay (not on norms and biases).
        clip_norm: largest gradient norm; 0 means no clipping.
        precision: arithmetic of the passes; `auto` means bf16 where the machine is fast at it, else fp32.
        gradient_checkpointing: recompute activations instead of keeping them.
        evaluations_per_epoch: validations in an epoch; the best checkpoint is one of these points.
        early_stopping: validations without improvement after which training ends; null means never.
        dropout: dropout probability in place of the model's own; null keeps the model's.
        threads: CPU threads of a trial; `auto` means all cores of the machine on which the plan is made.
        max_skipped: non-finite steps in a row after which a trial ends as diverged.
    """

    epochs: int = Field(default=3, ge=1)
    batch_size: int = Field(default=32, ge=1)
    micro_batch_size: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    learning_rate: float = Field(default=1e-4, gt=0)
    head_learning_rate: Annotated[float, Field(gt=0)] | None = None
    schedule: Schedule = "cosine"
    warmup: float = Field(default=0.1, ge=0, lt=1)
    weight_decay: float = Field(default=0.01, ge=0)
    clip_norm: float = Field(default=1.0, ge=0)
    precision: Precision | Literal["auto"] = "auto"
    gradient_checkpointing: bool = False
    evaluations_per_epoch: int = Field(default=1, ge=1)
    early_stopping: Annotated[int, Field(ge=1)] | None = None
    dropout: Annotated[float, Field(ge=0, lt=1)] | None = None
    threads: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    max_skipped: int = Field(default=20, ge=1)


class MixEntry(Entry):
    """How much of each source of a task an epoch draws.

    Attributes:
        shares: share of each source, in any unit; those that are not named are not trained on.
        sources: without shares, the sources that are trained on; null means all.
        temperature: without shares, they are proportional to size^(1/temperature): 1 leaves the sources as large as they are,
            more evens them out.
        examples: examples that an epoch draws; null means as many as these sources have.
        choose: which sources' validation examples choose checkpoint and thresholds: those that are trained on, or all.
    """

    shares: Annotated[dict[str, Annotated[float, Field(gt=0)]], Field(min_length=1)] | None = None
    sources: Annotated[list[Text], Field(min_length=1)] | None = None
    temperature: float = Field(default=1.0, gt=0)
    examples: Annotated[int, Field(ge=1)] | None = None
    choose: Literal["trained", "all"] = "trained"


class Treatment(Entry):
    """What is done to the training examples, and to them alone.

    Attributes:
        sampling: how often an epoch draws each of them; null means once.
        augmentation: what is done to their tokens; null means nothing.
        mix: of a task with several sources, how much of each an epoch draws; null means all as they are.
    """

    sampling: ComponentChoice | None = None
    augmentation: ComponentChoice | None = None
    mix: MixEntry | None = None


class RecipeSettings(Entry):
    """All that may change a number: what `defaults`, a recipe and its `on` can say.

    Attributes:
        model: the pretrained model.
        method: how the recipe learns.
        loss: the loss.
        pooling: how token vectors become one: `first`, `mean`, `last`, or `pooler` (the first, through the checkpoint's own
            dense layer and tanh); without it, what the model's card says, else mean.
        treatment: what is done to the training examples.
        training: hyperparameters of the training loop.
        devices: how many devices share a trial; the effective batch stays what `batch_size` says.
    """

    model: ModelChoice = ModelEntry()
    method: ComponentChoice = ComponentEntry()
    loss: ComponentChoice = ComponentEntry()
    pooling: Pooling | None = None
    treatment: Treatment | None = None
    training: Training = Training()
    devices: int = Field(default=1, ge=1, le=64)


class RecipeEntry(RecipeSettings):
    """A recipe.

    Attributes:
        tasks: the tasks that it is carried out on, where it does not fit all; without it, all.
        on: other settings on a task, by the task's name.
        best: the `best.yaml` of a run whose sweep found the recipe, with `#` and its name there if that is another; what the
            recipe says besides is laid over it.
    """

    tasks: Annotated[list[str], Field(min_length=1)] | None = None
    on: dict[str, RecipeSettings] = {}
    best: Text | None = None


class Columns(Entry):
    """Which column of a user's own file is what; what is not named is found out, and `bakeoff data import` shows it.

    Attributes:
        text: the text.
        second: the other text of a pair; an empty one means none.
        labels: the column of the labels, or a list of columns, if each label has its own.
        id: ids that are unique within a split.
        group: what rows that must stay in one split share.
        delimiter: what separates fields of a text file.
        separator: what separates labels in one column; `none` for nothing.
        score: the column that says, as a number, how strongly the label applies.
        threshold: the score from which on a label holds; without `score`, the columns of the labels are scores themselves.
        header: names of the columns of a text file that has no header line.
    """

    text: Text | None = None
    second: str | None = None
    labels: Text | Annotated[list[Text], Field(min_length=1)] | None = None
    id: Text | None = None
    group: Text | None = None
    delimiter: Annotated[str, StringConstraints(min_length=1, max_length=1)] | None = None
    separator: Text | None = None
    score: Text | None = None
    threshold: float | None = None
    header: Annotated[list[Text], Field(min_length=2)] | None = None


class ContextEntry(Entry):
    """Preceding turns of a dialogue as a part of the input. They stand as the second text, the turn before it first.

    Attributes:
        turns: how many at most.
        separator: what stands between two of them.
    """

    turns: int = Field(ge=1, le=100)
    separator: Text = " | "


class TargetEntry(Entry):
    """What a label of a dataset is in another set of labels.

    Attributes:
        all: the labels that hold with it.
        any_of: labels of which one or more hold with it, not told which: in such a row they are not annotated.
    """

    all: list[Text] = []
    any_of: list[Text] = []


def _all_of(written: Any) -> Any:
    if isinstance(written, str):
        return {"all": [written]}
    return {"all": written} if isinstance(written, list) else written


TargetChoice = Annotated[TargetEntry, BeforeValidator(_all_of), Says("a label, a list of labels, or {any_of: [...]}")]


class LabelMapEntry(Entry):
    """How the labels of a dataset are told in another set of labels.

    Attributes:
        name: what it is called; alone, a label map of the catalog, or a YAML file.
        version: rises when its content changes.
        origin: who says so.
        to: the labels that are mapped to.
        like: a dataset of the catalog whose labels are mapped to, in place of `to`.
        labels: for each label of the dataset the label, or the labels, that hold with it; or `any_of`.
        unmapped: labels of the dataset that no label stands for; rows keep what else they have.
        drop: labels of the dataset whose rows are left out.
        annotated: labels that the dataset's annotators decided on; without it, those that are mapped to. The others are not
            annotated: they count in no loss and in no metric.
    """

    name: Text | None = None
    version: int = Field(default=1, ge=1)
    origin: Text | None = None
    to: Annotated[list[Text], Field(min_length=1)] | None = None
    like: Text | None = None
    labels: dict[str, TargetChoice] = {}
    unmapped: list[Text] = []
    drop: list[Text] = []
    annotated: list[Text] | None = None


MapChoice = Annotated[
    LabelMapEntry,
    BeforeValidator(_named),
    Says("a label map of the catalog, a path of a YAML file, or a mapping with to, labels, unmapped"),
]


class SourceEntry(Entry):
    """One dataset as a part of a task's data.

    Attributes:
        dataset: a dataset of the catalog, or one of your own that was imported under this name; without it and without
            `file`, the source's own name.
        file: your own data in place of that.
        columns: which column of that file is what.
        map: how its labels are told in the task's; without it they are the task's.
        context: preceding turns as input.
        train_limit: examples drawn from its train split, a number or a share such as `10%`; null means all.
        validation_limit: the same for validation.
        test_limit: the same for test.
    """

    dataset: Text | None = None
    file: Text | None = None
    columns: Columns | None = None
    map: MapChoice | None = None
    context: ContextEntry | None = None
    train_limit: Limit | None = None
    validation_limit: Limit | None = None
    test_limit: Limit | None = None


def _dataset_named(written: Any) -> Any:
    return {"dataset": written} if isinstance(written, str) else written


SourceChoice = Annotated[SourceEntry, BeforeValidator(_dataset_named), Says("a dataset's name, or a mapping with dataset, map")]


class TaskEntry(Entry):
    """What is to be solved.

    Attributes:
        dataset: a dataset of the catalog; or, with `kind`, one of your own that was imported under this name.
        file: your own data in place of that: a CSV, TSV, JSON, Parquet or Arrow file, or a folder with one a split.
        columns: which column of that file is what.
        sources: several datasets as one, by name, in place of one.
        map: how the dataset's labels are told in the task's; without it they are the task's.
        context: preceding turns of a dialogue as input.
        kind: the kind of task; without it, what the dataset's card says. A file of your own needs it.
        metric: the metric that chooses checkpoints and ranks recipes; without it, the kind's first.
        max_length: tokens kept of a text, special tokens included.
        train_limit: examples drawn from the train split, a number or a share such as `10%`; null means all.
        validation_limit: the same for validation.
        test_limit: the same for test.
        stride: for `qa`, and `long_text: windows`: tokens that neighbouring windows share; without it, a third of `max_length`.
        max_answer: for `qa`: tokens that an answer may have at most; without it, 30.
        long_text: what is done with texts beyond `max_length`: `truncate` keeps their beginning, `head-tail` beginning and end,
            `windows` reads them piece by piece: each piece is trained on as an example, outputs are the mean over a text's.
        clusters: what examples belong together by, for the statistics, which count clusters and not examples:
            `near-duplicates` (texts that are the same or nearly, and groups), `groups` (dialogues, articles, contexts) alone,
            or `none`.
    """

    dataset: Text | None = None
    file: Text | None = None
    columns: Columns | None = None
    sources: Annotated[dict[Name, SourceChoice], Field(min_length=1, max_length=MAX_SOURCES)] | None = None
    map: MapChoice | None = None
    context: ContextEntry | None = None
    kind: Text | None = None
    metric: Text | None = None
    max_length: int = Field(default=128, ge=4)
    train_limit: Limit | None = None
    validation_limit: Limit | None = None
    test_limit: Limit | None = None
    stride: Annotated[int, Field(ge=0)] | None = None
    max_answer: Annotated[int, Field(ge=1)] | None = None
    long_text: Literal["truncate", "head-tail", "windows"] | None = None
    clusters: Clusters = "near-duplicates"


class MatrixEntry(Entry):
    """Recipes by product: every combination of the entries becomes a recipe.

    Attributes:
        model: models.
        method: methods; one that needs no model is added once, without model and loss.
        loss: losses.
    """

    model: Annotated[list[ModelChoice], Field(min_length=1)] | None = None
    method: Annotated[list[ComponentChoice], Field(min_length=1)] | None = None
    loss: Annotated[list[ComponentChoice], Field(min_length=1)] | None = None


class Limits(Entry):
    """What a trial and the study may use.

    Attributes:
        trial: longest time of one trial, in seconds once read; null means no limit.
        study: longest time of the whole run; null means no limit.
        stall: longest silence of a trial.
        collective: longest wait of one process of a trial for the others.
        retries: how often a trial that the machine broke is tried again.
        checkpoint: longest time between two checkpoints of a trial, which is what a fault can cost; null means none by time.
        checkpoint_steps: most optimizer steps between two checkpoints; null means none by steps.
        dead: looks in a row at outputs that are the same for every example (ten looks an epoch) after which a trial ends as
            diverged; null only names it.
        disk_reserve: free bytes on the disk below which no trial begins.
    """

    trial: Duration | None = 7_200.0
    study: Duration | None = None
    stall: Duration = 600.0
    collective: Duration = 3_600.0
    retries: int = Field(default=1, ge=0)
    checkpoint: Duration | None = 120.0
    checkpoint_steps: int | None = Field(default=None, ge=1)
    dead: int | None = Field(default=None, ge=1)
    disk_reserve: Size = 5 * 10**9


class Verdict(Entry):
    """When the verdict is green or yellow; otherwise it is red.

    Attributes:
        green: the condition of green, in words.
        yellow: the condition of yellow, in words.
    """

    green: Text | None = None
    yellow: Text | None = None


class Tuned(Entry):
    """How a recipe's settings were found, for the report: it changes no number.

    Attributes:
        proposals: settings that were tried to arrive at the recipe, the chosen one included.
        source: where and how, such as the study that chose them.
    """

    proposals: int = Field(ge=1)
    source: Text | None = None


class StudyFile(Entry):
    """A study: recipes on tasks with seeds, and what is claimed of them.

    Attributes:
        bakeoff: version of this format.
        name: the study's name; without it, the file's name.
        tasks: what is to be solved, by name.
        defaults: settings of every recipe that does not say otherwise.
        recipes: what is compared, by name.
        matrix: recipes by product.
        baseline: the recipe that the others are compared with.
        seeds: each recipe is trained once with each; a seed governs head, order of data and dropout.
        data_seed: governs which examples the limits draw, the same for all trials.
        profiles: overlays on the whole file, chosen by --profile: mappings merge, lists replace.
        phases: rounds of the study.
        sweep: a search over hyperparameters.
        tuned: how much each recipe was tuned before this study; one that is not named counts as tried once.
        claims: sentences that the verdict answers; the first is the main one.
        expect: interval in which a recipe's metric is expected, by recipe and metric.
        verdict: when the verdict is green or yellow.
        looks: numbers of seeds at which test is looked at, and what each look spends of the error rate; without it, one look
            spends all of it.
        limits: what a trial and the study may use.
        keep: models kept after completion.
        sanity: whether each recipe has to learn ten examples by heart before any trial; `auto` means in the profile `full`.
    """

    bakeoff: Literal[1] = 1
    name: Name | None = None
    tasks: Annotated[dict[Name, TaskEntry], Field(min_length=1, max_length=MAX_TASKS)]
    defaults: RecipeSettings = RecipeSettings()
    recipes: Annotated[dict[Name, RecipeEntry], Field(max_length=MAX_RECIPES)] = {}
    matrix: MatrixEntry = MatrixEntry()
    baseline: str | None = None
    seeds: Annotated[list[Seed], Field(min_length=1)] = [42, 1337, 2024, 7, 99]
    data_seed: Seed = 0
    profiles: dict[Name, dict[str, Any]] = {}
    phases: list[Phase] = []
    sweep: Sweep | None = None
    tuned: dict[str, Tuned] = {}
    claims: list[Text] = []
    expect: dict[str, dict[str, Interval]] = {}
    verdict: Verdict = Verdict()
    looks: Looks | None = None
    limits: Limits = Limits()
    keep: Literal["none", "best", "winner", "all"] = "best"
    sanity: Literal["on", "off", "auto"] = "auto"
