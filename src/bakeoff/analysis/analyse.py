"""`analyse`: a run folder in, one Analysis out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.analysis import gate
from bakeoff.analysis.conclusions import Before, Tested, conclude
from bakeoff.analysis.data_quality import drawn_labels, read_audit, read_card, treatments_of
from bakeoff.analysis.drift_claims import read_drift
from bakeoff.analysis.facts import describe_data, group_environments, read_claims, read_study, repeat_commands
from bakeoff.analysis.fallen import fallen_before
from bakeoff.analysis.folder import TrialRecord, chosen_phase, read_inputs, read_plans, read_trials
from bakeoff.analysis.funnel import make_funnel, read_decisions
from bakeoff.analysis.load import current_stored, write_analysis
from bakeoff.analysis.missing import missed_examples, missed_labels
from bakeoff.analysis.model import Analysis, Claim, TaskAnalysis
from bakeoff.analysis.ranking import Field, best_simple, label_ranges, rank
from bakeoff.analysis.recipes import describe_recipes, made_proposals, read_proposals, unchanging_recipes
from bakeoff.analysis.recognising import no_skill_scores, recognise
from bakeoff.analysis.scoring import Yardstick, describe_fit, fit, score_split, yardstick
from bakeoff.analysis.searches import describe_searches
from bakeoff.analysis.stopping import conclude_stopped, stopped_by
from bakeoff.analysis.trial_model import Split, TrialAnalysis
from bakeoff.analysis.trials import Scored, describe_trial
from bakeoff.errors import RunError
from bakeoff.records.mixing import choosing
from bakeoff.records.paths import RunFolder, TrialFolder
from bakeoff.records.results import Outputs
from bakeoff.records.specs import Plan, TaskSpec, TrialSpec
from bakeoff.study.methods import is_simple

Records = Mapping[str, TrialRecord]
TestOutputs = Mapping[str, Outputs] | None
"""Test outputs by trial id, or None while test stays closed."""


def analyse(run: RunFolder, *, open_test: bool = True) -> Analysis:
    """Analyse a run.

    With test opened, the opening is recorded in `looks.jsonl` and the analysis is written to `analysis.json`. Without, it
    is a passing view of a run that may still go on: scores on validation alone, nothing written.

    Args:
        run: the run folder.
        open_test: whether test is opened and scored.

    Returns:
        The analysis.

    Raises:
        UnfinishedError: if test shall be opened and a planned trial has not ended.
        RunError: if the folder is no run, or its trials were not scored on the same examples.
    """
    inputs = read_inputs(run)
    plans = read_plans(run)
    records = read_trials(run, plans)
    notes: list[str] = []
    study = read_study(run, notes)
    tests = gate.open_test(run, records, study.get("looks")) if open_test else None
    analysis = _build(_Read(run, plans, records, study, notes), tests).model_copy(update={"inputs": inputs})
    if tests is not None:
        write_analysis(run, analysis)
    return analysis


def current_analysis(run: RunFolder) -> Analysis:
    """The analysis of the run as it stands: stored if it still holds, else made anew.

    Args:
        run: the run folder.

    Returns:
        With test scores if every trial has ended, else of validation alone.
    """
    stored = current_stored(run)
    if stored is not None:
        return stored
    plans = read_plans(run)
    return analyse(run, open_test=gate.can_open(plans, read_trials(run, plans).values()))


@dataclass(frozen=True)
class Rehearsal:
    """A phase analysed as if its validation examples were the test set: what a choice and a gate rest on.

    Attributes:
        analysis: the analysis, with conclusions.
        outputs: validation outputs by trial id.
    """

    analysis: Analysis
    outputs: dict[str, Outputs]


def rehearse(run: RunFolder, phase: str) -> Rehearsal:
    """Analyse a phase as if its validation examples were the test set.

    Thresholds were tuned on those very examples, so all scores flatter. Nothing is opened, nothing written.

    Args:
        run: the run folder.
        phase: the phase.

    Returns:
        The rehearsal.
    """
    plan = read_plans(run)[phase]
    records = read_trials(run, {phase: plan})
    complete = [record for record in records.values() if record.result is not None]
    outputs = {record.spec.id: Outputs.read(record.folder.validation) for record in complete}
    notes: list[str] = []
    # declared looks are looks at test: a rehearsal is none
    study = {key: value for key, value in read_study(run, notes).items() if key != "looks"}
    return Rehearsal(_build(_Read(run, {phase: plan}, records, study, notes), outputs), outputs)


@dataclass(frozen=True)
class _Read:
    """What was read of a run folder; notes are added to."""

    run: RunFolder
    plans: dict[str, Plan]
    records: Records
    study: dict[str, Any]
    notes: list[str]


def _build(read: _Read, tests: TestOutputs) -> Analysis:
    phase = chosen_phase(read.plans)
    plan, records, study, notes = read.plans[phase], read.records, read.study, read.notes
    decisions = read_decisions(read.run, read.plans, notes)
    searches = describe_searches(read.run, read.plans, records, partial(_score_on_test, records, tests), notes)
    budgets = {**read_proposals(study), **made_proposals(searches)}
    tasks, trials = [], {}
    for task in {spec.task.name: spec.task for spec in plan.trials}.values():
        own = [records[spec.id] for spec in plan.trials if spec.task.name == task.name]
        part, described = _analyse_task(task, own, tests, plan.baseline, budgets)
        kept = {"audit": read_audit(read.run, task), "card": read_card(read.run, task)}
        tasks.append(part.model_copy(update={**kept, "treatments": treatments_of(own), "drawn": drawn_labels(own)}))
        trials.update({trial.id: trial for trial in described})
    ordered = [trials[spec.id] for spec in plan.trials]
    opened = gate.read_looks(read.run, study.get("looks"))
    claims = read_claims(study)
    conclusions = None
    if tests is not None:
        conclusions = conclude(
            study,
            Tested(tasks, ordered, tests, lambda trial: Outputs.read(records[trial.id].folder.validation)),
            Before(opened, fallen_before(decisions, plan.place), read_drift(read.run, notes)),
            notes,
        )
    elif stopping := stopped_by(decisions, ordered):
        conclusions = conclude_stopped(study, ordered, stopping, opened.sets)
    if conclusions is not None:
        claims = [Claim(text=claim.text, status=claim.answer) for claim in conclusions.claims if claim.source == "claims"]
    return Analysis(
        study=plan.study,
        profile=plan.profile,
        phase=phase,
        finished=gate.can_open(read.plans, records.values()),
        opened=tests is not None,
        looks=opened.sets,
        counts=dict(sorted(Counter(trial.state.value for trial in ordered).items())),
        tasks=tasks,
        trials=ordered,
        environments=group_environments(ordered),
        claims=claims,
        conclusions=conclusions,
        searches=searches,
        funnel=make_funnel(read.plans, records, decisions),
        commands=repeat_commands(),
        notes=notes,
        inputs={},
    )


def _analyse_task(
    task: TaskSpec, records: list[TrialRecord], tests: TestOutputs, baseline: str, proposals: Mapping[str, tuple[int, str]]
) -> tuple[TaskAnalysis, list[TrialAnalysis]]:
    measure = yardstick(task.kind, task.metric)
    trials: list[TrialAnalysis] = []
    sample: dict[str, Outputs] = {}
    no_skill: dict[str, float] = {}
    split: Split = "validation" if tests is None else "test"
    missed: dict[str, list[NDArray[np.bool_]]] = {record.spec.recipe.name: [] for record in records}
    for record in records:
        splits = _outputs(record, tests)
        check_same_examples(sample, splits, record.folder)
        if splits and not sample:
            sample = splits
            no_skill = no_skill_scores(measure, {split: outputs.judged for split, outputs in sample.items()})
        described, wrong = _analyse_trial(record, measure, splits, no_skill)
        trials.append(described)
        if wrong is not None:
            missed[record.spec.recipe.name].append(wrong)
    specs = {record.spec.recipe.name: record.spec.recipe for record in records}
    field = Field(
        trials=trials,
        recipes={name: is_simple(spec) for name, spec in specs.items()},
        measure=measure,
        split=split,
        baseline=baseline,
        unchanging=unchanging_recipes(records),
    )
    standings = rank(field)
    simple = best_simple(field)
    declared = baseline in specs
    reference = baseline if declared else simple
    data = describe_data(task, records, sample)
    return TaskAnalysis(
        name=task.name,
        kind=task.kind,
        metric=task.metric,
        bare_metric=measure.metric,
        rule=measure.rule,
        higher_is_better=measure.higher_is_better,
        split=field.split,
        data=data,
        reference=reference,
        reference_is_declared=declared,
        simple=simple,
        leader=next((standing.recipe for standing in standings if standing.rank == 1), ""),
        standings=standings,
        no_skill=no_skill,
        label_ranges=label_ranges(standings, data.labels),
        recipes=describe_recipes(list(specs.values()), reference, proposals, data.sources),
        missed=missed_examples(sample[split], data.labels, missed) if sample else [],
    ), trials


def _score_on_test(records: Records, tests: TestOutputs, trial: TrialSpec) -> float | None:
    """A trial's score on test in its task's metric, by what was fitted on validation; None while test is closed."""
    if tests is None or trial.id not in tests:
        return None
    record, measure = records[trial.id], yardstick(trial.task.kind, trial.task.metric)
    fitted = fit(measure, chosen_examples(record, Outputs.read(record.folder.validation)))
    return float(score_split(measure, tests[trial.id], fitted).scores[measure.rule][measure.metric])


def _outputs(record: TrialRecord, tests: TestOutputs) -> dict[str, Outputs]:
    if record.result is None:
        return {}
    validation = {"validation": Outputs.read(record.folder.validation)}
    return validation if tests is None else {**validation, "test": tests[record.spec.id]}


def check_same_examples(expected: Mapping[str, Outputs], found: Mapping[str, Outputs], folder: TrialFolder) -> None:
    """Refuse to compare trials that were not scored on the same examples with the same gold.

    Args:
        expected: outputs of another trial of the task by split; empty if there is none yet.
        found: outputs of this trial by split.
        folder: this trial's folder.

    Raises:
        RunError: if examples or gold differ.
    """
    for split in expected.keys() & found.keys():
        here, there = found[split], expected[split]
        accepted = [one.answers and one.answers.accepted for one in (here, there)]
        if here.ids != there.ids or not np.array_equal(here.judged, there.judged) or accepted[0] != accepted[1]:
            raise RunError(
                f"it was scored on other {split} examples than the trials before it: they cannot be compared",
                str(folder.root),
                "remove that folder and run the study again",
            )


def chosen_examples(record: TrialRecord, validation: Outputs) -> Outputs:
    """The validation outputs that thresholds are fitted on: not those of sources that the recipe is not trained on.

    Args:
        record: the trial.
        validation: its outputs on validation.

    Returns:
        All of them, or those of some sources.
    """
    treatment = record.spec.recipe.treatment
    if validation.sources is None or treatment is None or treatment.mix is None or record.result is None:
        return validation
    names = [str(name) for name in record.result.training.get("sources", [])]
    return validation.of(choosing(treatment.mix, names, validation.sources))


def _analyse_trial(
    record: TrialRecord, measure: Yardstick, splits: Mapping[str, Outputs], no_skill: Mapping[str, float]
) -> tuple[TrialAnalysis, NDArray[np.bool_] | None]:
    """A trial's part, and which labels it missed on the split that ranks; None without labels or finite outputs."""
    if not splits:
        return describe_trial(record, None), None
    fitted = fit(measure, chosen_examples(record, splits["validation"]))
    scores = {split: score_split(measure, outputs, fitted) for split, outputs in splits.items()}
    validation, opened = scores["validation"], scores.get("test")
    judged = "validation" if opened is None else "test"
    findings = recognise(measure, splits[judged], scores[judged], fitted, no_skill[judged])
    tuning = describe_fit(measure, fitted, validation, opened)
    described = describe_trial(record, Scored(validation, opened, tuning, findings))
    threshold = fitted.rules[measure.decided_rule]
    if measure.answers or not scores[judged].finite or np.isnan(threshold).any():
        return described, None
    outputs = splits[judged]
    return described, missed_labels(outputs, measure.decide(measure.read(outputs), threshold))
