"""Seeds for one purpose at one place: whoever draws by chance keeps no state, and can be asked again."""

from __future__ import annotations

import hashlib


def derive(seed: int, *place: int | str) -> int:
    """A seed for one purpose at one place.

    Args:
        seed: the trial's seed, or the study's.
        *place: what it is for, such as "order", 3.

    Returns:
        A number in [0, 2^63).
    """
    text = "\x1f".join(str(part) for part in (seed, *place))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
