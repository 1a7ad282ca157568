"""Simulated worlds: what two recipes decide about a large pool of examples at many seeds, packed as bits.

A model's output for a label is −τ + δ·gold + noise, and the label is given where that is above 0. The noise has parts: how
hard the example is for everybody, for one recipe, for one training of one recipe, and a shift of each label at each seed.
Test sets and seeds are drawn from the pool with replacement, so the pool is the population, exactly.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import optimize
from scipy.special import ndtr, ndtri

LABELS = 28
USUAL_RATES = np.geomspace(0.30, 0.004, LABELS)
RARE_RATES = np.geomspace(0.10, 0.0008, LABELS)
"""Shares of examples that bear each label: like GoEmotions', and with half of the labels seen less than once in 100."""
Kind = Literal["identical", "equal", "planted"]


@dataclass(frozen=True)
class World:
    """What noise there is, as standard deviations on the scale on which a label's threshold acts.

    Attributes:
        name: of the world.
        kind: two names for one recipe; different recipes of equal expectation; or different recipes, A better.
        shared: noise of an example, the same for all recipes.
        recipe: noise of an example for one recipe (none between identical ones).
        both: noise of an example at one seed of one recipe.
        seed: shift of a label at one seed of one recipe.
        pairing: correlation of that shift between recipes at one seed.
        tails: degrees of freedom of the shift's distribution; infinity is normal.
        collapse: share of seeds at which a recipe gives no label at all.
        common: share of the shift's variance that all seeds of one study have in common (training data, starting weights).
        cluster: examples in a cluster, which share recipe noise.
        rates: shares of examples that bear each label.
        gain: by how much A's δ is larger than B's, where planted.
        lone: whether only the rarest label differs between recipes.
    """

    name: str
    kind: Kind = "identical"
    shared: float = 1.0
    recipe: float = 0.6
    both: float = 0.6
    seed: float = 0.12
    pairing: float = 0.0
    tails: float = np.inf
    collapse: float = 0.0
    common: float = 0.0
    cluster: int = 1
    rates: tuple[float, ...] = tuple(USUAL_RATES)
    gain: float = 0.0
    lone: bool = False


@dataclass(frozen=True)
class Pool:
    """A population of examples and of trained models, as bits: bit l of a number says yes to label l.

    Attributes:
        gold: labels that are borne, [P].
        decided: labels that are given, [2 recipes, K seeds, P]; identical recipes have the same trained models here.
        labels: number of labels.
        cluster: consecutive examples that belong together.
        studies: seeds come in runs of this length that belong to one study; 1 where each stands alone.
        identical: whether both recipes are one: each draws seeds of its own from the same trained models, so that the true
            difference is 0 exactly, and not only on average over pools.
    """

    gold: NDArray[np.uint32]
    decided: NDArray[np.uint32]
    labels: int = LABELS
    cluster: int = 1
    studies: int = 1
    identical: bool = False


def pack(flags: NDArray[np.bool_]) -> NDArray[np.uint32]:
    """Labels as bits of one number.

    Args:
        flags: [..., L], L at most 32.

    Returns:
        Numbers, [...].
    """
    padded = np.zeros((*flags.shape[:-1], 32), dtype=bool)
    padded[..., : flags.shape[-1]] = flags
    return np.packbits(padded, axis=-1, bitorder="little").view(np.uint32)[..., 0]


def stream(*names: object) -> np.random.Generator:
    """Random numbers that depend on names alone, so that no cell depends on which others are computed.

    Args:
        names: anything printable.

    Returns:
        The generator.
    """
    return np.random.default_rng([zlib.crc32(repr(name).encode()) for name in names])


def _operating_points(world: World) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """δ and τ of both recipes, [2, L] each, such that different recipes of equal expectation have equal macro-F1."""
    rates = np.array(world.rates)
    # the noise that a label's decision sees over examples and seeds; τ gives about as many labels as are borne
    noise = np.sqrt(world.shared**2 + world.recipe**2 + world.both**2 + world.seed**2)
    delta = np.full((2, len(rates)), 2.6 * noise)
    tau = np.tile(noise * ndtri(1 - 0.6 * rates), (2, 1))
    if world.kind == "planted":
        delta[0, -1 if world.lone else slice(None)] += world.gain * noise
    if world.kind != "equal":
        return delta, tau

    def f1(row: int) -> float:
        hits = rates * ndtr((delta[row] - tau[row]) / noise)
        return float(np.mean(2 * hits / (hits + (1 - rates) * ndtr(-tau[row] / noise) + rates)))

    # B gives every other label more readily and the rest less, and is then made as good as A by its δ
    tau[1] += 0.3 * noise * np.where(np.arange(len(rates)) % 2, 1, -1)

    def gap(shift: float) -> float:
        delta[1] = (2.6 + shift) * noise
        return f1(1) - f1(0)

    gap(float(optimize.brentq(gap, -2, 4)))
    return delta, tau


def make_pool(world: World, examples: int, seeds: int) -> Pool:
    """Draw the population of a world.

    Args:
        world: the world.
        examples: P.
        seeds: K.

    Returns:
        The pool; the same every time.

    Raises:
        ValueError: if identical recipes are to be paired: they would decide the same.
    """
    if world.pairing and world.kind == "identical":
        raise ValueError("identical recipes cannot be paired")
    generator = stream("pool", replace(world, name=""), examples, seeds)
    labels = len(world.rates)
    gold = generator.random((examples, labels)) < np.array(world.rates)
    delta, tau = _operating_points(world)
    hardness = world.shared * generator.standard_normal((examples, labels), dtype=np.float32)
    own = generator.standard_normal((2, examples // world.cluster, labels), dtype=np.float32).repeat(world.cluster, axis=1)
    studies = 10 if world.common else 1
    shifts = _shifts(world, generator, seeds, labels, studies)
    decided = np.empty((2, seeds, examples), dtype=np.uint32)
    for recipe in (0, 1):
        # identical recipes share what a recipe finds hard
        noise = own[0 if world.kind == "identical" else recipe]
        fixed = delta[recipe] * gold - tau[recipe] + hardness + world.recipe * noise
        fixed = np.asarray(fixed, dtype=np.float32)
        for seed in range(seeds):
            drawn = world.both * generator.standard_normal((examples, labels), dtype=np.float32)
            decided[recipe, seed] = pack(fixed + drawn + shifts[recipe, seed] > 0)
    if world.collapse:
        decided[generator.random((2, seeds)) < world.collapse] = 0
    if world.kind == "identical":
        models = decided.reshape(1, 2 * seeds, examples)
        return Pool(pack(gold), np.broadcast_to(models, (2, *models.shape[1:])), labels, world.cluster, studies, identical=True)
    return Pool(pack(gold), decided, labels, world.cluster, studies)


def _shifts(world: World, generator: np.random.Generator, seeds: int, labels: int, studies: int) -> NDArray[np.float32]:
    """What each seed adds to each label, [2, K, L]: half of it common to all labels."""

    def draw(*shape: int) -> NDArray[np.float64]:
        if np.isinf(world.tails):
            return generator.standard_normal(shape)
        return generator.standard_t(world.tails, shape)

    own = (draw(2, seeds, labels) + draw(2, seeds, 1)) / np.sqrt(2)
    both = (draw(seeds, labels) + draw(seeds, 1)) / np.sqrt(2)
    mixed = np.sqrt(world.pairing) * both + np.sqrt(1 - world.pairing) * own
    if world.common:
        shared = (draw(2, seeds // studies, labels) + draw(2, seeds // studies, 1)).repeat(studies, axis=1) / np.sqrt(2)
        mixed = np.sqrt(world.common) * shared + np.sqrt(1 - world.common) * mixed
    return np.asarray(world.seed * mixed, dtype=np.float32)
