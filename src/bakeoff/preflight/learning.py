"""Costs learned from what was done: smoke runs and finished trials of this machine."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from bakeoff.errors import FormatError
from bakeoff.preflight.costs import Cost, CostKey, write_cost
from bakeoff.preflight.estimating import sources_of
from bakeoff.preflight.forecast import forecast_trial, guessed_cost, measured_seconds, modelled_bytes
from bakeoff.preflight.forecast_model import Sources, TrialForecast
from bakeoff.preflight.shapes import ModelShape, read_shape
from bakeoff.records.paths import Home, RunFolder
from bakeoff.records.results import Circumstances, State, TrialState
from bakeoff.records.specs import TrialSpec
from bakeoff.running.plan_run import Materials


def learn_from_smoke(home: Home, key: CostKey, facts: dict[str, Any]) -> None:
    """Keep what a smoke run measured; what finished trials said of the same key before still counts.

    Args:
        home: where costs are kept.
        key: what it hangs on.
        facts: of `bakeoff.training.smoke.measure`.
    """
    cost = Cost(
        key=key.model_copy(update={"device": str(facts["device"])}),
        train_seconds=max(float(facts["train_seconds"]), 1e-12),
        evaluation_seconds=float(facts["evaluation_seconds"]),
        overhead_seconds=float(facts["overhead_seconds"]),
        peak_bytes=int(facts["peak_bytes"]),
        peak_tokens=int(facts["peak_tokens"]),
        source="smoke",
    )
    write_cost(home, cost)


def learn_from_run(home: Home, run: RunFolder, trials: Sequence[TrialSpec], materials: Materials) -> None:
    """Learn from trials of a run that ended now; a home that cannot be written learns nothing, and that is all.

    Args:
        home: where costs are kept.
        run: their run folder.
        trials: those that ended now, run one at a time.
        materials: where their datasets and models lie.
    """
    with suppress(OSError):
        learn_from_trials(home, run, trials, sources_of(home, trials, materials))


def learn_from_trials(home: Home, run: RunFolder, trials: Sequence[TrialSpec], sources: Sources) -> int:
    """Compare what finished trials took with what would have been foretold, and mend the costs by it.

    Args:
        home: where costs are kept.
        run: their run folder.
        trials: those that ended now, run one at a time.
        sources: what forecasts are made from; its costs are those before.

    Returns:
        How many trials there was something to learn from: complete at the first attempt.
    """
    shapes = {fingerprint: read_shape(folder) for fingerprint, folder in sources.models.items()}
    entries = dict(sources.costs.entries)
    count = 0
    for trial in trials:
        lived = _lived(run, trial)
        if lived is None:
            continue
        count += 1
        shape = shapes[trial.recipe.model.fingerprint] if trial.recipe.model else None
        foretold = forecast_trial(trial, shapes, "none", sources)
        cost = entries.get(foretold.key.digest) or _first(foretold, shape, lived)
        entries[foretold.key.digest] = cost.seen(trial.id, *_ratios(cost, foretold, shape, lived))
        write_cost(home, entries[foretold.key.digest])
    return count


def _lived(run: RunFolder, trial: TrialSpec) -> Circumstances | None:
    """How a trial was lived through, if it completed at once: what was interrupted says nothing of its cost."""
    folder = run.trial(trial.id)
    try:
        state, lived = TrialState.read(folder.state), Circumstances.read(folder.circumstances)
    except (FormatError, ValueError):
        return None
    return lived if state.state is State.COMPLETE and lived.attempts == 1 and lived.seconds > 0 else None


def _first(foretold: TrialForecast, shape: ModelShape | None, lived: Circumstances) -> Cost:
    """A cost from one trial alone: the guess, as much slower or faster as the trial was."""
    guess = guessed_cost(foretold.key, shape, foretold.work)
    factor = lived.seconds / measured_seconds(guess, foretold.work)
    return guess.model_copy(
        update={
            "train_seconds": guess.train_seconds * factor,
            "evaluation_seconds": guess.evaluation_seconds * factor,
            "overhead_seconds": guess.overhead_seconds * factor,
            "peak_bytes": lived.peak_bytes,
        }
    )


def _ratios(cost: Cost, foretold: TrialForecast, shape: ModelShape | None, lived: Circumstances) -> tuple[float, float]:
    change = modelled_bytes(cost.key, shape, foretold.work.largest_pass) - modelled_bytes(cost.key, shape, cost.peak_tokens)
    expected = max(cost.peak_bytes + change, 1.0)
    return lived.seconds / measured_seconds(cost, foretold.work), max(lived.peak_bytes, 1) / expected
