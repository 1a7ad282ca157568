"""Downloads against a hub on this machine: what is asked, what is sent along, and that only whole verified files count."""

from __future__ import annotations

import threading
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest

from bakeoff.errors import DownloadError
from bakeoff.hub import download, session
from bakeoff.hub.download import RemoteFile, Repository, announce, fetch_file, fetch_files, list_files

COMMIT = "a" * 40
DATA = bytes(range(256)) * 40


@pytest.fixture
def repository(hub: Any) -> Repository:
    hub.add("dataset", "owner/name", {"part/train.parquet": DATA, "notes.txt": b"small"})
    return Repository("owner/name", "dataset", COMMIT)


def test_files_arrive_from_the_endpoint(hub: Any, repository: Repository, hostile_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    target = fetch_files(repository, ["part/train.parquet", "notes.txt"], hostile_path / "raw", lambda *told: seen.append(told))
    assert (target / "part/train.parquet").read_bytes() == DATA
    assert (target / "notes.txt").read_bytes() == b"small"
    assert hub.asked[0].path == f"/api/datasets/owner/name/revision/{COMMIT}"
    assert seen[-1] == ("notes.txt", 5, 5)
    assert [entry.name for entry in hostile_path.iterdir() if entry.name.endswith(".fetching")] == []


def test_what_stands_is_not_fetched_again_unless_it_was_changed(hub: Any, repository: Repository, tmp_path: Path) -> None:
    target = fetch_files(repository, ["notes.txt"], tmp_path / "raw")
    count = len(hub.asked)
    fetch_files(repository, ["notes.txt"], target)
    assert len(hub.asked) == count
    (target / "notes.txt").write_bytes(b"smalL")
    fetch_files(repository, ["notes.txt"], target)
    assert (target / "notes.txt").read_bytes() == b"small"


def test_the_token_goes_to_the_endpoint_and_nowhere_else(
    hub: Any, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    monkeypatch.setenv("HF_TOKEN", "hf_canary_secret")
    fetch_files(repository, ["part/train.parquet", "notes.txt"], tmp_path / "raw")
    to_hub = [asked for asked in hub.asked if not asked.path.startswith("/store/")]
    to_store = [asked for asked in hub.asked if asked.path.startswith("/store/")]
    assert {asked.headers["authorization"] for asked in to_hub} == {"Bearer hf_canary_secret"}
    assert to_store and all("authorization" not in asked.headers for asked in to_store)
    everything = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"canary" not in everything
    assert "canary" not in caplog.text


def test_without_a_token_none_is_sent_and_nothing_is_told_of_the_machine(hub: Any, repository: Repository) -> None:
    list_files(repository)
    assert "authorization" not in hub.asked[0].headers
    assert hub.asked[0].headers["user-agent"].startswith("bakeoff/")
    assert "torch" not in hub.asked[0].headers["user-agent"]


def test_proxies_of_the_environment_are_used(
    hub: Any, proxy: Any, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.invalid")
    monkeypatch.setenv("HTTP_PROXY", proxy.address)
    target = fetch_files(repository, ["part/train.parquet"], tmp_path / "raw")
    assert (target / "part/train.parquet").read_bytes() == DATA
    assert proxy.asked[0][0].startswith("http://hub.invalid/api/datasets/owner/name")
    assert all(authorization for _, authorization in proxy.asked)


def test_a_proxy_that_is_away_is_an_error_without_its_password(
    hub: Any, proxy: Any, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = proxy.address
    proxy.close()
    monkeypatch.setenv("HTTP_PROXY", address)
    monkeypatch.setenv("HF_ENDPOINT", "http://user:canary@hub.invalid")
    with pytest.raises(DownloadError, match="cannot be reached") as caught:
        list_files(repository)
    assert "proxypass" not in str(caught.value) and "canary" not in str(caught.value)
    assert "hub.invalid" in caught.value.where


def test_a_commit_is_what_is_asked_for_and_a_branch_is_resolved(hub: Any, repository: Repository) -> None:
    assert list_files(Repository("owner/name", "dataset", "main")).commit == COMMIT
    hub.add("dataset", "owner/name", {"notes.txt": b"newer"}, commit="b" * 40)
    assert list_files(Repository("owner/name", "dataset", "main")).commit == "b" * 40
    assert list_files(repository).commit == COMMIT


def test_another_commit_than_the_pinned_one_is_refused(hub: Any, repository: Repository) -> None:
    hub.branches["dataset", "owner/name", COMMIT] = "b" * 40
    hub.files["dataset", "owner/name", "b" * 40] = {}
    with pytest.raises(DownloadError, match="gives the commit 'bbbb"):
        list_files(repository)


@pytest.mark.parametrize("path", ["part/train.parquet", "notes.txt"])
def test_a_cut_body_is_resumed_within_a_fetch(hub: Any, repository: Repository, tmp_path: Path, path: str) -> None:
    content = hub.files["dataset", "owner/name", COMMIT][path]
    hub.cuts[path] = [len(content) // 2]
    target = fetch_files(repository, [path], tmp_path / "raw")
    assert (target / path).read_bytes() == content
    ranges = [asked.headers["range"] for asked in hub.asked if "range" in asked.headers]
    assert ranges and set(ranges) == {f"bytes={len(content) // 2}-"}


def test_a_cut_body_is_resumed_by_the_next_fetch(hub: Any, repository: Repository, tmp_path: Path) -> None:
    target = tmp_path / "raw"
    hub.cuts["part/train.parquet"] = [1000] + [0] * 20
    with pytest.raises(DownloadError, match=r"1,000 of 10,240 bytes|cannot be reached"):
        fetch_files(repository, ["part/train.parquet"], target)
    assert not target.exists()
    partial = tmp_path / ".raw.fetching" / "part" / "train.parquet.incomplete"
    assert partial.read_bytes() == DATA[:1000]
    hub.cuts.clear()
    hub.asked.clear()
    fetch_files(repository, ["part/train.parquet"], target)
    assert (target / "part/train.parquet").read_bytes() == DATA
    assert {asked.headers["range"] for asked in hub.asked if asked.path.startswith("/store/")} == {"bytes=1000-"}


def test_attempts_count_anew_while_bytes_arrive(hub: Any, repository: Repository, tmp_path: Path) -> None:
    hub.cuts["part/train.parquet"] = [1000] * 10  # more cuts than attempts, each after some bytes
    target = fetch_files(repository, ["part/train.parquet"], tmp_path / "raw")
    assert (target / "part/train.parquet").read_bytes() == DATA


def test_a_server_that_ignores_the_range_sends_the_whole_again(hub: Any, repository: Repository, tmp_path: Path) -> None:
    hub.ignores_range = True
    hub.cuts["part/train.parquet"] = [1000]
    target = fetch_files(repository, ["part/train.parquet"], tmp_path / "raw")
    assert (target / "part/train.parquet").read_bytes() == DATA


def test_wrong_bytes_left_by_an_earlier_fetch_are_fetched_anew(hub: Any, repository: Repository, tmp_path: Path) -> None:
    partial = tmp_path / ".raw.fetching" / "part" / "train.parquet.incomplete"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(b"x" * 500)
    target = fetch_files(repository, ["part/train.parquet"], tmp_path / "raw")
    assert (target / "part/train.parquet").read_bytes() == DATA


@pytest.mark.parametrize("path", ["part/train.parquet", "notes.txt"])
def test_a_wrong_hash_is_refused(hub: Any, repository: Repository, tmp_path: Path, path: str) -> None:
    content = hub.files["dataset", "owner/name", COMMIT][path]
    hub.lies[path] = bytes([content[0] ^ 1]) + content[1:]
    with pytest.raises(DownloadError, match="not what the hub announced") as caught:
        fetch_files(repository, [path], tmp_path / "raw")
    assert path in caught.value.where and caught.value.remedy
    assert not (tmp_path / "raw").exists()
    assert not list(tmp_path.rglob("*.incomplete"))


def test_a_longer_body_than_announced_is_refused(hub: Any, repository: Repository, tmp_path: Path) -> None:
    hub.lies["part/train.parquet"] = DATA + b"more"
    with pytest.raises(DownloadError, match="not what the hub announced"):
        fetch_files(repository, ["part/train.parquet"], tmp_path / "raw")
    assert not (tmp_path / "raw").exists()


def test_half_a_file_is_never_taken(hub: Any, repository: Repository, tmp_path: Path) -> None:
    hub.lies["notes.txt"] = b"sma"  # a short body with a fitting Content-Length
    with pytest.raises(DownloadError, match="arrives cut"):
        fetch_files(repository, ["part/train.parquet", "notes.txt"], tmp_path / "raw")
    assert not (tmp_path / "raw").exists()


def test_too_many_requests_are_waited_for(hub: Any, repository: Repository, waits: list[float]) -> None:
    hub.fails("/api/", 429, times=2, headers={"Retry-After": "7"})
    assert list_files(repository).commit == COMMIT
    assert waits == [7.0, 7.0]


def test_a_wait_that_is_asked_for_is_bounded(hub: Any, repository: Repository, waits: list[float]) -> None:
    hub.fails("/api/", 429, headers={"Retry-After": "86400"})
    with pytest.raises(DownloadError, match="fewer requests"):
        list_files(repository)
    assert waits == [session.LONGEST_WAIT] * len(session.WAITS)


def test_a_fault_of_the_hub_ends_after_bounded_attempts(
    hub: Any, repository: Repository, waits: list[float], tmp_path: Path
) -> None:
    hub.fails("/store/", 500)
    with pytest.raises(DownloadError, match=r"fault of its own \(500\)") as caught:
        fetch_file(repository, COMMIT, RemoteFile("part/train.parquet", len(DATA), "0" * 64), tmp_path)
    assert "part/train.parquet" in caught.value.where
    assert waits == list(session.WAITS)
    assert len([asked for asked in hub.asked if asked.path.startswith("/store/")]) == len(session.WAITS) + 1


@pytest.mark.parametrize(
    ("status", "headers", "what", "remedy"),
    [
        (401, {}, "refuses it", "HF_TOKEN"),
        (403, {}, "refuses it", "HF_TOKEN"),
        (403, {"X-Error-Code": "GatedRepo"}, "gated", "accept its terms"),
        (404, {}, "no such repository", "owner/name"),
        (404, {"X-Error-Code": "RevisionNotFound"}, "no such revision", "commit, branch or tag"),
        (418, {}, "answers 418", "HF_ENDPOINT"),
    ],
)
def test_what_does_not_pass_is_not_tried_again(
    hub: Any, repository: Repository, waits: list[float], status: int, headers: dict[str, str], what: str, remedy: str
) -> None:
    hub.fails("/api/", status, headers=headers)
    with pytest.raises(DownloadError, match=what) as caught:
        list_files(repository)
    assert remedy in caught.value.remedy
    assert waits == []
    assert len(hub.asked) == 1


def test_a_missing_file_is_said_before_anything_is_fetched(hub: Any, repository: Repository, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="no such file") as caught:
        fetch_files(repository, ["notes.txt", "absent.txt"], tmp_path / "raw")
    assert "absent.txt" in caught.value.where
    assert hub.fetched() == []


def test_no_connection_is_an_error_with_place_and_remedy(
    hub: Any, repository: Repository, monkeypatch: pytest.MonkeyPatch, waits: list[float]
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # the discard port: nobody listens
    with pytest.raises(DownloadError, match="cannot be reached") as caught:
        list_files(repository)
    assert "127.0.0.1:9/datasets/owner/name" in caught.value.where
    assert "HF_ENDPOINT" in caught.value.remedy
    assert waits == list(session.WAITS)


def test_offline_mode_asks_nobody(hub: Any, repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(DownloadError, match="offline mode is on") as caught:
        list_files(repository)
    assert "HF_HUB_OFFLINE" in caught.value.remedy
    assert hub.asked == []


def test_an_endpoint_that_is_no_address_is_an_error(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "hub.example")
    with pytest.raises(DownloadError, match="no web address"):
        list_files(repository)


@pytest.mark.parametrize("body", [b"<html>log in</html>", b"[]", b'{"sha": "main", "siblings": []}', b'{"siblings": []}'])
def test_an_answer_of_something_else_is_an_error(hub: Any, repository: Repository, body: bytes) -> None:
    hub.fails("/api/", 200, body=body)
    with pytest.raises(DownloadError, match=r"not that of a hub|gives the commit"):
        list_files(repository)


def test_a_listing_without_hashes_is_completed_file_by_file(hub: Any, repository: Repository) -> None:
    hub.lists_hashes = False
    listing = list_files(repository)
    large = announce(repository, listing, "part/train.parquet")
    small = announce(repository, listing, "notes.txt")
    assert (large.size, len(large.digest)) == (len(DATA), 64)
    assert (small.size, len(small.digest)) == (5, 40)
    assert [asked.method for asked in hub.asked] == ["GET", "HEAD", "HEAD"]


def test_a_file_without_any_hash_is_refused(hub: Any, repository: Repository) -> None:
    hub.lists_hashes = False
    listing = list_files(repository)
    hub.fails("/resolve/", 200, headers={"ETag": '"weak"'})
    with pytest.raises(DownloadError, match="announces no hash"):
        announce(repository, listing, "notes.txt")


@pytest.mark.parametrize("path", ["../outside", "/etc/outside", "a/../../outside", "a\\..\\outside", ""])
def test_a_path_that_leads_outside_is_refused(hub: Any, repository: Repository, tmp_path: Path, path: str) -> None:
    with pytest.raises(DownloadError, match="outside its folder"):
        fetch_file(repository, COMMIT, RemoteFile(path, 1, "0" * 40), tmp_path / "a" / "b")
    assert hub.asked == []


def test_a_full_disk_is_said_before_the_download(
    hub: Any, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(download.shutil, "disk_usage", lambda path: usage(100, 0, 100))
    with pytest.raises(DownloadError, match="needs 10,240 bytes more, and 100 are free"):
        fetch_files(repository, ["part/train.parquet"], tmp_path / "raw")
    assert hub.fetched() == []


def test_a_place_that_cannot_be_written_is_an_error(hub: Any, repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DownloadError, match="cannot be stored") as caught:
        fetch_files(repository, ["notes.txt"], tmp_path / "file" / "raw")
    assert "BAKEOFF_HOME" in caught.value.remedy


def test_two_fetches_of_the_same_files_fetch_them_once(hub: Any, repository: Repository, tmp_path: Path) -> None:
    target = tmp_path / "raw"
    errors: list[BaseException] = []

    def fetch() -> None:
        try:
            fetch_files(repository, ["part/train.parquet"], target)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=fetch) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert (target / "part/train.parquet").read_bytes() == DATA
    assert hub.fetched() == ["part/train.parquet"]
