"""The rows that `make soak` tries, with the sentences of the table."""

from __future__ import annotations

from soak.context import Row
from soak.rows import (
    bits,
    changes,
    clock,
    crashes,
    disks,
    hangs,
    hostile,
    inputs,
    kills,
    memory,
    owners,
    scale,
    secrets,
    serving,
    torn,
    training,
)

SAME = "the same: all complete, none lost, none run twice, H the same"
ROWS = (
    Row(
        1,
        "kill -9 of the runner at 100 random times, then the same command again",
        "12 complete, none lost, none run twice, H the same",
        kills.kill_runner,
    ),
    Row(2, "kill -9 of a trial at 100 random steps", f"{SAME}; redone steps ≤ the checkpoint interval", kills.kill_trials),
    Row(
        3,
        "a crash at every write, fsync and rename, one after another",
        f"{SAME}; the next start never raises",
        crashes.crash_at_every_call,
    ),
    Row(4, "the last record of each file cut at every byte", "ignored with a warning; twice over", torn.cut_every_file),
    Row(
        5,
        "one bit flipped in checkpoint, result, token cache, weights",
        "found by hash, set aside, made again",
        bits.flip_bits,
    ),
    Row(
        6,
        "disk full at random fill levels, then freed",
        "clear message with path and bytes; then H the same",
        disks.fill_disk,
    ),
    Row(
        7,
        "read-only cache, read-only run folder, no permission",
        "fails in under 2 s, before any training, or uses a private cache",
        disks.forbid,
    ),
    Row(
        8,
        "SIGTERM, SIGINT, SIGHUP; a second one during a checkpoint",
        "preempted, goes on, H the same",
        kills.ask_to_stop,
    ),
    Row(9, "two runners on one folder, 100 races", "each trial run once; the loser names the owner", owners.race),
    Row(
        10,
        "owner killed and its pid reused; owner stopped, then continued",
        "taken over, or the second one waits and says for whom; no result twice",
        owners.owner_gone,
    ),
    Row(11, "clock moved by a day both ways", "no false time-out, no negative duration", clock.move_the_clock),
    Row(
        12,
        "NaN loss, NaN gradient, explosion at step k",
        "`diverged` with step; never averaged; not retried",
        training.diverge,
    ),
    Row(
        13,
        "out of memory: a real CPU limit (rlimit, cgroup)",
        "passes are halved, the batch stays; with dropout 0 the result within 1e-5 of the undisturbed one",
        memory.lack_of_memory,
        on_disk=True,
    ),
    Row(
        14,
        "hang in Python, hang in C, stuck loader, stuck collective",
        "ended with children; the slot goes on",
        hangs.hang,
    ),
    Row(
        15,
        "segfault, `os._exit`, exit 0 without a result, 1 GB of stderr",
        "failed with reason; log capped; the runner lives",
        hangs.crash,
    ),
    Row(
        16,
        "stop after each step 1..N, mid-epoch, at its edge, during evaluation",
        "weights and metrics bitwise the same",
        training.stop_after_each_step,
    ),
    Row(
        17,
        "one and two workers with the same threads a trial, shuffled queue",
        "the same per-trial results",
        training.several_workers,
    ),
    Row(18, "file of an older or newer format version", "migrated, or refused with the way out", changes.other_versions),
    Row(
        19,
        "over 100 malformed study, JSONL, CSV, TSV and Parquet files, and 10,000 mutations",
        "exit 2, place named, < 2 s, no traceback",
        inputs.malformed_files,
    ),
    Row(
        20,
        "BOM, NFC/NFD, RTL, ZWJ, lone surrogates, NUL, U+2028, emoji ids",
        "no row lost or merged",
        inputs.strange_texts,
    ),
    Row(
        21,
        'one class only, no positives for a label, class missing in a split, 10,000 labels, "nan" as label, "1" and 1',
        "defined result or clear error",
        inputs.strange_labels,
    ),
    Row(
        22,
        "a 100 MB row, empty texts, 5 M rows, one row",
        "memory ≤ 2× the file; truncation counted",
        inputs.sizes,
        on_disk=True,
    ),
    Row(
        25,
        "study, data, code or weights changed between run and continue",
        "refused or new ids; never mixed",
        changes.changed_between,
    ),
    Row(26, "a run folder moved or copied to another machine", "goes on; reports the same", changes.moved),
    Row(
        27,
        "serving: 10 MB body, 100,000 rows, slow client, bad JSON, wrong host, no token, 100× load",
        "4xx or 503 in < 1 s; the good traffic lives",
        serving.overload,
    ),
    Row(
        29,
        "canary secrets in environment, study, URLs, exceptions",
        "in no file, log, report or tracker",
        secrets.hide_secrets,
    ),
    Row(
        30,
        "pickle, torch zip, remote code, archive traversal, symlink as model or data",
        "refused; nothing ran",
        hostile.refuse_code,
    ),
    Row(
        31,
        "2,000 tiny trials with 2 % random kills",
        "memory, descriptors and threads flat; the last 200 as fast as the first",
        scale.many_trials,
    ),
)
