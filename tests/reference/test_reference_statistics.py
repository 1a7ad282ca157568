"""Where SciPy and statsmodels compute the same thing, ours agrees to 1e-9."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import f1_score
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar
from statsmodels.stats.meta_analysis import effectsize_smd
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower
from statsmodels.stats.weightstats import ttost_paired

from bakeoff.stats.corrections import benjamini_hochberg, bonferroni, holm
from bakeoff.stats.effects import hedges_g, probability_of_improvement
from bakeoff.stats.estimates import contrast
from bakeoff.stats.grouping import draw_groups
from bakeoff.stats.margins import reaches, within
from bakeoff.stats.power import Design, Noise, power
from bakeoff.stats.replicates import decision_replicates, mean_replicates, plain_replicates
from bakeoff.stats.sides import all_of, sided
from bakeoff.stats.trained import mcnemar

EXACT = 1e-9
CASES = range(20)


def scores(case: int, seeds: int = 5, level: float = 0.5) -> np.ndarray:
    return np.random.default_rng([case, seeds]).normal(level, 0.02, seeds)


@pytest.mark.parametrize("case", CASES)
def test_without_noise_of_examples_paired_is_scipys_paired_t(case: int) -> None:
    a, b = scores(case), scores(case + 100, level=0.52)
    ours = contrast(plain_replicates(range(5), a), plain_replicates(range(5), b))
    theirs = stats.ttest_rel(a, b)
    interval = theirs.confidence_interval(0.95)
    assert ours.p_two_sided() == pytest.approx(theirs.pvalue, rel=EXACT)
    assert ours.interval().low == pytest.approx(interval.low, abs=EXACT)
    assert ours.interval().high == pytest.approx(interval.high, abs=EXACT)
    assert ours.p_above() == pytest.approx(stats.ttest_rel(a, b, alternative="greater").pvalue, rel=EXACT)


@pytest.mark.parametrize("case", CASES)
def test_unshared_seeds_are_scipys_welch(case: int) -> None:
    a, b = scores(case, 4), scores(case + 100, 7, level=0.52)
    ours = contrast(plain_replicates(range(4), a), plain_replicates(range(7), b))
    theirs = stats.ttest_ind(a, b, equal_var=False)
    assert ours.form == "welch"
    assert ours.parts[0].df == pytest.approx(theirs.df, rel=EXACT)
    assert ours.p_two_sided() == pytest.approx(theirs.pvalue, rel=EXACT)
    assert ours.interval(0.9).high == pytest.approx(theirs.confidence_interval(0.9).high, abs=EXACT)


@pytest.mark.parametrize("case", CASES)
def test_one_sample_is_scipys(case: int) -> None:
    a = scores(case)
    ours = reaches(plain_replicates(range(5), a), 0.51)
    assert ours.p_above() == pytest.approx(stats.ttest_1samp(a, 0.51, alternative="greater").pvalue, rel=EXACT)
    assert ours.p_below() == pytest.approx(stats.ttest_1samp(a, 0.51, alternative="less").pvalue, rel=EXACT)


@pytest.mark.parametrize("case", CASES)
def test_a_mean_over_examples_is_scipys_t_of_the_examples(case: int) -> None:
    # one example a group and seeds that are equal: the noise of examples alone, as a paired t over examples
    generator = np.random.default_rng(case)
    a, b = generator.random((2, 80))
    groups = draw_groups(80, count=80)
    ours = contrast(mean_replicates([1, 2], [a, a], groups), mean_replicates([1, 2], [b, b], groups))
    assert ours.p_two_sided() == pytest.approx(stats.ttest_rel(a, b).pvalue, rel=EXACT)


def test_parts_are_the_mean_squares_of_a_two_way_layout() -> None:
    # one example a group: seeds × examples without repetition, whose residual is the interaction
    values = np.random.default_rng(5).random((4, 12))
    long = pd.DataFrame(
        {"score": values.ravel(), "seed": np.repeat(range(4), 12).astype(str), "example": np.tile(range(12), 4).astype(str)}
    )
    table = anova_lm(ols("score ~ C(seed) + C(example)", long).fit())
    mean_squares = (table["sum_sq"] / table["df"]).to_numpy() / values.size
    estimate = contrast(mean_replicates(range(4), values, draw_groups(12, count=12)))
    assert estimate.twice is not None
    ours = [estimate.parts[0].variance, estimate.parts[1].variance, estimate.twice.variance]
    np.testing.assert_allclose(ours, mean_squares, rtol=EXACT)
    assert [estimate.parts[0].df, estimate.parts[1].df, estimate.twice.df] == [3, 11, 33]


@pytest.mark.parametrize("case", CASES)
def test_equivalence_is_statsmodels_tost(case: int) -> None:
    a, b = scores(case), scores(case + 100)
    pair = within(plain_replicates(range(5), a), plain_replicates(range(5), b), 0.03)
    theirs, _, _ = ttost_paired(a, b, -0.03, 0.03)
    assert all_of([sided(one) for one in pair]).support == pytest.approx(theirs, rel=EXACT)


@pytest.mark.parametrize("case", CASES)
def test_corrections_are_statsmodels_and_scipys(case: int) -> None:
    generator = np.random.default_rng(case)
    p = generator.random(1 + case) ** 3
    p[generator.integers(len(p))] = p[0]  # ties
    np.testing.assert_allclose(holm(p), multipletests(p, method="holm")[1], rtol=EXACT)
    np.testing.assert_allclose(bonferroni(p), multipletests(p, method="bonferroni")[1], rtol=EXACT)
    np.testing.assert_allclose(benjamini_hochberg(p), multipletests(p, method="fdr_bh")[1], rtol=EXACT)
    np.testing.assert_allclose(benjamini_hochberg(p), stats.false_discovery_control(p), rtol=EXACT)


@pytest.mark.parametrize("case", CASES)
def test_mcnemar_is_statsmodels(case: int) -> None:
    generator = np.random.default_rng(case)
    a, b = generator.random((2, 60)) < [[0.7], [0.6]]
    table = [[np.sum(a & b), np.sum(a & ~b)], [np.sum(~a & b), np.sum(~a & ~b)]]
    assert mcnemar(a, b).p == pytest.approx(min(1.0, statsmodels_mcnemar(table, exact=True).pvalue), rel=EXACT)


@pytest.mark.parametrize("case", CASES)
def test_effect_sizes_are_statsmodels_and_scipys(case: int) -> None:
    a, b = scores(case), scores(case + 100, 6)
    ours = hedges_g(a, b)
    theirs, _ = effectsize_smd(a.mean(), a.std(ddof=1), 5, b.mean(), b.std(ddof=1), 6)
    # statsmodels takes 1 - 3 / (4·df - 1) for the exact factor: at df = 9 they differ by 0.02 %
    approximate, exact = 1 - 3 / (4 * 9 - 1), 0.9138747
    assert ours is not None
    assert ours.value == pytest.approx(theirs / approximate * exact, rel=1e-6)
    improvement = probability_of_improvement(a, b)
    assert improvement is not None
    assert improvement.value == pytest.approx(stats.mannwhitneyu(a, b).statistic / 30, rel=EXACT)


def test_power_is_statsmodels_where_seeds_are_all_the_noise() -> None:
    for seeds in (3, 5, 10, 30):
        for difference in (0.5, 1.0, 2.0):
            ours = power(Noise(1.0, 0.0, 0.0), Design(seeds, 1000), difference)
            theirs = TTestPower().power(difference, seeds, 0.025, alternative="larger")
            # not the same computation: ours averages over 200 quantiles of the spread
            assert ours == pytest.approx(theirs, abs=2e-3)


def test_replicates_are_scikit_learns_scores() -> None:
    generator = np.random.default_rng(0)
    gold, decided = generator.random((70, 6)) < 0.2, generator.random((2, 70, 6)) < 0.3
    groups = draw_groups(70, count=7)
    found = decision_replicates([1, 2], gold, decided, groups, ["f1_macro", "f1_micro", "f1_weighted"])
    for average in ("macro", "micro", "weighted"):
        for group in range(7):
            kept = groups.of_example != group
            theirs = f1_score(gold[kept], decided[1][kept], average=average, zero_division=0)
            assert found[f"f1_{average}"].without[1, group] == pytest.approx(theirs, abs=EXACT)
