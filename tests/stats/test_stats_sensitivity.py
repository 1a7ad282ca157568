"""How much hangs on the validation examples."""

from __future__ import annotations

import numpy as np
import pytest

from bakeoff.metrics.scores import f1_macro
from bakeoff.metrics.sorting import Sorted
from bakeoff.metrics.thresholds import best_threshold, decide, tune_threshold
from bakeoff.stats.estimates import contrast
from bakeoff.stats.grouping import draw_groups
from bakeoff.stats.replicates import plain_replicates
from bakeoff.stats.sensitivity import validation_part, validation_replicates


def outputs(seed: int, examples: int, seeds: int = 3) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    gold = generator.random((examples, 4)) < [0.5, 0.3, 0.2, 0.1]
    return gold, np.clip(0.3 * gold + generator.random((seeds, examples, 4)) * 0.7, 0, 1)


def tune(validation: Sorted) -> float:
    return best_threshold(validation, "f1_macro")


def test_thresholds_are_tuned_again_without_each_group() -> None:
    validation, test = outputs(1, 100), outputs(2, 200)
    seen = []

    def watched(kept: Sorted) -> float:
        seen.append(kept.gold.shape[1])
        return tune(kept)

    found = validation_replicates([1, 2, 3], watched, f1_macro, validation, test)
    assert sorted(set(seen)) == [90, 100]
    assert found.without.shape == (3, 10)
    assert found.whole[1] == f1_macro(test[0], decide(test[1][1], tune_threshold(validation[0], validation[1][1])[0]))
    groups = draw_groups(100, count=10)
    kept = groups.of_example != 3  # sorted once and then cut is as if it had been cut first
    again = tune_threshold(validation[0][kept], validation[1][2][kept])[0]
    assert found.without[2, 3] == f1_macro(test[0], decide(test[1][2], again))


def test_a_fixed_threshold_hangs_on_nothing() -> None:
    validation, test = outputs(1, 100), outputs(2, 200)
    found = validation_replicates([1, 2, 3], lambda kept: 0.5, f1_macro, validation, test)
    part = validation_part(found)
    assert (part.name, part.variance, part.df) == ("validation", 0.0, 9.0)


def test_more_validation_examples_matter_less() -> None:
    test = outputs(2, 400)
    spread = [
        np.mean(
            [
                validation_part(validation_replicates([1, 2, 3], tune, f1_macro, outputs(seed, count), test)).variance
                for seed in range(10, 16)
            ]
        )
        for count in (40, 1500)
    ]
    assert spread[0] > 3 * spread[1]
    assert spread[1] > 0


def test_it_widens_the_interval_of_a_contrast() -> None:
    validation, test = outputs(1, 60), outputs(2, 200)
    a = validation_replicates([1, 2, 3], tune, f1_macro, validation, test)
    b = validation_replicates([1, 2, 3], tune, f1_macro, outputs(1, 60), outputs(3, 200))
    estimate = contrast(plain_replicates([1, 2, 3], a.whole), plain_replicates([1, 2, 3], b.whole))
    wider = estimate.with_part(validation_part(a, b))
    assert wider.interval().low < estimate.interval().low
    with pytest.raises(ValueError, match="no groups"):
        validation_part(plain_replicates([1, 2], [0.1, 0.2]))
