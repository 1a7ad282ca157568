"""The rounds of a study: what it is in each phase, with profile, seeds and all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bakeoff.records.files import sha256_bytes
from bakeoff.study.faults import Faults
from bakeoff.study.model import FINAL, Round, Study
from bakeoff.study.rounds import Phase, Seeds, Sweep
from bakeoff.study.rounds_checking import OF_A_PHASE
from bakeoff.study.tree import Node

SWEEP = "sweep"
FRESH_SEEDS = 1_000_000
"""Fresh seeds are below this, so that a person can type them."""


def declared_phases(phases: Sequence[Phase], sweep: Sweep | None) -> list[Phase]:
    """The phases that a study has.

    Args:
        phases: those that it declares.
        sweep: its sweep.

    Returns:
        The same; for a sweep without phases, the search and a final phase; for a study of one round, none.
    """
    if phases or sweep is None:
        return list(phases)
    return [Phase(name=SWEEP, sweep=True), Phase(name=FINAL)]


def fresh_seeds(count: int, name: str, taken: Iterable[int]) -> list[int]:
    """Seeds that nobody has used.

    Args:
        count: how many.
        name: what they are for; the same name gives the same seeds.
        taken: seeds that they must not be.

    Returns:
        Different seeds below 1,000,000: a pure function of the arguments.
    """
    used, place = set(taken), 0
    found: list[int] = []
    while len(found) < count:
        seed = int(sha256_bytes(f"{name}/{place}".encode())[:15], 16) % FRESH_SEEDS
        place += 1
        if seed not in used:
            used.add(seed)
            found.append(seed)
    return found


def overlay_of(phase: Node, profiles: dict[str, Node], faults: Faults) -> Node | None:
    """The profile of a phase, without what no phase may change.

    Args:
        phase: the phase's node.
        profiles: profiles by name.
        faults: gets a fault for each key that a phase's profile may not have.

    Returns:
        The overlay; None if the phase names none.
    """
    name = phase.at("profile")
    overlay = profiles.get(str(name.value)) if name else None
    if overlay is None or not overlay.is_mapping:
        return None
    assert name is not None
    for key in overlay.entries:
        if key not in OF_A_PHASE:
            faults.add(name, f"the profile of a phase cannot change {key}", ", ".join(OF_A_PHASE))
            overlay = overlay.without(key)
    return overlay


def make_rounds(study: Study, studies: Sequence[Study]) -> list[Round]:
    """The rounds of a study, each with seeds of its own.

    Args:
        study: the study.
        studies: what it is in each of its phases.

    Returns:
        Its rounds; none if it has no phases.
    """
    sweep = study.sweep
    asked: list[Seeds] = []
    for phase, one in zip(study.phases, studies, strict=True):
        stated = phase.seeds if phase.seeds is not None else one.seeds
        asked.append(sweep.seeds if phase.sweep and sweep is not None else stated)
    taken = {seed for seeds in asked if not isinstance(seeds, int) for seed in seeds}
    rounds = []
    for phase, one, seeds in zip(study.phases, studies, asked, strict=True):
        chosen = fresh_seeds(seeds, f"{study.name}/{phase.name}", taken) if isinstance(seeds, int) else list(seeds)
        taken |= set(chosen)
        again: list[int] = []
        if phase.sweep and sweep is not None:
            again = fresh_seeds(sweep.again, f"{study.name}/{phase.name}/again", taken)
            taken |= set(again)
        seeded = one.model_copy(update={"seeds": chosen, "phases": [], "sweep": sweep if phase.sweep else None})
        rounds.append(Round(phase, seeded, tuple(again)))
    return rounds


def check_fresh(study: Study, rounds: Sequence[Round], faults: Faults) -> None:
    """See that the last phase has seeds of its own: what was chosen with a seed is not measured with it again.

    Args:
        study: the study.
        rounds: its rounds.
        faults: where a fault is recorded.
    """
    used = {seed: round_.phase.name for round_ in rounds[:-1] for seed in round_.study.seeds}
    for seed in rounds[-1].study.seeds:
        if seed in used:
            last = len(rounds) - 1
            place = [f"phases[{last}].seeds", f"phases[{last}]", "sweep.seeds"]
            problem = f"the phase {used[seed]} chooses with the seed {seed}: what was chosen is to be measured with fresh ones"
            count = len(rounds[-1].study.seeds)
            faults.extend([study.fault(place, problem, f"seeds: {count} (so many that no other phase has), or others")])
            return
