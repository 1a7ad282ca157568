"""Points of a search space: from numbers between 0 and 1 to settings, conditions kept."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping

from bakeoff.study.model import Recipe
from bakeoff.study.rounds import Distribution, Scalar

Space = Mapping[str, Distribution]
DIGITS = 4
"""Significant digits of a proposed number: what a person would write down, and far finer than what scores can tell apart."""


def ordered(space: Space) -> list[str]:
    """The settings of a space, each after those that its condition hangs on.

    Args:
        space: distribution by setting.

    Returns:
        Their names.
    """
    found: list[str] = []
    while len(found) < len(space):
        ready = [name for name, one in space.items() if name not in found and all(other in found for other in one.when)]
        if not ready:  # a circle, which the study's check has refused
            raise ValueError("conditions in a circle")
        found += ready
    return found


def is_active(one: Distribution, chosen: Mapping[str, Scalar]) -> bool:
    """Whether a setting's condition holds.

    Args:
        one: its distribution.
        chosen: settings chosen so far.

    Returns:
        True if every setting that it hangs on was chosen, with one of the values named.
    """
    return all(name in chosen and chosen[name] in values for name, values in one.when.items())


def draw(space: Space, choose: Callable[[str, Distribution], Scalar]) -> dict[str, Scalar]:
    """Choose every setting whose condition holds.

    Args:
        space: distribution by setting.
        choose: gives a setting's value.

    Returns:
        Value by setting.
    """
    chosen: dict[str, Scalar] = {}
    for name in ordered(space):
        if is_active(space[name], chosen):
            chosen[name] = choose(name, space[name])
    return chosen


def rounded(value: float, low: float, high: float) -> float:
    """A number with few digits, inside its bounds.

    Args:
        value: the number.
        low: lower bound.
        high: upper bound.

    Returns:
        The number with four significant digits, or the bound that it would pass.
    """
    return min(max(float(f"{value:.{DIGITS}g}"), low), high)


def value_at(one: Distribution, share: float) -> Scalar:
    """The value at a share of a distribution.

    Args:
        one: the distribution.
        share: from 0, below 1.

    Returns:
        The value.
    """
    if one.log_uniform is not None:
        low, high = map(math.log, one.log_uniform)
        return rounded(math.exp(low + share * (high - low)), *one.log_uniform)
    if one.uniform is not None:
        low, high = one.uniform
        return rounded(low + share * (high - low), low, high)
    values = values_of(one)
    return values[min(int(share * len(values)), len(values) - 1)]


def values_of(one: Distribution) -> list[Scalar]:
    """The values of a distribution that has a number of them.

    Args:
        one: choices or whole numbers.

    Returns:
        The values in order.
    """
    if one.integers is not None:
        return list(range(one.integers[0], one.integers[1] + 1))
    return list(one.choices or [])


def contains(one: Distribution, value: Scalar) -> bool:
    """Whether a value is one that a distribution can give.

    Args:
        one: the distribution.
        value: the value.

    Returns:
        True if it is.
    """
    bounds = one.log_uniform or one.uniform
    if bounds is not None:
        return isinstance(value, int | float) and not isinstance(value, bool) and bounds[0] <= value <= bounds[1]
    return value in values_of(one)


def grid(space: Space) -> list[dict[str, Scalar]]:
    """Every point of a space of choices and whole numbers.

    Args:
        space: distribution by setting.

    Returns:
        The points, each once, in the order of the study file.
    """
    names = ordered(space)
    points: dict[tuple[tuple[str, Scalar], ...], None] = {}
    for values in itertools.product(*(values_of(space[name]) for name in names)):
        whole = dict(zip(names, values, strict=True))
        points.setdefault(tuple(draw(space, lambda name, _, whole=whole: whole[name]).items()))  # type: ignore[misc]
    return [dict(point) for point in points]


def stated(recipe: Recipe, space: Space) -> dict[str, Scalar] | None:
    """A recipe's own settings as a point of a space.

    Args:
        recipe: the recipe as it is on the task.
        space: distribution by setting.

    Returns:
        Value by setting; None if the recipe lies outside.
    """
    found: dict[str, Scalar] = {}
    for name in ordered(space):
        if not is_active(space[name], found):
            continue
        value = _setting(recipe, name)
        if not isinstance(value, bool | int | float | str) or not contains(space[name], value):
            return None
        found[name] = value
    return found


def _setting(recipe: Recipe, name: str) -> object:
    part, _, key = name.partition(".")
    owner = getattr(recipe, part, None)
    if not key:
        return getattr(owner, "name", owner)
    return getattr(owner, "settings", {}).get(key) if part in ("method", "loss") else getattr(owner, key, None)
