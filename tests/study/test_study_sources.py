"""Several datasets as one task: what a study may say of them, what it means, and every fault at its line."""

from __future__ import annotations

from pathlib import Path

import pytest
from study_files import FaultsOf, Load

from bakeoff.catalog import registry
from bakeoff.catalog.cards import LabelMapCard
from bakeoff.catalog.datasets import GOEMOTIONS_LABELS, ISEAR_LABELS, MELD_LABELS, SEMEVAL_LABELS
from bakeoff.catalog.label_maps import EKMAN_LABELS, SENTIMENT_LABELS
from bakeoff.study.label_maps import map_yaml, of_card, read_label_map
from bakeoff.study.loading import load_study
from bakeoff.study.planning import needed_compositions, needed_datasets, needed_files

RECIPES = "recipes: {words: {method: tfidf}}\n"
FOUR = """\
tasks:
  emotions:
    kind: multilabel
    sources:
      goemotions: {train_limit: 50}
      semeval: {dataset: semeval2018_ec, map: semeval-goemotions}
      isear: {map: isear-goemotions}
      meld: {map: meld-goemotions, context: {turns: 2, separator: ' / '}}
"""


def test_several_sources_become_one_task(load: Load) -> None:
    study = load(FOUR + RECIPES)
    task = study.tasks["emotions"]
    composition = task.composition
    assert composition is not None
    assert [source.name for source in composition.sources] == ["goemotions", "semeval", "isear", "meld"]
    assert needed_datasets(study) == ["goemotions", "semeval2018_ec", "isear", "meld"]
    assert needed_compositions(study) == {task.dataset: composition}
    assert task.dataset.startswith("goemotions+semeval2018_ec+isear+1-")
    assert composition.sources[0].train_limit == 50
    context = composition.sources[3].context
    assert context is not None
    assert (context.turns, context.separator) == (2, " / ")


@pytest.mark.parametrize(
    "change",
    [
        ("turns: 2", "turns: 3"),
        ("' / '", "' | '"),
        ("train_limit: 50", "train_limit: 51"),
        ("train_limit: 50", "test_limit: 50"),
        ("isear: {map", "isears: {dataset: isear, map"),
        ("kind", "max_length: 9\n    kind"),
    ],
)
def test_all_that_may_change_a_number_is_in_the_name_of_the_data(load: Load, change: tuple[str, str]) -> None:
    before, after = load(FOUR + RECIPES), load(FOUR.replace(*change) + RECIPES)
    names = [study.tasks["emotions"].dataset for study in (before, after)]
    assert (names[0] == names[1]) == change[0].startswith("kind"), "max_length is the task's, not the data's"


def test_a_map_counts_by_what_it_does(load: Load, tmp_path: Path) -> None:
    text = "tasks: {t: {dataset: isear, map: mine.yaml, kind: single-label}}\n" + RECIPES
    body = (
        "bakeoff-map: 1\nto: [good, bad]\nlabels: {joy: good, fear: bad, anger: bad, sadness: bad, disgust: bad, shame: bad}\n"
    )
    names = []
    for more in (
        "unmapped: [guilt]\n",
        "unmapped: [guilt]\nname: other\n",
        "unmapped: [guilt]\nversion: 2\n",
        "drop: [guilt]\n",
    ):
        (tmp_path / "mine.yaml").write_text(body + more)
        names.append(load(text).tasks["t"].dataset)
    assert names[0] == names[1], "a name does nothing"
    assert len(set(names)) == 3


def test_a_label_map_can_be_written_out(load: Load) -> None:
    text = """\
tasks:
  t:
    dataset: isear
    kind: multilabel
    map:
      to: [good, bad, hot]
      labels: {joy: good, anger: [bad, hot], fear: {any_of: [bad, hot]}, sadness: bad, disgust: bad}
      unmapped: [shame]
      drop: [guilt]
      annotated: [good, bad]
"""
    composition = load(text + RECIPES).tasks["t"].composition
    assert composition is not None
    (source,) = composition.sources
    assert source.name == source.dataset == "isear"
    told = source.map
    assert told is not None
    assert told.sure == {"joy": ["good"], "anger": ["bad", "hot"], "sadness": ["bad"], "disgust": ["bad"]}
    assert told.possible == {"fear": ["bad", "hot"]}
    assert (told.unmapped, told.dropped, told.annotated) == (["shame"], ["guilt"], ["good", "bad"])


def test_what_is_mapped_to_is_annotated_unless_said_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_text("bakeoff-map: 1\nto: [a, b, c]\nlabels: {x: c, y: {any_of: [a]}}\n")
    told = read_label_map(path)
    assert told.annotated == ["a", "c"]
    assert told.name == "m"


def test_like_takes_the_labels_of_a_dataset(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_text("bakeoff-map: 1\nlike: goemotions\nlabels: {x: joy}\n")
    assert tuple(read_label_map(path).to) == GOEMOTIONS_LABELS


def test_the_resolved_study_stands_by_itself(load: Load, tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("text,label\na,x\n")
    (tmp_path / "mine.yaml").write_text("bakeoff-map: 1\nlike: goemotions\nlabels: {x: joy}\nunmapped: [z]\n")
    own = "      mine: {file: own.csv, columns: {text: text}, map: mine.yaml}\n"
    study = load(FOUR + own + RECIPES)
    assert needed_files(study)["own"][0] == str(tmp_path / "own.csv")
    elsewhere = tmp_path / "else where" / "study.yaml"
    elsewhere.parent.mkdir()
    elsewhere.write_text(study.resolved_yaml())
    again = load_study(elsewhere)
    assert again.tasks == study.tasks
    assert again.resolved_yaml() == study.resolved_yaml()


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (FOUR.replace("map: isear-goemotions", "map: isear-goemotion"), 7, "isear-goemotions"),
        (FOUR.replace("map: isear-goemotions", "map: nowhere.yaml"), 7, "no such file"),
        (
            FOUR.replace("isear: {map: isear-goemotions}", "isears: {map: isear-goemotions, dataset: isearr, file: x}"),
            7,
            "twice",
        ),
        (FOUR.replace("map: meld-goemotions", "map: goemotions-ekman"), 8, "other labels"),
        (FOUR.replace("turns: 2", "turns: 0"), 8, "range"),
        (FOUR.replace("turns: 2", "turn: 2"), 8, "unknown key"),
        (FOUR.replace("    kind: multilabel\n", ""), 2, "not all for one kind"),
        (FOUR.replace("    kind: multilabel\n", "    kind: qa\n"), 4, "one dataset"),
        (FOUR + "    map: meld-goemotions\n", 9, "each source"),
        (FOUR + "    dataset: goemotions\n", 9, "twice"),
        ("tasks: {t: {sources: {}}}\n", 1, "too short"),
        ("tasks: {t: {dataset: isear, kind: multilabel}}\n", 1, "single-label"),
    ],
)
def test_faults_of_sources_have_their_line(faults_of: FaultsOf, text: str, line: int, words: str) -> None:
    faults = faults_of(text + RECIPES)
    assert any(fault.line == line and words in f"{fault.problem} {fault.suggestion}" for fault in faults), faults


@pytest.mark.parametrize(
    ("body", "line", "words"),
    [
        ("to: [a]\nlabels: {x: a}\n", 1, "label map of this version"),
        ("bakeoff-map: 2\nto: [a]\nlabels: {x: a}\n", 1, "label map of this version"),
        ("bakeoff-map: 1\nlabels: {x: a}\n", 1, "or not at all"),
        ("bakeoff-map: 1\nto: [a, a]\nlabels: {x: a}\n", 2, "twice"),
        ("bakeoff-map: 1\nlike: goemotion\nlabels: {x: joy}\n", 2, "no dataset"),
        ("bakeoff-map: 1\nto: [anger]\nlabels:\n  x: angr\n", 4, "'angr'"),
        ("bakeoff-map: 1\nto: [a]\nlabels: {x: []}\n", 3, "nothing"),
        ("bakeoff-map: 1\nto: [a]\nlabels: {x: a}\ndrop: [x]\n", 1, "two ways"),
        ("bakeoff-map: 1\nto: [a]\nlabels: {x: a}\nannotated: [b]\n", 4, "'b'"),
        ("bakeoff-map: 1\nto: [a]\nlabel: {x: a}\n", 3, "unknown key"),
        ("bakeoff-map: 1\nto: [a]\nlabels: {x: {any: [a]}}\n", 3, "unknown key"),
        ("bakeoff-map: 1\nto: [a]\nlabels: {x: 3}\n", 3, "wrong type"),
        ("bakeoff-map: 1\nto: [a\n", 3, "not valid YAML"),
    ],
)
def test_faults_of_a_map_have_the_line_of_its_file(
    faults_of: FaultsOf, tmp_path: Path, body: str, line: int, words: str
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(body)
    faults = faults_of("tasks: {t: {dataset: isear, map: mine.yaml}}\n" + RECIPES)
    assert any(fault.file == str(path) and fault.line == line and words in fault.problem for fault in faults), faults


@pytest.mark.parametrize(
    ("name", "labels", "to"),
    [
        ("semeval-goemotions", SEMEVAL_LABELS, GOEMOTIONS_LABELS),
        ("isear-goemotions", ISEAR_LABELS, GOEMOTIONS_LABELS),
        ("meld-goemotions", MELD_LABELS, GOEMOTIONS_LABELS),
        ("goemotions-ekman", GOEMOTIONS_LABELS, EKMAN_LABELS),
        ("goemotions-sentiment", GOEMOTIONS_LABELS, SENTIMENT_LABELS),
    ],
)
def test_the_maps_of_the_catalog_speak_of_every_label(name: str, labels: tuple[str, ...], to: tuple[str, ...]) -> None:
    card = registry.cards("map")[name]
    assert isinstance(card, LabelMapCard)
    told = of_card(card)
    assert sorted(told.mentioned) == sorted(labels)
    assert tuple(told.to) == to
    assert {target for targets in told.sure.values() for target in targets} == set(told.annotated) <= set(to)


@pytest.mark.parametrize("name", list(registry.cards("map")))
def test_a_map_of_the_catalog_begins_one_of_your_own(tmp_path: Path, name: str) -> None:
    card = registry.cards("map")[name]
    assert isinstance(card, LabelMapCard)
    told = of_card(card)
    path = tmp_path / "mine.yaml"
    path.write_text(map_yaml(told))
    assert read_label_map(path) == told
