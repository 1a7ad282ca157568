"""How much of each source an epoch draws: shares that are declared, or that follow from the sources' sizes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bakeoff.data.treatments.draws import Draws, Pool, rounded
from bakeoff.errors import DataError
from bakeoff.records.mixing import trained_sources
from bakeoff.records.specs import MixSpec


def declared_shares(mix: MixSpec, names: Sequence[str], sizes: Sequence[int]) -> NDArray[np.float64]:
    """The share of an epoch's examples that each source is to have.

    Args:
        mix: the recipe's.
        names: the sources of the task, S of them.
        sizes: training examples of each, [S].

    Returns:
        Shares that add up to 1, [S]. With a temperature T they are proportional to size^(1/T): 1 leaves the sources as large
        as they are, more evens them out (Devlin et al., multilingual BERT, 2018; Raffel et al., T5, JMLR 2020, section 3.5.2).

    Raises:
        DataError: if a source that the mix names has no training example.
    """
    chosen = trained_sources(mix, names)
    weights = np.zeros(len(names))
    for place, (name, size) in enumerate(zip(names, sizes, strict=True)):
        if name in chosen:
            if not size:
                raise DataError(f"the source {name} has no training example", "treatment.mix", "leave it out of the mix")
            weights[place] = mix.shares[name] if mix.shares is not None else size ** (1 / mix.temperature)
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def mix_draws(mix: MixSpec, names: Sequence[str], sources: NDArray[np.int32], targets: NDArray[np.uint8]) -> Draws:
    """What an epoch draws of each source.

    A source of which an epoch draws more than it has is drawn as often as it goes whole, and the rest from a pool; of one of
    which it draws less, epochs in a row draw different examples as long as there are any.

    Args:
        mix: the recipe's.
        names: the sources of the task, S of them.
        sources: source of each training example, [N].
        targets: of the same, [N, L], nonzero where a label applies.

    Returns:
        The draws; each source's number is its share of all of them up to one example.

    Raises:
        DataError: see `declared_shares`.
    """
    members = [np.flatnonzero(sources == number).astype(np.int64) for number in range(len(names))]
    sizes = [len(some) for some in members]
    shares = declared_shares(mix, names, sizes)
    whole = mix.examples or sum(size for size, share in zip(sizes, shares, strict=True) if share)
    certain = np.zeros(len(sources), dtype=np.int64)
    pools = []
    for some, count in zip(members, _counts(shares, whole).tolist(), strict=True):
        if count:
            certain[some], rest = divmod(count, len(some))
            if rest:
                pools.append(Pool(some, rest))
    draws = Draws(certain, tuple(pools), np.zeros(0, dtype=np.int64))
    aims = [rounded(count) for count in (draws.expected() @ (np.asarray(targets) > 0)).tolist()]
    return Draws(certain, tuple(pools), np.asarray(aims, dtype=np.int64))


def _counts(shares: NDArray[np.float64], whole: int) -> NDArray[np.int64]:
    """Whole numbers that add up, by largest remainders; of equal ones the first."""
    exact = shares * whole
    counts = np.floor(exact).astype(np.int64)
    rest = np.argsort(-(exact - counts), kind="stable")[: whole - int(counts.sum())]
    counts[rest] += 1
    return counts


def drawn_shares(draws: Draws, sources: NDArray[np.int32], count: int, seed: int, epochs: int) -> list[float]:
    """The shares that epochs really have.

    Args:
        draws: what they draw.
        sources: source of each training example, [N].
        count: number of sources S.
        seed: the trial's seed.
        epochs: how many of the first are counted, at least 1.

    Returns:
        Shares over all of them, [S].
    """
    drawn = np.concatenate([draws.examples(seed, epoch) for epoch in range(epochs)])
    counts = np.bincount(sources[drawn], minlength=count)
    return [float(share) for share in counts / counts.sum()]
