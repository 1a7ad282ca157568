"""The card of a dataset: what was used, and nothing that could be taken for markup."""

from __future__ import annotations

from bakeoff.data.composing import compose
from bakeoff.data.dataset import write_dataset
from bakeoff.data.dataset_card import card_text
from bakeoff.data.rows import SPLITS, Import, Row
from bakeoff.records.compositions import Composition, Source
from bakeoff.records.data_cards import treatment_words
from bakeoff.records.paths import Home
from bakeoff.records.specs import Component, MixSpec, TreatmentSpec


def test_a_card_tells_terms_counts_files_and_fingerprint(home: Home) -> None:
    splits = {split: [Row("1", "secret text", (0,)), Row("2", "other", (1,))] for split in SPLITS}
    dropped = {"train": {"no <text>": 3}}
    dataset = write_dataset(home, Import("mine", ("a|b", "<b>c</b>"), splits, dropped, {"x.csv": "0" * 64}, "MIT"))
    text = card_text(dataset, {"bce": "none", "over": "sampling oversample@1"})
    assert dataset.fingerprint in text
    assert "| train | 2 | 3 no &lt;text&gt; |" in text
    assert "| a\\|b | 1 | 1 | 1 |" in text
    assert "&lt;b&gt;c&lt;/b&gt;" in text
    assert "| over | sampling oversample@1 |" in text
    assert "Terms: MIT." in text
    assert "secret text" not in text


def test_the_card_of_several_sources_accounts_for_each(home: Home) -> None:
    for name in ("one", "two"):
        splits = {split: [Row("1", "x", (0,))] for split in SPLITS}
        write_dataset(home, Import(name, (name,), splits, terms=f"terms of {name}"))
    sources = [Source(name="A", dataset="one"), Source(name="B", dataset="two")]
    text = card_text(compose(home, Composition(kind="multilabel", sources=sources)))
    assert "terms of one" in text
    assert "train 1, validation 1, test 1" in text
    assert "Not every label is annotated in every example" in text


def test_treatments_are_told_in_words() -> None:
    oversample = Component(name="oversample", version=1, settings={"below": None, "by": 0.5})
    assert treatment_words(None) == "none"
    assert treatment_words(TreatmentSpec(sampling=oversample), 4000) == (
        "4,000 examples, a stratified sample; sampling oversample@1 (by 0.5)"
    )
    mix = MixSpec(sources=["a", "b"], temperature=3.0, examples=40_000)
    assert treatment_words(TreatmentSpec(mix=mix)) == "mix of a and b, evened out at temperature 3, 40,000 examples an epoch"
    assert treatment_words(TreatmentSpec(mix=MixSpec(shares={"a": 3, "b": 1}, choose="all"))) == (
        "mix of a 75.0%, b 25.0%, chosen on validation examples of all sources"
    )
