"""The verdict on a study that its own gate has stopped: red, and nothing answered, for test stays closed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bakeoff.analysis.trial_model import TrialAnalysis
from bakeoff.analysis.verdict_model import ClaimAnswer, Conclusions, Verdict
from bakeoff.records.decisions import Decision
from bakeoff.records.results import State
from bakeoff.stats.margins import PRACTICALLY_EQUAL
from bakeoff.study.verdict_rules import DEFAULT_GREEN, DEFAULT_YELLOW


def stopped_by(decisions: Sequence[Decision], trials: Sequence[TrialAnalysis]) -> Decision | None:
    """The decision whose gate has ended a study.

    Args:
        decisions: of its phases, in order.
        trials: every trial of the phase that was planned last.

    Returns:
        The decision; None if the study goes on, or trials were begun again since.
    """
    found = next((one for one in decisions if one.stops), None)
    return found if all(trial.state.ended for trial in trials) else None


def conclude_stopped(study: Mapping[str, Any], trials: Sequence[TrialAnalysis], decision: Decision, looks: int) -> Conclusions:
    """What follows from a study that its gate has stopped.

    Args:
        study: the resolved study as it stands in the run folder.
        trials: every trial of the phase that was the last.
        decision: the decision whose gate did not pass.
        looks: sets of trials whose test scores were opened.

    Returns:
        A red verdict; every claim undecided.
    """
    assert decision.gate is not None
    written = study.get("claims")
    texts = [str(text) for text in written] if isinstance(written, list) else []
    rules = study.get("verdict")
    stated = rules if isinstance(rules, dict) else {}
    headline = (
        f"Red. The gate of the phase {decision.phase} stopped the study: it asks for {decision.gate.wanted},"
        f" and the phase came to {decision.gate.colour} on validation."
    )
    return Conclusions(
        alpha=0.0,
        declared=[],
        changed_looks=False,
        seeds=len({trial.seed for trial in trials}),
        inferential=0,
        looks=looks,
        negligible=PRACTICALLY_EQUAL,
        planned=len(trials),
        failed=sum(trial.state is not State.COMPLETE for trial in trials),
        deviating=sum(bool(trial.deviations) for trial in trials),
        verdict=Verdict(
            colour="red",
            green=str(stated.get("green") or (DEFAULT_GREEN if texts else "")),
            yellow=str(stated.get("yellow") or DEFAULT_YELLOW),
            declared=bool(stated),
            conditions=[],
            capped="",
            headline=headline,
            paragraph=f"{headline}\nTest stays closed, and no claim is answered.\nOn validation: {decision.gate.paragraph}",
        ),
        claims=[_open(text, decision.phase, place == 0) for place, text in enumerate(texts)],
        expectations=[],
        tasks=[],
    )


def _open(text: str, phase: str, main: bool) -> ClaimAnswer:
    return ClaimAnswer(
        text=text,
        source="claims",
        main=main,
        inferential=False,
        answer="undecided",
        p=None,
        corrected=None,
        reason=f"the gate of the phase {phase} stopped the study before test",
    )
