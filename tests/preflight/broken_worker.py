"""A worker whose models are broken, each as its recipe's name says: `forget`, `freeze` or `merge`; any other name is sound."""

from __future__ import annotations

import sys
from pathlib import Path

from bakeoff.records.specs import RecipeSpec
from bakeoff.training import full
from bakeoff.training.classifier import Classifier
from bakeoff.worker.__main__ import main

sys.path.insert(0, str(Path(__file__).parents[1]))
from broken_models import forget, freeze, merge_rows

BREAKS = {"forget": forget, "freeze": freeze, "merge": merge_rows}
sound_model = full.build_model


def build_model(recipe: RecipeSpec, folder: Path, outputs: int, seed: int, points: bool = False) -> Classifier:
    """The recipe's model, broken."""
    model = sound_model(recipe, folder, outputs, seed, points)
    BREAKS.get(recipe.name, lambda _: None)(model)
    return model


full.build_model = build_model
if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
