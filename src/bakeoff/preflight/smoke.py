"""Smoke runs of a study: which recipes are tried, what their findings are, and what they teach of costs."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from bakeoff.preflight.findings import Check, Finding, Severity
from bakeoff.preflight.forecast import cost_key
from bakeoff.preflight.learning import learn_from_smoke
from bakeoff.preflight.readiness import Checked, Readiness
from bakeoff.preflight.shapes import read_shape
from bakeoff.preflight.subject import Subject
from bakeoff.records.results import State
from bakeoff.records.specs import Plan, TrialSpec
from bakeoff.running.plan_run import Materials, RunOrder
from bakeoff.running.smoking import Smoked, smoke_trials
from bakeoff.running.warm import WORKER_COMMAND
from bakeoff.running.watching import Limits

SMOKE = Check(
    "smoke",
    "each recipe makes two real steps, and its model gives the same logits when it is loaded again",
    "plan",
    lambda _: [],
)
SANITY = Check("sanity", "each recipe learns ten examples by heart, and trains what it should", "plan", lambda _: [])
WITHOUT_SHAPE = (
    "epochs",
    "learning_rate",
    "head_learning_rate",
    "schedule",
    "warmup",
    "weight_decay",
    "early_stopping",
    "max_skipped",
)
"""Hyperparameters that change neither what a step computes nor what it costs."""


def shape_of(trial: TrialSpec) -> str:
    """What makes two trials alike for a smoke run: all but seed, names and rates.

    Args:
        trial: the trial.

    Returns:
        A text that like trials share.
    """
    body = trial.definition
    del body["seed"]
    if body["recipe"]["training"]:
        for key in (*WITHOUT_SHAPE, "evaluations_per_epoch"):
            del body["recipe"]["training"][key]
    return json.dumps(body, sort_keys=True)


def representatives(plan: Plan) -> list[TrialSpec]:
    """One trial of each shape.

    Args:
        plan: the plan.

    Returns:
        The first of each, in the plan's order.
    """
    found: dict[str, TrialSpec] = {}
    for trial in plan.trials:
        found.setdefault(shape_of(trial), trial)
    return list(found.values())


def smoke(
    readiness: Readiness, parts: Sequence[str], told: Callable[[str], None], worker: tuple[str, ...] = WORKER_COMMAND
) -> Readiness:
    """Try each recipe shape of a study that is otherwise ready.

    Args:
        readiness: what the checks found; where they found an error, nothing is tried.
        parts: what is tried, of `measure`, `steps` and `sanity`.
        told: told what is tried.
        worker: how the worker is started.

    Returns:
        The same with what the smoke runs found. What a step costs here is kept for forecasts.
    """
    subject = readiness.subject
    checks = [check for check, part in ((SMOKE, "steps"), (SANITY, "sanity")) if part in parts]
    if not readiness.ready or subject.plan is None:
        skipped = [Checked(check, passed_over="something else stands against a run") for check in checks]
        return Readiness(subject, [*readiness.checked, *skipped])
    jobs = _jobs(subject, subject.plan, parts)
    smoked = smoke_trials(order_of(subject, subject.plan, worker), jobs, told)
    for one in smoked:
        _learn(subject, one)
    found = [_findings(one) for one in smoked]
    results = [Checked(SMOKE, [finding for steps, _ in found for finding in steps])] if "steps" in parts else []
    results += [Checked(SANITY, [finding for _, sanity in found for finding in sanity])] if "sanity" in parts else []
    return Readiness(subject, [*readiness.checked, *results])


def _jobs(subject: Subject, plan: Plan, parts: Sequence[str]) -> list[tuple[TrialSpec, list[str]]]:
    """What each shape is tried for; what a step costs is measured once for all that cost the same."""
    measured: set[str] = set()
    jobs = []
    for trial in representatives(plan):
        if trial.made_of:
            continue  # there is nothing yet that it could be made of
        key = subject.forecast_of(trial).key.digest
        left_out = {"measure"} if key in measured else set()
        if trial.recipe.model is None or trial.recipe.devices > 1:
            left_out = {"measure", "sanity"}  # both look at the training of one process
        else:
            measured.add(key)
        wanted = [part for part in parts if part not in left_out]
        jobs += [(trial, wanted)] if wanted else []
    return jobs


def order_of(subject: Subject, plan: Plan, worker: tuple[str, ...]) -> RunOrder:
    """The run that smoke runs would belong to.

    Args:
        subject: study, data and models.
        plan: its plan.
        worker: how the worker is started.

    Returns:
        The order.
    """
    assert subject.study is not None
    limits = subject.study.limits
    return RunOrder(
        run=subject.run,
        home=subject.home,
        plan=plan,
        study_yaml="",
        materials=Materials(
            datasets={found.fingerprint: found.folder for found in subject.whole_datasets.values()},
            models={found.spec.fingerprint: found.folder for found in subject.whole_models.values()},
        ),
        limits=Limits(trial=limits.trial, stall=limits.stall, collective=limits.collective),
        worker=worker,
    )


def _learn(subject: Subject, one: Smoked) -> None:
    facts = one.outcome.facts.get("measure")
    model = one.trial.recipe.model
    if facts and model:
        folders = {found.spec.fingerprint: found.folder for found in subject.whole_models.values()}
        learn_from_smoke(subject.home, cost_key(one.trial, read_shape(folders[model.fingerprint])), facts)


def _findings(one: Smoked) -> tuple[list[Finding], list[Finding]]:
    """Findings of the steps, and of the sanity check."""
    name = f"recipe {one.trial.recipe.name} on {one.trial.task.name}"
    where = f"recipes.{one.trial.recipe.name}"
    outcome = one.outcome
    if outcome.state is not State.COMPLETE:
        remedy = (
            outcome.remedy or f"bakeoff run STUDY --only recipe={one.trial.recipe.name} --executor inline shows all it prints"
        )
        failed = Finding(
            Severity.ERROR,
            " ".join(f"{name} cannot be run: {outcome.reason}".split()),
            str(outcome.state),
            "two steps that complete",
            " ".join(remedy.split()),
            where,
        )
        return [failed], []
    steps, sanity = [
        [
            Finding(Severity.ERROR, f"{name}: {fault['what']}", fault["found"], fault["needed"], fault["remedy"], where)
            for fault in outcome.facts.get("faults", {}).get(part, [])
        ]
        for part in ("steps", "sanity")
    ]
    return steps, sanity
