"""Whether a training is alive: gradient norms, skipped steps, size of the updates, and outputs that say nothing.

Everything is kept on the device and read at fixed steps, so that looking changes neither speed nor numbers.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BeforeValidator
from torch import Tensor

from bakeoff.records.files import number
from bakeoff.records.specs import Spec
from bakeoff.training.progress import Progress

Real = Annotated[float, BeforeValidator(number)]
"""A number that JSON may have had to write as a word."""

DEAD_NORM = 1e-6
"""A step whose gradient norm is below this is dead; a healthy one of a mean loss is above 1e-3."""
EXPLODING_FACTOR, EXPLODING_WINDOW, EXPLODING_AFTER = 10.0, 100, 20
"""A step is exploding if its norm is over 10 times the median of the last 100, once there are 20."""
CONSTANT_SPREAD = 1e-3
"""Outputs are constant if no label's logit has a standard deviation over the probed rows above this."""
NO_GAIN = 0.005
"""A model has learned nothing but label frequencies if its loss is within half a per cent of a constant's."""
PATIENCE = 3
"""Probes in a row before a suspicion is said."""


class Diverged(Exception):
    """A training that cannot give a result.

    Args:
        step: the first bad step, from 0.
        rows: row numbers of that step's examples.
        healthy_norms: the last finite gradient norms before it.
        reason: what happened; None means loss or gradient not finite from the step on.
    """

    def __init__(self, step: int, rows: list[int], healthy_norms: list[float], reason: str | None = None) -> None:
        self.step = step
        self.rows = rows
        self.healthy_norms = healthy_norms
        super().__init__(reason or f"loss or gradient not finite from step {step + 1} on")


class PendingNorm(Spec):
    """A step whose norm was not judged yet.

    Attributes:
        step: from 0.
        rows: the step's row numbers.
        norm: its gradient norm.
    """

    step: int
    rows: list[int]
    norm: Real


class HealthState(Spec):
    """What `Health` knows, in a checkpoint.

    Attributes:
        skipped: non-finite steps so far.
        in_a_row: of which at the end.
        dead: steps with next to no gradient.
        exploding: steps with a gradient far above those before.
        norms: every finite norm so far.
        pending: steps that were not judged yet.
        first_bad: the step, from 0, with which the last row of non-finite ones began.
        first_bad_rows: its row numbers.
    """

    skipped: int
    in_a_row: int
    dead: int
    exploding: int
    norms: list[float]
    pending: list[PendingNorm]
    first_bad: int
    first_bad_rows: list[int]


class ProbeState(Spec):
    """What `Probe` has seen, in a checkpoint.

    Attributes:
        suspicions: what was said, by kind: the step at which it began.
        in_a_row: by kind, the steps in a row at which the probe looked bad.
    """

    suspicions: dict[str, int]
    in_a_row: dict[str, list[int]]


@dataclass
class Health:
    """Norms and skips, read from the device every few steps.

    Attributes:
        limit: non-finite steps in a row that are one too many.
        skipped: non-finite steps so far.
        in_a_row: of which at the end.
        dead: steps with next to no gradient.
        exploding: steps with a gradient far above those before.
        norms: every finite norm so far.
    """

    limit: int
    skipped: int = 0
    in_a_row: int = 0
    dead: int = 0
    exploding: int = 0
    norms: list[float] = field(default_factory=list)
    _pending: list[tuple[int, NDArray[np.int64], Tensor]] = field(default_factory=list)
    _first_bad: tuple[int, list[int]] = (0, [])

    def note(self, step: int, rows: NDArray[np.int64], norm: Tensor) -> None:
        """Keep a step's norm on the device.

        Args:
            step: from 0.
            rows: the step's row numbers.
            norm: [].
        """
        self._pending.append((step, rows, norm))

    def read(self, progress: Progress) -> None:
        """Read what was kept.

        Args:
            progress: told of skipped steps.

        Raises:
            Diverged: if too many in a row were not finite.
        """
        if not self._pending:
            return
        device = self._pending[-1][2].device  # those of a checkpoint are on the CPU
        values = torch.stack([norm.to(device) for _, _, norm in self._pending]).tolist()
        for (step, rows, _), norm in zip(self._pending, values, strict=True):
            if math.isfinite(norm):
                self._count(norm)
                continue
            if self.in_a_row == 0:
                self._first_bad = (step, rows.tolist())
            self.skipped += 1
            self.in_a_row += 1
            progress.say("skipped", step=step + 1)
            if self.in_a_row >= self.limit:
                raise Diverged(*self._first_bad, self.norms[-10:])
        self._pending = []

    def _count(self, norm: float) -> None:
        self.in_a_row = 0
        recent = self.norms[-EXPLODING_WINDOW:]
        if len(recent) >= EXPLODING_AFTER and norm > EXPLODING_FACTOR * statistics.median(recent):
            self.exploding += 1
        if norm < DEAD_NORM:
            self.dead += 1
        self.norms.append(norm)

    def state(self) -> HealthState:
        """All of it, norms that were not read yet included: when they are read decides nothing but when they are judged.

        Returns:
            For a checkpoint.
        """
        return HealthState(
            skipped=self.skipped,
            in_a_row=self.in_a_row,
            dead=self.dead,
            exploding=self.exploding,
            norms=list(self.norms),
            pending=[PendingNorm(step=step, rows=rows.tolist(), norm=norm.item()) for step, rows, norm in self._pending],
            first_bad=self._first_bad[0],
            first_bad_rows=self._first_bad[1],
        )

    def restore(self, state: HealthState) -> None:
        """Put back what `state` gave.

        Args:
            state: of a checkpoint.
        """
        self.skipped, self.in_a_row = state.skipped, state.in_a_row
        self.dead, self.exploding = state.dead, state.exploding
        self.norms = list(state.norms)
        self._pending = [(one.step, np.array(one.rows, dtype=np.int64), torch.tensor(one.norm)) for one in state.pending]
        self._first_bad = (state.first_bad, list(state.first_bad_rows))

    def facts(self) -> dict[str, Any]:
        """What the result says of the gradients.

        Returns:
            Shares of dead and exploding steps, skipped steps, and the norm's median, 95th percentile and largest value.
        """
        norms = np.array(self.norms) if self.norms else np.array([math.nan])
        made = max(1, len(self.norms))
        return {
            "skipped_steps": self.skipped,
            "dead_share": self.dead / made,
            "exploding_share": self.exploding / made,
            "norm_median": float(np.median(norms)),
            "norm_p95": float(np.quantile(norms, 0.95)),
            "norm_max": float(norms.max()),
        }


class UpdateRatio:
    """How large one step's change is beside the weights: about 1e-3 is usual, 1e-6 is a standstill.

    Args:
        watched: parameters by name; a copy of each is held for the length of one step.
    """

    def __init__(self, watched: dict[str, Tensor]) -> None:
        self.watched = watched
        self.history: list[dict[str, float]] = []
        self._before: dict[str, Tensor] = {}

    def before(self) -> None:
        """Remember the weights."""
        self._before = {name: parameter.detach().clone() for name, parameter in self.watched.items()}

    def after(self, step: int) -> None:
        """Compare with them.

        Args:
            step: steps done.
        """
        ratios = {
            name: float((parameter.detach() - self._before[name]).norm() / (self._before[name].norm() + 1e-12))
            for name, parameter in self.watched.items()
        }
        self.history.append({"step": step, **ratios})
        self._before = {}


@dataclass
class Probe:
    """A few training rows that are run through the model now and then, in evaluation mode.

    Attributes:
        outputs: gives the logits of the probed rows, [n, L] float32.
        loss: mean loss of logits for those rows.
        begin: steps that must be done before a suspicion counts (the warm-up).
        limit: probes in a row with constant outputs that end the trial; None never ends it.
        suspicions: what was said, by kind: the step at which it began.
    """

    outputs: Callable[[], NDArray[np.float32]]
    loss: Callable[[NDArray[np.float32]], float]
    begin: int
    limit: int | None = None
    suspicions: dict[str, int] = field(default_factory=dict)
    _in_a_row: dict[str, list[int]] = field(default_factory=dict)

    def look(self, step: int, progress: Progress) -> None:
        """Run the probe and say what is wrong.

        Args:
            step: steps done.
            progress: told of a suspicion once.

        Raises:
            Diverged: if outputs were constant for longer than the limit allows.
        """
        logits = self.outputs()
        if step < self.begin or not np.isfinite(logits).all():
            return
        spread = float(logits.std(axis=0).max())
        constant = self.loss(np.broadcast_to(logits.mean(axis=0), logits.shape).astype(np.float32))
        gain = 1.0 - self.loss(logits) / constant if constant else 0.0
        self._suspect("constant", spread < CONSTANT_SPREAD, step, progress, f"no logit varies by more than {spread:.1e}")
        self._suspect("flat", gain < NO_GAIN, step, progress, f"the loss is {gain:.2%} below that of a constant")
        if self.limit is not None and len(self._in_a_row["constant"]) >= self.limit:
            first = self._in_a_row["constant"][0]
            raise Diverged(first - 1, [], [], f"outputs are the same for every example since step {first}")

    def state(self) -> ProbeState:
        """What it has seen so far.

        Returns:
            For a checkpoint.
        """
        rows = {kind: list(row) for kind, row in self._in_a_row.items()}
        return ProbeState(suspicions=dict(self.suspicions), in_a_row=rows)

    def restore(self, state: ProbeState) -> None:
        """Put back what `state` gave.

        Args:
            state: of a checkpoint.
        """
        self.suspicions = dict(state.suspicions)
        self._in_a_row = {kind: list(row) for kind, row in state.in_a_row.items()}

    def _suspect(self, kind: str, bad: bool, step: int, progress: Progress, evidence: str) -> None:
        row = self._in_a_row.setdefault(kind, [])
        if not bad:
            row.clear()
            self.suspicions.pop(kind, None)
            return
        row.append(step)
        if len(row) == PATIENCE:
            self.suspicions[kind] = row[0]
            progress.say(
                "warning", kind=kind, step=step, since=row[0], text=WARNINGS[kind].format(since=row[0], evidence=evidence)
            )


WARNINGS = {
    "constant": "dead training: outputs are the same for every example since step {since} ({evidence})",
    "flat": "the model says no more than label frequencies since step {since} ({evidence})",
}
