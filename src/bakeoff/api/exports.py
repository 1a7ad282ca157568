"""Exports: a trained model in forms that others can load, each verified against the original, with a model card."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bakeoff.api.served import EXPORTED, Choice, find_trial, served_trial
from bakeoff.errors import DataError, RunError

if TYPE_CHECKING:
    from bakeoff.analysis.folder import TrialRecord
    from bakeoff.analysis.model import Analysis
    from bakeoff.records.paths import AttemptFolder, RunFolder
    from bakeoff.records.serving import Served, Verification

EXPORT_FORMS = ("merged", "adapter", "onnx", "onnx-int8")
ORIGINAL = "original"
CARD = "README.md"
EXACT = 1e-4
"""What an output of a form in float32 may be off by, over the largest output."""
LOSS = 0.01
"""By how much the task's metric may be worse than the original's."""


@dataclass(frozen=True)
class ExportOptions:
    """How a model is exported.

    Attributes:
        forms: of `merged`, `adapter`, `onnx`, `onnx-int8`.
        to: the folder; several forms stand below it. None means `exports/` of the run.
        tolerance: what an output of a form in float32 may be off by, over the largest output.
        allowed_loss: by how much the task's metric on validation may be worse than the original's.
        threads: CPU threads; None means all that this process may use.
    """

    forms: tuple[str, ...] = ("merged",)
    to: Path | None = None
    tolerance: float = EXACT
    allowed_loss: float = LOSS
    threads: int | None = None


@dataclass(frozen=True)
class Exported:
    """An export that stands and holds.

    Attributes:
        form: which.
        folder: where.
        bytes: size of its files.
        verification: how it compares with the original.
    """

    form: str
    folder: Path
    bytes: int
    verification: Verification


@dataclass
class _Course:
    """One export under way."""

    run: RunFolder
    record: TrialRecord
    served: Served
    options: ExportOptions
    folder: AttemptFolder
    analysis: Analysis
    targets: dict[str, Path] = field(default_factory=dict)


def export(
    target: str | Path | None = None,
    choice: Choice | None = None,
    options: ExportOptions | None = None,
    told: Callable[[str], None] | None = None,
) -> list[Exported]:
    """Write a model that a run has kept in forms that others can load.

    Every form is loaded again as others would, asked the validation examples, and compared with the original. One that is off
    by more than is allowed is refused, and nothing is put into place.

    Args:
        target: a run, `:recipe` behind it if need be; None means the newest.
        choice: what the target does not say.
        options: how.
        told: told what is being done.

    Returns:
        The exports, in the order of the forms.

    Raises:
        RunError: if an export is off by more than is allowed, its folder holds something else, or there is no such model.
        DataError: if the dataset is not here: an export that cannot be verified is none.
        MissingPackageError: if a package that a form needs is not installed.
    """
    from bakeoff.analysis.analyse import current_analysis
    from bakeoff.records.paths import AttemptFolder, Home

    chosen, how = choice or Choice(), options or ExportOptions()
    run, record = find_trial(target, chosen)
    served = served_trial(run, record, chosen.rule)
    _check_forms(how.forms)
    _import_all()
    # what the card tells is found out before the job, which takes minutes: a fault of the run's costs none of them
    folder = AttemptFolder(Home.default().jobs / f"export-{secrets.token_hex(4)}")
    course = _Course(run, record, served, how, folder, current_analysis(run))
    course.targets = _targets(course)
    _run(course, told)
    found = [_finish(course, form) for form in how.forms]
    done = [_place(course, form, body) for form, body in zip(how.forms, found, strict=True)]
    shutil.rmtree(course.folder.root)
    return done


def _import_all() -> None:
    """Import what comes after the job before it: a package that is upgraded meanwhile would be half of each version."""
    import bakeoff.analysis.verifying
    import bakeoff.report.model_card  # noqa: F401


def _check_forms(forms: Sequence[str]) -> None:
    wrong = next((form for form in forms if form not in EXPORT_FORMS), None)
    if wrong is not None or not forms or len(set(forms)) < len(forms):
        problem = f"there is no form {wrong!r}" if wrong is not None else "name each form once"
        raise RunError(problem, "--form", f"of {', '.join(EXPORT_FORMS)}")


def _targets(course: _Course) -> dict[str, Path]:
    """Where each form will stand; a folder that holds something else is not touched."""
    trial, forms, to = course.record.spec.id, course.options.forms, course.options.to
    if to is None:
        targets = {form: export_folder(course.run, trial, form) for form in forms}
    else:
        targets = {form: to.absolute() if len(forms) == 1 else to.absolute() / form for form in forms}
    for folder in targets.values():
        if folder.exists() and not (folder / EXPORTED).is_file() and (not folder.is_dir() or any(folder.iterdir())):
            raise RunError("this folder is not empty, and no export", str(folder), "name a new one with --to")
    return targets


def export_folder(run: RunFolder, trial: str, form: str) -> Path:
    """Where an export stands when nobody says otherwise.

    Args:
        run: the run.
        trial: id of the trial.
        form: the form.

    Returns:
        `exports/<task>-<recipe>-s<seed>/<form>` of the run.
    """
    return run.exports / trial.rpartition("-")[0] / form


def _run(course: _Course, told: Callable[[str], None] | None) -> None:
    from bakeoff.data.store import find_dataset
    from bakeoff.records.environment import available_cores
    from bakeoff.records.paths import Home
    from bakeoff.records.serving import ExportOrder
    from bakeoff.records.specs import JobSpec
    from bakeoff.running import warm
    from bakeoff.running.oneoff import run_job

    spec = course.record.spec
    try:
        dataset = find_dataset(Home.default(), spec.task.dataset, spec.task.fingerprint).folder
    except DataError as error:
        raise DataError(f"an export is verified on validation, and {error.what}", error.where, error.remedy) from error
    asked: dict[str, Any] = {
        "models": [course.served],
        "threads": course.options.threads or available_cores(),
        "forms": list(course.options.forms),
        "dataset": str(dataset),
        "validation": str(course.record.folder.validation),
    }
    ExportOrder.model_validate(asked).write(course.folder.order)
    job = JobSpec(kind="export", id=course.folder.root.name)

    def pass_on(record: dict[str, Any], _: float) -> None:
        if told is not None and record.get("event") == "note":
            told(str(record["text"]))

    run_job(course.folder, job, warm.WORKER_COMMAND, pass_on)


def _finish(course: _Course, form: str) -> dict[str, Any]:
    """Verify what the job made; nothing is put into place before every form holds."""
    from bakeoff.analysis.verifying import Allowed, check_export, verify_export
    from bakeoff.catalog import registry
    from bakeoff.records.results import Outputs, file_entry

    product, options, spec = course.folder.product, course.options, course.record.spec
    sides = Outputs.read(product / f"{ORIGINAL}.npz"), Outputs.read(product / f"{form}.npz")
    allowed = Allowed(None if form == "onnx-int8" else options.tolerance, options.allowed_loss)
    verification = verify_export(spec.task, course.served.decision, sides, allowed)
    check_export(form, verification, registry.metric(spec.task.metric.partition("@")[0]).higher_is_better)
    made = product / form
    manifest = {path.name: file_entry(path) for path in sorted(made.iterdir())}
    return {"verification": verification, "manifest": manifest}


def _place(course: _Course, form: str, body: dict[str, Any]) -> Exported:
    import bakeoff
    from bakeoff.records.files import move_into_place, write_bytes
    from bakeoff.records.serving import Export
    from bakeoff.report.model_card import model_card

    served, made = course.served, course.folder.product / form
    record = Export.model_validate(
        {
            "name": served.name,
            "form": form,
            **{key: getattr(served, key) for key in ("trial", "seed", "task", "recipe", "decision", "pairs")},
            **body,
            "bakeoff": bakeoff.__version__,
        }
    )
    record.write(made / EXPORTED)
    card = model_card(record, _purpose(made), course.analysis)
    write_bytes(made / CARD, card.encode("utf-8", "replace"))
    target = course.targets[form]
    target.parent.mkdir(parents=True, exist_ok=True)
    # the home may be on another disk: what is renamed into place stands beside it already
    staged = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    shutil.copytree(made, staged)
    move_into_place(staged, target)
    return Exported(form, target, sum(path.stat().st_size for path in target.iterdir()), body["verification"])


def _purpose(made: Path) -> str:
    """Which kind of class of transformers a folder is for, by its configuration."""
    import json

    configuration = made / "config.json"
    if not configuration.is_file():
        adapter = json.loads((made / "adapter_config.json").read_text(encoding="utf-8"))
        return {"SEQ_CLS": "sequence", None: "question"}.get(adapter["task_type"], "token")
    (name,) = json.loads(configuration.read_text(encoding="utf-8")).get("architectures") or [""]
    if "QuestionAnswering" in name:
        return "question"
    return "sequence" if "SequenceClassification" in name else "token"
