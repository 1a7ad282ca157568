"""What is printed where an encoding lacks letters, such as ASCII or Latin-1: our signs get their nearest likeness there."""

from __future__ import annotations

import codecs

HANDLER = "bakeoff-plain"
"""Name of the error handler of streams; importing this module registers it."""
LIKENESS = str.maketrans(
    {
        "\N{MINUS SIGN}": "-",
        "\N{EN DASH}": "-",
        "\N{EM DASH}": "-",
        "\N{PLUS-MINUS SIGN}": "+/-",
        "\N{MULTIPLICATION SIGN}": "x",
        "\N{HORIZONTAL ELLIPSIS}": "...",
        "\N{LEFT DOUBLE QUOTATION MARK}": '"',
        "\N{RIGHT DOUBLE QUOTATION MARK}": '"',
        "\N{RIGHT SINGLE QUOTATION MARK}": "'",
        "\N{MIDDLE DOT}": "*",
        "\N{RIGHTWARDS ARROW}": "->",
        "\N{LESS-THAN OR EQUAL TO}": "<=",
        "\N{GREATER-THAN OR EQUAL TO}": ">=",
        "\N{REPLACEMENT CHARACTER}": "?",
    }
)


def liken(error: UnicodeError) -> tuple[str, int]:
    """Letters that an encoding lacks, as it can say them.

    Args:
        error: what could not be encoded.

    Returns:
        Our signs as their nearest likeness in ASCII, every other letter by its number as Python writes it; where to go on.

    Raises:
        UnicodeError: the same, where it is not about encoding.
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    likeness = error.object[error.start : error.end].translate(LIKENESS)
    return likeness.encode("ascii", "backslashreplace").decode("ascii"), error.end


codecs.register_error(HANDLER, liken)
