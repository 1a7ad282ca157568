"""The rows that `make soak` tries, with the sentences of the table."""

from __future__ import annotations

from soak.context import Row
from soak.rows import clock, crashes, hangs, kills, owners, scale, torn

ROWS = (
    Row(
        1,
        "kill -9 of the runner at 100 random times, then the same command again",
        "all complete, none lost, none twice, H the same",
        kills.kill_runner,
    ),
    Row(2, "kill -9 of a trial at 100 random steps", "the same; redone steps ≤ the checkpoint interval", kills.kill_trials),
    Row(
        3,
        "a crash at every write, fsync and rename, one after another",
        "the same; the next start never raises",
        crashes.crash_at_every_call,
    ),
    Row(4, "the last record of each file cut at every byte", "ignored with a warning; twice over", torn.cut_every_file),
    Row(8, "SIGTERM, SIGINT, SIGHUP; a second one during a checkpoint", "preempted, goes on, H the same", kills.ask_to_stop),
    Row(9, "two runners on one folder, 100 races", "each trial run once; the loser names the owner", owners.race),
    Row(
        10,
        "owner killed and its pid reused; owner stopped, then continued",
        "taken over, or the second says for whom it waits; no result twice",
        owners.owner_gone,
    ),
    Row(11, "clock moved by a day both ways", "no false time-out, no negative duration", clock.move_the_clock),
    Row(14, "hang in Python, hang in C, stuck loader, stuck collective", "ended with children; the slot goes on", hangs.hang),
    Row(
        15,
        "segfault, os._exit, exit 0 without a result, 1 GB of stderr",
        "failed with reason; log capped; the runner lives",
        hangs.crash,
    ),
    Row(
        31,
        "2,000 tiny trials with 2 % random kills",
        "memory, descriptors and threads flat; the last 200 as fast as the first",
        scale.many_trials,
    ),
)
