"""defaults < recipe < on < --set, profiles, and what --set can reach."""

from __future__ import annotations

import pytest
from study_files import TASKS, FaultsOf, Load

from bakeoff.study.model import Study

LAYERS = """\
tasks: {one: {dataset: demo}, two: {dataset: demo, max_length: 64}}
defaults: {training: {epochs: 5, batch_size: 16, learning_rate: 2e-4}}
recipes:
  plain: {loss: bce}
  own: {training: {epochs: 7}}
  both: {training: {epochs: 7}, on: {two: {training: {epochs: 9}}}}
seeds: [1, 2, 3]
profiles:
  quick:
    tasks: {two: {train_limit: 100}}
    defaults: {training: {epochs: 1}}
    seeds: [8]
"""


def epochs(study: Study, recipe: str, task: str = "one") -> int:
    training = study.recipes[recipe].for_task(task).training
    assert training is not None
    return training.epochs


def test_the_built_in_defaults_are_the_lowest(load: Load) -> None:
    recipe = load(TASKS + "recipes: {a: {}}\n").recipes["a"]
    assert recipe.model is not None
    assert recipe.loss is not None
    assert recipe.training is not None
    assert (recipe.model.name, recipe.method.name, recipe.loss.name, recipe.pooling) == ("minilm-l6", "full", "bce", "mean")
    assert recipe.training.model_dump() == {
        "epochs": 3,
        "batch_size": 32,
        "micro_batch_size": "auto",
        "learning_rate": 1e-4,
        "head_learning_rate": None,
        "schedule": "cosine",
        "warmup": 0.1,
        "weight_decay": 0.01,
        "clip_norm": 1.0,
        "precision": "auto",
        "gradient_checkpointing": False,
        "evaluations_per_epoch": 1,
        "early_stopping": None,
        "dropout": None,
        "threads": "auto",
        "max_skipped": 20,
    }


def test_defaults_then_recipe_then_on(load: Load) -> None:
    study = load(LAYERS)
    assert epochs(study, "plain") == 5
    assert epochs(study, "own") == 7
    assert epochs(study, "both", "one") == 7
    assert epochs(study, "both", "two") == 9
    training = study.recipes["both"].for_task("two").training
    assert training is not None
    assert (training.batch_size, training.learning_rate) == (16, 2e-4)


def test_set_holds_against_recipe_and_on(load: Load) -> None:
    study = load(LAYERS, overrides=["recipes.both.training.epochs=2"])
    assert (epochs(study, "both", "one"), epochs(study, "both", "two")) == (2, 2)
    study = load(LAYERS, overrides=["recipes.both.training.epochs=2", "recipes.both.on.two.training.epochs=4"])
    assert (epochs(study, "both", "one"), epochs(study, "both", "two")) == (2, 4)


def test_a_component_that_set_names_holds_against_on(load: Load, more_cards: None) -> None:
    text = TASKS + "recipes: {a: {on: {demo: {loss: {name: pairloss, gamma: 1}}}}}\n"
    losses = [load(text, overrides=chosen).recipes["a"].for_task("demo").loss for chosen in ([], ["recipes.a.loss=bce"])]
    assert [loss.name for loss in losses if loss] == ["pairloss", "bce"]


def test_set_of_a_default_reaches_those_that_do_not_say_otherwise(load: Load) -> None:
    study = load(LAYERS, overrides=["defaults.training.epochs=2"])
    assert (epochs(study, "plain"), epochs(study, "own"), epochs(study, "both", "two")) == (2, 7, 9)


def test_the_last_set_counts(load: Load) -> None:
    assert load(LAYERS, overrides=["data_seed=1", "data_seed=2"]).data_seed == 2


def test_a_profile_merges_mappings_and_replaces_lists(load: Load) -> None:
    study = load(LAYERS, "quick")
    assert study.profile == "quick"
    assert study.seeds == [8]
    assert (study.tasks["two"].train_limit, study.tasks["two"].max_length) == (100, 64)
    assert study.tasks["one"].train_limit is None
    assert (epochs(study, "plain"), epochs(study, "own")) == (1, 7)
    assert load(LAYERS).seeds == [1, 2, 3]
    assert load(LAYERS).profile == ""


def test_set_is_laid_over_the_profile(load: Load) -> None:
    study = load(LAYERS, "quick", ["defaults.training.epochs=4", "seeds=[5, 6]"])
    assert (epochs(study, "plain"), study.seeds) == (4, [5, 6])


def test_a_profile_can_mend_and_can_break(load: Load, faults_of: FaultsOf) -> None:
    text = TASKS + "recipes: {a: {}}\nbaseline: a\nprofiles:\n  good: {seeds: [1]}\n  bad:\n    baseline: b\n"
    for chosen in (None, "good", "bad"):
        (fault,) = faults_of(text, chosen)
        assert (fault.line, fault.key) == (7, "profiles.bad.baseline")
    mended = TASKS + "recipes: {a: {}}\nbaseline: b\nprofiles:\n  good: {baseline: a}\n  other: {seeds: [1]}\n"
    assert load(mended, "good").baseline == "a"


def test_a_profiles_fault_that_needs_the_base_is_found_at_the_profile(faults_of: FaultsOf) -> None:
    (fault,) = faults_of(TASKS + "recipes: {a: {}}\nprofiles:\n  p:\n    defaults: {training: {micro_batch_size: 5}}\n")
    assert (fault.line, fault.key) == (5, "profiles.p.defaults.training.micro_batch_size")


def test_an_unknown_profile(faults_of: FaultsOf) -> None:
    (fault,) = faults_of(LAYERS, "quik")
    assert (fault.file, fault.value, fault.suggestion) == ("--profile", "quik", "quick")


@pytest.mark.parametrize(
    ("written", "value"),
    [("bce", "bce"), ("{name: bce}", "bce"), ("pairloss", "pairloss"), ("{name: pairloss, gamma: 1}", "pairloss")],
)
def test_a_component_of_another_name_takes_the_place_of_the_whole(
    load: Load, more_cards: None, written: str, value: str
) -> None:
    study = load(TASKS + f"defaults: {{loss: {{name: pairloss, gamma: 5}}}}\nrecipes: {{a: {{loss: {written}}}}}\n")
    loss = study.recipes["a"].loss
    assert loss is not None
    assert loss.name == value
    expected = {"bce": None, "pairloss": 5.0, "{name: pairloss, gamma: 1}": 1.0}
    assert loss.settings.get("gamma") == expected.get(written)


def test_settings_without_a_name_merge_onto_the_component_below(load: Load, more_cards: None) -> None:
    text = (
        TASKS
        + "defaults: {loss: pairloss, method: ranked}\nrecipes: {a: {loss: {gamma: 1}, on: {demo: {method: {rank: 2}}}}}\n"
    )
    recipe = load(text).recipes["a"]
    assert recipe.loss is not None
    assert recipe.loss.settings == {"gamma": 1.0, "clip": 0.05}
    assert recipe.method.settings == {"rank": 8}
    assert recipe.for_task("demo").method.settings == {"rank": 2}


def test_set_addresses_components(load: Load, more_cards: None) -> None:
    text = TASKS + "recipes: {a: {loss: pairloss}, b: {loss: bce}}\n"
    study = load(text, overrides=["recipes.a.loss.gamma=3", "recipes.b.loss={name: pairloss, clip: 0}"])
    a, b = study.recipes["a"].loss, study.recipes["b"].loss
    assert a is not None
    assert b is not None
    assert a.settings == {"gamma": 3.0, "clip": 0.05}
    assert b.settings == {"gamma": 2.0, "clip": 0.0}
    changed = load(text, overrides=["recipes.a.loss=bce"]).recipes["a"].loss
    assert changed is not None
    assert (changed.name, changed.settings.keys() & {"gamma", "clip"}) == ("bce", set())


def test_set_reads_yaml_types(load: Load) -> None:
    study = load(LAYERS, overrides=["defaults.training.learning_rate=1e-3", "limits.trial=null", "name=on", "keep='none'"])
    training = study.recipes["plain"].training
    assert training is not None
    assert (training.learning_rate, study.limits.trial, study.name, study.keep) == (1e-3, None, "on", "none")


def test_set_reaches_names_with_dots_and_recipes_of_the_matrix(load: Load) -> None:
    text = TASKS + "recipes: {v1.5: {}}\nmatrix: {loss: [bce]}\n"
    study = load(text, overrides=["recipes.v1.5.training.epochs=2", "recipes.bce.training.epochs=4"])
    assert (epochs(study, "v1.5", "demo"), epochs(study, "bce", "demo")) == (2, 4)


WRONG = {
    "unknown key": ("keeep=best", "keeep", "unknown key", "keep"),
    "unknown nested": ("defaults.training.epoch=1", "defaults.training.epoch", "unknown key", "epochs"),
    "unknown branch": ("limitz.trial=1h", "limitz", "unknown key", "limits"),
    "unknown recipe": ("recipes.plane.loss=bce", "recipes.plane.loss", "none of the study's recipes", "plain"),
    "unknown task": ("tasks.on.max_length=9", "tasks.on.max_length", "none of the study's tasks", "one"),
    "wrong type": ("defaults.training.epochs=many", "defaults.training.epochs", "wrong type", ""),
    "wrong name": ("recipes.plain.loss=bcee", "recipes.plain.loss", "no loss", "bce"),
    "through a list": ("seeds.0=1", "seeds.0", "no mapping", ""),
    "through a scalar": ("recipes.own.training.epochs.x=1", "recipes.own.training.epochs.x", "no mapping", ""),
    "no value": ("keep", "keep", "not an assignment", ""),
    "no key": ("=1", "", "not an assignment", ""),
    "empty part": ("a..b=1", "a..b", "not an assignment", ""),
    "profiles": ("profiles.quick.seeds=[1]", "profiles.quick.seeds", "before --set", ""),
    "bad YAML": ("seeds=[1", "seeds", "not valid YAML", ""),
    "duplicate": ("limits={retries: 1, retries: 2}", "limits.retries", "twice", ""),
    "matrix": ("matrix.los=[bce]", "matrix.los", "unknown key", "loss"),
}


@pytest.mark.parametrize(("argument", "key", "problem", "suggestion"), WRONG.values(), ids=list(WRONG))
def test_a_wrong_set_is_a_fault_of_the_command_line(
    faults_of: FaultsOf, argument: str, key: str, problem: str, suggestion: str
) -> None:
    (fault,) = faults_of(LAYERS, None, [argument])
    assert (fault.file, fault.line, fault.key, fault.suggestion) == ("--set", 0, key, suggestion)
    assert problem in fault.problem


def test_faults_of_file_and_command_line_come_together(faults_of: FaultsOf) -> None:
    faults = faults_of(LAYERS + "keep: bets\n", None, ["nonsense", "data_seed=-1"])
    assert [fault.file.rpartition("/")[2] for fault in faults] == ["study.yaml", "--set", "--set"]


def test_on_as_a_key_is_a_text(load: Load) -> None:
    assert (
        epochs(load(TASKS + "recipes:\n  a:\n    on:\n      demo:\n        training:\n          epochs: 6\n"), "a", "demo") == 6
    )


def test_pooling_is_the_cards_unless_stated(load: Load, tmp_path: object) -> None:
    study = load(TASKS + "recipes: {a: {}, b: {pooling: first}, c: {pooling: null}}\n")
    assert [recipe.pooling for recipe in study.recipes.values()] == ["mean", "first", "mean"]


def test_a_method_without_model_gets_no_defaults_of_the_training_loop(load: Load) -> None:
    recipe = load(TASKS + "defaults: {model: minilm-l6, training: {epochs: 2}}\nrecipes: {a: {method: tfidf}}\n").recipes["a"]
    assert (recipe.model, recipe.loss, recipe.pooling, recipe.training) == (None, None, None, None)
    assert recipe.method.settings["ngrams"] == 2
