"""What the card of a recipe's method says, for those who have the recipe and not the catalog."""

from __future__ import annotations

from bakeoff.catalog.cards import MethodCard
from bakeoff.catalog.registry import cards
from bakeoff.records.specs import RecipeSpec


def method_card(recipe: RecipeSpec) -> MethodCard | None:
    """The card of a recipe's method.

    Args:
        recipe: the recipe.

    Returns:
        The card; None if the catalog has none, as for a run of a plug-in that is gone.
    """
    card = cards("method").get(recipe.method.name)
    return card if isinstance(card, MethodCard) else None


def is_simple(recipe: RecipeSpec) -> bool:
    """Whether a recipe is what others have to beat.

    Args:
        recipe: the recipe.

    Returns:
        Whether its method is a baseline; where the catalog does not know it, whether it uses no pretrained model.
    """
    card = method_card(recipe)
    return recipe.model is None if card is None else card.baseline


def is_deterministic(recipe: RecipeSpec) -> bool:
    """Whether all seeds of a recipe give the same model, so that no spread over seeds is known of it and not only seen.

    Args:
        recipe: the recipe.

    Returns:
        Whether chance has no part in its method, by its card, or by the recipe's own word for predictions from elsewhere.
    """
    card = method_card(recipe)
    return recipe.method.settings.get("deterministic") is True or (card is not None and card.deterministic)


def reads_features(recipe: RecipeSpec) -> bool:
    """Whether trials of a recipe read cached features.

    Args:
        recipe: the recipe.

    Returns:
        Whether a feature store is to be made before they begin.
    """
    card = method_card(recipe)
    return card is not None and card.features and recipe.model is not None
