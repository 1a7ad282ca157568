"""Plans: order, ids, what is resolved, what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from study_files import COMMIT, Load

from bakeoff.catalog.registry import cards
from bakeoff.errors import StudyError
from bakeoff.records.specs import ModelSpec, Plan, TrialSpec
from bakeoff.study.loading import find_study, load_study
from bakeoff.study.methods import is_simple
from bakeoff.study.model import ModelRequest, Study
from bakeoff.study.planning import (
    DatasetFacts,
    MachineFacts,
    PlanFacts,
    make_plan,
    needed_compositions,
    needed_datasets,
    needed_models,
)

MACHINE = MachineFacts(cores=2, bf16=False)
DATASETS = {name: DatasetFacts(name, f"{name}-print", ("joy", "fear")) for name in cards("dataset")}
MODELS = {"minilm-l6": ModelSpec(name="minilm-l6", fingerprint="m1", family="bert")}
STUDY = """\
name: first
tasks: {demo: {dataset: demo}}
recipes:
  bce: {loss: bce}
  words: {method: tfidf}
baseline: words
seeds: [3, 1]
"""


def planned(study: Study, machine: MachineFacts = MACHINE, models: dict[str, ModelSpec] = MODELS) -> Plan:
    composed = {name: DatasetFacts(name, f"print of {name}", ("joy", "fear")) for name in needed_compositions(study)}
    return make_plan(study, {**DATASETS, **composed}, models, machine)


def hashes(plan: Plan) -> list[str]:
    return [trial.definition_hash for trial in plan.trials]


def one(plan: Plan, recipe: str = "bce") -> TrialSpec:
    return next(trial for trial in plan.trials if trial.recipe.name == recipe)


def test_trials_come_seed_by_seed_in_the_order_of_the_file(load: Load) -> None:
    plan = planned(load(STUDY))
    assert [(trial.seed, trial.recipe.name) for trial in plan.trials] == [(3, "bce"), (3, "words"), (1, "bce"), (1, "words")]
    assert (plan.study, plan.baseline, plan.profile, plan.phase) == ("first", "words", "", "final")


def test_auto_is_resolved(load: Load) -> None:
    training = one(planned(load(STUDY))).recipe.training
    assert training is not None
    assert (training.precision, training.threads, training.micro_batch_size) == ("fp32", 2, 32)
    assert training.head_learning_rate == 1e-3
    fast = one(planned(load(STUDY), MachineFacts(cores=8, bf16=True))).recipe.training
    assert fast is not None
    assert (fast.precision, fast.threads) == ("bf16", 8)


def test_what_is_stated_is_not_resolved(load: Load) -> None:
    stated = "{precision: fp32, threads: 3, micro_batch_size: 8, head_learning_rate: 5e-4}"
    text = STUDY.replace("bce: {loss: bce}", f"bce: {{training: {stated}}}")
    training = one(planned(load(text), MachineFacts(8, True))).recipe.training
    assert training is not None
    assert (training.precision, training.threads, training.micro_batch_size, training.head_learning_rate) == (
        "fp32",
        3,
        8,
        5e-4,
    )


def test_ten_times_the_rate_is_the_number_a_person_would_write(load: Load) -> None:
    implied = STUDY.replace("loss: bce", "training: {learning_rate: 3e-5}")
    stated = STUDY.replace("loss: bce", "training: {learning_rate: 3e-5, head_learning_rate: 3e-4}")
    assert hashes(planned(load(implied))) == hashes(planned(load(stated)))


NOTHING_CHANGES = {
    "comments and order of keys": lambda text: "# hello\n" + text.replace("name: first\n", "") + "name: first # x\n",
    "study's name": lambda text: text.replace("first", "second"),
    "recipe's name": lambda text: text.replace("bce: {", "cross-entropy: {"),
    "task's name": lambda text: text.replace("{demo: {", "{forum: {"),
    "a default, written out": lambda text: text.replace(
        "loss: bce", "loss: {name: bce}, training: {epochs: 3, learning_rate: 0.0001}"
    ),
    "limits and keep": lambda text: text + "keep: none\nlimits: {trial: 9h}\n",
    "claims, expectations, verdict": lambda text: (
        text + "claims: [bce beats words]\nexpect: {bce: {f1_macro: [0, 1]}}\nverdict: {green: all trials complete}\n"
    ),
    "baseline": lambda text: text.replace("baseline: words", "baseline: bce"),
    "training defaults in place of a recipe's": lambda text: text + "defaults: {training: {batch_size: 32}}\n",
    "the matrix in place of a recipe": lambda text: text.replace("  bce: {loss: bce}\n", "") + "matrix: {loss: [bce]}\n",
}


@pytest.mark.parametrize("change", NOTHING_CHANGES.values(), ids=list(NOTHING_CHANGES))
def test_what_defines_no_number_changes_no_definition(load: Load, change: object) -> None:
    assert callable(change)
    text = change(STUDY)
    assert text != STUDY
    assert sorted(hashes(planned(load(text)))) == sorted(hashes(planned(load(STUDY))))


CHANGES = {
    "epochs": "defaults.training.epochs=4",
    "batch": "defaults.training.batch_size=16",
    "micro-batch": "defaults.training.micro_batch_size=16",
    "rate": "defaults.training.learning_rate=2e-4",
    "head rate": "defaults.training.head_learning_rate=2e-4",
    "schedule": "defaults.training.schedule=linear",
    "warm-up": "defaults.training.warmup=0",
    "decay": "defaults.training.weight_decay=0",
    "clipping": "defaults.training.clip_norm=0",
    "precision": "defaults.training.precision=bf16",
    "checkpointing": "defaults.training.gradient_checkpointing=true",
    "evaluations": "defaults.training.evaluations_per_epoch=2",
    "early stopping": "defaults.training.early_stopping=2",
    "dropout": "defaults.training.dropout=0",
    "threads": "defaults.training.threads=1",
    "skipped": "defaults.training.max_skipped=1",
    "pooling": "defaults.pooling=first",
    "loss": "defaults.loss=pairloss",
    "method": "defaults.method=ranked",
    "metric": "tasks.demo.metric=f1_micro",
    "length": "tasks.demo.max_length=64",
    "train limit": "tasks.demo.train_limit=10",
    "validation limit": "tasks.demo.validation_limit=10",
    "test limit": "tasks.demo.test_limit=10",
    "dataset": "tasks.demo.dataset=goemotions",
    "data seed": "data_seed=1",
    "seed": "seeds=[4]",
}


@pytest.mark.parametrize("argument", CHANGES.values(), ids=list(CHANGES))
def test_what_defines_a_number_changes_the_id(load: Load, more_cards: None, argument: str) -> None:
    text = STUDY.replace("bce: {loss: bce}", "bce: {}")
    before, after = one(planned(load(text))), one(planned(load(text, overrides=[argument])))
    assert before.definition_hash != after.definition_hash
    assert before.id != after.id


def test_settings_of_a_component_and_what_the_world_gives_change_the_id(load: Load, more_cards: None) -> None:
    study = load(STUDY)
    before = one(planned(study)).id
    words = one(planned(study), "words").id
    assert one(planned(load(STUDY, overrides=["recipes.words.method.ngrams=1"])), "words").id != words
    assert one(planned(study, models={"minilm-l6": MODELS["minilm-l6"].model_copy(update={"fingerprint": "m2"})})).id != before
    other = {"demo": replace(DATASETS["demo"], fingerprint="changed")}
    assert one(make_plan(study, other, MODELS, MACHINE)).id != before
    assert one(planned(study, MachineFacts(4, False))).id != before
    # what trains no model does not depend on the machine
    assert one(planned(study, MachineFacts(4, True)), "words").id == words


def test_adding_a_seed_a_recipe_a_task_or_a_profile_keeps_the_other_ids(load: Load) -> None:
    before = {trial.id for trial in planned(load(STUDY)).trials}
    grown = STUDY.replace("[3, 1]", "[3, 1, 5]").replace("recipes:", "recipes:\n  wide: {training: {epochs: 9}}")
    grown = (
        grown.replace("{demo: {dataset: demo}}", "{more: {dataset: goemotions}, demo: {dataset: demo}}")
        + "profiles: {p: {seeds: [1]}}\n"
    )
    after = {trial.id for trial in planned(load(grown)).trials}
    assert before < after
    assert len(after) == 3 * 3 * 2


def test_growing_a_matrix_keeps_the_other_ids(load: Load, more_cards: None) -> None:
    text = STUDY.partition("recipes:")[0] + "matrix: {loss: [bce], method: [full]}\n"
    before = {trial.id for trial in planned(load(text)).trials}
    after = {
        trial.id for trial in planned(load(text.replace("[bce]", "[bce, pairloss]").replace("[full]", "[full, ranked]"))).trials
    }
    assert before < after


def test_on_changes_the_trials_of_its_task_alone(load: Load) -> None:
    text = STUDY.replace("{demo: {dataset: demo}}", "{demo: {dataset: demo}, go: {dataset: goemotions}}")
    changed = text.replace("{loss: bce}", "{loss: bce, on: {go: {training: {epochs: 9}}}}")
    before, after = ({trial.id for trial in planned(load(one_text)).trials} for one_text in (text, changed))
    assert {trial.split("-")[0] for trial in before - after} == {"go"}
    assert len(before - after) == 2


def test_a_recipe_is_carried_out_on_the_tasks_that_it_names(load: Load, tmp_path: Path) -> None:
    tasks = "{demo: {dataset: demo}, squad: {dataset: squad_v2}, go: {dataset: goemotions}}"
    recipes = "full: {}\n  words: {method: tfidf, tasks: [go, demo]}\n  none: {method: all-no-answer, tasks: [squad]}"
    study = load(f"tasks: {tasks}\nrecipes:\n  {recipes}\nbaseline: words\nseeds: [1]\n")
    pairs = [(trial.recipe.name, trial.task.name) for trial in planned(study).trials]
    everywhere = [("full", task) for task in ("demo", "squad", "go")]
    assert pairs == [*everywhere, ("words", "demo"), ("words", "go"), ("none", "squad")]
    assert study.recipes["words"].on == {}
    again = tmp_path / "again.yaml"
    again.write_text(study.resolved_yaml())
    assert [trial.id for trial in planned(load_study(again)).trials] == [trial.id for trial in planned(study).trials]


def test_what_is_done_with_long_texts_is_part_of_a_task(load: Load) -> None:
    plain = one(planned(load(STUDY)))
    tasks = "{demo: {dataset: demo, max_length: 90, LONG}}"
    found = {}
    for how in ("long_text: truncate", "long_text: head-tail", "long_text: windows", "long_text: windows, stride: 10"):
        text = STUDY.replace("{demo: {dataset: demo}}", tasks.replace("LONG", how))
        trial = one(planned(load(text)))
        found[how] = trial.definition_hash
        assert trial.task.stride == (None if "windows" not in how else 10 if "stride" in how else 30)
    assert len(set(found.values())) == 4
    assert one(planned(load(STUDY.replace("dataset: demo}", "dataset: demo, long_text: truncate}")))).id == plain.id


def test_what_is_needed(load: Load) -> None:
    text = STUDY.replace("words:", f"hub: {{model: org/x@{COMMIT}}}\n  same: {{}}\n  words:")
    study = load(text)
    assert needed_datasets(study) == ["demo"]
    assert needed_models(study) == [ModelRequest(name="minilm-l6"), ModelRequest(name="org/x", revision=COMMIT)]
    spec = ModelSpec(name="org/x", revision=COMMIT, fingerprint="x", family="roberta")
    for key in ("org/x", f"org/x@{COMMIT}"):
        assert one(planned(study, models={**MODELS, key: spec}), "hub").recipe.model == spec


def test_a_phase_has_a_plan_of_its_own(load: Load) -> None:
    study = load(STUDY + "phases: [{name: screen, seeds: 1, choose: {top: 1}}, {name: final}]\n")
    facts = PlanFacts(DATASETS, MODELS, MACHINE)
    first = facts.first_plan(study)
    assert (first.phase, first.place, first.last, first.tested) == ("screen", 1, False, False)
    last = facts.plan(study.rounds[1].study, "final", 2)
    assert (last.phase, last.place, last.last, last.tested) == ("final", 2, True, True)
    assert not {trial.id for trial in first.trials} & {trial.id for trial in last.trials}


@pytest.mark.parametrize("family", ["deberta", "deberta-v2"])
def test_deberta_is_never_trained_in_fp16(load: Load, family: str) -> None:
    models = {"minilm-l6": MODELS["minilm-l6"].model_copy(update={"family": family})}
    text = STUDY + "defaults:\n  training:\n    precision: fp16\n"
    with pytest.raises(StudyError) as caught:
        planned(load(text), models=models)
    (fault,) = caught.value.faults
    assert (fault.line, fault.key, fault.value) == (10, "defaults.training.precision", "fp16")
    training = one(planned(load(text))).recipe.training
    assert training is not None
    assert training.precision == "fp16"
    planned(load(STUDY), models=models)


def test_the_plan_is_written_and_read_back(load: Load, tmp_path: Path) -> None:
    plan = planned(load(STUDY))
    plan.write(tmp_path / "final.json")
    assert Plan.read(tmp_path / "final.json") == plan


def test_two_trials_never_share_an_id(load: Load) -> None:
    text = "tasks: {a-b: {dataset: demo}, a: {dataset: demo}}\nrecipes: {c: {}, b-c: {}}\nseeds: [1]\n"
    with pytest.raises(StudyError, match="fault") as caught:
        planned(load(text))
    assert "share an id" in caught.value.faults[0].problem


RESOLVABLE = """\
name: "no"
tasks: {go: {dataset: goemotions, train_limit: 9}, demo: {dataset: demo}}
defaults: {training: {learning_rate: 3e-5, early_stopping: 2}, loss: pairloss}
recipes:
  a: {loss: {gamma: 1e-5}, on: {go: {training: {epochs: 5, learning_rate: 1e-3}, method: {rank: 3}}}, method: ranked}
  folder: {model: ./here}
  words: {method: tfidf}
matrix: {loss: [bce, pairloss]}
baseline: a
claims: ["a beats words by 10% on demo", "every trial completes"]
expect: {a: {f1_macro@0.2: [0.1, 1]}}
verdict: {green: main claim supported}
limits: {trial: null, stall: 90s, disk_reserve: 3GiB}
keep: all
profiles: {p: {seeds: [4], data_seed: 7}}
"""


def test_the_resolved_study_means_the_same_anywhere(load: Load, more_cards: None, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    study = load(RESOLVABLE, "p", ["recipes.words.method.c=0.5"])
    elsewhere = tmp_path / "else where" / "study.yaml"
    elsewhere.parent.mkdir()
    elsewhere.write_text(study.resolved_yaml())
    again = load_study(elsewhere)
    models = {request.key: MODELS["minilm-l6"].model_copy(update={"name": request.key}) for request in needed_models(study)}
    assert [trial.id for trial in planned(again, models=models).trials] == [
        trial.id for trial in planned(study, models=models).trials
    ]
    assert {**again.model_dump(), "path": study.path, "profile": "p"} == study.model_dump()
    assert again.resolved_yaml() == study.resolved_yaml()


SHIPPED = [find_study("demo"), *sorted((Path(__file__).parents[2] / "studies").glob("*.yaml"))]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_studies_can_be_planned(path: Path) -> None:
    plan = planned(load_study(path))
    # a ranking without a baseline says little
    assert plan.baseline in {trial.recipe.name for trial in plan.trials}
    assert any(is_simple(trial.recipe) for trial in plan.trials)


def test_the_quick_profile_of_the_shipped_study() -> None:
    path = next(path for path in SHIPPED if path.stem == "goemotions-bce")
    quick, full = load_study(path, "quick"), load_study(path)
    assert (quick.seeds, quick.tasks["goemotions"].train_limit) == ([42, 1337], 4000)
    assert (len(full.seeds), full.tasks["goemotions"].train_limit) == (5, None)
    epochs = [study.recipes["bce"].training.epochs for study in (quick, full) if study.recipes["bce"].training]
    assert epochs == [1, 3]
