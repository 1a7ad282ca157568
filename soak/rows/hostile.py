"""Row 30: models, data, studies and packs that would run code, or reach out of their folder."""

from __future__ import annotations

import io
import json
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from soak.context import Context, RowResult
from soak.reference import Study, materials, study_body

REFUSED = (2, 3, 4)
"""Exit statuses of a refusal: an error, a check that found something, a run whose trials failed."""
TRAINED = (2, 4)
"""Models that are trained on in spite of their check at the small size, too."""
SUFFIXES = ("csv", "tsv", "jsonl", "parquet")


class Runs:
    """Runs code when it is unpickled: writes a file.

    Args:
        mark: the file.
    """

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, (f"open({str(self.mark)!r}, 'w').write('ran')",)


def torch_zip(mark: Path) -> bytes:
    """A file as `torch.save` writes it, with code in its pickle."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"weight": Runs(mark)}, protocol=2))
        archive.writestr("archive/version", "3\n")
    return content.getvalue()


def pack_with(name: str, kind: int = 0) -> bytes:
    """A pack whose one file has a name, and is of a kind of the file system."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        entry = zipfile.ZipInfo(name)
        entry.external_attr = (kind or 0o100644) << 16
        archive.writestr(entry, "/etc/passwd")
        archive.writestr("pack.json", json.dumps({"format": "bakeoff/pack@1", "files": {}, "items": []}))
    return content.getvalue()


def bad_models(mark: Path) -> dict[str, Callable[[Path], None]]:
    """What makes a model folder one that would run code."""

    def instead(name: str, content: bytes) -> Callable[[Path], None]:
        def change(folder: Path) -> None:
            (folder / "model.safetensors").unlink()
            (folder / name).write_bytes(content)

        return change

    def code(folder: Path) -> None:
        (folder / "evil.py").write_text(f"open({str(mark)!r}, 'w').write('ran')\n")
        config = json.loads((folder / "config.json").read_text())
        named = {"AutoConfig": "evil.Config", "AutoModel": "evil.Model", "AutoTokenizer": ["evil.Slow", "evil.Fast"]}
        (folder / "config.json").write_text(json.dumps({**config, "model_type": "evil", "auto_map": named}))

    plain = pickle.dumps({"weight": Runs(mark)})
    return {
        "a pickle as weights": instead("pytorch_model.bin", plain),
        "a torch zip as weights": instead("pytorch_model.bin", torch_zip(mark)),
        "a pickle that is called safetensors": instead("model.safetensors", plain),
        "a torch zip that is called safetensors": instead("model.safetensors", torch_zip(mark)),
        "a model with code of its own": code,
    }


def refuse_code(context: Context) -> RowResult:
    """Give commands what would run code or reach out of its folder, and see that they refuse it and that nothing ran.

    Args:
        context: what the row is given.

    Returns:
        What came of it.
    """
    result, mark = RowResult(), context.folder / "ran"
    study = materials().study(context.place("study"), True, {"keep": "all"})
    for number, (name, change) in enumerate(bad_models(mark).items()):
        model = context.folder / f"model {number}"
        shutil.copytree(materials().model, model)
        change(model)
        file = context.folder / f"model {number}.yaml"
        file.write_text(yaml.safe_dump(study_body(model, small=True)), encoding="utf-8")
        _refused(result, study, name, "check", str(file))
        if number in TRAINED or context.full:
            _refused(
                result,
                study,
                f"{name}, trained on",
                "run",
                str(file),
                "--no-check",
                "--run-dir",
                str(context.folder / f"run {number}"),
            )
    _bad_files(context, result, study, mark)
    _bad_links(context, result, study)
    result.expect(not mark.exists(), "code ran", mark)
    strays = [path for path in context.folder.parent.iterdir() if "evil" in path.name]
    result.expect(not strays, f"something was written outside: {strays}")
    return result


def _refused(result: RowResult, study: Study, name: str, *words: str, right: tuple[int, ...] = REFUSED) -> None:
    ended = study.command(*words).wait()
    result.tried += 1
    held = ended.exit in right and not ended.traceback
    result.expect(held, f"{name}: `bakeoff {words[0]}` ended with {ended.exit}: {(ended.out + ended.err)[-400:]}")


def _bad_files(context: Context, result: RowResult, study: Study, mark: Path) -> None:
    for suffix in SUFFIXES if context.full else SUFFIXES[::3]:
        for kind, content in (("pickle", pickle.dumps([Runs(mark)])), ("torch zip", torch_zip(mark))):
            data = context.folder / f"a {kind}.{suffix}"
            data.write_bytes(content)
            _refused(result, study, f"a {kind} as data, {suffix}", "data", "import", "own", str(data))
    tags = (f"!!python/object/apply:os.system ['touch {mark}']", f"!!python/object/new:os.system ['touch {mark}']")
    for tag in tags:
        file = context.folder / "tagged.yaml"
        file.write_text(f"bakeoff: 1\nname: {tag}\n", encoding="utf-8")
        _refused(result, study, "a study that calls Python", "check", str(file))
    link = 0o120777
    for name, kind in (("../evil", 0), ("models/../../evil", 0), ("/tmp/evil", 0), ("models/evil", link)):
        pack = context.folder / "pack.zip"
        pack.write_bytes(pack_with(name, kind))
        _refused(result, study, f"a pack with {name}", "fetch", "--unpack", str(pack))


def _bad_links(context: Context, result: RowResult, study: Study) -> None:
    """A kept model whose weights lie elsewhere now, with the very bytes."""
    ended = study.go()
    result.expect(ended.exit == 0, f"the study ended with {ended.exit}: {ended.err[-400:]}")
    words = ("predict", f"{study.run}:bce-full", "what a day", "--threads", "1")
    _refused(result, study, "the model as it is", *words, right=(0,))
    for weights in sorted(study.run.glob("trials/*/model/classifier.safetensors")):
        outside = context.folder / f"outside-{weights.parents[1].name}"
        shutil.move(weights, outside)
        weights.symlink_to(outside)
    _refused(result, study, "a link as weights", *words)
