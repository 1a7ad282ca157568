"""Texts as sets of shingles: hashes of every few signs in a row, all texts at once."""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SHINGLE = 4
"""Signs of a shingle. With three, long texts are alike by their commonest signs; with five, one word more or less in a short
text is a third of its shingles."""
HASH_BITS = 40
"""Bits of a shingle's hash; those above hold the text's number, so that all texts are sorted at once."""
HASH_MASK = np.uint64((1 << HASH_BITS) - 1)
SIGNS_AT_ONCE = 4_000_000
"""Signs that are hashed at a time, which bounds the memory."""
FACTOR = np.uint64(0x9E3779B97F4A7C15)
LEFT_OUT = ("P", "S", "C", "Z")
"""Unicode's categories of punctuation, symbols, control signs and separators."""


def plain(text: str) -> str:
    """A text without what does not make it another: case, width of signs and spaces, form of accents.

    Args:
        text: any text.

    Returns:
        NFKC, case-folded, white space as single spaces.
    """
    if text.isascii():
        return " ".join(text.lower().split())
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


class _Bare(dict[int, str | int]):
    """What each sign becomes in a bare text, found out when it is first met."""

    def __missing__(self, code: int) -> str | int:
        found: str | int = " " if unicodedata.category(chr(code))[0] in LEFT_OUT else code
        self[code] = found
        return found


_BARE = _Bare()


def bare(text: str) -> str:
    """A plain text without punctuation and symbols; one that has nothing else keeps them.

    Args:
        text: of `plain`.

    Returns:
        Letters, digits and single spaces.
    """
    return " ".join(text.translate(_BARE).split()) or text


@dataclass(frozen=True)
class Shingles:
    """Sets of shingles, one after another.

    Attributes:
        hashes: ascending and distinct within a text, below 2^40, [T] uint64.
        starts: first hash of each text, [N + 1].
    """

    hashes: NDArray[np.uint64]
    starts: NDArray[np.int64]

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Shingles of each text, at least 1, [N]."""
        return np.diff(self.starts)


def make_shingles(texts: Sequence[str], length: int = SHINGLE) -> Shingles:
    """The shingles of some texts.

    Args:
        texts: any; one shorter than a shingle is a shingle of its own.
        length: signs of a shingle.

    Returns:
        Their sets.
    """
    sizes = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    part = np.cumsum(sizes) // SIGNS_AT_ONCE
    cuts = [0, *(np.flatnonzero(np.diff(part)) + 1).tolist(), len(texts)]
    parts = [_shingles_of(texts[first:last], sizes[first:last], length) for first, last in itertools.pairwise(cuts)]
    counts = np.concatenate([np.zeros(1, np.int64), *(held for _, held in parts)])
    return Shingles(np.concatenate([hashes for hashes, _ in parts]), np.cumsum(counts))


def _shingles_of(texts: Sequence[str], sizes: NDArray[np.int64], length: int) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Hashes of some texts, and how many each has."""
    signs = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    # signs that a short text does not have count as 0, which no text has there
    signs = np.concatenate([signs + np.uint32(1), np.zeros(length, dtype=np.uint32)])
    counts = np.maximum(sizes - length + 1, 1)
    owner = np.repeat(np.arange(len(texts), dtype=np.uint64), counts)
    first = np.cumsum(sizes) - sizes
    begins = np.arange(int(counts.sum())) + np.repeat(first - (np.cumsum(counts) - counts), counts)
    ends = np.repeat(first + sizes, counts)
    values = np.zeros(len(owner), dtype=np.uint64)
    for place in range(length):
        there = begins + place < ends
        values = scramble(values * FACTOR + np.where(there, signs[begins + place], 0).astype(np.uint64))
    keyed = np.sort((owner << np.uint64(HASH_BITS)) | (values & HASH_MASK))
    keyed = keyed[np.concatenate([np.ones(1, bool), keyed[1:] != keyed[:-1]])] if len(keyed) else keyed
    held = np.bincount((keyed >> np.uint64(HASH_BITS)).astype(np.int64), minlength=len(texts))
    return keyed & HASH_MASK, held.astype(np.int64)


def scramble(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Mix the bits of whole numbers.

    Args:
        values: any.

    Returns:
        Of the same shape; equal only where the values are.

    Source:
        The finaliser of MurmurHash3 (Appleby, public domain).
    """
    values = (values ^ (values >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    values = (values ^ (values >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return values ^ (values >> np.uint64(33))


def similarities(shingles: Shingles, pairs: NDArray[np.int64], at_once: int = 20_000) -> NDArray[np.float64]:
    """How alike texts are: shingles that both have over shingles that either has (Jaccard), exact but for equal hashes.

    Args:
        shingles: of all texts.
        pairs: two numbers of texts each, [K, 2].
        at_once: pairs whose shingles are held in memory at a time.

    Returns:
        From 0 to 1, [K].
    """
    found = np.zeros(len(pairs))
    for first in range(0, len(pairs), at_once):
        some = pairs[first : first + at_once]
        sizes = shingles.sizes[some]
        owner = np.repeat(np.arange(len(some), dtype=np.uint64), sizes.sum(axis=1))
        flat = sizes.ravel()
        index = np.arange(int(flat.sum())) + np.repeat(shingles.starts[some].ravel() - (np.cumsum(flat) - flat), flat)
        keyed = np.sort((owner << np.uint64(HASH_BITS)) | shingles.hashes[index])
        twice = keyed[1:][keyed[1:] == keyed[:-1]] >> np.uint64(HASH_BITS)
        common = np.bincount(twice.astype(np.int64), minlength=len(some))
        found[first : first + at_once] = common / (sizes.sum(axis=1) - common)
    return found


def distinct(values: Iterable[str]) -> tuple[list[str], NDArray[np.int64]]:
    """Each text once.

    Args:
        values: texts, N of them.

    Returns:
        The distinct ones in the order in which they first occur, and the number of each text among them, [N].
    """
    known: dict[str, int] = {}
    numbers = np.fromiter((known.setdefault(value, len(known)) for value in values), dtype=np.int64)
    return list(known), numbers
