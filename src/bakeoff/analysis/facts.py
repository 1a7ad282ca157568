"""Facts for the report that are no scores: data, environments, claims, commands."""

from __future__ import annotations

from typing import Any

import numpy as np
import yaml

from bakeoff.analysis.folder import TrialRecord
from bakeoff.analysis.model import Claim, Command, DataFacts, Environment
from bakeoff.analysis.trial_model import TrialAnalysis
from bakeoff.catalog import registry
from bakeoff.catalog.cards import DatasetCard
from bakeoff.metrics.labels import RARE_POSITIVES, imbalance_ratio, is_rare
from bakeoff.records.paths import RunFolder
from bakeoff.records.results import Outputs
from bakeoff.records.specs import TaskSpec


def describe_data(task: TaskSpec, records: list[TrialRecord], splits: dict[str, Outputs]) -> DataFacts:
    """What is known of a task's data from the run folder and the catalog.

    Args:
        task: the task.
        records: its trials.
        splits: outputs of any one trial, by split.

    Returns:
        The facts.
    """
    card = registry.cards("dataset").get(task.dataset)
    sizes = {split: len(outputs.ids) for split, outputs in splits.items()}
    trained = _training_fact(records, "train_examples", int)
    positives = {split: np.sum(outputs.gold, axis=0, dtype=int) for split, outputs in splits.items()}
    width = next((outputs.gold.shape[1] for outputs in splits.values()), 0)
    return DataFacts(
        dataset=task.dataset,
        fingerprint=task.fingerprint,
        summary=card.summary if card else "",
        source=card.source if card else "",
        terms=card.terms if isinstance(card, DatasetCard) else "",
        data_seed=task.data_seed,
        max_length=task.max_length,
        limits={"train": task.train_limit, "validation": task.validation_limit, "test": task.test_limit},
        sizes={**({} if trained is None else {"train": trained}), **sizes},
        labels=_label_names(records, card.labels if isinstance(card, DatasetCard) else (), width),
        positives={split: counts.tolist() for split, counts in positives.items()},
        rare={split: is_rare(counts).tolist() for split, counts in positives.items()},
        rare_below=RARE_POSITIVES,
        imbalance={split: imbalance_ratio(counts) for split, counts in positives.items()},
        sources=[str(name) for name in _training_fact(records, "sources", list) or []],
        long_text=task.long_text or "truncate",
    )


def _training_fact(records: list[TrialRecord], key: str, kind: type) -> Any:
    found = (record.result.training.get(key) for record in records if record.result is not None)
    return next((value for value in found if isinstance(value, kind)), None)


def _label_names(records: list[TrialRecord], known: tuple[str, ...], width: int) -> list[str]:
    """From a result, else from the dataset's card, else by number."""
    told = _training_fact(records, "labels", list)
    for names in (told, known):
        if names and len(names) == width:
            return [str(name) for name in names]
    return [f"label {index}" for index in range(width)]


def group_environments(trials: list[TrialAnalysis]) -> list[Environment]:
    """The different machines and versions that trials ran on.

    Args:
        trials: the trials.

    Returns:
        Environments in the order of their first trial, each with its trials.
    """
    groups: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for trial in trials:
        # the machine's own key wins over a fact of the same name
        facts = {**trial.environment, **trial.machine}
        if facts:
            groups.setdefault(tuple(sorted(facts.items())), []).append(trial.id)
    return [Environment(facts=dict(facts), trials=ids) for facts, ids in groups.items()]


def read_study(run: RunFolder, notes: list[str]) -> dict[str, Any]:
    """The resolved study as it stands in the run folder: for what is no part of a plan.

    Args:
        run: the run folder.
        notes: gets a line if the study cannot be read.

    Returns:
        The study; empty if it cannot be read.
    """
    if not run.study.exists():
        notes.append("study.yaml is missing: the study's claims are not known")
        return {}
    try:
        study = yaml.safe_load(run.study.read_bytes())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        notes.append(f"study.yaml cannot be read, so the study's claims are not known: {str(error).splitlines()[0]}")
        return {}
    return study if isinstance(study, dict) else {}


def read_claims(study: dict[str, Any]) -> list[Claim]:
    """The claims of a study, as text.

    Args:
        study: the resolved study.

    Returns:
        The claims in the study's order.
    """
    claims = study.get("claims")
    return [Claim(text=str(claim)) for claim in claims] if isinstance(claims, list) else []


def repeat_commands() -> list[Command]:
    """How to do all of it again, to be typed in the run folder.

    Returns:
        Command lines with their purpose.
    """
    return [
        Command(purpose="continue, and run what has not completed", line="bakeoff run study.yaml --run-dir ."),
        Command(purpose="do everything again, beside this run", line="bakeoff run study.yaml --run-dir ../again"),
        Command(purpose="make this report again", line="bakeoff report ."),
    ]
