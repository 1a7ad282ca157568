"""Where the next proposal lies: a pure function of the space, its number, and what is known of those before.

No sampler has a state to lose: each proposal is drawn by a generator of its own, from a history that is read from results.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from scipy.stats import qmc

from bakeoff.errors import MissingPackageError
from bakeoff.records.files import sha256_bytes
from bakeoff.steering.spaces import Space, draw, grid, rounded, value_at
from bakeoff.study.rounds import Distribution, Sampler, Scalar


class Told(StrEnum):
    """What a sampler is told of a proposal."""

    SCORED = "scored"
    """Its trials completed: it has a score."""
    BAD = "bad"
    """Its settings are to blame: it diverged, did not fit into memory, took too long, or was stopped early."""
    FAILED = "failed"
    """Nothing is known of its settings: something else failed."""
    OPEN = "open"
    """It runs."""


@dataclass(frozen=True)
class Known:
    """A proposal, as the sampler is told of it.

    Attributes:
        settings: value by setting; all of them lie in the space.
        told: how it stands.
        score: its score; None without one.
        rungs: scores at validations before, of one that was stopped early, by their number.
    """

    settings: dict[str, Scalar]
    told: Told
    score: float | None = None
    rungs: dict[int, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Question:
    """What a sampler is asked.

    Attributes:
        space: distribution by setting.
        sampler: which, with its settings.
        name: of the search; different searches draw differently.
        number: of the proposal within the search, from 1; the recipe as declared is not counted.
        history: what is known of earlier ones.
        lower: whether less is better.
    """

    space: Space
    sampler: Sampler
    name: str
    number: int
    history: Sequence[Known] = ()
    lower: bool = False

    def seed(self, what: str) -> int:
        """A seed that hangs on the study's seed, the search, and what it is for.

        Args:
            what: what it is for.

        Returns:
            32 bits.
        """
        return int(sha256_bytes(f"{self.sampler.seed}/{self.name}/{what}".encode())[:8], 16)


def suggest(question: Question) -> dict[str, Scalar] | None:
    """The next proposal.

    Args:
        question: what is known.

    Returns:
        Value by setting; None if a grid has no more points.

    Raises:
        MissingPackageError: if TPE is asked for, and Optuna is not installed.
    """
    match question.sampler.name:
        case "random":
            return _at(question, np.random.default_rng(question.seed(f"random/{question.number}")).random(len(question.space)))
        case "qmc":
            return _at(question, _sobol(question))
        case "grid":
            return _on_grid(question)
        case "tpe":
            scored = sum(one.told in (Told.SCORED, Told.BAD) for one in question.history)
            startup = question.number <= question.sampler.startup or scored < 2
            return _at(question, _sobol(question)) if startup else _by_model(question)


def _at(question: Question, point: np.ndarray[Any, Any]) -> dict[str, Scalar]:
    shares = dict(zip(question.space, point.tolist(), strict=True))
    return draw(question.space, lambda name, one: value_at(one, shares[name]))


def _sobol(question: Question) -> np.ndarray[Any, Any]:
    """A point of a Sobol sequence, shifted at random: every beginning of it covers the space evenly."""
    width = len(question.space)
    sequence = qmc.Sobol(width, scramble=False)
    if question.number > 1:
        sequence.fast_forward(question.number - 1)
    shift = np.random.default_rng(question.seed("qmc")).random(width)
    return np.asarray((sequence.random(1)[0] + shift) % 1.0)


def _on_grid(question: Question) -> dict[str, Scalar] | None:
    points = grid(question.space)
    order = np.random.default_rng(question.seed("grid")).permutation(len(points))
    return points[int(order[question.number - 1])] if question.number <= len(points) else None


def optuna() -> Any:
    """The package Optuna.

    Returns:
        The module; its log is quiet.

    Raises:
        MissingPackageError: if it is not installed.
    """
    try:
        import optuna as package
    except ImportError as error:
        raise MissingPackageError("optuna", "the sampler tpe", "sweep") from error
    package.logging.set_verbosity(package.logging.WARNING)
    return package


def _by_model(question: Question) -> dict[str, Scalar]:
    package = optuna()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", package.exceptions.ExperimentalWarning)
        sampler = package.samplers.TPESampler(
            seed=question.seed(f"tpe/{question.number}"), n_startup_trials=0, multivariate=True, group=True, constant_liar=True
        )
        study = package.create_study(sampler=sampler, direction="minimize" if question.lower else "maximize")
        study.add_trials([frozen(package, question.space, one) for one in question.history])
        trial = study.ask()
        return draw(question.space, lambda name, one: _suggest(trial, name, one))


def _suggest(trial: Any, name: str, one: Distribution) -> Scalar:
    bounds = one.log_uniform or one.uniform
    if bounds is not None:
        found = trial.suggest_float(name, *bounds, log=one.log_uniform is not None)
        return rounded(found, *bounds)
    if one.integers is not None:
        return int(trial.suggest_int(name, *one.integers))
    value: Scalar = trial.suggest_categorical(name, one.choices)
    return value


def frozen(package: Any, space: Space, one: Known) -> Any:
    """A proposal as Optuna keeps one.

    Args:
        package: Optuna.
        space: distribution by setting.
        one: the proposal.

    Returns:
        A frozen trial. What its settings are to blame for is told as pruned: TPE counts that among the worst, and ignores what
        failed.
    """
    states = package.trial.TrialState
    state = {Told.SCORED: states.COMPLETE, Told.BAD: states.PRUNED, Told.FAILED: states.FAIL, Told.OPEN: states.RUNNING}
    distributions = {name: _distribution(package, space[name]) for name in one.settings}
    return package.trial.create_trial(
        params=dict(one.settings),
        distributions=distributions,
        state=state[one.told],
        value=one.score if one.told is Told.SCORED else None,
        intermediate_values=dict(one.rungs) if one.told is Told.BAD else {},
    )


def _distribution(package: Any, one: Distribution) -> Any:
    bounds = one.log_uniform or one.uniform
    if bounds is not None:
        return package.distributions.FloatDistribution(*bounds, log=one.log_uniform is not None)
    if one.integers is not None:
        return package.distributions.IntDistribution(*one.integers)
    return package.distributions.CategoricalDistribution(one.choices)
