"""A user's own data: strange files import as a person would expect, or end with an error that says what to write."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bakeoff.data.choosing import Columns
from bakeoff.data.dataset import Dataset
from bakeoff.data.own import import_own, read_own
from bakeoff.data.store import find_dataset
from bakeoff.errors import DataError
from bakeoff.records.paths import Home

ROWS = [(f"text number {i}, said “so”", ("joy", "fear", "anger")[i % 3]) for i in range(60)]


def csv_of(separator: str = ",", head: tuple[str, str] = ("text", "label")) -> str:
    lines = [separator.join(head), *(separator.join((f'"{text}"', label)) for text, label in ROWS)]
    return "\n".join(lines) + "\n"


def texts(dataset: Dataset) -> list[str]:
    return [text for split in dataset.splits for text in dataset.texts(split)]


def store(tmp_path: Path, name: str, content: str | bytes, columns: Columns | None = None) -> tuple[Dataset, list[str], str]:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    dataset, understood = import_own(Home(tmp_path / "home"), "mine", path, columns)
    return dataset, understood.lines, understood.kind


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_separators_and_encodings_are_found_out(tmp_path: Path, separator: str, encoding: str) -> None:
    dataset, _, kind = store(tmp_path, "mine.csv", csv_of(separator).encode(encoding))
    assert sorted(texts(dataset)) == sorted(text for text, _ in ROWS)
    assert dataset.labels == ("anger", "fear", "joy")
    assert kind == "single-label"
    assert [dataset.size(split) for split in dataset.splits] == [48, 6, 6]


def test_columns_may_be_called_anything_if_they_are_named(tmp_path: Path) -> None:
    head = ("what they wrote", "how it felt")
    dataset, lines, _ = store(tmp_path, "mine.csv", csv_of(",", head))
    assert dataset.labels == ("anger", "fear", "joy")  # the only column with few values
    assert any("what they wrote" in line for line in lines)
    with pytest.raises(DataError, match="no column 'nothing'"):
        store(tmp_path, "mine.csv", csv_of(",", head), Columns(text="nothing"))


def test_labels_in_one_field(tmp_path: Path) -> None:
    lines = ["text;tags", *(f"row {i};{'a|b' if i % 2 else 'b|c|a'}" for i in range(40))]
    dataset, _, kind = store(tmp_path, "mine.csv", "\n".join(lines))
    assert dataset.labels == ("a", "b", "c")
    assert kind == "multilabel"
    assert dataset.card["splits"]["train"]["label_counts"] == {"a": 32, "b": 32, "c": 16}


def test_a_column_a_label(tmp_path: Path) -> None:
    lines = ["id,text,joy,fear,😀", *(f"{i},row {i},{i % 2},{(i + 1) % 2},0" for i in range(40)), "x,odd one,0,0,1"]
    dataset, said, kind = store(tmp_path, "mine.csv", "\n".join(lines))
    assert dataset.labels == ("joy", "fear", "😀")
    assert kind == "single-label"
    assert any("a column a label (3)" in line for line in said)


def test_json_lines_with_nested_lists_missing_keys_and_null(tmp_path: Path) -> None:
    records = [{"text": f"row {i}", "labels": [["a"], "b"] if i % 2 else ["c"]} for i in range(30)]
    records += [{"text": "no label"}, {"labels": ["a"]}, {"text": None, "labels": ["a"]}]
    dataset, _, kind = store(tmp_path, "mine.jsonl", "\n".join(map(json.dumps, records)))
    assert dataset.labels == ("a", "b", "c")
    assert kind == "multilabel"
    assert len(texts(dataset)) == 31  # a row without a label bears none; two have no text
    assert sum(sum(dataset.card["splits"][split]["dropped"].values()) for split in dataset.splits) == 2


def test_a_few_rows_that_nobody_labelled_yet_are_left_out_and_said(tmp_path: Path) -> None:
    lines = ["review_id,review,sentiment", *(f"{1000 + i},row {i},{'good' if i % 2 else 'bad'}" for i in range(100))]
    lines += ["2000,not yet,", "2001,,good", "2002,not yet either,"]
    dataset, said, kind = store(tmp_path, "mine.csv", "\n".join(lines))
    assert (kind, dataset.labels) == ("single-label", ("bad", "good"))
    assert "kind: single-label, since each labelled row has one label" in said
    assert "left out: 2 rows with no label, 1 row with no text" in said
    assert any(line.startswith("ids: the column 'review_id'") for line in said)
    assert sum(dataset.size(split) for split in dataset.splits) == 100
    assert set(dataset.ids("test")) <= {str(1000 + i) for i in range(100)}


def test_many_rows_without_a_label_bear_none(tmp_path: Path) -> None:
    lines = ["text,label", *(f"row {i},{'good' if i % 2 else ''}" for i in range(100))]
    dataset, said, kind = store(tmp_path, "mine.csv", "\n".join(lines))
    assert kind == "multilabel"
    assert "kind: multilabel, since of 100 rows 50 have no label" in said
    assert sum(dataset.size(split) for split in dataset.splits) == 100


@pytest.mark.parametrize("values", [["7"] * 40, ["", *map(str, range(39))]])
def test_what_repeats_or_is_empty_somewhere_is_no_id(tmp_path: Path, values: list[str]) -> None:
    lines = ["user_id,text,label", *(f"{value},row {i},{'ab'[i % 2]}" for i, value in enumerate(values))]
    _, said, _ = store(tmp_path, "mine.csv", "\n".join(lines))
    assert any(line.startswith("ids: line numbers") for line in said)


def test_a_number_and_a_text_that_look_alike_are_refused(tmp_path: Path) -> None:
    records = [{"text": f"row {i}", "label": 1 if i % 2 else "1"} for i in range(20)]
    with pytest.raises(DataError, match="'1' is a text in some rows and a number in others"):
        store(tmp_path, "mine.jsonl", "\n".join(map(json.dumps, records)))


def test_nan_is_a_label_like_any_other(tmp_path: Path) -> None:
    lines = ["text,label", *(f"row {i},{'nan' if i % 2 else 'None'}" for i in range(40))]
    dataset, _, _ = store(tmp_path, "mine.csv", "\n".join(lines))
    assert dataset.labels == ("None", "nan")


def test_numbers_keep_their_order(tmp_path: Path) -> None:
    lines = ["text,stars", *(f"row {i},{1 + i % 10}" for i in range(100))]
    dataset, _, _ = store(tmp_path, "mine.csv", "\n".join(lines), Columns(labels=("stars",)))
    assert dataset.labels == tuple(map(str, range(1, 11)))


def test_a_thousand_labels(tmp_path: Path) -> None:
    lines = ["text\tlabel", *(f"row {i}\tlabel {i % 1000}" for i in range(4000))]
    dataset, _, _ = store(tmp_path, "mine.tsv", "\n".join(lines))
    assert len(dataset.labels) == 1000


def test_ragged_rows_are_named_by_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"mine\.csv:3: 3 fields; expected 2"):
        store(tmp_path, "mine.csv", "text,label\nfine,joy\nnot, fine,fear\n")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("mine.csv", "", "empty"),
        ("mine.csv", "text,label\n", "too few rows|no row has a text"),
        ("mine.csv", "text,label\nonly one,joy\n", "too few rows"),
        ("mine.csv", "text,text\na,b\n", "two columns are called 'text'"),
        ("mine.csv", b"text,label\n\xff\xfa,joy\n", "line 2: byte 12 is not UTF-8"),
        ("mine.jsonl", "{}\n[1]\n", r"mine\.jsonl:2: found list"),
        ("mine.json", '{"text": "x"}', "found dict"),
        ("mine.xlsx", "x", r"files that end in \.xlsx are not read"),
        ("mine.parquet", "PAR1", "not a readable file"),
        ("mine.csv", "a,b\n1,2\n3,4\n", "not clear which column|too few rows"),
        (
            "mine.csv",
            "text,day,queue\n" + "a longer text,1,x\nanother text,2,x\nand a third,3,y\nlast,3,y\n" * 9,
            "not clear which column",
        ),
    ],
)
def test_errors_say_what_to_write(tmp_path: Path, name: str, content: str | bytes, said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        store(tmp_path, name, content)
    assert caught.value.remedy
    assert "queue" not in str(content) or "day: 3 different, queue: 2 different" in caught.value.remedy


def test_tabs_with_and_without_quoting(tmp_path: Path) -> None:
    plain = ["text\tlabel", '"open mark\tjoy', *(f'he said "{i}"\tfear' for i in range(30)), *(f"{i}\tjoy" for i in range(30))]
    dataset, _, _ = store(tmp_path, "mine.tsv", "\n".join(plain))
    assert '"open mark' in texts(dataset)
    quoted = ["text\tlabel", *(f'"he said ""{i}"""\tfear' for i in range(30)), *(f"{i}\tjoy" for i in range(30))]
    dataset, _, _ = store(tmp_path, "mine.tsv", "\n".join(quoted))
    assert 'he said "3"' in texts(dataset)


def test_a_split_column_and_groups(tmp_path: Path) -> None:
    lines = ["id,text,label,split", *(f"{i},row {i},{'ab'[i % 2]},{('train', 'dev', 'test')[i % 3]}" for i in range(30))]
    dataset, said, _ = store(tmp_path, "mine.csv", "\n".join(lines))
    assert [dataset.ids("test")[0], dataset.size("validation")] == ["2", 10]
    assert said[-1] == "splits: as given"
    grouped = ["text,label,who", *(f"row {i},{'ab'[i % 2]},person {i // 6}" for i in range(120))]
    dataset, _, _ = store(tmp_path, "mine.csv", "\n".join(grouped), Columns(group="who"))
    people = [set(dataset.groups(split)) for split in dataset.splits]
    assert sum(map(len, people)) == len(set.union(*people)) == 20


def test_a_folder_with_a_file_a_split(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    for name in ("train", "test"):
        (folder / f"{name}.csv").write_text(csv_of())
    imported, understood = read_own(folder, "mine")
    assert imported.sizes == {"train": 54, "validation": 6, "test": 60}
    assert "validation" in understood.lines[-1]


def test_the_same_file_is_read_once_and_the_last_import_is_the_one_that_is_found(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    first, _, _ = store(tmp_path, "mine.csv", csv_of())
    second, _, _ = store(tmp_path, "mine.csv", csv_of().replace("number 7,", "number seven,"))
    assert first.fingerprint != second.fingerprint
    again, _, _ = store(tmp_path, "mine.csv", csv_of())
    assert again.fingerprint == first.fingerprint == find_dataset(home, "mine").fingerprint


def test_names_of_the_catalog_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(csv_of())
    with pytest.raises(DataError, match="catalog is called goemotions"):
        import_own(Home(tmp_path), "goemotions", path)


def test_copies_stay_in_one_split_and_a_template_is_no_copy(tmp_path: Path) -> None:
    words = ["alpha", "beta", "gamma", "delta", "omega", "sigma", "theta", "kappa"]
    said = [" ".join(words[(i * k) % 8] + str(i * k % 97) for k in (1, 3, 5, 7, 11, 13)) for i in range(1, 61)]
    lines = ["text,label", *(f"{text}{end},{'ab'[i % 2]}" for i, text in enumerate(said) for end in ("", "!"))]
    dataset, lines_said, _ = store(tmp_path, "mine.csv", "\n".join(lines))
    bare = [{text.rstrip("!") for text in dataset.texts(split)} for split in dataset.splits]
    assert sum(map(len, bare)) == len(set.union(*bare)) == 60
    assert lines_said[-1].endswith("texts that are nearly the same kept together")
    template = ["text,label", *(f"this is the very same long sentence with number {i},{'ab'[i % 2]}" for i in range(100))]
    dataset, lines_said, _ = store(tmp_path, "mine.csv", "\n".join(template))
    assert [dataset.size(split) for split in dataset.splits] == [80, 10, 10]
    assert "together" not in lines_said[-1]


def test_intensities_become_labels_by_a_threshold(tmp_path: Path) -> None:
    emotions = ("anger", "fear", "joy", "sadness")
    lines = ["ID\tTweet\tAffect Dimension\tIntensity Score"]
    lines += [f"{i}\ttweet of number {i}\t{emotions[i % 4]}\t{i / 100:.3f}" for i in range(100)]
    columns = Columns(labels=("Affect Dimension",), score="Intensity Score", threshold=0.5)
    dataset, said, kind = store(tmp_path, "mine.tsv", "\n".join(lines), columns)
    counts = [dataset.card["splits"][split]["label_counts"] for split in dataset.splits]
    assert (dataset.labels, kind) == (emotions, "multilabel")
    assert [sum(each[emotion] for each in counts) for emotion in emotions] == [12, 12, 13, 13]
    assert "a label holds where the column 'Intensity Score' says at least 0.5 (--threshold to correct)" in said
    wide = ["text,joy,fear", *(f"row {i},{i / 40},{1 - i / 40}" for i in range(40))]
    dataset, _, kind = store(tmp_path, "wide.csv", "\n".join(wide), Columns(labels=("joy", "fear"), threshold=0.75))
    assert kind == "multilabel"
    assert sum(dataset.card["splits"][split]["label_counts"]["joy"] for split in dataset.splits) == 10
    with pytest.raises(DataError, match="from which Intensity Score on a label holds") as caught:
        store(tmp_path, "mine.tsv", "\n".join(lines), Columns(labels=("Affect Dimension",), score="Intensity Score"))
    assert "threshold" in caught.value.remedy
    with pytest.raises(DataError, match="'strong' is no number"):
        store(tmp_path, "mine.tsv", "\n".join([*lines, "x\tone more\tjoy\tstrong"]), columns)
