"""Checks of methods: settings within what their cards call safe."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bakeoff.catalog import registry
from bakeoff.data.external import decisions
from bakeoff.data.limits import sample_rows
from bakeoff.errors import BakeoffError
from bakeoff.preflight.findings import Check, Finding, Severity
from bakeoff.preflight.subject import Subject, whole_shapes
from bakeoff.records.limits import rows_within
from bakeoff.records.predictions import read_predictions
from bakeoff.study.external import EXTERNAL


def look_at_rates(subject: Subject) -> Iterator[Finding]:
    """Whether learning rates are within what is safe for method and model.

    Args:
        subject: what is looked at.

    Yields:
        A warning for each recipe whose rate is above.
    """
    assert subject.study is not None
    sizes = {request: shape.parameters for request, _, shape in whole_shapes(subject)}
    seen: set[tuple[str, float]] = set()
    for name, _, recipe in subject.study.pairs:
        if recipe.training is None or recipe.model is None:
            continue
        rate, size = recipe.training.learning_rate, sizes.get(recipe.model, 0)
        for safe in registry.method(recipe.method.name).safe_rates:
            if rate > safe.most and size >= safe.parameters and (name, rate) not in seen:
                seen.add((name, rate))
                large = f" with a model of {size / 1e6:,.0f} million parameters" if safe.parameters else ""
                yield Finding(
                    Severity.WARNING,
                    f"the learning rate of {name} is {rate:g}: {recipe.method.name}{large} often fails above {safe.most:g}",
                    f"{rate:g}",
                    f"at most {safe.most:g} ({safe.source})",
                    f"--set recipes.{name}.training.learning_rate={safe.most:g}",
                    f"recipes.{name}.training.learning_rate",
                )


def look_at_predictions(subject: Subject) -> Iterator[Finding]:
    """Whether files of predictions hold what their recipes need of them.

    Args:
        subject: what is looked at.

    Yields:
        An error for each file that cannot be read, or lacks examples, seeds or labels.
    """
    assert subject.study is not None
    for name, task, recipe in subject.study.pairs:
        entry = subject.study.tasks[task]
        dataset = subject.whole_datasets.get(entry.dataset)
        if recipe.method.name != EXTERNAL or dataset is None:
            continue
        settings = recipe.method.settings
        try:
            found = read_predictions(Path(settings["file"]))
            for split, limit in (("validation", entry.validation_limit), ("test", entry.test_limit)):
                rows = sample_rows(dataset, split, rows_within(limit, dataset.size(split)), subject.study.data_seed)
                for seed in subject.study.seeds:
                    decisions(found, dataset, split, rows, seed, settings["deterministic"])
        except BakeoffError as error:
            wanted = "predictions for every seed, for validation and test"
            yield Finding(
                Severity.ERROR, f"{name}: {error.what}", error.where, wanted, error.remedy, f"recipes.{name}.method.file"
            )


CHECKS = (
    Check("rates", "learning rates are within what is safe for method and model", "study", look_at_rates),
    Check("predictions", "files of predictions hold what their recipes need", "study", look_at_predictions),
)
