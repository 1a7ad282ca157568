"""Claims that are observations: whether trials completed, and what they took. No p-value follows from them."""

from __future__ import annotations

from collections.abc import Sequence

from bakeoff.analysis.cautions import hardware
from bakeoff.analysis.trial_model import TrialAnalysis
from bakeoff.analysis.verdict_model import Answer
from bakeoff.records.results import State
from bakeoff.study.claims import EveryTrialCompletes, Quantity, Several, Single, Statement, StaysBelow, TakesLess

Found = tuple[Answer, str]
GIGABYTE = 1e9


def observe(statement: Statement, trials: Sequence[TrialAnalysis]) -> Found:
    """Answer an observation.

    Args:
        statement: what is said.
        trials: every planned trial.

    Returns:
        The answer and why.
    """
    if isinstance(statement, Several):
        parts = [_observe_one(part, trials) for part in statement.parts]
        return _combined([answer for answer, _ in parts], statement.how == "any"), "; ".join(reason for _, reason in parts)
    return _observe_one(statement, trials)


def _combined(answers: Sequence[Answer], one_is_enough: bool) -> Answer:
    decisive: Answer = "supported" if one_is_enough else "refuted"
    other: Answer = "refuted" if one_is_enough else "supported"
    if decisive in answers:
        return decisive
    return "undecided" if "undecided" in answers else other


def _observe_one(statement: Single, trials: Sequence[TrialAnalysis]) -> Found:
    match statement:
        case EveryTrialCompletes():
            return _completes(trials)
        case StaysBelow():
            return _stays_below(statement, trials)
        case TakesLess():
            return _takes_less(statement, trials)
    raise TypeError(f"no observation: {statement}")


def _completes(trials: Sequence[TrialAnalysis]) -> Found:
    complete = sum(trial.state is State.COMPLETE for trial in trials)
    words = f"{complete} of {len(trials)} trials completed"
    return ("supported" if complete == len(trials) else "refuted"), words


def _amount(trial: TrialAnalysis, quantity: Quantity) -> float | None:
    taken = trial.seconds if quantity == "time" else trial.peak_bytes
    return float(taken) if taken else None


def _words(amount: float, quantity: Quantity) -> str:
    return f"{amount:.0f} s" if quantity == "time" else f"{amount / GIGABYTE:.2f} GB"


def _stays_below(statement: StaysBelow, trials: Sequence[TrialAnalysis]) -> Found:
    quantity = statement.quantity
    amounts = [_amount(trial, quantity) for trial in trials]
    known = [amount for amount in amounts if amount is not None]
    if not known:
        return "undecided", "no trial tells"
    summed = statement.total and quantity == "time"
    found = sum(known) if summed else max(known)
    what = "all trials together took" if summed else "the most that a trial took is"
    unknown = len(amounts) - len(known)
    more = f"; {unknown} trials do not tell" if unknown else ""
    words = f"{what} {_words(found, quantity)}, the limit is {statement.written}{more}"
    if found >= statement.limit:
        return "refuted", words
    return ("undecided" if unknown else "supported"), words


def _takes_less(statement: TakesLess, trials: Sequence[TrialAnalysis]) -> Found:
    """Observed means; with one trial of either, or on other hardware, nothing is said."""
    sides = []
    for recipe in (statement.recipe, statement.rival):
        own = [trial for trial in trials if trial.recipe == recipe and statement.task in ("", trial.task)]
        amounts = [_amount(trial, statement.quantity) for trial in own if trial.state is State.COMPLETE]
        known = [amount for amount in amounts if amount is not None]
        if len(known) < len(own) or len({trial.seed for trial in own}) < 2:
            return "undecided", f"{recipe} has fewer than two seeds, or trials that do not tell"
        sides.append((recipe, sum(known) / len(known), {hardware(trial) for trial in own}))
    (recipe, mine, here), (rival, other, there) = sides
    quantity = statement.quantity
    words = f"as observed, a trial of {recipe} took {_words(mine, quantity)}, one of {rival} {_words(other, quantity)}"
    if here != there:
        return "undecided", f"{words}, but not on the same machines"
    return ("supported" if mine < other else "refuted"), words
