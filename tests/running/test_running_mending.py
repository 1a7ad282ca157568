"""Whatever a crash or a flipped bit leaves, the next start does not raise: what is whole is taken up, the rest set aside."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bakeoff.errors import VersionError
from bakeoff.records.files import append_line, document_checksum, read_lines
from bakeoff.records.results import Circumstances, Outcome, State, TrialState, read_complete
from bakeoff.running.events import Event, TrialBegan, Warned
from bakeoff.running.plan_run import RunOrder
from bakeoff.running.runner import run_study

MakeOrder = Callable[..., RunOrder]


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def go_on(order: RunOrder) -> tuple[int, list[str]]:
    """Trials begun, and warnings."""
    events: list[Event] = []
    assert set(run_study(order, events.append).states.values()) == {State.COMPLETE}
    texts = [event.text for event in events if isinstance(event, Warned)]
    assert all("set aside as" in text for text in texts)
    return sum(isinstance(event, TrialBegan) for event in events), texts


@pytest.mark.parametrize(
    ("name", "begun"),
    [("result.json", 1), ("validation.npz", 1), ("test.npz", 1), ("state.json", 0), ("circumstances.json", 0)],
)
def test_a_flipped_bit_is_found_set_aside_and_the_file_made_again(make_order: MakeOrder, name: str, begun: int) -> None:
    order = make_order("ok", "ok-b")
    run_study(order)
    folder = order.run.trial(order.plan.trials[0].id).root
    before = (folder / name).read_bytes()
    flip(folder / name)
    damaged = (folder / name).read_bytes()
    found, texts = go_on(order)
    assert found == begun
    if name == "circumstances.json":  # nothing depends on it
        return
    assert len(texts) == 1
    assert str(folder / name) in texts[0]
    assert (folder / f"{name}.damaged-1").read_bytes() == damaged
    if name != "state.json":
        assert (folder / name).read_bytes() == before
    assert [record["text"] for record in read_lines(order.run.warnings)] == texts
    flip(folder / "test.npz")
    assert go_on(order)[0] == 1
    assert go_on(order) == (0, [])


def test_what_the_machine_forced_is_told_though_the_runner_died_before_it_could_write_it(make_order: MakeOrder) -> None:
    order = make_order("ok")
    run_study(order)
    folder = order.run.trial(order.plan.trials[0].id)
    attempt = folder.attempt(1)
    # as it stands when a runner dies between a child's end and the first record of it
    for path in (folder.result, folder.test, folder.validation):
        attempt.product.mkdir(exist_ok=True)
        path.rename(attempt.product / path.name)
    for path in (folder.circumstances, attempt.ending):
        path.unlink()
    TrialState(state=State.RUNNING, attempt=1).write(folder.state)
    outcome = Outcome.read(attempt.outcome)
    outcome.model_copy(update={"deviations": ["micro-batch 8 in place of 32: memory"]}).write(attempt.outcome)
    assert go_on(order) == (0, [])
    told = Circumstances.read(folder.circumstances)
    assert told.deviations == ["micro-batch 8 in place of 32: memory"]
    assert (told.attempts, told.seconds, told.seconds_before) == (1, round(outcome.seconds, 3), 0.0)


def test_a_damaged_token_store_is_made_again(make_order: MakeOrder) -> None:
    order = make_order("ok", "ok-b", at_most=1)
    run_study(order)
    store = order.home.token_store("f" * 64, "bert-model", 16)
    flip(store / "tokens.json")
    _, texts = go_on(make_order("ok", "ok-b"))
    assert len(texts) == 1
    assert store.with_name(f"{store.name}.damaged-1").is_dir()
    assert store.is_dir()


@pytest.mark.parametrize("name", ["model.safetensors", "files.json"])
def test_a_damaged_model_is_found_and_made_again_with_the_same_result(make_order: MakeOrder, name: str) -> None:
    order = make_order("ok", keep="all")
    run_study(order)
    folder = order.run.trial(order.plan.trials[0].id)
    before, weights = folder.result.read_bytes(), (folder.model / "model.safetensors").read_bytes()
    flip(folder.model / name)
    begun, texts = go_on(order)
    assert begun == 1
    assert str(folder.model) in texts[0]
    assert (folder.root / "model.damaged-1").is_dir()
    assert (folder.result.read_bytes(), (folder.model / "model.safetensors").read_bytes()) == (before, weights)
    assert go_on(order) == (0, [])


@pytest.mark.parametrize("name", ["state.json", "result.json", "attempts/1/outcome.json", "attempts/1/ending.json"])
def test_a_file_that_is_cut_anywhere_stops_no_start(make_order: MakeOrder, name: str) -> None:
    order = make_order("ok")
    run_study(order)
    folder = order.run.trial(order.plan.trials[0].id).root
    whole = (folder / name).read_bytes()
    for size in sorted({*range(0, len(whole), 241), 1, len(whole) - 2}):
        (folder / name).write_bytes(whole[:size])
        begun, _ = go_on(order)  # which sees that all are complete
        assert begun <= (name == "result.json"), "a trial whose result stands was run again"
        assert read_complete(order.run.trial(order.plan.trials[0].id), order.plan.trials[0].definition_hash) is not None
        (folder / name).write_bytes(whole)


@pytest.mark.parametrize("kind", ["state", "result"])
def test_a_file_of_another_version_is_refused_and_left_alone(make_order: MakeOrder, kind: str) -> None:
    order = make_order("ok")
    run_study(order)
    path = order.run.trial(order.plan.trials[0].id).root / f"{kind}.json"
    body = json.loads(path.read_text()) | {"format": f"bakeoff/{kind}@99"}
    body["checksum"] = document_checksum(body)
    path.write_text(json.dumps(body))
    with pytest.raises(VersionError, match=rf"bakeoff/{kind}@99") as caught:
        run_study(order)
    assert "--new" in caught.value.remedy
    assert json.loads(path.read_text()) == body


def test_what_a_replacement_left_behind_is_swept(make_order: MakeOrder) -> None:
    order = make_order("ok")
    run_study(order)
    folder = order.run.trial(order.plan.trials[0].id).root
    (folder / ".model.0123abcd.old").mkdir()
    (folder / ".result.json.0123abcd.tmp").touch()
    TrialState(state=State.RUNNING, attempt=1).write(folder / "state.json")
    assert go_on(order) == (0, [])
    assert not [entry for entry in folder.iterdir() if entry.name.startswith(".")]


def test_a_log_whose_last_record_is_torn_takes_new_ones(tmp_path: Path) -> None:
    log = tmp_path / "looks.jsonl"
    append_line(log, {"number": 1})
    whole = log.read_bytes()
    for cut in range(len(whole)):
        log.write_bytes(whole + whole[:cut])
        append_line(log, {"number": 2})
        records = read_lines(log)
        assert records[-1] == {"number": 2}
        assert records[0] == {"number": 1}
        assert len(records) == (3 if cut == len(whole) - 1 else 2)
    assert (tmp_path / "looks.jsonl.damaged-1").read_bytes() == whole[:1]
