"""The audit of a dataset: what is planted is found with its severity, and what is well is not complained of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score

from bakeoff.data.audit.auditing import audit_dataset, keep_audit, kept_audit
from bakeoff.data.audit.doubts import average_precision, fit_logistic
from bakeoff.data.audit.languages import guess_language
from bakeoff.data.audit.options import AuditOptions
from bakeoff.data.audit.shingles import bare, plain
from bakeoff.data.dataset import Dataset, write_dataset
from bakeoff.data.rows import Import, Row
from bakeoff.records.audits import Audit, AuditFinding
from bakeoff.records.paths import Home

TOPICS = {
    "food": ["soup", "bread", "cheese", "kitchen", "recipe", "dinner", "baker", "salt"],
    "sport": ["goal", "match", "team", "coach", "league", "runner", "score", "ball"],
    "music": ["song", "guitar", "melody", "singer", "album", "drums", "chorus", "violin"],
}
FILLER = ["the", "a", "was", "of", "with", "and", "on", "my", "in", "that", "it", "for", "we", "had", "so", "very"]
SIZES = {"train": 400, "validation": 80, "test": 80}
QUICK = AuditOptions(noise=False)


def sentence(topic: int, generator: np.random.Generator) -> str:
    words = [*generator.choice(list(TOPICS.values())[topic], 5), *generator.choice(FILLER, 9), str(generator.integers(10**5))]
    return " ".join(str(word) for word in generator.permutation(words))


def clean_rows(seed: int = 0) -> dict[str, list[Row]]:
    generator = np.random.default_rng(seed)
    return {
        split: [Row(f"{split}-{n}", sentence(n % 3, generator), (n % 3,)) for n in range(size)] for split, size in SIZES.items()
    }


def stored(folder: Path, rows: dict[str, list[Row]], labels: Sequence[str] = tuple(TOPICS)) -> Dataset:
    return write_dataset(Home(folder), Import("some", tuple(labels), rows))


def of_kind(audit: Audit, kind: str) -> list[AuditFinding]:
    return [finding for finding in audit.findings if finding.kind == kind]


def ids(finding: AuditFinding) -> list[list[str]]:
    return [[row.id for row in case.rows] for case in finding.examples]


def test_clean_data_give_no_finding(tmp_path: Path) -> None:
    audit = audit_dataset(stored(tmp_path, clean_rows()))
    assert [finding.kind for finding in audit.findings if finding.kind != "label-noise"] == []
    assert audit.splits["train"].rows == audit.splits["train"].groups == 400
    assert audit.worst in ("", "note")


def test_leaks_are_found_and_weighed(tmp_path: Path) -> None:
    rows = clean_rows()
    rows["test"][:4] = [row._replace(text=rows["train"][n].text.upper()) for n, row in enumerate(rows["test"][:4])]
    rows["validation"][0] = rows["validation"][0]._replace(text=rows["train"][9].text + " indeed")
    rows["test"][5] = rows["test"][5]._replace(text="thank you")
    rows["train"][5] = rows["train"][5]._replace(text="thank you")  # what is so short may be written twice
    audit = audit_dataset(stored(tmp_path, rows), QUICK)
    (leak,) = of_kind(audit, "leak")
    assert (leak.severity, leak.found, leak.of) == ("warning", 4, 79)
    assert ids(leak) == [[f"test-{n}", f"train-{n}"] for n in range(4)]
    (near,) = of_kind(audit, "near-leak")
    assert (near.severity, near.found, ids(near)) == ("note", 1, [["validation-0", "train-9"]])
    assert "similarity 0." in near.examples[0].why


def test_a_test_split_that_was_trained_on_is_an_error(tmp_path: Path) -> None:
    rows = clean_rows()
    rows["test"] = [row._replace(id=f"test-{n}") for n, row in enumerate(rows["train"][:80])]
    audit = audit_dataset(stored(tmp_path, rows), QUICK)
    assert audit.worst == "error"
    assert audit.findings[0].kind == "leak"
    assert "80 longer texts of test (100.0%)" in audit.findings[0].what


def test_groups_in_several_splits_are_found(tmp_path: Path) -> None:
    rows = clean_rows()
    for split in ("train", "test"):
        rows[split][3] = rows[split][3]._replace(group="dialogue 7")
    audit = audit_dataset(stored(tmp_path, rows), QUICK)
    (torn,) = of_kind(audit, "group-leak")
    assert (torn.severity, torn.found, ids(torn)) == ("warning", 2, [["train-3", "test-3"]])


def test_conflicts_and_duplicates_are_found(tmp_path: Path) -> None:
    rows = clean_rows()
    first, second = rows["train"][:2]
    rows["train"] += [
        first._replace(id="same"),
        second._replace(id="other", text=second.text.title(), labels=(2,)),
        second._replace(id="near", text=second.text + " x"),
    ]
    audit = audit_dataset(stored(tmp_path, rows), QUICK)
    (conflict,) = of_kind(audit, "conflict")
    assert (conflict.severity, conflict.found, ids(conflict)) == ("note", 2, [["train-1", "other"]])
    assert [row.labels for row in conflict.examples[0].rows] == [["sport"], ["music"]]
    (duplicate,) = of_kind(audit, "duplicate")
    assert (duplicate.found, ids(duplicate)) == (2, [["train-0", "same"], ["train-1", "other"]])
    (near,) = of_kind(audit, "near-duplicate")
    assert ids(near) == [["train-1", "other", "near"]]
    assert audit.splits["train"].groups == 400


def test_labels_that_nobody_decided_on_are_no_conflict(tmp_path: Path) -> None:
    rows = clean_rows()
    same = rows["train"][0]
    rows["train"] += [
        same._replace(id="half", labels=(0,), annotated=(0, 1)),
        same._replace(id="more", labels=(0, 2), annotated=(0, 2)),
    ]
    assert of_kind(audit_dataset(stored(tmp_path / "a", rows), QUICK), "conflict") == []
    rows["train"] += [same._replace(id="against", labels=(1,), annotated=(0, 1))]
    assert len(of_kind(audit_dataset(stored(tmp_path / "b", rows), QUICK), "conflict")) == 1


@pytest.mark.parametrize("kind", ["single", "multi"])
def test_flipped_labels_are_doubted(tmp_path: Path, kind: str) -> None:
    rows = clean_rows()
    if kind == "multi":  # a row without a label makes labels questions of their own
        rows["train"].append(Row("none", "nothing of all that is said here at all", ()))
    flipped = list(range(0, 400, 20))
    for n in flipped:
        rows["train"][n] = rows["train"][n]._replace(labels=((n + 1) % 3,))
    audit = audit_dataset(stored(tmp_path, rows), AuditOptions(examples=100))
    (finding,) = of_kind(audit, "label-noise")
    found = {case[0] for case in ids(finding)}
    assert len(found & {f"train-{n}" for n in flipped}) >= 16
    assert len(found) <= 24
    assert sum(doubt.wrongly_given for doubt in audit.doubts) >= 10
    assert all(doubt.quality > 0.8 for doubt in audit.doubts)


def test_odd_texts_are_found(tmp_path: Path) -> None:
    rows = clean_rows()
    train = rows["train"]
    train[0] = train[0]._replace(text="😀 !!!")
    train[1] = train[1]._replace(text="caf&amp;eacute; on the corner of our street")
    train[2] = train[2]._replace(text="cafÃ© on the corner of that street")
    train[3] = train[3]._replace(text="and then it suddenly stop…")
    for n in range(10, 25):
        train[n] = train[n]._replace(
            text=(train[n].text + " word after word after word again")[:110].ljust(110, "x") + str(n) * 20
        )
    for n in range(10, 25):
        train[n] = train[n]._replace(text=train[n].text[:120])
    audit = audit_dataset(stored(tmp_path, rows), QUICK)
    assert ids(of_kind(audit, "empty")[0]) == [["train-0"]]
    assert ids(of_kind(audit, "garbled")[0]) == [["train-1"], ["train-2"]]
    pile, dotted = of_kind(audit, "truncated")
    assert (pile.severity, pile.found) == ("warning", 15)
    assert "of just 120 characters" in pile.what
    assert ids(dotted) == [["train-3"]]


def test_labels_are_looked_at(tmp_path: Path) -> None:
    rows = clean_rows()
    labels = (*TOPICS, "rare", "never", "shadow")
    rows["train"] = [row._replace(labels=(*row.labels, *((5,) if row.labels == (0,) else ()))) for row in rows["train"]]
    rows["train"][0] = rows["train"][0]._replace(labels=(0, 3, 5))
    rows["test"][0] = rows["test"][0]._replace(labels=(3,))
    audit = audit_dataset(stored(tmp_path, rows, labels), QUICK)
    missing = {finding.what for finding in of_kind(audit, "missing-label")}
    assert "1 label of 6 without an example in train: never" in missing
    assert any("in test: never, shadow" in what for what in missing)
    assert "rare" in of_kind(audit, "rare-label")[0].what
    assert "food has 134 training rows, rare 1" in of_kind(audit, "imbalance")[0].what
    assert "food and shadow" in of_kind(audit, "implied-label")[0].what
    assert "in test than in train: shadow 0%/34%" in of_kind(audit, "shifted-label")[-1].what
    assert (audit.pairs[0].first, audit.pairs[0].second, audit.pairs[0].implied) == ("food", "shadow", 1.0)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("that is what I have been saying to you for years", "English"),
        ("das ist nicht das, was ich mit dir besprechen wollte", "German"),
        ("je ne sais pas ce que vous dites, mais c'est la vie", "French"),
        ("это совсем другой текст", "Cyrillic"),
        ("これは日本語の文です", "Japanese"),
        ("这是一个句子", "Chinese"),
        ("ok", "?"),
        ("qwrt zxcv bnmp lkjh", "?"),
        ("", "?"),
    ],
)
def test_languages_are_guessed(text: str, language: str) -> None:
    assert guess_language(bare(plain(text))) == language


def test_foreign_texts_are_counted(tmp_path: Path) -> None:
    rows = clean_rows()
    for n in range(30):
        rows["train"][n] = rows["train"][n]._replace(
            text=f"das ist nicht der Text, den ich für dich geschrieben habe, {n * 7919}"
        )
    (found,) = of_kind(audit_dataset(stored(tmp_path, rows), QUICK), "language")
    assert (found.severity, found.found) == ("warning", 30)
    assert "German 30" in found.what


def test_an_audit_is_kept_and_read_again(tmp_path: Path) -> None:
    home, dataset = Home(tmp_path), stored(tmp_path, clean_rows())
    assert kept_audit(home, dataset) is None
    audit = audit_dataset(dataset, QUICK)
    keep_audit(home, audit)
    assert kept_audit(home, dataset) == audit == audit_dataset(dataset, QUICK)
    home.audit(dataset.fingerprint).write_text("torn")
    assert kept_audit(home, dataset) is None


@pytest.mark.parametrize(
    "rows",
    [
        {"train": [Row("a", "one", (0,))]},
        {"train": [Row("a", "", ()), Row("b", " ", ())], "test": [Row("a", "\x00", (0,))]},
        {"train": [Row(str(n), "the same text again and again", (n % 2,)) for n in range(50)], "test": [Row("t", "x", (1,))]},
        {"train": [Row(str(n), f"\ud800 {n} \u202e", (0, 1)) for n in range(30)]},
        {"train": [Row(str(n), f"first {n}", (n % 2,), second="context") for n in range(30)]},
    ],
)
def test_degenerate_data_are_audited(tmp_path: Path, rows: dict[str, list[Row]]) -> None:
    audit = audit_dataset(stored(tmp_path, rows, ("x", "y")))
    path = tmp_path / "audit.json"
    audit.write(path)
    assert Audit.read(path) == audit


def test_the_model_that_doubts_is_a_logistic_regression() -> None:
    """Weights beside those of scikit-learn's LogisticRegression(C=1)."""
    generator = np.random.default_rng(0)
    features = generator.normal(size=(300, 6)).astype(np.float32)
    targets = (features @ generator.normal(size=(6, 2)) + 0.5 > generator.normal(size=(300, 2))).astype(np.float32)
    weights = fit_logistic(csr_array(features), targets)
    for label in range(2):
        reference = LogisticRegression(C=1.0, tol=1e-8).fit(features, targets[:, label])
        np.testing.assert_allclose(weights[:-1, label], reference.coef_[0], atol=0.02)
        np.testing.assert_allclose(weights[-1, label], reference.intercept_[0], atol=0.02)
        scores = (features @ weights[:-1] + weights[-1])[:, label]
        expected = average_precision_score(targets[:, label], scores)
        assert average_precision(targets[:, label] > 0, scores) == pytest.approx(expected, abs=1e-6)


def test_rows_that_are_all_alike_leave_nothing_to_learn_from(tmp_path: Path) -> None:
    rows = {"train": [Row(str(n), "the very same text again and again", (n % 2,)) for n in range(60)]}
    audit = audit_dataset(stored(tmp_path, rows, ("x", "y")))
    assert of_kind(audit, "label-noise") == []
    assert of_kind(audit, "conflict")[0].found == 60
