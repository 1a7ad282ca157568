"""Options that are more than a number or a word."""

from __future__ import annotations

import pytest
import typer

from bakeoff.cli.options import read_workers


def test_workers_are_a_number_or_as_many_as_fit() -> None:
    # the default comes as a number, what is typed as text
    assert [read_workers(written) for written in (1, "1", "64", "auto")] == [1, 1, 64, 0]
    for wrong in ("0", "65", "-1", "two", "1.5", ""):
        with pytest.raises(typer.BadParameter, match="not in the range 1 to 64"):
            read_workers(wrong)
