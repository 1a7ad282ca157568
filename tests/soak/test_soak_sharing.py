"""A study of real trials on three machines, joined, and with two more seeds: the commands as a user gives them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from soak.judging import result_hashes
from soak.reference import materials, recipe
from soak.sharing import faults_of_sharing, merged_run, try_all

STUDY: dict[str, Any] = {
    "recipes": {
        "full": recipe("bce", "full", 1),
        "probe": recipe("bce", "linear-probe", 2),
        "tfidf": {"method": "tfidf"},
    },
    "seeds": [1, 2, 3],
    "claims": ["full beats tfidf in f1_macro on demo"],
}
TRIALS, MORE = 9, 6


def test_three_machines_make_what_one_makes_and_more_seeds_run_only_what_is_new(tmp_path: Path) -> None:
    study = replace(materials().study(tmp_path, True, STUDY), reported=True)
    found, faults = try_all(study, [], [1, 2, 3, 4, 5])
    assert faults == []
    assert found["imbalance"] < 0.15
    assert sum(one["trials"] for one in found["shards"]) == found["results_compared"] == TRIALS
    assert all(one["trials"] for one in found["shards"])
    assert found["more_seeds"]["trials_after"] == TRIALS + MORE
    # what differs is noticed
    merged = merged_run(study)
    name = next(iter(result_hashes(merged)))
    merged.trial(name).result.write_bytes(b"{}")
    dealt = {"imbalance": 0.2, "shards": [{"trials": [name]}], "merged": {"missing": [name]}}
    told = faults_of_sharing(study, dealt)
    assert told[:3] == [
        "the dearest shard lies 20.0 % above its share",
        f"1 trials are dealt out in place of {TRIALS + MORE}",
        f"the merge lacks {name}",
    ]
    assert f"the result of {name} differs" in told
