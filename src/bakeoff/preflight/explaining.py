"""A study in plain words: what is compared, in which keys recipes differ, what it can show and what it cannot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bakeoff.preflight.checks.studies import SEEDS_TO_DECIDE
from bakeoff.study.model import Recipe, Study

FEW_ROWS = 500


@dataclass(frozen=True)
class Explanation:
    """A study in plain words.

    Attributes:
        compares: what is compared, on what, how often.
        recipes: for each recipe the keys in which it differs from the reference, as (key, here, there).
        reference: the recipe that others are compared with.
        claims: what the verdict will answer, as the study says it.
        shows: what the study can show.
        does_not_show: what it cannot.
    """

    compares: list[str]
    recipes: dict[str, list[tuple[str, str, str]]]
    reference: str
    claims: list[str]
    shows: list[str]
    does_not_show: list[str]


def explain(study: Study, test_rows: dict[str, int]) -> Explanation:
    """Say what a study does.

    Args:
        study: the study.
        test_rows: examples of each task's test split, as far as they are known.

    Returns:
        The explanation.
    """
    reference = study.baseline or next(iter(study.recipes))
    differences = {name: _differences(study, name, reference) for name in study.recipes}
    return Explanation(
        compares=list(_compares(study, test_rows)),
        recipes=differences,
        reference=reference,
        claims=list(study.claims),
        shows=list(_shows(study, reference, differences)),
        does_not_show=list(_does_not_show(study, reference, differences, test_rows)),
    )


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _compares(study: Study, test_rows: dict[str, int]) -> Iterator[str]:
    recipes, tasks, seeds = len(study.recipes), len(study.tasks), len(study.seeds)
    yield (
        f"{study.name} compares {_counted(recipes, 'recipe')} on {_counted(tasks, 'task')}, "
        f"each with {_counted(seeds, 'seed')}: {_counted(len(study.pairs) * seeds, 'trial')}."
    )
    for name, recipe in study.recipes.items():
        if recipe.tasks is not None:
            yield f"{name} is carried out on {', '.join(recipe.tasks)} alone."
    for name, task in study.tasks.items():
        limits = {"training": task.train_limit, "validation": task.validation_limit, "test": task.test_limit}
        drawn = [
            f"{limit} of the {split} examples" if isinstance(limit, str) else f"{limit:,} {split} examples"
            for split, limit in limits.items()
            if limit
        ]
        rows = f", {test_rows[name]:,} test examples" if name in test_rows else ""
        yield (
            f"Task {name}: {task.kind} on {task.dataset}{rows}; texts are cut at {task.max_length} tokens"
            + (f"; only {', '.join(drawn)} are drawn" if drawn else "")
            + f". {task.metric} chooses each trial's checkpoint on validation, and ranks recipes on test."
        )
    yield "Test scores are opened once, when every trial has ended, and each opening is recorded."


def _flat(recipe: Recipe) -> dict[str, str]:
    found: dict[str, str] = {}

    def add(prefix: str, value: Any) -> None:
        if isinstance(value, dict):
            for key, item in value.items():
                add(f"{prefix}.{key}" if prefix else key, item)
        elif value is not None:
            found[prefix] = str(value)

    body = recipe.model_dump(exclude={"on", "tasks"})
    for part in ("method", "loss"):
        if body.get(part):
            body[part] = {"": body[part]["name"], **body[part]["settings"]}
    if body.get("model"):
        body["model"] = recipe.model.key if recipe.model else None
    add("", body)
    return {key.rstrip("."): value for key, value in found.items()}


def _method_words(recipe: Recipe) -> str:
    words = [recipe.method.name]
    if recipe.model and recipe.loss:
        words += [f"with {recipe.model.key} and the loss {recipe.loss.name}"]
    return " ".join(words)


def _differences(study: Study, name: str, reference: str) -> list[tuple[str, str, str]]:
    found: dict[str, tuple[str, str, str]] = {}
    if (study.recipes[name].model is None) != (study.recipes[reference].model is None):
        # one trains a model and the other does not: to list every setting of the one would say nothing more
        return [("method", _method_words(study.recipes[name]), _method_words(study.recipes[reference]))]
    recipe, other = study.recipes[name], study.recipes[reference]
    shared = [task for task in study.tasks if recipe.is_on(task) and other.is_on(task)]
    pairs = [(recipe.for_task(task), other.for_task(task)) for task in shared] or [(recipe, other)]
    for here, there in ((_flat(one), _flat(another)) for one, another in pairs):
        for key in dict.fromkeys([*here, *there]):
            if here.get(key) != there.get(key):
                found.setdefault(key, (key, here.get(key, "–"), there.get(key, "–")))
    return list(found.values())


def _shows(study: Study, reference: str, differences: dict[str, list[tuple[str, str, str]]]) -> Iterator[str]:
    with_model = {name for name, recipe in study.recipes.items() if recipe.model is not None}
    both = [name for name in differences if name != reference and {name, reference} <= with_model]
    clean = {name: parts(differences[name]) for name in both if len(parts(differences[name])) == 1}
    for name, (part,) in clean.items():
        yield f"What {part} changes: {name} and {reference} are alike in all else, so a difference is due to it, or to chance."
    simple = [name for name, recipe in study.recipes.items() if recipe.model is None]
    if simple and len(simple) < len(study.recipes):
        yield f"Whether a pretrained model is worth its cost: {', '.join(simple)} does without one."
    if len(study.seeds) >= SEEDS_TO_DECIDE:
        yield f"How much scores vary by chance of start, order and dropout: {len(study.seeds)} seeds a recipe."


def parts(differences: list[tuple[str, str, str]]) -> list[str]:
    """The parts of a recipe that differ: a loss with its settings is one part, each hyperparameter another.

    Args:
        differences: as of `Explanation.recipes`.

    Returns:
        Such as `loss`, `training.learning_rate`.
    """
    return list(dict.fromkeys(key if key.startswith("training.") else key.partition(".")[0] for key, _, _ in differences))


def _does_not_show(
    study: Study, reference: str, differences: dict[str, list[tuple[str, str, str]]], test_rows: dict[str, int]
) -> Iterator[str]:
    seeds = len(study.seeds)
    if seeds == 1:
        yield "Anything about chance: with one seed no difference can be told from luck."
    elif seeds < SEEDS_TO_DECIDE:
        yield f"Small differences: {seeds} seeds a recipe tell only large ones from chance; five or more decide more."
    for name, keys in differences.items():
        several = parts(keys)
        with_model = study.recipes[name].model is not None and study.recipes[reference].model is not None
        if name != reference and len(several) > 1 and with_model:
            yield f"Which of {', '.join(several)} makes {name} better or worse than {reference}: they differ in all of them."
    if len({str(study.recipes[name].loss) for name in study.recipes if study.recipes[name].loss}) > 1:
        rates = {recipe.training.learning_rate for recipe in study.recipes.values() if recipe.training}
        if len(rates) == 1:
            yield "How good each loss is at its own best learning rate: all share one, which suits some better than others."
    for name, rows in test_rows.items():
        if rows < FEW_ROWS:
            yield f"Small differences on {name}: its test split has {rows:,} examples."
    if len(study.tasks) == 1:
        yield "What holds on other data: there is one task."
    if any(task.train_limit for task in study.tasks.values()):
        yield "What holds with all training examples: only some are drawn."
    if not study.claims:
        yield "A verdict: the study makes no claim, so it gives a ranking."
