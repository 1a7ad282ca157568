"""The quality of data: audits, and what treatments of training examples make of label counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bakeoff.errors import BakeoffError, StudyError

if TYPE_CHECKING:
    from bakeoff.data.audit.options import AuditOptions
    from bakeoff.data.dataset import Dataset
    from bakeoff.preflight.subject import Subject
    from bakeoff.records.audits import Audit
    from bakeoff.records.paths import Home
    from bakeoff.records.specs import TrialSpec

STUDY_SUFFIXES = (".yaml", ".yml")


def audit(
    name: str,
    *,
    profile: str | None = None,
    options: AuditOptions | None = None,
    told: Callable[[str], None] | None = None,
) -> list[tuple[Dataset, Audit]]:
    """Look for what is wrong with data, and keep what was found for runs and reports.

    Args:
        name: a stored dataset; or a study, whose tasks' data are looked at.
        profile: of a study, the profile laid over it.
        options: what is looked for; None means all of it.
        told: told of each part.

    Returns:
        Each dataset with its audit.

    Raises:
        DataError: if data are not here.
        StudyError: if the study has faults.
    """
    from bakeoff.data.audit.auditing import audit_dataset, keep_audit
    from bakeoff.data.audit.options import nobody
    from bakeoff.records.paths import Home

    found = []
    for dataset in _datasets(Home.default(), name, profile):
        made = audit_dataset(dataset, options, told or nobody)
        keep_audit(Home.default(), made)
        found.append((dataset, made))
    return found


def dataset_cards(name: str, *, profile: str | None = None) -> dict[str, str]:
    """Write the card of what is used: sources, terms, counts, treatments, fingerprint.

    Args:
        name: a stored dataset; or a study, whose tasks' data are told of, and what its recipes do to them.
        profile: of a study, the profile laid over it.

    Returns:
        Markdown by dataset.

    Raises:
        DataError: if data are not here.
        StudyError: if the study has faults.
    """
    from bakeoff.data.composing import compose
    from bakeoff.data.dataset_card import card_text
    from bakeoff.records.data_cards import treatment_words
    from bakeoff.records.paths import Home
    from bakeoff.study.planning import needed_compositions

    if not _is_study(Home.default(), name):
        return {dataset.name: card_text(dataset) for dataset in _datasets(Home.default(), name, profile)}
    subject = _whole(name, profile, ())
    treatments: dict[str, dict[str, str]] = {}
    for trial in subject.plan.trials if subject.plan else ():
        of = treatments.setdefault(trial.task.fingerprint, {})
        of.setdefault(trial.recipe.name, treatment_words(trial.recipe.treatment, trial.task.train_limit))
    assert subject.study is not None
    composed = [compose(subject.home, composition) for composition in needed_compositions(subject.study).values()]
    used = [one for one in (*composed, *subject.whole_datasets.values()) if one.fingerprint in treatments]
    return {dataset.name: card_text(dataset, treatments[dataset.fingerprint]) for dataset in used}


def _datasets(home: Home, name: str, profile: str | None) -> list[Dataset]:
    """The dataset of a name, or the datasets of a study's tasks, each once."""
    from bakeoff.data.store import find_dataset

    if not _is_study(home, name):
        return [find_dataset(home, name)]
    return list(_whole(name, profile, ()).whole_datasets.values())


def _is_study(home: Home, name: str) -> bool:
    from bakeoff.data.store import stored_fingerprints
    from bakeoff.study.loading import built_in_studies

    return Path(name).suffix in STUDY_SUFFIXES or (name in built_in_studies() and not stored_fingerprints(home, name))


def _whole(study: str, profile: str | None, overrides: Sequence[str]) -> Subject:
    """A study whose data are here."""
    from bakeoff.preflight.subject import Asked, gather

    subject = gather(Asked(study, profile, tuple(overrides)))
    for found in subject.datasets.values():
        if isinstance(found, BakeoffError):
            raise found
    if subject.study is None or subject.faults:
        raise StudyError(subject.faults, study)
    return subject


def drawn_labels(
    study: str, *, profile: str | None = None, overrides: Sequence[str] = (), epochs: int = 3
) -> list[dict[str, Any]]:
    """What the samplings of a study draw, before anything is trained.

    Args:
        study: path of a study file, or the name of a built-in study.
        profile: the profile laid over it.
        overrides: values laid over both, each `path.to.key=value`.
        epochs: first epochs whose draws are counted.

    Returns:
        For each recipe and task with a sampling: `recipe`, `task`, `sampling`, `seed` (the first), `rows`, `examples` an epoch
        draws, and `labels`: of each its `rows`, how often an epoch is `meant` to draw it, and `realised`, the mean over epochs.

    Raises:
        DataError: if data are not here.
        ModelError: if a model is not here.
        StudyError: if the study has faults.
    """
    subject = _whole(study, profile, overrides)
    for model in subject.models.values():
        if isinstance(model, BakeoffError):
            raise model
    assert subject.plan is not None
    datasets = {dataset.fingerprint: dataset for dataset in subject.whole_datasets.values()}
    first = subject.plan.trials[0].seed
    trials = [trial for trial in subject.plan.trials if trial.seed == first and trial.recipe.treatment]
    return [_drawn(trial, datasets[trial.task.fingerprint], epochs) for trial in trials if _sampling(trial)]


def _sampling(trial: TrialSpec) -> bool:
    return trial.recipe.treatment is not None and trial.recipe.treatment.sampling is not None


def _drawn(trial: TrialSpec, dataset: Dataset, epochs: int) -> dict[str, Any]:
    from bakeoff.data.limits import sample_rows
    from bakeoff.data.treatments.draws import label_counts, make_draws

    assert trial.recipe.treatment is not None
    assert trial.recipe.treatment.sampling is not None
    rows = sample_rows(dataset, "train", trial.task.train_limit, trial.task.data_seed)
    targets = dataset.targets("train", rows)
    draws = make_draws(trial.recipe.treatment.sampling, targets)
    parts = (label_counts(targets).tolist(), draws.aims.tolist(), draws.realised(targets, trial.seed, epochs).tolist())
    return {
        "recipe": trial.recipe.name,
        "task": trial.task.name,
        "sampling": trial.recipe.treatment.sampling.name,
        "seed": trial.seed,
        "rows": len(rows),
        "examples": draws.size,
        "labels": [
            {"label": label, "rows": count, "meant": meant, "realised": realised}
            for label, count, meant, realised in zip(dataset.labels, *parts, strict=True)
        ],
    }
