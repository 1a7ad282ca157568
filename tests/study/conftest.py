"""A study file in a folder of its own, and cards that no package brings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from study_files import FaultsOf, Load, PairSettings, RankSettings

from bakeoff.catalog import registry
from bakeoff.catalog.cards import LossCard, MethodCard
from bakeoff.errors import Fault, StudyError
from bakeoff.study.loading import load_study
from bakeoff.study.model import Study


@pytest.fixture
def more_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cards as another package would bring them."""
    pair = LossCard(name="pairloss", version=3, summary="for tests", settings=PairSettings)
    spans = LossCard(name="spanloss", summary="for tests", tasks=("spans",))
    ranked = MethodCard(name="ranked", summary="for tests", settings=RankSettings)
    for card in (pair, spans, ranked):
        monkeypatch.setitem(registry.cards(card.kind), card.name, card)


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Write a study file and load it."""

    def loader(text: str | bytes, profile: str | None = None, overrides: Sequence[str] = (), name: str = "study.yaml") -> Study:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_study(path, profile, overrides)

    return loader


@pytest.fixture
def faults_of(load: Load) -> FaultsOf:
    """Write a study file that has faults, and give them."""

    def finder(*arguments: Any, **options: Any) -> list[Fault]:
        with pytest.raises(StudyError) as caught:
            load(*arguments, **options)
        assert str(len(caught.value.faults)) in caught.value.what
        return caught.value.faults

    return finder
