"""The published GoEmotions files quote texts as CSV does; the store holds what people wrote."""

from __future__ import annotations

import pytest

from bakeoff.data.goemotions import _unquote


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ('"He said ""no"" again"', 'He said "no" again'),
        ('""""', '"'),
        ('""', ""),
        ('"never closed', '"never closed'),
        ('"one" and "two"', '"one" and "two"'),
        ('"', '"'),
        ("plain", "plain"),
    ],
)
def test_a_quoted_field_is_unquoted_and_no_other_is_touched(field: str, text: str) -> None:
    assert _unquote(field) == text
