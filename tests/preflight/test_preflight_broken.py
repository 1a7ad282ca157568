"""Broken set-ups: each is named with its remedy, by checks that keep their contract whatever they look at."""

from __future__ import annotations

import pytest
from broken_setups import BROKEN, one_row_short
from preflight_setups import Setup

from bakeoff.preflight.findings import Severity
from bakeoff.testing.checks import check_check, check_finding


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_set_up_is_named_with_its_remedy(name: str, setup: Setup) -> None:
    spoil, severity, check, words, remedy = BROKEN[name]
    assert setup.look().ready, [finding.what for finding in setup.look().of(Severity.ERROR)]
    spoil(setup)
    finding = setup.find(check, words)
    assert finding.severity is severity
    assert remedy in finding.remedy
    readiness = setup.look()
    assert readiness.exit_code == (3 if severity is Severity.ERROR or name == "offline, data missing" else 0)
    for one in readiness.checked:
        for found in check_check(one.check, readiness.subject):
            check_finding(one.check, found)


def test_a_torn_copy_of_a_packaged_dataset_is_made_again_without_a_word(setup: Setup) -> None:
    setup.look()
    one_row_short(setup)
    assert setup.look().ready
