"""Row 11: the clock is moved by a day, both ways, while trials run."""

from __future__ import annotations

from bakeoff.records.results import Circumstances
from soak.clockwork import VARIABLE
from soak.context import Context, RowResult
from soak.judging import faults_of, results_hash
from soak.processes import PATIENCE_SECONDS, wait_until
from soak.stubs import StubStudy

LIMITS = {"trial": 30.0, "stall": 20.0, "study": 120.0}


def move_the_clock(context: Context) -> RowResult:
    """Move the wall clock of the runner and of its trials by a day, forward and back, at different times.

    Args:
        context: what the row is given.

    Returns:
        What came of it: no limit strikes, no duration is negative or long, the results are the same.
    """
    result = RowResult()
    result.notes.append(
        "time.time and datetime.now of the runner and of its trials are replaced (libfaketime breaks Python's sleep); the"
        " monotonic clock is left alone, as a set clock leaves it"
    )
    reference = StubStudy(context.place("undisturbed") / "run", jobs={"ok": {"seconds": 0.3}})
    reference.go()
    expected = results_hash(reference.folder)
    draws = context.draws()
    for number in range(context.pick(2, 20)):
        days = 1 if number % 2 else -1
        study = StubStudy(context.place(number) / "run", jobs={"ok": {"seconds": 0.3}}, limits=LIMITS)
        _run(study, days, draws.randrange(1, 4))
        result.tried += 1
        faults = faults_of(study.folder, 3)
        if results_hash(study.folder) != expected:
            faults.append(f"other results ({study.run})")
        result.blame(faults + _durations(study), f"{days:+d} day, case {number}")
    return result


def _run(study: StubStudy, days: int, trials: int) -> None:
    """The clock jumps when so many trials have been begun."""
    stamp = study.run.parent / "clock"
    runner = study.start({VARIABLE: str(stamp)})
    wait_until(lambda: study.folder.trials.is_dir() and len(list(study.folder.trials.iterdir())) >= trials, PATIENCE_SECONDS)
    stamp.write_text(str(days * 86_400))
    runner.wait()


def _durations(study: StubStudy) -> list[str]:
    faults = []
    for trial in study.ids:
        path = study.folder.trial(trial).circumstances
        if path.exists() and not 0.0 <= (seconds := Circumstances.read(path).seconds) < 60.0:
            faults.append(f"a trial of a third of a second took {seconds} s ({path})")
    return faults
