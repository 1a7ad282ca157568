"""Every loss once more, in float64 and NumPy, with its gradient written out by hand; nothing here comes from `bakeoff.losses`.

A side is (value, gradient by the logit) of decisions whose target is 1, and of those whose target is 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.losses.base import LossFacts

Floats = NDArray[np.float64]
Sides = tuple[Floats, Floats, Floats, Floats]
"""Value and gradient for positives, value and gradient for negatives."""
Both = Callable[[Floats, Floats, float], tuple[Floats, Floats]]
"""(logits [B, L], targets [B, L], progress) to values and gradients, [B, L] each."""

FACTS = LossFacts(positives=(500, 37, 1, 0, 1000), examples=1000)
"""Frequent, rare, once, never, always."""
COUNTS = np.array([500.0, 37, 1, 1, 1000])
NEGATIVES = np.array([500.0, 963, 999, 1000, 1])


def parts(x: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """p, 1 - p and their logarithms."""
    log_p, log_q = -np.logaddexp(0, -x), -np.logaddexp(0, x)
    return np.exp(log_p), np.exp(log_q), log_p, log_q


def bce_sides(x: Floats) -> Sides:
    p, q, log_p, log_q = parts(x)
    return -log_p, -q, -log_q, p


def focal_sides(x: Floats, gamma: float, alpha: float | None = None) -> Sides:
    p, q, log_p, log_q = parts(x)
    a, b = (1.0, 1.0) if alpha is None else (alpha, 1 - alpha)
    positive, falling = -(q**gamma) * log_p, gamma * p * q**gamma * log_p - q ** (gamma + 1)
    negative, rising = -(p**gamma) * log_q, p ** (gamma + 1) - gamma * q * p**gamma * log_q
    return a * positive, a * falling, b * negative, b * rising


def asymmetric_sides(x: Floats, gamma_neg: float, gamma_pos: float, clip: float) -> Sides:
    positive, falling, *_ = focal_sides(x, gamma_pos)
    if clip == 0:
        return positive, falling, *focal_sides(x, gamma_neg)[2:]
    p, q, _, _ = parts(x)
    m = np.maximum(p - clip, 0)
    log_rest = np.where(x < 0, np.log1p(-m), np.log(np.minimum(q + clip, 1)))
    counted = m > 0
    safe = np.where(counted, m, 1.0)
    negative = np.where(counted, -(safe**gamma_neg) * log_rest, 0)
    by_m = -gamma_neg * safe ** (gamma_neg - 1) * log_rest + safe**gamma_neg / np.minimum(q + clip, 1)
    return positive, falling, negative, np.where(counted, p * q * by_m, 0)


def effective(counts: Floats, beta: float) -> Floats:
    """By the sum 1 + beta + beta² + … that an effective number is, not by its closed form."""
    return np.array([1 / sum(beta**k for k in range(int(count))) for count in counts])


def weights_of(choice: Any, beta: float = 0.999) -> tuple[Floats, Floats]:
    ones = np.ones_like(COUNTS)
    if choice == "balanced":
        return 1000 / (2 * COUNTS), 1000 / (2 * NEGATIVES)
    if choice == "effective":
        positive, negative = effective(COUNTS, beta), effective(NEGATIVES, beta)
        return 2 * positive / (positive + negative), 2 * negative / (positive + negative)
    return (ones, ones) if choice == "none" else (np.asarray(choice, dtype=np.float64), ones)


def mix(sides: Callable[[Floats, float], Sides], smoothing: float = 0.0, class_weights: Any = "none") -> Both:
    def both(x: Floats, y: Floats, progress: float) -> tuple[Floats, Floats]:
        positive, falling, negative, rising = sides(x, progress)
        w_positive, w_negative = weights_of(class_weights)
        soft = y * (1 - smoothing) + 0.5 * smoothing
        a, b = soft * w_positive, (1 - soft) * w_negative
        return a * positive + b * negative, a * falling + b * rising

    return both


def always(sides: Callable[..., Sides], **settings: Any) -> Callable[[Floats, float], Sides]:
    return lambda x, progress: sides(x, **settings)


def class_balanced(sides: Callable[[Floats, float], Sides], beta: float, smoothing: float = 0.0) -> Both:
    weights = effective(COUNTS, beta)
    weights = weights / weights.sum() * len(weights)
    plain = mix(sides, smoothing)

    def both(x: Floats, y: Floats, progress: float) -> tuple[Floats, Floats]:
        value, gradient = plain(x, y, progress)
        return weights * value, weights * gradient

    return both


def distribution_balanced(
    alpha: float = 0.1, beta: float = 10.0, mu: float = 0.2, kappa: float = 0.05, scale: float = 2.0, gamma: float = 0.0
) -> Both:
    def both(x: Floats, y: Floats, progress: float) -> tuple[Floats, Floats]:
        weights = np.empty_like(x)
        for row in range(len(x)):
            drawn = sum(1 / COUNTS[label] for label in range(x.shape[1]) if y[row, label])
            for label in range(x.shape[1]):
                ratio = (1 / COUNTS[label]) / drawn if drawn else np.inf
                weights[row, label] = alpha + (1 / (1 + np.exp(-beta * (ratio - mu))) if drawn else 1)
        u = x - kappa * np.log(NEGATIVES / COUNTS)
        positive, falling, *_ = focal_sides(u, gamma)
        *_, negative, rising = focal_sides(scale * u, gamma)
        return weights * np.where(y, positive, negative / scale), weights * np.where(y, falling, rising)

    return both


def combined(ramps: dict[str, tuple[float, float]], **settings: Any) -> Callable[[Floats, float], Sides]:
    def sides(x: Floats, progress: float) -> Sides:
        found = {
            "asymmetric": asymmetric_sides(
                x, settings.get("gamma_neg", 4.0), settings.get("gamma_pos", 0.0), settings.get("clip", 0.05)
            ),
            "focal": focal_sides(x, settings.get("gamma", 2.0), settings.get("alpha", 0.25)),
            "bce": bce_sides(x),
        }
        now = {part: first * (1 - progress) + last * progress for part, (first, last) in ramps.items()}
        summed = [sum(now[part] * found[part][place] for part in now) for place in range(4)]
        return summed[0], summed[1], summed[2], summed[3]

    return sides


def uncertain(ramps: dict[str, tuple[float, float]]) -> Both:
    """At its start: exp(-s) is the declared weight, and s / 2 is added."""
    plain = mix(combined(ramps))
    added = sum(-np.log(first) / 2 for first, _ in ramps.values())

    def both(x: Floats, y: Floats, progress: float) -> tuple[Floats, Floats]:
        value, gradient = plain(x, y, progress)
        return value + added, gradient

    return both


@dataclass(frozen=True)
class Case:
    """A loss with settings and what it must be.

    Attributes:
        name: name of its card.
        both: the reference.
        settings: its settings.
    """

    name: str
    both: Both
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """For the test's id."""
        return "-".join([self.name, *(f"{key}={value}" for key, value in self.settings.items())])


GIVEN = [1.5, 2.0, 3.0, 0.5, 1.0]
MEAN_BALANCED = float(np.mean(1000 / (2 * COUNTS)))
CASES = [
    Case("bce", mix(always(bce_sides))),
    Case("bce", mix(always(bce_sides), 0.1), {"label_smoothing": 0.1}),
    Case("bce", mix(always(bce_sides), 0.0, "balanced"), {"class_weights": "balanced"}),
    Case("bce", mix(always(bce_sides), 0.0, "effective"), {"class_weights": "effective"}),
    Case("bce", mix(always(bce_sides), 0.2, GIVEN), {"class_weights": GIVEN, "label_smoothing": 0.2}),
    Case("focal", mix(always(focal_sides, gamma=2.0, alpha=0.25))),
    Case("focal", mix(always(focal_sides, gamma=0.5)), {"gamma": 0.5, "alpha": None}),
    Case("focal", mix(always(focal_sides, gamma=0.0, alpha=0.9)), {"gamma": 0, "alpha": 0.9}),
    Case("asymmetric", mix(always(asymmetric_sides, gamma_neg=4.0, gamma_pos=0.0, clip=0.05))),
    Case(
        "asymmetric", mix(always(asymmetric_sides, gamma_neg=2.0, gamma_pos=1.0, clip=0.05)), {"gamma_neg": 2, "gamma_pos": 1}
    ),
    Case(
        "asymmetric",
        mix(always(asymmetric_sides, gamma_neg=4.0, gamma_pos=1.0, clip=0.0), 0.1, "effective"),
        {"gamma_pos": 1, "clip": 0, "class_weights": "effective", "label_smoothing": 0.1},
    ),
    Case("asymmetric", mix(always(asymmetric_sides, gamma_neg=1.0, gamma_pos=0.0, clip=0.6)), {"gamma_neg": 1, "clip": 0.6}),
    Case("asymmetric", mix(always(asymmetric_sides, gamma_neg=0.5, gamma_pos=0.0, clip=0.2)), {"gamma_neg": 0.5, "clip": 0.2}),
    Case("asymmetric", mix(always(asymmetric_sides, gamma_neg=0.0, gamma_pos=0.0, clip=0.2)), {"gamma_neg": 0, "clip": 0.2}),
    Case("class-balanced", class_balanced(always(focal_sides, gamma=2.0), 0.9999)),
    Case("class-balanced", class_balanced(always(bce_sides), 0.9, 0.1), {"over": "bce", "beta": 0.9, "label_smoothing": 0.1}),
    Case("class-balanced", class_balanced(always(bce_sides), 0.0), {"over": "bce", "beta": 0}),
    Case("distribution-balanced", distribution_balanced()),
    Case("distribution-balanced", distribution_balanced(beta=0.0), {"beta": 0}),
    Case(
        "distribution-balanced",
        distribution_balanced(alpha=0.3, beta=4.0, mu=0.5, kappa=0.2, scale=5.0, gamma=2.0),
        {"alpha": 0.3, "beta": 4, "mu": 0.5, "kappa": 0.2, "negative_scale": 5, "gamma": 2},
    ),
    Case("combined", mix(combined({"asymmetric": (0.7, 0.7), "focal": (0.3, 0.3)})), {"asymmetric": 0.7, "focal": 0.3}),
    Case(
        "combined",
        mix(combined({"bce": (1.0, 0.0), "asymmetric": (0.0, 1.0)}, gamma_neg=2.0)),
        {"bce": [1.0, 0.0], "asymmetric": [0.0, 1.0], "gamma_neg": 2},
    ),
    Case(
        "combined",
        mix(combined({"asymmetric": (0.7, 0.7), "focal": (0.3 * MEAN_BALANCED,) * 2, "bce": (0.2, 0.2)})),
        {"ratio": 0.7},
    ),
    Case(
        "combined",
        uncertain({"asymmetric": (0.7, 0.7), "bce": (2.0, 2.0)}),
        {"asymmetric": 0.7, "bce": 2, "weighting": "uncertainty"},
    ),
]
