"""Phases and sweeps as a study declares them: what the study is in each phase, its seeds, and faults at their lines."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from study_files import TASKS, FaultsOf, Load

from bakeoff.errors import StudyError
from bakeoff.study.loading import load_study
from bakeoff.study.phasing import fresh_seeds
from bakeoff.study.proposing import with_settings
from bakeoff.study.reading import read_text
from bakeoff.study.rounds import Phase

PHASED = """\
name: losses
tasks: {demo: {dataset: demo, train_limit: 900}}
defaults: {training: {epochs: 3}}
recipes:
  a: {loss: bce}
  b: {loss: focal, training: {epochs: 4}, on: {demo: {training: {warmup: 0.3}}}}
  words: {method: tfidf}
baseline: words
seeds: [1, 2, 3]
claims: [a beats b]
profiles:
  small: {tasks: {demo: {train_limit: 100}}, defaults: {training: {epochs: 1}}, claims: [a beats words], limits: {trial: 5m}}
  whole: {tasks: {demo: {train_limit: null}}}
  laptop: {tasks: {demo: {max_length: 32}}}
phases:
  - {name: screen, profile: small, seeds: 2, choose: {top: 1, by: f1_macro@0.2}, gate: yellow}
  - {name: final, profile: whole}
"""
SWEPT = """\
name: rates
tasks: {demo: {dataset: demo}, go: {dataset: goemotions}}
recipes: {a: {loss: bce}, lora: {method: lora}, words: {method: tfidf}}
seeds: [1, 2]
sweep:
  recipes: [a, lora]
  space: {training.learning_rate: {log_uniform: [1e-5, 1e-3]}, training.batch_size: {choices: [16, 32]}}
  spaces:
    - recipes: [lora]
      space: {method.rank: {integers: [1, 8]}, method.alpha: {choices: [1.0, 16.0], when: {method.rank: [8]}}}
    - {tasks: [go], space: {training.batch_size: null}}
  proposals: 3
"""


def test_a_phase_is_the_study_with_its_profile_and_seeds(load: Load) -> None:
    study = load(PHASED, "laptop", ["defaults.training.batch_size=8"])
    screen, final = study.rounds
    assert (screen.phase.name, final.phase.name) == ("screen", "final")
    assert [one.study.tasks["demo"].train_limit for one in study.rounds] == [100, None]
    assert {one.study.tasks["demo"].max_length for one in study.rounds} == {32}
    epochs = [[recipe.training.epochs for recipe in one.study.recipes.values() if recipe.training] for one in study.rounds]
    assert epochs == [[1, 4], [3, 4]]
    sizes = {r.training.batch_size for one in study.rounds for r in one.study.recipes.values() if r.training}
    assert sizes == {8}
    assert (screen.study.claims, final.study.claims) == (["a beats words"], ["a beats b"])
    assert screen.study.limits.trial == 300
    assert final.study.seeds == [1, 2, 3]
    assert len(screen.study.seeds) == 2
    assert not set(screen.study.seeds) & {1, 2, 3}
    assert {one.study.profile for one in study.rounds} == {"laptop"}


def test_a_study_of_one_round_has_a_final_phase(load: Load) -> None:
    study = load(TASKS + "recipes: {a: {}}\n")
    (only,) = study.rounds
    assert only.phase == Phase(name="final")
    assert only.study is study


def test_a_sweep_without_phases_is_followed_by_a_final_phase(load: Load) -> None:
    study = load(SWEPT)
    search, final = study.rounds
    assert (search.phase, final.phase) == (Phase(name="sweep", sweep=True), Phase(name="final"))
    assert final.study.seeds == [1, 2]
    assert final.study.sweep is None
    seeds = [*search.study.seeds, *search.again, *final.study.seeds]
    assert len(set(seeds)) == len(seeds) == 5
    assert search.study.sweep is not None
    assert list(search.study.sweep.space_of("a", "demo")) == ["training.learning_rate", "training.batch_size"]
    assert list(search.study.sweep.space_of("lora", "go")) == ["training.learning_rate", "method.rank", "method.alpha"]


@pytest.mark.parametrize(("text", "profile"), [(PHASED, "laptop"), (SWEPT, None)], ids=["phases", "sweep"])
def test_the_resolved_study_has_the_same_rounds(load: Load, tmp_path: Path, text: str, profile: str | None) -> None:
    study = load(text, profile)
    resolved = tmp_path / "run" / "study.yaml"
    resolved.parent.mkdir()
    resolved.write_text(study.resolved_yaml())
    again = load_study(resolved)
    assert again.resolved_yaml() == study.resolved_yaml()
    for one, other in zip(study.rounds, again.rounds, strict=True):
        assert one.study.recipes == other.study.recipes
        assert one.study.tasks == other.study.tasks
        assert (one.study.seeds, one.study.claims, one.again) == (other.study.seeds, other.study.claims, other.again)
        assert one.phase.model_copy(update={"profile": None, "seeds": None}) == other.phase.model_copy(
            update={"profile": None, "seeds": None}
        )


def test_proposed_settings_make_a_recipe_by_the_rules_of_all_recipes(load: Load) -> None:
    study = load(SWEPT)
    found = with_settings(study, {("lora", "go"): {"training.learning_rate": 2e-4, "method.rank": 3}})
    there, here = found.recipes["lora"].for_task("go"), found.recipes["lora"].for_task("demo")
    assert there.training is not None
    assert (there.training.learning_rate, there.method.settings["rank"]) == (2e-4, 3)
    assert here.model_copy(update={"on": {}}) == study.recipes["lora"]
    assert found.recipes["a"] is study.recipes["a"]
    # one after another, and the later holds
    twice = with_settings(found, {("lora", "go"): {"training.learning_rate": 5e-4}})
    training = twice.recipes["lora"].for_task("go").training
    assert training is not None
    assert training.learning_rate == 5e-4
    assert twice.recipes["lora"].for_task("go").method.settings["rank"] == 3
    with pytest.raises(StudyError, match="out of range"):
        with_settings(study, {("lora", "go"): {"training.learning_rate": -1.0}})


@given(st.integers(1, 30), st.text("abc/", max_size=5), st.sets(st.integers(0, 50)))
def test_fresh_seeds_are_fresh(count: int, name: str, taken: set[int]) -> None:
    found = fresh_seeds(count, name, taken)
    assert len(set(found)) == count
    assert not set(found) & taken
    assert found == fresh_seeds(count, name, taken)
    assert all(0 <= seed < 1_000_000 for seed in found)


TWO = TASKS + "seeds: [1]\nrecipes: {a: {}, b: {method: lora}}\n"
SPACE = "space: {training.warmup: {uniform: [0, 0.5]}}"
FAULTY = {
    "choose nothing": ("phases: [{name: x, choose: {}, seeds: 1}, {name: y}]", "phases[0].choose", "which recipes go on"),
    "choose by": ("phases: [{name: x, choose: {top: 1, by: f2}, seeds: 1}, {name: y}]", "phases[0].choose.by", "no metric"),
    "last gate": ("phases: [{name: x, gate: green}]", "phases[0].gate", "nothing follows"),
    "old seeds": ("phases: [{name: x}, {name: y}]", "phases[1]", "chooses with the seed 1"),
    "old seeds of a phase": ("phases: [{name: x}, {name: y, seeds: [2, 1]}]", "phases[1].seeds", "chooses with the seed 1"),
    "sweep without one": ("phases: [{name: x, sweep: true}, {name: y}]", "phases[0].sweep", "has no sweep"),
    "sweep nobody carries out": (
        f"phases: [{{name: x, seeds: 1}}, {{name: y}}]\nsweep: {{recipes: [a], {SPACE}, proposals: 1}}",
        "sweep",
        "no phase carries",
    ),
    "sweep in the end": (
        f"phases: [{{name: x, sweep: true}}]\nsweep: {{recipes: [a], {SPACE}, proposals: 1}}",
        "phases[0].sweep",
        "searches no more",
    ),
    "gate of a sweep": (
        f"phases: [{{name: x, sweep: true, gate: green}}, {{name: y}}]\nsweep: {{recipes: [a], {SPACE}, proposals: 1}}",
        "phases[0].gate",
        "a search has no verdict",
    ),
    "two sweeps": (
        f"phases: [{{name: x, sweep: true}}, {{name: z, sweep: true}}, {{name: y}}]\n"
        f"sweep: {{recipes: [a], {SPACE}, proposals: 1}}",
        "phases[1].sweep",
        "another phase has",
    ),
    "seeds of a sweep": (
        f"phases: [{{name: x, sweep: true, seeds: 2}}, {{name: y}}]\nsweep: {{recipes: [a], {SPACE}, proposals: 1}}",
        "phases[0].seeds",
        "stand in the sweep",
    ),
    "endless": (f"sweep: {{recipes: [a], {SPACE}}}", "sweep.proposals", "never end"),
    "empty": ("sweep: {recipes: [a], proposals: 2}", "sweep.space", "nothing is searched for a on demo"),
    "no distribution": (
        "sweep: {recipes: [a], space: {training.warmup: {}}, proposals: 2}",
        "sweep.space.training.warmup",
        "miss",
    ),
    "two distributions": (
        "sweep: {recipes: [a], space: {training.warmup: {uniform: [0, 0.1], choices: [0]}}, proposals: 2}",
        "sweep.space.training.warmup",
        "two distributions",
    ),
    "upside down": (
        "sweep: {recipes: [a], space: {training.warmup: {uniform: [0.2, 0.1]}}, proposals: 2}",
        "sweep.space.training.warmup.uniform",
        "not below",
    ),
    "twice": (
        "sweep: {recipes: [a], space: {training.epochs: {choices: [1, 1]}}, proposals: 2}",
        "sweep.space.training.epochs.choices",
        "stands twice",
    ),
    "unknown setting": (
        "sweep: {recipes: [a], space: {training.warmupp: {uniform: [0, 0.1]}}, proposals: 2}",
        "sweep.space.training.warmupp.uniform[0]",
        "unknown key",
    ),
    "out of range": (
        "sweep: {recipes: [a], space: {training.warmup: {uniform: [0, 1]}}, proposals: 2}",
        "sweep.space.training.warmup.uniform[1]",
        "out of range",
    ),
    "not of the method": (
        "sweep: {recipes: [a], space: {method.rank: {choices: [4]}}, proposals: 2}",
        "sweep.space.method.rank.choices[0]",
        "unknown key",
    ),
    "no loss": (
        "sweep: {recipes: [a], space: {loss: {choices: [bcee]}}, proposals: 2}",
        "sweep.space.loss.choices[0]",
        "no loss",
    ),
    "grid of the continuous": (
        "sweep: {recipes: [a], sampler: grid, space: {training.warmup: {uniform: [0, 0.1]}}, proposals: 2}",
        "sweep.space.training.warmup.uniform",
        "a grid has",
    ),
    "condition": (
        "sweep: {recipes: [a], space: {training.warmup: {uniform: [0, 0.1], when: {loss: [bce]}}}, proposals: 2}",
        "sweep.space.training.warmup.when.loss",
        "no setting of this space",
    ),
    "circle": (
        "sweep: {recipes: [a], proposals: 2, space: {loss: {choices: [bce], when: {training.warmup: [0]}},"
        " training.warmup: {choices: [0], when: {loss: [bce]}}}}",
        "sweep.space.loss",
        "hangs on itself",
    ),
    "sampler": (f"sweep: {{recipes: [a], {SPACE}, proposals: 2, sampler: tpee}}", "sweep.sampler", "no such choice"),
    "profile of a phase": (
        "profiles: {p: {keep: all}}\nphases: [{name: x, profile: p, seeds: 1}, {name: y}]",
        "phases[0].profile",
        "cannot change keep",
    ),
    "fault in the profile of a phase": (
        "profiles: {p: {defaults: {training: {epoch: 1}}}}\nphases: [{name: x, profile: p, seeds: 1}, {name: y}]",
        "profiles.p.defaults.training.epoch",
        "unknown key",
    ),
}


@pytest.mark.parametrize(("more", "key", "problem"), FAULTY.values(), ids=list(FAULTY))
def test_each_fault_is_found_at_its_place(faults_of: FaultsOf, more: str, key: str, problem: str) -> None:
    faults = faults_of(TWO + more + "\n")
    found = {fault.key: fault for fault in faults}
    assert key in found, [str(fault) for fault in faults]
    assert problem in found[key].problem
    assert found[key].line >= 4
    assert found[key].allowed
    assert len(faults) <= 2


def test_every_distribution_of_the_words_is_tried_on_each_recipe(faults_of: FaultsOf) -> None:
    space = "{method.rank: {choices: [4]}, training.batch_size: {choices: [16, 0]}}"
    keys = {fault.key for fault in faults_of(TWO + f"sweep: {{recipes: [a, b], proposals: 1, space: {space}}}\n")}
    assert keys == {"sweep.space.method.rank.choices[0]", "sweep.space.training.batch_size.choices[1]"}


def test_profiles_of_phases_are_read_once_a_phase(load: Load) -> None:
    text = PHASED.replace("profile: whole", "profile: small, seeds: [9]")
    first, second = load(text).rounds
    assert first.study.recipes == second.study.recipes
    assert second.study.seeds == [9]
    assert list(chain(read_text(load(text).resolved_yaml(), "f")[0].at("profiles").entries)) == ["screen", "final"]  # type: ignore[union-attr]


BEST = """\
best: 1
study: rates
recipes:
  lora: {method: {name: lora, rank: 3}, on: {demo: {training: {learning_rate: 2e-4}}, other: {training: {epochs: 9}}}}
tuned: {lora: {proposals: 15, source: the sweep of rates}}
"""


def test_a_recipe_is_what_a_sweep_found(load: Load, tmp_path: Path) -> None:
    (tmp_path / "best.yaml").write_text(BEST)
    text = TASKS + "recipes: {lora: {best: best.yaml}, mine: {best: 'best.yaml#lora', training: {epochs: 7}}}\n"
    study = load(text)
    lora, mine = (study.recipes[name].for_task("demo") for name in ("lora", "mine"))
    assert lora.training is not None
    assert mine.training is not None
    assert (lora.method.settings["rank"], lora.training.learning_rate) == (3, 2e-4)
    assert (mine.training.epochs, mine.training.learning_rate) == (7, 2e-4)
    assert study.tuned["lora"].proposals == study.tuned["mine"].proposals == 15
    assert "best:" not in study.resolved_yaml()


@pytest.mark.parametrize(
    ("best", "problem"),
    [
        ("none.yaml", "cannot be read"),
        ("best.yaml#lra", "no recipe 'lra' stands there"),
        ("other.yaml", "no recipes stand there"),
    ],
)
def test_what_no_sweep_found_is_a_fault(faults_of: FaultsOf, tmp_path: Path, best: str, problem: str) -> None:
    (tmp_path / "best.yaml").write_text(BEST)
    (tmp_path / "other.yaml").write_text("study: x\n")
    (fault,) = faults_of(TASKS + f"recipes: {{lora: {{best: '{best}'}}}}\n")
    assert (fault.line, fault.key) == (2, "recipes.lora.best")
    assert problem in fault.problem
