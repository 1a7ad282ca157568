"""Looking several times, declared in advance: a share of alpha for each look.

**When it misleads**: a look that was not declared, or declared after the first, has no error rate.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Looks:
    """At which numbers of seeds a study is looked at, and how much of alpha each look spends.

    By Bonferroni over looks the error rate of all together is at most the sum, however the looks depend on each other; as
    the later ones hold the earlier ones' seeds, it is in truth lower (`make calibration` measures it).

    Attributes:
        seeds: seeds at each look, rising, each at least 2.
        alphas: share of each look, above 0.
        alpha: what they may add up to.
    """

    seeds: tuple[int, ...] = (4, 6, 10)
    alphas: tuple[float, ...] = (0.015, 0.015, 0.02)
    alpha: float = 0.05

    def __post_init__(self) -> None:
        if not self.seeds or len(self.seeds) != len(self.alphas):
            raise ValueError(f"{len(self.seeds)} looks need as many alphas, found {len(self.alphas)}")
        if self.seeds[0] < 2 or any(later <= earlier for earlier, later in zip(self.seeds, self.seeds[1:], strict=False)):
            raise ValueError(f"seeds at the looks must rise from 2 or more, found {self.seeds}")
        if min(self.alphas) <= 0 or sum(self.alphas) > self.alpha + 1e-12:
            raise ValueError(f"alphas must be above 0 and add up to at most {self.alpha}, found {self.alphas}")

    def alpha_at(self, seeds: int) -> float:
        """What a look may spend.

        Args:
            seeds: number of seeds at the look.

        Returns:
            Its alpha. Worked number: 0.015 at 4 seeds by default.

        Raises:
            ValueError: if no look was declared at that number.
        """
        if seeds not in self.seeds:
            raise ValueError(f"no look was declared at {seeds} seeds, only at {', '.join(map(str, self.seeds))}")
        return self.alphas[self.seeds.index(seeds)]
