"""The README's study means what it says, and its commands are the ones that there are."""

from __future__ import annotations

import re
from pathlib import Path

from bakeoff.study.loading import load_study

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf8")


def test_the_study_of_the_readme_loads_in_both_forms(tmp_path: Path) -> None:
    example = re.search(r"^```yaml\n(.*?)^```", README, re.M | re.S)
    assert example
    path = tmp_path / "study.yaml"
    path.write_text(example.group(1), encoding="utf8")
    assert load_study(path).seeds == [42, 1337, 2024]
    quick = load_study(path, "quick", ["defaults.training.epochs=2"])
    assert quick.seeds == [42, 1337]
    assert "epochs: 2" in quick.resolved_yaml()


def test_the_commands_of_the_readme_are_all_that_there_are() -> None:
    import typer.main

    from bakeoff.cli.main import app

    table = re.search(r"^## Commands$(.*?)(?=^## )", README, re.M | re.S)
    assert table
    named = set(re.findall(r"`bakeoff (\w+)", table.group(1)))
    group = typer.main.get_command(app)
    assert named == set(group.commands)  # type: ignore[attr-defined]
