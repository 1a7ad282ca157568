"""All faults at once, each with line, key, value, what is allowed, and the nearest spelling."""

from __future__ import annotations

from pathlib import Path

import pytest
from study_files import COMMIT, TASKS, FaultsOf, Load

from bakeoff.catalog import registry
from bakeoff.catalog.cards import DatasetCard, TaskCard
from bakeoff.errors import StudyError
from bakeoff.study.loading import find_study

MANY = """\
bakeoff: 1
name: two words
tasks:
  demo:
    dataset: dmeo
    metric: f1_makro
    max_length: long
  other: {dataset: demo, kind: multilabl, train_limit: 0}
  third: {metric: f1_macro}
defaults:
  trainingg: {epochs: 1}
  training: {schedule: cosin}
recipes:
  a: {loss: bcee}
  a: {loss: bce}
  b: {method: {name: tfidf, ngram: 2, min_df: 0}, model: minilm-l6}
  c: {model: org/thing, on: {dmo: {training: {epochs: 1}}}}
  d: {model: ./nowhere}
  e: {training: {learning_rate: no, warmup: 1.0}}
baseline: g
seeds: [1, 1, -2]
profiles:
  quick: {defaults: {training: {epoch: 1}}}
phases: [{name: screen, profile: quik, choose: {top: 99}}, {name: final}]
expect: {a: {f1_macro: [0.5, 0.4], f1_makro@0.2: [0, 1]}}
limits: {trial: 2x, stall: 10}
keep: bets
"""
LONG_TEXTS = """\
tasks:
  demo: {dataset: demo, long_text: window}
  short: {dataset: demo, stride: 9}
  squad: {dataset: squad_v2, long_text: windows}
  emotions: {dataset: goemotions, long_text: windows, stride: 90}
recipes:
  a: {}
  b: {tasks: [emotions], treatment: {augmentation: token-noise}}
"""
LONG_EXPECTED = {
    (2, "tasks.demo.long_text"): ("no such choice", "windows"),
    (3, "tasks.short.stride"): ("only tasks of the kind qa have windows", ""),
    (4, "tasks.squad.long_text"): ("contexts of questions are always read in windows", ""),
    (5, "tasks.emotions.stride"): ("hardly move on", ""),
    (8, "recipes.b.treatment"): ("texts of emotions are read in windows", ""),
}
TASKS_OF_RECIPES = """\
tasks: {demo: {dataset: demo}, squad: {dataset: squad_v2}}
recipes:
  a: {tasks: [demo, sqad]}
  b: {tasks: [demo, demo], on: {squad: {training: {epochs: 1}}}}
  c: {method: tfidf}
  d: {tasks: []}
claims: [a beats c on squad]
"""
TASKS_EXPECTED = {
    (3, "recipes.a.tasks[1]"): ("names a task that the study does not have", "squad"),
    (4, "recipes.b.tasks[1]"): ("the task stands twice", ""),
    (4, "recipes.b.on.squad"): ("not carried out on this task", ""),
    (5, "recipes.c.method"): ("the method tfidf is not for qa tasks such as squad", ""),
    (6, "recipes.d.tasks"): ("too short", ""),
    (7, "claims[0]"): ("a is not carried out on squad", ""),
}
EXPECTED = {
    (2, "name"): ("not a usable name", ""),
    (5, "tasks.demo.dataset"): ("no dataset", "demo"),
    (6, "tasks.demo.metric"): ("no metric", "f1_macro"),
    (7, "tasks.demo.max_length"): ("wrong type", ""),
    (8, "tasks.other.kind"): ("no kind of task", "multilabel"),
    (8, "tasks.other.train_limit"): ("out of range", ""),
    (9, "tasks.third.dataset"): ("missing", ""),
    (11, "defaults.trainingg"): ("unknown key", "training"),
    (12, "defaults.training.schedule"): ("no such choice", "cosine"),
    (14, "recipes.a.loss"): ("no loss", "bce"),
    (15, "recipes.a"): ("twice", ""),
    (16, "recipes.b.method.ngram"): ("unknown key", "ngrams"),
    (16, "recipes.b.method.min_df"): ("out of range", ""),
    (16, "recipes.b.model"): ("needs no model", ""),
    (17, "recipes.c.model"): ("needs a revision", ""),
    (17, "recipes.c.on.dmo"): ("names a task", "demo"),
    (18, "recipes.d.model"): ("no such folder", ""),
    (19, "recipes.e.training.learning_rate"): ("wrong type", ""),
    (19, "recipes.e.training.warmup"): ("out of range", ""),
    (20, "baseline"): ("no recipe", ""),
    (21, "seeds[1]"): ("twice", ""),
    (21, "seeds[2]"): ("out of range", ""),
    (23, "profiles.quick.defaults.training.epoch"): ("unknown key", "epochs"),
    (24, "phases[0].profile"): ("no profile", "quick"),
    (24, "phases[0].choose.top"): ("more recipes", ""),
    (25, "expect.a.f1_macro"): ("lowest", ""),
    (25, "expect.a.f1_makro@0.2"): ("no metric", "f1_macro"),
    (26, "limits.trial"): ("unknown unit", ""),
    (26, "limits.stall"): ("unit is missing", ""),
    (27, "keep"): ("no such choice", "best"),
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [(MANY, EXPECTED), (TASKS_OF_RECIPES, TASKS_EXPECTED), (LONG_TEXTS, LONG_EXPECTED)],
    ids=["many", "tasks", "long texts"],
)
def test_a_file_with_many_faults_reports_every_one_once(
    faults_of: FaultsOf, tmp_path: Path, text: str, expected: dict[tuple[int, str], tuple[str, str]]
) -> None:
    faults = faults_of(text)
    found = {(fault.line, fault.key): fault for fault in faults}
    assert set(found) == set(expected)
    assert len(faults) == len(expected)
    for place, (problem, suggestion) in expected.items():
        fault = found[place]
        assert problem in fault.problem
        assert fault.suggestion == suggestion
        assert fault.allowed
        assert fault.file == str(tmp_path / "study.yaml")
    assert [fault.line for fault in faults] == sorted(fault.line for fault in faults)


def test_the_message_gives_what_where_and_remedy(load: Load, tmp_path: Path) -> None:
    with pytest.raises(StudyError) as caught:
        load(TASKS + "recipes: {a: {loss: bcee}}\n")
    text = str(caught.value)
    assert f"{tmp_path}/study.yaml:2: recipes.a.loss: no loss has this name (found bcee)" in text
    assert "did you mean: bce" in text
    assert "the study has 1 fault\n" in text
    assert "remedy: " in text


CASES = {
    "no tasks": ("recipes: {a: {loss: bce}}\n", "tasks", "missing"),
    "no recipes": (TASKS, "recipes", "no recipe"),
    "empty recipes": (TASKS + "recipes: {}\n", "recipes", "no recipe"),
    "later version": (TASKS + "bakeoff: 2\nrecipes: {a: {}}\n", "bakeoff", "no such choice"),
    "null training": (TASKS + "recipes: {a: {training: null}}\n", "recipes.a.training", "wrong type: null"),
    "bool for int": (
        TASKS + "recipes: {a: {training: {epochs: true}}}\n",
        "recipes.a.training.epochs",
        "wrong type: a truth value",
    ),
    "float for int": (TASKS + "recipes: {a: {training: {epochs: 1.5}}}\n", "recipes.a.training.epochs", "wrong type"),
    "infinite": (
        TASKS + "recipes: {a: {training: {learning_rate: .inf}}}\n",
        "recipes.a.training.learning_rate",
        "out of range",
    ),
    "nan": (TASKS + "recipes: {a: {training: {weight_decay: .nan}}}\n", "recipes.a.training.weight_decay", "out of range"),
    "micro": (
        TASKS + "recipes: {a: {training: {micro_batch_size: 5}}}\n",
        "recipes.a.training.micro_batch_size",
        "does not divide the batch size 32",
    ),
    "devices": (
        TASKS + "recipes: {a: {devices: 3, training: {micro_batch_size: 16}}}\n",
        "recipes.a.devices",
        "has 2 micro-batches, and each device needs one",
    ),
    "large seed": (TASKS + "seeds: [4294967296]\nrecipes: {a: {}}\n", "seeds[0]", "out of range"),
    "no seeds": (TASKS + "seeds: []\nrecipes: {a: {}}\n", "seeds", "too short"),
    "like names": (TASKS + "recipes: {a-b: {}, A_b: {}}\n", "recipes.A_b", "too like"),
    "bad recipe name": (TASKS + "recipes: {'../x': {}}\n", "recipes.../x", "not a usable name"),
    "empty component": (TASKS + "recipes: {a: {loss: ''}}\n", "recipes.a.loss", "too short"),
    "loss by number": (TASKS + "recipes: {a: {loss: 5}}\n", "recipes.a.loss", "wrong type"),
    "unused default": (TASKS + "defaults: {loss: bcee}\nrecipes: {a: {loss: bce}}\n", "defaults.loss", "no loss"),
    "modelless training": (
        TASKS + "recipes: {a: {method: tfidf, training: {epochs: 1}}}\n",
        "recipes.a.training",
        "takes no training",
    ),
    "modelless on": (
        TASKS + "recipes: {a: {method: tfidf, on: {demo: {loss: bce}}}}\n",
        "recipes.a.on.demo.loss",
        "takes no loss",
    ),
    "method on": (TASKS + "recipes: {a: {on: {demo: {method: tfidf}}}}\n", "recipes.a.on.demo.method", "one method"),
    "expect recipe": (TASKS + "recipes: {a: {}}\nexpect: {b: {f1_macro: [0, 1]}}\n", "expect.b", "no recipe"),
    "expect threshold": (
        TASKS + "recipes: {a: {}}\nexpect: {a: {f1_macro@2: [0, 1]}}\n",
        "expect.a.f1_macro@2",
        "not a threshold",
    ),
    "expect length": (TASKS + "recipes: {a: {}}\nexpect: {a: {f1_macro: [0, 1, 2]}}\n", "expect.a.f1_macro", "too long"),
    "last choice": (
        TASKS + "recipes: {a: {}}\nphases: [{name: one, choose: {top: 1}}]\n",
        "phases[0].choose",
        "no phase to choose for",
    ),
    "same phases": (TASKS + "recipes: {a: {}}\nphases: [{name: one}, {name: one}]\n", "phases[1].name", "two phases"),
    "sweep recipe": (
        TASKS + "recipes: {a: {}}\nsweep: {recipes: [b], space: {x: {uniform: [0, 1]}}, proposals: 1}\n",
        "sweep.recipes[0]",
        "no recipe",
    ),
    "verdict key": (TASKS + "recipes: {a: {}}\nverdict: {gren: x}\n", "verdict.gren", "unknown key"),
    "claim": (TASKS + "recipes: {a: {}, b: {}}\nclaims: [a beets b]\n", "claims[0]", "at `beets` (character 3)"),
    "claim about a recipe": (TASKS + "recipes: {a: {}, b: {}}\nclaims: [a beats c]\n", "claims[0]", "no recipe has this name"),
    "rule of the verdict": (
        TASKS + "recipes: {a: {}}\nverdict: {green: all trials complet}\n",
        "verdict.green",
        "at `complet` (character 12)",
    ),
    "claim type": (TASKS + "recipes: {a: {}}\nclaims: [{a: b}]\n", "claims[0]", "wrong type"),
    "profile of a profile": (
        TASKS + "recipes: {a: {}}\nprofiles: {p: {profiles: {}}}\n",
        "profiles.p.profiles",
        "no profiles of its own",
    ),
    "profile no mapping": (TASKS + "recipes: {a: {}}\nprofiles: {p: 1}\n", "profiles.p", "overlay"),
    "profile name": (TASKS + "recipes: {a: {}}\nprofiles: {'a b': {}}\n", "profiles.a b", "not a usable name"),
    "neither of a union": (
        TASKS + "recipes: {a: {training: {micro_batch_size: half}}}\n",
        "recipes.a.training.micro_batch_size",
        "wrong type",
    ),
    "nullable bounds": (TASKS + "recipes: {a: {training: {dropout: 1}}}\n", "recipes.a.training.dropout", "out of range"),
}


@pytest.mark.parametrize(("text", "key", "problem"), CASES.values(), ids=list(CASES))
def test_each_fault_alone(faults_of: FaultsOf, text: str, key: str, problem: str) -> None:
    (fault,) = faults_of(text)
    assert fault.key == key
    assert problem in fault.problem
    assert fault.allowed


def test_what_is_allowed_names_bounds_also_inside_a_union(faults_of: FaultsOf) -> None:
    (fault,) = faults_of(CASES["nullable bounds"][0])
    assert fault.allowed == "a number, at least 0 and less than 1, or null"


def test_settings_follow_the_card(faults_of: FaultsOf, load: Load, more_cards: None) -> None:
    study = load(TASKS + "recipes: {a: {loss: {name: pairloss, gamma: 4}}}\n")
    loss = study.recipes["a"].loss
    assert loss is not None
    assert (loss.name, loss.version, loss.settings) == ("pairloss", 3, {"gamma": 4.0, "clip": 0.05})
    faults = faults_of(TASKS + "recipes:\n  a:\n    loss:\n      name: pairloss\n      gama: 4\n      clip: x\n")
    assert [(fault.line, fault.key, fault.suggestion) for fault in faults] == [
        (6, "recipes.a.loss.gama", "gamma"),
        (7, "recipes.a.loss.clip", ""),
    ]


def test_a_loss_must_fit_the_kind_of_task(faults_of: FaultsOf, more_cards: None) -> None:
    (fault,) = faults_of(TASKS + "recipes: {a: {loss: spanloss}}\n")
    assert "spanloss is not for multilabel tasks" in fault.problem
    assert "bce" in fault.allowed


def test_a_default_that_does_not_fit_is_a_fault_of_the_recipe(
    faults_of: FaultsOf, more_cards: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    spans = TaskCard(name="spans", summary="for tests", metrics=("f1_micro",))
    texts = DatasetCard(name="texts", summary="for tests", task="spans")
    for card in (spans, texts):
        monkeypatch.setitem(registry.cards(card.kind), card.name, card)
    faults = faults_of("tasks: {t: {dataset: texts}}\nrecipes:\n  a: {}\n  b: {loss: bce}\n")
    assert [(fault.line, fault.key) for fault in faults] == [(3, "recipes.a"), (4, "recipes.b"), (4, "recipes.b.loss")]
    assert "the method full is not for spans tasks such as t" in faults[0].problem
    assert faults[2].allowed == "spanloss"


def test_a_fault_of_the_defaults_is_reported_once_for_all_recipes(faults_of: FaultsOf) -> None:
    (fault,) = faults_of(TASKS + "defaults: {model: minilm-l7}\nrecipes: {a: {}, b: {}, c: {}}\n")
    assert (fault.line, fault.key, fault.suggestion) == (2, "defaults.model", "minilm-l6")


def test_an_anchors_fault_stands_at_the_anchor(faults_of: FaultsOf) -> None:
    (fault,) = faults_of(TASKS + "recipes:\n  a: {training: &t {epoch: 1}}\n  b: {training: *t}\n")
    assert (fault.line, fault.suggestion) == (3, "epochs")


MODELS = {
    "unpinned": ("org/thing", "needs a revision", "huggingface.co/org/thing/commits"),
    "branch": ("org/thing@main", "must be a commit", "org/thing@COMMIT"),
    "short": ("org/thing@0123abc", "must be a commit", "40 digits"),
    "mapping": ("{name: org/thing}", "needs a revision", "org/thing@COMMIT"),
    "twice": (f"{{name: org/thing@{COMMIT}, revision: {COMMIT}}}", "twice", "either"),
    "pinned card": (f"minilm-l6@{COMMIT}", "catalog pins", "minilm-l6"),
    "revised card": (f"{{name: minilm-l6, revision: {COMMIT}}}", "only a hub id", "leave"),
    "revised folder": (f"{{name: ./here, revision: {COMMIT}}}", "only a hub id", "leave"),
    "missing folder": ("/no/such/folder", "no such folder", "/no/such/folder"),
    "nonsense": ("a b c", "no model", "minilm-l6"),
    "long": ("x" * 5000, "no model", "minilm-l6"),
}


@pytest.mark.parametrize(("model", "problem", "allowed"), MODELS.values(), ids=list(MODELS))
def test_models_that_cannot_be_meant(faults_of: FaultsOf, tmp_path: Path, model: str, problem: str, allowed: str) -> None:
    (tmp_path / "here").mkdir()
    (fault,) = faults_of(TASKS + f"recipes: {{a: {{model: {model}}}}}\n")
    assert problem in fault.problem
    assert allowed in fault.allowed


def test_models_that_can(load: Load, tmp_path: Path) -> None:
    (tmp_path / "it's mine").mkdir()
    (tmp_path / "org" / "local").mkdir(parents=True)
    text = f"""{TASKS}recipes:
  card: {{model: minilm-l6}}
  hub: {{model: org/thing@{COMMIT}}}
  hub-mapping: {{model: {{name: org/thing, revision: {COMMIT}}}}}
  folder: {{model: "./it's mine"}}
  bare: {{model: org/local}}
  absolute: {{model: "{tmp_path}/org/local"}}
"""
    found = {name: recipe.model for name, recipe in load(text).recipes.items()}
    keys = {name: model.key for name, model in found.items() if model}
    assert keys["card"] == "minilm-l6"
    assert keys["hub"] == keys["hub-mapping"] == f"org/thing@{COMMIT}"
    assert keys["folder"] == str(tmp_path / "it's mine")
    assert keys["bare"] == keys["absolute"] == str(tmp_path / "org" / "local")
    assert found["bare"] is not None
    assert found["bare"].is_folder


def test_the_argument_of_a_command_names_a_file_or_a_built_in_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_study("demo").name == "demo.yaml"
    (tmp_path / "mine.yaml").write_text("x")
    assert find_study("mine.yaml") == tmp_path / "mine.yaml"
    for wrong, near in {"dmeo": "demo", "mine.yml": "mine.yaml"}.items():
        with pytest.raises(StudyError) as caught:
            find_study(wrong)
        assert caught.value.faults[0].suggestion == near
    for odd in ("", "\0", "x" * 5000, str(tmp_path)):
        with pytest.raises(StudyError):
            find_study(odd)
