"""`matrix`: recipes by product."""

from __future__ import annotations

from study_files import COMMIT, TASKS, FaultsOf, Load


def names(load: Load, matrix: str, recipes: str = "{}") -> list[str]:
    return list(load(TASKS + f"recipes: {recipes}\nmatrix: {matrix}\n").recipes)


def test_one_axis_names_recipes_after_their_entry(load: Load, more_cards: None) -> None:
    assert names(load, "{loss: [bce, pairloss]}") == ["bce", "pairloss"]


def test_more_axes_make_the_product(load: Load, more_cards: None) -> None:
    assert names(load, "{loss: [bce, pairloss], model: [minilm-l6]}") == ["minilm-l6-bce", "minilm-l6-pairloss"]
    assert names(load, "{method: [full, ranked], loss: [bce, pairloss]}") == [
        "full-bce",
        "full-pairloss",
        "ranked-bce",
        "ranked-pairloss",
    ]


def test_settings_stand_in_the_name(load: Load, more_cards: None) -> None:
    text = TASKS + "matrix: {loss: [pairloss, {name: pairloss, gamma: 4}, {name: pairloss, gamma: 4, clip: 1e-2}]}\n"
    study = load(text)
    assert list(study.recipes) == ["pairloss", "pairloss-gamma4", "pairloss-gamma4-clip1e-2"]
    gammas = [recipe.loss.settings["gamma"] for recipe in study.recipes.values() if recipe.loss]
    assert gammas == [2.0, 4.0, 4.0]


def test_hub_models_and_folders_are_called_by_their_last_part(load: Load, tmp_path: object) -> None:
    assert names(load, f"{{model: [org/thing@{COMMIT}, {{name: org/other, revision: {COMMIT}}}]}}") == ["thing", "other"]


def test_a_method_without_model_is_added_once(load: Load, more_cards: None) -> None:
    study = load(TASKS + "matrix: {method: [full, tfidf], loss: [bce, pairloss]}\n")
    assert list(study.recipes) == ["full-bce", "full-pairloss", "tfidf"]
    assert study.recipes["tfidf"].model is None


def test_recipes_of_the_file_come_first_and_keep_their_names(load: Load) -> None:
    assert names(load, "{loss: [bce]}", "{mine: {}}") == ["mine", "bce"]
    assert names(load, "{}", "{mine: {}}") == ["mine"]


def test_a_baseline_can_be_a_recipe_of_the_matrix(load: Load) -> None:
    assert load(TASKS + "matrix: {loss: [bce]}\nbaseline: bce\n").baseline == "bce"


def test_names_that_collide_are_faults(faults_of: FaultsOf) -> None:
    (fault,) = faults_of(TASKS + "recipes: {bce: {}}\nmatrix: {loss: [bce]}\n")
    assert (fault.line, fault.key) == (3, "matrix")
    assert "'bce'" in fault.problem
    same = f"matrix: {{model: [a/thing@{COMMIT}, b/thing@{COMMIT}]}}\n"
    (fault,) = faults_of(TASKS + same)
    assert "two recipes 'thing'" in fault.problem


def test_faults_of_an_entry_stand_at_the_entry_once(faults_of: FaultsOf) -> None:
    faults = faults_of(TASKS + "matrix:\n  model: [minilm-l6]\n  loss:\n    - bce\n    - bcee\n")
    assert [(fault.line, fault.key, fault.suggestion) for fault in faults] == [(6, "matrix.loss[1]", "bce")]


def test_wrong_axes_are_faults(faults_of: FaultsOf) -> None:
    faults = faults_of(TASKS + "recipes: {a: {}}\nmatrix: {los: [bce], loss: [], model: minilm-l6}\n")
    assert {fault.key for fault in faults} == {"matrix.los", "matrix.loss", "matrix.model"}


def test_set_and_profile_reach_the_matrix_before_it_is_expanded(load: Load, more_cards: None) -> None:
    text = TASKS + "matrix: {loss: [bce]}\nprofiles: {wide: {matrix: {loss: [bce, pairloss]}}}\n"
    assert list(load(text, "wide").recipes) == ["bce", "pairloss"]
    assert list(load(text, overrides=["matrix.loss=[pairloss]"]).recipes) == ["pairloss"]
