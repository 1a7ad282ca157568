"""A folder that asks for Python of its own is refused in our words, and nothing of it runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bakeoff.errors import ModelError
from bakeoff.tasks.remote_code import named_code, refused_code
from bakeoff.tasks.tokenizer import load_tokenizer
from bakeoff.testing.models import make_tiny_model
from bakeoff.training.backbone import Backbone, load_config

CODE = {"AutoConfig": "evil.Config", "AutoModel": "evil.Model", "AutoTokenizer": ["evil.Slow", "evil.Fast"]}


def change(path: Path, **values: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


@pytest.fixture
def evil(tmp_path: Path) -> Path:
    """A model that would leave `ran` beside its folder."""
    folder = make_tiny_model(tmp_path / "model", "bert")
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').write('ran')\n")
    change(folder / "config.json", model_type="evil", auto_map=CODE)
    return folder


@pytest.mark.parametrize("load", [load_config, lambda folder: Backbone(folder, "mean")])
def test_its_code_is_named_and_never_run(evil: Path, load: Callable[[Path], Any]) -> None:
    with pytest.raises(ModelError, match=r"needs code of its own \(evil.Config\), which is never run") as caught:
        load(evil)
    assert str(evil) in caught.value.where
    assert "name that folder in the study" in caught.value.remedy
    assert not (evil.parent / "ran").exists()


def test_a_tokenizer_alone(evil: Path) -> None:
    (evil / "config.json").unlink()
    change(evil / "tokenizer_config.json", tokenizer_class="Evil", auto_map={"AutoTokenizer": [None, "evil.Fast"]})
    with pytest.raises(ModelError, match=r"\(evil.Fast\)"):
        load_tokenizer(evil)
    assert not (evil.parent / "ran").exists()


def test_code_that_the_library_does_not_need_is_no_reason(evil: Path) -> None:
    """Models that were published before transformers brought their code still name it."""
    change(evil / "config.json", model_type="bert")
    assert load_config(evil).model_type == "bert"
    assert load_tokenizer(evil).is_fast
    assert named_code(evil) == "evil.Config"
    assert not (evil.parent / "ran").exists()


@pytest.mark.parametrize("content", ["", "[]", "{", '{"auto_map": 5}', '{"auto_map": {"AutoModel": null}}'])
def test_no_code_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.json").write_text(content)
    assert refused_code(tmp_path) is None
