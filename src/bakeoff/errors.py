"""Every exception that a user or a machine can cause, each with what, where and remedy.

    BakeoffError                   base: three lines for the user, exit code 2
    ├── StudyError                 the study file does not mean anything runnable (carries all faults at once)
    ├── CatalogError               a name that no card bears
    ├── DataError                  a dataset is missing, torn, or not what it says
    ├── ModelError                 a model is missing, unsafe, or does not fit
    ├── DownloadError              a file could not be fetched whole
    ├── FormatError                a file of ours is torn
    │   └── VersionError           a file of ours is of another version
    ├── RunError                   a run folder cannot be used as asked
    │   ├── LockedError            another runner holds it
    │   └── UnfinishedError        test scores were asked for before the phase ended
    ├── JobError                   a job ended without what it should have left
    ├── CollectiveError            a process of a trial waited for the others in vain
    └── MissingPackageError        an optional package is not installed

Anything else that reaches the command line is a bug of ours and shows its traceback.
"""

from __future__ import annotations

from dataclasses import dataclass


class BakeoffError(Exception):
    """An error that the user or the machine caused, with the way out.

    Args:
        what: what went wrong, in one sentence.
        where: file, line, key, command or address that it is about; empty where there is none.
        remedy: what to do next, a command where there is one.
    """

    exit_code = 2

    def __init__(self, what: str, where: str = "", remedy: str = "") -> None:
        self.what = what
        self.where = where
        self.remedy = remedy
        super().__init__(what)

    def __str__(self) -> str:
        lines = [self.what]
        if self.where:
            lines.append(f"where:  {self.where}")
        if self.remedy:
            lines.append(f"remedy: {self.remedy}")
        return "\n".join(lines)


@dataclass(frozen=True)
class Fault:
    """One fault of a study file.

    Attributes:
        file: path of the file, or `--set` for an overlay of the command line.
        line: line number from 1, or 0 where the fault has no line.
        key: dotted path of the key, such as `recipes.asl.loss.gamma_neg`.
        value: what was found there, as text; empty where nothing was.
        problem: what is wrong with it.
        allowed: what would be right.
        suggestion: the nearest known spelling, or empty.
    """

    file: str
    line: int
    key: str
    value: str
    problem: str
    allowed: str = ""
    suggestion: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        text = f"{place}: {self.key}: {self.problem}" if self.key else f"{place}: {self.problem}"
        if self.value:
            text += f" (found {self.value})"
        if self.suggestion:
            text += f"\n    did you mean: {self.suggestion}"
        if self.allowed:
            text += f"\n    allowed: {self.allowed}"
        return text


class StudyError(BakeoffError):
    """The study file has faults; all of them are carried at once.

    Args:
        faults: every fault found, in the order of the file.
        where: the study file.
    """

    def __init__(self, faults: list[Fault], where: str = "") -> None:
        self.faults = faults
        noun = "fault" if len(faults) == 1 else "faults"
        super().__init__(
            f"the study has {len(faults)} {noun}",
            where,
            "mend what is named above; `bakeoff schema` prints a JSON schema that editors understand",
        )

    def __str__(self) -> str:
        return "\n".join([*(str(fault) for fault in self.faults), super().__str__()])


class CatalogError(BakeoffError):
    """A name that no card of the catalog bears."""


class DataError(BakeoffError):
    """A dataset is missing, torn, or not what it says."""


class ModelError(BakeoffError):
    """A model is missing, unsafe, or does not fit the task."""


class DownloadError(BakeoffError):
    """A file could not be fetched whole and verified."""


class FormatError(BakeoffError):
    """A file of ours is torn, was changed by hand, or has a version that this program does not read."""


class VersionError(FormatError):
    """A file of ours is whole, and of another version of its format: older or newer than what this program reads."""


class RunError(BakeoffError):
    """A run folder cannot be used as asked."""


class LockedError(RunError):
    """Another runner holds the run folder."""


class UnfinishedError(RunError):
    """Test scores were asked for before every trial of the phase had ended."""


class JobError(BakeoffError):
    """A job ended without what it should have left."""


class CollectiveError(BakeoffError):
    """One of several processes that share a trial waited for the others in vain."""


class MissingPackageError(BakeoffError):
    """An optional package is not installed.

    Args:
        package: name on the package index.
        needed_for: what needs it.
        extra: the extra of Bakeoff that brings it, or empty.
    """

    def __init__(self, package: str, needed_for: str, extra: str = "") -> None:
        install = f"pip install 'bakeoff[{extra}]'" if extra else f"pip install {package}"
        super().__init__(f"{needed_for} needs the package {package}, which is not installed", "", install)
