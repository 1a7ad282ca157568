"""A first study: from data, a model and a question to a commented file that can be run."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

from bakeoff.catalog import registry
from bakeoff.catalog.registry import nearest
from bakeoff.data.choosing import Columns
from bakeoff.data.own import read_own
from bakeoff.data.snapshots import local_copy
from bakeoff.data.store import card_of, find_dataset, stored_fingerprints
from bakeoff.errors import CatalogError, DataError, ModelError, RunError
from bakeoff.hub.models import locate_model
from bakeoff.preflight.lengths import measure_lengths
from bakeoff.preflight.shapes import read_shape
from bakeoff.records.hub_places import hub_place
from bakeoff.records.paths import Home
from bakeoff.study.components import named_model
from bakeoff.study.model import ModelRequest
from bakeoff.study.recipes import default_loss

QUESTIONS = {
    "needed": "is a pretrained model needed, or do word counts do?",
    "losses": "which loss suits these data?",
    "methods": "must all weights be trained, or do adapters (LoRA) do?",
    "methods-losses": "which method with which loss? (all pairs)",
    "rates": "which learning rate suits model and data?",
}
"""What a first study can ask."""
BATCH = 32
LEAST_STEPS = 300
MOST_EPOCHS = 10
QUICK_ROWS = 512
USUAL_LENGTH, LONGEST = 128, 512
RATE = "1e-4"
SIMPLE = {
    "": ("tfidf", "word counts and a linear classifier"),
    "qa": ("lexical", "the sentence that shares most words with the question"),
}
"""The method without a pretrained model that a kind's recipes have to beat."""
LOSSES = {
    "bce": "{loss: bce}                 # binary cross-entropy on each label: the usual loss",
    "asl": "{loss: {name: asymmetric, gamma_neg: 2, gamma_pos: 1, clip: 0.05}}   # easy negatives count less",
    "focal": "{loss: focal}             # what is easy counts less",
}
METHODS = {
    "full": " {loss: LOSS}  # all weights of the model are trained",
    "lora": """
    loss: LOSS
    method: {name: lora, rank: 8, alpha: 16}                     # small matrices beside the frozen weights, and the head
    training: {learning_rate: 1e-3, head_learning_rate: 5e-3}    # they bear, and need, higher rates""",
}
"""LoRA's rates are higher by habit, about ten times (Hu et al., ICLR 2022); a sweep would find better ones for both."""
PAIRED_LOSSES = {"bce": "bce", "asl": "{name: asymmetric, gamma_neg: 2, gamma_pos: 1, clip: 0.05}"}


@dataclass(frozen=True)
class Beginning:
    """What a first study is made from.

    Attributes:
        name: the study's name.
        data: the task's line that says where the data are: `dataset: demo`, or `file: reviews.csv`.
        task: the task's name.
        kind: the kind of task.
        rows: training examples.
        labels: number of labels.
        understood: what was made of the user's file, a sentence each.
        model: as the study names it.
        max_length: tokens kept of a text.
        question: a key of `QUESTIONS`.
    """

    name: str
    data: str
    task: str
    kind: str
    rows: int
    labels: int
    understood: list[str]
    model: str
    max_length: int
    question: str


def begin(home: Home, data: str, model: str, question: str, beside: Path, columns: Columns | None = None) -> Beginning:
    """Look at data and model.

    Args:
        home: where data and models are kept.
        data: the path of a user's own file or folder, the id of a dataset of the hub, or the name of a dataset.
        model: a catalog name, a hub id with its revision, or a folder.
        question: a key of `QUESTIONS`.
        beside: the folder in which the study file will stand.
        columns: which column of the user's file is what; None finds it out.

    Returns:
        What the study is made from.

    Raises:
        DataError: if the file cannot be read or understood, or the dataset is not here.
        CatalogError: if there is neither a file nor a dataset of that name.
        ModelError: if the model's name means nothing.
        RunError: if the question is not known, or does not suit the data.
    """
    check_question(question)
    request = named_model(model, Path.cwd(), "--model")
    path = Path(data).expanduser()
    on_hub = hub_place(data, Path())
    if on_hub is not None or path.exists():
        name = safe_name(on_hub.name if on_hub else path.stem)
        path = local_copy(home, data, fresh=True) if on_hub else path
        imported, said = read_own(path, name, columns)
        kind, rows, labels, understood = said.kind, imported.sizes["train"], len(imported.labels.names), said.lines
        line = f"file: {quoted(data if on_hub else _shown(path, beside))}{_columns(columns)}"
        texts = imported.sample("train", 500)
    else:
        check_data(home, data)
        dataset = find_dataset(home, data)
        name, kind = safe_name(data), card_of(home, data).task
        rows, labels, understood = dataset.size("train"), len(dataset.labels), []
        line, texts = f"dataset: {data}", []
        if not kind:
            raise DataError(f"the kind of {data} is not known", data, "name the file that it was imported from")
    if "losses" in question and kind != "multilabel":
        raise RunError(
            f"there is one loss for {kind} tasks, and nothing to compare",
            f"--ask {question}",
            "ask for `needed`, `methods` or `rates`",
        )
    return Beginning(
        name=f"{name}-{question}",
        data=line,
        task=name,
        kind=kind,
        rows=rows,
        labels=labels,
        understood=understood,
        model=_shown_model(request, model, beside),
        max_length=_length(home, request, data if not texts else "", texts),
        question=question,
    )


def _shown(path: Path, beside: Path) -> str:
    """A path as the study names it: relative to the study's folder where it lies in it."""
    place, folder = path.resolve(), beside.resolve()
    return str(place.relative_to(folder) if place.is_relative_to(folder) else place)


def _shown_model(request: ModelRequest, model: str, beside: Path) -> str:
    """A model as the study names it; what begins with a point or a stroke is a folder there."""
    if not request.is_folder:
        return model
    shown = _shown(Path(request.name), beside)
    return shown if shown.startswith("/") else f"./{shown}"


def check_question(question: str) -> None:
    """See that a question is one that a first study can ask.

    Args:
        question: the word for it.

    Raises:
        RunError: if it is none of `QUESTIONS`.
    """
    if question not in QUESTIONS:
        raise RunError(f"no question is called {question!r}", f"--ask {question}", f"known: {', '.join(QUESTIONS)}")


def check_data(home: Home, data: str) -> None:
    """See that there is a file or a dataset of a name.

    Args:
        home: where data are kept.
        data: the path of a file or folder, or the name of a dataset.

    Raises:
        CatalogError: if there is neither.
    """
    known = list(registry.cards("dataset"))
    if (
        hub_place(data, Path()) is None
        and not Path(data).expanduser().exists()
        and data not in known
        and not stored_fingerprints(home, data)
    ):
        near = nearest(data, known)
        hint = f"did you mean {near!r}? " if near else ""
        raise CatalogError(
            f"there is no file {data}, and no dataset of that name",
            str(Path(data).expanduser().absolute()),
            f"{hint}name a file that is there, or a dataset: {', '.join(known)}",
        )


def _columns(columns: Columns | None) -> str:
    """The line of a task that says which column is what, if any was named."""
    said = [f"text: {quoted(columns.text)}"] if columns and columns.text else []
    if columns and columns.labels:
        names = [quoted(label) for label in columns.labels]
        said.append(f"labels: {names[0] if len(names) == 1 else '[' + ', '.join(names) + ']'}")
    return f"\n    columns: {{{', '.join(said)}}}" if said else ""


def safe_name(text: str) -> str:
    """A name that a study accepts.

    Args:
        text: any text.

    Returns:
        Letters, digits and `-`.
    """
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-").lower()[:40] or "mine"


def quoted(text: str) -> str:
    """A text as YAML takes it for itself.

    Args:
        text: any text without line breaks.

    Returns:
        The text, in quotes where it needs them.
    """
    return text if re.fullmatch(r"[A-Za-z/.][\w/.-]*", text, re.ASCII) else "'" + text.replace("'", "''") + "'"


def _length(home: Home, model: ModelRequest, dataset: str, texts: list[str]) -> int:
    """The length that keeps 95 % of the texts whole, in steps of eight, as far as the model can hold it."""
    try:
        located = locate_model(home, model.name, model.revision)
    except ModelError:
        return USUAL_LENGTH  # it is not here yet; `check` says so, and a length is easily changed
    context = read_shape(located.folder).context or LONGEST
    if dataset:
        wanted = measure_lengths(find_dataset(home, dataset), located.folder).longest(0.95)
    else:
        words = sorted(len(text.split()) for text in texts)
        wanted = round(1.4 * words[int(0.95 * (len(words) - 1))]) + 2
    return max(16, min(8 * math.ceil(wanted / 8), context, LONGEST))


def study_text(made: Beginning) -> str:
    """The study file.

    Args:
        made: what it is made from.

    Returns:
        YAML with a comment on each choice.
    """
    epochs = min(MOST_EPOCHS, max(3, math.ceil(LEAST_STEPS / math.ceil(made.rows / BATCH))))
    metric = registry.task(made.kind).metrics[0]
    kind = f"\n    kind: {made.kind:<19} # as the file was understood" if made.data.startswith("file:") else ""
    recipes, baseline, claim = _recipes(made, metric)
    told = "".join(f"\n#   {line}" for line in made.understood)
    return f"""# {made.name}: {QUESTIONS[made.question]}
# `bakeoff check FILE` says whether it can run, `bakeoff explain FILE` what it can show; `bakeoff run FILE` runs it.{told}
bakeoff: 1
name: {made.name}

tasks:
  {made.task}:
    {made.data}{kind}
    metric: {metric:<17} # chooses checkpoints on validation, and ranks recipes on test
    max_length: {made.max_length:<13} # tokens kept of a text: enough for about 95 % of them

# What every recipe does unless it says otherwise.
defaults:
  model: {quoted(made.model)}
  training:
    epochs: {epochs:<16} # {math.ceil(made.rows / BATCH) * epochs:,} steps over {made.rows:,} training examples
    batch_size: {BATCH}
    learning_rate: {RATE:<9} # of the pretrained weights; the new head learns ten times as fast

# A recipe is a name and what it does otherwise. Methods: {_names("method", made.kind)}.
# Losses: {_names("loss", made.kind)}.
recipes:
{recipes}
baseline: {baseline:<16} # what the others are compared with
seeds: [42, 1337, 2024, 7, 99]  # each recipe runs once with each: fewer than five seldom decide anything

claims:                       # sentences that the verdict answers; the first is the main one
  - {claim}

# A smaller form of it, to see that all goes well: `bakeoff run FILE --profile quick`. In so few steps a new head learns
# little: word counts may be far ahead of it, and that says nothing of the study itself.
profiles:
  quick:{_fewer_rows(made)}
    defaults: {{training: {{epochs: 1}}}}
    seeds: [42, 1337]
"""


def _names(kind: str, task: str) -> str:
    """What the catalog has of a kind for such a task, the default first."""
    first = "full" if kind == "method" else default_loss(task)
    found = [name for name, card in registry.cards(kind).items() if task in getattr(card, "tasks", ())]
    return ", ".join(sorted(found, key=lambda name: name != first))


def _fewer_rows(made: Beginning) -> str:
    """The line of the small profile that takes fewer rows, where there are more."""
    return f"\n    tasks: {{{made.task}: {{train_limit: {QUICK_ROWS}}}}}" if made.rows > QUICK_ROWS else ""


def _recipes(made: Beginning, metric: str) -> tuple[str, str, str]:
    """The recipes' lines, the baseline, and the first claim."""
    simple, why = SIMPLE.get(made.kind, SIMPLE[""])
    counts = f"  {simple}: {{method: {simple}}}      # {why}: a recipe below it is not worth its cost\n"
    loss = default_loss(made.kind)
    on = f"in {metric} on {made.task}"
    if made.question == "losses":
        lines = "".join(f"  {name}: {text}\n" for name, text in LOSSES.items())
        others = ", ".join(name for name in LOSSES if name != "bce")
        return lines + counts, "bce", f"any of [{others}] beats bce {on}"
    if made.question == "methods":
        lines = "".join(f"  {name}:{text.replace('LOSS', loss)}\n" for name, text in METHODS.items())
        return lines + counts, "full", f"lora is within 3% of full {on}"
    if made.question == "methods-losses":
        lines = "".join(
            f"  {name}-{short}:{text.replace('LOSS', full)}\n"
            for name, text in METHODS.items()
            for short, full in PAIRED_LOSSES.items()
        )
        return lines + counts, "full-bce", f"lora-bce is within 3% of full-bce {on}\n  - full-asl beats full-bce {on}"
    if made.question == "rates":
        rates = {"slow": "3e-5", "usual": RATE, "fast": "3e-4"}
        lines = "".join(f"  {name}: {{loss: {loss}, training: {{learning_rate: {rate}}}}}\n" for name, rate in rates.items())
        return lines + counts, "usual", f"any of [slow, fast] beats usual {on}"
    return (
        f"  tuned: {{loss: {loss}}}         # all weights of the model are trained\n" + counts,
        simple,
        f"tuned beats {simple} {on}",
    )
