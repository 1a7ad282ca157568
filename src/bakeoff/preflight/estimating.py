"""A forecast for a plan whose data and models are known."""

from __future__ import annotations

from collections.abc import Sequence

from bakeoff.data.dataset import open_dataset
from bakeoff.preflight.costs import read_costs
from bakeoff.preflight.forecast import forecast
from bakeoff.preflight.forecast_model import Forecast, Sources
from bakeoff.preflight.lengths import measure_lengths
from bakeoff.preflight.machine import device_name
from bakeoff.records.paths import Home
from bakeoff.records.specs import TrialSpec
from bakeoff.running.plan_run import Materials


def sources_of(home: Home, trials: Sequence[TrialSpec], materials: Materials) -> Sources:
    """What forecasts of some trials are made from.

    Args:
        home: where costs are kept.
        trials: which.
        materials: where their datasets and models lie.

    Returns:
        The sources; texts are measured with their tokenizers.
    """
    datasets = {
        fingerprint: open_dataset(materials.datasets[fingerprint]) for fingerprint in {t.task.fingerprint for t in trials}
    }
    pairs = {(t.task.fingerprint, t.recipe.model.fingerprint) for t in trials if t.recipe.model}
    models = {model: materials.models[model] for _, model in pairs}
    lengths = {(data, model): measure_lengths(datasets[data], models[model]) for data, model in pairs}
    return Sources(datasets, models, lengths, read_costs(home), device_name())


def estimate(home: Home, trials: Sequence[TrialSpec], keep: str, materials: Materials) -> Forecast:
    """Foretell what trials will cost.

    Args:
        home: where costs are kept.
        trials: which.
        keep: which models the study keeps.
        materials: where their datasets and models lie.

    Returns:
        The forecast.
    """
    return forecast(trials, keep, sources_of(home, trials, materials))
