"""The readers of corpora with pairs, dialogues, reports and questions: small files in the published forms."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bakeoff.catalog.datasets import SEMEVAL_LABELS
from bakeoff.data.dataset import open_dataset, write_dataset
from bakeoff.data.emotions import read_isear, read_meld, read_semeval, says_nothing, unspoiled
from bakeoff.data.glue import read_mrpc, read_rte, read_sst2
from bakeoff.data.rows import Answer, Import, Row
from bakeoff.data.squad import read_folder
from bakeoff.errors import DataError
from bakeoff.records.paths import Home


def total(imported: Import) -> int:
    return sum(map(len, imported.splits.values()))


def test_rte_keeps_the_development_set_for_the_test(tmp_path: Path) -> None:
    lines = [f'premise {i // 2} says "so"\thypothesis {i}\t{i % 2}\t{i}' for i in range(40)]
    (tmp_path / "train.tsv").write_text("\n".join(["sentence1\tsentence2\tlabel\tidx", *lines]) + "\n")
    (tmp_path / "dev.tsv").write_text("sentence1\tsentence2\tlabel\tidx\n" + "\n".join(lines[:10]))
    imported = read_rte(tmp_path)
    assert [len(imported.splits[split]) for split in ("train", "validation", "test")] == [30, 10, 10]
    assert imported.splits["test"][1] == Row("dev-1", 'premise 0 says "so"', (1,), second="hypothesis 1")
    premises = {split: {row.text for row in imported.splits[split]} for split in ("train", "validation")}
    assert not premises["train"] & premises["validation"]
    assert "seed 0" in imported.splitting


def test_sst2_and_a_label_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "train.tsv").write_text("sentence\tlabel\n" + "".join(f"phrase {i} \t{i % 2}\n" for i in range(20)))
    (tmp_path / "dev.tsv").write_text("sentence\tlabel\ngood \t1\nbad \t0\n")
    assert read_sst2(tmp_path).splits["test"] == [Row("dev-1", "good", (1,)), Row("dev-2", "bad", (0,))]
    (tmp_path / "dev.tsv").write_text("sentence\tlabel\ngood\tyes\n")
    with pytest.raises(DataError, match=r"dev.tsv:2.*'yes'"):
        read_sst2(tmp_path)


def test_mrpc_with_a_byte_order_mark_and_crlf(tmp_path: Path) -> None:
    lines = [f'{i % 2}\t{i}\t{i + 1000}\tHe said "{i}" .\tsecond {i}' for i in range(30)]
    text = "\r\n".join(["Quality\t#1 ID\t#2 ID\t#1 String\t#2 String", *lines]) + "\r\n"
    (tmp_path / "msr_paraphrase_train.txt").write_bytes(text.encode("utf-8-sig"))
    imported = read_mrpc(tmp_path)
    assert total(imported) == 30
    assert {row.second for rows in imported.splits.values() for row in rows} == {f"second {i}" for i in range(30)}
    assert all('"' in row.text for row in imported.splits["train"])


def test_semeval_rows_may_have_no_label(tmp_path: Path) -> None:
    head = "\t".join(("ID", "Tweet", *SEMEVAL_LABELS))
    lines = [f"id{i}\ttweet {i}\t" + "\t".join("1" if i % 11 == column else "0" for column in range(11)) for i in range(22)]
    lines.append("id22\tnothing\t" + "\t".join("0" * 11))
    (tmp_path / "2018-E-c-En-train.txt").write_text("\n".join([head, *lines]))
    (tmp_path / "2018-E-c-En-dev.txt").write_text(f"{head}\n{lines[-1]}\n")
    imported = read_semeval(tmp_path)
    assert imported.splits["test"] == [Row("id22", "nothing", ())]
    assert total(imported) == 24


def test_isear_is_cleaned_and_every_drop_counted(tmp_path: Path) -> None:
    people = [f"{i}|joy|key{i}|When I á passed exam {i}.|" for i in range(20)]
    odd = ["90|fear|k90|[ No response.]|", '91|guilt|k91|I said \\no\\" to him."|', "92|joy|run together"]
    (tmp_path / "isear.csv").write_text("\n".join(["ID|Field1|MYKEY|SIT|", *people, *odd]))
    imported = read_isear(tmp_path)
    rows = {row.id: row for rows in imported.splits.values() for row in rows}
    assert imported.dropped == {"train": {"fields run together": 1, "no response": 1}}
    assert total(imported) + 2 == len(people) + len(odd)
    assert rows["key3"].text == "When I passed exam 3."
    assert rows["k91"].text == 'I said "no" to him.'
    assert rows["key3"].group == "3"


@pytest.mark.parametrize("text", ["", "[ No response.]", "Does not apply.", "[ Do not know.]", "[ Same as in anger.]"])
def test_reports_that_say_nothing(text: str) -> None:
    assert says_nothing(text)


@pytest.mark.parametrize("text", ["I had no response to my letter for months, and then one came by post.", "My dog died."])
def test_reports_that_say_something(text: str) -> None:
    assert not says_nothing(text)


def test_meld_is_in_the_order_of_its_dialogues(tmp_path: Path) -> None:
    head = "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID\n"
    body = '1,"Well, no.",A,anger,negative,1,0\n2,Hi!,B,joy,positive,0,1\n3,So.,A,neutral,neutral,0,0\n'
    for name in ("train", "dev", "test"):
        (tmp_path / f"{name}_sent_emo.csv").write_text(head + body)
    rows = read_meld(tmp_path).splits["train"]
    assert [(row.id, row.text) for row in rows] == [("0-0", "So."), ("0-1", "Hi!"), ("1-0", "Well, no.")]
    assert rows[0].group == rows[1].group != rows[2].group


def squad_file(path: Path, articles: int) -> None:
    context = "Ünïcode 𝔘 rain falls in Spain."
    start = context.index("Spain")
    answer = {"text": "Spain", "answer_start": start}
    data = [
        {
            "title": f"article {n}",
            "paragraphs": [
                {
                    "context": context,
                    "qas": [
                        {"id": f"{n}-a", "question": "Where?", "answers": [answer, answer], "is_impossible": False},
                        {"id": f"{n}-b", "question": "Who?", "answers": [], "is_impossible": True},
                    ],
                }
            ],
        }
        for n in range(articles)
    ]
    path.write_text(json.dumps({"version": "v2.0", "data": data}))


def test_squad_is_cut_by_article_and_keeps_answers_through_the_store(tmp_path: Path) -> None:
    squad_file(tmp_path / "part.json", 10)
    imported = read_folder(tmp_path)
    articles = [{row.group for row in imported.splits[split]} for split in ("train", "validation", "test")]
    assert sum(map(len, articles)) == 10
    dataset = write_dataset(Home(tmp_path / "home"), imported)
    again = open_dataset(dataset.folder, verify=True)
    answers, contexts = again.answers("train"), again.seconds("train")
    assert {len(found) for found in answers} == {0, 1}
    for found, context, positives in zip(answers, contexts, again.targets("train"), strict=True):
        assert bool(found) == bool(positives[1])
        for answer in found:
            assert context[answer.start : answer.start + len(answer.text)] == answer.text == "Spain"
    assert again.has("seconds")
    assert again.groups("test", np.array([0]))[0].startswith("article")


def test_an_answer_that_is_not_there_is_refused(tmp_path: Path) -> None:
    row = Row("q", "Where?", (0,), "in Spain", "", (Answer(0, "Spain"),))
    with pytest.raises(DataError, match="stands at character 0"):
        write_dataset(Home(tmp_path), Import("x", ("a",), {"train": [row]}))


def test_a_dataset_without_pairs_has_none(tmp_path: Path) -> None:
    dataset = write_dataset(Home(tmp_path), Import("x", ("a",), {"train": [Row("1", "t", (0,))]}))
    assert not dataset.has("seconds")
    assert dataset.seconds("train") == [""]
    assert dataset.answers("train") == [()]


@pytest.mark.parametrize(
    ("published", "text"),
    [
        ("a &amp; b &lt;3", "a & b <3"),
        (r"first\n\nsecond  third", "first second third"),
        ("I\x92ve seen", "I\u2019ve seen"),
        ("&amp;amp; caf\u00e9 \U0001f600", "& caf\u00e9 \U0001f600"),
    ],
)
def test_what_the_collection_did_to_tweets_is_undone(published: str, text: str) -> None:
    assert unspoiled(published) == text
