"""Numbers and findings in words."""

from __future__ import annotations

import math

from bakeoff.analysis.model import Analysis, TaskAnalysis
from bakeoff.analysis.recipe_model import Standing, Summary

NOTHING = "–"
NO_SIGNIFICANCE = "No significance is claimed while test is closed."
SEE_DIFFERENCES = "A ranking is no proof: what is shown and what is not stands under Differences."
RULE_WORDS = {"tuned": "tuned", "per-label": "one a label", "highest": "highest output"}


def score(value: float | None) -> str:
    """A score with four decimals.

    Args:
        value: the score; None where there is none.

    Returns:
        The words; `not finite` for nan.
    """
    if value is None:
        return NOTHING
    return f"{value:.4f}" if math.isfinite(value) else "not finite"


def summary(found: Summary | None) -> str:
    """A mean with its standard deviation.

    Args:
        found: the score over seeds.

    Returns:
        `0.4123 ± 0.0040`, without the deviation for one seed.
    """
    if found is None or found.n == 0:
        return NOTHING
    if math.isnan(found.mean):
        return "not finite"
    return score(found.mean) + (f" ± {found.sd:.4f}" if math.isfinite(found.sd) else "")


def threshold(value: float | None) -> str:
    """A threshold or another probability, which may be very small.

    Args:
        value: the probability; None where there is none.

    Returns:
        Four decimals, or two digits below 0.001, with an exponent below a millionth.
    """
    if value is not None and math.isinf(value):  # of the score of "no answer": never, or always
        return "∞" if value > 0 else "−∞"
    if value is None or not math.isfinite(value) or abs(value) >= 0.001 or value == 0:
        return score(value).replace("-", "−")
    if value < 1e-6:
        return f"{value:.1e}".replace("-", "−")
    return f"{value:.{1 - math.floor(math.log10(value))}f}"


def count(value: float) -> str:
    """A mean number of labels.

    Args:
        value: the number.

    Returns:
        Two decimals.
    """
    return f"{value:.2f}" if math.isfinite(value) else NOTHING


def share(value: float | None) -> str:
    """A share.

    Args:
        value: from 0 to 1; None where there is none.

    Returns:
        Per cent, with one decimal below ten of them.
    """
    if value is None or not math.isfinite(value):
        return NOTHING
    return f"{value:.1%}" if 0 < value < 0.1 else f"{value:.0%}"


def significant(value: float | None) -> str:
    """A number of any size.

    Args:
        value: the number; None where there is none.

    Returns:
        Two significant digits.
    """
    if value is None:
        return NOTHING
    return f"{value:.2g}".replace("-", "−") if math.isfinite(value) else "not finite"


def kappa(values: list[float]) -> str:
    """How strongly thresholds a label were shrunk, for each seed.

    Args:
        values: κ of each seed.

    Returns:
        The words; `∞` where every label has the common threshold.
    """
    return ", ".join("∞" if math.isinf(value) else f"{value:g}" if math.isfinite(value) else NOTHING for value in values)


def mean_points(found: Summary | None) -> str:
    """A mean difference in points.

    Args:
        found: the difference over seeds; None where there is none.

    Returns:
        The words, with a sign.
    """
    return points(found.mean) if found is not None else NOTHING


def points(value: float | None) -> str:
    """A difference of scores in points (hundredths).

    Args:
        value: the difference; None where there is none.

    Returns:
        The words, with a sign.
    """
    if value is None or not math.isfinite(value):
        return NOTHING
    return f"{100 * value:+.2f}".replace("-", "−")


def span(low: float | None, high: float | None) -> str:
    """An interval in points.

    Args:
        low: lower end.
        high: upper end.

    Returns:
        The words; a dash where an end is missing or infinite.
    """
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return NOTHING
    return f"{points(low)} to {points(high)}"


def score_span(low: float, high: float) -> str:
    """An interval of a score.

    Args:
        low: lower end.
        high: upper end.

    Returns:
        The words.
    """
    return f"{score(low)} to {score(high)}".replace("-", "−")


def duration(seconds: float | None) -> str:
    """A duration for people.

    Args:
        seconds: how long; None if unknown.

    Returns:
        The words.
    """
    if seconds is None or not math.isfinite(seconds):
        return NOTHING
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def size(count: int | None) -> str:
    """A size in memory.

    Args:
        count: bytes; None or 0 if unknown.

    Returns:
        The words, in MiB or GiB.
    """
    if not count:
        return NOTHING
    mib = count / (1 << 20)
    return f"{mib / 1024:.2f} GiB" if mib >= 1024 else f"{mib:.0f} MiB"


def rule(name: str) -> str:
    """A threshold rule.

    Args:
        name: as the analysis names it.

    Returns:
        The words.
    """
    return RULE_WORDS.get(name, name)


def metric(task: TaskAnalysis) -> str:
    """The metric that ranks, with its threshold.

    Args:
        task: the task.

    Returns:
        The words.
    """
    if task.rule == "none":
        return f"{task.bare_metric}, which needs no threshold"
    if task.rule == "highest":
        return task.bare_metric
    at = "the threshold tuned on validation" if task.rule == "tuned" else f"the fixed threshold {task.rule}"
    return f"{task.bare_metric} at {at}"


def decided_at(rule: str) -> str:
    """How decisions are made.

    Args:
        rule: the threshold rule.

    Returns:
        The words.
    """
    if rule == "highest":
        return "the highest output"
    return "the tuned threshold" if rule == "tuned" else f"threshold {rule}"


def seeds(count: int) -> str:
    """How many seeds.

    Args:
        count: the number.

    Returns:
        The words.
    """
    return "one seed" if count == 1 else f"{count} seeds"


def headline(task: TaskAnalysis) -> str:
    """The answer of a task in one sentence.

    Args:
        task: the task.

    Returns:
        Which recipe leads, by how much, over how many seeds.
    """
    standing = {entry.recipe: entry for entry in task.standings}
    if not task.leader:
        return "No recipe can be ranked: of each, a trial failed, is still to run, or has no finite score."
    leader = standing[task.leader]
    # equal leaders share the first rank: naming one of them alone would invent a winner
    equals = [entry.recipe for entry in task.standings if entry.rank == 1]
    if len(equals) > 1:
        return f"{', '.join(equals)} lead together with {score(leader.score.mean)} on {task.split} ({metric(task)})."
    sentence = f"{task.leader} leads with {summary(leader.score)} on {task.split} ({metric(task)}, {seeds(leader.score.n)})"
    if task.leader == task.reference:
        name = "It is the baseline" if task.reference_is_declared else "It fine-tunes no model"
        return f"{sentence}. {name}{_behind(task, leader)}."
    if task.reference and leader.difference is not None and math.isfinite(leader.difference):
        kind = "the baseline" if task.reference_is_declared else "the best recipe that fine-tunes no model,"
        return f"{sentence}, {_apart(leader.difference)} points {_side(task)} {kind} {task.reference}."
    return f"{sentence}; there is no baseline with a score to compare with."


def _apart(difference: float) -> str:
    return f"{100 * abs(difference):.2f}"


def _side(task: TaskAnalysis) -> str:
    return "above" if task.higher_is_better else "below"


def _behind(task: TaskAnalysis, leader: Standing) -> str:
    others = [entry for entry in task.standings if entry.rank > 1]
    if not others:
        return ""
    return f"; {others[0].recipe} follows, {_apart(leader.score.mean - others[0].score.mean)} points behind"


def caveats(analysis: Analysis, task: TaskAnalysis) -> list[str]:
    """What the reader of a headline must know with it.

    Args:
        analysis: the analysis.
        task: the task.

    Returns:
        Sentences.
    """
    sentences = []
    if not analysis.opened:
        left = sum(entry.planned - entry.complete - entry.failed for entry in task.standings)
        why = f"trials still to run: {left}" if left else "it was not opened"
        sentences.append(f"These are scores on validation, on which thresholds are tuned: they flatter. Test is closed: {why}.")
    significance = SEE_DIFFERENCES if analysis.opened else NO_SIGNIFICANCE
    sentences.append(f"{significance}{_deviation(task)}")
    better = _unranked_above(task)
    if better:
        sentences.append(f"{', '.join(better)}: a higher mean, but over part of the seeds only; a failed trial leaves no rank.")
    for entry in task.standings:
        flags = [flag for flag in entry.flags if flag.kind not in ("unfinished", "below-simple")]
        sentences += [f"{entry.recipe}: {flag.text}" + (f" ({flag.evidence})." if flag.evidence else ".") for flag in flags]
    sentences += unequal_tuning(task)
    below = [entry.recipe for entry in task.standings if any(flag.kind == "below-simple" for flag in entry.flags)]
    if below:
        sentences.append(f"Below {task.simple}, which fine-tunes no model: {', '.join(below)}.")
    return sentences


def unequal_tuning(task: TaskAnalysis) -> list[str]:
    """A warning where some recipes were tuned more than others.

    Args:
        task: the task.

    Returns:
        One sentence; none where every recipe was tuned alike.
    """
    told = {recipe.name: recipe.proposals for recipe in task.recipes}
    if len(set(told.values())) < 2:
        return []
    counts = ", ".join(f"{name} {count}" for name, count in told.items())
    return [
        f"Recipes were not tuned alike (settings tried: {counts}): better here means better at these settings, and the more "
        "a recipe was tuned the more its lead may be owed to that."
    ]


def _deviation(task: TaskAnalysis) -> str:
    """Between what the deviations are, and who has none; nothing where no score has one."""
    counts = sorted({entry.score.n for entry in task.standings if math.isfinite(entry.score.sd)})
    over = seeds(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]} seeds" if counts else ""
    told = f" The deviation (±) is that of {over} on one {task.split} set." if over else ""
    names = [entry.recipe for entry in task.standings if entry.unchanging]
    if names:
        told += f" Seeds change nothing in {', '.join(names)}: the same outputs at each, so there is no deviation."
    return told


def _unranked_above(task: TaskAnalysis) -> list[str]:
    names = []
    for entry in task.standings:
        if entry.rank:
            break
        if entry.score.n and not math.isnan(entry.score.mean) and task.leader:
            names.append(entry.recipe)
    return names
